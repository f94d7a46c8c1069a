//go:build linux

// Package claudetest drives the real Claude Code client in tests: in a home of
// its own, against an API on loopback that answers what the test wants, in a
// network namespace where there is nothing else to reach, headless or in a
// terminal (tmux).
//
// The environment variable CPD_CLAUDE names the client's binary. Everything
// here was made for, and measured on, Claude Code 2.1.330.
package claudetest

import (
	"os"
	"os/exec"
	"testing"
)

// Require returns the client's binary. Where it or another program that the
// test needs is missing, the test is skipped, or fails where CPD_REQUIRE_PEERS
// is 1.
func Require(t *testing.T, programs ...string) (claude string) {
	t.Helper()
	miss := t.Skipf
	if os.Getenv("CPD_REQUIRE_PEERS") == "1" {
		miss = t.Fatalf
	}
	claude = os.Getenv("CPD_CLAUDE")
	if claude == "" {
		miss("no Claude Code client: CPD_CLAUDE is not set")
	}
	if _, err := os.Stat(claude); err != nil {
		miss("no Claude Code client: %v", err)
	}
	if os.Getenv(inside) == "" {
		miss("no network namespace to keep the client in")
	}
	for _, program := range programs {
		if _, err := exec.LookPath(program); err != nil {
			miss("%s is not installed: %v", program, err)
		}
	}
	return claude
}

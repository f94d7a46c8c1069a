//go:build linux

// Package claude drives the real Claude Code client: what its hooks get and
// take, and the whole way from its question to a person's tap and back.
package claude

import (
	"os"
	"testing"

	"claude-permission-daemon/test/e2e/claudetest"
)

func TestMain(m *testing.M) {
	if os.Getenv(mcpServer) != "" {
		serveMCP()
		return
	}
	os.Exit(claudetest.Main(m))
}

// touch is a call that the client asks for in the default mode.
func touch(file string) claudetest.Answer {
	return claudetest.Use("Bash", map[string]any{"command": "touch " + file, "description": "Create " + file})
}

const (
	allow = `{"hookSpecificOutput":{"hookEventName":"PermissionRequest","decision":{"behavior":"allow"}}}`
	deny  = `{"hookSpecificOutput":{"hookEventName":"PermissionRequest","decision":{"behavior":"deny","message":"use mkdir instead"}}}`
	// dialog is a line of the client's permission dialog.
	dialog = "Do you want to proceed?"
)

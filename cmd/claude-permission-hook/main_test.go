//go:build unix

package main

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"claude-permission-daemon/internal/version"
)

// TestDependencies keeps the hook's start fast: each of these packages costs
// time in every process that links it.
func TestDependencies(t *testing.T) {
	for _, goos := range []string{"linux", "darwin", "freebsd"} {
		cmd := exec.CommandContext(t.Context(), "go", "list", "-deps", ".")
		cmd.Env = append(os.Environ(), "GOOS="+goos, "CGO_ENABLED=0")
		output, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		allowed := []string{
			"claude-permission-daemon/cmd/claude-permission-hook", "claude-permission-daemon/internal/hook",
			"claude-permission-daemon/internal/paths", "claude-permission-daemon/internal/wire/limits",
			"claude-permission-daemon/internal/version", "claude-permission-daemon/internal/jsontext",
		}
		for dependency := range strings.FieldsSeq(string(output)) {
			root, _, _ := strings.Cut(dependency, "/")
			switch {
			case slices.Contains([]string{"net", "crypto", "fmt", "reflect", "encoding/json", "os/exec", "os/user"}, dependency):
				t.Errorf("on %s the hook links %s", goos, dependency)
			case root == "claude-permission-daemon" && !slices.Contains(allowed, dependency), strings.Contains(root, "."):
				t.Errorf("on %s the hook links %s, which is neither standard nor made for it", goos, dependency)
			}
		}
	}
}

func TestVersion(t *testing.T) {
	output, err := exec.CommandContext(t.Context(), "go", "run", ".", "--version").Output()
	if want := "claude-permission-hook " + version.Number + "\n"; err != nil || string(output) != want {
		t.Errorf("--version prints %q, %v; want %q", output, err, want)
	}
}

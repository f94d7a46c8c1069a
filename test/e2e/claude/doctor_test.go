//go:build linux

package claude

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"claude-permission-daemon/test/e2e/claudetest"
)

// doctor proves with the real client that the hook fires, and leaves nothing.
func TestDoctorProvesTheHook(t *testing.T) {
	home := claudetest.NewHome(t, claudetest.NewAPI(t, nil))
	daemon := install(t, home)
	programs := filepath.Join(home.Dir, "programs")
	if err := os.Mkdir(programs, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(claudetest.Require(t), filepath.Join(programs, "claude")); err != nil {
		t.Fatal(err)
	}
	check := func() (result, detail string) {
		t.Helper()
		cmd := daemon.command("doctor", "--json", "--config", filepath.Join(home.Dir, "config.toml"), "hook-fires")
		cmd.Dir = home.Work
		cmd.Env = []string{"HOME=" + home.Dir, "PATH=" + programs + ":" + os.Getenv("PATH"), "TMPDIR=" + filepath.Join(home.Dir, "tmp")}
		said, _ := cmd.Output() // exit code 1 where it fails
		var report struct {
			Checks []struct{ ID, Result, Detail string }
		}
		if err := json.Unmarshal(said, &report); err != nil || len(report.Checks) != 1 {
			t.Fatalf("it says %s (%v)", said, err)
		}
		return report.Checks[0].Result, report.Checks[0].Detail
	}
	if result, detail := check(); result != "ok" || !strings.Contains(detail, "Claude Code ran the hook and took its answer") {
		t.Errorf("it finds %s: %s", result, detail)
	}
	if len(daemon.pending()) != 0 {
		t.Error("the trial went to the person's own daemon")
	}
	for _, left := range []string{filepath.Join(home.Dir, "tmp"), filepath.Join(home.Dir, ".claude", "projects")} {
		if files, _ := os.ReadDir(left); len(files) != 0 {
			t.Errorf("left in %s: %v", left, files)
		}
	}

	// An entry that looks right and does nothing is found.
	lazy := filepath.Join(programs, "claude-permission-hook")
	if err := os.WriteFile(lazy, []byte("#!/bin/sh\ncat >/dev/null\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	home.Hooks([]string{"PermissionRequest"}, lazy)
	if result, detail := check(); result != "fail" || !strings.Contains(detail, "the hook did not run") {
		t.Errorf("with a hook that does nothing it finds %s: %s", result, detail)
	}
}

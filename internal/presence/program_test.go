//go:build linux

package presence_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"claude-permission-daemon/internal/presence"
)

func sh(script string) presence.Program {
	return presence.Program{Path: "sh", Args: []string{"-c", script}}
}

func TestProgramEnds(t *testing.T) {
	tests := []struct {
		name, script string
		lines        string
		code         int
		stderr       string
	}{
		{"by itself", `echo a; echo b`, "a,b", 0, ""},
		{"with an error", `echo a; echo first >&2; echo "no display" >&2; exit 253`, "a", 253, "no display"},
		{"killed", `echo a; kill -9 $$`, "a", -1, ""},
		{"with its output closed", `echo a; exec >&-; sleep 60`, "a", -1, ""},
		{"though it does not want to", `trap "" TERM; echo a; exec >&-; sleep 60`, "a", -1, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var lines []string
			err := sh(test.script).Run(t.Context(), func(l string) { lines = append(lines, l) })
			exit := (*presence.Exit)(nil)
			if !errors.As(err, &exit) {
				t.Fatalf("Run returned %v, want an Exit", err)
			}
			if exit.Code != test.code || exit.Stderr != test.stderr {
				t.Errorf("%+v, want code %d and %q", exit, test.code, test.stderr)
			}
			if got := strings.Join(lines, ","); got != test.lines {
				t.Errorf("lines %q, want %q", got, test.lines)
			}
		})
	}
}

func TestProgramMissing(t *testing.T) {
	for _, path := range []string{"no-such-program-at-all", "/no/such/program"} {
		err := presence.Program{Path: path}.Run(t.Context(), nil)
		if !errors.Is(err, exec.ErrNotFound) && !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// A program that says something when it is told to end (swayidle prints
// ACTIVE) is no longer listened to, and its children end too.
func TestProgramEndsWithContext(t *testing.T) {
	pidFile := filepath.Join(t.TempDir(), "pid")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	began := time.Now()
	err := sh(`trap "echo ACTIVE; exit 0" TERM; sleep 60 & echo $! > `+pidFile+`; echo IDLE; wait`).Run(ctx, func(l string) {
		if l != "IDLE" {
			t.Errorf("line %q after the end", l)
		}
		cancel()
	})
	if err != nil {
		t.Errorf("Run returned %v", err)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("took %s", took)
	}
	wait(t, "the program's child ends", func() bool { return !alive(t, pidFile) })
}

// TestMain lets the test binary stand in for a daemon that is killed.
func TestMain(m *testing.M) {
	if script := os.Getenv("CPD_TEST_PARENT"); script != "" {
		_ = sh(script).Run(context.Background(), func(string) {})
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// The program dies with a daemon that is killed outright, however many threads
// come and go meanwhile.
func TestProgramDiesWithItsParent(t *testing.T) {
	pidFile := filepath.Join(t.TempDir(), "pid")
	parent := exec.Command(os.Args[0])
	parent.Env = append(os.Environ(), "CPD_TEST_PARENT=echo $$ > "+pidFile+"; exec sleep 60")
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	wait(t, "the program runs", func() bool { return alive(t, pidFile) })
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = parent.Wait() // killed
	wait(t, "the program dies", func() bool { return !alive(t, pidFile) })
}

func alive(t *testing.T, pidFile string) bool {
	text, err := os.ReadFile(pidFile)
	if err != nil || len(text) == 0 {
		return false
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	if status, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status"); err == nil && strings.Contains(string(status), "State:\tZ") {
		return false // nobody reaps orphans in some containers
	}
	return syscall.Kill(pid, 0) == nil
}

func wait(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("in vain: %s", what)
		}
	}
}

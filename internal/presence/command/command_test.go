//go:build linux

package command_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"claude-permission-daemon/internal/presence"
	"claude-permission-daemon/internal/presence/command"
	"claude-permission-daemon/internal/presence/presencetest"
)

// The counterpart is a shell that passes on what a named pipe says.
func TestCommand(t *testing.T) {
	presencetest.Run(t, func(t *testing.T) presencetest.Rig {
		fifo := filepath.Join(t.TempDir(), "says")
		if err := syscall.Mkfifo(fifo, 0o600); err != nil {
			t.Fatal(err)
		}
		pipe, err := os.OpenFile(fifo, os.O_RDWR, 0) // both ends: never blocks, never ends
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { pipe.Close() })
		say := func(line string) func(testing.TB) {
			return func(testing.TB) { fmt.Fprintln(pipe, line) }
		}
		last := "IDLE"
		return presencetest.Rig{
			Source: command.New([]string{"sh", "-c", `while read -r line; do case $line in die) exit 3;; *) echo "$line"; esac; done < ` + fifo}),
			Away:   presence.Gone,
			Input:  func(t testing.TB) { last = "ACTIVE"; say(last)(t) },
			Quiet:  func(t testing.TB) { last = "IDLE"; say(last)(t) },
			Repeat: func(t testing.TB) { say(last)(t) },
			// The second line is for the run after: a program that cannot start
			// its work again.
			Lose: func(t testing.TB) { say("die\ndie")(t) },
		}
	})
}

func TestLines(t *testing.T) {
	script := `echo ACTIVE; echo IDLE 300; echo IDLE 0.5; echo IDLE -1; echo IDLE x; echo IDLE 1e300; echo IDLE NaN; echo idle; echo; echo IDLE 1 2; echo " IDLE "`
	var got []presence.Report
	now := time.Now()
	err := command.New([]string{"sh", "-c", script}).Run(t.Context(), 0, func(r presence.Report) { got = append(got, r) })
	if err == nil || errors.Is(err, presence.ErrUnavailable) {
		t.Errorf("Run returned %v when the program ended", err)
	}
	want := []struct {
		state presence.State
		ago   time.Duration
	}{{presence.Active, 0}, {presence.Gone, 300 * time.Second}, {presence.Gone, 500 * time.Millisecond}, {presence.Gone, 0}}
	if len(got) != len(want) {
		t.Fatalf("%d reports, want %d: %+v", len(got), len(want), got)
	}
	for i, r := range got {
		late := r.At.Sub(now.Add(-want[i].ago))
		if r.State != want[i].state || late < -time.Second || late > 10*time.Second {
			t.Errorf("report %d: %+v, want %s %s ago", i, r, want[i].state, want[i].ago)
		}
	}
}

func TestUnavailable(t *testing.T) {
	for _, argv := range [][]string{nil, {"no-such-program-at-all"}, {"/no/such/program"}, {"/etc/passwd"}} {
		err := command.New(argv).Run(t.Context(), 0, func(r presence.Report) { t.Errorf("report %+v", r) })
		if !errors.Is(err, presence.ErrUnavailable) {
			t.Errorf("%q: Run returned %v, want ErrUnavailable", argv, err)
		}
	}
}

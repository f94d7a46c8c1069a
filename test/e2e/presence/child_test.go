//go:build linux

package presence_test

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"testing"
	"time"

	"claude-permission-daemon/internal/permit"
	"claude-permission-daemon/internal/presence"
	"claude-permission-daemon/internal/presence/manual"
	"claude-permission-daemon/internal/presence/presencetest"
)

// childMark makes this test binary stand in for a daemon.
const childMark = "CPD_TEST_WATCH"

func TestMain(m *testing.M) {
	if os.Getenv(childMark) != "" {
		child()
	}
	os.Exit(m.Run())
}

// child watches until its standard input ends, and prints each change.
func child() {
	sources := all(os.Getenv, os.Environ())
	hand, err := manual.Open("")
	if err == nil {
		var w *presence.Watch
		w, err = presence.New(presence.Options{
			Idle: time.Second, Sources: sources, Hand: hand, Log: slog.New(slog.DiscardHandler),
			Publish: func(p permit.Presence) { fmt.Println(p.State) },
		})
		if err == nil {
			ctx, cancel := context.WithCancel(context.Background())
			go func() {
				_, _ = os.Stdin.Read(make([]byte, 1))
				cancel()
			}()
			err = w.Run(ctx)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// startChild starts one with an environment of these variables, and waits until
// its person is away.
func startChild(t *testing.T, getenv func(string) string) (pid int) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(presencetest.Environ(), childMark+"=1")
	for _, key := range []string{"XDG_RUNTIME_DIR", "DISPLAY", "DBUS_SYSTEM_BUS_ADDRESS"} {
		if value := getenv(key); value != "" {
			cmd.Env = append(cmd.Env, key+"="+value)
		}
	}
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("the child: %v", err)
		}
	})
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if lines.Text() == string(permit.Away) {
			return cmd.Process.Pid
		}
	}
	t.Fatal("the child ended before its person was away")
	return 0
}

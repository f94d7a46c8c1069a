//go:build linux

package network

import (
	"context"
	"os"
	"os/exec"
	"testing"
	"time"
)

// TestWatch brings an interface up, in a network namespace of its own.
func TestWatch(t *testing.T) {
	if os.Getenv("CPD_OWN_NETWORK") == "" {
		cmd := exec.Command("unshare", "-n", os.Args[0], "-test.run=^TestWatch$", "-test.v")
		cmd.Env = append(os.Environ(), "CPD_OWN_NETWORK=1", "GOCOVERDIR="+t.TempDir())
		out, err := cmd.CombinedOutput()
		if err != nil && os.Getuid() != 0 {
			t.Skipf("cannot make a network namespace: %v", err)
		}
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return
	}
	ctx, cancel := context.WithCancel(t.Context())
	changes := make(chan struct{}, 100)
	done := make(chan error, 1)
	go func() { done <- Watch(ctx, func() { changes <- struct{}{} }) }()
	deadline := time.After(20 * time.Second)
	for up := "up"; ; up = map[string]string{"up": "down", "down": "up"}[up] { // the first may come before Watch listens
		if out, err := exec.Command("ip", "link", "set", "lo", up).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		select {
		case <-changes:
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
			return
		case <-time.After(2 * time.Second):
		case <-deadline:
			t.Fatal("the change is not noticed")
		}
	}
}

func TestWatchEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- Watch(ctx, func() {}) }()
	cancel()
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("it goes on")
	}
}

//go:build linux

package presence_test

import (
	"context"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"claude-permission-daemon/internal/permit"
	"claude-permission-daemon/internal/presence"
	"claude-permission-daemon/internal/presence/manual"
)

// patience is how long a test waits for a change before it fails.
const patience = 20 * time.Second

// watching is a Watch that runs under a test, and what it has published.
type watching struct {
	t         testing.TB
	watch     *presence.Watch
	published chan permit.Presence
	idle      time.Duration
	stop      func()
}

// watch runs a Watch until the test ends. Options that the test leaves out are
// set up as the daemon would, but for an idle timeout of a second.
func watch(t testing.TB, opt presence.Options) *watching {
	t.Helper()
	if opt.Idle == 0 {
		opt.Idle = time.Second
	}
	if opt.Hand == nil {
		hand, err := manual.Open(filepath.Join(t.TempDir(), "override.json"))
		if err != nil {
			t.Fatal(err)
		}
		opt.Hand = hand
	}
	w := &watching{t: t, idle: opt.Idle, published: make(chan permit.Presence, 1000)}
	opt.Publish = func(p permit.Presence) { w.published <- p }
	opt.Log = slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug}))
	watch, err := presence.New(opt)
	if err != nil {
		t.Fatal(err)
	}
	w.watch = watch
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- watch.Run(ctx) }()
	stopped := false
	w.stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("Run returned %v", err)
			}
		case <-time.After(2 * time.Second):
			t.Error("Run does not end with its context")
		}
	}
	t.Cleanup(w.stop)
	return w
}

// until is the next published presence of the given state.
func (w *watching) until(state permit.PresenceState) permit.Presence {
	w.t.Helper()
	return w.untilIt("is "+string(state), func(p permit.Presence) bool { return p.State == state })
}

// untilIt is the next published presence of which ok is true.
func (w *watching) untilIt(what string, ok func(permit.Presence) bool) permit.Presence {
	w.t.Helper()
	deadline := time.After(patience)
	for {
		select {
		case p := <-w.published:
			if ok(p) {
				return p
			}
		case <-deadline:
			w.t.Fatalf("waited %s in vain until it %s; now: %+v", patience, what, w.watch.Current())
		}
	}
}

// cycles lets the person leave and come back n times.
func (w *watching) cycles(n int, input func(testing.TB)) {
	w.t.Helper()
	w.until(permit.Away)
	for range n {
		before := time.Now().Add(-50 * time.Millisecond)
		input(w.t)
		p := w.until(permit.Present)
		if p.Since.Before(before) || p.Since.After(time.Now()) {
			w.t.Errorf("input after %v, present since %v", before, p.Since)
		}
		p = w.until(permit.Away)
		if latest := time.Now().Add(-w.idle); p.Since.Before(before) || p.Since.After(latest) {
			w.t.Errorf("last input between %v and %v, away since %v", before, latest, p.Since)
		}
	}
}

// blipTime is longer than a blip is waited on.
const blipTime = 5500 * time.Millisecond

// staysAway fails the test if anything but away is published within d.
func (w *watching) staysAway(d time.Duration) {
	w.t.Helper()
	over := time.After(d)
	for {
		select {
		case p := <-w.published:
			if p.State != permit.Away {
				w.t.Fatalf("became %+v", p)
			}
		case <-over:
			return
		}
	}
}

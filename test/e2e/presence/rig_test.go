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
	w := &watching{t: t, published: make(chan permit.Presence, 1000)}
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
	deadline := time.After(patience)
	for {
		select {
		case p := <-w.published:
			if p.State == state {
				return p
			}
		case <-deadline:
			w.t.Fatalf("not %s within %s; now: %+v", state, patience, w.watch.Current())
		}
	}
}

// cycles lets the person leave and come back n times.
func (w *watching) cycles(n int, input func(testing.TB)) {
	w.t.Helper()
	w.until(permit.Away)
	for range n {
		before := time.Now()
		input(w.t)
		p := w.until(permit.Present)
		if p.Since.Before(before.Add(-700*time.Millisecond)) || p.Since.After(time.Now()) {
			w.t.Errorf("input at %v, present since %v", before, p.Since)
		}
		after := time.Now()
		p = w.until(permit.Away)
		if p.Since.Before(before.Add(-700*time.Millisecond)) || p.Since.After(after.Add(700*time.Millisecond)) {
			w.t.Errorf("last input between %v and %v, away since %v", before, after, p.Since)
		}
	}
}

// Package presence decides whether the person is at the keyboard, from what
// its sources say. Each source is a package below this one; a source knows one
// way of telling and nothing of the others.
//
// # How to add a source
//
// Make a folder with a New and a type that satisfies [Source], run
// presencetest.Run on it, and add one line in daemon/wire.go.
package presence

import (
	"context"
	"errors"
	"time"

	"claude-permission-daemon/internal/permit"
)

// Source is one way of telling whether the person is there.
type Source interface {
	// Name is the source's one word, as `status` shows it.
	Name() string

	// Run watches until ctx ends or the source is lost. It reports each change
	// (and may repeat itself; a repeated or missing report is harmless), in
	// order, from one goroutine. Before it returns, everything that it started
	// has ended. It returns nil when ctx ended, [ErrUnavailable] (wrapped) where
	// this machine has no such source, and any other error when it was lost:
	// its last report then no longer counts, and the caller tries again.
	//
	// idle is how long without input makes a person away.
	Run(ctx context.Context, idle time.Duration, report func(Report)) error
}

// Report is what a source says.
type Report struct {
	State permit.PresenceState
	// Since is when that began, on the wall clock: for Away, the last input (or
	// the lock, the lid …); for Present, the first input after it.
	Since time.Time
	// Limits says what the source cannot see, for `status`. Empty: nothing known.
	Limits string
}

// ErrUnavailable says that this machine has no such source. Wrap it with why.
var ErrUnavailable = errors.New("not available here")

// Package manual keeps what the person said of their presence by hand: `away
// [DURATION]`, `here [DURATION]`, `auto`. It outlives the daemon, with its end
// time, in a small file.
package manual

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"claude-permission-daemon/internal/permit"
	"claude-permission-daemon/internal/presence"
)

// Hand is the override and the file that keeps it. It is not safe for
// concurrent use.
type Hand struct {
	path     string
	override *permit.Override
}

// Open reads the override kept at path; an empty path keeps it in memory only.
// The Hand is usable even if the error is not nil: it then starts without an
// override.
func Open(path string) (*Hand, error) {
	h := &Hand{path: path}
	if path == "" {
		return h, nil
	}
	var kept permit.Override
	err := presence.LoadState(path, &kept)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return h, nil
	case err != nil:
		return h, err
	case kept.State != permit.Present && kept.State != permit.Away:
		return h, fmt.Errorf("cannot load %s: no such presence: %q", path, kept.State)
	}
	h.override = &kept
	return h, nil
}

// At returns the override that holds at now, nil if there is none (any more).
func (h *Hand) At(now time.Time) *permit.Override {
	o := h.override
	if o == nil || !o.Until.IsZero() && !now.Before(o.Until) {
		return nil
	}
	held := *o
	return &held
}

// Set says that the person is present or away from now on: for d, or until
// told otherwise if d is zero. Saying the same again keeps when it began. On
// an error the override holds, but only in memory.
func (h *Hand) Set(state permit.PresenceState, d time.Duration, now time.Time) error {
	if state != permit.Present && state != permit.Away {
		return fmt.Errorf("cannot set the presence to %q by hand", state)
	}
	if d < 0 {
		return fmt.Errorf("cannot set the presence for %s: that is over already", d)
	}
	now = now.Round(0) // the end is a time of day: it must be right after a suspend
	o := permit.Override{State: state, Since: now}
	if before := h.At(now); before != nil && before.State == state {
		o.Since = before.Since
	}
	if d > 0 {
		o.Until = now.Add(d)
	}
	h.override = &o
	if h.path == "" {
		return nil
	}
	return presence.SaveState(h.path, o)
}

// Clear ends the override.
func (h *Hand) Clear() error {
	h.override = nil
	if h.path == "" {
		return nil
	}
	if err := os.Remove(h.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("cannot forget the presence set by hand: %w", err)
	}
	return nil
}

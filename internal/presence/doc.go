// Package presence decides whether the person is at the keyboard, from what
// its sources say. Each source is a package below this one; a source knows one
// way of telling and nothing of the others. [Watch] runs them and judges.
//
// # How to add a source
//
// Make a folder with a New and a type that satisfies [Source], run
// presencetest.Run on it, add its name to [Names], and add one line in
// daemon/wire.go that puts it into [Sources]. On Linux these are
//
//	presence.Sources{
//		Desktop:   []presence.Source{mutter.New(os.Getenv), wayland.New(os.Getenv), x11.New(os.Getenv)},
//		Terminals: terminals.New(os.Getenv),
//		Seat:      logind.New(os.Getenv),
//		Named:     []presence.Source{swayidle.New(…), command.New(cfg.Presence.Command)},
//	}
//
// and macos.New or windows.New comes first in Desktop elsewhere: each source
// finds out by itself that it is on the wrong system.
package presence

import (
	"context"
	"errors"
	"time"
)

// Source is one way of telling whether the person is there.
type Source interface {
	// Name is the source's one word, as the configuration and `status` have it.
	Name() string

	// Run watches until ctx ends or the source is lost. It reports each change
	// (and may repeat itself; a repeated or missing report is harmless), in
	// order, from one goroutine. Before it returns, everything that it started
	// has ended. It returns nil when ctx ended, [ErrUnavailable] (wrapped) where
	// this machine has no such source, and any other error when it was lost:
	// its last report then no longer counts, and the caller tries again.
	//
	// Its first report comes as soon as it knows that it can work, even if that
	// report is Unsure; until then the source counts as still being tried.
	//
	// pause is how long without input the source calls Idle. It is a second or
	// two, far below the time that makes a person away: that time is [Watch]'s to
	// measure, so that it can change while the source runs. A source that can
	// only tell in whole seconds rounds up.
	Run(ctx context.Context, pause time.Duration, report func(Report)) error
}

// Report is what a source says.
type Report struct {
	State State
	// At is on the wall clock. For Active: when that input was. For Idle: the
	// last input; zero where the source only knows that there was none since it
	// began to look. For Gone: when they left.
	At time.Time
	// Why says what the report rests on, in a few words for `status`: "the screen
	// is locked", "ext_idle_notifier_v1 version 2".
	Why string
	// Limits says what the source cannot see. Empty: nothing known.
	Limits string
}

// State is what a source sees.
type State int

const (
	// Unsure means working, but with nothing to say (yet).
	Unsure State = iota
	// Active means that there was input at At, and there may have been more since.
	Active
	// Idle means no input since At. The person is away once that has lasted for the
	// idle timeout.
	Idle
	// Gone means away, however short the time: the screen is locked, nobody is
	// logged in, a program of the user's says so.
	Gone
)

// String is the state's word.
func (s State) String() string {
	switch s {
	case Active:
		return "active"
	case Idle:
		return "idle"
	case Gone:
		return "gone"
	case Unsure:
	}
	return "unsure"
}

// ErrUnavailable says that this machine has no such source. Wrap it with why.
var ErrUnavailable = errors.New("not available here")

// Sources are the ways of telling that this build has, by the part that they
// play. Any of them may be missing.
type Sources struct {
	// Desktop lists those that see a whole desktop's input, best first: the first
	// one that works is used. The last of several is the last resort: while it is
	// used, the others are tried again every minute.
	Desktop []Source
	// Terminals sees what is typed in terminals, from afar too. It runs beside
	// the desktop: the person is away when both are idle.
	Terminals Source
	// Seat knows of locks and sleep. Its Gone silences the desktop until it says
	// otherwise; its Idle voids every input up to At; its Active is an input.
	Seat Source
	// Named are used only when the configuration names them.
	Named []Source
}

// All lists the sources in the order in which "auto" prefers them, and then
// those that it never uses.
func (s Sources) All() []Source {
	var all []Source
	all = append(all, s.Desktop...)
	for _, source := range append([]Source{s.Terminals, s.Seat}, s.Named...) {
		if source != nil {
			all = append(all, source)
		}
	}
	return all
}

// byName finds a source among all of them.
func (s Sources) byName(name string) Source {
	for _, source := range s.All() {
		if source.Name() == name {
			return source
		}
	}
	return nil
}

// Package terminals learns of a person from what is typed in terminals: by SSH,
// in tmux, on a console, in a terminal window. It asks the kernel, so that it
// needs no help of the shell or the multiplexer.
//
// A terminal counts if a person may sit at its other end. The inner terminals
// of tmux and screen do not: their input comes from a client's terminal, or
// from `send-keys`. Nor do those that a coding agent drives. What a program
// reads from /dev/tty instead of its standard input (less, fzf) is not seen.
package terminals

import (
	"context"
	"time"

	"claude-permission-daemon/internal/presence"
)

// Source is a [presence.Source], for [presence.Sources.Terminals].
type Source struct {
	getenv func(string) string
	dev    string // "/dev"
	proc   string // "/proc"
	tells  func() bool
}

// New returns the source; getenv says where tmux servers listen (TMUX_TMPDIR,
// PATH).
func New(getenv func(string) string) *Source {
	return &Source{getenv: getenv, dev: "/dev", proc: "/proc", tells: kernelTells}
}

// Name is "terminals".
func (s *Source) Name() string { return "terminals" }

// Run implements [presence.Source].
func (s *Source) Run(ctx context.Context, pause time.Duration, report func(presence.Report)) error {
	return s.run(ctx, pause, report)
}

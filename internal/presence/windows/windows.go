// Package windows learns of pauses from Windows, by GetLastInputInfo. It has
// been built and its arithmetic tested, but it has not been run on Windows by
// this project yet.
package windows

import (
	"context"
	"fmt"
	"time"

	"claude-permission-daemon/internal/presence"
)

// Source is a [presence.Source].
type Source struct {
	ticks func() (now, last uint32, err error)
}

// New returns the source.
func New() *Source { return &Source{ticks: ticks} }

// Name is "windows".
func (s *Source) Name() string { return "windows" }

// Run implements [presence.Source].
func (s *Source) Run(ctx context.Context, pause time.Duration, report func(presence.Report)) error {
	if _, _, err := s.ticks(); err != nil {
		return fmt.Errorf("%w: %w", presence.ErrUnavailable, err)
	}
	return presence.Poller{
		Idle: func(context.Context) (time.Duration, error) {
			now, last, err := s.ticks()
			return since(now, last), err
		},
		Return: time.Second,
		Why:    "GetLastInputInfo",
		Limits: "a return is seen up to a second late; in a service, no input is seen at all",
	}.Run(ctx, pause, report)
}

// since is the time between two counts of milliseconds since the system's
// start. They start anew after 49.7 days, which the subtraction does not mind.
func since(now, last uint32) time.Duration {
	ms := now - last
	if ms > 1<<31 { // an input between the two questions
		return 0
	}
	return time.Duration(ms) * time.Millisecond
}

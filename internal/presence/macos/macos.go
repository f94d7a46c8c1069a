// Package macos learns of pauses from macOS, by the idle time that the system
// program ioreg prints. It has been built and its parsing tested, but it has
// not been run on a Mac by this project yet.
package macos

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"time"

	"claude-permission-daemon/internal/presence"
)

// Source is a [presence.Source].
type Source struct {
	ioreg string
}

// New returns the source.
func New() *Source { return &Source{ioreg: "ioreg"} }

// Name is "macos".
func (s *Source) Name() string { return "macos" }

// answerTime is how long ioreg may take.
const answerTime = 5 * time.Second

// Run implements [presence.Source].
func (s *Source) Run(ctx context.Context, pause time.Duration, report func(presence.Report)) error {
	path, err := exec.LookPath(s.ioreg)
	if err != nil {
		return fmt.Errorf("%w: not macOS", presence.ErrUnavailable)
	}
	return presence.Poller{
		Idle:   func(ctx context.Context) (time.Duration, error) { return ask(ctx, path) },
		Return: 3 * time.Second,
		Why:    "HIDIdleTime",
		Limits: "a return is seen up to 3 s late",
	}.Run(ctx, pause, report)
}

func ask(ctx context.Context, ioreg string) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, ioreg, "-c", "IOHIDSystem", "-d", "4", "-r")
	cmd.WaitDelay = time.Second
	out, err := cmd.Output()
	if err != nil {
		return 0, fmt.Errorf("cannot run ioreg: %w", err)
	}
	return parse(out)
}

// parse finds `"HIDIdleTime" = NANOSECONDS` in what ioreg prints. Where several
// systems of devices are listed, the last input on any of them counts.
func parse(out []byte) (time.Duration, error) {
	best, found := time.Duration(0), false
	for line := range bytes.Lines(out) {
		_, value, ok := bytes.Cut(line, []byte(`"HIDIdleTime" = `))
		if !ok {
			continue
		}
		ns, err := strconv.ParseInt(string(bytes.TrimSpace(value)), 0, 64)
		if err != nil || ns < 0 {
			return 0, fmt.Errorf("cannot read ioreg's idle time %q", bytes.TrimSpace(value))
		}
		if d := time.Duration(ns); !found || d < best {
			best, found = d, true
		}
	}
	if !found {
		return 0, errors.New("ioreg tells no idle time")
	}
	return best, nil
}

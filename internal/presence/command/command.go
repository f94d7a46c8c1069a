// Package command learns of presence from any program that prints it: the way
// out for a desktop, a sensor or a habit that no other source knows.
//
// The program prints a line for each change, and the state that holds when it
// starts:
//
//	ACTIVE        the person is there
//	IDLE          the person has left, just now
//	IDLE 300      the person has left, and the last input was 300 seconds ago
//
// The program's IDLE is final: the idle timeout is not added to it. Other
// lines are left alone.
package command

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"claude-permission-daemon/internal/presence"
)

// Source is a [presence.Source].
type Source struct {
	argv []string
}

// New returns a source that runs argv, which names a program and its arguments.
func New(argv []string) *Source { return &Source{argv: argv} }

// Name is "command".
func (s *Source) Name() string { return "command" }

const limits = "presence is what the configured program says"

// Run implements [presence.Source].
func (s *Source) Run(ctx context.Context, _ time.Duration, report func(presence.Report)) error {
	if len(s.argv) == 0 {
		return fmt.Errorf("%w: [presence] command names no program", presence.ErrUnavailable)
	}
	program := presence.Program{Path: s.argv[0], Args: s.argv[1:]}
	err := program.Run(ctx, func(line string) {
		if r, ok := parse(line, time.Now().Round(0)); ok {
			report(r)
		}
	})
	if errors.Is(err, exec.ErrNotFound) || errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("%w: %w", presence.ErrUnavailable, err)
	}
	return err
}

// longest is the longest idle time that a line may claim.
const longest = 366 * 24 * 3600

// parse makes a report of a line, if it is one.
func parse(line string, now time.Time) (presence.Report, bool) {
	words := strings.Fields(line)
	switch {
	case len(words) == 1 && words[0] == "ACTIVE":
		return presence.Report{State: presence.Active, At: now, Limits: limits}, true
	case len(words) == 1 && words[0] == "IDLE":
		return presence.Report{State: presence.Gone, At: now, Limits: limits}, true
	case len(words) == 2 && words[0] == "IDLE":
		seconds, err := strconv.ParseFloat(words[1], 64)
		if err != nil || !(seconds >= 0 && seconds <= longest) {
			return presence.Report{}, false
		}
		at := now.Add(-time.Duration(seconds * float64(time.Second)))
		return presence.Report{State: presence.Gone, At: at, Limits: limits}, true
	}
	return presence.Report{}, false
}

package cli

import (
	"context"
	"flag"
	"fmt"
	"strconv"
	"time"

	"claude-permission-daemon/internal/wire"
)

func awayCommand() command {
	return overrideCommand("away", "count me as away, for DURATION or until told otherwise")
}

func hereCommand() command {
	return overrideCommand("here", "count me as present, for DURATION or until told otherwise")
}

func overrideCommand(name, short string) command {
	return command{name: name, args: "[DURATION]", short: short,
		long: "DURATION is like 90s, 30m or 8h, or seconds as a number. It outlives a restart of the daemon.",
		setup: func(*flag.FlagSet) func(context.Context, *call) error {
			return func(_ context.Context, c *call) error {
				length, err := lengthOf(c.args)
				if err != nil {
					return err
				}
				return c.setPresence(wire.Envelope{Op: wire.OpPresence, Presence: name, ForSeconds: length.Seconds()})
			}
		}}
}

func autoCommand() command {
	return command{name: "auto", short: "let the presence sources decide again",
		setup: func(*flag.FlagSet) func(context.Context, *call) error {
			return func(_ context.Context, c *call) error {
				if err := noArgs(c); err != nil {
					return err
				}
				return c.setPresence(wire.Envelope{Op: wire.OpPresence, Presence: "auto"})
			}
		}}
}

func lengthOf(args []string) (time.Duration, error) {
	if len(args) == 0 {
		return 0, nil
	}
	if len(args) > 1 {
		return 0, usagef("one DURATION at most is wanted")
	}
	length, err := time.ParseDuration(args[0])
	if seconds, notNumber := strconv.ParseFloat(args[0], 64); notNumber == nil {
		length, err = time.Duration(seconds*float64(time.Second)), nil
	}
	if err != nil || length <= 0 {
		return 0, usagef("%q is not a duration such as 30m or 8h", args[0])
	}
	return length, nil
}

func (c *call) setPresence(e wire.Envelope) error {
	var p wire.Presence
	if err := c.control(e, &p); err != nil {
		return err
	}
	_, err := fmt.Fprintln(c.Stdout, "presence: "+presenceLine(p, time.Now()))
	return err
}

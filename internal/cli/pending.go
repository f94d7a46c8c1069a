package cli

import (
	"context"
	"flag"
	"fmt"
	"math"
	"strings"
	"text/tabwriter"
	"time"

	"claude-permission-daemon/internal/wire"
)

// shortID is how much of an id `pending` shows: enough to be unique as a rule.
const shortID = 8

func pendingCommand() command {
	return command{name: "pending", args: "[ID]", short: "list the open requests, or show one whole",
		long: "ID is a request's id or its beginning, if no other begins so.",
		setup: func(flags *flag.FlagSet) func(context.Context, *call) error {
			asJSON := flags.Bool("json", false, "print a JSON list")
			return func(_ context.Context, c *call) error {
				if len(c.args) > 1 {
					return usagef("one ID at most is wanted, and %d were given", len(c.args))
				}
				open := []wire.Pending{}
				if err := c.control(wire.Envelope{Op: wire.OpPending}, &open); err != nil {
					return err
				}
				if len(c.args) == 1 {
					return c.printWhole(open, c.args[0], *asJSON)
				}
				if *asJSON {
					return c.printJSON(open)
				}
				return c.printPending(open)
			}
		}}
}

func (c *call) printPending(open []wire.Pending) error {
	if len(open) == 0 {
		_, err := fmt.Fprintln(c.Stdout, "Nothing is waiting.")
		return err
	}
	w := tabwriter.NewWriter(c.Stdout, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tSTATE\tWAITS\tPROJECT\tTOOL\tWHAT")
	for _, p := range open {
		project := p.Project
		if p.Branch != "" {
			project += " (" + p.Branch + ")"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", p.ID[:min(shortID, len(p.ID))], p.State,
			ago(time.Since(p.Since)), oneLine(project), oneLine(p.Tool), oneLine(p.Summary))
	}
	return w.Flush()
}

// printWhole shows all of one request.
func (c *call) printWhole(open []wire.Pending, id string, asJSON bool) error {
	p, err := named(open, id)
	if err != nil {
		return err
	}
	var shown wire.Shown
	if err := c.control(wire.Envelope{Op: wire.OpShow, ID: p.ID}, &shown); err != nil {
		return err
	}
	if asJSON {
		return c.printJSON(shown)
	}
	s := screen{paint: c.paint(c.Stdout)}
	for _, line := range s.body(shown, math.MaxInt) {
		fmt.Fprintln(c.Stdout, line)
	}
	return nil
}

// oneLine keeps a cell of a table on its line and inside of it.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
}

// ago is a duration in one or two units.
func ago(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%dd", int(d.Hours()/24))
}

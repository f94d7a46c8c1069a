package cli

import (
	"context"
	"flag"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"claude-permission-daemon/internal/permit"
	"claude-permission-daemon/internal/wire"
)

func statusCommand() command {
	return command{name: "status", short: "say how the daemon, its channels and presence stand",
		setup: func(flags *flag.FlagSet) func(context.Context, *call) error {
			asJSON := flags.Bool("json", false, "print JSON")
			return func(_ context.Context, c *call) error {
				if err := noArgs(c); err != nil {
					return err
				}
				var s wire.Status
				if err := c.control(wire.Envelope{Op: wire.OpStatus}, &s); err != nil {
					return err
				}
				if *asJSON {
					return c.printJSON(s)
				}
				return c.printStatus(s)
			}
		}}
}

// printStatus shows first what a person wants to know, in one line, and then
// what it rests on.
func (c *call) printStatus(s wire.Status) error {
	p := c.paint(c.Stdout)
	light, said := glance(s)
	fmt.Fprintf(c.Stdout, "%s %s\n\n", p.in(light, "●"), p.in(bold, plain(said)))
	w := tabwriter.NewWriter(c.Stdout, 0, 4, 2, ' ', 0)
	fmt.Fprintf(w, "open\t%s\n", openLine(s.Pending))
	fmt.Fprintf(w, "presence\t%s\n", presenceLine(s.Presence, time.Now()))
	for i, ch := range s.Channels {
		label := ""
		if i == 0 {
			label = "channels"
		}
		line := ch.Name + ": " + p.in(stateColour(ch.State), ch.State)
		if ch.URL != "" {
			line += ", " + ch.URL
		}
		if ch.Detail != "" && (ch.URL == "" || ch.State != "ready") { // the link says where it listens
			line += " (" + plain(ch.Detail) + ")"
		}
		fmt.Fprintf(w, "%s\t%s\n", label, line)
	}
	if len(s.Channels) == 0 {
		fmt.Fprintln(w, "channels\tnone: nobody is asked away from the terminal")
	}
	if s.Journal != "" {
		fmt.Fprintf(w, "journal\t%s: every request is handed back until it can be\n", s.Journal)
	}
	for _, warning := range s.Config {
		fmt.Fprintf(w, "warning\t%s\n", p.in(yellow, plain(warning)))
	}
	fmt.Fprintf(w, "daemon\tversion %s, running for %s, pid %d\n", s.Version, ago(time.Duration(s.UptimeS*float64(time.Second))), s.PID)
	return w.Flush()
}

// glance is the state of everything in one sentence, and its light.
func glance(s wire.Status) (colour, string) {
	var ready, rest []string
	for _, ch := range s.Channels {
		if ch.State == "ready" {
			ready = append(ready, ch.Name)
		} else {
			rest = append(rest, ch.Name+" is "+ch.State)
		}
	}
	where := strings.Join(ready, " and ")
	switch {
	case s.Journal != "":
		return red, "Every question is handed back to the terminal: the journal cannot be written"
	case len(s.Channels) == 0:
		return yellow, "Questions stay in the terminal: no channel is set up"
	case len(ready) == 0:
		return red, "Questions stay in the terminal: " + strings.Join(rest, ", ")
	case s.Pending > 0:
		return yellow, openLine(s.Pending) + ": claude-permission-daemon watch answers"
	case len(rest) > 0:
		return yellow, "Questions go to " + where + " only: " + strings.Join(rest, ", ")
	}
	switch s.Presence.State {
	case permit.Present:
		return green, "Ready. You are here, so questions stay in the terminal"
	case permit.Away:
		return green, "Ready. You are away, so questions go to " + where
	default:
		return green, "Ready. Questions that the terminal leaves unanswered go to " + where
	}
}

func stateColour(state string) colour {
	switch state {
	case "ready":
		return green
	case "down":
		return red
	}
	return yellow
}

func openLine(n int) string {
	switch n {
	case 0:
		return "nothing is waiting"
	case 1:
		return "1 request is waiting"
	}
	return fmt.Sprintf("%d requests are waiting", n)
}

// presenceLine says presence as a person would.
func presenceLine(p wire.Presence, now time.Time) string {
	line := string(p.State)
	if !p.Since.IsZero() {
		line += " for " + ago(now.Sub(p.Since))
	}
	if p.Override != nil {
		line += ", set by hand"
		if !p.Override.Until.IsZero() {
			line += " until " + p.Override.Until.Local().Format("15:04")
		}
		return line
	}
	if p.Source != "" {
		line += ", by " + p.Source
	}
	if p.Detail != "" {
		line += " (" + p.Detail + ")"
	}
	return line
}

package cli

import (
	"context"
	"flag"
	"fmt"
	"text/tabwriter"
	"time"

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

func (c *call) printStatus(s wire.Status) error {
	w := tabwriter.NewWriter(c.Stdout, 0, 4, 2, ' ', 0)
	fmt.Fprintf(w, "daemon\trunning for %s, version %s, pid %d\n", ago(time.Duration(s.UptimeS*float64(time.Second))), s.Version, s.PID)
	fmt.Fprintf(w, "presence\t%s\n", presenceLine(s.Presence, time.Now()))
	for i, ch := range s.Channels {
		label := ""
		if i == 0 {
			label = "channels"
		}
		line := ch.Name + ": " + ch.State
		if ch.URL != "" {
			line += ", " + ch.URL
		}
		if ch.Detail != "" {
			line += " (" + ch.Detail + ")"
		}
		fmt.Fprintf(w, "%s\t%s\n", label, line)
	}
	if len(s.Channels) == 0 {
		fmt.Fprintln(w, "channels\tnone: nobody is asked away from the terminal")
	}
	fmt.Fprintf(w, "open\t%s\n", openLine(s.Pending))
	if s.Journal != "" {
		fmt.Fprintf(w, "journal\t%s: every request is handed back until it can be\n", s.Journal)
	}
	for _, warning := range s.Config {
		fmt.Fprintf(w, "warning\t%s\n", warning)
	}
	return w.Flush()
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

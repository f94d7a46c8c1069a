package cli

import (
	"context"
	"flag"
	"fmt"
	"os/signal"
	"syscall"
	"text/tabwriter"
	"time"

	"claude-permission-daemon/internal/daemon"
	"claude-permission-daemon/internal/presence"
	"claude-permission-daemon/internal/wire"
)

func presenceCommand() command {
	return command{name: "presence", args: "[watch|probe]", short: "say whether you are counted as there, and why; watch it; or try every source",
		long: `Without an argument it asks the daemon. watch goes on and prints each change.
probe needs no daemon: it tries every source of this system for a moment and says
what each sees, and what it cannot.`,
		setup: func(flags *flag.FlagSet) func(context.Context, *call) error {
			asJSON := flags.Bool("json", false, "print JSON")
			return func(ctx context.Context, c *call) error {
				switch {
				case len(c.args) == 0:
					var p wire.Presence
					if err := c.control(wire.Envelope{Op: wire.OpPresence}, &p); err != nil {
						return err
					}
					return c.printPresence(p, *asJSON)
				case len(c.args) == 1 && c.args[0] == "watch":
					return c.watchPresence(ctx, *asJSON)
				case len(c.args) == 1 && c.args[0] == "probe":
					return c.probePresence(ctx, *asJSON)
				}
				return usagef("presence, presence watch or presence probe is wanted")
			}
		}}
}

func (c *call) printPresence(p wire.Presence, asJSON bool) error {
	if asJSON {
		return c.printJSON(p)
	}
	_, err := fmt.Fprintln(c.Stdout, presenceLine(p, time.Now()))
	return err
}

// watchPresence prints presence now and at each change, until it is ended.
func (c *call) watchPresence(ctx context.Context, asJSON bool) error {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	n, err := c.dial()
	if err != nil {
		return err
	}
	defer n.close()
	defer context.AfterFunc(ctx, n.close)()
	if err := wire.Write(n.conn, wire.Envelope{V: wire.Version, Op: wire.OpWatch}); err != nil {
		return fmt.Errorf("cannot ask the daemon: %w", err)
	}
	var last wire.Presence
	for {
		var w wire.Watched
		switch err := n.next(&w); {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return err
		}
		p := w.Status.Presence
		if p.State == last.State && p.Source == last.Source && p.Detail == last.Detail && p.Since.Equal(last.Since) && (p.Override == nil) == (last.Override == nil) {
			continue
		}
		last = p
		if !asJSON {
			fmt.Fprint(c.Stdout, time.Now().Format("15:04:05  "))
		}
		if err := c.printPresence(p, asJSON); err != nil {
			return err
		}
	}
}

// probePresence tries every source of this system.
func (c *call) probePresence(ctx context.Context, asJSON bool) error {
	o, err := c.options()
	if err != nil {
		return err
	}
	results := presence.Probe(ctx, daemon.Sources(o.Config, c.Getenv))
	if asJSON {
		return c.printJSON(results)
	}
	w := tabwriter.NewWriter(c.Stdout, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "SOURCE\tWORKS\tSEES\tDETAIL")
	for _, r := range results {
		works := "no"
		if r.Works {
			works = "yes"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", r.Source, works, r.Sees, r.Detail)
	}
	return w.Flush()
}

package cli

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"claude-permission-daemon/internal/channel/slack"
	"claude-permission-daemon/internal/permit"
)

func slackCommand() command {
	return command{name: "slack", args: "manifest|check", short: "set Slack up: print the app's manifest, or try the whole way to a tap",
		long: `manifest prints the manifest of a Slack app for this machine, and a link that opens
Slack's form filled in with it. check uses the configured tokens: it asks who they
are, looks at the scopes, opens the link, posts a card and waits for your tap,
timing each step.`,
		setup: func(flags *flag.FlagSet) func(context.Context, *call) error {
			wait := flags.Duration("wait", 2*time.Minute, "how long check waits for the tap, as a `duration`")
			return func(ctx context.Context, c *call) error {
				switch {
				case len(c.args) == 1 && c.args[0] == "manifest":
					return c.slackManifest()
				case len(c.args) == 1 && c.args[0] == "check":
					return c.slackCheck(ctx, *wait)
				}
				return usagef("slack manifest or slack check is wanted")
			}
		}}
}

func (c *call) slackManifest() error {
	host, err := os.Hostname()
	if err != nil {
		host = "this machine"
	}
	manifest := slack.Manifest(host)
	_, err = fmt.Fprintf(c.Stdout, "%s\nOpen this to make the app with it:\n%s\n", manifest, slack.ManifestLink(manifest))
	return err
}

func (c *call) slackCheck(ctx context.Context, wait time.Duration) error {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	o, err := c.options()
	if err != nil {
		return err
	}
	if !o.Config.Slack.Enabled() {
		return &failure{code: exitError, err: errors.New("cannot check Slack: it is not configured"), hint: "docs/slack.md says how"}
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	// Not the machine's own id: the daemon that runs must not take this card for its.
	machine := permit.Machine{ID: fmt.Sprintf("check-%d", os.Getpid()), Host: host}
	log := slog.New(slog.DiscardHandler)
	if c.debug {
		log = o.Log
	}
	return slack.Check(ctx, o.Config.Slack, slack.Options{Machine: machine, Log: log, TerseFallback: o.Config.Privacy.LockScreen == "terse"},
		func(s slack.Step) {
			result := "ok"
			if s.Err != nil {
				result = "FAILED"
			}
			fmt.Fprintf(c.Stdout, "%-8s %-16s %6d ms  %s\n", result, s.Name, s.Took.Milliseconds(), s.Detail)
		})
}

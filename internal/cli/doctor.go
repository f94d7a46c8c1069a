package cli

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"claude-permission-daemon/internal/config"
	"claude-permission-daemon/internal/daemon"
	"claude-permission-daemon/internal/doctor"
	"claude-permission-daemon/internal/presence"
)

func doctorCommand() command {
	return command{name: "doctor", args: "[CHECK…]", short: "check everything between Claude Code's question and your tap, and say what mends it",
		long: `It changes nothing. CHECK is the id of one, as --json names it; without any, all are
made. If claude is on the PATH it is started for a moment, with an
empty home and without a network, to prove that the hook fires; --quick leaves it.
--live sends one request, marked as a test, from the hook to your channels and back,
and times each step: tap it within --wait, or the program answers it itself.
Exit code 1 means that a check failed; warnings and skipped checks do not count.`,
		setup: func(flags *flag.FlagSet) func(context.Context, *call) error {
			var q doctorQuery
			flags.BoolVar(&q.json, "json", false, "print JSON")
			flags.BoolVar(&q.all, "v", false, "say of every check why it matters, and show what is skipped")
			flags.BoolVar(&q.quick, "quick", false, "do not start Claude Code")
			flags.BoolVar(&q.offline, "offline", false, "ask nobody over the network")
			flags.BoolVar(&q.live, "live", false, "send a test request the whole way")
			flags.DurationVar(&q.wait, "wait", 30*time.Second, "how long --live waits for your tap, as a `duration`")
			return func(ctx context.Context, c *call) error {
				for _, id := range c.args {
					if !slices.Contains(doctor.IDs(), id) {
						return &failure{code: exitUsage, err: fmt.Errorf("cannot check %q: there is no such check", id),
							hint: "claude-permission-daemon doctor --json names them all"}
					}
				}
				q.only = c.args
				return c.doctor(ctx, q)
			}
		}}
}

type doctorQuery struct {
	json, all, quick, offline, live bool
	wait                            time.Duration
	only                            []string
}

func (c *call) doctor(ctx context.Context, q doctorQuery) error {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	o := c.doctorOptions(q)
	checks := doctor.Run(ctx, o)
	if !q.json {
		c.printChecks(checks, q.all)
	}
	if q.live {
		report := func(doctor.Check) {}
		if !q.json {
			fmt.Fprintln(c.Stdout, "\nA test request goes the whole way:")
			report = func(step doctor.Check) { c.printCheck(step, q.all) }
		}
		checks = append(checks, doctor.Live(ctx, o, q.wait, report)...)
	}
	if q.json {
		if err := c.printJSON(struct {
			Checks []doctor.Check `json:"checks"`
		}{checks}); err != nil {
			return err
		}
	}
	if doctor.Failed(checks) {
		return &failure{code: exitError, err: errors.New("cannot say that all is well: a check failed"), hint: "each failed check names what mends it"}
	}
	return nil
}

func (c *call) doctorOptions(q doctorQuery) doctor.Options {
	return doctor.Options{
		Getenv: c.Getenv, Version: c.version, Config: c.config, Socket: c.socket, Only: q.only, Quick: q.quick, NoNetwork: q.offline,
		Sources: func(cfg config.Config) presence.Sources { return daemon.Sources(cfg, c.Getenv) },
	}
}

// printChecks shows the checks and counts them.
func (c *call) printChecks(checks []doctor.Check, all bool) {
	counts := map[doctor.Result]int{}
	for _, check := range checks {
		counts[check.Result]++
		c.printCheck(check, all)
	}
	said := []string{fmt.Sprintf("%d ok", counts[doctor.OK])}
	for _, r := range []doctor.Result{doctor.Warn, doctor.Fail, doctor.Skip} {
		if counts[r] > 0 {
			said = append(said, fmt.Sprintf("%d %s", counts[r], r))
		}
	}
	fmt.Fprintf(c.Stdout, "\n%s\n", strings.Join(said, ", "))
}

// printCheck shows one line for a check that passed, and more for another.
func (c *call) printCheck(check doctor.Check, all bool) {
	p := c.paint(c.Stdout)
	words := map[doctor.Result]string{
		doctor.OK: p.in(green, "ok  "), doctor.Warn: p.in(yellow, "warn"), doctor.Fail: p.in(red, "FAIL"), doctor.Skip: p.in(dim, "skip"),
	}
	if check.Result == doctor.Skip && !all {
		return
	}
	fmt.Fprintf(c.Stdout, "%s  %s: %s\n", words[check.Result], p.in(bold, check.Title), oneLine(check.Detail))
	if all || check.Result == doctor.Warn || check.Result == doctor.Fail {
		fmt.Fprintf(c.Stdout, "      %s\n", p.in(dim, check.Why))
	}
	if check.Fix != "" {
		fmt.Fprintf(c.Stdout, "      → %s\n", check.Fix)
	}
}

package cli

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"claude-permission-daemon/internal/claude/settings"
	"claude-permission-daemon/internal/config"
	"claude-permission-daemon/internal/doctor"
	"claude-permission-daemon/internal/paths"
	"claude-permission-daemon/internal/service"
	"claude-permission-daemon/internal/setup"
	"claude-permission-daemon/internal/socket"
	"claude-permission-daemon/internal/wire"
)

func setupCommand() command {
	return command{name: "setup", short: "get going: a few questions, then configuration, hooks and service are in place",
		long: `It asks where you want to be asked, checks Slack's tokens while you type them, shows
what it is about to change, changes it, and ends with doctor's verdict. Each question
is also a flag; with --yes nothing is asked. Before the last question nothing is
changed, and what fails is undone. Running it again changes only what you answer
otherwise. Tokens never come as arguments: type them, or name files that hold them.`,
		setup: func(flags *flag.FlagSet) func(context.Context, *call) error {
			given := setup.Declare(flags)
			return func(ctx context.Context, c *call) error {
				if err := noArgs(c); err != nil {
					return err
				}
				return c.setUp(ctx, given)
			}
		}}
}

func uninstallCommand() command {
	return command{name: "uninstall", short: "remove the hooks, the service, the socket and the daemon's state",
		long: `It asks whether the configuration and the journal go too; with --yes they stay, with
--purge they go. It says what it removed and what it left. The programs stay: they are
the package manager's, or yours.`,
		setup: func(flags *flag.FlagSet) func(context.Context, *call) error {
			kept := setup.DeclareUninstall(flags)
			return func(ctx context.Context, c *call) error {
				if err := noArgs(c); err != nil {
					return err
				}
				return c.uninstall(ctx, kept)
			}
		}}
}

// places are where everything is, as the flags, the configuration and the
// environment have it.
type places struct {
	config, state, socket string
	self, hook            string // the programs
	hooks                 setup.Hooks
	service               setup.Service
}

func (c *call) places() (p places, err error) {
	if p.config, err = paths.ConfigFile(c.Getenv); err != nil {
		return p, err
	}
	o := service.Options{Getenv: c.Getenv}
	if c.config != "" {
		if p.config, err = filepath.Abs(c.config); err != nil {
			return p, fmt.Errorf("cannot find the configuration: %w", err)
		}
		o.Config = p.config
	}
	if p.state, err = paths.StateDir(c.Getenv); err != nil {
		return p, err
	}
	file, claude, project, err := c.settingsFile(hooksOptions{})
	if err != nil {
		return p, err
	}
	if p.self, err = os.Executable(); err != nil {
		return p, fmt.Errorf("cannot find this program: %w", err)
	}
	// A configuration that is wrong is setup's to complain of; uninstall works
	// with one. Its tokens are not wanted here.
	text, _ := os.ReadFile(p.config)
	cfg, _ := config.Parse(string(text))
	where := c.socket
	if where == "" {
		where = cfg.Daemon.SocketPath
	}
	if where != "" {
		if where, err = filepath.Abs(where); err != nil {
			return p, fmt.Errorf("cannot find the socket: %w", err)
		}
	}
	o.Socket = where
	p.socket = paths.Socket(where, c.Getenv)
	p.hook = settings.Find(p.self, c.Getenv("PATH"))
	p.service = setup.Service{Options: o}
	if file, err := filepath.EvalSymlinks(p.self); err == nil {
		p.service.Program = file
	}
	p.hooks = setup.Hooks{
		Path: file, Project: filepath.Join(project, ".claude", "settings.json"),
		Options: settings.Options{Hook: p.hook, Socket: where, Timeout: time.Duration(cfg.Daemon.RequestTimeout)},
		Plugins: func() ([]settings.Plugin, error) { return settings.Plugins(claude, "") },
	}
	return p, nil
}

func (c *call) setUp(ctx context.Context, given *setup.Given) error {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	p, err := c.places()
	if err != nil {
		return err
	}
	host, err := os.Hostname()
	if err != nil {
		host = "this machine"
	}
	return told(setup.Run(ctx, setup.Options{
		In: c.Stdin, Out: c.Stdout, ConfigFile: p.config, StateDir: p.state, Host: host, Given: given,
		Hooks: p.hooks, Service: p.service,
		Running: func() bool { return answers(p.socket) }, Environ: c.overriding(),
		Verdict: func(ctx context.Context) error { return c.verdict(ctx, given) },
	}))
}

func (c *call) uninstall(ctx context.Context, kept *setup.Kept) error {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	p, err := c.places()
	if err != nil {
		return err
	}
	return told(setup.Uninstall(ctx, setup.Uninstalling{
		In: c.Stdin, Out: c.Stdout, ConfigFile: p.config, StateDir: p.state, Socket: p.socket, Kept: kept,
		Programs: slices.DeleteFunc([]string{p.self, p.hook}, func(path string) bool { return path == "" }),
		Hooks:    p.hooks, Service: p.service,
	}))
}

// told adds to an error its exit code and its hint.
func told(err error) error {
	if usage, ok := errors.AsType[*setup.UsageError](err); ok {
		return &failure{code: exitUsage, err: usage, hint: "claude-permission-daemon setup --help shows the flags"}
	}
	if with, ok := errors.AsType[*setup.Hinted](err); ok {
		return &failure{code: exitError, err: err, hint: with.Hint}
	}
	if with, ok := errors.AsType[*service.Error](err); ok {
		return &failure{code: exitError, err: err, hint: with.Hint}
	}
	return err
}

// answers reports whether a daemon listens.
func answers(path string) bool {
	conn, err := socket.Dial(path)
	if err != nil {
		return false
	}
	_ = conn.Close()
	return true
}

// overriding are the variables that win over what setup writes.
func (c *call) overriding() []string {
	var set []string
	for _, name := range []string{"CLAUDE_PERM_SLACK_BOT_TOKEN", "CLAUDE_PERM_SLACK_APP_TOKEN", "CLAUDE_PERM_SLACK_CHANNEL"} {
		if c.Getenv(name) != "" {
			set = append(set, name)
		}
	}
	return set
}

// verdict is doctor's. What was not wanted is no failure.
func (c *call) verdict(ctx context.Context, given *setup.Given) error {
	fmt.Fprintln(c.Stdout, "\nIs everything well?")
	checks := doctor.Run(ctx, c.doctorOptions(doctorQuery{}))
	for i, check := range checks {
		why := ""
		switch {
		case check.Result != doctor.Fail:
		case given.NoService && slices.Contains([]string{"service", "daemon", "socket"}, check.ID):
			why = "--no-service"
		case given.NoHooks && slices.Contains([]string{"hook-binary", "hook-entry", "hook-settle", "hook-fires"}, check.ID):
			why = "--no-hooks"
		}
		if why != "" {
			checks[i].Result = doctor.Warn
			checks[i].Detail += " (as you wished by " + why + ")"
		}
	}
	c.printChecks(checks, false)
	switch {
	case ctx.Err() != nil:
		return errors.New("interrupted: everything is set up, and doctor was not done")
	case doctor.Failed(checks):
		return &failure{code: exitError, err: errors.New("it is set up, but not everything is well"), hint: "each failed check names what mends it"}
	}
	c.next()
	return nil
}

// next says how to go on.
func (c *call) next() {
	var s wire.Status
	if err := c.control(wire.Envelope{Op: wire.OpStatus}, &s); err != nil {
		fmt.Fprintln(c.Stdout, "\nStart the daemon with: claude-permission-daemon")
		return
	}
	fmt.Fprintln(c.Stdout, "\nIt runs.")
	for _, ch := range s.Channels {
		if ch.URL != "" {
			fmt.Fprintf(c.Stdout, "The page: %s (from a phone: docs/web.md)\n", ch.URL)
		}
	}
	fmt.Fprintln(c.Stdout, "To try it: claude-permission-daemon away, and have Claude Code do something; then claude-permission-daemon auto.")
}

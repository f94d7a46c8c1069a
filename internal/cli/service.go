package cli

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"text/tabwriter"

	"claude-permission-daemon/internal/config"
	"claude-permission-daemon/internal/paths"
	"claude-permission-daemon/internal/service"
)

func serviceCommand() command {
	return command{name: "service", args: "install|remove|status|logs|restart", short: "run the daemon as a service of yours, from login on",
		long: `install writes what the system needs to start the daemon at login (systemd user
units, a launchd agent, a Windows task), and starts it. --config and --socket are
passed on. restart takes a new program or configuration; under systemd no hook is
refused meanwhile, and open requests go on. status exits 0 when the service runs,
1 when not. docs/service.md has the rest.`,
		setup: func(flags *flag.FlagSet) func(context.Context, *call) error {
			noStart := flags.Bool("no-start", false, "install: do not start it now")
			asJSON := flags.Bool("json", false, "status: print JSON")
			follow := flags.Bool("f", false, "logs: go on as lines come")
			lines := flags.Int("n", 50, "logs: the last `N` lines")
			return func(ctx context.Context, c *call) error {
				if len(c.args) != 1 {
					return usagef("service install, remove, status, logs or restart is wanted")
				}
				ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGINT)
				defer stop()
				o := service.Options{Getenv: c.Getenv, NoStart: *noStart}
				var err error
				switch c.args[0] {
				case "install":
					err = c.serviceInstall(ctx, o)
				case "remove":
					err = c.serviceDone(service.Remove(ctx, o))
				case "status":
					err = c.serviceStatus(ctx, o, *asJSON)
				case "logs":
					err = c.serviceLogs(ctx, o, *follow, *lines)
				case "restart":
					if err = service.Restart(ctx, o); err == nil {
						fmt.Fprintln(c.Stdout, "restarted")
					}
				default:
					return usagef("unknown service command %q: install, remove, status, logs or restart", c.args[0])
				}
				if with, ok := errors.AsType[*service.Error](err); ok {
					return &failure{code: exitError, err: err, hint: with.Hint}
				}
				return err
			}
		}}
}

// serviceOptions adds where the configuration and the socket are, for the
// service to have the same.
func (c *call) serviceOptions(o service.Options) (service.Options, error) {
	path := c.config
	if path != "" {
		var err error
		if path, err = filepath.Abs(path); err != nil {
			return o, fmt.Errorf("cannot find the configuration: %w", err)
		}
		o.Config = path
	} else {
		var err error
		if path, err = paths.ConfigFile(c.Getenv); err != nil {
			return o, err
		}
	}
	cfg, _, err := config.Load(path, o.Config != "", c.Getenv)
	if err != nil {
		return o, &failure{code: exitError, err: err, hint: "the service would not start with it"}
	}
	where := c.socket
	if where == "" {
		where = cfg.Daemon.SocketPath
	}
	if where != "" {
		if o.Socket, err = filepath.Abs(where); err != nil {
			return o, fmt.Errorf("cannot find the socket: %w", err)
		}
	}
	return o, nil
}

func (c *call) serviceInstall(ctx context.Context, o service.Options) error {
	o, err := c.serviceOptions(o)
	if err != nil {
		return err
	}
	return c.serviceDone(service.Install(ctx, o))
}

// serviceDone prints what was done, also where the rest failed.
func (c *call) serviceDone(r service.Report, err error) error {
	for _, line := range r.Done {
		fmt.Fprintln(c.Stdout, line)
	}
	if err == nil && len(r.Done) == 0 {
		fmt.Fprintln(c.Stdout, "nothing was to be done")
	}
	for _, line := range r.Left {
		fmt.Fprintf(c.Stdout, "left: %s\n", line)
	}
	for _, line := range r.Warnings {
		fmt.Fprintf(c.Stderr, "warning: %s\n", line)
	}
	return err
}

func (c *call) serviceStatus(ctx context.Context, o service.Options, asJSON bool) error {
	s, err := service.Status(ctx, o)
	if err != nil {
		return err
	}
	if asJSON {
		err = c.printJSON(s)
	} else {
		err = printService(c.Stdout, s)
	}
	switch {
	case err != nil:
		return err
	case !s.Installed:
		return &failure{code: exitError, err: errors.New("the service is not installed"), hint: "claude-permission-daemon service install"}
	case !s.Running:
		return &failure{code: exitError, err: errors.New("the service does not run"), hint: "claude-permission-daemon service logs shows why; service restart starts it"}
	}
	return nil
}

func printService(to io.Writer, s service.State) error {
	w := tabwriter.NewWriter(to, 0, 4, 2, ' ', 0)
	yes := map[bool]string{true: "yes", false: "no"}
	fmt.Fprintf(w, "installed\t%s\n", yes[s.Installed])
	fmt.Fprintf(w, "at login\t%s\n", yes[s.Enabled])
	running := yes[s.Running]
	if s.PID > 0 {
		running += fmt.Sprintf(", pid %d", s.PID)
	}
	fmt.Fprintf(w, "running\t%s\n", running)
	for _, row := range []struct{ name, value string }{{s.Kind, s.Detail}, {"socket", s.Socket}, {"program", s.Program}} {
		if row.value != "" {
			fmt.Fprintf(w, "%s\t%s\n", row.name, row.value)
		}
	}
	for _, file := range s.Files {
		fmt.Fprintf(w, "file\t%s\n", file)
	}
	return w.Flush()
}

// serviceLogs shows the log by the system's own program.
func (c *call) serviceLogs(ctx context.Context, o service.Options, follow bool, lines int) error {
	command, err := service.LogCommand(o, follow, lines)
	if err != nil {
		return err
	}
	if len(command) == 0 {
		return errors.New("cannot show the log: this system keeps none for a task")
	}
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, c.Stdout, c.Stderr
	if err := cmd.Run(); err != nil && ctx.Err() == nil {
		return fmt.Errorf("cannot show the log: %s: %w", command[0], err)
	}
	return nil
}

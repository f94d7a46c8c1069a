package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync"
	"syscall"
	"time"

	"claude-permission-daemon/internal/config"
	"claude-permission-daemon/internal/daemon"
	"claude-permission-daemon/internal/paths"
	"claude-permission-daemon/internal/sandbox"
	"claude-permission-daemon/internal/socket"
	"claude-permission-daemon/internal/version"
)

// foreground runs the daemon until SIGTERM or SIGINT, or until another takes
// over (see handOver).
func foreground(ctx context.Context, c *call) error {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	ctx, stopWaiting := handOver(ctx)
	defer stopWaiting()
	o, err := c.options()
	if err != nil {
		return err
	}
	d, err := daemon.New(o)
	if held, ok := errors.AsType[*socket.HeldError](err); ok {
		return &failure{code: exitError, err: fmt.Errorf("cannot start: %w", held),
			hint: "only one daemon serves a socket; claude-permission-daemon status shows the one that does"}
	}
	if err != nil {
		return fmt.Errorf("cannot start: %w", err)
	}
	confine(o)
	var reloading sync.WaitGroup
	defer reloading.Wait()
	defer stop()
	reloading.Go(func() { c.reload(ctx, d) })
	return d.Run(ctx)
}

// confine gives up what the daemon does not need: to write anywhere but in its
// state folder, and to make its socket anew. It comes after the daemon has opened
// everything and before anybody can speak to it.
func confine(o daemon.Options) {
	switch c := o.Config; {
	case !c.Daemon.Sandbox:
		return
	case c.Presence.Source == "command":
		o.Log.Info("no sandbox: presence.command may write where it wants")
		return
	}
	rules := sandbox.Rules{Folders: []string{o.StateDir}, SocketFolders: []string{filepath.Dir(o.Socket)}}
	if dir := o.Getenv("GOCOVERDIR"); dir != "" { // a build that measures coverage writes there
		rules.Folders = append(rules.Folders, dir)
	}
	entered, err := sandbox.Enter(rules)
	switch {
	case err != nil:
		o.Log.Warn("no sandbox", "error", err)
	case !entered:
		o.Log.Info("no sandbox: this kernel has none")
	}
}

// reload takes in, at each SIGHUP, what can change while the daemon runs.
func (c *call) reload(ctx context.Context, d *daemon.Daemon) {
	hangUps := make(chan os.Signal, 1)
	signal.Notify(hangUps, syscall.SIGHUP)
	defer signal.Stop(hangUps)
	for {
		select {
		case <-ctx.Done():
			return
		case <-hangUps:
		}
		done := d.Reloading()
		o, err := c.options()
		if err != nil {
			done()
			fmt.Fprintf(c.Stderr, "error: cannot reload: %v\n", err)
			continue
		}
		d.SetIdleTimeout(time.Duration(o.Config.Daemon.IdleTimeout))
		done()
		o.Log.Info("reloaded", "idle_timeout", o.Config.Daemon.IdleTimeout)
	}
}

// options reads the configuration for a daemon.
func (c *call) options() (daemon.Options, error) {
	path, must := c.config, c.config != ""
	if !must {
		var err error
		if path, err = paths.ConfigFile(c.Getenv); err != nil {
			return daemon.Options{}, err
		}
	}
	cfg, warnings, err := config.Load(path, must, c.Getenv)
	if err != nil {
		return daemon.Options{}, &failure{code: exitError, err: err, hint: "example/config.toml documents every key"}
	}
	state, err := paths.StateDir(c.Getenv)
	if err != nil {
		return daemon.Options{}, err
	}
	where := c.socket
	if where == "" {
		where = cfg.Daemon.SocketPath
	}
	for _, w := range warnings {
		fmt.Fprintf(c.Stderr, "warning: %s\n", w)
	}
	return daemon.Options{Config: cfg, Warnings: warnings, Socket: paths.Socket(where, c.Getenv), StateDir: state,
		Version: c.version, Log: c.logger(cfg.Daemon.Debug || c.debug), Getenv: c.Getenv}, nil
}

func (c *call) logger(debug bool) *slog.Logger {
	level := slog.LevelInfo
	if debug {
		level = slog.LevelDebug
	}
	return slog.New(slog.NewTextHandler(c.Stderr, &slog.HandlerOptions{Level: level}))
}

// buildVersion is the version, with the commit where the build knows it and the
// version does not name it already.
func buildVersion() string {
	if strings.Contains(version.Number, "+") {
		return version.Number
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return version.Number
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return version.Number + "+" + s.Value[:min(12, len(s.Value))]
		}
	}
	return version.Number
}

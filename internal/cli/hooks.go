package cli

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"claude-permission-daemon/internal/claude/settings"
	"claude-permission-daemon/internal/config"
	"claude-permission-daemon/internal/paths"
)

func hooksCommand() command {
	return command{name: "hooks", args: "install|remove|status", short: "enter the hook in Claude Code's settings, take it out, or say how it stands",
		long: `The settings are ~/.claude/settings.json ($CLAUDE_CONFIG_DIR is honoured), or with
--project .claude/settings.json here. Only our own entries are written and taken
out; install keeps a copy of the file from before beside it, and remove gives back
what was there. status ends with 0 if the hook is installed and with 1 if not.`,
		setup: func(flags *flag.FlagSet) func(context.Context, *call) error {
			var o hooksOptions
			flags.BoolVar(&o.project, "project", false, "the settings of the project in this folder")
			flags.StringVar(&o.hook, "hook", "", "the hook's `path`, for install (default: beside this program, then on the PATH)")
			flags.BoolVar(&o.json, "json", false, "print the status as JSON")
			return func(_ context.Context, c *call) error {
				verb := ""
				if len(c.args) == 1 {
					verb = c.args[0]
				}
				switch {
				case o.json && verb != "status":
					return usagef("--json goes with hooks status")
				case o.hook != "" && verb != "install":
					return usagef("--hook goes with hooks install")
				}
				switch verb {
				case "install":
					return c.hooksInstall(o)
				case "remove":
					return c.hooksRemove(o)
				case "status":
					return c.hooksStatus(o)
				}
				return usagef("hooks install, hooks remove or hooks status is wanted")
			}
		}}
}

type hooksOptions struct {
	project, json bool
	hook          string
}

// settingsFile is the file that is meant, with the folders in which plugins
// are switched on.
func (c *call) settingsFile(o hooksOptions) (path, claude, project string, err error) {
	if claude, err = paths.ClaudeDir(c.Getenv); err != nil {
		return "", "", "", err
	}
	if project, err = os.Getwd(); err != nil {
		return "", "", "", fmt.Errorf("cannot tell the current folder: %w", err)
	}
	if o.project {
		return filepath.Join(project, ".claude", "settings.json"), claude, project, nil
	}
	return filepath.Join(claude, "settings.json"), claude, project, nil
}

// entries are what is to be entered, by the flags and the configuration.
func (c *call) entries(o hooksOptions) (settings.Options, error) {
	file := c.config
	if file == "" {
		var err error
		if file, err = paths.ConfigFile(c.Getenv); err != nil {
			return settings.Options{}, err
		}
	}
	cfg, _, err := config.Load(file, c.config != "", c.Getenv)
	if err != nil {
		return settings.Options{}, &failure{code: exitError, err: err, hint: "example/config.toml documents every key"}
	}
	entered := settings.Options{Socket: c.socket, Timeout: time.Duration(cfg.Daemon.RequestTimeout)}
	if entered.Socket == "" {
		entered.Socket = cfg.Daemon.SocketPath
	}
	if entered.Socket != "" {
		if entered.Socket, err = filepath.Abs(entered.Socket); err != nil {
			return settings.Options{}, fmt.Errorf("cannot find the socket: %w", err)
		}
	}
	entered.Hook, err = c.findHook(o.hook)
	return entered, err
}

// findHook is the hook's absolute path; empty: there is none.
func (c *call) findHook(given string) (string, error) {
	if given != "" {
		path, err := filepath.Abs(given)
		if err == nil {
			err = runnable(path)
		}
		if err != nil {
			return "", fmt.Errorf("cannot use the hook: %w", err)
		}
		return path, nil
	}
	self, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("cannot find this program: %w", err)
	}
	return settings.Find(self, c.Getenv("PATH")), nil
}

// runnable says why a program cannot be run.
func runnable(program string) error {
	_, err := exec.LookPath(program)
	if wrapped, ok := errors.AsType[*exec.Error](err); ok {
		return fmt.Errorf("%s: %w", program, wrapped.Err)
	}
	return err
}

func (c *call) hooksInstall(o hooksOptions) error {
	path, claude, project, err := c.settingsFile(o)
	if err != nil {
		return err
	}
	entered, err := c.entries(o)
	if err != nil {
		return err
	}
	if entered.Hook == "" {
		return &failure{code: exitError, err: fmt.Errorf("cannot find %s, beside this program or on the PATH", settings.Program),
			hint: "install both programs in one folder, or name it with --hook"}
	}
	plugins, err := settings.Plugins(claude, project)
	if err != nil {
		return hinted(err)
	}
	if len(plugins) > 0 {
		return &failure{code: exitError, err: fmt.Errorf("cannot install: the plugin %s (%s) runs the same hook, and you would be asked everything twice", plugins[0].ID, plugins[0].Enabled),
			hint: "leave it at that, or first: claude plugin disable " + plugins[0].ID}
	}
	change, err := settings.Install(path, entered)
	if err != nil {
		return hinted(err)
	}
	if !change.Changed {
		_, err = fmt.Fprintf(c.Stdout, "The hook is in %s already; nothing was changed.\n", path)
		return err
	}
	fmt.Fprintf(c.Stdout, "Entered %s for %d events in %s.\n", entered.Hook, len(settings.Events()), path)
	if change.Backup != "" {
		fmt.Fprintf(c.Stdout, "The file from before is %s.\n", change.Backup)
	}
	if now, err := settings.Read(path); err == nil && now.Disabled {
		fmt.Fprintf(c.Stderr, "warning: %s switches all hooks off (disableAllHooks): none will run\n", path)
	}
	_, err = fmt.Fprintln(c.Stdout, "Sessions that run take it up within seconds.")
	return err
}

func (c *call) hooksRemove(o hooksOptions) error {
	path, _, _, err := c.settingsFile(o)
	if err != nil {
		return err
	}
	change, err := settings.Remove(path)
	switch {
	case err != nil:
		return hinted(err)
	case change.Deleted:
		_, err = fmt.Fprintf(c.Stdout, "Removed %s, which had nothing but the hook's entries.\n", path)
	case change.Changed:
		_, err = fmt.Fprintf(c.Stdout, "Took the hook's entries out of %s.\n", path)
	default:
		_, err = fmt.Fprintf(c.Stdout, "There are no entries of the hook in %s.\n", path)
	}
	return err
}

// hinted adds what to do about an error of the settings.
func hinted(err error) error {
	hint := ""
	if _, ok := errors.AsType[*settings.SyntaxError](err); ok {
		hint = "mend the file there; nothing was changed"
	} else if errors.Is(err, settings.ErrReadOnly) {
		hint = "chmod u+w it, or add the entries where it is made: docs/hooks.md shows them"
	} else if errors.Is(err, fs.ErrPermission) {
		hint = "the file and its folder must be yours to write; docs/hooks.md shows the entries"
	}
	return &failure{code: exitError, err: err, hint: hint}
}

// hooksState is `hooks status` as JSON.
type hooksState struct {
	Installed bool         `json:"installed"`
	Path      string       `json:"path"` // of the settings
	Hook      string       `json:"hook"` // what is run; empty: nothing
	Entries   []hooksEntry `json:"entries"`
	Missing   []string     `json:"missing"` // events without an entry, where there are any
	Plugins   []string     `json:"plugins"` // that run the hook
	Problems  []string     `json:"problems"`
}

type hooksEntry struct {
	Event   string   `json:"event"`
	Line    int      `json:"line"`
	Command string   `json:"command"`
	Args    []string `json:"args"`
	Matcher string   `json:"matcher"`
	Timeout float64  `json:"timeout"` // in seconds; 0: Claude Code's own
}

func (c *call) hooksStatus(o hooksOptions) error {
	path, claude, project, err := c.settingsFile(o)
	if err != nil {
		return err
	}
	now, err := settings.Read(path)
	if err != nil {
		return hinted(err)
	}
	plugins, err := settings.Plugins(claude, project)
	if err != nil {
		return hinted(err)
	}
	wanted, err := c.entries(o)
	if err != nil {
		return err
	}
	s := stateOf(now, plugins, wanted)
	if o.json {
		err = c.printJSON(s)
	} else {
		err = c.printHooks(s)
	}
	if err == nil && !s.Installed {
		hint := "claude-permission-daemon hooks install"
		if o.project {
			hint += " --project"
		}
		if len(plugins) > 0 {
			hint = ""
		}
		return &failure{code: exitError, err: fmt.Errorf("the hook is not installed as it should be: %s", strings.Join(s.Problems, "; ")), hint: hint}
	}
	return err
}

// stateOf judges what the settings and the plugins have.
func stateOf(now settings.Status, plugins []settings.Plugin, wanted settings.Options) hooksState {
	s := hooksState{Path: now.Path, Entries: []hooksEntry{}, Missing: []string{}, Plugins: []string{}, Problems: []string{}}
	problem := func(format string, args ...any) { s.Problems = append(s.Problems, fmt.Sprintf(format, args...)) }
	var programs, arguments []string
	for _, e := range now.Entries {
		s.Entries = append(s.Entries, hooksEntry{e.Event, e.Line, e.Command, append([]string{}, e.Args...), e.Matcher, e.Timeout.Seconds()})
		if !e.Shell && !slices.Contains(programs, e.Command) {
			programs = append(programs, e.Command)
		}
		if args := strings.Join(e.Args, " "); !e.Shell && !slices.Contains(arguments, args) {
			arguments = append(arguments, args)
		}
	}
	for _, p := range plugins {
		s.Plugins = append(s.Plugins, p.ID)
	}
	switch {
	case len(now.Entries) > 0:
		s.Hook = now.Entries[0].Command
		s.Missing = append(s.Missing, now.Missing...)
	case len(plugins) > 0:
		programs, s.Hook = []string{settings.Program}, settings.Program
	default:
		s.Missing = append(s.Missing, now.Missing...)
	}
	switch {
	case len(now.Entries) == 0 && len(plugins) == 0:
		problem("there are no entries in %s", now.Path)
	case len(now.Entries) > 0 && len(plugins) > 0:
		problem("the plugin %s runs the hook too, so everything is asked twice", plugins[0].ID)
	case len(s.Missing) > 0:
		problem("it does not run at every %s", strings.Join(s.Missing, ", "))
	}
	if len(programs) > 1 {
		problem("the entries run different hooks: %s", strings.Join(programs, ", "))
	}
	for _, program := range programs {
		if err := runnable(program); err != nil {
			problem("the hook cannot be run: %v", err)
		}
	}
	args := ""
	if wanted.Socket != "" {
		args = "--socket " + wanted.Socket
	}
	for _, have := range arguments {
		if have != args {
			problem("the entries have the arguments %q where the daemon's socket wants %q", have, args)
		}
	}
	if now.Disabled {
		problem("%s switches all hooks off (disableAllHooks)", now.Path)
	}
	s.Installed = len(s.Problems) == 0
	return s
}

func (c *call) printHooks(s hooksState) error {
	w := tabwriter.NewWriter(c.Stdout, 0, 4, 2, ' ', 0)
	fmt.Fprintf(w, "settings\t%s\n", s.Path)
	fmt.Fprintf(w, "events\t%d of %d\n", len(settings.Events())-len(s.Missing), len(settings.Events()))
	if s.Hook != "" {
		fmt.Fprintf(w, "hook\t%s\n", s.Hook)
	}
	for _, id := range s.Plugins {
		fmt.Fprintf(w, "plugin\t%s\n", id)
	}
	for _, p := range s.Problems {
		fmt.Fprintf(w, "problem\t%s\n", p)
	}
	return w.Flush()
}

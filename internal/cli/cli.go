// Package cli is the command line: the daemon in the foreground, and the verbs
// that are clients of it. Standard output holds what was asked for, and
// nothing else; errors are `error:` and `hint:` lines on standard error.
package cli

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
)

// Env is what a command has of the world.
type Env struct {
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	Getenv         func(string) string
}

// The exit codes, as every --help says.
const (
	exitDone     = 0
	exitError    = 1
	exitUsage    = 2
	exitNoSuch   = 3 // no such open request
	exitNoDaemon = 4
)

// failure is an error with its exit code and what to do about it.
type failure struct {
	code int
	err  error
	hint string
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

func usagef(format string, args ...any) error {
	return &failure{code: exitUsage, err: fmt.Errorf(format, args...)}
}

// errHelp says that help was asked for and given.
var errHelp = errors.New("help was given")

// command is one verb.
type command struct {
	name  string
	args  string // as in the usage line: "ID [-m TEXT]"
	short string // one line for the list
	long  string // what --help adds
	// setup declares the verb's flags and returns what it does.
	setup func(*flag.FlagSet) func(ctx context.Context, c *call) error
}

// call is one run of a verb.
type call struct {
	Env
	args    []string
	socket  string // --socket; empty: not given
	config  string // --config
	debug   bool
	version string
}

// commands lists the verbs in the order in which help shows them.
func commands() []command {
	return []command{
		setupCommand(), statusCommand(), pendingCommand(), watchCommand(), approveCommand(), denyCommand(),
		awayCommand(), hereCommand(), autoCommand(), presenceCommand(), logCommand(), slackCommand(), hooksCommand(), doctorCommand(), serviceCommand(), tryCommand(), uninstallCommand(), completionCommand(), manCommand(), versionCommand(),
	}
}

// exitMeanings are the exit codes, for help and the manual.
func exitMeanings() []struct {
	number  int
	meaning string
} {
	return []struct {
		number  int
		meaning string
	}{{exitDone, "done"}, {exitError, "error"}, {exitUsage, "usage"}, {exitNoSuch, "no such open request"}, {exitNoDaemon, "no daemon"}}
}

// exitCodes is their line in every --help.
func exitCodes() string {
	var said []string
	for _, e := range exitMeanings() {
		said = append(said, fmt.Sprintf("%d %s", e.number, e.meaning))
	}
	return "\nExit codes: " + strings.Join(said, ", ") + ".\n"
}

// Run is the whole program but for main. It returns the exit code.
func Run(ctx context.Context, args []string, env Env) int {
	err := run(ctx, args, env)
	if err == nil || errors.Is(err, errHelp) {
		return exitDone
	}
	fmt.Fprintf(env.Stderr, "error: %v\n", err)
	f, ok := errors.AsType[*failure](err)
	if !ok {
		return exitError
	}
	if f.hint != "" {
		fmt.Fprintf(env.Stderr, "hint: %s\n", f.hint)
	}
	return f.code
}

func run(ctx context.Context, args []string, env Env) error {
	c := &call{Env: env, version: buildVersion()}
	global := flag.NewFlagSet("claude-permission-daemon", flag.ContinueOnError)
	common(global, c)
	showVersion := global.Bool("version", false, "print the version and exit")
	rest, err := parse(global, args, env, func(w io.Writer) { help(w, global) })
	switch {
	case err != nil:
		return err
	case *showVersion:
		return printVersion(c)
	case len(rest) == 0:
		return foreground(ctx, c)
	}
	for _, cmd := range commands() {
		if cmd.name == rest[0] {
			return runCommand(ctx, cmd, rest[1:], c)
		}
	}
	if rest[0] == "help" {
		help(env.Stdout, global)
		return nil
	}
	return &failure{code: exitUsage, err: fmt.Errorf("unknown command %q", rest[0]),
		hint: "claude-permission-daemon --help lists the commands"}
}

func runCommand(ctx context.Context, cmd command, args []string, c *call) error {
	flags := flag.NewFlagSet("claude-permission-daemon "+cmd.name, flag.ContinueOnError)
	common(flags, c)
	do := cmd.setup(flags)
	rest, err := parse(flags, args, c.Env, func(w io.Writer) {
		fmt.Fprintf(w, "usage: claude-permission-daemon %s\n\n%s\n", strings.TrimSpace(cmd.name+" [flags] "+cmd.args), cmd.short)
		if cmd.long != "" {
			fmt.Fprintf(w, "\n%s\n", strings.TrimSpace(cmd.long))
		}
		fmt.Fprintln(w, "\nFlags:")
		printFlags(w, flags)
		fmt.Fprint(w, exitCodes())
	})
	if err != nil {
		return err
	}
	c.args = rest
	return do(ctx, c)
}

// common declares the flags that every command has. A flag that was given
// before the verb stays set.
func common(flags *flag.FlagSet, c *call) {
	flags.StringVar(&c.socket, "socket", c.socket, "the daemon's socket `path` (default: $CLAUDE_PERM_SOCKET_PATH, then the runtime folder's)")
	flags.StringVar(&c.config, "config", c.config, "the configuration `file` (default: ~/.config/claude-permission-daemon/config.toml)")
	flags.BoolVar(&c.debug, "debug", c.debug, "log every step")
}

// parse reads flags wherever they stand among the arguments, up to "--".
func parse(flags *flag.FlagSet, args []string, env Env, usage func(io.Writer)) (rest []string, err error) {
	flags.SetOutput(io.Discard)
	flags.Usage = func() {}
	first := flags.Name() == "claude-permission-daemon"
	for {
		err := flags.Parse(args)
		switch {
		case errors.Is(err, flag.ErrHelp):
			usage(env.Stdout)
			return nil, errHelp
		case err != nil:
			return nil, &failure{code: exitUsage, err: err, hint: flags.Name() + " --help shows the flags"}
		}
		given := flags.Args()
		if len(given) == 0 {
			return rest, nil
		}
		if first { // the verb's own flags are not ours
			return given, nil
		}
		if used := len(args) - len(given); used > 0 && args[used-1] == "--" {
			return append(rest, given...), nil
		}
		rest = append(rest, given[0])
		args = given[1:]
	}
}

func printFlags(w io.Writer, flags *flag.FlagSet) {
	flags.VisitAll(func(f *flag.Flag) {
		value, usage := flag.UnquoteUsage(f)
		dashes := "--"
		if len(f.Name) == 1 {
			dashes = "-"
		}
		fmt.Fprintf(w, "  %-22s %s\n", strings.TrimSpace(dashes+f.Name+" "+value), usage)
	})
}

func help(w io.Writer, flags *flag.FlagSet) {
	fmt.Fprint(w, `usage: claude-permission-daemon [flags] [command]

Carries Claude Code's permission questions to where you are. Without a command
it runs the daemon in the foreground.

Commands:
`)
	for _, cmd := range commands() {
		fmt.Fprintf(w, "  %-22s %s\n", strings.TrimSpace(cmd.name+" "+cmd.args), cmd.short)
	}
	fmt.Fprintln(w, "\nFlags:")
	printFlags(w, flags)
	fmt.Fprint(w, exitCodes())
}

// noArgs refuses arguments that a verb would ignore.
func noArgs(c *call) error {
	if len(c.args) > 0 {
		return usagef("unexpected argument %q", c.args[0])
	}
	return nil
}

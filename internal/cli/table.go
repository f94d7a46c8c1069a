package cli

import (
	"context"
	"flag"
	"io"
	"strings"

	"claude-permission-daemon/internal/doctor"
)

// This file turns the verbs into a table, from which shells' completions and
// the manual page are made.

// verb is one row: a command with all that can follow it.
type verb struct {
	name, args, short, long string
	flags                   []option
	words                   []string // what its argument may be
	ids                     bool     // its argument is an open request's id
}

// option is one flag.
type option struct {
	name  string // without dashes
	value string // what follows it, in a word; empty: nothing does
	usage string
}

// dashed is the flag as it is typed.
func (o option) dashed() string {
	if len([]rune(o.name)) == 1 {
		return "-" + o.name
	}
	return "--" + o.name
}

// path reports whether a file's name follows.
func (o option) path() bool {
	return o.value == "path" || o.value == "file" || o.value == "folder" || o.value == "dir"
}

// verbs is the table, in the order in which help shows it.
func verbs() []verb {
	var all []verb
	for _, cmd := range commands() {
		flags := flag.NewFlagSet(cmd.name, flag.ContinueOnError)
		flags.SetOutput(io.Discard)
		cmd.setup(flags)
		v := verb{name: cmd.name, args: cmd.args, short: cmd.short, long: strings.TrimSpace(cmd.long), flags: options(flags)}
		v.words, v.ids = arguments(cmd.args)
		all = append(all, v)
	}
	return all
}

// globals are the flags that every verb takes.
func globals() []option {
	flags := flag.NewFlagSet("", flag.ContinueOnError)
	common(flags, new(call))
	return options(flags)
}

func options(flags *flag.FlagSet) (all []option) {
	flags.VisitAll(func(f *flag.Flag) {
		value, usage := flag.UnquoteUsage(f)
		all = append(all, option{f.Name, value, usage})
	})
	return all
}

// arguments reads a usage line's arguments: words to choose from are written
// small and apart by bars, what stands for something else in capitals.
func arguments(args string) (words []string, ids bool) {
	for field := range strings.FieldsSeq(args) {
		field = strings.Trim(field, "[]…")
		switch {
		case strings.HasPrefix(field, "-") || field == "":
		case field == "ID":
			ids = true
		case field == "CHECK":
			words = append(words, doctor.IDs()...)
		case field == strings.ToLower(field):
			words = append(words, strings.Split(field, "|")...)
		}
	}
	return words, ids
}

func completionCommand() command {
	return command{name: "completion", args: "bash|zsh|fish", short: "print a shell's completion, made from these very commands",
		long: `bash: claude-permission-daemon completion bash > ~/.local/share/bash-completion/completions/claude-permission-daemon
zsh:  claude-permission-daemon completion zsh > "${fpath[1]}/_claude-permission-daemon"
fish: claude-permission-daemon completion fish > ~/.config/fish/completions/claude-permission-daemon.fish`,
		setup: func(*flag.FlagSet) func(context.Context, *call) error {
			return func(_ context.Context, c *call) error {
				made := map[string]func() string{"bash": bashCompletion, "zsh": zshCompletion, "fish": fishCompletion}
				if len(c.args) != 1 || made[c.args[0]] == nil {
					return usagef("one of bash, zsh and fish is wanted")
				}
				_, err := io.WriteString(c.Stdout, made[c.args[0]]())
				return err
			}
		}}
}

package cli

import (
	"context"
	"flag"
	"fmt"
	"io"
	"runtime/debug"
	"strings"
)

func manCommand() command {
	return command{name: "man", args: "[hook]", short: "print the manual page, or the hook's, made from these very commands",
		long: "To read it: claude-permission-daemon man | man -l -",
		setup: func(*flag.FlagSet) func(context.Context, *call) error {
			return func(_ context.Context, c *call) error {
				page := c.manual()
				switch {
				case len(c.args) == 1 && c.args[0] == "hook":
					page = c.hookManual()
				case len(c.args) > 0:
					return usagef("man or man hook is wanted")
				}
				_, err := io.WriteString(c.Stdout, page)
				return err
			}
		}}
}

// roff writes a manual page in man(7)'s macros.
type roff struct{ strings.Builder }

// line writes a macro line.
func (r *roff) line(macro string, args ...string) {
	r.WriteString("." + macro)
	for _, a := range args {
		r.WriteString(` "` + strings.ReplaceAll(escapeRoff(a), `"`, `\(dq`) + `"`)
	}
	r.WriteString("\n")
}

// head is the page's title; its date is read as one, so it is not escaped.
func (r *roff) head(title, source string) {
	fmt.Fprintf(r, ".TH \"%s\" 1 \"%s\" \"%s\" \"User Commands\"\n", escapeRoff(title), builtOn(), escapeRoff(source))
}

// text writes prose, a paragraph for every empty line.
func (r *roff) text(s string) {
	for line := range strings.SplitSeq(s, "\n") {
		if line == "" {
			r.line("PP")
			continue
		}
		r.WriteString(escapeRoff(line) + "\n")
	}
}

// as writes lines as they are.
func (r *roff) as(s string) {
	r.line("EX")
	for line := range strings.SplitSeq(s, "\n") {
		r.WriteString(escapeRoff(line) + "\n")
	}
	r.line("EE")
}

// option writes a flag with what it means.
func (r *roff) option(o option) {
	r.line("TP")
	r.WriteString(`\fB` + escapeRoff(o.dashed()) + `\fR`)
	if o.value != "" {
		r.WriteString(` \fI` + escapeRoff(o.value) + `\fR`)
	}
	r.WriteString("\n")
	r.text(o.usage)
}

// escapeRoff keeps text from being read as roff.
func escapeRoff(s string) string {
	s = strings.NewReplacer(`\`, `\e`, "-", `\-`, "…", "...", "“", `\(lq`, "”", `\(rq`, "→", `\(->`).Replace(s)
	if strings.HasPrefix(s, ".") || strings.HasPrefix(s, "'") {
		s = `\&` + s
	}
	return s
}

// builtOn is the day of the commit that was built.
func builtOn() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.time" {
				return s.Value[:min(10, len(s.Value))]
			}
		}
	}
	return "2026-11-23" // of this release's beginning: a build outside a repository does not know
}

func (c *call) manual() string {
	var r roff
	r.head("CLAUDE-PERMISSION-DAEMON", program+" "+c.version)
	r.line("SH", "NAME")
	r.WriteString(escapeRoff(program) + ` \- answer Claude Code's permission questions from wherever you are` + "\n")
	r.line("SH", "SYNOPSIS")
	r.line("B", program)
	r.WriteString(`[\fIflags\fR] [\fIcommand\fR]` + "\n")
	r.line("SH", "DESCRIPTION")
	r.text(`Claude Code stops and asks before it runs a command or edits a file.
This program carries that question to wherever you are, and your answer back.
At the keyboard nothing changes: while you are there, nobody else is asked.

Without a command it runs the daemon in the foreground.
No failure allows or denies anything: whatever goes wrong, the question goes back to the terminal, where it has been all along.`)
	r.line("SH", "FLAGS")
	r.text("Every command takes these.")
	for _, o := range globals() {
		r.option(o)
	}
	r.line("SH", "COMMANDS")
	for _, v := range verbs() {
		r.line("SS", strings.TrimSpace(v.name+" "+v.args))
		r.text(strings.ToUpper(v.short[:1]) + v.short[1:] + ".")
		if v.long != "" {
			r.line("PP")
			r.as(v.long)
		}
		for _, o := range v.flags {
			r.option(o)
		}
	}
	r.line("SH", "EXIT STATUS")
	for _, code := range exitMeanings() {
		r.line("TP")
		fmt.Fprintf(&r, "%d\n", code.number)
		r.text(code.meaning)
	}
	r.line("SH", "ENVIRONMENT")
	for _, e := range [][2]string{
		{"CLAUDE_PERM_SOCKET_PATH", "The daemon's socket, for the daemon, the hook and these commands."},
		{"CLAUDE_PERM_*", "Other settings, which win over the file; docs/configuration.md lists them."},
		{"CLAUDE_CONFIG_DIR", "Claude Code's folder in place of ~/.claude."},
		{"NO_COLOR", "Set to anything: no colours."},
	} {
		r.line("TP")
		r.line("B", e[0])
		r.text(e[1])
	}
	r.line("SH", "FILES")
	for _, f := range [][2]string{
		{"~/.config/claude-permission-daemon/config.toml", "The configuration. It may hold tokens: chmod 600."},
		{"~/.local/state/claude-permission-daemon/", "The journal, and what else outlives a restart."},
		{"$XDG_RUNTIME_DIR/claude-permissions.sock", "The daemon's socket."},
		{"~/.claude/settings.json", "Claude Code's settings, with the entries of the hook."},
	} {
		r.line("TP")
		r.line("I", f[0])
		r.text(f[1])
	}
	r.line("SH", "SEE ALSO")
	r.line("BR", "claude-permission-hook", " (1)")
	return r.String()
}

func (c *call) hookManual() string {
	var r roff
	r.head("CLAUDE-PERMISSION-HOOK", "claude-permission-hook "+c.version)
	r.line("SH", "NAME")
	r.WriteString(`claude\-permission\-hook \- bring a question of Claude Code to the daemon` + "\n")
	r.line("SH", "SYNOPSIS")
	r.line("B", "claude-permission-hook")
	r.WriteString(`[\fB\-\-socket\fR \fIpath\fR]` + "\n")
	r.line("SH", "DESCRIPTION")
	r.text(`It reads one hook event of Claude Code from standard input, brings it to claude-permission-daemon, and prints the answer for Claude Code, or nothing.
Claude Code runs it: it is named as a hook in Claude Code's settings.json.

Where it prints nothing, Claude Code asks in the terminal. What went wrong then stands in one line on standard error.`)
	r.line("SH", "FLAGS")
	for _, o := range []option{
		{"socket", "path", "the daemon's socket (else $CLAUDE_PERM_SOCKET_PATH, else the usual place)"}, {"version", "", "print the version"}, {"help", "", "print help"},
	} {
		r.option(o)
	}
	r.line("SH", "EXIT STATUS")
	r.text("Always 0: any other would mean something to Claude Code.")
	r.line("SH", "SEE ALSO")
	r.line("BR", program, " (1)")
	return r.String()
}

package rules

import (
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"

	"claude-permission-daemon/internal/shellwords"
)

// What of a line is followed at most: sh -c inside sh -c, the words of a
// wrapper's command, commands and programs in all. What is beyond cannot be
// told.
const (
	maxDepth    = 6
	maxWords    = 200
	maxRuns     = 5000
	maxPrograms = 200
)

// call is one simple command of a line.
type call struct {
	written string // as it stands, with assignments and redirections
	words   []word
	read    []word   // files that are redirected from
	wrote   []word   // and to
	input   []string // here-documents and here-strings
	file    bool     // its input is a file
}

// run is a command that a line may come to run.
type run struct {
	words []word
	// sure is false of what follows a wrapper somewhere: it is meant to be a
	// command only if the wrapper has options that this program does not know.
	sure bool
}

// line is what a command line does, as far as its text tells.
type line struct {
	calls []call
	runs  []run
	// open says that it runs what its text does not tell.
	open     bool
	programs int
	known    places
}

// read gives the simple commands of a line, in subshells, loops, functions and
// substitutions too, and those that they run in their turn; false if it cannot
// be read, or if it runs a program that it does not tell.
func read(text, home string) (l line, ok bool) {
	// The command is anybody's.
	defer func() {
		if recover() != nil {
			l, ok = line{}, false
		}
	}()
	l.known = placesOf(text, home)
	l.program(text, 0)
	return l, !l.open
}

// program reads a text that a shell runs.
func (l *line) program(text string, depth int) {
	l.programs++
	file, err := shellwords.Parse(text)
	if err != nil || depth > maxDepth || l.programs > maxPrograms {
		l.open = true
		return
	}
	source := func(n syntax.Node) string {
		start, end := int(n.Pos().Offset()), int(n.End().Offset())
		if start < 0 || end > len(text) || start >= end {
			return ""
		}
		return text[start:end]
	}
	words := func(w *syntax.Word) []word { return l.known.words(w, source(w)) }
	syntax.Walk(file, func(n syntax.Node) bool {
		stmt, ok := n.(*syntax.Stmt)
		if !ok {
			return true
		}
		var c call
		switch cmd := stmt.Cmd.(type) {
		case *syntax.CallExpr:
			for _, w := range cmd.Args {
				c.words = append(c.words, words(w)...)
			}
		case *syntax.DeclClause, *syntax.TestClause, *syntax.LetClause, *syntax.ArithmCmd:
			l.calls = append(l.calls, call{written: source(cmd)})
		}
		c.written = strings.TrimRight(source(stmt), " \t\n;&")
		for _, r := range stmt.Redirs {
			isInput := r.N == nil || r.N.Value == "0"
			switch r.Op {
			case syntax.RdrIn:
				c.read, c.file = append(c.read, words(r.Word)...), c.file || isInput
			case syntax.Hdoc, syntax.DashHdoc:
				if isInput {
					c.hear(l.known.document(r.Word, r.Hdoc))
				}
			case syntax.WordHdoc:
				for _, w := range words(r.Word) {
					if isInput {
						c.hear(w.told())
					}
				}
			case syntax.DplIn, syntax.DplOut:
			default:
				c.wrote = append(c.wrote, words(r.Word)...)
			}
		}
		l.calls = append(l.calls, c)
		l.run(c.words, c, depth, true)
		return true
	})
}

// hear notes a here-document or here-string.
func (c *call) hear(text string, told bool) {
	if c.file = false; told {
		c.input = append(c.input, text)
	}
}

// wrappers run the command that follows their own options. The options listed
// take a value in the next word.
var wrappers = map[string]string{
	"sudo": "-u -g -h -p -C -r -t -T -U -D -R --user --group --host --prompt --chdir --chroot", "doas": "-u -C", "pkexec": "--user",
	"su": "-s -g -G -w", "runuser": "-u -s -g -G -w", "env": "-u -C -S --unset --chdir --split-string",
	"nice": "-n --adjustment", "ionice": "-c -n -p --class --classdata", "taskset": "", "chrt": "", "setarch": "", "prlimit": "",
	"nohup": "", "setsid": "", "stdbuf": "-i -o -e", "unbuffer": "", "chronic": "", "script": "-c --command", "caffeinate": "-t -w", "systemd-run": "-p -u",
	"time": "-f -o", "timeout": "-s -k --signal --kill-after", "strace": "-o -e -p -s", "ltrace": "-o -e -p -s", "watch": "-n --interval",
	"command": "", "builtin": "", "exec": "-a", "noglob": "", "nocorrect": "", "-": "", "repeat": "", "coproc": "",
	"xargs":    "-n -P -I -L -a -d -E -s -J -R --max-args --max-procs --replace --arg-file --delimiter --max-lines --max-chars",
	"parallel": "-j -n --jobs -N -I --max-args", "flock": "-w -E", "chroot": "", "unshare": "", "nsenter": "-t", "busybox": "", "toybox": "", "firejail": "", "bwrap": "",
}

// operands are how many words stand before the command of a wrapper.
var operands = map[string]int{"timeout": 1, "flock": 1, "chroot": 1, "repeat": 1, "taskset": 1, "chrt": 1}

// takesText are the wrappers of which a single word may be a whole line.
var takesText = set("su runuser script watch parallel flock env tmux screen entr nix-shell hyperfine")

// wraps reports whether a command runs others that its words name.
func wraps(name string) bool {
	_, ok := wrappers[name]
	return ok || takesText[name]
}

// given are the wrappers whose command gets further words from elsewhere.
var given = set("xargs parallel")

var shells = set("sh bash zsh dash ksh ash mksh yash fish rbash")

func set(names string) map[string]bool {
	m := make(map[string]bool)
	for name := range strings.FieldsSeq(names) {
		m[name] = true
	}
	return m
}

// run notes a command, and what it runs in its turn.
func (l *line) run(words []word, c call, depth int, sure bool) {
	if len(words) == 0 || l.open {
		return
	}
	if l.runs = append(l.runs, run{words, sure}); len(l.runs) > maxRuns {
		l.open = true
		return
	}
	name, named := words[0].base().told()
	rest := words[1:]
	switch {
	case shells[name]:
		l.shell(rest, c, depth)
		return
	case name == "eval":
		l.text(rest, depth)
		return
	case name == "trap":
		for _, w := range rest {
			if !w.isOption() {
				l.text([]word{w}, depth)
				return
			}
		}
		return
	case name == "alias":
		for _, w := range rest {
			if text, ok := w.told(); ok {
				if _, value, ok := strings.Cut(text, "="); ok {
					l.program(value, depth+1)
				}
			}
		}
		return
	case name == "source" || name == ".":
		if len(rest) > 0 {
			l.open = l.open || rest[0].program || isInput(rest[0])
		}
		return
	case finds[name]:
		l.find(rest, c, depth, sure)
		return
	case name == "command" && len(rest) > 0 && rest[0].isOption() && strings.ContainsAny(rest[0].head(), "vV"):
		return // it says where a command is
	}
	if named && !wraps(name) {
		return
	}
	// A wrapper; or a command whose name is not told, which may be one.
	if len(words) > maxWords {
		l.open = true
		return
	}
	if given[name] {
		rest = append(placeholders(rest), anything())
	}
	if takesText[name] || !named {
		l.texts(rest, depth)
	}
	main := -1
	if named {
		main = commandOf(name, rest)
		l.run(rest[main:], c, depth, sure)
	}
	if !sure {
		return // what follows it follows the wrapper before it
	}
	for i := range rest {
		if _, ok := rest[i].base().told(); ok && i != main {
			l.run(rest[i:], c, depth, false)
		}
	}
}

// texts runs the words that may be a whole line each.
func (l *line) texts(rest []word, depth int) {
	for i, w := range rest {
		text, ok := w.told()
		switch {
		case !ok:
			before := ""
			if i > 0 {
				before = rest[i-1].head()
			}
			l.open = l.open || before == "-c" || before == "-S" || before == "--command" || before == "--split-string"
		case isAssignment(text) || !strings.ContainsAny(text, " \t\n"):
		case w.isOption(): // -c'…', -iS'…', --command='…'
			for _, sign := range []string{"=", "c", "S"} {
				if _, value, ok := strings.Cut(text, sign); ok {
					l.program(value, depth+1)
				}
			}
		default:
			l.program(text, depth+1)
		}
	}
}

// commandOf is where the command of a wrapper begins.
func commandOf(name string, rest []word) int {
	valued := strings.Fields(wrappers[name])
	i := 0
	for ; i < len(rest) && (rest[i].isOption() && rest[i].head() != "-" || isAssignment(rest[i].head())); i++ {
		option := rest[i].head()
		if option == "--" {
			i++
			break
		}
		if slices.Contains(valued, option) {
			i++
		}
	}
	return min(i+operands[name], len(rest))
}

func isAssignment(s string) bool {
	name, _, ok := strings.Cut(s, "=")
	return ok && name != "" && strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_") == ""
}

// placeholders are the words of xargs -I with what it puts into them.
func placeholders(rest []word) []word {
	signs := []string{"{}"}
	for i, w := range rest {
		text := w.head()
		for _, option := range []string{"--replace=", "-I", "-J", "-i"} {
			if sign, ok := strings.CutPrefix(text, option); ok {
				if sign == "" && i+1 < len(rest) {
					sign = rest[i+1].head()
				}
				if sign != "" {
					signs = append(signs, sign)
				}
			}
		}
	}
	return replaceAll(rest, signs, unknown)
}

func replaceAll(words []word, signs []string, kind pieceKind) []word {
	out := slices.Clone(words)
	for i := range out {
		for _, sign := range signs {
			out[i] = out[i].replaced(sign, kind)
		}
	}
	return out
}

// text runs words as eval does.
func (l *line) text(words []word, depth int) {
	var texts []string
	for _, w := range words {
		text, ok := w.told()
		if !ok {
			l.open = true
			return
		}
		texts = append(texts, text)
	}
	l.program(strings.Join(texts, " "), depth+1)
}

// shell looks for the program that a shell is given.
func (l *line) shell(args []word, c call, depth int) {
	for i := 0; i < len(args); i++ {
		text, ok := args[i].told()
		switch {
		case !ok && (args[i].splits || args[i].isOption() || !hasSlash(args[i])):
			l.open = true
			return
		case !ok:
			return // a script
		case text == "--version" || text == "--help":
			return
		case strings.HasPrefix(text, "--") && text != "--":
			if text == "--rcfile" || text == "--init-file" {
				i++
			}
		case len(text) > 1 && (text[0] == '-' || text[0] == '+') && strings.Contains(text[1:], "c"):
			rest := args[i+1:]
			if n := firstOperand(rest); n >= 0 {
				l.text(rest[n:n+1], depth)
			}
			return
		case text == "-o" || text == "+o" || text == "-O" || text == "+O":
			i++
		case text == "-" || text == "--":
		case len(text) > 1 && (text[0] == '-' || text[0] == '+') && !strings.Contains(text, "s"):
		case isInput(args[i]) || text[:min(len(text), 1)] == "-":
			l.input(c, depth)
			return
		default:
			l.open = l.open || args[i].program
			return // a script
		}
	}
	l.input(c, depth)
}

// input runs what a shell reads.
func (l *line) input(c call, depth int) {
	for _, text := range c.input {
		l.program(text, depth+1)
	}
	// Of a file it is a script like any other.
	l.open = l.open || len(c.input) == 0 && !c.file || slices.ContainsFunc(c.read, func(w word) bool { return w.program })
}

func hasSlash(w word) bool {
	return slices.ContainsFunc(w.pieces, func(p piece) bool { return strings.Contains(p.text, "/") })
}

// isInput reports whether a word names the input of the command.
func isInput(w word) bool {
	text, _ := w.told()
	return text == "/dev/stdin" || text == "/proc/self/fd/0" || strings.HasPrefix(text, "/dev/fd/")
}

// find runs what stands behind -exec.
func (l *line) find(rest []word, c call, depth int, sure bool) {
	for i := range rest {
		if rest[i].vanishes() { // an option may be in it
			l.run(rest[i+1:], c, depth, false)
		}
		if !execs[rest[i].head()] {
			continue
		}
		inner := rest[i+1:]
		for n, w := range inner {
			if text, ok := w.told(); ok && (text == ";" || text == "+") {
				inner = inner[:n]
				break
			}
		}
		l.run(replaceAll(inner, []string{"{}"}, found), c, depth, sure)
	}
}

var finds = set("find fd fdfind")

var execs = set("-exec -execdir -ok -okdir -x -X --exec --exec-batch")

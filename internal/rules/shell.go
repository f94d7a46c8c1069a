package rules

import (
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"

	"claude-permission-daemon/internal/permit"
	"claude-permission-daemon/internal/shellwords"
)

// bash matches Bash(pattern): the whole command as it is written, and each
// command in it.
func bash(pattern string, r permit.Request, _ World) bool {
	line, ok := text(r, "command")
	if !ok {
		return false
	}
	if command(pattern, strings.TrimSpace(line)) {
		return true
	}
	calls, ok := parse(line)
	if !ok {
		return true
	}
	for _, c := range calls {
		for _, form := range c.forms() {
			if command(pattern, form) {
				return true
			}
		}
	}
	return false
}

// powershell matches PowerShell(pattern) without regard to case. There is no
// parser for it here, so the command is cut at every sign that may separate.
func powershell(pattern string, r permit.Request, _ World) bool {
	line, ok := text(r, "command")
	if !ok {
		return false
	}
	pattern, line = strings.ToLower(pattern), strings.ToLower(line)
	if command(pattern, strings.TrimSpace(line)) {
		return true
	}
	for part := range strings.FieldsFuncSeq(line, func(c rune) bool { return strings.ContainsRune(";|&\n(){}", c) }) {
		if command(pattern, strings.Join(strings.Fields(part), " ")) {
			return true
		}
	}
	return false
}

// call is one simple command of a line.
type call struct {
	written string   // as it stands, with assignments and redirections
	words   []string // each as it stands
	values  []string // each as the program gets it, as far as the text tells
	read    []string // files that are redirected from
	wrote   []string // and to
}

// parse gives the simple commands of a line, in subshells, loops, functions
// and substitutions too; false if it cannot be read.
func parse(line string) (calls []call, ok bool) {
	file, err := shellwords.Parse(line)
	if err != nil {
		return nil, false
	}
	// The command is anybody's.
	defer func() {
		if recover() != nil {
			calls, ok = nil, false
		}
	}()
	source := func(n syntax.Node) string {
		start, end := int(n.Pos().Offset()), int(n.End().Offset())
		if start < 0 || end > len(line) || start >= end {
			return ""
		}
		return line[start:end]
	}
	syntax.Walk(file, func(n syntax.Node) bool {
		stmt, ok := n.(*syntax.Stmt)
		if !ok {
			return true
		}
		var c call
		switch cmd := stmt.Cmd.(type) {
		case *syntax.CallExpr:
			for _, w := range cmd.Args {
				c.words = append(c.words, source(w))
				c.values = append(c.values, value(w, source(w)))
			}
		case *syntax.DeclClause, *syntax.TestClause, *syntax.LetClause, *syntax.ArithmCmd:
			c.words = []string{source(cmd)}
			c.values = c.words
		}
		c.written = strings.TrimRight(source(stmt), " \t\n;&")
		for _, r := range stmt.Redirs {
			if r.Word == nil {
				continue
			}
			switch r.Op {
			case syntax.RdrIn:
				c.read = append(c.read, value(r.Word, source(r.Word)))
			case syntax.Hdoc, syntax.DashHdoc, syntax.WordHdoc, syntax.DplIn, syntax.DplOut:
			default:
				c.wrote = append(c.wrote, value(r.Word, source(r.Word)))
			}
		}
		calls = append(calls, c)
		return true
	})
	return calls, true
}

// value is a word without its quotes where it is plain text; else as written.
func value(w *syntax.Word, written string) string {
	var b strings.Builder
	for _, part := range w.Parts {
		switch part := part.(type) {
		case *syntax.Lit:
			b.WriteString(unescape(part.Value))
		case *syntax.SglQuoted:
			if part.Dollar {
				return written
			}
			b.WriteString(part.Value)
		case *syntax.DblQuoted:
			for _, inner := range part.Parts {
				lit, ok := inner.(*syntax.Lit)
				if !ok {
					return written
				}
				b.WriteString(unescape(lit.Value))
			}
		default:
			return written
		}
	}
	return b.String()
}

func unescape(s string) string {
	return strings.NewReplacer("\\\n", "", `\\`, `\`, `\`, "").Replace(s)
}

// forms are the texts by which a call may be meant: as it is written, without
// assignments and redirections, with plain quotes and blanks, and without the
// wrappers before it.
func (c call) forms() []string {
	forms := []string{c.written}
	for _, words := range [][]string{c.words, c.values} {
		for len(words) > 0 {
			forms = append(forms, strings.Join(words, " "))
			inner := unwrap(words)
			if len(inner) == len(words) {
				break
			}
			words = inner
		}
	}
	return forms
}

// unwrap leaves out the wrapper that a command begins with, of those that
// Claude Code leaves out too.
func unwrap(words []string) []string {
	valued := ""
	operands := 0
	switch words[0] {
	case "timeout":
		valued, operands = "-s -k --signal --kill-after", 1
	case "nice":
		valued = "-n --adjustment"
	case "stdbuf":
		valued = "-i -o -e"
	case "time", "nohup", "builtin", "noglob":
	case "command":
		if len(words) > 1 && (words[1] == "-v" || words[1] == "-V") {
			return words
		}
	case "xargs":
		if len(words) > 1 && strings.HasPrefix(words[1], "-") {
			return words
		}
	default:
		return words
	}
	i := 1
	for i < len(words) && strings.HasPrefix(words[i], "-") {
		if words[i] == "--" {
			i++
			break
		}
		if slices.Contains(strings.Fields(valued), words[i]) {
			i++
		}
		i++
	}
	return words[min(i+operands, len(words)):]
}

// commandFiles are the files that a command line reads and writes as far as
// Claude Code recognises them: by redirections, and by a few commands.
func commandFiles(line string) (read, written []string, ok bool) {
	calls, ok := parse(line)
	if !ok {
		return nil, nil, false
	}
	for _, c := range calls {
		read = append(read, c.read...)
		written = append(written, c.wrote...)
		words := c.values
		for len(words) > 0 {
			inner := unwrap(words)
			if len(inner) == len(words) {
				break
			}
			words = inner
		}
		if len(words) == 0 {
			continue
		}
		var plain []string
		for _, w := range words[1:] {
			if !strings.HasPrefix(w, "-") {
				plain = append(plain, w)
			}
		}
		switch words[0] {
		case "cat", "head", "tail", "less", "more", "grep", "diff", "wc":
			read = append(read, plain...)
		case "sed":
			read = append(read, plain...)
			if slices.ContainsFunc(words, func(w string) bool { return strings.HasPrefix(w, "-i") || strings.HasPrefix(w, "--in-place") }) {
				written = append(written, plain...)
			}
		case "tee", "touch", "truncate":
			written = append(written, plain...)
		case "cp", "mv":
			if len(plain) > 1 {
				read = append(read, plain[:len(plain)-1]...)
				written = append(written, plain[len(plain)-1])
			}
		case "rm", "rmdir", "mkdir":
			written = append(written, plain...)
		}
	}
	return read, written, true
}

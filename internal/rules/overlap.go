package rules

import (
	"slices"
	"strings"
)

// Overlap finds a rule of the set that a permission rule for tool(content)
// would reach, were it written to Claude Code's settings: there may be a call
// that both match. It errs on the side of yes.
func (s Set) Overlap(tool, content string) (Rule, bool) {
	for _, rule := range s {
		if rule.tool != "" && rule.overlaps(tool, strings.TrimSpace(content)) {
			return rule, true
		}
	}
	return Rule{}, false
}

func (r Rule) overlaps(tool, content string) bool {
	if content == "*" {
		content = ""
	}
	mine, its := kindOf(r.tool), kindOf(tool)
	switch {
	case its == "Bash" && r.specifier != "" && (mine == "Read" || mine == "Edit"):
		return content == "" || opensAll(content) || touches(content, mine)
	case its == "Edit" && mine == "Read":
		its = mine // whoever may write a file may read it
	case mine != its && !namesMeet(r.tool, tool):
		return false
	case mine == "mcp" && its == "mcp" && !namesMeet(r.tool, tool):
		return false
	}
	return r.specifier == "" || content == "" || mine != its || contentsMeet(mine, r.specifier, content)
}

// namesMeet reports whether two names or patterns may name one tool.
func namesMeet(a, b string) bool {
	for _, mine := range covered(a) {
		for _, its := range covered(b) {
			if meet(tokens(mine), tokens(its)) {
				return true
			}
		}
	}
	return false
}

// covered are the names that a name stands for: its family's, and all of a
// server.
func covered(tool string) []string {
	out := append([]string{tool}, family[tool]...)
	if strings.HasPrefix(tool, "mcp__") {
		out = append(out, tool+"__*")
	}
	return out
}

// kindOf is the tool whose rules a tool's are.
func kindOf(tool string) string {
	if strings.HasPrefix(tool, "mcp__") {
		return "mcp"
	}
	for _, kind := range []string{"Bash", "Edit", "Read", "Agent"} {
		if slices.Contains(family[kind], tool) {
			return kind
		}
	}
	return tool
}

// contentsMeet compares what stands between the parentheses.
func contentsMeet(kind, mine, its string) bool {
	_, value, isParameter := splitParameter(its)
	_, _, mineIs := splitParameter(mine)
	switch kind {
	case "Bash":
		return isParameter && value != "*" || mineIs && !strings.HasSuffix(mine, ":*") || commandsMeet(mine, its)
	case "PowerShell":
		mine, its = strings.ToLower(mine), strings.ToLower(its)
		return isParameter || mineIs || prefixesMeet(mine, its) || opensAll(its)
	case "Read", "Edit":
		return isParameter || mineIs || pathsMeet(mine, its)
	case "WebFetch":
		mine, its = domain(strings.TrimPrefix(mine, "domain:")), domain(strings.TrimPrefix(its, "domain:"))
		return !plain(mine) || !plain(its) || meet(tokens(mine), tokens(its))
	}
	return isParameter || mineIs || prefixesMeet(mine, its)
}

// prefix is what stands before the first "*".
func prefix(pattern string) string {
	if p, ok := strings.CutSuffix(pattern, ":*"); ok {
		pattern = p + " *"
	}
	pattern, _, open := strings.Cut(pattern, "*")
	if open {
		pattern = strings.TrimRight(pattern, " ")
	}
	return pattern
}

func prefixesMeet(a, b string) bool {
	a, b = prefix(a), prefix(b)
	return strings.HasPrefix(a, b) || strings.HasPrefix(b, a)
}

// commandsMeet reports whether a command that the permission allows may be one
// that the rule names: read as a line of which "*" is not told.
func commandsMeet(mine, its string) bool {
	if prefixesMeet(mine, its) || opensAll(its) {
		return true
	}
	l, ok := read(asLine(its), "")
	return !ok || l.meets(forms(mine))
}

// asLine is a pattern on commands as a command with something unknown in it.
func asLine(pattern string) string {
	if p, ok := strings.CutSuffix(pattern, ":*"); ok {
		pattern = p + " *"
	}
	return strings.ReplaceAll(strings.ReplaceAll(pattern, `\*`, "${x}"), "*", "${x}")
}

// openers run whatever program they are given. Wrappers and shells are known
// as such.
var openers = [][]string{
	{"npx"}, {"bunx"}, {"uvx"}, {"uv", "run"}, {"uv", "tool", "run"}, {"pipx", "run"}, {"npm", "exec"}, {"npm", "x"}, {"pnpm", "exec"}, {"pnpm", "dlx"}, {"yarn", "exec"}, {"yarn", "dlx"},
	{"bundle", "exec"}, {"poetry", "run"}, {"pipenv", "run"}, {"hatch", "run"}, {"direnv", "exec"}, {"nix", "run"},
	{"python"}, {"python2"}, {"python3"}, {"perl"}, {"ruby"}, {"node"}, {"deno"}, {"bun"}, {"php"}, {"lua"}, {"osascript"}, {"pwsh"}, {"powershell"}, {"cmd"},
	{"awk"}, {"gawk"}, {"mawk"}, {"tclsh"}, {"expect"}, {"gdb"}, {"vi"}, {"vim"}, {"ed"}, {"emacs"}, {"make"}, {"at"}, {"batch"}, {"crontab"}, {"source"}, {"."}, {"alias"}, {"trap"}, {"eval"},
	{"find"}, {"fd"}, {"fdfind"}, {"invoke-expression"}, {"iex"}, {"start-process"},
}

// opensAll reports whether a permission on commands is one for an interpreter
// or a wrapper and leaves open what that runs.
func opensAll(content string) bool {
	l, ok := read(asLine(content), "")
	if !ok {
		return true
	}
	for _, r := range l.runs {
		name, named := r.words[0].base().told()
		switch {
		case !named, len(r.words) == 1 && (shells[name] || wraps(name)), finds[name] && strings.Contains(content, "*"):
			return true
		}
		for _, opener := range openers {
			if opens(opener, r.words) {
				return true
			}
		}
	}
	return false
}

// opens reports whether words begin as an opener, and what it runs is open.
func opens(opener []string, words []word) bool {
	for i, name := range opener {
		if i == len(words) {
			return false
		}
		if text, ok := words[i].base().told(); !ok {
			return true
		} else if text != name {
			return false
		}
	}
	rest := words[len(opener):]
	for i, w := range rest {
		if _, ok := w.told(); !ok {
			return true
		}
		if !w.isOption() && (i == 0 || !rest[i-1].isOption()) { // nor an option's value
			return false
		}
	}
	return len(rest) == 0
}

// touches reports whether a permission on commands is one for a command that
// is known to read, or write, the files it is given.
func touches(content, kind string) bool {
	l, ok := read(asLine(content), "")
	return !ok || slices.ContainsFunc(l.runs, func(r run) bool {
		does, _ := accessOf(r.words)
		return does&guessed == 0 && (kind == "Read" && does&reads != 0 || kind == "Edit" && does&writes != 0)
	})
}

// pathsMeet reports whether two patterns on paths may match one path: unless
// both begin at one place, with text that leads them apart.
func pathsMeet(a, b string) bool {
	for _, anchor := range []string{"//", "~/", "/"} {
		restA, okA := strings.CutPrefix(a, anchor)
		restB, okB := strings.CutPrefix(b, anchor)
		if okA != okB || strings.Contains(a+b, "..") {
			return true
		}
		if okA {
			restA, restB = toldPath(restA), toldPath(restB)
			return strings.HasPrefix(restA, restB) || strings.HasPrefix(restB, restA)
		}
	}
	return true
}

// toldPath is what stands before the first sign of a pattern.
func toldPath(pattern string) string {
	if n := strings.IndexAny(pattern, `*?[\`); n >= 0 {
		pattern = pattern[:n]
	}
	return strings.TrimSuffix(pattern, "/")
}

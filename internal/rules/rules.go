// Package rules matches requests against permission rules in Claude Code's own
// form: Bash(git push *), Edit(/docs/**), WebFetch(domain:example.com),
// mcp__server__tool.
//
// The rules here hold a request back: they ask twice, or keep it in the
// terminal. So they match as Claude Code's ask and deny rules do (its page
// "Configure permissions"), where one matching part is enough, and in doubt
// they match: a command that the shell parser cannot read, or that runs what
// its text does not tell, matches every rule on commands and on paths.
package rules

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"claude-permission-daemon/internal/permit"
)

// Rule is one rule. The zero Rule matches nothing.
type Rule struct {
	text      string // as it was written
	tool      string // a name, or a pattern with "*"
	specifier string // between the parentheses; "" if there are none
	matches   func(s string, r permit.Request, w World) bool
}

// String is the rule as it was written.
func (r Rule) String() string { return r.text }

// World is what rules need to know beyond the request.
type World struct {
	// Home is the person's home folder, for "~/" in rules.
	Home string
	// Resolve follows the symbolic links of an absolute path; nil: none are
	// followed. A rule on a path matches what either end of a link matches.
	Resolve func(path string) string
}

// Parse reads a rule. A rule that could never match is an error that says what
// to write instead.
func Parse(text string) (Rule, error) {
	rule := Rule{text: text, tool: strings.TrimSpace(text)}
	if open := strings.IndexByte(rule.tool, '('); open >= 0 {
		if !strings.HasSuffix(rule.tool, ")") {
			return Rule{}, fmt.Errorf("cannot read rule %q: the closing parenthesis is missing", text)
		}
		rule.tool, rule.specifier = rule.tool[:open], strings.TrimSpace(rule.tool[open+1:len(rule.tool)-1])
		if rule.specifier == "" {
			return Rule{}, fmt.Errorf("cannot read rule %q: nothing stands between the parentheses; write %s for every use of the tool", text, rule.tool)
		}
	}
	if rule.tool == "" || strings.ContainsAny(rule.tool, " \t\n()") {
		return Rule{}, fmt.Errorf("cannot read rule %q: it must begin with a tool's name", text)
	}
	if rule.specifier == "*" {
		rule.specifier = "" // Bash(*) is Bash
	}
	if rule.specifier == "" {
		return rule, nil
	}
	kind, ok := specifiers[rule.tool]
	if !ok {
		kind = specifier{match: parameter}
	}
	if name, _, isParameter := splitParameter(rule.specifier); isParameter && kind.primary != "" && name == kind.primary {
		return Rule{}, fmt.Errorf("cannot read rule %q: write %s", text, kind.hint)
	} else if !isParameter && !ok {
		return Rule{}, fmt.Errorf("cannot read rule %q: %s takes no more than a member of its input, as %s(name:value)", text, rule.tool, rule.tool)
	}
	if kind.check != nil {
		if err := kind.check(rule.specifier); err != nil {
			return Rule{}, fmt.Errorf("cannot read rule %q: %w", text, err)
		}
	}
	rule.matches = kind.match
	return rule, nil
}

// specifier is what the parentheses mean for a tool.
type specifier struct {
	match   func(s string, r permit.Request, w World) bool
	check   func(s string) error
	primary string // a member of the input that cannot be matched by name
	hint    string // what to write instead
}

var specifiers = map[string]specifier{
	"Bash":         {match: bash, primary: "command", hint: "Bash(git push *)"},
	"Monitor":      {match: bash, primary: "command", hint: "Monitor(tail *)"},
	"PowerShell":   {match: powershell, primary: "command", hint: "PowerShell(Remove-Item *)"},
	"Read":         {match: pathRule, check: checkPath, primary: "file_path", hint: "Read(./path)"},
	"Edit":         {match: pathRule, check: checkPath, primary: "file_path", hint: "Edit(./path)"},
	"Write":        {match: parameter, check: only("Edit"), primary: "file_path", hint: "Edit(./path)"},
	"MultiEdit":    {match: parameter, check: only("Edit"), primary: "file_path", hint: "Edit(./path)"},
	"NotebookEdit": {match: parameter, check: only("Edit"), primary: "notebook_path", hint: "Edit(./path)"},
	"Grep":         {match: parameter, check: only("Read"), primary: "path", hint: "Read(./path)"},
	"Glob":         {match: parameter, check: only("Read"), primary: "path", hint: "Read(./path)"},
	"WebFetch":     {match: webFetch, check: checkDomain, primary: "url", hint: "WebFetch(domain:host)"},
	"Agent":        {match: agent},
	"Task":         {match: agent},
	"Skill":        {match: skill},
}

// only refuses a path rule of a tool whose paths another tool's rules match.
func only(tool string) func(string) error {
	return func(s string) error {
		if _, _, ok := splitParameter(s); ok {
			return nil
		}
		return fmt.Errorf("rules on paths are written %s(%s), for every tool of that kind", tool, s)
	}
}

// Match reports whether the rule matches a request.
func (r Rule) Match(req permit.Request, w World) bool {
	if r.tool == "" {
		return false
	}
	if r.specifier == "" {
		return r.named(req.Tool)
	}
	if r.tool == "Read" || r.tool == "Edit" {
		if _, _, ok := splitParameter(r.specifier); ok && parameter(r.specifier, req, w) && r.named(req.Tool) {
			return true
		}
		return r.matches(r.tool+":"+r.specifier, req, w)
	}
	return r.named(req.Tool) && (r.matches(r.specifier, req, w) || parameter(r.specifier, req, w))
}

// family has the tools that a rule for one of them covers.
var family = map[string][]string{
	"Bash":  {"Bash", "Monitor"},
	"Edit":  {"Edit", "MultiEdit", "Write", "NotebookEdit"},
	"Read":  {"Read", "Grep", "Glob", "LS", "NotebookRead"},
	"Agent": {"Agent", "Task"},
	"Task":  {"Agent", "Task"},
}

// named reports whether the rule's tool is, or covers, the request's.
func (r Rule) named(tool string) bool {
	if r.tool == tool || strings.Contains(r.tool, "*") && glob(r.tool, tool) {
		return true
	}
	if slices.Contains(family[r.tool], tool) {
		return true
	}
	// mcp__server stands for every tool of the server.
	return strings.HasPrefix(r.tool, "mcp__") && !strings.Contains(r.tool[len("mcp__"):], "__") && strings.HasPrefix(tool, r.tool+"__")
}

// Set is several rules.
type Set []Rule

// ParseSet reads several rules.
func ParseSet(texts []string) (Set, error) {
	var set Set
	for _, text := range texts {
		rule, err := Parse(text)
		if err != nil {
			return nil, err
		}
		set = append(set, rule)
	}
	return set, nil
}

// Match is the first rule of the set that matches the request.
func (s Set) Match(r permit.Request, w World) (Rule, bool) {
	for _, rule := range s {
		if rule.Match(r, w) {
			return rule, true
		}
	}
	return Rule{}, false
}

// input is a member of the request's input as text: a string's content, a
// number or boolean as it is written. Objects and arrays have no text.
func input(r permit.Request, name string) (string, bool) {
	var members map[string]json.RawMessage
	if json.Unmarshal(r.Input, &members) != nil {
		return "", false
	}
	raw := bytes.TrimSpace(members[name])
	if len(raw) == 0 || raw[0] == '{' || raw[0] == '[' || string(raw) == "null" {
		return "", false
	}
	if raw[0] != '"' {
		return string(raw), true
	}
	var s string
	return s, json.Unmarshal(raw, &s) == nil
}

func text(r permit.Request, name string) (s string, ok bool) {
	var members map[string]json.RawMessage
	if json.Unmarshal(r.Input, &members) != nil || json.Unmarshal(members[name], &s) != nil {
		return "", false
	}
	return s, true
}

// splitParameter reads "name:value"; blanks around the colon do not count.
func splitParameter(s string) (name, value string, ok bool) {
	name, value, ok = strings.Cut(s, ":")
	name, value = strings.TrimSpace(name), strings.TrimSpace(value)
	if !ok || name == "" || value == "" {
		return "", "", false
	}
	for i := range len(name) {
		c := name[i]
		if c != '_' && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (i == 0 || c < '0' || c > '9') {
			return "", "", false
		}
	}
	return name, value, true
}

// parameter matches Tool(name:value).
func parameter(s string, r permit.Request, _ World) bool {
	name, value, ok := splitParameter(s)
	if !ok {
		return false
	}
	got, ok := input(r, name)
	return ok && glob(value, got)
}

// agent matches Agent(Explore).
func agent(s string, r permit.Request, _ World) bool {
	kind, ok := text(r, "subagent_type")
	if !ok || kind == "" {
		kind = "general-purpose"
	}
	return glob(s, kind)
}

// skill matches Skill(name) and Skill(name *), which has arguments.
func skill(s string, r permit.Request, _ World) bool {
	name, ok := text(r, "skill")
	if !ok {
		name, ok = text(r, "command") // before 2.1: the input had one member
	}
	if !ok {
		return false
	}
	args, _ := text(r, "args")
	s = strings.TrimPrefix(s, "/")
	name = strings.TrimPrefix(name, "/")
	return command(s, name) || command(s, strings.TrimSpace(name+" "+args))
}

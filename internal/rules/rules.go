// Package rules matches requests against permission rules in Claude Code's own
// form: Bash(git push *), Edit(/docs/**), WebFetch(domain:example.com),
// mcp__server__tool.
//
// The rules here hold a request back: they ask twice, or keep it in the
// terminal. So they match as Claude Code's ask and deny rules do (its page
// "Configure permissions"), where one matching part is enough, and in doubt
// they match: a command that the shell parser cannot read matches every
// Bash(…) rule.
package rules

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"path"
	"path/filepath"
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

// webFetch matches WebFetch(domain:host).
func webFetch(s string, r permit.Request, _ World) bool {
	want, ok := strings.CutPrefix(s, "domain:")
	if !ok {
		return false
	}
	address, ok := text(r, "url")
	if !ok {
		return false
	}
	u, err := url.Parse(strings.TrimSpace(address))
	if err != nil || u.Hostname() == "" {
		// No telling where it leads: Claude Code completes some addresses.
		u, err = url.Parse("https://" + strings.TrimSpace(address))
		if err != nil {
			return true
		}
	}
	host := strings.ToLower(strings.TrimSuffix(u.Hostname(), "."))
	want = strings.ToLower(strings.TrimSuffix(strings.TrimSpace(want), "."))
	if want == "*" {
		return true
	}
	if under, ok := strings.CutPrefix(want, "*."); ok && !strings.Contains(under, "*") {
		return strings.HasSuffix(host, "."+under)
	}
	labels, wants := strings.Split(host, "."), strings.Split(want, ".")
	if len(labels) != len(wants) {
		return false
	}
	for i := range labels {
		if !glob(wants[i], labels[i]) {
			return false
		}
	}
	return true
}

func checkDomain(s string) error {
	if name, _, ok := splitParameter(s); !ok || name == "domain" && strings.ContainsAny(s[len("domain:"):], "/ ") {
		return fmt.Errorf("write WebFetch(domain:host)")
	}
	return nil
}

// glob reports whether pattern matches all of s: "*" is any text, "\*" the
// sign itself.
func glob(pattern, s string) bool {
	var parts []string
	var b strings.Builder
	for i := 0; i < len(pattern); i++ {
		switch {
		case pattern[i] == '\\' && i+1 < len(pattern) && (pattern[i+1] == '*' || pattern[i+1] == '\\'):
			i++
			b.WriteByte(pattern[i])
		case pattern[i] == '*':
			parts = append(parts, b.String())
			b.Reset()
		default:
			b.WriteByte(pattern[i])
		}
	}
	parts = append(parts, b.String())
	if len(parts) == 1 {
		return parts[0] == s
	}
	rest, ok := strings.CutPrefix(s, parts[0])
	if !ok {
		return false
	}
	for _, part := range parts[1 : len(parts)-1] {
		i := strings.Index(rest, part)
		if i < 0 {
			return false
		}
		rest = rest[i+len(part):]
	}
	return strings.HasSuffix(rest, parts[len(parts)-1])
}

// command matches a pattern on a command: as glob, but that a last " *", or
// ":*", stands for nothing too.
func command(pattern, s string) bool {
	if p, ok := strings.CutSuffix(pattern, ":*"); ok {
		pattern = p + " *"
	}
	if p, ok := strings.CutSuffix(pattern, " *"); ok && glob(p, s) {
		return true
	}
	return glob(pattern, s)
}

// pathRule matches Read(pattern) and Edit(pattern), for the file that a tool
// names and those that a command reads or writes.
func pathRule(s string, r permit.Request, w World) bool {
	tool, pattern, _ := strings.Cut(s, ":")
	var files []string
	switch {
	case slices.Contains(family[tool], r.Tool):
		for _, name := range []string{"file_path", "notebook_path", "path"} {
			if p, ok := text(r, name); ok {
				files = append(files, p)
			}
		}
		if len(files) == 0 && tool == "Read" {
			files = append(files, ".") // a search of the current folder
		}
	case r.Tool == "Bash" || r.Tool == "Monitor":
		line, ok := text(r, "command")
		if !ok {
			return false
		}
		read, written, ok := commandFiles(line)
		if !ok {
			return false // Bash rules have it
		}
		if files = read; tool == "Edit" {
			files = written
		}
	default:
		return false
	}
	for _, file := range files {
		abs := absolute(file, r, w)
		if abs == "" {
			continue
		}
		ends := []string{abs}
		if w.Resolve != nil {
			if real := w.Resolve(abs); real != abs {
				ends = append(ends, real)
			}
		}
		for _, end := range ends {
			if matchPath(pattern, end, r, w) {
				return true
			}
		}
	}
	return false
}

func absolute(file string, r permit.Request, w World) string {
	switch {
	case file == "~" || strings.HasPrefix(file, "~/"):
		if w.Home == "" {
			return ""
		}
		return filepath.Join(w.Home, file[1:])
	case filepath.IsAbs(file):
		return filepath.Clean(file)
	case r.Cwd == "":
		return ""
	}
	return filepath.Join(r.Cwd, file)
}

// matchPath matches a gitignore pattern with Claude Code's anchors.
func matchPath(pattern, file string, r permit.Request, w World) bool {
	under := func(dir, pattern string, deep bool) bool {
		if dir == "" {
			return false
		}
		rel, err := filepath.Rel(dir, file)
		if err != nil || rel == ".." || strings.HasPrefix(rel, "../") {
			return false
		}
		return ignore(pattern, filepath.ToSlash(rel), deep)
	}
	switch {
	case strings.HasPrefix(pattern, "//"):
		return under("/", pattern[2:], false)
	case strings.HasPrefix(pattern, "~/"):
		return under(w.Home, pattern[2:], false)
	case strings.HasPrefix(pattern, "/"):
		return under(project(r), pattern[1:], false) || under(r.Cwd, pattern[1:], false)
	}
	pattern = strings.TrimPrefix(pattern, "./")
	return under(r.Cwd, pattern, true) || under(project(r), pattern, true)
}

// project is the folder above the current one that has the project's name.
func project(r permit.Request) string {
	for dir := filepath.Clean(r.Cwd); filepath.IsAbs(dir) && dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if filepath.Base(dir) == r.Project {
			return dir
		}
	}
	return r.Cwd
}

// ignore matches a gitignore pattern against a relative path: a pattern that
// matches a folder matches all that is in it. With deep, a pattern of one
// segment matches at any depth, as in gitignore, and so does "name/**", as in
// Claude Code's ask and deny rules.
func ignore(pattern, rel string, deep bool) bool {
	pattern = strings.TrimSuffix(pattern, "/")
	if deep && !strings.Contains(strings.TrimSuffix(pattern, "/**"), "/") {
		pattern = "**/" + pattern
	}
	want, have := strings.Split(pattern, "/"), strings.Split(rel, "/")
	// reach[n] says that the pattern so far matches the first n segments.
	reach := make([]bool, len(have)+1)
	reach[0] = true
	for i, w := range want {
		next := make([]bool, len(have)+1)
		for n := range have {
			if w == "**" {
				// Any number of segments; at the end of a pattern at least one.
				next[n] = next[n] || reach[n] && i < len(want)-1
				next[n+1] = next[n] || reach[n]
			} else if reach[n] {
				ok, err := path.Match(w, have[n])
				next[n+1] = ok && err == nil
			}
		}
		if w == "**" && i < len(want)-1 {
			next[len(have)] = next[len(have)] || reach[len(have)]
		}
		reach = next
	}
	return slices.Contains(reach[1:], true)
}

func checkPath(s string) error {
	if strings.HasPrefix(s, "!") {
		return fmt.Errorf("a pattern that begins with ! is not supported")
	}
	for segment := range strings.SplitSeq(s, "/") {
		if _, err := path.Match(segment, ""); err != nil {
			return fmt.Errorf("%q is no pattern: %w", segment, err)
		}
	}
	return nil
}

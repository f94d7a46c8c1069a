package claude

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"claude-permission-daemon/internal/permit"
)

// update is an entry of permission_suggestions, and of updatedPermissions.
type update struct {
	Type  string `json:"type"`
	Rules []struct {
		Tool    string `json:"toolName"`
		Content string `json:"ruleContent"`
	} `json:"rules"`
	Behavior    string   `json:"behavior"`
	Mode        string   `json:"mode"`
	Directories []string `json:"directories"`
	Destination string   `json:"destination"`
}

// destinations say where an update is written.
var destinations = map[string]string{
	"session":         "It holds until this session ends and is written nowhere.",
	"localSettings":   "It is written to .claude/settings.local.json: this project, for you alone.",
	"projectSettings": "It is written to .claude/settings.json: this project, for everybody who works on it.",
	"userSettings":    "It is written to your ~/.claude/settings.json: every project.",
}

// alwaysWays offers each suggestion by itself, in words that are its content.
// One that this program cannot put into words is not offered: nobody allows
// what they cannot read.
func alwaysWays(r permit.Request) []permit.Way {
	var ways []permit.Way
	for i, raw := range r.Suggestions {
		var u update
		if err := json.Unmarshal(raw, &u); err != nil {
			continue
		}
		where, known := destinations[u.Destination]
		what, label := u.words()
		if !known || what == "" {
			continue
		}
		ways = append(ways, permit.Way{Name: permit.WayAlways, Pick: i, Verb: permit.Allow, Label: label,
			Warning: u.broad(), Confirm: strings.TrimSpace(what + " " + where + " " + u.broad())})
	}
	return ways
}

// words say what the update allows, in a sentence and as a button.
func (u update) words() (sentence, label string) {
	session := ""
	if u.Destination == "session" {
		session = " in this session"
	}
	switch {
	case u.Type == "addRules" && u.Behavior == "allow" && len(u.Rules) > 0:
		var rules, short []string
		for _, rule := range u.Rules {
			whole, content := rule.Tool, rule.Tool
			if rule.Content != "" {
				whole, content = rule.Tool+"("+rule.Content+")", rule.Content
			}
			rules, short = append(rules, whole), append(short, content)
		}
		return "Claude Code will not ask again for " + strings.Join(rules, ", ") + ".",
			"Always allow " + strings.Join(short, ", ") + session
	case u.Type == "setMode" && u.Mode == "acceptEdits":
		return "From here on Claude Code edits files without asking.", "Always accept edits" + session
	case u.Type == "setMode" && u.Mode != "":
		return "Claude Code goes into its mode " + u.Mode + ".", "Always: mode " + u.Mode + session
	case u.Type == "addDirectories" && len(u.Directories) > 0:
		folders := strings.Join(u.Directories, ", ")
		return "Claude Code may work in " + folders + " as in the project.", "Always allow the folder " + folders + session
	}
	return "", ""
}

// interpreters run whatever they are given: a rule for one is a rule for all.
var interpreters = []string{"sh", "bash", "zsh", "dash", "fish", "ksh", "python", "python3", "perl", "ruby", "node", "deno", "bun",
	"php", "lua", "awk", "env", "sudo", "doas", "su", "xargs", "eval", "exec", "ssh", "docker", "podman", "npx", "uvx", "make", "find", "time", "nohup"}

// broad warns of an update that allows far more than what was asked; empty: it
// does not, as far as this program can tell.
func (u update) broad() string {
	switch u.Type {
	case "setMode":
		if u.Mode == "bypassPermissions" || u.Mode == "dontAsk" || u.Mode == "auto" {
			return "Very broad: nothing at all is asked any more."
		}
	case "addDirectories":
		for _, dir := range u.Directories {
			if clean := filepath.ToSlash(filepath.Clean(dir)); strings.Count(clean, "/") <= 1 || filepath.ToSlash(filepath.Dir(clean)) == "/home" {
				return fmt.Sprintf("Very broad: everything in %s.", dir)
			}
		}
	}
	for _, rule := range u.Rules {
		content := strings.TrimSuffix(strings.TrimSuffix(strings.TrimSpace(rule.Content), "*"), ":")
		content = strings.TrimSpace(content)
		switch rule.Tool {
		case "Bash", "PowerShell", "Monitor":
			if content == "" {
				return "Very broad: every command is allowed."
			}
			if first, rest, _ := strings.Cut(content, " "); rest == "" && slices.Contains(interpreters, filepath.Base(first)) {
				return fmt.Sprintf("Very broad: %s runs any command it is given.", first)
			}
		case "Read", "Edit", "Write":
			if path := strings.Trim(content, "/*"); path == "" || path == "~" {
				return fmt.Sprintf("Very broad: %s of every file is allowed.", rule.Tool)
			}
		case "WebFetch", "WebSearch":
			if content == "" || content == "domain" {
				return "Very broad: every address is allowed."
			}
		}
		if rule.Tool == "*" || strings.HasPrefix(rule.Tool, "mcp__") && !strings.Contains(strings.TrimPrefix(rule.Tool, "mcp__"), "__") {
			return "Very broad: every tool of that name is allowed."
		}
	}
	return ""
}

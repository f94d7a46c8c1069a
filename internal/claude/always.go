package claude

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"claude-permission-daemon/internal/permit"
)

// update is an entry of permission_suggestions, and of updatedPermissions.
type update struct {
	Type        string
	Rules       []rule
	Behavior    string
	Mode        string
	Directories []string
	Destination string
}

// rule is a permission rule: Bash(npm run *).
type rule struct{ Tool, Content string }

func (r rule) String() string {
	if r.Content == "" {
		return r.Tool
	}
	return r.Tool + "(" + r.Content + ")"
}

// errUnknown: a member that this program does not know may change what the
// others mean.
var errUnknown = errors.New("cannot read the suggestion: it has a member that is not known")

// UnmarshalJSON implements json.Unmarshaler.
func (u *update) UnmarshalJSON(raw []byte) error {
	others, err := read(raw, map[string]any{"type": &u.Type, "rules": &u.Rules, "behavior": &u.Behavior,
		"mode": &u.Mode, "directories": &u.Directories, "destination": &u.Destination})
	if err == nil && len(others) > 0 {
		return errUnknown
	}
	return err
}

// UnmarshalJSON implements json.Unmarshaler.
func (r *rule) UnmarshalJSON(raw []byte) error {
	others, err := read(raw, map[string]any{"toolName": &r.Tool, "ruleContent": &r.Content})
	if err == nil && len(others) > 0 {
		return errUnknown
	}
	return err
}

// destinations say where an update is written.
var destinations = map[string]string{
	"session":         "It holds until this session ends and is written nowhere.",
	"localSettings":   "It is written to .claude/settings.local.json: this project, for you alone.",
	"projectSettings": "It is written to .claude/settings.json: this project, for everybody who works on it.",
	"userSettings":    "It is written to your ~/.claude/settings.json: every project.",
}

// modes are what a session may be switched to.
var modes = map[string]struct{ sentence, label, broad string }{
	"acceptEdits":       {"From here on Claude Code edits files without asking.", "Always accept edits", ""},
	"default":           {"Claude Code goes into its mode default: it asks before it edits a file or runs a command.", "Always: mode default", ""},
	"plan":              {"Claude Code goes into its mode plan: it reads and plans, and changes nothing.", "Always: mode plan", ""},
	"dontAsk":           {"Claude Code goes into its mode dontAsk: what no rule allows is refused without asking.", "Always: mode dontAsk", ""},
	"auto":              {"Claude Code goes into its mode auto: a model judges each call.", "Always: mode auto", "Very broad: hardly anything is asked any more."},
	"bypassPermissions": {"Claude Code goes into its mode bypassPermissions: everything is allowed.", "Always: mode bypassPermissions", "Very broad: nothing at all is asked any more."},
}

// alwaysWays offers each suggestion by itself, in words that are its content.
// One that this program cannot put into words is not offered: nobody allows
// what they cannot read. Those that allow far more than was asked come last.
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
		if u.Destination == "session" {
			label += " in this session"
		}
		broad := u.broad()
		ways = append(ways, permit.Way{Name: permit.WayAlways, Pick: i, Verb: permit.Allow, Label: label,
			Warning: broad, Confirm: strings.TrimSpace(what + " " + where + " " + broad)})
	}
	slices.SortStableFunc(ways, func(a, b permit.Way) int { return min(len(a.Warning), 1) - min(len(b.Warning), 1) })
	return ways
}

// words say what the update allows, in a sentence and as a button; empty: there
// are none for it.
func (u update) words() (sentence, label string) {
	switch {
	case u.Type == "addRules" && u.Behavior == "allow" && len(u.Rules) > 0:
		var whole, short []string
		for _, r := range u.Rules {
			if strings.TrimSpace(r.Tool) == "" {
				return "", ""
			}
			content := r.Content
			if content == "" {
				content = r.Tool
			}
			whole, short = append(whole, r.String()), append(short, content)
		}
		return "Claude Code will not ask again for " + strings.Join(whole, ", ") + ".", "Always allow " + strings.Join(short, ", ")
	case u.Type == "setMode":
		return modes[u.Mode].sentence, modes[u.Mode].label
	case u.Type == "addDirectories" && len(u.Directories) > 0 && !slices.ContainsFunc(u.Directories, blank):
		folders := strings.Join(u.Directories, ", ")
		return "Claude Code may work in " + folders + " as in the project.", "Always allow the folder " + folders
	}
	return "", ""
}

func blank(s string) bool { return strings.TrimSpace(s) == "" }

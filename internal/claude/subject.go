package claude

import (
	"encoding/json"
	"strings"

	"claude-permission-daemon/internal/permit"
)

// This file says what the user's rules judge of a request and of a decision.

// Subject is the call that a request is about; false: it is about none. A form
// of an MCP server counts as a call of a tool of that server.
func Subject(r permit.Request) (permit.Request, bool) {
	switch r.Kind {
	case permit.Finished:
		return r, false
	case permit.Elicitation:
		var server string
		if _, err := read(r.Input, map[string]any{"mcp_server_name": &server}); err != nil || server == "" {
			server = "?" // none that a rule could name, and one that every pattern covers
		}
		r.Tool = "mcp__" + strings.Map(toolRune, server) + "__elicitation"
	}
	return r, true
}

// toolRune is how a character of a server's name stands in its tools' names.
func toolRune(c rune) rune {
	if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-' {
		return c
	}
	return '_'
}

// Grant is a permission that an entry of updatedPermissions gives: Tool with
// Content as in a rule; both as wide as can be where the entry is no rule.
type Grant struct{ Tool, Content string }

// Grants lists what the entries of a decision or a way allow from then on.
func Grants(entries []json.RawMessage) (grants []Grant) {
	for _, raw := range entries {
		var u update
		switch err := json.Unmarshal(raw, &u); {
		case err != nil:
			grants = append(grants, Grant{Tool: "*"})
		case u.Type == "setMode" && u.Mode == "acceptEdits":
			grants = append(grants, Grant{Tool: "Edit"})
		case u.Type == "setMode" && (u.Mode == "default" || u.Mode == "plan" || u.Mode == "dontAsk"): // they allow nothing more
		case u.Type == "addDirectories":
			grants = append(grants, Grant{Tool: "Read"}, Grant{Tool: "Edit"})
		case u.Type == "addRules" && len(u.Rules) > 0:
			for _, rule := range u.Rules {
				grants = append(grants, Grant(rule))
			}
		default:
			grants = append(grants, Grant{Tool: "*"})
		}
	}
	return grants
}

// EntriesOf are the entries that go back with a way, as far as they are known
// before its form is filled in.
func EntriesOf(r permit.Request, way permit.Way) []json.RawMessage {
	switch way.Name {
	case permit.WayAlways:
		return []json.RawMessage{r.Suggestions[way.Pick]}
	case permit.WayEdits:
		return []json.RawMessage{acceptEdits}
	}
	return nil
}

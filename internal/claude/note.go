package claude

import (
	"encoding/json"
	"strings"

	"claude-permission-daemon/internal/permit"
)

// notifications are the types of the event Notification (hooks reference), and
// what a person is told of each. One that is not here is told in Claude Code's
// own words.
var notifications = map[string]struct {
	class permit.NoteClass
	title string
}{
	"idle_prompt":                {permit.NoteIdle, "Claude waits for your input"},
	"agent_needs_input":          {permit.NoteInput, "An agent needs your input"},
	"permission_prompt":          {permit.NotePermission, "A permission is asked for in the terminal only"},
	"elicitation_dialog":         {permit.NoteElicitation, "An MCP server asks for input in the terminal"},
	"elicitation_url_dialog":     {permit.NoteElicitation, "An MCP server asks you to open an address, in the terminal"},
	"elicitation_complete":       {permit.NoteElicitation, "An MCP server has what it asked for"},
	"agent_completed":            {permit.NoteAgent, "An agent has finished"},
	"auth_success":               {permit.NoteSignIn, "Claude Code is signed in"},
	"quota_auto_resume_fired":    {permit.NoteQuota, "The quota is back: Claude goes on"},
	"quota_auto_resume_stale":    {permit.NoteQuota, "The quota is back, but Claude does not go on by itself"},
	"quota_auto_resume_disabled": {permit.NoteQuota, "The quota is used up"},
}

// Note is what a person who is away may be told of the event; false: nothing.
// Its texts are Claude Code's own still, neither masked nor made visible. ID,
// Machine, At and what is known of the repository are the caller's to add.
func (e Event) Note() (permit.Note, bool) {
	n := permit.Note{Session: e.SessionID, Cwd: e.Cwd, Text: e.Message}
	switch e.Name {
	case Notification:
		if e.NotificationType == "elicitation_response" { // the person's own doing
			return permit.Note{}, false
		}
		known, ok := notifications[e.NotificationType]
		if !ok {
			known.class, known.title = permit.NoteOther, "Claude Code says"
		}
		n.Class, n.Title = known.class, known.title
		switch n.Text {
		case "Claude is waiting for your input", "Claude needs your permission", "Claude Code needs your input":
			n.Text = "" // the title says it
		}
	case Stop:
		n.Class, n.Title, n.Text = permit.NoteFinished, "Claude has finished", e.LastMessage
		if on := e.GoesOn(); on != "" {
			n.Title = "Claude has ended its turn, and " + on
		}
	case StopFailure: // no other event tells that the session stands still
		n.Class, n.Title, n.Text = permit.NoteIdle, "Claude was stopped by an error", e.LastMessage
		var why string
		if json.Unmarshal(e.Error, &why) == nil && why != "" {
			n.Title += ": " + strings.ReplaceAll(why, "_", " ")
		}
	case PermissionDenied:
		n.Class, n.Title, n.Text = permit.NoteRefused, "Auto mode refused a call of "+e.ToolName, e.Reason
	default:
		return permit.Note{}, false
	}
	return n, true
}

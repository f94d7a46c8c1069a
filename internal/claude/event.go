// Package claude knows Claude Code's hook schema, in and out, as the client
// 2.1.330 speaks it (its hooks reference, and what was measured of it where
// that is silent). Nothing outside this package names a field of it.
package claude

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"claude-permission-daemon/internal/permit"
)

// Event is a hook's input: the fields of every event that we read, in one
// struct. A field that an event does not have is empty.
type Event struct {
	Name           string `json:"hook_event_name"`
	SessionID      string `json:"session_id"`
	PromptID       string `json:"prompt_id"`
	TranscriptPath string `json:"transcript_path"`
	Cwd            string `json:"cwd"`
	PermissionMode string `json:"permission_mode"`
	AgentID        string `json:"agent_id"`
	AgentType      string `json:"agent_type"`

	ToolName    string            `json:"tool_name"`
	ToolInput   json.RawMessage   `json:"tool_input"`
	Suggestions []json.RawMessage `json:"permission_suggestions"`
	DurationMS  float64           `json:"duration_ms"` // PostToolUse
	ToolCalls   []toolCall        `json:"tool_calls"`  // PostToolBatch

	NotificationType string `json:"notification_type"`
	Message          string `json:"message"`                // Notification, Elicitation
	Reason           string `json:"reason"`                 // PermissionDenied: the classifier's
	LastMessage      string `json:"last_assistant_message"` // Stop, StopFailure

	// What is read leniently: of another form than is known, it tells nothing, and
	// the rest of the event still counts.
	Error      json.RawMessage `json:"error"`            // StopFailure: "rate_limit", …
	Background json.RawMessage `json:"background_tasks"` // Stop
	Crons      json.RawMessage `json:"session_crons"`    // Stop: prompts that come by themselves

	Server string          `json:"mcp_server_name"` // Elicitation
	Mode   string          `json:"mode"`
	URL    string          `json:"url"`
	Schema json.RawMessage `json:"requested_schema"`
}

type toolCall struct {
	Name  string          `json:"tool_name"`
	Input json.RawMessage `json:"tool_input"`
}

// The events that are more than a Signal.
const (
	PermissionRequest = "PermissionRequest"
	PermissionDenied  = "PermissionDenied"
	Notification      = "Notification"
	Elicitation       = "Elicitation"
	Stop              = "Stop"
	StopFailure       = "StopFailure"
)

// Parse reads one event. Unknown fields and events are no error: Claude Code
// adds some with every release.
func Parse(raw []byte) (Event, error) {
	var e Event
	if err := json.Unmarshal(raw, &e); err != nil {
		return Event{}, fmt.Errorf("cannot read the hook event: %w", err)
	}
	return e, nil
}

// Request makes the request that the event asks for: a PermissionRequest, an
// Elicitation, a PermissionDenied or a Stop. ID, Machine, Asked and what is known
// of the repository are the caller's to add; Contract is Bare until the caller
// knows the client (ContractOf).
func (e Event) Request() (permit.Request, error) {
	r := permit.Request{
		Contract:  permit.Bare,
		Session:   e.SessionID,
		Prompt:    e.PromptID,
		Agent:     e.AgentID,
		AgentType: e.AgentType,
		Mode:      e.PermissionMode,
		Cwd:       e.Cwd,
		Tool:      e.ToolName,
		Input:     e.ToolInput,
	}
	var made any
	switch e.Name {
	case Elicitation:
		r.Kind, r.Tool = permit.Elicitation, Elicitation
		made = map[string]any{"mcp_server_name": e.Server, "message": e.Message, "mode": e.Mode, "url": e.URL, "requested_schema": e.Schema}
	case Stop:
		r.Kind, r.Tool = permit.Finished, Stop
		made = map[string]any{"last_assistant_message": e.LastMessage}
	case PermissionDenied:
		r.Kind, r.Why = permit.Refused, e.Reason
	default:
		r.Suggestions = e.Suggestions
	}
	if made != nil {
		raw, err := json.Marshal(made)
		if err != nil {
			return permit.Request{}, fmt.Errorf("cannot take the request: %w", err)
		}
		r.Input = raw
	}
	if r.Tool == "" {
		return permit.Request{}, errors.New("cannot take the request: tool_name is missing")
	}
	if len(r.Input) == 0 {
		r.Input = json.RawMessage("{}")
	}
	r.Digest = permit.DigestOf(r.Tool, r.Input)
	return r, nil
}

// GoesOn says in a few words what a session goes on with by itself after a turn
// that ended, so that it has not finished and its hook must not keep it; empty:
// with nothing.
func (e Event) GoesOn() string {
	var tasks []struct {
		Status string `json:"status"`
	}
	var crons []json.RawMessage
	_ = json.Unmarshal(e.Background, &tasks)
	_ = json.Unmarshal(e.Crons, &crons)
	running := 0
	for _, task := range tasks {
		if task.Status == "running" {
			running++
		}
	}
	switch {
	case running == 1:
		return "a background task is still running"
	case running > 1:
		return fmt.Sprintf("%d background tasks are still running", running)
	case len(crons) > 0:
		return "a prompt is scheduled"
	}
	return ""
}

// TrialEntrypoint is what a client calls itself in place of Claude Code's
// CLAUDE_CODE_ENTRYPOINT when it only tries the way out.
const TrialEntrypoint = "claude-permission-trial"

// ContractOf says what Claude Code does while the hook waits.
//   - Requests of subagents in an attended session come from background
//     subagents as a rule: the hook runs before the dialog.
//   - "claude -p" (entrypoint sdk-cli, unattended) has no dialog.
//   - Forms of MCP servers, ended turns and refusals wait for their hooks.
//   - Everything else shows its dialog in parallel.
func (e Event) ContractOf(c permit.Client) permit.Contract {
	switch {
	case e.Name != "" && e.Name != PermissionRequest:
		return permit.Blocking
	case c.Entrypoint == TrialEntrypoint:
		return permit.Trial
	case e.AgentID != "" && c.Attended:
		return permit.Blocking
	case !c.Attended && c.Entrypoint == "sdk-cli":
		return permit.Headless
	default:
		return permit.Parallel
	}
}

// Signal is what the event tells of requests that were asked before it; false:
// nothing.
func (e Event) Signal() (permit.Signal, bool) {
	kinds := map[string]permit.SignalKind{
		"PostToolUse":        permit.ToolRan,
		"PostToolUseFailure": permit.ToolFailed,
		"PostToolBatch":      permit.BatchDone,
		"UserPromptSubmit":   permit.Prompted,
		Stop:                 permit.TurnEnded,
		StopFailure:          permit.TurnEnded,
		"SubagentStop":       permit.TurnEnded,
		"SessionEnd":         permit.SessionEnded,
	}
	kind, ok := kinds[e.Name]
	if !ok {
		return permit.Signal{}, false
	}
	s := permit.Signal{Kind: kind, Session: e.SessionID, Agent: e.AgentID,
		Took: time.Duration(e.DurationMS * float64(time.Millisecond))}
	switch kind {
	case permit.ToolRan, permit.ToolFailed:
		s.Calls = []permit.Call{call(e.ToolName, e.ToolInput)}
	case permit.BatchDone:
		for _, c := range e.ToolCalls {
			s.Calls = append(s.Calls, call(c.Name, c.Input))
		}
	}
	return s, true
}

func call(tool string, input json.RawMessage) permit.Call {
	c := permit.Call{Tool: tool, Digest: permit.DigestOf(tool, input)}
	if tool == "Bash" {
		var bash struct {
			Command string `json:"command"`
		}
		_ = json.Unmarshal(input, &bash) // no command: nothing to compare
		c.Command = bash.Command
	}
	return c
}

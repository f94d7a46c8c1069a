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
	Message          string `json:"message"`
}

type toolCall struct {
	Name  string          `json:"tool_name"`
	Input json.RawMessage `json:"tool_input"`
}

// The events that are more than a Signal.
const (
	PermissionRequest = "PermissionRequest"
	Notification      = "Notification"
	Elicitation       = "Elicitation"
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

// Request makes the request that a PermissionRequest asks for. ID, Machine,
// Asked and what is known of the repository are the caller's to add; Contract
// is Bare until the caller knows the client (ContractOf).
func (e Event) Request() (permit.Request, error) {
	if e.ToolName == "" {
		return permit.Request{}, errors.New("cannot take the request: tool_name is missing")
	}
	input := e.ToolInput
	if len(input) == 0 {
		input = json.RawMessage("{}")
	}
	return permit.Request{
		Digest:      permit.DigestOf(e.ToolName, input),
		Contract:    permit.Bare,
		Session:     e.SessionID,
		Prompt:      e.PromptID,
		Agent:       e.AgentID,
		AgentType:   e.AgentType,
		Mode:        e.PermissionMode,
		Cwd:         e.Cwd,
		Tool:        e.ToolName,
		Input:       input,
		Suggestions: e.Suggestions,
	}, nil
}

// ContractOf says what Claude Code does while the hook waits.
//   - Requests of subagents in an attended session come from background
//     subagents as a rule: the hook runs before the dialog.
//   - "claude -p" (entrypoint sdk-cli, unattended) has no dialog.
//   - Everything else shows its dialog in parallel.
func (e Event) ContractOf(c permit.Client) permit.Contract {
	switch {
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
		"Stop":               permit.TurnEnded,
		"StopFailure":        permit.TurnEnded,
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

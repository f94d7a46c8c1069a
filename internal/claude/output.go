package claude

import (
	"encoding/json"
	"fmt"

	"claude-permission-daemon/internal/permit"
)

// permissionOutput is the document for a PermissionRequest hook's stdout.
type permissionOutput struct {
	HookSpecificOutput struct {
		HookEventName string   `json:"hookEventName"`
		Decision      decision `json:"decision"`
	} `json:"hookSpecificOutput"`
}

type decision struct {
	Behavior           string            `json:"behavior"`
	UpdatedInput       json.RawMessage   `json:"updatedInput,omitempty"`
	UpdatedPermissions []json.RawMessage `json:"updatedPermissions,omitempty"`
	Message            string            `json:"message,omitempty"`
	Interrupt          *bool             `json:"interrupt,omitempty"`
}

// maxMessage is how much of a message Claude Code takes: it cuts strings in a
// hook's output at 10,000 characters.
const maxMessage = 10_000

// Output is the document that tells Claude Code the outcome; nil hands back.
func Output(r permit.Request, o permit.Outcome) (json.RawMessage, error) {
	if !o.Decided() || o.Decision == nil {
		return nil, nil
	}
	var out permissionOutput
	out.HookSpecificOutput.HookEventName = PermissionRequest
	d := &out.HookSpecificOutput.Decision
	if o.Kind == permit.Approved {
		d.Behavior = "allow"
		d.UpdatedInput = o.Decision.Input
		d.UpdatedPermissions = o.Decision.Permissions
		if d.UpdatedInput == nil && needsInput(r.Tool) {
			d.UpdatedInput = r.Input
		}
	} else {
		d.Behavior = "deny"
		d.Message = denial(*o.Decision)
		d.Interrupt = &o.Decision.Interrupt
	}
	document, err := json.Marshal(out)
	if err != nil {
		return nil, fmt.Errorf("cannot encode the decision: %w", err)
	}
	return document, nil
}

// needsInput: an allow without updatedInput is ignored in silence for these
// (claude-code issue 74256; measured on 2.1.330), and the hook is gone by then.
func needsInput(tool string) bool { return tool == "ExitPlanMode" || tool == "AskUserQuestion" }

// denial is what the model is told.
func denial(d permit.Decision) string {
	said := fmt.Sprintf("Denied by %s via %s", d.By, d.Channel)
	if d.Message != "" {
		said += ": " + d.Message
	}
	if runes := []rune(said); len(runes) > maxMessage {
		said = string(runes[:maxMessage-1]) + "…"
	}
	return said
}

// Check says what a decision lacks for Claude Code to act on it; empty: nothing.
func Check(r permit.Request, d permit.Decision) string {
	if r.Tool == "AskUserQuestion" && d.Verb == permit.Allow && d.Input == nil {
		return "A question needs an answer: answer it in the terminal, or deny it with a message."
	}
	return ""
}

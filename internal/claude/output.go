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
	var out any
	switch r.Kind {
	case permit.Elicitation:
		out = elicitationAnswer(o)
	case permit.Finished:
		out = reply(o)
	case permit.Refused:
		out = retry(o)
	default:
		out = permission(r, o)
	}
	if out == nil {
		return nil, nil
	}
	document, err := json.Marshal(out)
	if err != nil {
		return nil, fmt.Errorf("cannot encode the decision: %w", err)
	}
	return document, nil
}

func permission(r permit.Request, o permit.Outcome) any {
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
	return out
}

// specific wraps what is said of one event.
type specific struct {
	HookSpecificOutput any `json:"hookSpecificOutput"`
}

func elicitationAnswer(o permit.Outcome) any {
	type answer struct {
		HookEventName string          `json:"hookEventName"`
		Action        string          `json:"action"`
		Content       json.RawMessage `json:"content,omitempty"`
	}
	said := answer{HookEventName: Elicitation, Action: "decline"}
	switch {
	case o.Kind == permit.Approved:
		said.Action, said.Content = "accept", o.Decision.Input
	case o.Decision.Way == permit.WayCancel:
		said.Action = "cancel"
	}
	return specific{said}
}

// reply goes on with a turn that had ended. It names who speaks, so that the
// model does not take it for the tool's own words.
func reply(o permit.Outcome) any {
	if o.Kind != permit.Approved {
		return nil
	}
	type said struct {
		HookEventName     string `json:"hookEventName"`
		AdditionalContext string `json:"additionalContext"`
	}
	return specific{said{Stop, cut(fmt.Sprintf("The user is away from the keyboard and replies via %s (%s): %s",
		o.Decision.Channel, o.Decision.By, o.Decision.Message))}}
}

func retry(o permit.Outcome) any {
	type said struct {
		HookEventName string `json:"hookEventName"`
		Retry         bool   `json:"retry"`
	}
	return specific{said{PermissionDenied, o.Kind == permit.Approved}}
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
	return cut(said)
}

// cut keeps a text to what Claude Code takes, and says so.
func cut(said string) string {
	if runes := []rune(said); len(runes) > maxMessage {
		return string(runes[:maxMessage-1]) + "…"
	}
	return said
}

package claude

import (
	"encoding/json"
	"strconv"

	"claude-permission-daemon/internal/permit"
)

// This file lists the ways in which each kind of request can be answered.
// resolve.go turns an answer by one of them into what goes back.

// The names of the forms' fields, besides those that are numbered.
const (
	messageField = "message" // words for the model
	textField    = "text"    // a changed input
	modeField    = "mode"    // what follows an edited plan
)

// mostWords is how many characters of a person's own go to the model: what says
// whose they are comes before them.
const mostWords = maxMessage - 1000

// fieldName names the nth question or property of a form.
func fieldName(n int) string { return "q" + strconv.Itoa(n) }

// Ways lists how the request can be answered, in the order of its buttons.
// Their texts are as Claude Code gave them: a preview masks them and makes
// them visible. edit offers to change an input before it is allowed.
func Ways(r permit.Request, edit bool) []permit.Way {
	switch r.Kind {
	case permit.Elicitation:
		return elicitationWays(r)
	case permit.Finished:
		return []permit.Way{
			{Name: permit.WayAnswer, Verb: permit.Allow, Label: "Answer…",
				Form: []permit.Field{{Name: messageField, Label: "What Claude should do next", Kind: permit.Lines, Required: true, Most: mostWords}}},
			{Name: permit.WayDeny, Verb: permit.Deny, Label: "Deny: let it end"},
		}
	case permit.Refused:
		return []permit.Way{
			{Name: permit.WayRetry, Verb: permit.Allow, Label: "Allow another try"},
			{Name: permit.WayDeny, Verb: permit.Deny, Label: "Deny"},
		}
	}
	if r.Contract == permit.Bare {
		return bareWays(r)
	}
	switch r.Tool {
	case "AskUserQuestion":
		return append(questionWays(r), denials("Deny with reason…")...)
	case "ExitPlanMode":
		return append(planWays(r), denials("Deny with feedback…")...)
	}
	ways := []permit.Way{{Name: permit.WayApprove, Verb: permit.Allow, Label: "Approve"}}
	if edit {
		if field, ok := editField(r); ok {
			ways = append(ways, permit.Way{Name: permit.WayEdit, Verb: permit.Allow, Label: "Approve with edits…", Form: []permit.Field{field}})
		}
	}
	ways = append(ways, denials("Deny with reason…")...)
	return append(ways, alwaysWays(r)...)
}

// bareWays: who speaks the bare protocol is told yes or no and why, and nothing
// else of a decision gets to Claude Code.
func bareWays(r permit.Request) []permit.Way {
	no := denials("Deny with reason…")
	if needsInput(r.Tool) {
		return no
	}
	return append([]permit.Way{{Name: permit.WayApprove, Verb: permit.Allow, Label: "Approve"}}, no...)
}

// denials are the ways to say no.
func denials(withWords string) []permit.Way {
	return []permit.Way{
		{Name: permit.WayDeny, Verb: permit.Deny, Label: "Deny"},
		{Name: permit.WayReason, Verb: permit.Deny, Label: withWords, Form: []permit.Field{
			{Name: messageField, Label: "Why, or what to do instead", Help: "Claude reads this.", Kind: permit.Lines, Required: true, Most: mostWords},
		}},
	}
}

// planWays: a plan that the request does not hold cannot be approved unseen.
func planWays(r permit.Request) []permit.Way {
	plan, ok := planOf(r.Input)
	if !ok {
		return nil
	}
	return []permit.Way{
		{Name: permit.WayApprove, Verb: permit.Allow, Label: "Approve"},
		{Name: permit.WayEdits, Verb: permit.Allow, Label: "Approve, accept edits",
			Confirm: "From here on Claude Code edits files in this session without asking."},
		{Name: permit.WayEdit, Verb: permit.Allow, Label: "Approve with edits…", Form: []permit.Field{
			{Name: textField, Label: "The plan", Kind: permit.Lines, Required: true, Value: plan},
			{Name: modeField, Label: "Afterwards", Kind: permit.One, Required: true, Value: "0",
				Options: []permit.Option{{Label: "Ask before each edit"}, {Label: "Accept edits without asking, in this session"}}},
		}},
	}
}

func planOf(input json.RawMessage) (plan string, ok bool) {
	_, err := read(input, map[string]any{"plan": &plan})
	return plan, err == nil && plan != ""
}

// Unanswerable says why no way of a request's allows it, as a sentence; empty:
// one does.
func Unanswerable(r permit.Request) string {
	switch {
	case r.Kind == permit.Elicitation:
		e, ok := elicitedOf(r)
		if !ok {
			return "Its form cannot be read here: answer it in the terminal."
		}
		return e.gap()
	case r.Kind != permit.Permission:
		return ""
	case r.Contract == permit.Bare && needsInput(r.Tool):
		return "The program that asks takes a yes or no only, which is no answer to this: answer it in the terminal."
	case r.Tool == "AskUserQuestion" && len(questionsOf(r.Input)) == 0:
		return "Its questions cannot be read here: answer them in the terminal."
	case r.Tool == "ExitPlanMode":
		if _, ok := planOf(r.Input); !ok {
			return "The request does not hold the plan: look at the terminal."
		}
	}
	return ""
}

// edited has the member of a tool's input that a person would change. Of any
// other tool they get the input whole, as JSON.
var edited = map[string]string{
	"Bash":      "command",
	"Write":     "content",
	"Edit":      "new_string",
	"WebFetch":  "url",
	"WebSearch": "query",
	"Agent":     "prompt",
	"Task":      "prompt",
}

// editField is the input as a field to change.
func editField(r permit.Request) (permit.Field, bool) {
	field := permit.Field{Name: textField, Kind: permit.Lines, Required: true}
	var in map[string]json.RawMessage
	if err := json.Unmarshal(r.Input, &in); err != nil || in == nil {
		return field, false
	}
	if name, ok := edited[r.Tool]; ok {
		if err := json.Unmarshal(in[name], &field.Value); err != nil {
			return field, false
		}
		field.Label = name
		return field, true
	}
	indented, err := json.MarshalIndent(r.Input, "", "  ")
	if err != nil {
		return field, false
	}
	field.Label, field.Value = "input, as JSON", string(indented)
	return field, true
}

package claude

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"claude-permission-daemon/internal/permit"
)

// acceptEdits is the entry that lets the session edit files without asking.
var acceptEdits = json.RawMessage(`{"type":"setMode","mode":"acceptEdits","destination":"session"}`)

// Resolve turns an answer into the decision that goes back: the verb of its
// way, the input and the permissions in Claude Code's form. lacks is a sentence
// for the person where the answer is not one that Claude Code can act on; then
// there is no decision. edit is as for Ways.
func Resolve(r permit.Request, a permit.Answer, edit bool) (d permit.Decision, lacks string) {
	d = a.Decision
	d.Input, d.Permissions, d.Says = nil, nil, ""
	ways := Ways(r, edit)
	way, lacks := wayOf(ways, a)
	if lacks != "" {
		return d, lacks
	}
	d.Verb, d.Way, d.Permissions = way.Verb, way.Name, EntriesOf(r, way)
	if d, lacks = withWords(r.Kind, d, way, a.Fields); lacks != "" {
		return d, lacks
	}
	switch way.Name {
	case permit.WayAlways:
		d.Says = lowered(way.Label)
	case permit.WayEdits:
		d.Says = "edits are accepted from here on"
	case permit.WayEdit:
		return resolveEdit(r, a, d, way)
	case permit.WayChoose:
		// The same as the form filled in with it.
		fields := map[string][]string{fieldName(0): {strconv.Itoa(way.Pick)}}
		d.Input, d.Says, lacks = answerQuestions(r, fields)
	case permit.WayAnswer:
		switch r.Kind {
		case permit.Elicitation:
			d.Input, lacks = answerElicitation(r, a.Fields)
		case permit.Finished: // its words are all of it
		default:
			d.Input, d.Says, lacks = answerQuestions(r, a.Fields)
		}
	}
	return d, lacks
}

// withWords are the words for the model that go with the way, from its form or,
// where they came without one, from the decision. An approval carries none, and
// of denials a permission's alone: Claude Code would not read them.
func withWords(kind permit.Kind, d permit.Decision, way permit.Way, fields map[string][]string) (permit.Decision, string) {
	if way.Verb == permit.Allow {
		d.Interrupt = false
	}
	for _, f := range way.Form {
		if f.Name != messageField {
			continue
		}
		f.Required = f.Required && strings.TrimSpace(d.Message) == ""
		said, lacks := filled(f, fields)
		if said.free != "" {
			d.Message = said.free
		}
		if lacks == "" && utf8.RuneCountInString(d.Message) > f.Most {
			lacks = tooManyWords
		}
		return d, lacks
	}
	switch {
	case way.Verb == permit.Allow:
		d.Message = ""
	case kind != permit.Permission && d.Message != "":
		return d, "It does not count yet: no words go with it. Claude Code takes them with the denial of a permission only."
	case utf8.RuneCountInString(d.Message) > mostWords:
		return d, tooManyWords
	}
	return d, ""
}

var tooManyWords = fmt.Sprintf("It does not count yet: at most %d characters can be sent.", mostWords)

// wayOf finds the way that was taken. An answer that names none is a plain yes
// or no.
func wayOf(ways []permit.Way, a permit.Answer) (permit.Way, string) {
	plain := map[permit.Verb][]permit.WayName{
		permit.Allow: {permit.WayApprove, permit.WayRetry},
		permit.Deny:  {permit.WayDeny},
	}
	names, known := []permit.WayName{a.Way}, true
	if a.Way == "" {
		names, known = plain[a.Decision.Verb]
	}
	for _, name := range names {
		for _, way := range ways {
			if way.Name == name && (way.Pick == a.Pick || a.Way == "") {
				return way, ""
			}
		}
	}
	switch {
	case !known:
		return permit.Way{}, "It does not count: it is neither allow nor deny."
	case a.Way == "" && a.Decision.Verb == permit.Allow:
		return permit.Way{}, "A bare yes is no answer to this: choose one of its answers, fill in its form on the page or in Slack, or answer in Claude Code's own dialog."
	}
	return permit.Way{}, "It does not count: this request cannot be answered so."
}

// resolveEdit puts a changed input in place of the one that was asked about.
func resolveEdit(r permit.Request, a permit.Answer, d permit.Decision, way permit.Way) (permit.Decision, string) {
	var changed string
	if said := a.Fields[textField]; len(said) > 0 {
		changed = strings.ReplaceAll(said[0], "\r\n", "\n")
	}
	if strings.TrimSpace(changed) == "" {
		return d, "It does not count yet: there is nothing left of it. Deny it instead."
	}
	name := edited[r.Tool]
	if r.Tool == "ExitPlanMode" {
		name = "plan"
		if lacks := afterwards(&d, way, a.Fields); lacks != "" {
			return d, lacks
		}
	}
	var err error
	if name == "" {
		var object map[string]json.RawMessage
		if err = json.Unmarshal([]byte(changed), &object); err != nil || object == nil {
			return d, "It does not count yet: the changed input is no JSON object."
		}
		d.Input = json.RawMessage(changed)
	} else {
		value, _ := json.Marshal(changed) // a text can always be
		if d.Input, err = with(r.Input, name, value); err != nil {
			return d, "It does not count: the input cannot be read."
		}
	}
	d.Says = "with edits"
	if changed == way.Form[0].Value {
		d.Says = "unchanged"
	}
	return d, ""
}

// afterwards reads what is to follow an edited plan. Where nothing is said, it is
// what stands in the form at first.
func afterwards(d *permit.Decision, way permit.Way, fields map[string][]string) (lacks string) {
	for _, f := range way.Form {
		if f.Name != modeField || len(fields[modeField]) == 0 {
			continue
		}
		said, lacks := filled(f, fields)
		if lacks != "" {
			return lacks
		}
		if said.picks[0] == 1 {
			d.Permissions = []json.RawMessage{acceptEdits}
		}
	}
	return ""
}

func lowered(label string) string { return strings.ToLower(label[:1]) + label[1:] }

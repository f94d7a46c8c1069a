package slack

// This file reads what comes by the socket. The rules are:
//
//   - Nothing that Slack adds, renames or retypes may cost a tap: every field is
//     optional, of any type, and read where it is needed.
//   - A frame that cannot be read is dropped, never the link.
//   - What is needed for the acknowledgement is read first and alone.

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
)

// object is a JSON object of which nothing is taken for granted.
type object map[string]any

// str is a field as text: a string as it is, a number or a bool as written.
func (o object) str(key string) string {
	switch v := o[key].(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	case bool:
		return strconv.FormatBool(v)
	}
	return ""
}

// obj is a field that should be an object; a nil one (which can be read, too)
// where it is not.
func (o object) obj(key string) object {
	switch v := o[key].(type) {
	case map[string]any:
		return v
	case object:
		return v
	}
	return nil
}

// list is a field that should be a list.
func (o object) list(key string) []any {
	l, _ := o[key].([]any)
	return l
}

// num is a field as a whole number; 0 where it is none.
func (o object) num(key string) int {
	n, err := strconv.Atoi(o.str(key))
	if err != nil {
		return 0
	}
	return n
}

// id is a field that names something: an id, or an object with one.
func (o object) id(key string) string {
	if s := o.str(key); s != "" {
		return s
	}
	return o.obj(key).str("id")
}

// readObject reads one JSON object. Numbers stay as written.
func readObject(data []byte) (object, bool) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var o object
	if err := d.Decode(&o); err != nil || o == nil {
		return nil, false
	}
	return o, true
}

// frame is the outside of one message from the socket.
type frame struct {
	Type     string // hello, disconnect, interactive, …
	Envelope string // the id to acknowledge; empty: nothing to
	Reason   string // disconnect: why
	Links    int    // hello, too_many_websockets: how many links Slack counts
	App      string // hello: the app's id
	Host     string // the host that speaks, for logs
	Payload  json.RawMessage
}

// readFrame reads the outside of a message; false: it is none.
func readFrame(data []byte) (frame, bool) {
	// Field by field, so that one of an unexpected type leaves the others.
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(data, &fields); err != nil || fields == nil {
		return frame{}, false
	}
	part := make(object, 6)
	for _, key := range []string{"type", "envelope_id", "reason", "num_connections", "connection_info", "debug_info"} {
		d := json.NewDecoder(bytes.NewReader(fields[key]))
		d.UseNumber()
		var v any
		if d.Decode(&v) == nil {
			part[key] = v
		}
	}
	return frame{
		Type:     part.str("type"),
		Envelope: part.str("envelope_id"),
		Reason:   part.str("reason"),
		Links:    part.num("num_connections"),
		App:      part.obj("connection_info").str("app_id"),
		Host:     part.obj("debug_info").str("host"),
		Payload:  fields["payload"],
	}, true
}

// acknowledgement is what Slack wants within 3 seconds of every envelope, in
// one frame, on the connection that the envelope came by.
func acknowledgement(envelope string) []byte {
	text, err := json.Marshal(struct {
		ID string `json:"envelope_id"`
	}{envelope})
	if err != nil {
		return nil // a string can always be encoded
	}
	return text
}

// Kinds of payload that this channel knows.
const (
	blockActions   = "block_actions"
	viewSubmission = "view_submission"
)

// interaction is what a person did in Slack, as Slack says it.
type interaction struct {
	Kind    string
	App     string
	User    string // who
	Name    string // for people to read
	Team    string // the person's workspace
	Where   string // the workspace in which it happened
	Channel string
	TS      string // of the message
	Trigger string // opens a modal: 3 s, once
	Respond string // response_url: a secret
	Actions []action
	Message object // block_actions: the message as it is shown
	// The modal that it happened in, and what was filled in there.
	View, Callback, Private string
	Values                  object // by block and action
}

// action is one button that was pressed.
type action struct{ ID, Value, TS string }

// readInteraction reads the payload of an interactive envelope; false: it is
// nothing that this channel knows.
func readInteraction(payload []byte) (interaction, bool) {
	p, ok := readObject(payload)
	if !ok {
		// Over HTTP the payload is a form field; a string here would be that.
		var text string
		if json.Unmarshal(payload, &text) != nil {
			return interaction{}, false
		}
		if p, ok = readObject([]byte(text)); !ok {
			return interaction{}, false
		}
	}
	user, container := p.obj("user"), p.obj("container")
	in := interaction{
		Kind:    p.str("type"),
		App:     p.str("api_app_id"),
		User:    p.id("user"),
		Name:    first(user.str("username"), user.str("name")),
		Team:    user.str("team_id"),
		Where:   p.id("team"),
		Channel: first(container.str("channel_id"), p.id("channel")),
		TS:      first(container.str("message_ts"), p.obj("message").str("ts")),
		Trigger: p.str("trigger_id"),
		Respond: p.str("response_url"),
		Message: p.obj("message"),
	}
	view := p.obj("view")
	in.View, in.Callback, in.Private = view.str("id"), view.str("callback_id"), view.str("private_metadata")
	switch in.Kind {
	case blockActions:
		for _, entry := range p.list("actions") {
			if a, ok := entry.(map[string]any); ok {
				a := object(a)
				in.Actions = append(in.Actions, action{ID: a.str("action_id"), Value: a.str("value"), TS: a.str("action_ts")})
			}
		}
	case viewSubmission:
		in.Values = view.obj("state").obj("values")
	default:
		return in, false
	}
	return in, true
}

func first(texts ...string) string {
	for _, t := range texts {
		if strings.TrimSpace(t) != "" {
			return t
		}
	}
	return ""
}

package slacktest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"
)

// Click is a tap on a button (or a choice in a menu) of a message.
type Click struct {
	Channel, TS string // Channel may be empty: the message with that TS
	ActionID    string
	BlockID     string // only needed if several blocks have the ActionID
	// User and Team are who taps; by default the first of Options.Users. A user
	// nobody knows is taken for a guest of another team.
	User, Team string

	// Value replaces the button's own value.
	Value *string
	// Option is the value chosen in a menu.
	Option string
	// Version is the state of the message the person saw, from 1; 0 for the
	// newest. A tap on an old state is one that crossed an update.
	Version int
	// Edit changes the payload before it is sent; Payload replaces it whole.
	Edit    func(payload map[string]any)
	Payload json.RawMessage
	// Conn sends it on that connection and not on the next by the routing.
	Conn int
}

// ClickResult is what became of a Click.
type ClickResult struct {
	Delivery
	TriggerID, ResponseURL string
}

// Click taps. The error is for a tap that is not possible (no such message, no
// such button); how Slack fared with it is in the result.
func (s *Server) Click(ctx context.Context, click Click) (ClickResult, error) {
	payload, result, err := s.clickPayload(click)
	if err != nil {
		return result, fmt.Errorf("cannot click %s: %w", click.ActionID, err)
	}
	if click.Edit != nil {
		click.Edit(payload)
	}
	raw := mustJSON(payload)
	if click.Payload != nil {
		raw = click.Payload
	}
	result.Delivery, err = s.deliver(ctx, envelope("interactive", false, raw), click.Conn)
	return result, err
}

func (s *Server) clickPayload(click Click) (map[string]any, ClickResult, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var r ClickResult
	if click.Payload != nil {
		return nil, r, nil
	}
	var m *Message
	for _, have := range s.store.all {
		if have.TS == click.TS && (click.Channel == "" || have.Channel == click.Channel) {
			m = have
		}
	}
	if m == nil {
		return nil, r, errors.New("no such message")
	}
	if m.Deleted && click.Version == 0 {
		return nil, r, errors.New("the message is deleted")
	}
	shown := m.copy()
	if n := click.Version; n != 0 {
		if n < 1 || n > len(m.Versions) {
			return nil, r, errors.New("the message has no such version")
		}
		v := m.Versions[n-1]
		shown.Text, shown.Blocks, shown.Metadata, shown.Updates = v.Text, v.Blocks, v.Metadata, n-1
		shown.Versions = shown.Versions[:n]
	}
	element, block := findElement(shown.Blocks, click.BlockID, click.ActionID)
	if element == nil {
		return nil, r, errors.New("no such button")
	}
	user, team := s.person(click.User, click.Team)
	if m.EphemeralTo != "" && m.EphemeralTo != user {
		return nil, r, errors.New("that person does not see the message")
	}
	r.TriggerID = s.newTrigger(user, team)
	r.ResponseURL = s.newHook(m, user)

	channel := map[string]any{"id": m.Channel, "name": s.store.channels[m.Channel].name}
	container := map[string]any{
		"type": "message", "message_ts": m.TS, "channel_id": m.Channel, "is_ephemeral": m.EphemeralTo != "",
	}
	if m.ThreadTS != "" {
		container["thread_ts"] = m.ThreadTS
	}
	payload := s.interaction("block_actions", user, team)
	maps.Copy(payload, map[string]any{
		"container": container, "channel": channel, "trigger_id": r.TriggerID, "response_url": r.ResponseURL,
		"state":   map[string]any{"values": map[string]any{}},
		"actions": []any{action(element, block, click, s.store.stamp())},
	})
	if m.EphemeralTo == "" { // Slack keeps no ephemeral message to send along
		payload["message"] = s.messageJSON(&shown, false)
	}
	return payload, r, nil
}

// interaction is what all interactive payloads have in common.
func (s *Server) interaction(typ, user, team string) map[string]any {
	name := userName(user)
	domain := s.opt.TeamDomain
	if team != s.opt.Team {
		domain = strings.ToLower(team)
	}
	return map[string]any{
		"type": typ, "api_app_id": s.opt.AppID, "token": "loopback-verification",
		"user":       map[string]any{"id": user, "username": name, "name": name, "team_id": team},
		"team":       map[string]any{"id": team, "domain": domain},
		"enterprise": nil, "is_enterprise_install": false,
	}
}

// person fills in who acts. Somebody new becomes known, as a member of
// whatever team is named.
func (s *Server) person(user, team string) (string, string) {
	if user == "" {
		user = s.opt.Users[0]
	}
	if team == "" {
		team = s.store.people[user]
	}
	if team == "" {
		team = "T0OTHER"
	}
	if s.store.people[user] == "" {
		s.store.people[user] = team
	}
	return user, team
}

func findElement(blocks json.RawMessage, blockID, actionID string) (element, block map[string]any) {
	var all []map[string]any
	if unmarshal(blocks, &all) != nil {
		return nil, nil
	}
	for _, b := range all {
		if blockID != "" && b["block_id"] != blockID {
			continue
		}
		elements, _ := b["elements"].([]any)
		for _, e := range append(elements, b["accessory"], b["element"]) {
			if m, ok := e.(map[string]any); ok && m["action_id"] == actionID {
				return m, b
			}
		}
	}
	return nil, nil
}

func action(element, block map[string]any, click Click, ts string) map[string]any {
	a := map[string]any{
		"type": element["type"], "action_id": element["action_id"], "block_id": block["block_id"], "action_ts": ts,
	}
	for _, key := range []string{"text", "value", "style", "url", "confirm", "placeholder"} {
		if v, ok := element[key]; ok {
			a[key] = v
		}
	}
	if click.Value != nil {
		a["value"] = *click.Value
	}
	options, _ := element["options"].([]any)
	for _, o := range options {
		if m, _ := o.(map[string]any); m["value"] == click.Option {
			a["selected_option"] = m
		}
	}
	return a
}

// Submit is a person who presses the submit button of an open modal.
type Submit struct {
	ViewID string
	// Values are what was typed or chosen, by action_id or by block_id.
	Values     map[string]string
	User, Team string // by default whose screen the modal is on
	Edit       func(payload map[string]any)
	Conn       int
}

// SubmitResult is what became of a Submit.
type SubmitResult struct {
	Delivery
	// Closed is whether the modal went away. It stays open without an ack, and
	// with errors or an update in it.
	Closed bool
	// Action is the ack's response_action; Errors are its errors by block_id.
	Action string
	Errors map[string]string
}

// Submit presses the submit button. The error is for what Slack's own client
// refuses: a required field left empty, a text too long.
func (s *Server) Submit(ctx context.Context, submit Submit) (SubmitResult, error) {
	s.mu.Lock()
	payload, err := s.submitPayload(submit)
	s.mu.Unlock()
	if err != nil {
		return SubmitResult{}, fmt.Errorf("cannot submit: %w", err)
	}
	if submit.Edit != nil {
		submit.Edit(payload)
	}
	var r SubmitResult
	r.Delivery, err = s.deliver(ctx, envelope("interactive", true, mustJSON(payload)), submit.Conn)
	if err != nil || !r.Acked {
		return r, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return r, s.applyResponse(submit.ViewID, &r)
}

// applyResponse does with the modal what the ack says. Called with mu held.
func (s *Server) applyResponse(viewID string, r *SubmitResult) error {
	var said struct {
		Action string            `json:"response_action"`
		Errors map[string]string `json:"errors"`
		View   json.RawMessage   `json:"view"`
	}
	if len(r.AckPayload) > 0 {
		if err := json.Unmarshal(r.AckPayload, &said); err != nil {
			return fmt.Errorf("cannot use the ack's payload: %w", err)
		}
	}
	r.Action, r.Errors = said.Action, said.Errors
	v := s.openView(viewID)
	if v == nil {
		return nil // it was replaced or closed meanwhile
	}
	switch said.Action {
	case "":
		s.shut(viewID)
		r.Closed = true
	case "clear":
		s.views = nil
		s.bump()
		r.Closed = true
	case "errors":
		blocks, _ := v.doc["blocks"].([]any)
		for id := range said.Errors {
			known := false
			for _, b := range blocks {
				m, _ := b.(map[string]any)
				known = known || m["block_id"] == id && m["type"] == "input"
			}
			if !known {
				return fmt.Errorf("cannot show the ack's error: no input block %q", id)
			}
		}
	case "update", "push":
		doc, refusal := s.checkView(string(said.View))
		if refusal != nil {
			return fmt.Errorf("cannot use the ack's view: %v", refusal["response_metadata"])
		}
		v.Updates++
		s.redraw(v, doc)
	default:
		return fmt.Errorf("cannot use the ack: response_action %q", said.Action)
	}
	return nil
}

func (s *Server) openView(id string) *view {
	for _, v := range s.views {
		if v.ID == id {
			return v
		}
	}
	return nil
}

func (s *Server) shut(id string) {
	var rest []*view
	for _, v := range s.views {
		if v.ID != id {
			rest = append(rest, v)
		}
	}
	s.views = rest
	s.bump()
}

func (s *Server) submitPayload(submit Submit) (map[string]any, error) {
	v := s.openView(submit.ViewID)
	if v == nil {
		return nil, errors.New("no such modal is open")
	}
	if v.doc["submit"] == nil {
		return nil, errors.New("the modal has no submit button")
	}
	user, team := v.User, v.team
	if submit.User != "" {
		user, team = s.person(submit.User, submit.Team)
	}
	values := map[string]any{}
	used := map[string]bool{}
	blocks, _ := v.doc["blocks"].([]any)
	for _, b := range blocks {
		block, _ := b.(map[string]any)
		element, _ := block["element"].(map[string]any)
		if block["type"] != "input" || element == nil {
			continue
		}
		blockID, _ := block["block_id"].(string)
		actionID, _ := element["action_id"].(string)
		text, given := submit.Values[actionID]
		used[actionID] = true
		if !given {
			text, given = submit.Values[blockID]
			used[blockID] = true
		}
		if !given {
			text, given = element["initial_value"].(string)
		}
		state, err := inputState(element, text, given, block["optional"] == true)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", blockID, err)
		}
		values[blockID] = map[string]any{actionID: state}
	}
	for key := range submit.Values {
		if !used[key] {
			return nil, fmt.Errorf("the modal has no input %q", key)
		}
	}
	doc := maps.Clone(v.doc)
	doc["state"] = map[string]any{"values": values}
	payload := s.interaction("view_submission", user, team)
	payload["trigger_id"] = s.newTrigger(user, team)
	payload["view"] = doc
	payload["response_urls"] = []any{}
	return payload, nil
}

// inputState is an input's part of view.state.values, after the checks that
// Slack's clients make themselves.
func inputState(element map[string]any, text string, given, optional bool) (map[string]any, error) {
	state := map[string]any{"type": element["type"]}
	if text == "" {
		given = false
	}
	if !given && !optional {
		return nil, errors.New("please complete this required field")
	}
	key := "value"
	var value any = text
	switch typ, _ := element["type"].(string); typ {
	case "plain_text_input":
		low, high := number(element["min_length"], 0), number(element["max_length"], 3000)
		if n := units(text); given && (n < low || n > high) {
			return nil, fmt.Errorf("%d characters, between %d and %d are allowed", n, low, high)
		}
	case "static_select", "radio_buttons":
		key = "selected_option"
		options, _ := element["options"].([]any)
		for _, o := range options {
			if m, _ := o.(map[string]any); m["value"] == text {
				value = m
			}
		}
		if _, found := value.(map[string]any); given && !found {
			return nil, fmt.Errorf("no option %q", text)
		}
	}
	if !given {
		value = nil
	}
	state[key] = value
	return state, nil
}

func number(v any, otherwise int) int {
	if n, ok := v.(json.Number); ok {
		if i, err := n.Int64(); err == nil {
			return int(i)
		}
	}
	return otherwise
}

// CloseView closes a modal without submitting it. The app is only told (and the
// Delivery only filled) if the modal asked for it by notify_on_close.
func (s *Server) CloseView(ctx context.Context, viewID string) (Delivery, error) {
	s.mu.Lock()
	v := s.openView(viewID)
	if v == nil {
		s.mu.Unlock()
		return Delivery{}, errors.New("cannot close: no such modal is open")
	}
	s.shut(viewID)
	payload := s.interaction("view_closed", v.User, v.team)
	payload["view"], payload["is_cleared"] = v.doc, false
	notify := v.doc["notify_on_close"] == true
	s.mu.Unlock()
	if !notify {
		return Delivery{}, nil
	}
	return s.deliver(ctx, envelope("interactive", false, mustJSON(payload)), 0)
}

// Say is a message that a person writes.
type Say struct {
	Channel, ThreadTS string // Channel is by default the person's DM
	User, Team        string
	Text              string
}

// Say writes a message; the app gets it as an event. An event that is not acked
// comes again after each of Options.EventRetries, and Say waits for that: the
// Delivery is that of the last attempt.
func (s *Server) Say(ctx context.Context, say Say) (Message, Delivery, error) {
	s.mu.Lock()
	user, team := s.person(say.User, say.Team)
	if say.Channel == "" {
		say.Channel = DM(user)
	}
	where := s.store.open(say.Channel)
	if where == nil {
		s.mu.Unlock()
		return Message{}, Delivery{}, errors.New("cannot say: no such channel")
	}
	m := &Message{Channel: where.id, ThreadTS: say.ThreadTS, User: user, Text: escape(say.Text)}
	s.add(m, "say")
	m.Blocks = mustJSON([]any{map[string]any{"type": "rich_text", "block_id": hexes(3)[:5], "elements": []any{
		map[string]any{"type": "rich_text_section", "elements": []any{map[string]any{"type": "text", "text": say.Text}}},
	}}})
	kind := "channel"
	if where.dm != "" {
		kind = "im"
	}
	event := s.messageJSON(m, false)
	event["team"] = team
	maps.Copy(event, map[string]any{
		"channel": where.id, "channel_type": kind, "event_ts": m.TS, "client_msg_id": uuid(),
	})
	s.serial++
	payload := mustJSON(map[string]any{
		"token": "loopback-verification", "team_id": s.opt.Team, "api_app_id": s.opt.AppID, "event": event,
		"type": "event_callback", "event_id": fmt.Sprintf("Ev%09d", s.serial), "event_time": time.Now().Unix(),
		"authorizations": []any{map[string]any{
			"enterprise_id": nil, "team_id": s.opt.Team, "user_id": s.opt.BotUser, "is_bot": true, "is_enterprise_install": false,
		}},
		"is_ext_shared_channel": false, "event_context": "4-" + hexes(8),
	})
	said := m.copy()
	s.mu.Unlock()

	var d Delivery
	for attempt := 0; ; attempt++ {
		env := map[string]any{
			"envelope_id": uuid(), "payload": payload, "type": "events_api", "accepts_response_payload": false,
			"retry_attempt": attempt, "retry_reason": map[bool]string{true: "timeout"}[attempt > 0],
		}
		var err error
		d, err = s.deliver(ctx, mustJSON(env), 0)
		if err != nil || d.Acked || attempt == len(s.opt.EventRetries) {
			return said, d, err
		}
		t := time.NewTimer(s.opt.EventRetries[attempt])
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return said, d, context.Cause(ctx)
		case <-s.done:
			t.Stop()
			return said, d, errors.New("cannot say: the server closed")
		}
	}
}

func escape(text string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(text)
}

// Invoke calls the Server's own Web API with the bot token, without the
// network and without faults: what somebody who stole the token could do.
// Arguments that are not strings go as their JSON. ok:false is an error.
func (s *Server) Invoke(method string, args map[string]any) (map[string]any, error) {
	c := Call{Method: method, At: time.Now(), Token: BotToken, TokenIn: "header", Encoding: "invoke", Args: map[string]string{}}
	for k, v := range args {
		if text, ok := v.(string); ok {
			c.Args[k] = text
		} else {
			c.Args[k] = string(mustJSON(v))
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.perform(&request{record: &record{Call: c}})
	if code, _ := out["error"].(string); code != "" {
		return out, fmt.Errorf("cannot %s: %s", method, code)
	}
	return out, nil
}

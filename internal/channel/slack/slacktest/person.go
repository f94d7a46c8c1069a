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

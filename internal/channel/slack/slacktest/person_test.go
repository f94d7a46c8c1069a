package slacktest_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"claude-permission-daemon/internal/channel/slack/slacktest"
)

func TestClickReachesTheAppAndItsAckComesBack(t *testing.T) {
	s, c := start(t, slacktest.Options{})
	k := c.dial(nil)
	k.next(t, "hello")
	ts := c.post()
	got, err := s.Click(c.ctx, slacktest.Click{Channel: "D0ALICE", TS: ts, ActionID: "approve"})
	if err != nil || !got.Acked || got.Latency <= 0 {
		t.Fatalf("click: %+v %v", got, err)
	}
	env := k.next(t, "interactive")
	payload := env["payload"].(map[string]any)
	wantAction := map[string]any{
		"type": "button", "action_id": "approve", "block_id": "decide-1", "value": "r1", "style": "primary",
		"text": map[string]any{"type": "plain_text", "text": "Approve", "emoji": true},
	}
	action := payload["actions"].([]any)[0].(map[string]any)
	delete(action, "action_ts")
	if diff := cmp.Diff(wantAction, action); diff != "" {
		t.Errorf("action (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]any{"id": "D0ALICE", "name": "directmessage"}, payload["channel"]); diff != "" {
		t.Errorf("channel (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]any{"id": "U0ALICE", "username": "alice", "name": "alice", "team_id": "T0TEST"}, payload["user"]); diff != "" {
		t.Errorf("user (-want +got):\n%s", diff)
	}
	// The message comes as Slack keeps it, with what the app did not say.
	blocks := payload["message"].(map[string]any)["blocks"].([]any)
	section := blocks[0].(map[string]any)
	if section["block_id"] == nil || section["text"].(map[string]any)["verbatim"] != false {
		t.Errorf("section: %v", section)
	}
	preformatted := blocks[1].(map[string]any)["elements"].([]any)[0].(map[string]any)
	if preformatted["border"] != 0.0 {
		t.Errorf("preformatted: %v", preformatted)
	}
}

func TestClicksThatArePossible(t *testing.T) {
	s, c := start(t, slacktest.Options{})
	c.dial(nil).next(t, "hello")
	ts := c.post()
	stolen := "r2"
	payload := func(click slacktest.Click) map[string]any {
		t.Helper()
		click.TS = ts
		d, err := s.Click(c.ctx, click)
		if err != nil || !d.Acked {
			t.Fatalf("%+v %v", d, err)
		}
		return document(t, d.Payload)
	}
	text := func(p map[string]any) string { return p["message"].(map[string]any)["text"].(string) }

	if got := payload(slacktest.Click{ActionID: "approve", Value: &stolen}); got["actions"].([]any)[0].(map[string]any)["value"] != "r2" {
		t.Errorf("another value: %v", got["actions"])
	}
	got := payload(slacktest.Click{ActionID: "approve", User: "U0EVE", Team: "T0EVIL"})
	if got["user"].(map[string]any)["team_id"] != "T0EVIL" || got["team"].(map[string]any)["id"] != "T0EVIL" {
		t.Errorf("somebody of another team: %v %v", got["user"], got["team"])
	}
	if got := payload(slacktest.Click{ActionID: "approve", User: "U0GUEST"}); got["user"].(map[string]any)["team_id"] != "T0OTHER" {
		t.Errorf("a guest: %v", got["user"])
	}
	if out := c.call("chat.postEphemeral", map[string]any{"channel": "C0TEAM", "user": "U0EVE", "text": "not yours"}); out["ok"] != true {
		t.Errorf("whoever tapped can be told so: %v", out)
	}
	got = payload(slacktest.Click{ActionID: "approve", Edit: func(p map[string]any) { delete(p, "message") }})
	if got["message"] != nil {
		t.Errorf("an edited payload: %v", got)
	}
	if got := payload(slacktest.Click{ActionID: "approve", Payload: json.RawMessage(`{"type":"block_actions"}`)}); len(got) != 1 {
		t.Errorf("a payload of the test's own: %v", got)
	}

	// What a stolen bot token can do: the same buttons under other words.
	if _, err := s.Invoke("chat.update", map[string]any{"channel": "D0ALICE", "ts": ts, "text": "harmless", "blocks": card()}); err != nil {
		t.Fatal(err)
	}
	if got := text(payload(slacktest.Click{ActionID: "approve"})); got != "harmless" {
		t.Errorf("after the edit: %q", got)
	}
	if got := text(payload(slacktest.Click{ActionID: "approve", Version: 1})); !strings.HasPrefix(got, "Bash") {
		t.Errorf("on the first version: %q", got)
	}
	if len(s.Calls("chat.update")) != 0 {
		t.Error("Invoke is not the app's call")
	}
	if _, err := s.Invoke("chat.update", map[string]any{"channel": "D0ALICE", "ts": "1.000000", "text": "x"}); err == nil {
		t.Error("Invoke hides a refusal")
	}
}

func TestClicksThatAreNotPossible(t *testing.T) {
	s, c := start(t, slacktest.Options{})
	ts := c.post()
	private := c.call("chat.postEphemeral", map[string]any{"channel": "C0TEAM", "user": "U0ALICE", "text": "x", "blocks": card()})["message_ts"].(string)
	settled := c.post()
	c.call("chat.update", map[string]any{"channel": "D0ALICE", "ts": settled, "text": "Approved", "blocks": card()[:1]})
	deleted := c.post()
	c.call("chat.delete", map[string]any{"channel": "D0ALICE", "ts": deleted})
	for name, click := range map[string]slacktest.Click{
		"no message":      {TS: "1.000000", ActionID: "approve"},
		"no button":       {TS: ts, ActionID: "nonsense"},
		"another block":   {TS: ts, ActionID: "approve", BlockID: "nonsense"},
		"another channel": {TS: ts, Channel: "C0TEAM", ActionID: "approve"},
		"button gone":     {TS: settled, ActionID: "approve"},
		"no such version": {TS: settled, ActionID: "approve", Version: 3},
		"deleted":         {TS: deleted, ActionID: "approve"},
		"somebody else's": {TS: private, ActionID: "approve", User: "U0EVE"},
	} {
		if d, err := s.Click(c.ctx, click); err == nil {
			t.Errorf("%s: %+v", name, d)
		}
	}
}

func TestMenusAndAccessories(t *testing.T) {
	s, c := start(t, slacktest.Options{})
	c.dial(nil).next(t, "hello")
	option := func(v string) map[string]any { return map[string]any{"text": plain(v), "value": v} }
	out := c.call("chat.postMessage", map[string]any{"channel": "C0TEAM", "text": "x", "blocks": []any{
		map[string]any{"type": "section", "text": plain("How long?"), "accessory": map[string]any{
			"type": "static_select", "action_id": "span", "placeholder": plain("Choose"), "options": []any{option("once"), option("always")},
		}},
	}})
	d, err := s.Click(c.ctx, slacktest.Click{TS: out["ts"].(string), ActionID: "span", Option: "always"})
	if err != nil {
		t.Fatal(err)
	}
	action := document(t, d.Payload)["actions"].([]any)[0].(map[string]any)
	if action["selected_option"].(map[string]any)["value"] != "always" || action["type"] != "static_select" {
		t.Errorf("%v", action)
	}
}

// reason is a modal with one text of at most 20 characters and one choice.
func reason() map[string]any {
	return map[string]any{
		"type": "modal", "callback_id": "reason", "private_metadata": "r1", "title": plain("Deny"), "submit": plain("Deny"),
		"blocks": []any{
			map[string]any{"type": "input", "block_id": "why", "label": plain("Reason"), "element": map[string]any{
				"type": "plain_text_input", "action_id": "text", "max_length": 20, "min_length": 2,
			}},
			map[string]any{"type": "input", "block_id": "stop", "optional": true, "label": plain("Then"), "element": map[string]any{
				"type": "radio_buttons", "action_id": "then", "options": []any{map[string]any{"text": plain("Stop"), "value": "stop"}},
			}},
		},
	}
}

func TestSubmit(t *testing.T) {
	s, c := start(t, slacktest.Options{})
	var answer any // the payload of the next ack
	c.dial(func(m map[string]any) any {
		if m["type"] != "interactive" {
			return nil
		}
		a := ack(m).(map[string]any)
		if answer != nil {
			a["payload"] = answer
		}
		return a
	}).next(t, "hello")
	id := c.modal(t, reason())
	if v, err := s.WaitView(c.ctx, nil); err != nil || v.ID != id || v.User != "U0ALICE" || v.PrivateMetadata != "r1" || v.CallbackID != "reason" {
		t.Fatalf("%+v %v", v, err)
	}
	submit := func(values map[string]string) (slacktest.SubmitResult, error) {
		return s.Submit(c.ctx, slacktest.Submit{ViewID: id, Values: values})
	}
	for name, values := range map[string]map[string]string{
		"nothing":        {},
		"too short":      {"text": "x"},
		"too long":       {"text": strings.Repeat("x", 21)},
		"no such field":  {"text": "fine", "more": "x"},
		"no such choice": {"text": "fine", "then": "go"},
	} {
		if r, err := submit(values); err == nil {
			t.Errorf("%s: Slack's client refuses, here: %+v", name, r)
		}
	}
	good := map[string]string{"text": "fine", "then": "stop"}
	answer = map[string]any{"response_action": "errors", "errors": map[string]string{"why": "More, please."}}
	if r, err := submit(good); err != nil || r.Closed || r.Action != "errors" || r.Errors["why"] == "" || len(s.Views()) != 1 {
		t.Errorf("errors: %+v %v", r, err)
	}
	for name, bad := range map[string]any{
		"errors for no input":       map[string]any{"response_action": "errors", "errors": map[string]string{"nowhere": "x"}},
		"an action nobody knows":    map[string]any{"response_action": "dance"},
		"a view that is none":       map[string]any{"response_action": "update", "view": map[string]any{"type": "modal"}},
		"a payload of another kind": []string{"x"},
	} {
		answer = bad
		if r, err := submit(good); err == nil || r.Closed {
			t.Errorf("%s: %+v %v", name, r, err)
		}
	}
	answer = map[string]any{"response_action": "update", "view": reason()}
	if r, err := submit(good); err != nil || r.Closed || s.Views()[0].Updates != 1 {
		t.Errorf("update: %+v %v", r, err)
	}
	answer = nil
	r, err := submit(good)
	if err != nil || !r.Closed || len(s.Views()) != 0 {
		t.Fatalf("%+v %v", r, err)
	}
	state := document(t, r.Payload)["view"].(map[string]any)["state"].(map[string]any)["values"].(map[string]any)
	chosen := state["stop"].(map[string]any)["then"].(map[string]any)["selected_option"].(map[string]any)
	if chosen["value"] != "stop" {
		t.Errorf("%v", state)
	}
	if _, err := submit(good); err == nil {
		t.Error("a modal that is closed")
	}

	// Anybody may have got hold of the view's id; the payload says who pressed.
	id = c.modal(t, reason())
	answer = map[string]any{"response_action": "clear"}
	r, err = s.Submit(c.ctx, slacktest.Submit{ViewID: id, User: "U0EVE", Team: "T0EVIL", Values: good, Edit: func(p map[string]any) { p["extra"] = true }})
	if p := document(t, r.Payload); err != nil || !r.Closed || p["user"].(map[string]any)["id"] != "U0EVE" || p["extra"] != true {
		t.Errorf("%+v %v", r, err)
	}
}

// What is typed comes back as it is; in Harsh mode without the blanks at its
// ends.
func TestTypedText(t *testing.T) {
	for harsh, want := range map[bool]string{false: " a\r\nb ", true: "a\nb"} {
		s, c := start(t, slacktest.Options{Harsh: harsh})
		c.dial(ack).next(t, "hello")
		r, err := s.Submit(c.ctx, slacktest.Submit{ViewID: c.modal(t, reason()), Values: map[string]string{"text": " a\r\nb "}})
		if err != nil {
			t.Fatal(err)
		}
		state := document(t, r.Payload)["view"].(map[string]any)["state"].(map[string]any)["values"].(map[string]any)
		if got := state["why"].(map[string]any)["text"].(map[string]any)["value"]; got != want {
			t.Errorf("harsh %v: %q, want %q", harsh, got, want)
		}
	}
}

func TestAModalStaysOpenWithoutAnAck(t *testing.T) {
	s, c := start(t, slacktest.Options{AckLimit: 20 * time.Millisecond})
	k := c.dial(nil)
	k.next(t, "hello")
	id := c.modal(t, reason())
	s.Freeze()
	r, err := s.Submit(c.ctx, slacktest.Submit{ViewID: id, Values: map[string]string{"text": "fine"}})
	if err != nil || r.Error != slacktest.OperationTimeout || r.Closed || len(s.Views()) != 1 {
		t.Errorf("%+v %v", r, err)
	}
	if d, err := s.CloseView(c.ctx, id); err != nil || d.Acked || len(s.Views()) != 0 {
		t.Errorf("closing without notify_on_close: %+v %v", d, err)
	}
	if _, err := s.CloseView(c.ctx, id); err == nil {
		t.Error("closed twice")
	}
}

func TestViewsUpdate(t *testing.T) {
	s, c := start(t, slacktest.Options{})
	c.dial(nil).next(t, "hello")
	view := reason()
	view["external_id"] = "mine"
	id := c.modal(t, view)
	hash := s.Views()[0].Hash
	view["title"] = plain("Really")
	if out := c.call("views.update", map[string]any{"view_id": id, "hash": hash, "view": view}); out["ok"] != true {
		t.Errorf("%v", out)
	}
	for want, args := range map[string]map[string]any{
		"hash_conflict":     {"view_id": id, "hash": hash, "view": view},
		"not_found":         {"view_id": "V0NONE", "view": view},
		"invalid_arguments": {"external_id": "mine", "view": "nonsense"},
		"view_too_large":    {"view_id": id, "view": map[string]any{"type": strings.Repeat("x", 300<<10)}},
	} {
		if out := c.call("views.update", args); out["error"] != want {
			t.Errorf("%v, want %s", out, want)
		}
	}
	if v := s.Views()[0]; v.Updates != 1 || !strings.Contains(string(v.View), "Really") {
		t.Errorf("%+v", v)
	}
}

func TestResponseURL(t *testing.T) {
	s, c := start(t, slacktest.Options{})
	c.dial(nil).next(t, "hello")
	ts := c.post()
	d, err := s.Click(c.ctx, slacktest.Click{TS: ts, ActionID: "approve"})
	if err != nil {
		t.Fatal(err)
	}
	last := func() slacktest.Message { all := s.Messages("D0ALICE"); return all[len(all)-1] }
	c.respond(d.ResponseURL, map[string]any{"text": "Noted"})
	if m := last(); m.EphemeralTo != "U0ALICE" || m.Text != "Noted" {
		t.Errorf("a note is private: %+v", m)
	}
	c.respond(d.ResponseURL, map[string]any{"text": "All see it", "response_type": "in_channel"})
	if m := last(); m.EphemeralTo != "" || m.Text != "All see it" {
		t.Errorf("in_channel: %+v", m)
	}
	c.respond(d.ResponseURL, map[string]any{"text": "Instead", "replace_original": true})
	if m := s.Messages("D0ALICE")[0]; m.Text != "Instead" || m.Blocks != nil {
		t.Errorf("replace_original: %+v", m)
	}
	if status, out := c.respond(d.ResponseURL, map[string]any{}); status != 200 || out["error"] != "no_text" {
		t.Errorf("nothing to say: %d %v", status, out)
	}
	c.respond(d.ResponseURL, map[string]any{"delete_original": true})
	if !s.Messages("D0ALICE")[0].Deleted {
		t.Error("delete_original")
	}
	if status, out := c.respond(d.ResponseURL, map[string]any{"text": "sixth"}); status != 404 || out["error"] != "used_url" {
		t.Errorf("the sixth use: %d %v", status, out)
	}
	if status, _ := c.respond(d.ResponseURL+"0", map[string]any{"text": "x"}); status != 404 {
		t.Errorf("a url nobody gave out: %d", status)
	}
	if calls := s.Calls(slacktest.MethodResponseURL); len(calls) != 7 || calls[0].Token != slacktest.NoToken {
		t.Errorf("%d calls", len(calls))
	}
}

func TestSayInAChannelAndAThread(t *testing.T) {
	s, c := start(t, slacktest.Options{})
	k := c.dial(nil)
	k.next(t, "hello")
	parent := c.post()
	if _, d, err := s.Say(c.ctx, slacktest.Say{ThreadTS: parent, Text: "a < b"}); err != nil || !d.Acked {
		t.Fatalf("%+v %v", d, err)
	}
	event := k.next(t, "events_api")["payload"].(map[string]any)["event"].(map[string]any)
	if event["text"] != "a &lt; b" || event["thread_ts"] != parent || event["channel_type"] != "im" || event["bot_id"] != nil {
		t.Errorf("%v", event)
	}
	if _, _, err := s.Say(c.ctx, slacktest.Say{Channel: "C0TEAM", Text: "hi"}); err != nil {
		t.Error(err)
	}
	if event := k.next(t, "events_api")["payload"].(map[string]any)["event"].(map[string]any); event["channel_type"] != "channel" {
		t.Errorf("%v", event)
	}
	if _, _, err := s.Say(c.ctx, slacktest.Say{Channel: "C0NONE", Text: "hi"}); err == nil {
		t.Error("said it nowhere")
	}
}

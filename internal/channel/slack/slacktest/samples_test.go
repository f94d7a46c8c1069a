package slacktest_test

import (
	"encoding/json"
	"slices"
	"sort"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"claude-permission-daemon/internal/channel/slack/slacktest"
)

// keys are the paths of all fields of a document, arrays left out of the path.
func keys(v any, prefix string) []string {
	var out []string
	switch v := v.(type) {
	case map[string]any:
		for k, inner := range v {
			out = append(out, prefix+k)
			out = append(out, keys(inner, prefix+k+".")...)
		}
	case []any:
		for _, inner := range v {
			out = append(out, keys(inner, prefix)...)
		}
	}
	sort.Strings(out)
	return slices.Compact(out)
}

func document(t *testing.T, raw json.RawMessage) map[string]any {
	t.Helper()
	var out map[string]any
	if err := json.Unmarshal(raw, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// minus is what a has and b has not, but for what is below the prefixes.
func minus(a, b []string, but ...string) []string {
	var out []string
	for _, k := range a {
		if !slices.Contains(b, k) && !slices.ContainsFunc(but, func(p string) bool { return strings.HasPrefix(k, p) }) {
			out = append(out, k)
		}
	}
	return out
}

func TestSamplesReachTheAppAsTheyAre(t *testing.T) {
	s, c := start(t, slacktest.Options{})
	k := c.dial(nil)
	k.next(t, "hello")
	for name, raw := range slacktest.Samples() {
		sample := document(t, raw)
		d, err := s.SendEnvelope(c.ctx, raw)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if _, isEnvelope := sample["envelope_id"]; isEnvelope != d.Acked {
			t.Errorf("%s: %+v", name, d)
		}
		if diff := cmp.Diff(sample, <-k.got); diff != "" {
			t.Errorf("%s (-sent +received):\n%s", name, diff)
		}
	}
}

// A click that the Server makes has every field that Slack's recorded ones
// have, and no field that Slack's SDKs do not know.
func TestClickHasTheRecordedShape(t *testing.T) {
	known := strings.Fields(`actions actions.action_id actions.action_ts actions.block_id actions.confirm actions.placeholder
		actions.selected_option actions.style actions.text actions.text.emoji actions.text.text actions.text.type actions.type
		actions.url actions.value api_app_id channel channel.id channel.name container container.channel_id
		container.is_ephemeral container.message_ts container.thread_ts container.type enterprise is_enterprise_install message
		message.app_id message.bot_id message.edited message.edited.ts message.edited.user message.team message.text
		message.thread_ts message.ts message.type message.user response_url state state.values team team.domain team.id token
		trigger_id type user user.id user.name user.team_id user.username`)
	samples := slacktest.Samples()

	s, c := start(t, slacktest.Options{})
	c.dial(nil).next(t, "hello")
	parent := c.post()
	reply := c.call("chat.postMessage", map[string]any{"channel": "D0ALICE", "thread_ts": parent, "text": "x", "blocks": card()})
	ts := reply["ts"].(string)
	c.call("chat.update", map[string]any{"channel": "D0ALICE", "ts": ts, "text": "y", "blocks": card()})
	click, err := s.Click(c.ctx, slacktest.Click{TS: ts, ActionID: "approve"})
	if err != nil || !click.Acked {
		t.Fatalf("%+v %v", click, err)
	}
	made := keys(document(t, click.Payload), "")
	recorded := keys(document(t, samples["click"])["payload"], "")
	if extra := minus(made, known, "message.blocks"); extra != nil {
		t.Errorf("no SDK knows %v", extra)
	}
	if lost := minus(recorded, made, "message.blocks"); lost != nil {
		t.Errorf("recorded clicks also have %v", lost)
	}

	note := c.call("chat.postEphemeral", map[string]any{"channel": "C0TEAM", "user": "U0ALICE", "text": "x", "blocks": card()})
	click, err = s.Click(c.ctx, slacktest.Click{TS: note["message_ts"].(string), ActionID: "approve"})
	if err != nil {
		t.Fatal(err)
	}
	doc := document(t, click.Payload)
	if doc["message"] != nil || doc["container"].(map[string]any)["is_ephemeral"] != true {
		t.Errorf("a click on an ephemeral message: %v", doc)
	}
}

func TestSubmissionHasTheRecordedShape(t *testing.T) {
	samples := slacktest.Samples()
	s, c := start(t, slacktest.Options{})
	c.dial(nil).next(t, "hello")
	v := c.modal(t, map[string]any{
		"type": "modal", "title": plain("Deny"), "submit": plain("Deny"), "close": plain("Cancel"), "notify_on_close": true,
		"blocks": []any{map[string]any{
			"type": "input", "block_id": "why", "label": plain("Reason"),
			"element": map[string]any{"type": "plain_text_input", "action_id": "text", "dispatch_action_config": map[string]any{"trigger_actions_on": []any{"on_enter_pressed"}}},
		}},
	})
	got, err := s.Submit(c.ctx, slacktest.Submit{ViewID: v, Values: map[string]string{"why": "not here"}})
	if err != nil || !got.Closed {
		t.Fatalf("%+v %v", got, err)
	}
	want := keys(document(t, samples["view_submission"])["payload"], "")
	if diff := cmp.Diff(want, keys(document(t, got.Payload), "")); diff != "" {
		t.Errorf("fields of a submission (-recorded +made):\n%s", diff)
	}
	values := document(t, got.Payload)["view"].(map[string]any)["state"]
	if diff := cmp.Diff(map[string]any{"values": map[string]any{"why": map[string]any{
		"text": map[string]any{"type": "plain_text_input", "value": "not here"},
	}}}, values); diff != "" {
		t.Errorf("state (-want +got):\n%s", diff)
	}

	v = c.modal(t, map[string]any{
		"type": "modal", "title": plain("Deny"), "close": plain("Cancel"), "submit": plain("Deny"), "notify_on_close": true,
		"blocks": []any{map[string]any{"type": "divider"}},
	})
	closed, err := s.CloseView(c.ctx, v)
	if err != nil || !closed.Acked {
		t.Fatalf("%+v %v", closed, err)
	}
	want = keys(document(t, samples["view_closed"])["payload"], "")
	if diff := minus(want, keys(document(t, closed.Payload), ""), "view.blocks.", "view.state."); diff != nil {
		t.Errorf("recorded closings also have %v", diff)
	}
}

func plain(text string) map[string]any { return map[string]any{"type": "plain_text", "text": text} }

// modal opens a modal on Alice's screen, by a click on a new card.
func (c *client) modal(t *testing.T, view map[string]any) string {
	t.Helper()
	click, err := c.s.Click(c.ctx, slacktest.Click{TS: c.post(), ActionID: "deny"})
	if err != nil {
		t.Fatal(err)
	}
	out := c.call("views.open", map[string]any{"trigger_id": click.TriggerID, "view": view})
	if out["ok"] != true {
		t.Fatalf("views.open: %v", out)
	}
	return out["view"].(map[string]any)["id"].(string)
}

func TestEventHasTheRecordedShape(t *testing.T) {
	s, c := start(t, slacktest.Options{})
	c.dial(nil).next(t, "hello")
	_, d, err := s.Say(c.ctx, slacktest.Say{Text: "no, wait"})
	if err != nil || !d.Acked {
		t.Fatalf("%+v %v", d, err)
	}
	made := keys(document(t, d.Payload), "")
	for _, name := range []string{"event_message_retried", "event_app_mention"} {
		want := keys(document(t, slacktest.Samples()[name])["payload"], "")
		if lost := minus(want, made, "event.blocks.elements"); lost != nil {
			t.Errorf("%s also has %v", name, lost)
		}
	}
}

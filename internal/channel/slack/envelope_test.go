package slack

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"claude-permission-daemon/internal/channel/slack/slacktest"
)

// TestSamples: the shapes that Slack's own SDKs record are read for what they
// are.
func TestSamples(t *testing.T) {
	kinds := map[string]int{}
	for name, raw := range slacktest.Samples() {
		f, ok := readFrame(raw)
		if !ok || f.Type == "" {
			t.Errorf("%s: not read: %+v", name, f)
			continue
		}
		kinds[f.Type]++
		switch f.Type {
		case "hello":
			if f.App == "" || f.Links == 0 {
				t.Errorf("%s: read as %+v", name, f)
			}
		case "disconnect":
			if f.Reason == "" {
				t.Errorf("%s: read as %+v", name, f)
			}
		default:
			if f.Envelope == "" || len(f.Payload) == 0 {
				t.Errorf("%s: read as %+v", name, f)
			}
		}
		if f.Type != "interactive" {
			continue
		}
		in, known := readInteraction(f.Payload)
		kinds[in.Kind]++
		if in.User == "" || in.Kind == "" {
			t.Errorf("%s: read as %+v", name, in)
		}
		if known != (in.Kind == blockActions || in.Kind == viewSubmission) {
			t.Errorf("%s: known is %v", name, known)
		}
		if in.Kind == blockActions && (len(in.Actions) == 0 || in.Actions[0].ID == "") {
			t.Errorf("%s: without its actions: %+v", name, in)
		}
	}
	for _, kind := range []string{"hello", "disconnect", "interactive", "events_api", blockActions, viewSubmission} {
		if kinds[kind] == 0 {
			t.Errorf("there is no sample of %s", kind)
		}
	}
}

func TestReadInteraction(t *testing.T) {
	// After the click that java-slack-sdk's EnvelopeTest records.
	const click = `{"type":"block_actions","user":{"id":"U111","username":"t","name":"n","team_id":"T111"},"api_app_id":"A111",
 "container":{"type":"message","message_ts":"1605853634.000400","channel_id":"C111","is_ephemeral":false},"trigger_id":"111.222.xxx",
 "team":{"id":"T111","domain":"d"},"enterprise":null,"is_enterprise_install":false,"channel":{"id":"C111","name":"random"},
 "message":{"bot_id":"B111","text":"x","ts":"1605853634.000400","blocks":[]},"response_url":"https://hooks.slack.com/actions/T111/111/xxx",
 "actions":[{"action_id":"a","block_id":"b","value":"underlying","type":"button","action_ts":"1605853645.582706"}]}`
	want := interaction{
		Kind: blockActions, App: "A111", User: "U111", Name: "t", Team: "T111", Where: "T111", Channel: "C111", TS: "1605853634.000400",
		Trigger: "111.222.xxx", Respond: "https://hooks.slack.com/actions/T111/111/xxx",
		Actions: []action{{ID: "a", Value: "underlying", TS: "1605853645.582706"}},
	}
	for name, change := range map[string]func(string) string{
		"as recorded":             func(s string) string { return s },
		"as a form field":         func(s string) string { return string(mustJSON(s)) },
		"without a container":     func(s string) string { return strings.Replace(s, `"container":{`, `"other":{`, 1) },
		"without a channel":       func(s string) string { return strings.Replace(s, `"channel":{`, `"other":{`, 1) },
		"with a channel as an id": func(s string) string { return strings.Replace(s, `{"id":"C111","name":"random"}`, `"C111"`, 1) },
		"with a team as an id":    func(s string) string { return strings.Replace(s, `{"id":"T111","domain":"d"}`, `"T111"`, 1) },
		"with other types": func(s string) string {
			return strings.Replace(s, `"is_ephemeral":false`, `"is_ephemeral":"false","n":1`, 1)
		},
		"with an odd action": func(s string) string { return strings.Replace(s, `"actions":[`, `"actions":[7,null,`, 1) },
	} {
		t.Run(name, func(t *testing.T) {
			got, ok := readInteraction([]byte(change(click)))
			if !ok {
				t.Fatal("not read")
			}
			got.Message = nil
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("read wrongly (-want +got):\n%s", diff)
			}
		})
	}
}

// FuzzFrame: whatever comes by the socket, reading it does no harm, and an
// envelope that names its id is acknowledged by that id.
func FuzzFrame(f *testing.F) {
	for _, raw := range slacktest.Samples() {
		f.Add([]byte(raw))
	}
	for _, odd := range []string{``, `null`, `[]`, `{"envelope_id":7}`, `{"envelope_id":{"a":1},"payload":"{\"type\":\"block_actions\"}"}`, `{"type":"interactive","payload":{"actions":[{"value":"{}"}]}}`} {
		f.Add([]byte(odd))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		frame, ok := readFrame(raw)
		in, known := readInteraction(frame.Payload)
		if known && in.Kind != blockActions && in.Kind != viewSubmission {
			t.Errorf("known is %q", in.Kind)
		}
		for _, a := range in.Actions {
			readTag(a.Value)
		}
		posted := faceOf([]object{header("a", "Run a command"), richText("b", preformatted("ls", ""))})
		if posted.shows(in.Message) && !strings.Contains(string(raw), "Run a command") {
			t.Errorf("a message is taken for what it does not say: %s", raw)
		}
		var plain struct {
			ID string `json:"envelope_id"`
		}
		if json.Unmarshal(raw, &plain) != nil || plain.ID == "" || duplicated(raw) {
			return
		}
		if !ok || frame.Envelope != plain.ID {
			t.Fatalf("the envelope %q was read as %q", plain.ID, frame.Envelope)
		}
		var ack struct {
			ID string `json:"envelope_id"`
		}
		if err := json.Unmarshal(acknowledgement(frame.Envelope), &ack); err != nil || ack.ID != plain.ID {
			t.Errorf("%q is acknowledged as %q (%v)", plain.ID, ack.ID, err)
		}
	})
}

// duplicated reports whether a key may be there twice, or in another case: then
// which one counts is not for this test to say.
func duplicated(raw []byte) bool {
	return strings.Count(strings.ToLower(string(raw)), "envelope") > 1 || strings.Contains(string(raw), `\u`)
}

func TestRing(t *testing.T) {
	var r ring
	for i := range 3 * ringSize {
		if !r.add(thousands(i)) {
			t.Fatalf("%d is not new", i)
		}
		if r.add(thousands(i)) || i > 0 && r.add(thousands(i-1)) {
			t.Fatalf("%d is new again", i)
		}
	}
	if len(r.known) != ringSize || len(r.order) != ringSize {
		t.Errorf("it remembers %d", len(r.known))
	}
	if !r.add(thousands(0)) {
		t.Error("what came long ago is remembered for ever")
	}
}

package daemon

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"claude-permission-daemon/internal/broker"
	"claude-permission-daemon/internal/mask"
	"claude-permission-daemon/internal/permit"
	"claude-permission-daemon/internal/preview"
	"claude-permission-daemon/internal/wire"
)

// said is a log that can be read while it is written.
type said struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *said) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *said) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// What gives itself away in one place of a request is masked in all that is
// recorded, logged and told of it: its other places, the suggestions, what the
// person picked and wrote. Claude Code alone gets it.
func TestNothingTellsTheSecretsOfARequest(t *testing.T) {
	const secret = "hunter2x77"
	event := func(rest string) string {
		return `{"session_id":"s","cwd":"/tmp",` + rest + `}`
	}
	bash := event(`"hook_event_name":"PermissionRequest","tool_name":"Bash","tool_input":{"command":"deploy --password ` + secret + `","description":"by ` + secret + `"},
		"permission_suggestions":[{"type":"addRules","rules":[{"toolName":"Bash","ruleContent":"deploy ` + secret + ` *"}],"behavior":"allow","destination":"session"}]`)
	question := event(`"hook_event_name":"PermissionRequest","tool_name":"AskUserQuestion","tool_input":{"questions":[{"question":"Is the password: ` + secret + `","options":[{"label":"` + secret + `"},{"label":"no"}]}]}`)
	plan := event(`"hook_event_name":"PermissionRequest","tool_name":"ExitPlanMode","tool_input":{"plan":"export TOKEN=` + secret + `"}`)
	form := event(`"hook_event_name":"Elicitation","mcp_server_name":"m","message":"password: ` + secret + `","mode":"form","requested_schema":{"properties":{"password":{"type":"string","default":"` + secret + `"}}}`)
	denied := event(`"hook_event_name":"PermissionDenied","tool_name":"Bash","tool_input":{"command":"x"},"reason":"it has PASSWORD=` + secret + `"`)
	turn := event(`"hook_event_name":"Stop","last_assistant_message":"The password: ` + secret + `"`)
	tests := []struct{ name, event, answer string }{
		{"approved-", bash, `"decision":"approve"`},
		{"always---", bash, `"way":"always","pick":0`},
		{"denied---", bash, `"decision":"deny","message":"not with ` + secret + ` and password=` + secret + `"`},
		{"chosen---", question, `"way":"choose","pick":0`},
		{"words----", question, `"way":"answer","fields":{"q0.other":["it is ` + secret + `, password=` + secret + `"]}`},
		{"plan-----", plan, `"way":"edit","fields":{"text":["export TOKEN=` + secret + ` # changed"]}`},
		{"form-----", form, `"way":"answer","fields":{"q0":["` + secret + `"]}`},
		{"retry----", denied, `"way":"retry"`},
		{"reply----", turn, `"way":"answer","fields":{"message":["take password=` + secret + `"]}`},
	}
	var log said
	r := start(t, func(o *Options) {
		o.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		o.Config.Notify.Replies, o.Config.Notify.Finished = true, true
		o.Config.Approve.RetryWait = o.Config.Daemon.Reattach
	})
	r.setPresence("away")
	for _, tt := range tests {
		c := r.dial().send(enveloped(tt.name, strings.ReplaceAll(tt.event, "\n", "")))
		c.line()
		open := r.waitOpen("offered")
		if got := r.control(`{"v":1,"op":"answer","id":"` + open.ID + `",` + tt.answer + `}`); !strings.HasPrefix(got, `{"ok":true`) || strings.Contains(got, secret) {
			t.Errorf("%s: told %s", tt.name, got)
		}
		c.line()
		c.send(`{"delivered":true}`)
		r.waitRecord(func(rec permit.Record) bool { return rec.Request == tt.name && rec.Stage == permit.Delivered })
		c.Close()
		r.waitPending(func(open []wire.Pending) bool { return len(open) == 0 })
	}
	text, err := os.ReadFile(filepath.Join(r.options.StateDir, "journal.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if strings.Contains(line, secret) {
			t.Errorf("the journal has %s", line)
		}
	}
	if strings.Contains(log.String(), secret) {
		t.Errorf("the log has it: %s", log.String())
	}
}

// A card's outcome and a verdict are masked before a channel has them, and can
// be made visible there; the decision itself stays as it was said.
func TestWhatAChannelIsToldIsMasked(t *testing.T) {
	const secret = "hunter2x77"
	m := mask.New(mask.Options{})
	r := permit.Request{Tool: "Bash", Input: json.RawMessage(`{"command":"x --password ` + secret + `"}`)}
	decision := permit.Decision{Verb: permit.Deny, Message: "no " + secret, Channel: "web", By: permit.Person{ID: "alice"}}
	card := permit.Card{Request: r, Stage: permit.Delivered, Outcome: &permit.Outcome{Kind: permit.Denied, Decision: &decision}}
	drawn := shown(m, card)
	if want := "Denied by alice via web: no ⟨masked: 10 chars⟩ — delivered to Claude Code"; preview.Headline(drawn, preview.Preview{}) != want {
		t.Errorf("the card says %q", drawn.Headline())
	}
	v := told(m, permit.Verdict{Text: "Too late: " + card.Outcome.Sentence(), Card: &card})
	if strings.Contains(v.Text+v.Card.Headline(), secret) {
		t.Errorf("the verdict is %q, with the card %q", v.Text, v.Card.Headline())
	}
	if decision.Message != "no "+secret || card.Outcome.Decision != &decision {
		t.Errorf("the decision was changed: %+v", decision)
	}
}

// The journal's copy of an allow says where it is no longer what was said.
func TestJournalSaysWhatItMasked(t *testing.T) {
	r := recorder{masker: mask.New(mask.Options{})}
	secret := json.RawMessage(`{"command":"x --password hunter2x77"}`)
	tests := []struct {
		name     string
		decision permit.Decision
		want     bool
	}{
		{"nothing", permit.Decision{Verb: permit.Allow, Input: json.RawMessage(`{"command":"x"}`)}, false},
		{"the input", permit.Decision{Verb: permit.Allow, Input: secret}, true},
		{"a permission", permit.Decision{Verb: permit.Allow, Permissions: []json.RawMessage{secret}}, true},
		{"a reply", permit.Decision{Verb: permit.Allow, Message: "password=hunter2x77"}, true},
		{"a reason", permit.Decision{Verb: permit.Deny, Message: "password=hunter2x77"}, false},
	}
	for _, tt := range tests {
		got := r.masked(broker.Record{Record: permit.Record{Outcome: &permit.Outcome{Decision: &tt.decision}}}).Outcome.Decision
		if got.Masked != tt.want || tt.decision.Masked {
			t.Errorf("%s: masked %v, want %v", tt.name, got.Masked, tt.want)
		}
	}
}

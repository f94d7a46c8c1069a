package daemon

import (
	"strings"
	"testing"

	"claude-permission-daemon/internal/permit"
	"claude-permission-daemon/internal/preview"
)

// What the user lets only the terminal allow, no channel can.
func TestRules(t *testing.T) {
	r := start(t, func(o *Options) { o.Config.Approve.NeverRemote = []string{"Bash(git push *)"} })
	r.setPresence("away")
	request := permit.Request{Tool: "Bash", Input: []byte(`{"command":"cd x && git push origin"}`)}
	for channel, want := range map[string]bool{"web": false, "slack": false, "terminal": true} {
		_, lacks := r.policy.resolve(request, permit.Answer{Decision: permit.Decision{Verb: permit.Allow, Channel: channel}})
		if (lacks == "") != want {
			t.Errorf("%s: %q", channel, lacks)
		}
		if _, lacks := r.policy.resolve(request, permit.Answer{Decision: permit.Decision{Verb: permit.Deny, Channel: channel}}); lacks != "" {
			t.Errorf("%s may not deny: %q", channel, lacks)
		}
	}
}

// A person's words reach the model as they are, and the cards masked: they may
// be typed on the page and shown in Slack.
func TestWordsAreMaskedOnTheCards(t *testing.T) {
	const token = "ghp_16C7e42F292c6912E7710c838347Ae178B4a"
	r := start(t)
	request := permit.Request{Tool: "Bash", Input: []byte(`{"command":"gh auth login"}`)}
	decision, lacks := r.policy.resolve(request, permit.Answer{
		Decision: permit.Decision{Verb: permit.Deny, Message: "log in with " + token, By: permit.Person{ID: "jo"}, Channel: "web"}})
	if lacks != "" {
		t.Fatal(lacks)
	}
	outcome := permit.Outcome{Kind: permit.Denied, Decision: &decision}
	card := shown(r.masker, permit.Card{Request: request, Stage: permit.Delivered, Outcome: &outcome})
	if said := preview.Headline(card, preview.Preview{}); strings.Contains(said, token) || !strings.Contains(said, "log in with ⟨masked: 40 chars⟩") {
		t.Errorf("a card says %q", said)
	}
	for _, bare := range []bool{true, false} {
		told := reply(request, outcome, bare)
		if !strings.Contains(told.Reason+string(told.Output), token) {
			t.Errorf("bare %v: the model is told %+v", bare, told)
		}
	}
}

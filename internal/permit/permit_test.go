package permit

import (
	"encoding/json"
	"testing"
	"time"
)

func TestDigest(t *testing.T) {
	same := DigestOf("Bash", json.RawMessage(`{"command":"x","n":1}`))
	if got := DigestOf("Bash", json.RawMessage("{ \"command\" : \"x\",\n\"n\":1}")); got != same {
		t.Error("white space between tokens counts")
	}
	for name, other := range map[string]string{
		"another tool":          DigestOf("Bash2", json.RawMessage(`{"command":"x","n":1}`)),
		"another input":         DigestOf("Bash", json.RawMessage(`{"command":"x ","n":1}`)),
		"tool and input apart":  DigestOf("Bas", json.RawMessage(`h{"command":"x","n":1}`)),
		"what is not even JSON": DigestOf("Bash", json.RawMessage(`{`)),
	} {
		if other == same {
			t.Errorf("%s has the same digest", name)
		}
	}
}

// The words of a card claim no more than is known.
func TestHeadline(t *testing.T) {
	by := &Decision{By: Person{ID: "U1", Name: "Alice"}, Channel: "slack"}
	tests := []struct {
		card Card
		want string
	}{
		{Card{Stage: Open}, ""},
		{Card{Stage: Sent, Outcome: &Outcome{Kind: Approved, Decision: by}}, "Approved by Alice via slack — sent, waiting for Claude Code to take it"},
		{Card{Stage: Delivered, Outcome: &Outcome{Kind: Approved, Decision: by}}, "Approved by Alice via slack — delivered to Claude Code"},
		{Card{Stage: NotDelivered, Outcome: &Outcome{Kind: Approved, Decision: by}}, "Approved by Alice via slack — not delivered: look at the terminal"},
		{Card{Stage: Ran, Took: 136 * time.Millisecond, Outcome: &Outcome{Kind: Approved, Decision: by}}, "Approved by Alice via slack — ran (136 ms)"},
		{Card{Stage: Failed, Took: 3210 * time.Millisecond, Outcome: &Outcome{Kind: Approved, Decision: by}}, "Approved by Alice via slack — ran and failed (3.2s)"},
		{Card{Stage: Ran, Outcome: &Outcome{Kind: Approved, Decision: by}}, "Approved by Alice via slack — ran"},
		{Card{Stage: Delivered, Outcome: &Outcome{Kind: Denied, Decision: &Decision{By: Person{ID: "U2"}, Channel: "web", Message: "no"}}}, "Denied by U2 via web: no — delivered to Claude Code"},
		{Card{Stage: Ended, Outcome: &Outcome{Kind: Local, Reason: "the tool ran"}}, "Answered in the terminal: the tool ran"},
		{Card{Stage: Ended, Outcome: &Outcome{Kind: Local, Guess: true, Reason: "the turn ended"}}, "Probably answered in the terminal: the turn ended"},
		{Card{Stage: Ended, Outcome: &Outcome{Kind: HandedBack, Reason: "the daemon is stopping"}}, "Handed back to the terminal: the daemon is stopping"},
		{Card{Stage: Ended, Outcome: &Outcome{Kind: Expired}}, "Expired: nobody answered in time"},
		{Card{Stage: Ended, Outcome: &Outcome{Kind: Gone, Reason: "the session ended"}}, "No longer open: the session ended"},
		{Card{Stage: Ended, Outcome: &Outcome{Kind: Approved}}, "Approved"},
		{Card{Stage: Ended, Outcome: &Outcome{Kind: "new"}}, "new"},
	}
	for _, tt := range tests {
		if got := tt.card.Headline(); got != tt.want {
			t.Errorf("got  %q\nwant %q", got, tt.want)
		}
		if tt.card.Live() != (tt.card.Stage == Open) {
			t.Errorf("%s is live: %v", tt.card.Stage, tt.card.Live())
		}
	}
}

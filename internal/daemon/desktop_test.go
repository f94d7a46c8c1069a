package daemon

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"claude-permission-daemon/internal/desktop"
	"claude-permission-daemon/internal/permit"
)

// Only what somebody decided elsewhere, or nobody did, is told of, and once.
func TestOutcomesOnTheDesktop(t *testing.T) {
	card := func(id string, stage permit.Stage, kind permit.OutcomeKind, channel string) permit.Card {
		o := &permit.Outcome{Kind: kind}
		if channel != "" {
			o.Decision = &permit.Decision{Verb: permit.Allow, By: permit.Person{Name: "Alice"}, Channel: channel}
		}
		return permit.Card{Request: permit.Request{ID: id, Tool: "Bash", Project: "src\u202e"}, Stage: stage, Outcome: o}
	}
	var told []desktop.Note
	o := outcomes{tell: func(n desktop.Note) { told = append(told, n) }}
	trial := card("t", permit.Delivered, permit.Approved, "slack")
	trial.Request.Contract = permit.Trial
	for _, c := range []permit.Card{
		{Request: permit.Request{ID: "a"}, Stage: permit.Open},
		card("a", permit.Sent, permit.Approved, "slack"),
		card("a", permit.Delivered, permit.Approved, "slack"),
		card("a", permit.Delivered, permit.Approved, "slack"), // on the next channel
		card("a", permit.Ran, permit.Approved, "slack"),
		card("b", permit.Delivered, permit.Approved, terminalChannel),
		card("c", permit.Ended, permit.Local, ""),
		card("d", permit.NotDelivered, permit.Denied, "web"),
		card("e", permit.Ended, permit.Expired, ""),
		trial,
	} {
		o.drawn(c)
	}
	want := []desktop.Note{
		{Title: "Approved by Alice via slack — delivered to Claude Code", Body: "Bash in src⟨U+202E⟩"},
		{Title: "Denied by Alice via web — not delivered: look at the terminal", Body: "Bash in src⟨U+202E⟩"},
		{Title: "Expired: nobody answered in time", Body: "Bash in src⟨U+202E⟩"},
	}
	if diff := cmp.Diff(want, told); diff != "" {
		t.Error(diff)
	}
}

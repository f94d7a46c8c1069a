package broker

import (
	"testing"
	"time"

	"claude-permission-daemon/internal/permit"
)

// What a card tells is not told again. What was handed back waits in the
// terminal without one: whoever leaves it there is told.
func TestNoteBesideARequest(t *testing.T) {
	const present, away = permit.Present, permit.Away
	for _, tt := range []struct {
		name  string
		kind  permit.Kind
		class permit.NoteClass
		at    permit.PresenceState // when it is asked
		meets func(r *rig)         // until the note comes
		told  bool                 // as soon as the person is away
	}{
		{"a card", permit.Permission, permit.NotePermission, away, nil, false},
		{"approved", permit.Permission, permit.NotePermission, away, func(r *rig) {
			r.answer("r", permit.Allow)
			r.record(nil)
		}, false},
		{"answered in the terminal", permit.Permission, permit.NotePermission, away, func(r *rig) {
			r.step(Seen{permit.Signal{Kind: permit.DialogClosed, ClaudePID: 7}})
			r.record(nil)
		}, false},
		{"a subagent's dialog", permit.Permission, permit.NotePermission, present, nil, true},
		{"a form's dialog", permit.Elicitation, permit.NoteElicitation, present, nil, true},
		{"a form's card", permit.Elicitation, permit.NoteElicitation, away, nil, false},
		{"a form's dialog after its card", permit.Elicitation, permit.NoteElicitation, away, func(r *rig) {
			r.presence(present)
			r.record(nil)
		}, true},
		{"a refusal", permit.Refused, permit.NoteRefused, present, nil, true},
		{"a refusal's card", permit.Refused, permit.NoteRefused, away, nil, false},
		{"the end of a turn", permit.Finished, permit.NoteFinished, present, nil, true},
		{"the end of a turn, on a card", permit.Finished, permit.NoteFinished, away, nil, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t)
			r.presence(tt.at)
			waits := permit.Blocking
			if tt.kind == permit.Permission && tt.at == away {
				waits = permit.Parallel
			}
			r.ask(r.request("r", contract(waits), func(q *permit.Request) { q.Kind = tt.kind }), 1)
			if tt.meets != nil {
				tt.meets(r)
			}
			if r.requests["r"].phase == telling {
				r.step(Told{ID: "r", Link: 1})
			}
			r.now = r.now.Add(6 * time.Second)
			var told []Effect
			for _, e := range append(r.step(Happened{permit.Note{ID: "n", Session: "s", Class: tt.class}}), r.presence(away)...) {
				if n, ok := e.(Notify); ok {
					told = append(told, n)
				}
			}
			if (len(told) == 1) != tt.told || len(told) > 1 {
				t.Errorf("told: %+v", told)
			}
		})
	}
}

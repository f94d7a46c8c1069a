package broker

import (
	"fmt"
	"slices"
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

// noted brings a note, and says what a person was told of meanwhile.
func (r *rig) noted(n permit.Note) (told []string) {
	n.Session, n.ID = "s", string(n.Class)
	return notesIn(r.step(Happened{n}))
}

func notesIn(effects []Effect) (told []string) {
	for _, e := range effects {
		if n, ok := e.(Notify); ok {
			told = append(told, n.Note.ID)
		}
	}
	return told
}

// What waits for a person who leaves is told if it is still so, and outlasts
// mere news; a subagent's doing is not its session's.
func TestNotesThatWait(t *testing.T) {
	signal := func(k permit.SignalKind, agent string) Event {
		return Seen{permit.Signal{Kind: k, Session: "s", Agent: agent, Calls: []permit.Call{{Tool: "Bash", Digest: "d"}}}}
	}
	permission := permit.Note{Class: permit.NotePermission}
	for _, tt := range []struct {
		name string
		of   string // the subagent whose dialog was handed back; "-": none was
		then []any  // events and notes
		told []string
	}{
		{"still so", "-", nil, []string{"permission"}},
		{"answered in the session", "-", []any{signal(permit.ToolRan, "")}, nil},
		{"another subagent works on", "-", []any{signal(permit.ToolRan, "a1"), signal(permit.TurnEnded, "a1")}, []string{"permission"}},
		{"the subagent's, still so", "a1", []any{signal(permit.ToolRan, "")}, []string{"permission"}},
		{"the subagent's, answered", "a1", []any{signal(permit.BatchDone, "a1")}, nil},
		{"the subagent's, which has ended", "a1", []any{signal(permit.TurnEnded, "a1")}, nil},
		{"and an agent has ended", "-", []any{permit.Note{Class: permit.NoteAgent}}, []string{"permission"}},
		{"and an agent needs input", "-", []any{permit.Note{Class: permit.NoteInput}}, []string{"input"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t)
			r.presence(permit.Present)
			if tt.of != "-" {
				r.ask(r.request("r", contract(permit.Blocking), func(q *permit.Request) { q.Agent = tt.of }), 1)
				r.step(Told{ID: "r", Link: 1})
				r.now = r.now.Add(6 * time.Second)
			}
			if told := r.noted(permission); told != nil {
				t.Fatalf("told while present: %v", told)
			}
			for _, then := range tt.then {
				switch then := then.(type) {
				case Event:
					r.step(then)
				case permit.Note:
					r.noted(then)
				}
			}
			if got := notesIn(r.presence(permit.Away)); !slices.Equal(got, tt.told) {
				t.Errorf("told %v, want %v", got, tt.told)
			}
		})
	}
}

// The same happening is told once, and another one like it after a return.
func TestNotesAreToldOnce(t *testing.T) {
	r := newRig(t)
	r.presence(permit.Away)
	told := func(want int, n permit.Note) {
		t.Helper()
		if got := r.noted(n); len(got) != want {
			t.Errorf("%s: told %v", n.Class, got)
		}
	}
	told(1, permit.Note{Class: permit.NotePermission})
	told(0, permit.Note{Class: permit.NotePermission})
	told(1, permit.Note{Class: permit.NoteFinished, Text: "Done."})
	r.step(Seen{permit.Signal{Kind: permit.ToolRan, Session: "s", Agent: "a1"}}) // of a subagent
	told(0, permit.Note{Class: permit.NoteIdle})                                 // a minute later
	r.presence(permit.Present)
	r.presence(permit.Away)
	told(1, permit.Note{Class: permit.NotePermission})
}

// A sandbox's dialog soon after a card was answered is another one.
func TestNoteSoonAfterAnAnswer(t *testing.T) {
	r := newRig(t)
	r.presence(permit.Away)
	r.ask(r.request("r"), 1)
	r.now = r.now.Add(time.Minute)
	r.answer("r", permit.Allow)
	r.record(nil)
	r.step(Told{ID: "r", Link: 1})
	r.step(Delivered{ID: "r", Link: 1})
	if got := r.noted(permit.Note{Class: permit.NotePermission}); got != nil {
		t.Errorf("at once: told %v", got)
	}
	r.now = r.now.Add(6 * time.Second)
	if got := r.noted(permit.Note{Class: permit.NotePermission}); len(got) != 1 {
		t.Errorf("six seconds later: told %v", got)
	}
}

// Claude Code takes eight replies in a row; the ninth would be dropped, so it is
// not asked for. A prompt begins anew.
func TestRepliesInARow(t *testing.T) {
	r := newRig(t)
	r.presence(permit.Away)
	turn := func(n int) string {
		id := fmt.Sprint("turn-", n)
		r.ask(r.request(id, contract(permit.Blocking), func(q *permit.Request) { q.Kind, q.Tool = permit.Finished, "Stop" }), uint64(n))
		return id
	}
	for n := 1; n <= mostReplies; n++ {
		id := turn(n)
		r.wantPhase(id, "offered")
		r.answer(id, permit.Allow)
		r.record(nil)
		r.step(Told{ID: id, Link: uint64(n)})
		r.step(Delivered{ID: id, Link: uint64(n)})
	}
	id := turn(mostReplies + 1)
	r.wantPhase(id, "telling")
	r.step(Told{ID: id, Link: mostReplies + 1})
	if got := r.noted(permit.Note{Class: permit.NoteFinished}); len(got) != 1 {
		t.Errorf("of the last turn: told %v", got)
	}
	r.step(Seen{permit.Signal{Kind: permit.Prompted, Session: "s"}})
	r.wantPhase(turn(mostReplies+2), "offered")
}

package broker

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"claude-permission-daemon/internal/permit"
)

// rig is a broker with a clock and a memory of its last effects.
type rig struct {
	*Broker
	t       *testing.T
	now     time.Time
	effects []Effect
}

func newRig(t *testing.T, change ...func(*Config)) *rig {
	t.Helper()
	cfg := Config{
		Channels: []string{"slack", "web"}, AskAfter: 45 * time.Second, AskAfterPresent: 5 * time.Minute,
		MaxOpen: 10, Reattach: 30 * time.Second,
		Allowed: func(_ string, p permit.Person) bool { return p.ID == "alice" || p.ID == "bob" },
		Resolve: func(r permit.Request, a permit.Answer) (permit.Decision, string) {
			if r.Tool == "AskUserQuestion" && a.Decision.Verb == permit.Allow && a.Decision.Input == nil {
				return a.Decision, "A question needs an answer."
			}
			return a.Decision, ""
		},
	}
	for _, c := range change {
		c(&cfg)
	}
	return &rig{Broker: New(cfg), t: t, now: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)}
}

func (r *rig) step(e Event) []Effect {
	r.effects = r.Step(r.now, e)
	return r.effects
}

func (r *rig) wait(d time.Duration) []Effect {
	r.now = r.now.Add(d)
	return r.step(Tick{})
}

func (r *rig) presence(s permit.PresenceState) []Effect {
	return r.step(PresenceIs{permit.Presence{State: s, Source: "test"}})
}

// request is a plain one of the main session.
func (r *rig) request(id string, change ...func(*permit.Request)) permit.Request {
	req := permit.Request{ID: id, Contract: permit.Parallel, Session: "s", Tool: "Bash",
		Input: []byte(`{"command":"echo ` + id + `"}`), Asked: r.now, Client: permit.Client{ClaudePID: 7, Attended: true}}
	for _, c := range change {
		c(&req)
	}
	req.Digest = permit.DigestOf(req.Tool, req.Input)
	return req
}

func contract(c permit.Contract) func(*permit.Request) {
	return func(r *permit.Request) { r.Contract = c }
}

// ask brings a request and lets the journal take it.
func (r *rig) ask(req permit.Request, link uint64) []Effect {
	effects := r.step(Asked{Request: req, Link: link})
	return append(effects, r.record(nil)...)
}

// record answers every Record of the last effects that waits for it.
func (r *rig) record(err error) []Effect {
	var all []Effect
	for _, e := range r.effects {
		if rec, ok := e.(Record); ok && rec.Sync {
			all = append(all, r.Step(r.now, Recorded{Seq: rec.Seq, Err: err})...)
		}
	}
	r.effects = all
	return all
}

func (r *rig) answer(id string, verb permit.Verb, change ...func(*permit.Answer)) []Effect {
	a := permit.Answer{Request: id, Decision: permit.Decision{Verb: verb, By: permit.Person{ID: "alice", Name: "Alice"}, Channel: "slack"}}
	for _, c := range change {
		c(&a)
	}
	return r.step(Answered{Answer: a, Token: 1})
}

func (r *rig) phaseOf(id string) string {
	if q := r.requests[id]; q != nil {
		return q.phase.String()
	}
	return "unknown"
}

func (r *rig) wantPhase(id, want string) {
	r.t.Helper()
	if got := r.phaseOf(id); got != want {
		r.t.Fatalf("%s is %s, want %s; effects %s", id, got, want, words(r.effects))
	}
}

// words tells effects shortly: what a reader of the table wants to know.
func words(effects []Effect) string {
	said := []string{}
	for _, effect := range effects {
		switch e := effect.(type) {
		case Record:
			w := "record " + string(e.Record.Kind)
			switch {
			case e.Record.Outcome != nil:
				w = "record " + string(e.Record.Outcome.Kind)
			case e.Record.Stage != "":
				w = "record " + string(e.Record.Stage)
			}
			if e.Sync {
				w += "!"
			}
			said = append(said, w)
		case Tell:
			said = append(said, "tell "+string(e.Outcome.Kind))
		case Draw:
			if e.Channel == "web" { // the same goes to each
				w := "draw " + string(e.Card.Stage)
				if e.Card.Note != "" {
					w += "+note"
				}
				said = append(said, w)
			}
		case Judge:
			said = append(said, "judge "+string(e.Verdict.Code))
		case Watch:
			said = append(said, map[bool]string{true: "watch", false: "unwatch"}[e.On])
		}
	}
	return strings.Join(said, ", ")
}

// bring puts a request into each phase by the events that lead there.
func bring(t *testing.T, p phase) *rig {
	r := newRig(t)
	r.presence(permit.Away)
	if p == held {
		r.presence(permit.Present)
	}
	r.step(Asked{Request: r.request("r"), Link: 1})
	steps := []func(){
		func() {},
		func() { r.record(nil) },
		func() {},
		func() { r.answer("r", permit.Allow) },
		func() { r.record(nil) },
		func() { r.step(Told{ID: "r", Link: 1}) },
		func() { r.step(Delivered{ID: "r", Link: 1}) },
	}
	for _, step := range steps[:p+1] {
		step()
	}
	r.wantPhase("r", p.String())
	return r
}

// cause is an event that has the trigger's meaning for the request in r.
func cause(r *rig, t trigger) Event {
	q := r.requests["r"]
	call := []permit.Call{{Tool: "Bash", Digest: q.Digest}}
	switch t {
	case recorded:
		return Recorded{Seq: q.record}
	case unrecorded:
		return Recorded{Seq: q.record, Err: errors.New("cannot write the journal: no space left on device")}
	case attached:
		return Asked{Request: q.Request, Link: 2}
	case strayed:
		return Closed{ID: "r", Link: 1}
	case closing:
		return Closed{ID: "r", Link: 1, Reason: "SIGTERM"}
	case told:
		return Told{ID: "r", Link: 1}
	case untold:
		return Told{ID: "r", Link: 1, Err: errors.New("broken pipe")}
	case delivered:
		return Delivered{ID: "r", Link: 1}
	case answered:
		return Answered{Token: 9, Answer: permit.Answer{Request: "r", Digest: q.Digest, Generation: 1,
			Decision: permit.Decision{Verb: permit.Deny, Channel: "web", By: permit.Person{ID: "bob"}}}}
	case presence:
		state := permit.Present
		if r.Presence().State == permit.Present {
			state = permit.Away
		}
		return PresenceIs{permit.Presence{State: state}}
	case unshown:
		r.step(PostFailed{ID: "r", Channel: "web", Reason: "x"})
		return PostFailed{ID: "r", Channel: "slack", Reason: "y"}
	case local:
		return Seen{permit.Signal{Kind: permit.Prompted, Session: "s"}}
	case gone:
		return Seen{permit.Signal{Kind: permit.SessionEnded, Session: "s"}}
	case effected:
		return Seen{permit.Signal{Kind: permit.ToolRan, Session: "s", Calls: call, Took: time.Second}}
	case due:
		r.now = r.now.Add(time.Hour)
		return Tick{}
	case stopped:
		return Stop{}
	}
	panic("no event for " + t.String())
}

// TestEveryTransition holds every cell of the table against transitions.txt,
// which is written to be read: with UPDATE_GOLDEN=1 the test rewrites
// it, and then every changed line is to be read and agreed with.
func TestEveryTransition(t *testing.T) {
	var got strings.Builder
	for p := range phases {
		for tr := range triggers {
			r := bring(t, p)
			event := cause(r, tr)
			effects := words(r.step(event))
			line := fmt.Sprintf("%-9s %-11s → %-9s %s", p, tr, r.phaseOf("r"), effects)
			got.WriteString(strings.TrimRight(line, " ") + "\n")
		}
		got.WriteString("\n")
	}
	const file = "testdata/transitions.txt"
	if update() {
		if err := os.WriteFile(file, []byte(got.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("transitions changed (-want +got):\n%s", diff)
	}
}

func update() bool { return os.Getenv("UPDATE_GOLDEN") != "" }

// TestTableIsWhole: a cell that was forgotten would be a nil call.
func TestTableIsWhole(t *testing.T) {
	for p, row := range table() {
		for tr, cell := range row {
			if cell == nil {
				t.Errorf("%s × %s has no cell", phase(p), trigger(tr))
			}
		}
	}
}

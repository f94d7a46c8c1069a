package broker

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"claude-permission-daemon/internal/permit"
)

// TestWhoIsAsked is the rule of design: by contract, and by presence when the
// request comes and as it changes.
func TestWhoIsAsked(t *testing.T) {
	const present, away, unknown = permit.Present, permit.Away, permit.Unsure
	tests := []struct {
		contract permit.Contract
		at, then permit.PresenceState // then "" is no change
		arrive   string               // phase after it came
		after    string               // phase after the change
	}{
		{permit.Parallel, present, "", "held", ""},
		{permit.Parallel, present, away, "held", "offered"},
		{permit.Parallel, unknown, "", "held", ""},
		{permit.Parallel, unknown, away, "held", "offered"},
		{permit.Parallel, away, present, "offered", "offered"},
		{permit.Parallel, away, unknown, "offered", "offered"},
		{permit.Blocking, present, "", "telling", ""},
		{permit.Blocking, unknown, "", "telling", ""},
		{permit.Blocking, away, "", "offered", ""},
		{permit.Blocking, away, present, "offered", "deciding"},
		{permit.Blocking, away, unknown, "offered", "deciding"},
		{permit.Bare, present, "", "telling", ""},
		{permit.Bare, unknown, "", "telling", ""},
		{permit.Bare, away, "", "offered", ""},
		{permit.Bare, away, present, "offered", "deciding"},
		{permit.Headless, present, "", "telling", ""},
		{permit.Headless, unknown, "", "held", ""},
		{permit.Headless, unknown, present, "held", "deciding"},
		{permit.Headless, away, "", "offered", ""},
		{permit.Headless, away, present, "offered", "offered"},
		{permit.Trial, present, "", "offered", ""},
		{permit.Trial, unknown, "", "offered", ""},
		{permit.Trial, away, present, "offered", "offered"},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("%s %s then %s", tt.contract, tt.at, tt.then), func(t *testing.T) {
			r := newRig(t)
			r.presence(tt.at)
			r.ask(r.request("r", contract(tt.contract)), 1)
			r.wantPhase("r", tt.arrive)
			if tt.then != "" {
				r.presence(tt.then)
				r.wantPhase("r", tt.after)
			}
			for _, e := range r.effects {
				if tell, ok := e.(Tell); ok && tell.Outcome.Kind != permit.HandedBack {
					t.Errorf("the hook was told %s", tell.Outcome.Kind)
				}
			}
		})
	}
}

func TestHandBackAtOnceDoesNotWaitForTheJournal(t *testing.T) {
	r := newRig(t)
	r.presence(permit.Present)
	effects := r.step(Asked{Request: r.request("r", contract(permit.Blocking)), Link: 1})
	if got := words(effects); !strings.HasPrefix(got, "tell handed_back") {
		t.Errorf("effects %q, want the hook told first", got)
	}
}

func TestAskAfter(t *testing.T) {
	t.Run("unknown", func(t *testing.T) {
		r := newRig(t)
		r.ask(r.request("r"), 1)
		r.wait(44 * time.Second)
		r.wantPhase("r", "held")
		r.wait(time.Second)
		r.wantPhase("r", "offered")
	})
	t.Run("present", func(t *testing.T) {
		r := newRig(t)
		r.presence(permit.Present)
		r.ask(r.request("r"), 1)
		if at, ok := r.Wake(); !ok || !at.Equal(r.now.Add(5*time.Minute)) {
			t.Errorf("wakes at %v, want in 5 minutes", at)
		}
		r.wait(5 * time.Minute)
		r.wantPhase("r", "offered")
	})
	t.Run("present, never", func(t *testing.T) {
		r := newRig(t, func(c *Config) { c.AskAfterPresent = 0 })
		r.presence(permit.Present)
		r.ask(r.request("r"), 1)
		if at, ok := r.Wake(); ok {
			t.Errorf("wakes at %v, want never", at)
		}
		r.wait(100 * time.Hour)
		r.wantPhase("r", "held")
	})
}

func TestOnReturnHandBack(t *testing.T) {
	r := newRig(t, func(c *Config) { c.HandBackOnReturn = true })
	r.presence(permit.Away)
	r.ask(r.request("r"), 1)
	r.presence(permit.Present)
	r.wantPhase("r", "deciding")
	if got := words(r.record(nil)); got != "tell handed_back" {
		t.Errorf("effects %q", got)
	}
}

// A request that is asked remotely because the terminal did not answer, while
// the person is counted as present all along, is not handed back for that.
func TestOnReturnHandBackNeedsAReturn(t *testing.T) {
	r := newRig(t, func(c *Config) { c.HandBackOnReturn = true })
	r.presence(permit.Present)
	r.ask(r.request("r"), 1)
	r.wait(5 * time.Minute)
	r.wantPhase("r", "offered")
	r.wait(time.Minute)
	r.wantPhase("r", "offered")
}

func TestExpiry(t *testing.T) {
	r := newRig(t, func(c *Config) { c.RequestTimeout = 10 * time.Minute })
	r.presence(permit.Away)
	r.ask(r.request("r"), 1)
	r.wait(10*time.Minute - 1)
	r.wantPhase("r", "offered")
	r.wait(1)
	if got := words(r.record(nil)); got != "tell expired" {
		t.Errorf("effects %q, want expired", got)
	}
	if got := words(r.step(Told{ID: "r", Link: 1})); got != "record ended, unwatch, draw ended" {
		t.Errorf("effects %q", got)
	}
}

func TestOrderOfADecision(t *testing.T) {
	r := newRig(t)
	r.presence(permit.Away)
	r.ask(r.request("r"), 1)
	if got := words(r.answer("r", permit.Allow)); got != "record approved!" {
		t.Errorf("on the answer: %q, want only the record", got)
	}
	if got := words(r.record(nil)); got != "judge accepted, tell approved" {
		t.Errorf("when recorded: %q", got)
	}
	if got := words(r.step(Told{ID: "r", Link: 1})); got != "draw sent" {
		t.Errorf("when told: %q", got)
	}
	if got := words(r.step(Delivered{ID: "r", Link: 1})); got != "record delivered, unwatch, draw delivered" {
		t.Errorf("when delivered: %q", got)
	}
	call := permit.Call{Tool: "Bash", Digest: r.request("r").Digest}
	if got := words(r.step(Seen{permit.Signal{Kind: permit.ToolFailed, Session: "s", Calls: []permit.Call{call}}})); got != "record failed, draw failed" {
		t.Errorf("when it failed: %q", got)
	}
}

func TestAnswersThatDoNotCount(t *testing.T) {
	tests := []struct {
		name   string
		change func(*permit.Answer)
		want   permit.VerdictCode
	}{
		{"a stranger", func(a *permit.Answer) { a.Decision.By = permit.Person{ID: "mallory", Name: "alice"} }, permit.NotAllowed},
		{"nobody", func(a *permit.Answer) { a.Decision.By = permit.Person{} }, permit.NotAllowed},
		{"another digest", func(a *permit.Answer) { a.Digest = "0000" }, permit.NotAsShown},
		{"another generation", func(a *permit.Answer) { a.Generation = 2 }, permit.NotAsShown},
		{"another request", func(a *permit.Answer) { a.Request = "q" }, permit.Unknown},
		{"no verb", func(a *permit.Answer) { a.Decision.Verb = "" }, permit.Incomplete},
		{"an odd verb", func(a *permit.Answer) { a.Decision.Verb = "Allow" }, permit.Incomplete},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t)
			r.presence(permit.Away)
			r.ask(r.request("r"), 1)
			effects := r.answer("r", permit.Allow, tt.change)
			if got, want := words(effects), "judge "+string(tt.want)+", record refused"; got != want {
				t.Errorf("effects %q, want %q", got, want)
			}
			r.wantPhase("r", "offered")
		})
	}
}

func TestQuestionNeedsItsAnswers(t *testing.T) {
	r := newRig(t)
	r.presence(permit.Away)
	r.ask(r.request("r", func(q *permit.Request) { q.Tool = "AskUserQuestion" }), 1)
	if got := words(r.answer("r", permit.Allow)); got != "judge incomplete, record refused" {
		t.Errorf("bare allow: %q", got)
	}
	r.answer("r", permit.Allow, func(a *permit.Answer) { a.Decision.Input = json.RawMessage(`{}`) })
	r.wantPhase("r", "deciding")
}

func TestFirstAnswerWins(t *testing.T) {
	r := newRig(t)
	r.presence(permit.Away)
	r.ask(r.request("r"), 1)
	r.answer("r", permit.Allow)
	first := r.effects
	second := r.Step(r.now, Answered{Token: 2, Answer: permit.Answer{Request: "r",
		Decision: permit.Decision{Verb: permit.Deny, Channel: "web", By: permit.Person{ID: "bob"}}}})
	if len(second) != 0 {
		t.Errorf("the second answer was judged (%s) before the first was certain", words(second))
	}
	r.effects = first
	effects := r.record(nil)
	if got := words(effects); got != "judge accepted, judge too_late, record refused, tell approved" {
		t.Fatalf("effects %q", got)
	}
	late := effects[1].(Judge)
	if late.Token != 2 || !strings.Contains(late.Verdict.Text, "Approved by Alice via slack") {
		t.Errorf("the second is told %q (token %d), want who was first", late.Verdict.Text, late.Token)
	}
}

func TestBothHearWhenTheJournalFails(t *testing.T) {
	r := newRig(t)
	r.presence(permit.Away)
	r.ask(r.request("r"), 1)
	r.answer("r", permit.Allow)
	first := r.effects
	r.Step(r.now, Answered{Token: 2, Answer: permit.Answer{Request: "r",
		Decision: permit.Decision{Verb: permit.Deny, Channel: "web", By: permit.Person{ID: "bob"}}}})
	r.effects = first
	got := words(r.record(errors.New("no space left on device")))
	if got != "judge not_recorded, judge not_recorded, record refused, tell handed_back, record handed_back" {
		t.Errorf("effects %q", got)
	}
}

// What reached the journal too late is taken back there: the last record holds.
func TestSlowJournal(t *testing.T) {
	r := newRig(t)
	r.presence(permit.Away)
	r.ask(r.request("r"), 1)
	r.answer("r", permit.Allow)
	pending := r.effects[0].(Record)
	if got := words(r.wait(decisionFor)); got != "judge not_recorded, tell handed_back, record handed_back" {
		t.Fatalf("effects %q", got)
	}
	if got := words(r.step(Recorded{Seq: pending.Seq})); got != "" {
		t.Errorf("the late record did %q, want nothing", got)
	}
}

func TestPersonAtTheKeyboardDoesNotWaitForADisk(t *testing.T) {
	r := newRig(t)
	r.presence(permit.Away)
	r.ask(r.request("r", contract(permit.Blocking)), 1)
	r.presence(permit.Present)
	r.wantPhase("r", "deciding")
	if got := words(r.wait(journalFor)); got != "tell handed_back, record handed_back" {
		t.Errorf("effects %q, want the hook told without the journal", got)
	}
}

func TestHookThatVanishesMayComeBack(t *testing.T) {
	r := newRig(t)
	r.presence(permit.Away)
	req := r.request("r")
	r.ask(req, 1)
	r.step(Closed{ID: "r", Link: 1})
	r.wait(strayFor - 1)
	r.wantPhase("r", "offered")
	r.step(Asked{Request: req, Link: 2})
	r.wait(time.Minute)
	r.wantPhase("r", "offered")
	r.step(Closed{ID: "r", Link: 1}) // word from the old connection
	r.answer("r", permit.Allow)
	effects := r.record(nil)
	if tell := effects[1].(Tell); tell.Link != 2 {
		t.Errorf("told link %d, want the new one", tell.Link)
	}
}

func TestHookThatDoesNotComeBack(t *testing.T) {
	r := newRig(t)
	r.presence(permit.Away)
	r.ask(r.request("r"), 1)
	r.step(Closed{ID: "r", Link: 1})
	r.wait(strayFor)
	if got := words(r.effects); got != "record gone!" {
		t.Fatalf("effects %q", got)
	}
	if got := words(r.record(nil)); got != "record ended, unwatch, draw ended" {
		t.Errorf("effects %q", got)
	}
}

func TestDecisionForADeadHookIsNotDelivered(t *testing.T) {
	r := newRig(t)
	r.presence(permit.Away)
	r.ask(r.request("r"), 1)
	r.answer("r", permit.Allow)
	r.record(nil)
	r.step(Told{ID: "r", Link: 1, Err: errors.New("broken pipe")})
	r.wait(strayFor)
	if got := words(r.effects); got != "record not_delivered, unwatch, draw not_delivered" {
		t.Errorf("effects %q", got)
	}
	// and a hook that turns up afterwards is not given the decision any more
	if got := words(r.step(Asked{Request: r.request("r"), Link: 3})); got != "tell handed_back" {
		t.Errorf("late hook: %q", got)
	}
}

func TestBareClient(t *testing.T) {
	r := newRig(t)
	r.presence(permit.Away)
	r.ask(r.request("r", contract(permit.Bare)), 1)
	r.answer("r", permit.Allow)
	r.record(nil)
	if got := words(r.step(Told{ID: "r", Link: 1})); got != "record sent, unwatch, draw sent" {
		t.Errorf("told: %q; it sends no acknowledgement, so sent is all that is known", got)
	}
	r.ask(r.request("r2", contract(permit.Bare)), 2)
	r.step(Closed{ID: "r2", Link: 2})
	if got := words(r.effects); got != "record answered_in_terminal!" {
		t.Errorf("closed: %q", got)
	}
}

func TestIdenticalRequestsAreKeptApart(t *testing.T) {
	r := newRig(t)
	r.presence(permit.Away)
	same := func(id string) permit.Request {
		return r.request(id, func(q *permit.Request) { q.Tool = "WebFetch"; q.Input = []byte(`{"url":"https://a.example"}`) })
	}
	r.ask(same("one"), 1)
	r.ask(same("two"), 2)
	r.answer("two", permit.Allow)
	if tell := r.record(nil)[1].(Tell); tell.Link != 2 || tell.Request.ID != "two" {
		t.Fatalf("told %s at link %d", tell.Request.ID, tell.Link)
	}
	r.step(Told{ID: "two", Link: 2})
	r.step(Delivered{ID: "two", Link: 2})
	ran := Seen{permit.Signal{Kind: permit.ToolRan, Session: "s", Calls: []permit.Call{{Tool: "WebFetch", Digest: same("two").Digest}}}}
	r.step(ran) // of the two, the one that was approved ran
	r.wantPhase("one", "offered")
	if got := r.requests["two"].stage; got != permit.Ran {
		t.Errorf("two is %s", got)
	}
	r.step(ran) // the other was then allowed in the terminal
	r.wantPhase("one", "deciding")
}

// Two subagents that ask the same are told apart as two calls of one are.
func TestTheSameOfTwoSubagents(t *testing.T) {
	r := newRig(t)
	r.presence(permit.Away)
	for i, agent := range []string{"a1", "a2"} {
		r.ask(r.request(agent, contract(permit.Blocking), func(q *permit.Request) { q.Agent, q.Input = agent, []byte(`{"command":"make"}`) }), uint64(i+1))
	}
	if one, two := r.requests["a1"].Ordinal, r.requests["a2"].Ordinal; one != 1 || two != 2 {
		t.Errorf("ordinals %d and %d", one, two)
	}
}

func TestSignals(t *testing.T) {
	call := func(command string) permit.Call {
		return permit.Call{Tool: "Bash", Command: command,
			Digest: permit.DigestOf("Bash", []byte(`{"command":`+fmt.Sprintf("%q", command)+`}`))}
	}
	tests := []struct {
		name   string
		signal permit.Signal
		change func(*permit.Request)
		want   string
	}{
		{"its tool ran", permit.Signal{Kind: permit.ToolRan, Session: "s", Calls: []permit.Call{call("echo r")}}, nil, "deciding"},
		{"its tool ran, with the cd that was stripped", permit.Signal{Kind: permit.ToolRan, Session: "s", Calls: []permit.Call{call("cd /w && echo r")}}, nil, "deciding"},
		{"another call", permit.Signal{Kind: permit.ToolRan, Session: "s", Calls: []permit.Call{call("echo other")}}, nil, "offered"},
		{"another session", permit.Signal{Kind: permit.ToolRan, Session: "t", Calls: []permit.Call{call("echo r")}}, nil, "offered"},
		{"a subagent's call", permit.Signal{Kind: permit.ToolRan, Session: "s", Agent: "a", Calls: []permit.Call{call("echo r")}}, nil, "offered"},
		{"its batch is done", permit.Signal{Kind: permit.BatchDone, Session: "s", Calls: []permit.Call{call("ls"), call("echo r")}}, nil, "deciding"},
		{"an older batch", permit.Signal{Kind: permit.BatchDone, Session: "s", Calls: []permit.Call{call("ls")}}, nil, "offered"},
		{"turn ended", permit.Signal{Kind: permit.TurnEnded, Session: "s"}, nil, "deciding"},
		{"main turn ended, subagent asks", permit.Signal{Kind: permit.TurnEnded, Session: "s"}, func(q *permit.Request) { q.Agent = "a" }, "offered"},
		{"that subagent ended", permit.Signal{Kind: permit.TurnEnded, Session: "s", Agent: "a"}, func(q *permit.Request) { q.Agent = "a" }, "deciding"},
		{"new prompt", permit.Signal{Kind: permit.Prompted, Session: "s"}, nil, "deciding"},
		{"session ended, subagent asks", permit.Signal{Kind: permit.SessionEnded, Session: "s"}, func(q *permit.Request) { q.Agent = "a" }, "deciding"},
		{"process gone", permit.Signal{Kind: permit.ProcessGone, ClaudePID: 7}, nil, "deciding"},
		{"another process gone", permit.Signal{Kind: permit.ProcessGone, ClaudePID: 8}, nil, "offered"},
		{"dialog closed", permit.Signal{Kind: permit.DialogClosed, ClaudePID: 7}, nil, "deciding"},
		{"dialog closed, but this one has none yet", permit.Signal{Kind: permit.DialogClosed, ClaudePID: 7}, contract(permit.Blocking), "offered"},
		{"plan accepted", permit.Signal{Kind: permit.ToolRan, Session: "s", Calls: []permit.Call{{Tool: "ExitPlanMode", Digest: "x"}}},
			func(q *permit.Request) { q.Tool = "ExitPlanMode" }, "deciding"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t)
			r.presence(permit.Away)
			change := tt.change
			if change == nil {
				change = func(*permit.Request) {}
			}
			r.ask(r.request("r", change), 1)
			r.step(Seen{tt.signal})
			r.wantPhase("r", tt.want)
		})
	}
}

func TestEditedInputIsRecognisedWhenItRan(t *testing.T) {
	r := newRig(t)
	r.presence(permit.Away)
	r.ask(r.request("r"), 1)
	edited := json.RawMessage(`{"command":"echo edited"}`)
	r.answer("r", permit.Allow, func(a *permit.Answer) { a.Decision.Input = edited })
	r.record(nil)
	r.step(Told{ID: "r", Link: 1})
	r.step(Delivered{ID: "r", Link: 1})
	r.step(Seen{permit.Signal{Kind: permit.ToolRan, Session: "s", Calls: []permit.Call{{Tool: "Bash", Digest: permit.DigestOf("Bash", edited)}}}})
	if got := r.requests["r"].stage; got != permit.Ran {
		t.Errorf("stage %s", got)
	}
}

func TestLimitOfOpenRequests(t *testing.T) {
	r := newRig(t, func(c *Config) { c.MaxOpen = 2 })
	r.presence(permit.Away)
	r.ask(r.request("a"), 1)
	r.ask(r.request("b"), 2)
	effects := r.step(Asked{Request: r.request("c"), Link: 3})
	if tell, ok := effects[0].(Tell); !ok || tell.Outcome.Kind != permit.HandedBack || !strings.Contains(tell.Outcome.Reason, "2 requests") {
		t.Errorf("effects %s, want handed back with the reason", words(effects))
	}
}

func TestSameIDForAnotherRequest(t *testing.T) {
	r := newRig(t)
	r.presence(permit.Away)
	r.ask(r.request("r"), 1)
	other := func(q *permit.Request) { q.Input = []byte(`{"command":"rm -rf /"}`) }
	if got := words(r.step(Asked{Request: r.request("r", other), Link: 2})); got != "tell handed_back" {
		t.Errorf("while the first is open: %q", got)
	}
	r.answer("r", permit.Deny)
	r.record(nil)
	r.step(Told{ID: "r", Link: 1})
	r.step(Delivered{ID: "r", Link: 1})
	r.ask(r.request("r", other), 3)
	if got := r.requests["r"].Generation; got != 2 {
		t.Errorf("generation %d, want 2", got)
	}
	effects := r.answer("r", permit.Allow, func(a *permit.Answer) { a.Generation = 1 })
	if got := words(effects); got != "judge not_as_shown, record refused" {
		t.Errorf("a tap on the first card: %q", got)
	}
}

func TestAllChannelsFailed(t *testing.T) {
	r := newRig(t)
	r.presence(permit.Away)
	r.ask(r.request("r"), 1)
	r.step(PostFailed{ID: "r", Channel: "slack", Reason: "invalid_auth"})
	r.wantPhase("r", "offered")
	r.step(PostFailed{ID: "r", Channel: "web", Reason: "closed"})
	r.wantPhase("r", "deciding")
	if got := r.requests["r"].outcome; got.Kind != permit.HandedBack || !strings.Contains(got.Reason, "slack: invalid_auth; web: closed") {
		t.Errorf("outcome %+v", got)
	}
}

func TestCardPostedAfterTheEndIsSettled(t *testing.T) {
	r := newRig(t)
	r.presence(permit.Away)
	r.ask(r.request("r"), 1)
	r.step(Closed{ID: "r", Link: 1, Reason: "SIGTERM"})
	r.record(nil)
	effects := r.step(Posted{ID: "r", Channel: "web", Ref: "x"})
	if got := words(effects); got != "record posted, draw ended" {
		t.Errorf("effects %q", got)
	}
	if card := effects[1].(Draw).Card; card.Ref != "x" || card.Live() {
		t.Errorf("card %+v", card)
	}
}

func TestClockSetBack(t *testing.T) {
	r := newRig(t)
	r.presence(permit.Away)
	r.ask(r.request("r"), 1)
	r.step(Closed{ID: "r", Link: 1})
	r.now = r.now.Add(-24 * time.Hour)
	r.step(Tick{})
	r.wait(strayFor)
	if got := words(r.effects); got != "record gone!" {
		t.Errorf("effects %q: the short wait became as long as the jump", got)
	}
}

func TestEndedRequestsAreForgotten(t *testing.T) {
	r := newRig(t)
	for i := range 1200 {
		r.ask(r.request(fmt.Sprint("r", i), contract(permit.Bare)), uint64(i+1)) // presence unknown: handed back
		r.step(Told{ID: fmt.Sprint("r", i), Link: uint64(i + 1)})
	}
	if n := len(r.order); n > rememberMost+1 {
		t.Errorf("%d requests are remembered", n)
	}
	r.now = r.now.Add(2 * rememberFor)
	r.ask(r.request("last"), 5000)
	if n := len(r.order); n != 1 {
		t.Errorf("%d requests are remembered after hours, want the open one", n)
	}
}

func TestRestore(t *testing.T) {
	live := newRig(t)
	var journal []permit.Record
	keep := func(effects []Effect) {
		for _, e := range effects {
			if rec, ok := e.(Record); ok {
				journal = append(journal, rec.Record)
			}
		}
	}
	do := func(e Event) {
		keep(live.step(e))
		keep(live.record(nil))
	}
	do(PresenceIs{permit.Presence{State: permit.Away}})
	for i, id := range []string{"open", "decided", "delivered", "local"} {
		do(Asked{Request: live.request(id), Link: uint64(i + 1)})
		do(Posted{ID: id, Channel: "web", Ref: "ref-" + id})
	}
	approve := func(id string) Answered {
		return Answered{Answer: permit.Answer{Request: id, Decision: permit.Decision{Verb: permit.Allow, Channel: "web", By: permit.Person{ID: "alice"}}}}
	}
	do(approve("decided")) // recorded; the crash came before the hook was told
	do(approve("delivered"))
	do(Told{ID: "delivered", Link: 3})
	do(Delivered{ID: "delivered", Link: 3})
	do(Settled{ID: "delivered", Channel: "web"})
	do(Closed{ID: "local", Link: 4, Reason: "SIGTERM"}) // settled, but its card was not drawn

	again := newRig(t)
	again.now = live.now.Add(time.Minute)
	effects := again.Restore(again.now, journal)
	drawn := map[string]permit.Stage{}
	for _, e := range effects {
		if d, ok := e.(Draw); ok && d.Channel == "web" {
			drawn[d.Card.Request.ID] = d.Card.Stage
			if d.Card.Ref != "ref-"+d.Card.Request.ID {
				t.Errorf("%s is drawn without its ref", d.Card.Request.ID)
			}
		}
	}
	for id, want := range map[string]permit.Stage{"open": permit.Open, "local": permit.Ended} {
		if drawn[id] != want {
			t.Errorf("%s is drawn as %q, want %q", id, drawn[id], want)
		}
	}
	if stage, ok := drawn["delivered"]; ok {
		t.Errorf("a card that was settled is drawn again as %s", stage)
	}

	// The open one goes on, with a tap that came before its hook did.
	if got := words(again.answer("open", permit.Allow)); got != "record approved!" {
		t.Fatalf("tap before the hook: %q", got)
	}
	again.record(nil)
	if got := words(again.step(Asked{Request: live.request("open"), Link: 9})); got != "tell approved" {
		t.Errorf("the hook came back: %q", got)
	}
	// The decided one is told when its hook comes, and once.
	if got := words(again.step(Asked{Request: live.request("decided"), Link: 8})); got != "tell approved" {
		t.Errorf("decided: %q", got)
	}
	// The delivered one's tool is still seen to run.
	ran := permit.Signal{Kind: permit.ToolRan, Session: "s", Calls: []permit.Call{{Tool: "Bash", Digest: live.request("delivered").Digest}}}
	if got := words(again.step(Seen{ran})); got != "record ran, draw ran" {
		t.Errorf("delivered: %q", got)
	}
}

// What the journal has masked is no longer what a person said: it is not given
// to Claude Code, and the card says that it was not delivered.
func TestRestoredDecisionThatHeldASecret(t *testing.T) {
	for _, masked := range []bool{false, true} {
		r := newRig(t)
		r.presence(permit.Away)
		req := r.request("r")
		decision := permit.Decision{Verb: permit.Allow, Channel: "web", By: permit.Person{ID: "alice"}, Input: json.RawMessage(`{"command":"⟨masked: 9 chars⟩"}`), Masked: masked}
		r.Restore(r.now, []permit.Record{{Kind: permit.RecordOpened, Request: "r", Opened: &req}, {Kind: permit.RecordOffered, Request: "r"},
			{Kind: permit.RecordEnded, Request: "r", Outcome: &permit.Outcome{Kind: permit.Approved, Decision: &decision}}})
		want := "tell approved"
		if masked {
			want = "tell handed_back, record not_delivered, unwatch, draw not_delivered"
		}
		if got := words(r.step(Asked{Request: req, Link: 1})); got != want {
			t.Errorf("masked %v: %q, want %q", masked, got, want)
		}
	}
}

func TestRestoredRequestWhoseHookDoesNotComeBack(t *testing.T) {
	r := newRig(t)
	req := r.request("r")
	r.Restore(r.now, []permit.Record{{Kind: permit.RecordOpened, Request: "r", Opened: &req},
		{Kind: permit.RecordOffered, Request: "r"}, {Kind: permit.RecordPosted, Request: "r", Channel: "web", Ref: "x"}})
	r.wait(30*time.Second - 1)
	r.wantPhase("r", "offered")
	r.wait(1)
	if got := words(r.record(nil)); got != "record ended, unwatch, draw ended" {
		t.Errorf("effects %q", got)
	}
}

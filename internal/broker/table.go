package broker

import (
	"strings"
	"time"

	"claude-permission-daemon/internal/permit"
)

// phase is where a request stands.
type phase int

const (
	opening  phase = iota // the journal has not taken it yet; nobody is asked
	held                  // the terminal alone is asked
	offered               // cards are up
	deciding              // the outcome is chosen; the journal is to take it
	telling               // it has; the hook is to be told, or has strayed
	sent                  // the hook was told; its word that Claude Code has it is awaited
	over                  // ended; remembered for late taps and for what the tool does
	phases
)

func (p phase) String() string {
	return [...]string{"opening", "held", "offered", "deciding", "telling", "sent", "over"}[p]
}

func (p phase) state() State {
	return [...]State{StateHeld, StateHeld, StateOffered, StateDecided, StateDecided, StateDecided, StateDecided}[p]
}

// trigger is what an event means to one request.
type trigger int

const (
	recorded   trigger = iota // the journal took what this request waited for
	unrecorded                // it could not
	attached                  // its hook came (back)
	strayed                   // its hook's connection ended without a word
	closing                   // its hook said that it ends
	told                      // the outcome was written to the hook
	untold                    // it could not be
	delivered                 // the hook says Claude Code has it
	answered                  // a person's valid answer
	presence                  // presence may have changed
	unshown                   // no channel can show it
	local                     // a sign that it was answered in the terminal
	gone                      // the session or Claude Code ended
	effected                  // the tool ran, or failed
	due                       // its time has come
	stopped                   // the daemon ends
	triggers
)

func (t trigger) String() string {
	return [...]string{"recorded", "unrecorded", "attached", "strayed", "closing", "told", "untold", "delivered",
		"answered", "presence", "unshown", "local", "gone", "effected", "due", "stopped"}[t]
}

// transition is one cell of the table.
type transition func(*step, *request)

// table has a cell for every phase and trigger. `none` is a decision too.
func table() [phases][triggers]transition {
	return [phases][triggers]transition{
		opening: {
			recorded: wait, unrecorded: cannotRecord, attached: reattach, strayed: stray, closing: closed,
			told: none, untold: none, delivered: none, answered: decide, presence: reconsider, unshown: none,
			local: localAnswer, gone: sessionGone, effected: localAnswer, due: reconsider, stopped: stop,
		},
		held: {
			recorded: none, unrecorded: none, attached: reattach, strayed: stray, closing: closed,
			told: none, untold: none, delivered: none, answered: decide, presence: reconsider, unshown: none,
			local: localAnswer, gone: sessionGone, effected: localAnswer, due: reconsider, stopped: stop,
		},
		offered: {
			recorded: none, unrecorded: none, attached: reattach, strayed: stray, closing: closed,
			told: none, untold: none, delivered: none, answered: decide, presence: reconsider, unshown: noChannel,
			local: localAnswer, gone: sessionGone, effected: localAnswer, due: reconsider, stopped: stop,
		},
		deciding: {
			recorded: tell, unrecorded: notRecorded, attached: rejoin, strayed: stray, closing: detach,
			told: none, untold: none, delivered: none, answered: second, presence: none, unshown: none,
			local: none, gone: none, effected: none, due: journalSlow, stopped: none,
		},
		telling: {
			recorded: none, unrecorded: none, attached: retell, strayed: stray, closing: undelivered,
			told: wasTold, untold: stray, delivered: wasDelivered, answered: tooLate, presence: none, unshown: none,
			local: none, gone: undelivered, effected: none, due: undelivered, stopped: none,
		},
		sent: {
			recorded: none, unrecorded: none, attached: retell, strayed: stray, closing: undelivered,
			told: none, untold: none, delivered: wasDelivered, answered: tooLate, presence: none, unshown: none,
			local: none, gone: undelivered, effected: ranEarly, due: undelivered, stopped: none,
		},
		over: {
			recorded: none, unrecorded: none, attached: tooLateHook, strayed: none, closing: none,
			told: none, untold: none, delivered: none, answered: tooLate, presence: none, unshown: none,
			local: none, gone: none, effected: ran, due: none, stopped: none,
		},
	}
}

// due is when the request's next Tick is wanted; zero: never.
func (b *Broker) due(r *request) time.Time {
	switch r.phase {
	case opening:
		return earliest(r.Deadline, r.strayed)
	case held:
		if r.link != 0 {
			return earliest(r.Deadline, b.offerAt(r))
		}
		return earliest(r.Deadline, r.strayed)
	case offered:
		return earliest(r.Deadline, r.strayed)
	case deciding:
		return r.giveUp
	case telling, sent:
		return r.strayed
	}
	return time.Time{}
}

// offerAt is when a held request is to be shown elsewhere; zero: never, as
// things stand.
func (b *Broker) offerAt(r *request) time.Time {
	if r.Contract == permit.Trial {
		return r.Asked
	}
	switch b.presence.State {
	case permit.Away:
		return r.Asked
	case permit.Present:
		if b.cfg.AskAfterPresent == 0 {
			return time.Time{}
		}
		return r.Asked.Add(b.cfg.AskAfterPresent)
	default:
		return r.Asked.Add(b.cfg.AskAfter)
	}
}

func earliest(times ...time.Time) time.Time {
	var first time.Time
	for _, t := range times {
		if !t.IsZero() && (first.IsZero() || t.Before(first)) {
			first = t
		}
	}
	return first
}

func none(*step, *request) {}

// wait: the request is on record, so it may be waited for.
func wait(s *step, r *request) {
	r.phase, r.record = held, 0
	s.do(Watch{Request: r.Request, On: true})
	reconsider(s, r)
}

// reconsider is the rule of who is asked: by the contract, presence and time.
// It is asked again whenever one of them changes.
func reconsider(s *step, r *request) {
	state, wasOffered := s.b.presence.State, r.phase == offered
	switch {
	case !r.strayed.IsZero() && !s.now.Before(r.strayed):
		s.end(r, permit.Outcome{Kind: permit.Gone, Reason: "the hook ended without a word; look at the terminal"})
	case !r.Deadline.IsZero() && !s.now.Before(r.Deadline):
		s.end(r, permit.Outcome{Kind: permit.Expired})
	case s.b.mustHandBack(r):
		s.end(r, permit.Outcome{Kind: permit.HandedBack, Reason: handBackReason(r, state)})
	case r.phase == opening, r.link == 0:
		// nothing is shown before the journal has it, nor newly for a hook that strayed
	case r.phase == held:
		if at := s.b.offerAt(r); !at.IsZero() && !s.now.Before(at) {
			offer(s, r)
		}
	}
	if wasOffered && r.phase == offered && s.kind == presence {
		s.draw(r) // the card says whether the person is back
	}
}

// mustHandBack says whether presence ends the request: where the hook keeps
// the dialog from whoever may be at the keyboard, or the user wants it so.
func (b *Broker) mustHandBack(r *request) bool {
	state := b.presence.State
	switch r.Contract {
	case permit.Parallel:
		return r.phase == offered && state == permit.Present && b.cfg.HandBackOnReturn && r.unseen
	case permit.Headless:
		return r.phase != offered && state == permit.Present
	case permit.Trial:
		return false
	default: // Blocking, Bare: any doubt is the person's
		return state != permit.Away
	}
}

func handBackReason(r *request, state permit.PresenceState) string {
	switch {
	case state == permit.Unsure:
		return "it is not known whether the person is away"
	case r.phase == offered:
		return "the person is back: to be answered locally"
	default:
		return "the person is at the keyboard"
	}
}

// offer puts the cards up.
func offer(s *step, r *request) {
	r.phase, r.shown = offered, true
	r.unseen = s.b.presence.State != permit.Present
	s.note(permit.Record{Kind: permit.RecordOffered, Request: r.ID})
	s.draw(r)
}

// rejoin: the hook is (again) at the other end of a new connection.
func rejoin(_ *step, r *request) { r.strayed = time.Time{} }

// reattach: so is that of an open request, which a restart or a freeze may have
// kept from noticing who is there.
func reattach(s *step, r *request) {
	rejoin(s, r)
	reconsider(s, r)
}

// stray: the hook has no connection now. It may come back.
func stray(s *step, r *request) {
	r.link = 0
	r.strayed = s.now.Add(strayFor)
}

// closed: the hook says that Claude Code ends it.
func closed(s *step, r *request) {
	r.link = 0
	outcome := permit.Outcome{Kind: permit.Local, Guess: true,
		Reason: "Claude Code closed the question (No, Esc, the session's end or its own time limit)"}
	switch {
	case r.Contract == permit.Bare:
		outcome.Reason = "the asking program closed its connection"
	case !strings.HasPrefix(s.reason, "SIG"): // not Claude Code's doing
		outcome = permit.Outcome{Kind: permit.Gone, Reason: "the hook ended (" + s.reason + "); look at the terminal"}
	}
	s.end(r, outcome)
}

// detach: the hook ended while the journal was writing; telling it will fail.
func detach(_ *step, r *request) { r.link = 0 }

func localAnswer(s *step, r *request) {
	s.end(r, permit.Outcome{Kind: permit.Local, Guess: s.guess, Reason: s.reason})
}

func sessionGone(s *step, r *request) {
	s.end(r, permit.Outcome{Kind: permit.Gone, Reason: s.reason})
}

func noChannel(s *step, r *request) {
	s.end(r, permit.Outcome{Kind: permit.HandedBack, Reason: s.reason})
}

func stop(s *step, r *request) {
	s.end(r, permit.Outcome{Kind: permit.HandedBack, Reason: "the daemon is stopping"})
}

// cannotRecord: what is not on record is not asked.
func cannotRecord(s *step, r *request) {
	r.record = 0
	s.endUnrecorded(r, permit.Outcome{Kind: permit.HandedBack, Reason: s.reason})
}

// decide: the first valid answer wins, once the journal has it.
func decide(s *step, r *request) {
	decision := s.answer.Decision
	decision.At = s.now
	outcome := permit.Outcome{Kind: permit.Denied, Decision: &decision}
	if decision.Verb == permit.Allow {
		outcome.Kind = permit.Approved
	}
	r.decider = s.token
	s.end(r, outcome)
}

// second: an answer while it is not yet certain that the first one counts.
func second(s *step, r *request) {
	r.late = append(r.late, late{s.token, s.answer})
}

// tell: the outcome is on record; now the hook may know.
func tell(s *step, r *request) {
	r.record, r.giveUp = 0, time.Time{}
	r.phase = telling
	if r.outcome.Decided() {
		r.stage = permit.Sent
	}
	s.verdict(r, permit.Accepted, r.outcome.Sentence())
	switch {
	case r.link != 0:
		s.do(Tell{Link: r.link, Request: r.Request, Outcome: *r.outcome})
	case r.strayed.IsZero():
		undelivered(s, r) // it said that it ends
	case !s.now.Before(r.strayed) || !r.outcome.Decided():
		undelivered(s, r) // nobody is there to be told, and nothing hangs on it
	}
}

// retell: the hook came back and has not heard, or was not heard to have.
func retell(s *step, r *request) {
	r.strayed = time.Time{}
	if r.outcome.Decision != nil && r.outcome.Decision.Masked { // what is left of it was not said by anybody
		s.do(Tell{Link: r.link, Request: r.Request, Outcome: permit.Outcome{Kind: permit.HandedBack, At: s.now,
			Reason: "the daemon was started again, and its journal does not keep the secrets of the answer"}})
		undelivered(s, r)
		return
	}
	r.phase = telling
	s.do(Tell{Link: r.link, Request: r.Request, Outcome: *r.outcome})
}

// notRecorded: a decision that is not on record does not count.
func notRecorded(s *step, r *request) {
	r.record = 0
	s.verdict(r, permit.NotRecorded, "It does not count: "+s.reason+". The question is open in the terminal.")
	outcome := permit.Outcome{Kind: permit.HandedBack, Reason: s.reason}
	if !r.outcome.Decided() {
		outcome = *r.outcome // a hand back needs no record to be told
	}
	s.endUnrecorded(r, outcome)
}

// journalSlow: the person at the keyboard does not wait for a disk.
func journalSlow(s *step, r *request) {
	s.reason = "cannot write the journal: it did not answer in time"
	notRecorded(s, r)
}

// wasTold: the hook's connection has taken the outcome.
func wasTold(s *step, r *request) {
	if !r.outcome.Decided() {
		s.over(r, permit.Ended)
		return
	}
	if r.Contract == permit.Bare { // it will not say more
		s.over(r, permit.Sent)
		return
	}
	r.phase = sent
	s.draw(r)
}

// wasDelivered: the hook says that Claude Code has it. Its word can be faster
// than that of whoever wrote to it.
func wasDelivered(s *step, r *request) {
	if !r.outcome.Decided() {
		return
	}
	s.over(r, permit.Delivered)
	if r.Kind == permit.Finished && r.outcome.Kind == permit.Approved {
		s.b.replies[r.Session]++
	}
	if r.early != "" {
		s.effect, s.took = r.early, r.took
		ran(s, r)
	}
}

// undelivered: nobody is left to be told.
func undelivered(s *step, r *request) {
	if !r.outcome.Decided() {
		s.over(r, permit.Ended)
		return
	}
	s.over(r, permit.NotDelivered)
}

// ranEarly: the tool was seen to run before the hook said that it had been
// heard. Perhaps the terminal allowed it; the hook's word will tell.
func ranEarly(s *step, r *request) { r.early, r.took = s.effect, s.took }

// ran: the approved tool was seen to run, or to fail.
func ran(s *step, r *request) {
	if r.outcome.Kind != permit.Approved || r.stage == permit.Ran || r.stage == permit.Failed {
		return
	}
	r.stage, r.took = s.effect, s.took
	s.note(permit.Record{Kind: permit.RecordStage, Request: r.ID, Stage: r.stage, Took: r.took})
	s.draw(r)
}

// tooLate: somebody or something was first.
func tooLate(s *step, r *request) {
	s.refuse(r, late{s.token, s.answer}, permit.TooLate, firstWas(r))
}

// firstWas tells a late answerer how the request ended.
func firstWas(r *request) string {
	at := r.outcome.At.Local().Format("15:04:05")
	return "Too late: " + r.outcome.Sentence() + " (at " + at + ")."
}

// tooLateHook: a hook that comes back to a request that has ended gets no
// decision any more; the card has said so.
func tooLateHook(s *step, r *request) {
	s.do(Tell{Link: r.link, Request: r.Request, Outcome: permit.Outcome{
		Kind: permit.HandedBack, Reason: "the request had ended", At: s.now}})
	r.link = 0
}

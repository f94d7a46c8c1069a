package broker

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"claude-permission-daemon/internal/permit"
)

// step is one event being worked through: its time, what it says, and the
// effects so far.
type step struct {
	b       *Broker
	now     time.Time
	effects []Effect

	// What the event says, for the transitions that ask.
	kind   trigger
	answer permit.Answer
	token  uint64
	reason string
	guess  bool
	effect permit.Stage
	took   time.Duration
}

// Step takes one event and returns what is to be done about it. now is the
// wall clock's; it may jump either way.
func (b *Broker) Step(now time.Time, event Event) []Effect {
	s := &step{b: b, now: now}
	b.keepTime(now)
	switch e := event.(type) {
	case Asked:
		s.asked(e)
	case Recorded:
		s.recorded(e)
	case Told:
		if r := s.linked(e.ID, e.Link); r != nil && e.Err == nil {
			s.fire(r, told)
		} else if r != nil {
			s.fire(r, untold)
		}
	case Delivered:
		if r := s.linked(e.ID, e.Link); r != nil {
			s.fire(r, delivered)
		}
	case Closed:
		if r := s.linked(e.ID, e.Link); r != nil && e.Reason == "" && r.Contract != permit.Bare {
			s.fire(r, strayed)
		} else if r != nil {
			s.reason = e.Reason
			s.fire(r, closing)
		}
	case Answered:
		s.answered(e)
	case Posted:
		if r := b.requests[e.ID]; r != nil {
			r.refs[e.Channel] = e.Ref
			delete(r.failed, e.Channel)
			s.note(permit.Record{Kind: permit.RecordPosted, Request: r.ID, Channel: e.Channel, Ref: e.Ref})
			if r.phase >= sent { // it was drawn as settled before there was a ref
				s.drawOn(r, e.Channel)
			}
		}
	case Settled:
		if r := b.requests[e.ID]; r != nil && !r.settled[e.Channel] {
			r.settled[e.Channel] = true
			s.note(permit.Record{Kind: permit.RecordSettled, Request: r.ID, Channel: e.Channel})
		}
	case PostFailed:
		s.postFailed(e)
	case PresenceIs:
		changed := e.Presence.State != b.presence.State
		b.presence = e.Presence
		if changed {
			s.note(permit.Record{Kind: permit.RecordPresence, Presence: &e.Presence})
			s.each(presence)
			s.tellWaiting()
		}
	case Seen:
		s.seen(e.Signal)
		b.notes.over(e.Signal)
		if k := e.Signal.Kind; e.Signal.Agent == "" && (k == permit.Prompted || k == permit.SessionEnded) {
			delete(b.replies, e.Signal.Session)
		}
	case Happened:
		s.happened(e.Note)
	case Tick:
		for _, r := range slices.Clone(b.order) {
			if at := b.due(r); !at.IsZero() && !now.Before(at) {
				s.fire(r, due)
			}
		}
	case Stop:
		b.stopping = true
		s.each(stopped)
	}
	return s.effects
}

// keepTime moves the short waits along when the clock was set back, so that
// none of them becomes as long as the jump. (Set forward, they end early.)
func (b *Broker) keepTime(now time.Time) {
	if back := b.last.Sub(now); back > time.Second {
		for _, r := range b.order {
			if !r.strayed.IsZero() {
				r.strayed = r.strayed.Add(-back)
			}
			if !r.giveUp.IsZero() {
				r.giveUp = r.giveUp.Add(-back)
			}
		}
	}
	b.last = now
}

func (s *step) fire(r *request, t trigger) {
	s.kind = t
	s.b.table[r.phase][t](s, r)
}

func (s *step) each(t trigger) {
	for _, r := range slices.Clone(s.b.order) {
		s.fire(r, t)
	}
}

// linked finds the request whose hook is at this connection now; word from an
// older connection is not its word.
func (s *step) linked(id string, link uint64) *request {
	if r := s.b.requests[id]; r != nil && r.link == link && link != 0 {
		return r
	}
	return nil
}

// asked takes in a new request, or the hook of a known one.
func (s *step) asked(e Asked) {
	b, generation := s.b, 1
	b.forget(s.now)
	if known := b.requests[e.Request.ID]; known != nil {
		switch {
		case known.Digest == e.Request.Digest && known.Session == e.Request.Session:
			if e.Link < known.newest {
				return
			}
			known.link, known.newest = e.Link, e.Link
			recalled := known.Masked // after a restart ours is the journal's
			known.Input, known.Suggestions, known.Why, known.Masked = e.Request.Input, e.Request.Suggestions, e.Request.Why, false
			known.Project, known.Branch, known.Cwd = e.Request.Project, e.Request.Branch, e.Request.Cwd
			s.fire(known, attached)
			if recalled && known.phase == offered {
				s.draw(known)
			}
			return
		case known.phase != over:
			s.refuseHook(e, "another request with this id is open")
			return
		}
		generation = known.Generation + 1
	}
	switch {
	case b.stopping:
		s.refuseHook(e, "the daemon is stopping")
		return
	case b.open() >= b.cfg.MaxOpen:
		s.refuseHook(e, fmt.Sprintf("%d requests are open already", b.cfg.MaxOpen))
		return
	}
	r := newRequest(e.Request, e.Link)
	r.Generation = generation
	r.Ordinal = 1 + b.twins(r)
	if b.cfg.RequestTimeout > 0 {
		r.Deadline = r.Asked.Add(b.cfg.RequestTimeout)
	}
	if r.Kind == permit.Refused && b.cfg.RetryFor > 0 {
		r.Deadline = earliest(r.Deadline, r.Asked.Add(b.cfg.RetryFor))
	}
	b.requests[r.ID] = r
	b.order = append(b.order, r)
	switch {
	case b.mustHandBack(r): // at once: the person waits, and nothing was asked of anybody
		s.endUnrecorded(r, permit.Outcome{Kind: permit.HandedBack, Reason: handBackReason(r, b.presence.State)})
		return
	case r.Kind == permit.Finished && b.replies[r.Session] >= mostReplies:
		s.endUnrecorded(r, permit.Outcome{Kind: permit.HandedBack, Reason: fmt.Sprintf("Claude Code takes %d replies in a row and no more", mostReplies)})
		return
	}
	r.journalled = true
	opened := r.Request // a copy: ours may get its input anew while the journal writes
	r.record = s.noteSynced(permit.Record{Kind: permit.RecordOpened, Request: r.ID, Opened: &opened})
}

// refuseHook hands a request back that never becomes one of ours.
func (s *step) refuseHook(e Asked, reason string) {
	s.do(Tell{Link: e.Link, Request: e.Request,
		Outcome: permit.Outcome{Kind: permit.HandedBack, Reason: reason, At: s.now}})
}

func (s *step) recorded(e Recorded) {
	for _, r := range s.b.order {
		if r.record != e.Seq {
			continue
		}
		if e.Err != nil {
			s.reason = e.Err.Error()
			s.fire(r, unrecorded)
			return
		}
		s.fire(r, recorded)
		return
	}
}

// answered judges an answer; the table only sees the valid ones.
func (s *step) answered(e Answered) {
	s.answer, s.token = e.Answer, e.Token
	said := e.Answer.Decision
	r := s.b.requests[e.Answer.Request]
	this := late{e.Token, e.Answer}
	switch {
	case !s.b.cfg.Allowed(said.Channel, said.By):
		s.refuse(nil, this, permit.NotAllowed, said.By.String()+" may not decide here.")
	case r == nil:
		s.refuse(nil, this, permit.Unknown, "There is no such open request on this machine.")
	case e.Answer.Generation != 0 && e.Answer.Generation != r.Generation,
		e.Answer.Digest != "" && e.Answer.Digest != r.Digest:
		s.refuse(r, this, permit.NotAsShown, "It does not count: the request is no longer the one that was shown.")
	case r.phase >= deciding: // somebody was first, whatever this one says
		s.fire(r, answered)
	default:
		decision, lacks := s.b.cfg.Resolve(r.Request, e.Answer)
		switch {
		case lacks != "":
		case decision.Verb != permit.Allow && decision.Verb != permit.Deny:
			lacks = fmt.Sprintf("It does not count: %q is neither allow nor deny.", decision.Verb)
		case r.Masked && decision.Verb == permit.Allow: // nobody can judge it, and no rule can match it
			lacks = "It does not count yet: Claude Code has not come back since the daemon was started again. Try again in a moment."
		}
		if lacks != "" {
			s.refuse(r, this, permit.Incomplete, lacks)
			return
		}
		s.answer.Decision = decision
		s.fire(r, answered)
	}
}

// twins counts the open requests that ask for the very same.
func (b *Broker) twins(r *request) int {
	n := 0
	for _, other := range b.order {
		if other.phase != over && other.Session == r.Session && other.Kind == r.Kind && other.Digest == r.Digest {
			n = max(n, max(other.Ordinal, 1))
		}
	}
	return n
}

// refuse says no to an answer and puts that on record. r is nil where the
// answerer is not to see the request.
func (s *step) refuse(r *request, l late, code permit.VerdictCode, text string) {
	verdict := permit.Verdict{Code: code, Text: text}
	if r != nil {
		verdict.Card = new(s.b.card(r, l.answer.Decision.Channel))
	}
	s.do(Judge{Token: l.token, Verdict: verdict})
	s.note(permit.Record{Kind: permit.RecordRefused, Request: l.answer.Request,
		Channel: l.answer.Decision.Channel, By: &l.answer.Decision.By, Verdict: code})
}

// verdict answers whoever decided, and those who came while it was not certain.
func (s *step) verdict(r *request, code permit.VerdictCode, text string) {
	if r.decider != 0 {
		s.do(Judge{Token: r.decider, Verdict: permit.Verdict{Code: code, Text: text,
			Card: new(s.b.card(r, r.outcome.Decision.Channel))}})
		r.decider = 0
	}
	for _, l := range r.late {
		if code == permit.Accepted {
			s.refuse(r, l, permit.TooLate, firstWas(r))
		} else {
			s.refuse(r, l, code, text)
		}
	}
	r.late = nil
}

func (s *step) postFailed(e PostFailed) {
	r := s.b.requests[e.ID]
	if r == nil {
		return
	}
	r.failed[e.Channel] = e.Reason
	var reasons []string
	for _, channel := range s.b.cfg.Channels {
		why, failed := r.failed[channel]
		if !failed {
			return
		}
		reasons = append(reasons, channel+": "+why)
	}
	s.reason = "no channel can show it: " + strings.Join(reasons, "; ")
	s.fire(r, unshown)
}

// end chooses the outcome and asks the journal to take it.
func (s *step) end(r *request, outcome permit.Outcome) {
	outcome.At = s.now
	r.outcome = &outcome
	r.phase = deciding
	r.giveUp = s.now.Add(journalFor)
	if outcome.Decided() {
		r.giveUp = s.now.Add(decisionFor)
	}
	r.record = s.noteSynced(permit.Record{Kind: permit.RecordEnded, Request: r.ID, Outcome: &outcome})
}

// endUnrecorded tells a hook what decides nothing without waiting for the
// journal, which gets it when it can.
func (s *step) endUnrecorded(r *request, outcome permit.Outcome) {
	outcome.At = s.now
	r.outcome = &outcome
	r.phase = deciding
	tell(s, r)
	s.note(permit.Record{Kind: permit.RecordEnded, Request: r.ID, Outcome: &outcome})
}

// over ends the request for good and shows it.
func (s *step) over(r *request, stage permit.Stage) {
	r.phase, r.stage = over, stage
	r.link, r.strayed, r.ended = 0, time.Time{}, s.now
	if r.journalled {
		s.note(permit.Record{Kind: permit.RecordStage, Request: r.ID, Stage: stage})
	}
	s.do(Watch{Request: r.Request})
	s.draw(r)
}

// draw shows the request wherever it was shown before.
func (s *step) draw(r *request) {
	if !r.shown {
		return
	}
	for _, channel := range s.b.cfg.Channels {
		s.drawOn(r, channel)
	}
}

func (s *step) drawOn(r *request, channel string) {
	s.do(Draw{Channel: channel, Card: s.b.card(r, channel)})
}

// note appends a record that nothing waits for.
func (s *step) note(record permit.Record) { s.append(record, false) }

// noteSynced appends a record and returns its number: the request goes on when
// Recorded says that it is on the disk.
func (s *step) noteSynced(record permit.Record) uint64 { return s.append(record, true) }

func (s *step) append(record permit.Record, sync bool) uint64 {
	s.b.seq++
	record.At = s.now
	e := Record{Seq: s.b.seq, Sync: sync, Record: record}
	if r := s.b.requests[record.Request]; r != nil && record.Kind == permit.RecordEnded {
		e.About = r.Request
	}
	s.do(e)
	return s.b.seq
}

func (s *step) do(e Effect) { s.effects = append(s.effects, e) }

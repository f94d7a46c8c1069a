package broker

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"claude-permission-daemon/internal/permit"
)

// The truths, as checks on the simulated world.

// decisionOf is the last outcome that the journal holds for a request.
func (w *world) decisionOf(id string) *permit.Outcome {
	for _, r := range slices.Backward(w.journal) {
		if r.Request == id && r.Kind == permit.RecordEnded {
			return r.Outcome
		}
	}
	return nil
}

// pressed reports whether a person who may decide pressed that button on the
// request as it was shown, and what goes to Claude Code is what they meant of the
// request itself, not of a journal's copy.
func (w *world) pressed(o permit.Outcome, r permit.Request) bool {
	for _, t := range w.taps {
		if !t.valid || t.answer.Request != r.ID || t.answer.Digest != r.Digest || t.answer.Decision.By.ID != o.Decision.By.ID {
			continue
		}
		meant, lacks := resolved(r, t.answer)
		if lacks == "" && (meant.Verb == permit.Allow) == (o.Kind == permit.Approved) && goesBack(meant) == goesBack(*o.Decision) {
			return true
		}
	}
	return false
}

// goesBack is what of a decision goes to Claude Code.
func goesBack(d permit.Decision) string {
	if d.Verb == permit.Deny {
		d.Message = strings.ReplaceAll(d.Message, "masked", "secret") // a no may lose its words, as long as it stays one
	}
	return fmt.Sprintf("%s %s %s %q %s %s", d.Verb, d.Way, d.Message, d.Says, d.Input, d.Permissions)
}

// checkOutput: truths 1, 2 and 3, at the moment when Claude Code is told.
func (w *world) checkOutput(h *simHook, o permit.Outcome) {
	if h.output != nil {
		w.failf("%s: Claude Code is told twice", h.req.ID)
	}
	for channel, cards := range w.cards {
		if c := cards[h.req.ID]; c != nil && c.shown != nil && !c.shown.Live() && c.shown.Stage != permit.Sent && h.req.Contract != permit.Bare && !w.endless[h.req.ID] {
			w.failf("%s: Claude Code is told %s after its card on %s said %s", h.req.ID, o.Kind, channel, c.shown.Stage)
		}
	}
	if !w.pressed(o, h.req) {
		w.failf("%s: %s, and nobody who may had pressed that: %s", h.req.ID, o.Kind, goesBack(*o.Decision))
	}
	if recorded := w.decisionOf(h.req.ID); recorded == nil || recorded.Kind != o.Kind || recorded.Decision == nil || recorded.Decision.By != o.Decision.By {
		w.failf("%s: the hook is told %s, which the journal does not have: %+v", h.req.ID, o.Kind, recorded)
	}
}

func (w *world) hookOf(id string) *simHook {
	for _, h := range w.hooks {
		if h.req.ID == id {
			return h
		}
	}
	return nil
}

// checkCard: truths 1 and 4, when a card is drawn.
func (w *world) checkCard(c permit.Card) {
	h := w.hookOf(c.Request.ID)
	if recorded := w.decisionOf(h.req.ID); !c.Live() && (recorded == nil || recorded.Kind != c.Outcome.Kind) && !w.broken && c.Outcome.Decided() {
		w.failf("%s: the card says %s, the journal %+v", h.req.ID, c.Outcome.Kind, recorded)
	}
	if c.Outcome != nil && c.Outcome.Decided() && c.Stage != permit.NotDelivered && !h.reached {
		w.failf("%s: the card says %s %s, and the hook was not told", h.req.ID, c.Outcome.Kind, c.Stage)
	}
	if c.Outcome != nil && c.Outcome.Decided() && h.output != nil && h.output.Kind != c.Outcome.Kind {
		w.failf("%s: the card says %s, Claude Code was told %s", h.req.ID, c.Outcome.Kind, h.output.Kind)
	}
	if c.Outcome != nil && !c.Outcome.Decided() && h.output != nil {
		w.failf("%s: the card says %s, Claude Code was told %s", h.req.ID, c.Outcome.Kind, h.output.Kind)
	}
	if c.Outcome != nil && c.Outcome.Kind == permit.Local && !h.evidence && h.req.Contract != permit.Bare {
		w.failf("%s: the card says answered in the terminal, and nothing was seen of it", h.req.ID)
	}
	if c.Outcome != nil && c.Outcome.Kind == permit.Local && c.Outcome.Reason == "" {
		w.failf("%s: the card does not say how that was noticed", h.req.ID)
	}
	if c.Stage == permit.Delivered && !h.acked && !h.ran && !h.evidence {
		w.failf("%s: the card says delivered, and the hook has not said so", h.req.ID)
	}
	if c.Stage == permit.Ran && !h.evidence {
		w.failf("%s: the card says ran, and nothing ran", h.req.ID)
	}
}

// check: truth 7, after every step. Where the hook keeps the dialog back and
// presence does not say that the person is away, the hook is let go in the time
// that the journal may take.
func (w *world) check() {
	for _, r := range w.broker.order {
		w.checkTime(r)
		blocked := (r.Contract == permit.Blocking || r.Contract == permit.Bare) && w.known != permit.Away &&
			r.link != 0 && w.links[r.link] != nil && w.links[r.link].alive && !w.links[r.link].reached
		h := w.hookOf(r.ID)
		switch {
		case !blocked || r.outcome != nil && r.outcome.Decided():
			h.kept = false
		case !h.kept:
			h.kept, h.keptSince = true, w.clock
		case w.clock-h.keptSince > journalFor+10*time.Millisecond && w.jump == 0:
			w.failf("%s: the person is kept from the terminal", r.ID)
		}
	}
}

// checkTime: a refusal keeps its session waiting no longer than it may.
func (w *world) checkTime(r *request) {
	h := w.hookOf(r.ID)
	switch late := r.Kind == permit.Refused && r.phase < deciding && w.wall().After(r.Asked.Add(simRetry)); {
	case !late:
		h.overdue = false
	case !h.overdue:
		h.overdue, h.overdueSince = true, w.clock
	case w.clock-h.overdueSince > 10*time.Millisecond:
		w.failf("%s: the session waits for another try for too long", r.ID)
	}
}

// judged: truth 3. One answer decides, and whoever is told so has decided.
func (w *world) judged(e Judge) {
	t := w.taps[e.Token]
	if t == nil {
		return
	}
	t.verdict = append(t.verdict, e.Verdict)
	if e.Verdict.Code != permit.Accepted {
		return
	}
	if !t.valid {
		w.failf("%s: an answer that must not count is accepted: %+v", t.answer.Request, t.answer)
	}
	if _, lacks := resolved(w.hookOf(t.answer.Request).req, t.answer); lacks != "" {
		w.failf("%s: an answer is accepted that is none: %s", t.answer.Request, lacks)
	}
	if recorded := w.decisionOf(t.answer.Request); recorded == nil || recorded.Decision == nil || recorded.Decision.By != t.answer.Decision.By {
		w.failf("%s: %s is told that it counts, and the journal has %+v", t.answer.Request, t.answer.Decision.By, recorded)
	}
	for token, other := range w.taps {
		if token != e.Token && other.answer.Request == t.answer.Request && len(other.verdict) > 0 && other != t &&
			other.verdict[len(other.verdict)-1].Code == permit.Accepted {
			w.failf("%s: two answers are accepted", t.answer.Request)
		}
	}
}

// final: truths 2 and 5, when all has come to rest.
func (w *world) final() {
	if w.failed != "" {
		return
	}
	for _, h := range w.hooks {
		if h.alive {
			w.failf("%s: its hook still waits, %s", h.req.ID, w.broker.requests[h.req.ID].phase)
		}
	}
	if !w.broker.Settled() {
		w.failf("a request has not ended: %+v", w.broker.Pending())
	}
	for _, h := range w.hooks {
		r := w.broker.requests[h.req.ID]
		if r != nil && w.last == 1 && h.acked && !h.ended && r.Contract != permit.Bare && (r.stage == permit.Sent || r.stage == permit.NotDelivered) {
			w.failf("%s: its hook said that Claude Code has it, and the card says %s", h.req.ID, r.stage)
		}
	}
	for channel, cards := range w.cards {
		for id, c := range cards {
			if c.shown != nil && c.shown.Live() {
				w.failf("%s: its card on %s still has buttons", id, channel)
			}
		}
	}
	for token, t := range w.taps {
		if len(t.verdict) == 0 && t.epoch == w.last && w.epoch == w.last {
			w.failf("the answer with token %d never got a verdict: %+v", token, t.answer)
		}
	}
}

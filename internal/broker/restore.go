package broker

import (
	"encoding/json"
	"time"

	"claude-permission-daemon/internal/permit"
)

// Restore rebuilds what the journal knows, once it could be opened, and returns
// what is to be done about it. A request that was open waits for its hook to
// come back (Config.Reattach) and stays answerable meanwhile; a card that may
// still have buttons is drawn again.
func (b *Broker) Restore(now time.Time, records []permit.Record) []Effect {
	before := len(b.order) // none, unless the journal could not be opened at the start
	asked := make(map[string]bool)
	for _, r := range b.order {
		asked[r.ID] = r.phase != over
	}
	for _, record := range records {
		if !asked[record.Request] { // else its hook has come back already, and goes on
			b.replay(record)
		}
	}
	s := &step{b: b, now: now}
	b.last = now
	for _, r := range b.order[before:] {
		if r.phase == over {
			r.ended = r.outcome.At
			for _, channel := range b.cfg.Channels {
				if !r.settled[channel] {
					s.drawOn(r, channel)
				}
			}
			continue
		}
		r.strayed = now.Add(b.cfg.Reattach)
		s.do(Watch{Request: r.Request, On: true})
		if r.phase != held {
			s.draw(r)
		}
	}
	b.forget(now)
	return s.effects
}

// replay takes in one record. One that does not fit is of no request we know.
func (b *Broker) replay(record permit.Record) {
	if record.Kind == permit.RecordOpened && record.Opened != nil {
		r := newRequest(*record.Opened, 0)
		// Its cards may be up even if the journal does not say so: that record is
		// not waited for.
		r.phase, r.journalled, r.shown = held, true, true
		b.requests[r.ID] = r
		b.order = append(b.order, r)
		return
	}
	r := b.requests[record.Request]
	if r == nil {
		return
	}
	switch record.Kind {
	case permit.RecordOffered:
		r.phase, r.unseen = offered, true
	case permit.RecordPosted:
		r.refs[record.Channel] = record.Ref
	case permit.RecordSettled:
		r.settled[record.Channel] = true
	case permit.RecordEnded:
		r.phase, r.outcome, r.stage = telling, record.Outcome, permit.Sent
	case permit.RecordStage:
		if r.outcome != nil {
			r.phase, r.stage, r.took = over, record.Stage, record.Took
		}
	}
}

// commandOf is Bash's command; empty where there is none.
func commandOf(input json.RawMessage) string {
	var bash struct {
		Command string `json:"command"`
	}
	if err := json.Unmarshal(input, &bash); err != nil {
		return ""
	}
	return bash.Command
}

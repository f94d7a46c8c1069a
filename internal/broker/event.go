package broker

import "claude-permission-daemon/internal/permit"

// Event is something that happened outside the broker.
type Event interface{ event() }

type (
	// Asked: a hook brings a request, for the first time or again after it lost
	// us. Link names its connection; the same ID comes back with a new one.
	Asked struct {
		Request permit.Request
		Link    uint64
	}
	// Recorded: the journal took the Record with this Seq, or could not.
	Recorded struct {
		Seq uint64
		Err error
	}
	// Told: the outcome was written to the hook's connection, or could not be.
	Told struct {
		ID   string
		Link uint64
		Err  error
	}
	// Delivered: the hook says that Claude Code has it.
	Delivered struct {
		ID   string
		Link uint64
	}
	// Closed: the hook's connection ended. Reason is what the hook said before;
	// empty, it said nothing.
	Closed struct {
		ID     string
		Link   uint64
		Reason string
	}
	// Answered: a person answered on a channel. The Verdict effect goes to Token.
	Answered struct {
		Answer permit.Answer
		Token  uint64
	}
	// Posted: a channel shows the request.
	Posted struct{ ID, Channel, Ref string }
	// Settled: a channel has taken the buttons off the request's card.
	Settled struct{ ID, Channel string }
	// PostFailed: a channel will never show it.
	PostFailed struct{ ID, Channel, Reason string }
	// PresenceIs: the person left, came back, or is no longer known to be either.
	PresenceIs struct{ Presence permit.Presence }
	// Seen: something was seen of a session.
	Seen struct{ Signal permit.Signal }
	// Happened: something that the person may want to know of.
	Happened struct{ Note permit.Note }
	// Tick: time has passed. Wake says when one is due; more do no harm.
	Tick struct{}
	// Stop: the daemon ends. Every request is handed back and settled.
	Stop struct{}
)

func (Asked) event()      {}
func (Recorded) event()   {}
func (Told) event()       {}
func (Delivered) event()  {}
func (Closed) event()     {}
func (Answered) event()   {}
func (Posted) event()     {}
func (Settled) event()    {}
func (PostFailed) event() {}
func (PresenceIs) event() {}
func (Seen) event()       {}
func (Happened) event()   {}
func (Tick) event()       {}
func (Stop) event()       {}

// Effect is something that the broker wants done. Effects of one Step are
// carried out in order.
type Effect interface{ effect() }

type (
	// Record: append to the journal. With Sync set, Recorded must come back for
	// Seq once the record is on the disk, or cannot be. About is the request whose
	// end it tells, whose secrets are not to be told with it; else empty.
	Record struct {
		Seq    uint64
		Sync   bool
		Record permit.Record
		About  permit.Request
	}
	// Tell: write the outcome to the hook's connection. Told must come back. A
	// hook that has strayed (Link 0) is not told.
	Tell struct {
		Link    uint64
		Request permit.Request
		Outcome permit.Outcome
	}
	// Draw: show the card on the channel.
	Draw struct {
		Channel string
		Card    permit.Card
	}
	// Notify: tell the person on every channel.
	Notify struct{ Note permit.Note }
	// Judge: the verdict on the answer that came with Token.
	Judge struct {
		Token   uint64
		Verdict permit.Verdict
	}
	// Watch: look (On) or no longer look for signs that the request was answered
	// in its terminal.
	Watch struct {
		Request permit.Request
		On      bool
	}
)

func (Record) effect() {}
func (Tell) effect()   {}
func (Draw) effect()   {}
func (Notify) effect() {}
func (Judge) effect()  {}
func (Watch) effect()  {}

package broker

import (
	"maps"
	"slices"
	"time"

	"claude-permission-daemon/internal/permit"
)

// This file says which happenings a person is told of, and when: while they are
// away, once each, and not what a card tells them already. What happened while
// they were there is kept, one of each session, until it is no longer so or they
// leave.

// Claude Code tells of a dialog 6.0 to 6.3 s after it opened, even while the hook
// waits, and can do so in the moment in which it is answered (measured on
// 2.1.330).
const (
	ownDialog    = 7 * time.Second // after a request was asked: the note is of its dialog
	justAnswered = 2 * time.Second // after it ended: it may be
)

// mostWaiting is how many sessions have a note kept for them.
const mostWaiting = 100

// noteKey is one happening: what is the same until the session goes on.
type noteKey struct {
	session string
	class   permit.NoteClass
	text    string
}

type notes struct {
	waiting map[string]waitingNote // by session
	told    map[noteKey]time.Time
}

// waitingNote is kept until the person leaves.
type waitingNote struct {
	permit.Note
	agent string // whose dialog it tells of; empty: the session's own
}

func newNotes() notes {
	return notes{waiting: make(map[string]waitingNote), told: make(map[noteKey]time.Time)}
}

// happened takes in a note.
func (s *step) happened(n permit.Note) {
	if s.shownBy(n) {
		return
	}
	if s.b.presence.State == permit.Away {
		s.notify(n)
		return
	}
	waiting := s.b.notes.waiting
	before, ok := waiting[n.Session]
	switch {
	case ok && sameThing(before.Class) && n.Class == permit.NoteIdle:
		return // what was said when the turn ended says more
	case ok && wantsPerson(before.Class) && !wantsPerson(n.Class):
		return // a question that waits is not made up for by news
	case !ok && len(waiting) >= mostWaiting:
		return
	}
	waiting[n.Session] = waitingNote{n, s.dialogOf(n)}
}

// dialogOf says whose dialog a note tells of: Claude Code does not, so it is
// taken for that of the newest request that was handed back to the terminal.
func (s *step) dialogOf(n permit.Note) (agent string) {
	for _, r := range s.b.order {
		if r.Session == n.Session && inTerminal(r) && s.now.Sub(r.ended) < ownDialog {
			agent = r.Agent
		}
	}
	return agent
}

// tellWaiting tells a person who has left what waits for them. To whoever is
// back, all that follows is new.
func (s *step) tellWaiting() {
	switch s.b.presence.State {
	case permit.Present:
		clear(s.b.notes.told)
	case permit.Away:
		for _, session := range slices.Sorted(maps.Keys(s.b.notes.waiting)) {
			s.notify(s.b.notes.waiting[session].Note)
		}
		clear(s.b.notes.waiting)
	}
}

// notify tells a note once.
func (s *step) notify(n permit.Note) {
	told, key := s.b.notes.told, noteKey{n.Session, n.Class, n.Text}
	if sameThing(n.Class) { // "waits for input" follows a minute after the end of a turn
		key = noteKey{session: n.Session, class: permit.NoteIdle}
	}
	if _, ok := told[key]; ok {
		return
	}
	maps.DeleteFunc(told, func(_ noteKey, at time.Time) bool { return s.now.Sub(at) > rememberFor })
	told[key] = s.now
	s.do(Notify{Note: n})
	s.note(permit.Record{Kind: permit.RecordTold, Told: &n})
}

// sameThing: the end of a turn, and that Claude waits for input since.
func sameThing(class permit.NoteClass) bool {
	return class == permit.NoteFinished || class == permit.NoteIdle
}

// wantsPerson: a session stands still until somebody comes to its terminal.
func wantsPerson(class permit.NoteClass) bool {
	return class == permit.NotePermission || class == permit.NoteElicitation || class == permit.NoteInput
}

// inTerminal reports whether the request ended by being left to the terminal.
func inTerminal(r *request) bool {
	return r.outcome != nil && (r.outcome.Kind == permit.HandedBack || r.outcome.Kind == permit.Expired)
}

// shownBy reports whether a card tells what the note would, or has done so.
func (s *step) shownBy(n permit.Note) bool {
	kinds := map[permit.NoteClass][]permit.Kind{
		permit.NotePermission:  {permit.Permission, permit.Refused},
		permit.NoteElicitation: {permit.Elicitation},
		permit.NoteFinished:    {permit.Finished},
		permit.NoteIdle:        {permit.Finished},
		permit.NoteRefused:     {permit.Refused},
	}[n.Class]
	return slices.ContainsFunc(s.b.order, func(r *request) bool {
		if r.Session != n.Session || !slices.Contains(kinds, r.Kind) {
			return false
		}
		switch {
		case r.phase < deciding:
			return true
		case inTerminal(r), sameThing(n.Class): // the note is all that tells of it
			return false
		}
		return r.phase != over || s.now.Sub(r.Asked) < ownDialog || s.now.Sub(r.ended) < justAnswered
	})
}

// over forgets what is no longer so: the session went on, or one of its
// subagents did.
func (n notes) over(signal permit.Signal) {
	waiting, ok := n.waiting[signal.Session]
	switch {
	case signal.Session == "":
		return
	case ok && waiting.agent == signal.Agent && (signal.Agent != "" || signal.Kind != permit.TurnEnded): // what waits at the end of a turn still does
		delete(n.waiting, signal.Session)
	}
	if signal.Agent == "" {
		maps.DeleteFunc(n.told, func(key noteKey, _ time.Time) bool { return key.session == signal.Session })
	}
}

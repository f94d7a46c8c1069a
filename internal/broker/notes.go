package broker

import (
	"maps"
	"slices"
	"time"

	"claude-permission-daemon/internal/permit"
)

// This file says which happenings a person is told of, and when: while they are
// away, once each, and not what a card tells them already. What happened while
// they were there is kept, the newest of each session, until it is no longer so
// or they leave.

// askedLately is how long after a request of a session a note about its dialog
// is one about that request: Claude Code sends it 6 s after the dialog opened
// (measured on 2.1.330), even while the hook waits.
const askedLately = 15 * time.Second

// mostWaiting is how many sessions have a note kept for them.
const mostWaiting = 100

// noteKey is one happening: what is the same until the session goes on.
type noteKey struct {
	session string
	class   permit.NoteClass
	text    string
}

type notes struct {
	waiting map[string]permit.Note // by session
	told    map[noteKey]time.Time
}

func newNotes() notes {
	return notes{waiting: make(map[string]permit.Note), told: make(map[noteKey]time.Time)}
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
	if before, ok := waiting[n.Session]; ok && sameThing(before.Class) && n.Class == permit.NoteIdle {
		return // what was said when the turn ended says more
	}
	if len(waiting) < mostWaiting {
		waiting[n.Session] = n
	}
}

// tellWaiting tells a person who has left what waits for them.
func (s *step) tellWaiting() {
	if s.b.presence.State != permit.Away {
		return
	}
	for _, session := range slices.Sorted(maps.Keys(s.b.notes.waiting)) {
		s.notify(s.b.notes.waiting[session])
	}
	clear(s.b.notes.waiting)
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
		case r.outcome.Kind == permit.HandedBack: // it waits in the terminal: the note is all that tells
			return false
		}
		return r.phase != over || s.now.Sub(r.ended) < askedLately
	})
}

// over forgets what is no longer so: the session went on.
func (n notes) over(signal permit.Signal) {
	switch {
	case signal.Session == "", signal.Kind == permit.TurnEnded && signal.Agent != "":
		return
	case signal.Kind != permit.TurnEnded: // what waits at the end of a turn still does
		delete(n.waiting, signal.Session)
	}
	maps.DeleteFunc(n.told, func(key noteKey, _ time.Time) bool { return key.session == signal.Session })
}

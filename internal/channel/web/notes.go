package web

import (
	"slices"
	"strconv"
	"time"

	"claude-permission-daemon/internal/permit"
	"claude-permission-daemon/internal/preview"
)

// What is kept of happenings: the newest few, for half a day.
const (
	keepNotes = 12
	noteFor   = 12 * time.Hour
)

// noted is a happening on the board.
type noted struct {
	note permit.Note
	rev  uint64
}

// noteView is a happening as the page tells it.
type noteView struct {
	ID, Title, Project, Branch, Host string
	Class                            permit.NoteClass
	Text                             []lineView
	Long                             bool
	At                               clock
	Ago                              string
	Until                            int64 // Unix milliseconds: when it goes
}

// Note implements channel.Notifier.
func (c *Channel) Note(n permit.Note) { c.board.note(n) }

// note puts a happening on the board.
func (b *board) note(n permit.Note) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.changed()
	if n.ID == "" {
		n.ID = "note-" + strconv.FormatUint(b.rev, 10)
	}
	if n.At.IsZero() {
		n.At = b.now()
	}
	b.notes = slices.DeleteFunc(b.notes, func(old noted) bool { return old.note.ID == n.ID })
	b.notes = slices.Insert(b.notes, 0, noted{n, b.rev})
	b.notes = b.notes[:min(len(b.notes), keepNotes)]
}

// freshNotes are the happenings that are not old yet. b.mu is held.
func (b *board) freshNotes() []noted {
	oldest := b.now().Add(-noteFor)
	b.notes = slices.DeleteFunc(b.notes, func(n noted) bool { return !n.note.At.After(oldest) })
	return slices.Clone(b.notes)
}

// told is a note as the page tells it: where the content stays on the machine,
// so does all but the title, which is ours.
func (c *Channel) told(n permit.Note) permit.Note {
	if c.opt.Withhold {
		n.Text, n.Branch, n.Cwd, n.Session = "", "", "", ""
	}
	return n
}

// noteViewOf draws a note. Its texts were masked and made visible before they
// came here.
func noteViewOf(n permit.Note, now time.Time) noteView {
	part := partOf(preview.Part{Kind: preview.Text, Lang: "markdown", Text: n.Text})
	v := noteView{
		ID: n.ID, Title: n.Title, Class: n.Class, Long: part.Long,
		Project: n.Project, Branch: n.Branch, Host: preview.Reveal(n.Machine.Host),
		At: clockOf(n.At, now), Ago: ago(now.Sub(n.At)), Until: n.At.Add(noteFor).UnixMilli(),
	}
	if n.Text != "" {
		v.Text = part.Lines
	}
	return v
}

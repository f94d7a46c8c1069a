package web

import (
	"slices"
	"sync"
	"time"

	"claude-permission-daemon/internal/permit"
)

// What is kept of happenings: the newest few, for a day.
const (
	mostNotes = 12
	noteFor   = 24 * time.Hour
)

// notes are the happenings that the page tells of, newest first.
type notes struct {
	mu   sync.Mutex
	list []permit.Note
}

// Note implements channel.Notifier.
func (c *Channel) Note(n permit.Note) {
	c.notes.mu.Lock()
	c.notes.list = slices.Insert(c.notes.list, 0, n)
	c.notes.list = c.notes.list[:min(len(c.notes.list), mostNotes)]
	c.notes.mu.Unlock()
	c.Refresh()
}

// views are the notes as the page tells them. Their texts were masked and made
// visible before they came here.
func (n *notes) views(now time.Time) []noteView {
	n.mu.Lock()
	defer n.mu.Unlock()
	var views []noteView
	for _, note := range n.list {
		if now.Sub(note.At) < noteFor {
			views = append(views, noteView{Title: note.Title, Project: note.Project, Text: note.Text, At: clockOf(note.At, now)})
		}
	}
	return views
}

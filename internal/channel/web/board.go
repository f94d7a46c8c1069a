package web

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"claude-permission-daemon/internal/permit"
	"claude-permission-daemon/internal/preview"
)

// What the page keeps of settled requests: the newest of them, none older than
// keepFor, and no more input than keepBytes, so that a day of long files does
// not stay in memory.
const (
	keepSettled = 50
	keepFor     = 24 * time.Hour
	keepBytes   = 4 << 20
)

// board holds the newest card of each request, open ones and the last settled
// ones. Every change gets a number, and wakes whoever waits.
type board struct {
	now     func() time.Time
	preview func(permit.Request) preview.Preview

	mu      sync.Mutex // guards the fields that follow
	entries map[string]*entry
	notes   []noted       // newest first
	rev     uint64        // of the last change
	change  chan struct{} // closed at the next change
	reports []report      // for the desk, not yet brought
}

// entry is one request on the board.
type entry struct {
	card    permit.Card
	rev     uint64
	posted  bool // has been shown to people as open
	settled time.Time
	// preview is made when it is first drawn, and kept: it may tell of files,
	// which change once the request is approved. It is made anew when the request
	// itself has come in the place of the journal's copy.
	preview func() preview.Preview
}

// report is what the desk is to be told of a request.
type report struct {
	request string
	ref     string // posted here; empty: settled
}

func newBoard(now func() time.Time, of func(permit.Request) preview.Preview) *board {
	return &board{now: now, preview: of, entries: make(map[string]*entry), change: make(chan struct{})}
}

// show puts a card on the board, in the place of an older one of its request.
func (b *board) show(card permit.Card) {
	b.mu.Lock()
	defer b.mu.Unlock()
	id, generation := card.Request.ID, card.Request.Generation
	e := b.entries[id]
	switch {
	case e == nil || generation > e.card.Request.Generation:
		if card.Ref == "" && !card.Live() {
			return // nobody has seen it, and nobody needs to
		}
		e = &entry{posted: card.Ref != ""}
		b.entries[id] = e
	case generation < e.card.Request.Generation:
		return // of a request that has ended, and whose id is used again
	}
	if e.preview == nil || e.card.Request.Masked != card.Request.Masked {
		e.preview = sync.OnceValue(func() preview.Preview { return b.preview(card.Request) })
	}
	e.card = card
	switch {
	case card.Live() && !e.posted:
		e.posted = true
		b.reports = append(b.reports, report{id, "#" + id})
	case !card.Live() && e.settled.IsZero():
		e.settled = b.now()
		b.reports = append(b.reports, report{request: id})
		b.forget()
	}
	b.changed()
	e.rev = b.rev
}

// touch counts as a change what is not a card's.
func (b *board) touch() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.changed()
}

func (b *board) changed() {
	b.rev++
	close(b.change)
	b.change = make(chan struct{})
}

// forget drops the settled requests that are too old, too many or too big.
func (b *board) forget() {
	settled := b.sorted(func(e *entry) bool { return !e.card.Live() })
	oldest, size := b.now().Add(-keepFor), 0
	for i, e := range settled {
		size += len(e.card.Request.Input)
		if i >= keepSettled || e.settled.Before(oldest) || i > 0 && size > keepBytes {
			delete(b.entries, e.card.Request.ID)
		}
	}
}

// sorted gives the chosen entries, newest first: open ones by when they were
// asked, settled ones by when they were settled.
func (b *board) sorted(chosen func(*entry) bool) []*entry {
	var list []*entry
	for _, e := range b.entries {
		if chosen(e) {
			list = append(list, e)
		}
	}
	at := func(e *entry) time.Time {
		if e.settled.IsZero() {
			return e.card.Request.Asked
		}
		return e.settled
	}
	slices.SortFunc(list, func(x, y *entry) int {
		return cmp.Or(at(y).Compare(at(x)), cmp.Compare(y.card.Request.ID, x.card.Request.ID))
	})
	return list
}

// view is the board at one moment.
type view struct {
	rev     uint64
	waiting []entry // open, newest first
	settled []entry // newest first
	notes   []noted // newest first
}

// view also returns a channel that is closed at the next change.
func (b *board) view() (view, <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.forget()
	v := view{rev: b.rev, notes: b.freshNotes()}
	for _, e := range b.sorted(func(*entry) bool { return true }) {
		if e.card.Live() {
			v.waiting = append(v.waiting, *e)
		} else {
			v.settled = append(v.settled, *e)
		}
	}
	return v, b.change
}

// find gives the request's entry, and a channel that is closed at the next
// change.
func (b *board) find(request string) (e entry, ok bool, change <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if found := b.entries[request]; found != nil {
		e, ok = *found, true
	}
	return e, ok, b.change
}

// takeReports gives what the desk has not been told yet.
func (b *board) takeReports() []report {
	b.mu.Lock()
	defer b.mu.Unlock()
	reports := b.reports
	b.reports = nil
	return reports
}

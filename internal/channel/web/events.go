package web

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// The times of an event stream.
const (
	// stillEvery is how often an open page hears that it is still live. Nothing
	// is sent, and nothing wakes up, while no page is open.
	stillEvery = 30 * time.Second
	// writeFor is how long a page may take to take an event.
	writeFor = 10 * time.Second
)

// update is what changed since a page last heard.
type update struct {
	Now      int64  `json:"now"` // Unix milliseconds: the clock of this machine
	Title    string `json:"title"`
	Presence string `json:"presence"` // HTML
	// Waiting and Settled are the requests on the page, in order. Cards has the
	// HTML of those that changed.
	Waiting []string          `json:"waiting"`
	Settled []string          `json:"settled"`
	Cards   map[string]string `json:"cards"`
	// Notes are the happenings, newest first; News has the HTML of the new ones.
	Notes []string          `json:"notes"`
	News  map[string]string `json:"news"`
}

// events keeps a page live until it goes away, is displaced, or we stop. A slow
// page skips what has changed again meanwhile.
func (p *pages) events(w http.ResponseWriter, r *http.Request) {
	me := p.c.live.join(r.RemoteAddr)
	if me == nil {
		w.Header().Set("Retry-After", "30")
		http.Error(w, "Too many pages are open.", http.StatusServiceUnavailable)
		return
	}
	defer p.c.live.leave(me)

	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no") // for a proxy that would wait for more
	control := http.NewResponseController(w)
	send := func(event, id string, data any) bool {
		raw, err := json.Marshal(data)
		if err != nil {
			return false
		}
		_ = control.SetWriteDeadline(time.Now().Add(writeFor))
		if id != "" {
			id = "id: " + id + "\n"
		}
		_, err = fmt.Fprintf(w, "event: %s\n%sdata: %s\n\n", event, id, raw)
		return err == nil && control.Flush() == nil
	}

	at, known := p.heard(r)
	sendChanges := func() (<-chan struct{}, bool) {
		board, change := p.c.board.view()
		if known && board.rev == at {
			return change, true
		}
		u, err := p.update(board, at, known)
		if err != nil {
			p.c.log.Error("cannot draw the page", "err", err)
			return nil, false
		}
		at, known = board.rev, true
		return change, send("update", p.c.boot+"-"+strconv.FormatUint(at, 10), u)
	}

	if !send("still", "", p.c.opt.Now().UnixMilli()) { // the page is live from here on
		return
	}
	still := time.NewTicker(p.c.still)
	defer still.Stop()
	for {
		change, ok := sendChanges()
		if !ok {
			return
		}
		select {
		case <-change:
		case <-still.C:
			if !send("still", "", p.c.opt.Now().UnixMilli()) {
				return
			}
		case <-me.displace:
			send("displaced", "", nil)
			return
		case <-p.gate.closing:
			sendChanges() // what was settled on the way out
			return
		case <-r.Context().Done():
			return
		}
	}
}

// heard is the change up to which the page knows the board; false: of this run
// it knows nothing.
func (p *pages) heard(r *http.Request) (at uint64, known bool) {
	id := r.Header.Get("Last-Event-ID") // after a lost connection
	if id == "" {
		id = r.URL.Query().Get("at") // as the page was drawn
	}
	boot, rev, _ := strings.Cut(id, "-")
	at, err := strconv.ParseUint(rev, 10, 64)
	if err != nil || boot != p.c.boot {
		return 0, false
	}
	return at, true
}

func (p *pages) update(board view, at uint64, known bool) (update, error) {
	head := p.c.headView(board)
	u := update{
		Now:     head.Now,
		Title:   head.Title,
		Waiting: []string{},
		Settled: []string{},
		Cards:   make(map[string]string),
		Notes:   []string{},
		News:    make(map[string]string),
	}
	var html bytes.Buffer
	if err := p.html.ExecuteTemplate(&html, "presence", head.Presence); err != nil {
		return u, err
	}
	u.Presence = html.String()
	take := func(entries []entry, order *[]string) error {
		for _, e := range entries {
			id := e.card.Request.ID
			*order = append(*order, id)
			if known && e.rev <= at {
				continue
			}
			html.Reset()
			if err := p.html.ExecuteTemplate(&html, "card", p.c.cardView(e, false, draft{})); err != nil {
				return err
			}
			u.Cards[id] = html.String()
		}
		return nil
	}
	for _, n := range board.notes {
		u.Notes = append(u.Notes, n.note.ID)
		if known && n.rev <= at {
			continue
		}
		html.Reset()
		if err := p.html.ExecuteTemplate(&html, "happening", noteViewOf(p.c.told(n.note), p.c.opt.Now())); err != nil {
			return u, err
		}
		u.News[n.note.ID] = html.String()
	}
	if err := take(board.waiting, &u.Waiting); err != nil {
		return u, err
	}
	return u, take(board.settled, &u.Settled)
}

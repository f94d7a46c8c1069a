package web

import (
	"bytes"
	"context"
	"embed"
	"encoding/json"
	"errors"
	"html/template"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"claude-permission-daemon/internal/permit"
)

//go:embed assets
var assets embed.FS

// pages answers the HTTP requests of one run of the channel.
type pages struct {
	c     *Channel
	html  *template.Template
	gate  *gate
	files map[string]file
}

// file is one of the page's own parts.
type file struct{ asset, kind string }

func newPages(c *Channel) *pages {
	return &pages{
		c:    c,
		html: template.Must(template.ParseFS(assets, "assets/*.html")), // fails only by a fault of ours
		gate: newGate(),
		files: map[string]file{
			"page.css": {"assets/page.css", "text/css; charset=utf-8"},
			"page.js":  {"assets/page.js", "text/javascript; charset=utf-8"},
			"icon.svg": {"assets/icon.svg", "image/svg+xml"},
		},
	}
}

// ServeHTTP is the way in: every request passes the guard here, and no other
// way leads to what is behind it.
func (p *pages) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	protect(w.Header())
	if !p.gate.enter() {
		http.Error(w, "The daemon is stopping.", http.StatusServiceUnavailable)
		return
	}
	defer p.gate.leave()
	guard := p.c.currentGuard()
	if status, why := guard.refuse(r); status != 0 {
		http.Error(w, why, status)
		return
	}
	rest, bare, ok := guard.enter(r.URL.Path)
	if !ok {
		http.NotFound(w, r)
		return
	}
	method := http.MethodGet
	if rest == "answer" {
		method = http.MethodPost
	}
	if r.Method != method {
		w.Header().Set("Allow", method)
		http.Error(w, "This takes "+method+" only.", http.StatusMethodNotAllowed)
		return
	}
	switch {
	case bare:
		w.Header().Set("Location", r.URL.Path+"/")
		w.WriteHeader(http.StatusPermanentRedirect)
	case rest == "":
		p.page(w, r)
	case rest == "card":
		p.card(w, r)
	case rest == "cards.json":
		p.cards(w)
	case rest == "notes.json":
		p.notes(w)
	case rest == "events":
		p.events(w, r)
	case rest == "answer":
		p.answer(w, r)
	default:
		p.file(w, r, rest)
	}
}

func (p *pages) file(w http.ResponseWriter, r *http.Request, name string) {
	f, ok := p.files[name]
	if !ok {
		http.NotFound(w, r)
		return
	}
	content, err := assets.ReadFile(f.asset)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", f.kind)
	_, _ = w.Write(content) // the browser has gone if this fails
}

// page is the whole list.
func (p *pages) page(w http.ResponseWriter, r *http.Request) {
	board, _ := p.c.board.view()
	view := p.c.pageView(board)
	if said, ok := p.c.said.get(r.URL.Query().Get("said")); ok {
		view.Said = &said
	}
	p.draw(w, http.StatusOK, "page", view)
}

// card is one request on a page of its own, whole however long it is.
func (p *pages) card(w http.ResponseWriter, r *http.Request) {
	e, ok, _ := p.c.board.find(r.URL.Query().Get("request"))
	if !ok {
		http.Error(w, "There is no such request on the page any more.", http.StatusNotFound)
		return
	}
	p.draw(w, http.StatusOK, "single", p.c.singleView(e, draft{way: r.URL.Query().Get("way")}))
}

func (p *pages) draw(w http.ResponseWriter, status int, name string, view any) {
	var page bytes.Buffer
	if err := p.html.ExecuteTemplate(&page, name, view); err != nil {
		p.c.log.Error("cannot draw the page", "err", err)
		http.Error(w, "The page cannot be drawn; the daemon's log says why.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(page.Bytes())
}

// cardJSON is a card for programs.
type cardJSON struct {
	permit.Card
	Ways []permit.Way `json:"ways"`
	Held string       `json:"held,omitempty"`
}

// cards is the list for programs. What is masked for people is masked for them:
// an input with a secret in it is left out, and what Claude Code says around it;
// so is what somebody filled into a form.
func (p *pages) cards(w http.ResponseWriter) {
	board, _ := p.c.board.view()
	cards := []cardJSON{}
	for _, e := range append(board.waiting, board.settled...) {
		shown, card := e.preview(), e.card
		r := &card.Request
		r.Project, r.Branch, r.Cwd = shown.Project, shown.Branch, shown.Cwd // masked, or left out
		if len(shown.Masked) > 0 || shown.Withheld {
			r.Input, r.Suggestions, r.Why = nil, nil, ""
		}
		if shown.Withheld {
			r.Session, r.Prompt, r.Agent, r.AgentType, r.Client = "", "", "", "", permit.Client{}
		}
		if o := card.Outcome; o != nil && o.Decision != nil {
			decision, outcome := *o.Decision, *o
			decision.Input, decision.Permissions = nil, nil
			if shown.Withheld {
				decision.Says, decision.Message = "", ""
			}
			outcome.Decision, card.Outcome = &decision, &outcome
		}
		row := cardJSON{Card: card, Ways: []permit.Way{}}
		if card.Live() {
			row.Ways, row.Held = append(row.Ways, shown.Ways...), shown.Held
		}
		cards = append(cards, row)
	}
	writeJSON(w, http.StatusOK, cards)
}

// notes is the list of happenings for programs.
func (p *pages) notes(w http.ResponseWriter) {
	board, _ := p.c.board.view()
	notes := []permit.Note{}
	for _, n := range board.notes {
		notes = append(notes, p.c.told(n.note))
	}
	writeJSON(w, http.StatusOK, notes)
}

func writeJSON(w http.ResponseWriter, status int, value any) {
	raw, err := json.Marshal(value)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(raw, '\n'))
}

// answer takes a person's answer to the desk and tells them the verdict.
func (p *pages) answer(w http.ResponseWriter, r *http.Request) {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/x-www-form-urlencoded" {
		http.Error(w, "An answer is a form (application/x-www-form-urlencoded).", http.StatusUnsupportedMediaType)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxForm))
	if tooLong := new(http.MaxBytesError); errors.As(err, &tooLong) {
		http.Error(w, "The answer is too long.", http.StatusRequestEntityTooLarge)
		return
	} else if err != nil {
		http.Error(w, "The answer did not arrive whole.", http.StatusBadRequest)
		return
	}
	answer, err := parseAnswer(string(body))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	answer.Decision.By = Person
	answer.Decision.Channel = p.c.Name()
	answer.Decision.At = p.c.opt.Now()

	verdict := p.c.currentDesk().Answer(r.Context(), answer)
	if verdict.Code == permit.Accepted {
		p.awaitSettled(r.Context(), answer)
	}
	if strings.Contains(r.Header.Get("Accept"), "application/json") {
		writeJSON(w, statusOf(verdict.Code), verdictJSON{verdict.Code, verdict.Text, p.lacking(answer, verdict)})
		return
	}
	told := saying{Text: verdict.Text, Good: verdict.Code == permit.Accepted}
	if d := draftOf(answer, verdict); !told.Good && d.fields != nil {
		if e, ok, _ := p.c.board.find(answer.Request); ok && e.card.Request.Generation == answer.Generation {
			// What was filled in is worth keeping: the card again, with it in its form.
			view := p.c.singleView(e, d)
			if !view.Card.Answer.lacks() {
				view.Said = &told
			}
			p.draw(w, statusOf(verdict.Code), "single", view)
			return
		}
	}
	key := p.c.said.put(told)
	// Relative to the form's page: a proxy may have put us under another path.
	w.Header().Set("Location", "./?said="+url.QueryEscape(key))
	w.WriteHeader(http.StatusSeeOther)
}

// verdictJSON is a verdict for programs.
type verdictJSON struct {
	Code permit.VerdictCode `json:"code"`
	Text string             `json:"text"`
	// Field is what it is about, of the form that was filled in, where that is known.
	Field string `json:"field,omitempty"`
}

// draftOf is an answer that was not taken, to be filled in further.
func draftOf(a permit.Answer, v permit.Verdict) draft {
	d := draft{way: string(a.Decision.Verb), fields: a.Fields, lacks: v.Text}
	if a.Way != "" {
		d.way = wayValue(permit.Way{Name: a.Way, Pick: a.Pick})
	}
	if a.Decision.Message != "" {
		d.fields = map[string][]string{"message": {a.Decision.Message}}
	}
	if v.Code == permit.Incomplete && d.fields == nil {
		d.fields = map[string][]string{} // the form was sent empty
	}
	return d
}

// lacking is the name of the field that an incomplete answer lacks.
func (p *pages) lacking(a permit.Answer, v permit.Verdict) string {
	if e, ok, _ := p.c.board.find(a.Request); ok && v.Code == permit.Incomplete {
		for _, way := range e.preview().Ways {
			for _, f := range way.Form {
				if way.Name == a.Way && way.Pick == a.Pick && lackingIn(v.Text, f) {
					return f.Name
				}
			}
		}
	}
	return ""
}

// wordsOf are the texts among what was filled in.
func wordsOf(fields map[string][]string) []string {
	var words []string
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		for _, value := range fields[name] {
			if _, err := strconv.Atoi(value); err != nil && strings.TrimSpace(value) != "" {
				words = append(words, value)
			}
		}
	}
	return words
}

// statusOf is the HTTP status that tells a program how its answer fared.
func statusOf(code permit.VerdictCode) int {
	switch code {
	case permit.Accepted:
		return http.StatusOK
	case permit.TooLate, permit.NotAsShown:
		return http.StatusConflict
	case permit.Unknown:
		return http.StatusNotFound
	case permit.NotAllowed:
		return http.StatusForbidden
	case permit.Incomplete:
		return http.StatusUnprocessableEntity
	}
	return http.StatusServiceUnavailable
}

// awaitSettled waits until the board shows what became of an accepted answer,
// so that the page that follows does not ask again. The card follows the hook,
// which takes milliseconds; a page that comes too early only looks odd.
func (p *pages) awaitSettled(ctx context.Context, answer permit.Answer) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	for {
		e, ok, change := p.c.board.find(answer.Request)
		if !ok || !e.card.Live() || e.card.Request.Generation != answer.Generation {
			return
		}
		select {
		case <-change:
		case <-p.gate.closing:
			return
		case <-ctx.Done():
			return
		}
	}
}

package broker

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"time"

	"claude-permission-daemon/internal/claude"
	"claude-permission-daemon/internal/permit"
)

// This file has what is asked in the simulated world, how it is answered, and
// what happens in it that is no question.

// resolved is the daemon's own reading of an answer, with everything offered.
func resolved(r permit.Request, a permit.Answer) (permit.Decision, string) {
	return claude.Resolve(r, a, true)
}

// newRequest is one of any kind. Most hold a secret, which the journal masks.
func (w *world) newRequest() permit.Request {
	contracts := []permit.Contract{permit.Parallel, permit.Blocking, permit.Bare, permit.Headless}
	r := permit.Request{Contract: contracts[w.upTo(4)], Tool: "Bash", Input: json.RawMessage(`{"command":"echo ` + fmt.Sprint(w.upTo(2)) + `"}`)}
	switch w.upTo(12) {
	case 7: // with suggestions
		r.Input = json.RawMessage(`{"command":"echo secret"}`)
		r.Suggestions = []json.RawMessage{
			json.RawMessage(`{"type":"addRules","rules":[{"toolName":"Bash","ruleContent":"echo secret"}],"behavior":"allow","destination":"session"}`),
			json.RawMessage(`{"type":"setMode","mode":"acceptEdits","destination":"session"}`),
		}
	case 8:
		r.Tool, r.Input = "AskUserQuestion", json.RawMessage(`{"questions":[{"question":"Which secret?","options":[{"label":"A"},{"label":"secret B"}]}]}`)
	case 9:
		r.Kind, r.Contract, r.Tool = permit.Elicitation, permit.Blocking, "Elicitation"
		r.Input = json.RawMessage(`{"message":"m","requested_schema":{"properties":{"p":{"type":"string","enum":["a","secret b"]}},"required":["p"]}}`)
	case 10:
		r.Kind, r.Contract, r.Tool, r.Input = permit.Finished, permit.Blocking, "Stop", json.RawMessage(`{"last_assistant_message":"Done."}`)
	case 11:
		r.Kind, r.Contract, r.Why = permit.Refused, permit.Blocking, "secret"
	}
	return r
}

// choose makes of a plain yes or no one of the ways that are offered, filled in
// well or badly; now and then one that is not.
func (w *world) choose(a *permit.Answer, shown permit.Request) {
	ways := claude.Ways(shown, true)
	if !w.chance(600) || len(ways) == 0 {
		return
	}
	way := ways[w.upTo(uint32(len(ways)))]
	a.Way, a.Pick, a.Fields = way.Name, way.Pick, make(map[string][]string)
	for _, f := range way.Form {
		values := []string{"0", "1", "secret", "1 secret", ""}
		if f.Value != "" {
			values = append(values, f.Value+" # more")
		}
		a.Fields[f.Name] = []string{values[w.upTo(uint32(len(values)))]}
	}
	if w.chance(100) {
		all := []permit.WayName{permit.WayApprove, permit.WayEdits, permit.WayEdit, permit.WayAlways, permit.WayChoose, permit.WayAnswer, permit.WayRetry, permit.WayCancel}
		a.Way, a.Pick = all[w.upTo(uint32(len(all)))], int(w.upTo(3))
	}
}

// withoutSecrets is a record as the journal takes it.
func withoutSecrets(r permit.Record) permit.Record {
	hide := func(raw json.RawMessage) json.RawMessage {
		return bytes.ReplaceAll(raw, []byte("secret"), []byte("masked"))
	}
	hideAll := func(raws []json.RawMessage) (out []json.RawMessage) {
		for _, raw := range raws {
			out = append(out, hide(raw))
		}
		return out
	}
	if r.Opened != nil {
		opened := *r.Opened
		opened.Input, opened.Suggestions, opened.Why = hide(opened.Input), hideAll(opened.Suggestions), string(hide([]byte(opened.Why)))
		opened.Masked = !reflect.DeepEqual(opened, *r.Opened)
		r.Opened = &opened
	}
	if r.Outcome != nil && r.Outcome.Decision != nil {
		outcome, d := *r.Outcome, *r.Outcome.Decision
		before := goesBack(d)
		d.Message, d.Input, d.Permissions = string(hide([]byte(d.Message))), hide(d.Input), hideAll(d.Permissions)
		d.Masked = d.Verb == permit.Allow && goesBack(d) != before
		outcome.Decision, r.Outcome = &d, &outcome
	}
	return r
}

// simNews is what happened that is no question, and what was told of it.
type simNews struct {
	happened map[string]noteKey    // by the note's id
	told     map[noteKey]time.Time // since the session last went on
	waits    *noteKey              // what was last heard of while the person was not away; nil: nothing
	newest   *permit.Note          // what was told of last
}

func newNews() simNews {
	return simNews{happened: make(map[string]noteKey), told: make(map[noteKey]time.Time)}
}

// forget is the end of a daemon.
func (n *simNews) forget() { n.told, n.waits = make(map[noteKey]time.Time), nil }

// newNote is something that happens, perhaps more than once.
func (w *world) newNote(i uint32) {
	classes := []permit.NoteClass{permit.NoteOther, permit.NoteOther, permit.NoteIdle, permit.NoteFinished, permit.NotePermission, permit.NoteElicitation, permit.NoteRefused}
	n := permit.Note{Class: classes[w.upTo(uint32(len(classes)))], Session: "s", Text: fmt.Sprint("text ", w.upTo(2))}
	for again := range 1 + w.upTo(2) {
		n.ID = fmt.Sprint("note-", i, "-", again)
		w.news.happened[n.ID] = keyOf(n)
		w.later(Happened{Note: n})
	}
}

// keyOf is the happening that a note tells of. That a turn ended and that Claude
// waits since are one.
func keyOf(n permit.Note) noteKey {
	if n.Class == permit.NoteFinished || n.Class == permit.NoteIdle {
		return noteKey{session: n.Session, class: permit.NoteIdle}
	}
	return noteKey{n.Session, n.Class, n.Text}
}

// heard follows what the broker hears, as far as notes hang on it.
func (w *world) heard(e Event) {
	switch e := e.(type) {
	case Seen:
		if e.Signal.Session == "" {
			return
		}
		for _, h := range w.hooks {
			h.evidence = h.evidence || e.Signal.Kind == permit.TurnEnded && h.req.Kind != permit.Finished
		}
		w.news.told = make(map[noteKey]time.Time)
		if e.Signal.Kind != permit.TurnEnded {
			w.news.waits = nil
		}
	case PresenceIs:
		if e.Presence.State == permit.Present { // what comes then is new
			w.news.told = make(map[noteKey]time.Time)
		}
	case Happened:
		key := keyOf(e.Note)
		switch w.news.waits = nil; {
		case wantsPerson(w.broker.notes.waiting[e.Note.Session].Class): // which news does not displace
		case w.known != permit.Away && e.Note.Class == permit.NoteOther: // no card tells of one
			w.news.waits = &key
		}
	}
}

// notified: a note goes to a person who is away, and once.
func (w *world) notified(n permit.Note) {
	key := w.news.happened[n.ID]
	if w.known != permit.Away {
		w.failf("%v is told to somebody who is %s", key, w.known)
	}
	for other, at := range w.news.told { // it is not remembered for ever, by a clock that may jump
		if w.wall().Sub(at) > rememberFor {
			delete(w.news.told, other)
		}
	}
	if _, twice := w.news.told[key]; twice {
		w.failf("%v is told twice", key)
	}
	if w.news.told[key] = w.wall(); w.news.waits != nil && *w.news.waits == key {
		w.news.waits = nil
	}
	w.news.newest = &n
}

// checkNews: who leaves is told what waits, nobody is told what a card asks, and
// a prompt ends the wait for a reply.
func (w *world) checkNews(e Event) {
	newest := w.news.newest
	w.news.newest = nil
	switch e := e.(type) {
	case Happened:
		asks := map[permit.NoteClass]permit.Kind{permit.NotePermission: permit.Permission, permit.NoteElicitation: permit.Elicitation, permit.NoteRefused: permit.Refused}
		for _, r := range w.broker.order {
			if kind, ok := asks[e.Note.Class]; ok && newest != nil && r.Kind == kind && r.phase < deciding {
				w.failf("%v is told, and %s asks the same", keyOf(e.Note), r.ID)
			}
		}
	case PresenceIs:
		if waits := w.news.waits; e.Presence.State == permit.Away && waits != nil {
			if _, before := w.news.told[*waits]; !before {
				w.failf("%v was never told", *waits)
			}
			w.news.waits = nil
		}
	case Seen:
		for _, r := range w.broker.order {
			if e.Signal.Kind == permit.Prompted && r.Kind == permit.Finished && r.phase < deciding {
				w.failf("%s: a reply is waited for though a prompt was typed", r.ID)
			}
		}
	}
}

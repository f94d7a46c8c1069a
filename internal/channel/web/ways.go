package web

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"claude-permission-daemon/internal/permit"
	"claude-permission-daemon/internal/preview"
)

// This file draws the ways in which a request can be answered: as buttons, as
// forms that are open from the start, and as folds with a form in them or with
// what is to be confirmed. All of it are plain forms.

// answerView is how a card is answered, in the order in which it is drawn.
type answerView struct {
	Held, Unoffered string
	Picks           []wayView // one tap each, of several that allow
	Main            *wayView  // the form without which nothing is allowed; open
	Pair            []wayView // one tap each: no, and yes where there is but one
	Folds           []wayView // the others
}

// wayView is one way, as a button or as the form that its button is in.
type wayView struct {
	Card shown
	ID   string // of its element, on the whole page
	Key  string // within the card: "always-0"
	// Name and Value are what the button sends.
	Name, Value string
	Label       string // the button's
	Opener      string // the fold's
	Class       string // "approve", "deny" or "other"
	Confirm     string
	Warning     string
	Fields      []fieldView
	Open        bool
	// Elsewhere is the address of the form where it is too long for the list.
	Elsewhere string
	Lacks     string // why it does not count yet
}

// shown binds an answer to the card as it was shown.
type shown struct {
	Request    string
	Generation int
	Digest     string
}

type fieldView struct {
	ID, Input  string // of the element, and of what it sends
	Draw       string // "choice", "truth", "lines", "number" or "line"
	Label      string
	Help       string
	Required   bool
	Value      string
	Most, Rows int
	Step, Keys string // of a number: its step, and the keyboard for it
	Type       string // of the choices: "radio" or "checkbox"
	Picks      []pickView
	None       bool // no choice is one too
	NonePicked bool
	Other      string // the name of the free words; empty: there are none
	OtherValue string
	Lacks      string // why this does not count yet
}

type pickView struct {
	permit.Option
	ID, Value string
	Picked    bool
}

// draft is an answer that does not count yet: what was filled in is kept.
type draft struct {
	way    string // the button's value: "answer:0", or "deny" for the words with it
	fields map[string][]string
	lacks  string
}

// inlineForm is how many bytes of a form's texts are drawn on the list. A
// longer one has a page of its own, so that the list stays light.
const inlineForm = 16 << 10

// wayValue is what the button of a way sends as "way".
func wayValue(way permit.Way) string { return fmt.Sprintf("%s:%d", way.Name, way.Pick) }

// answerOf sorts the ways by how they are drawn. What is opened and filled in is
// taken from the draft; whole draws every form, however long.
func answerOf(card shown, p preview.Preview, whole bool, d draft) answerView {
	v := answerView{Held: p.Held, Unoffered: p.Unoffered}
	plain := func(way permit.Way) bool { return len(way.Form) == 0 && way.Confirm == "" }
	yes, first := 0, true
	for _, way := range p.Ways {
		if plain(way) && way.Verb == permit.Allow {
			yes++
		}
	}
	var allow []wayView
	for _, way := range p.Ways {
		w := wayViewOf(card, way, whole, d)
		switch {
		case plain(way) && way.Verb == permit.Deny:
			v.Pair = append(v.Pair, w)
		case plain(way) && yes == 1:
			allow = append(allow, w)
		case plain(way):
			v.Picks = append(v.Picks, w)
		case yes == 0 && first && len(way.Form) > 0 && w.Elsewhere == "" && way.Verb == permit.Allow:
			w.Open = true
			v.Main = &w
		default:
			v.Folds = append(v.Folds, w)
		}
		first = first && way.Verb != permit.Allow
	}
	v.Pair = append(v.Pair, allow...)
	return v
}

func wayViewOf(card shown, way permit.Way, whole bool, d draft) wayView {
	label := strings.TrimSuffix(way.Label, "…")
	w := wayView{
		Card: card, Key: fmt.Sprintf("%s-%d", way.Name, way.Pick),
		Name: "way", Value: wayValue(way),
		Label: label, Opener: label + "…", Class: "approve",
		Confirm: way.Confirm, Warning: way.Warning,
	}
	w.ID = idOf(card.Request) + "-" + w.Key
	if way.Verb == permit.Deny {
		w.Class = "deny"
	} else if way.Name == permit.WayAlways {
		w.Class = "other"
	}
	size := 0
	for _, f := range way.Form {
		size += len(f.Value)
	}
	if size > inlineForm && !whole {
		w.Elsewhere = "card?request=" + url.QueryEscape(card.Request) + "&way=" + url.QueryEscape(w.Value) + "#" + w.ID
		return w
	}
	prefix := fieldPrefix
	switch way.Name {
	case permit.WayApprove:
		w.Name, w.Value = "verb", string(permit.Allow)
	case permit.WayDeny:
		w.Name, w.Value = "verb", string(permit.Deny)
	case permit.WayReason: // as in the interface for programs: a denial with a message
		w.Name, w.Value, prefix = "verb", string(permit.Deny), ""
	}
	mine := d.way != "" && d.way == w.Value
	if !mine {
		d = draft{}
	}
	w.Open, w.Lacks = mine, d.lacks
	for _, f := range way.Form {
		field := fieldViewOf(f, prefix, w.ID, d.fields)
		if w.Lacks != "" && lackingIn(w.Lacks, f) {
			field.Lacks, w.Lacks = w.Lacks, ""
		}
		w.Fields = append(w.Fields, field)
	}
	return w
}

// lacks reports whether the answer says by one of its forms why it does not count.
func (v answerView) lacks() bool {
	forms := v.Folds
	if v.Main != nil {
		forms = append([]wayView{*v.Main}, forms...)
	}
	for _, w := range forms {
		if w.Lacks != "" || slices.ContainsFunc(w.Fields, func(f fieldView) bool { return f.Lacks != "" }) {
			return true
		}
	}
	return false
}

// idOf is a name for elements that belong to the request: its id may hold
// anything.
func idOf(request string) string {
	sum := sha256.Sum256([]byte(request))
	return "r" + hex.EncodeToString(sum[:5])
}

// lackingIn reports whether a refusal is about the field: it ends in the
// start of the field's label, in brackets.
func lackingIn(lacks string, f permit.Field) bool {
	label := strings.Join(strings.Fields(f.Label), " ")
	if utf8.RuneCountInString(label) > 60 {
		label = string([]rune(label)[:59]) + "…"
	}
	return label != "" && strings.HasSuffix(lacks, "("+label+").")
}

// fieldViewOf draws a field; filled, where it is not nil, is what a person
// filled into the form before.
func fieldViewOf(f permit.Field, prefix, form string, filled map[string][]string) fieldView {
	v := fieldView{
		ID: form + "-" + elementName(f.Name), Input: prefix + f.Name, Draw: "line",
		Label: f.Label, Help: f.Help, Required: f.Required, Most: f.Most, Value: f.Value,
	}
	values := []string{f.Value}
	if filled != nil {
		values = filled[f.Name]
		v.Value = ""
		if len(values) > 0 {
			v.Value = values[0]
		}
	}
	switch f.Kind {
	case permit.Lines:
		v.Draw = "lines"
		v.Rows = min(max(3, 1+strings.Count(v.Value, "\n")+len(v.Value)/80), 24)
	case permit.Whole:
		v.Draw, v.Step, v.Keys = "number", "1", "numeric"
	case permit.Real:
		v.Draw, v.Step, v.Keys = "number", "any", "decimal"
	case permit.Truth:
		v.Draw, v.Required = "truth", false
	case permit.One, permit.Many:
		v.Draw, v.Type = "choice", "radio"
		if f.Kind == permit.Many {
			v.Type, v.Required = "checkbox", false // required would mean each of them
		}
		picked := false
		for i, o := range f.Options {
			n := strconv.Itoa(i)
			pick := pickView{Option: o, ID: v.ID + "-" + n, Value: n}
			for _, value := range values {
				pick.Picked = pick.Picked || value == n
			}
			picked = picked || pick.Picked
			v.Picks = append(v.Picks, pick)
		}
		if f.Other {
			v.Other = prefix + permit.OtherName(f.Name)
			v.Required = false // words will do too
			if other := filled[permit.OtherName(f.Name)]; len(other) > 0 {
				v.OtherValue = other[0]
			}
		}
		v.None = f.Kind == permit.One && !f.Required && !f.Other
		v.NonePicked = !picked
	}
	return v
}

// elementName is a field's name as a part of an element's id.
func elementName(name string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' {
			return r
		}
		return '-'
	}, name)
}

// toldByForm reports whether the open form says everything that the part says,
// so that the part need not stand above it too. It stays one tap away.
func (v answerView) toldByForm(part preview.Part) bool {
	if v.Main == nil {
		return false
	}
	labels, looks := map[string]bool{}, map[string]bool{}
	for _, f := range v.Main.Fields {
		labels[f.Label] = true
		for _, pick := range f.Picks {
			looks[pick.Look] = true
		}
	}
	if part.Kind == preview.Table {
		for _, row := range part.Rows {
			if !labels[row[0]] {
				return false
			}
		}
		return len(part.Rows) > 0
	}
	if part.Kind == preview.Code {
		return part.Text != "" && looks[part.Text]
	}
	for _, f := range v.Main.Fields {
		if rest, ok := strings.CutPrefix(part.Text, f.Label); ok && f.Label != "" && len(f.Picks) > 0 && f.tells(rest) {
			return true
		}
	}
	return false
}

// tells reports whether the field says what follows its label in a preview:
// its choices.
func (f fieldView) tells(rest string) bool {
	for line := range strings.Lines(rest) {
		line = strings.TrimSuffix(line, "\n")
		known := line == "" || strings.HasPrefix(line, "(several")
		for i, pick := range f.Picks {
			known = known || line == fmt.Sprintf("%d. %s", i+1, pick.Label) || line == fmt.Sprintf("%d. %s — %s", i+1, pick.Label, pick.Help)
		}
		if !known {
			return false
		}
	}
	return true
}

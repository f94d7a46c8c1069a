package claude

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"net/mail"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"claude-permission-daemon/internal/permit"
)

// elicited is the input of a request of the kind Elicitation: what an MCP
// server asks for (its specification, "Elicitation").
type elicited struct {
	Mode   string // "form" or "url"; empty: a form
	Schema schema
}

// UnmarshalJSON implements json.Unmarshaler.
func (e *elicited) UnmarshalJSON(raw []byte) error {
	_, err := read(raw, map[string]any{"mode": &e.Mode, "requested_schema": &e.Schema})
	return err
}

func elicitedOf(r permit.Request) (elicited, bool) {
	var e elicited
	err := json.Unmarshal(r.Input, &e)
	return e, err == nil && (e.Mode == "" || e.Mode == "form" || e.Mode == "url")
}

// gap says why the form cannot be answered here; empty: it can.
func (e elicited) gap() string {
	required := names(e.Schema.Required)
	for _, p := range e.Schema.Properties {
		if p.unread && required[p.Name] && e.Mode != "url" {
			return "Its form has a field that cannot be filled in here (" + shortened(p.Name) + "): answer it in the terminal."
		}
	}
	return ""
}

func names(list []string) map[string]bool {
	set := make(map[string]bool, len(list))
	for _, name := range list {
		set[name] = true
	}
	return set
}

// Untold is what an MCP server's form holds beside the fields that are shown for
// it: the names of those that are left out of an answer since they cannot be
// filled in here, and whether there is anything else.
func Untold(r permit.Request) (left []string, more bool) {
	e, ok := elicitedOf(r)
	if !ok {
		return nil, true
	}
	more = e.Schema.odd || e.Mode == "url" && e.Schema.given
	for _, p := range e.Schema.Properties {
		more = more || p.odd || p.unread || p.field().Value == "" && len(p.Default) > 0 && string(p.Default) != `""`
		if p.unread {
			left = append(left, p.Name)
		}
	}
	return left, more
}

// elicitationWays: what cannot be read as a form cannot be filled in here.
func elicitationWays(r permit.Request) []permit.Way {
	no := []permit.Way{
		{Name: permit.WayDeny, Verb: permit.Deny, Label: "Deny"},
		{Name: permit.WayCancel, Verb: permit.Deny, Label: "Deny and cancel"},
	}
	e, ok := elicitedOf(r)
	if !ok || e.gap() != "" {
		return no
	}
	way := permit.Way{Name: permit.WayAnswer, Verb: permit.Allow, Label: "Answer…"}
	for _, a := range e.asked() {
		way.Form = append(way.Form, a.field)
	}
	switch {
	case e.Mode == "url":
		way.Label = "Answer: done at the address"
		way.Confirm = "Open the address yourself first. This tells the MCP server that you have done there what it asks for."
	case len(way.Form) == 0:
		way.Label = "Answer: yes"
	}
	return append([]permit.Way{way}, no...)
}

// ask is a property and the field to fill it in.
type ask struct {
	property
	field    permit.Field
	required bool
}

// asked are the properties that are asked for here.
func (e elicited) asked() []ask {
	if e.Mode == "url" {
		return nil
	}
	required := names(e.Schema.Required)
	var asked []ask
	for i, p := range e.Schema.Properties {
		if p.unread {
			continue
		}
		f := p.field()
		f.Name, f.Required = fieldName(i), required[p.Name]
		switch {
		case p.Type == "boolean" && f.Kind == permit.Truth: // unticked is an answer
			f.Required = false
		case p.Type == "array": // and so may be none of them
			f.Required = f.Required && p.MinItems != nil && *p.MinItems > 0
		}
		asked = append(asked, ask{p, f, required[p.Name]})
	}
	return asked
}

// field is how the property is filled in.
func (p property) field() permit.Field {
	f := permit.Field{Label: p.Title, Help: p.help(), Kind: permit.Line}
	if f.Label == "" {
		f.Label = p.Name
	}
	values, names := p.choices()
	for i, name := range names {
		o := permit.Option{Label: name}
		if sent := plainText(values[i]); sent != name {
			o.Help = "sent as " + sent
		}
		f.Options = append(f.Options, o)
	}
	first := json.RawMessage(bytes.TrimSpace(p.Default))
	switch {
	case p.Type == "array":
		f.Kind = permit.Many
	case len(values) > 0:
		f.Kind = permit.One
		if n := slices.IndexFunc(values, func(v json.RawMessage) bool { return len(first) > 0 && bytes.Equal(v, first) }); n >= 0 {
			f.Value = strconv.Itoa(n)
		}
	case p.Type == "boolean":
		f.Kind = permit.Truth
		if said := string(first); said == "true" || said == "false" {
			f.Value = said
		}
	case p.Type == "integer":
		f.Kind, f.Value = permit.Whole, p.firstNumber(first)
	case p.Type == "number":
		f.Kind, f.Value = permit.Real, p.firstNumber(first)
	default:
		if p.MaxLength != nil {
			f.Most = *p.MaxLength
		}
		if json.Unmarshal(first, &f.Value) != nil || f.Most > 0 && utf8.RuneCountInString(f.Value) > f.Most {
			f.Value = ""
		}
		if strings.Contains(f.Value, "\n") { // a line would lose its end
			f.Kind = permit.Lines
		}
	}
	return f
}

func (p property) firstNumber(first json.RawMessage) string {
	n, why := p.number(string(first))
	if why != "" {
		return ""
	}
	return string(n)
}

// help is what there is to know of a field beside its label.
func (p property) help() string {
	var limits []string
	limit := func(format string, n *int) {
		if n != nil {
			limits = append(limits, fmt.Sprintf(format, *n))
		}
	}
	bound := func(format string, n *float64) {
		if n != nil {
			limits = append(limits, fmt.Sprintf(format, *n))
		}
	}
	bound("at least %v", p.Minimum)
	bound("at most %v", p.Maximum)
	limit("at least %d characters", p.MinLength)
	limit("at most %d characters", p.MaxLength)
	limit("at least %d of them", p.MinItems)
	limit("at most %d of them", p.MaxItems)
	if p.Format != "" {
		limits = append(limits, "of the form "+p.Format)
	}
	if p.Title != "" && !strings.EqualFold(p.Title, p.Name) {
		limits = append(limits, "sent as "+p.Name)
	}
	said := strings.Join(limits, "; ")
	switch {
	case p.Description == "":
		return said
	case said == "":
		return p.Description
	}
	return p.Description + " (" + said + ")"
}

// answerElicitation gives the content for the MCP server; none for an address,
// where the server has it from there.
func answerElicitation(r permit.Request, fields map[string][]string) (content json.RawMessage, lacks string) {
	e, ok := elicitedOf(r)
	if !ok {
		return nil, "It does not count: the form cannot be read."
	}
	if e.Mode == "url" {
		return nil, ""
	}
	values := make(map[string]any)
	for _, a := range e.asked() {
		said, lacks := filled(a.field, fields)
		if lacks != "" {
			return nil, lacks
		}
		value, why := a.value(said)
		if why != "" {
			return nil, fmt.Sprintf("It does not count yet: %s (%s).", why, shortened(a.field.Label))
		}
		if value != nil {
			values[a.Name] = value
		}
	}
	content, err := json.Marshal(values)
	if err != nil {
		return nil, "It does not count: the form cannot be sent."
	}
	return content, ""
}

// value is what was filled in, as the property's type; nil: it was left empty.
// why says what it breaks.
func (a ask) value(said filling) (value any, why string) {
	values, _ := a.choices()
	switch a.field.Kind {
	case permit.Many:
		return a.several(values, said)
	case permit.One:
		if len(said.picks) == 0 {
			return nil, ""
		}
		return values[said.picks[0]], ""
	case permit.Truth:
		return said.free == "true", ""
	}
	switch length := utf8.RuneCountInString(said.free); {
	case length == 0:
		return nil, ""
	case a.field.Kind == permit.Whole || a.field.Kind == permit.Real:
		n, why := a.number(said.free)
		return n, why
	case a.MinLength != nil && length < *a.MinLength:
		return nil, fmt.Sprintf("at least %d characters", *a.MinLength)
	case a.MaxLength != nil && length > *a.MaxLength:
		return nil, fmt.Sprintf("at most %d characters", *a.MaxLength)
	case !formatted(a.Format, said.free):
		return nil, "this is to be of the form " + a.Format
	}
	return said.free, ""
}

// several are the values chosen for an array. None of them is an answer only
// where one is asked for.
func (a ask) several(values []json.RawMessage, said filling) (value any, why string) {
	chosen := make([]json.RawMessage, len(said.picks))
	for i, n := range said.picks {
		chosen[i] = values[n]
	}
	switch {
	case len(chosen) == 0 && !a.required:
		return nil, ""
	case a.MinItems != nil && len(chosen) < *a.MinItems:
		return nil, fmt.Sprintf("at least %d", *a.MinItems)
	case a.MaxItems != nil && len(chosen) > *a.MaxItems:
		return nil, fmt.Sprintf("at most %d", *a.MaxItems)
	}
	return chosen, ""
}

// number is a number as JSON has it, within the property's bounds.
func (p property) number(said string) (n json.RawMessage, why string) {
	value, err := strconv.ParseFloat(said, 64)
	whole := value == math.Trunc(value)
	switch {
	case err != nil || strings.Trim(said, "+-.0123456789eE") != "":
		return nil, "this is to be a number"
	case p.Type == "integer" && !whole:
		return nil, "this is to be a whole number"
	case p.Minimum != nil && value < *p.Minimum:
		return nil, fmt.Sprintf("at least %v", *p.Minimum)
	case p.Maximum != nil && value > *p.Maximum:
		return nil, fmt.Sprintf("at most %v", *p.Maximum)
	case p.Type == "integer" && strings.ContainsAny(said, ".eE"), !json.Valid([]byte(said)): // 3.0, 1e3, +5, .5
		return json.RawMessage(strconv.FormatFloat(value, 'f', -1, 64)), ""
	}
	return json.RawMessage(said), ""
}

// formatted checks the formats that elicitations may name. One that is not
// known is the server's to check, and so is a pattern.
func formatted(format, s string) bool {
	var err error
	switch format {
	case "email":
		_, err = mail.ParseAddress(s)
	case "uri":
		var u *url.URL
		if u, err = url.Parse(s); err == nil && u.Scheme == "" {
			return false
		}
	case "date":
		_, err = time.Parse(time.DateOnly, s)
	case "date-time":
		_, err = time.Parse(time.RFC3339, s)
	}
	return err == nil
}

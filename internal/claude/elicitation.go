package claude

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/mail"
	"net/url"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"claude-permission-daemon/internal/permit"
)

// elicited is the input of a request of the kind Elicitation: what an MCP
// server asks for (its specification, "Elicitation").
type elicited struct {
	Server  string `json:"mcp_server_name"`
	Message string `json:"message"`
	Mode    string `json:"mode,omitempty"` // "form" or "url"
	URL     string `json:"url,omitempty"`
	Schema  schema `json:"requested_schema,omitzero"`
}

// schema is the part of JSON Schema that an elicitation may use: a flat object.
type schema struct {
	Properties properties `json:"properties"`
	Required   []string   `json:"required"`
}

// properties keep the order in which the server listed them.
type properties []property

type property struct {
	Name string `json:"-"`

	Type        string          `json:"type"`
	Title       string          `json:"title"`
	Description string          `json:"description"`
	Default     json.RawMessage `json:"default"`
	Enum        []string        `json:"enum"`
	EnumNames   []string        `json:"enumNames"`
	OneOf       []titled        `json:"oneOf"`
	Items       struct {
		Enum  []string `json:"enum"`
		AnyOf []titled `json:"anyOf"`
	} `json:"items"`
	MinItems  *int     `json:"minItems"`
	MaxItems  *int     `json:"maxItems"`
	Minimum   *float64 `json:"minimum"`
	Maximum   *float64 `json:"maximum"`
	MinLength *int     `json:"minLength"`
	MaxLength *int     `json:"maxLength"`
	Format    string   `json:"format"`
	Pattern   string   `json:"pattern"`
}

// titled is a choice with a name for people.
type titled struct {
	Const string `json:"const"`
	Title string `json:"title"`
}

// UnmarshalJSON implements json.Unmarshaler.
func (p *properties) UnmarshalJSON(raw []byte) error {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	if open, err := decoder.Token(); err != nil || open != json.Delim('{') {
		return fmt.Errorf("cannot read the form: its properties are no object")
	}
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			return err
		}
		one := property{Name: fmt.Sprint(name)}
		if err := decoder.Decode(&one); err != nil {
			return err
		}
		*p = append(*p, one)
	}
	return nil
}

// choices are the values a property is limited to, and their names for people.
func (p property) choices() (values, names []string) {
	named := p.OneOf
	switch {
	case p.Type == "array" && len(p.Items.AnyOf) > 0:
		named = p.Items.AnyOf
	case p.Type == "array":
		return p.Items.Enum, p.Items.Enum
	case len(p.Enum) > 0 && len(p.EnumNames) == len(p.Enum):
		return p.Enum, p.EnumNames
	case len(p.Enum) > 0:
		return p.Enum, p.Enum
	}
	for _, t := range named {
		values, names = append(values, t.Const), append(names, t.Title)
		if t.Title == "" {
			names[len(names)-1] = t.Const
		}
	}
	return values, names
}

func elicitedOf(r permit.Request) (elicited, bool) {
	var e elicited
	err := json.Unmarshal(r.Input, &e)
	return e, err == nil
}

// elicitationWays: what cannot be read as a form cannot be filled in here.
func elicitationWays(r permit.Request) []permit.Way {
	no := []permit.Way{
		{Name: permit.WayDeny, Verb: permit.Deny, Label: "Deny"},
		{Name: permit.WayCancel, Verb: permit.Deny, Label: "Deny and cancel"},
	}
	e, ok := elicitedOf(r)
	if !ok {
		return no
	}
	way := permit.Way{Name: permit.WayAnswer, Verb: permit.Allow, Label: "Answer…", Form: elicitationForm(e)}
	switch {
	case e.Mode == "url":
		way.Label, way.Form = "Answer: done at the address", nil
		way.Confirm = "Open the address yourself first. This tells the MCP server that you have done there what it asks for."
	case len(way.Form) == 0:
		way.Label = "Answer: yes"
	}
	return append([]permit.Way{way}, no...)
}

func elicitationForm(e elicited) []permit.Field {
	var form []permit.Field
	for i, p := range e.Schema.Properties {
		f := permit.Field{Name: fieldName(i), Label: p.Title, Help: p.Description,
			Kind: permit.Line, Required: slices.Contains(e.Schema.Required, p.Name)}
		if f.Label == "" {
			f.Label = p.Name
		}
		if p.MaxLength != nil {
			f.Most = *p.MaxLength
		}
		values, names := p.choices()
		for _, name := range names {
			f.Options = append(f.Options, permit.Option{Label: name})
		}
		_ = json.Unmarshal(p.Default, &f.Value) // only a text is one as it is
		switch {
		case p.Type == "array":
			f.Kind, f.Value = permit.Many, ""
		case len(values) > 0:
			f.Kind = permit.One
			if n := slices.Index(values, f.Value); n >= 0 {
				f.Value = strconv.Itoa(n)
			} else {
				f.Value = ""
			}
		case p.Type == "boolean":
			f.Kind, f.Value = permit.Truth, string(p.Default)
			f.Required = false // unticked is an answer
		case p.Type == "integer":
			f.Kind, f.Value = permit.Whole, string(p.Default)
		case p.Type == "number":
			f.Kind, f.Value = permit.Real, string(p.Default)
		}
		form = append(form, f)
	}
	return form
}

// answerElicitation gives the content for the MCP server, and lists what it is.
func answerElicitation(r permit.Request, fields map[string][]string) (content json.RawMessage, lacks string) {
	e, ok := elicitedOf(r)
	if !ok {
		return nil, "It does not count: the form cannot be read."
	}
	values := make(map[string]any)
	for i, f := range elicitationForm(e) {
		p := e.Schema.Properties[i]
		words, lacks := filled(f, fields)
		if lacks != "" {
			return nil, lacks
		}
		if p.Type == "boolean" {
			values[p.Name] = len(words) == 1 && words[0] == "true"
			continue
		}
		if len(words) == 0 && (p.Type != "array" || !f.Required) {
			continue
		}
		value, why := p.value(words)
		if why != "" {
			return nil, fmt.Sprintf("It does not count yet: %s (%s).", why, shortened(f.Label))
		}
		values[p.Name] = value
	}
	content, err := json.Marshal(values)
	if err != nil {
		return nil, "It does not count: the form cannot be sent."
	}
	return content, ""
}

// value is what was filled in, as the property's type; why says what it breaks.
func (p property) value(words []string) (value any, why string) {
	values, names := p.choices()
	chosen := make([]string, len(words))
	for i, word := range words {
		chosen[i] = word
		if n := slices.Index(names, word); n >= 0 {
			chosen[i] = values[n]
		}
	}
	if p.Type == "array" {
		switch {
		case p.MinItems != nil && len(chosen) < *p.MinItems:
			return nil, fmt.Sprintf("at least %d", *p.MinItems)
		case p.MaxItems != nil && len(chosen) > *p.MaxItems:
			return nil, fmt.Sprintf("at most %d", *p.MaxItems)
		}
		return chosen, ""
	}
	said := chosen[0]
	switch p.Type {
	case "integer", "number":
		n, err := strconv.ParseFloat(said, 64)
		_, whole := strconv.ParseInt(said, 10, 64)
		switch {
		case err != nil || p.Type == "integer" && whole != nil:
			return nil, "this is to be a number"
		case p.Minimum != nil && n < *p.Minimum:
			return nil, fmt.Sprintf("at least %v", *p.Minimum)
		case p.Maximum != nil && n > *p.Maximum:
			return nil, fmt.Sprintf("at most %v", *p.Maximum)
		}
		return json.Number(said), ""
	}
	length := utf8.RuneCountInString(said)
	switch {
	case p.MinLength != nil && length < *p.MinLength:
		return nil, fmt.Sprintf("at least %d characters", *p.MinLength)
	case p.MaxLength != nil && length > *p.MaxLength:
		return nil, fmt.Sprintf("at most %d characters", *p.MaxLength)
	case !formatted(p.Format, said):
		return nil, "this is to be of the form " + p.Format
	}
	return said, ""
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

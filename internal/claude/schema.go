package claude

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
)

// This file reads the forms that MCP servers ask for: the JSON Schema that an
// elicitation may use. elicitation.go says how such a form is answered.

// schema is the part of JSON Schema that an elicitation may use: a flat object.
type schema struct {
	Properties properties
	Required   []string
	given      bool // there is one
	odd        bool // it has more than this program knows
}

// properties keep the order in which the server listed them.
type properties []property

type property struct {
	Name string

	Type        string
	Title       string
	Description string
	Default     json.RawMessage
	Enum        []json.RawMessage
	EnumNames   []string
	OneOf       []titled
	Items       items
	MinItems    *int
	MaxItems    *int
	Minimum     *float64
	Maximum     *float64
	MinLength   *int
	MaxLength   *int
	Format      string

	unread bool // nobody can fill it in here
	odd    bool // it has more than this program knows
}

// items are what an array may hold.
type items struct {
	Enum  []json.RawMessage
	Named []titled
}

// titled is a choice with a name for people.
type titled struct {
	Const json.RawMessage
	Title string
}

// UnmarshalJSON implements json.Unmarshaler.
func (s *schema) UnmarshalJSON(raw []byte) error {
	if string(raw) == "null" {
		return nil
	}
	kind := "object"
	others, err := read(raw, map[string]any{"type": &kind, "properties": &s.Properties, "required": &s.Required})
	if err == nil && kind != "object" {
		return fmt.Errorf("cannot read the form: its type is %q", kind)
	}
	s.given, s.odd = true, len(others) > 0
	return err
}

// UnmarshalJSON implements json.Unmarshaler. A property that cannot be read
// leaves the others readable. Of two with one name the last counts.
func (p *properties) UnmarshalJSON(raw []byte) error {
	if string(raw) == "null" {
		return nil
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	if open, err := decoder.Token(); err != nil || open != json.Delim('{') {
		return fmt.Errorf("cannot read the form: its properties are no object")
	}
	at := make(map[string]int)
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			return err
		}
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return err
		}
		one := propertyOf(fmt.Sprint(name), value)
		if i, twice := at[one.Name]; twice {
			(*p)[i] = one
			continue
		}
		at[one.Name] = len(*p)
		*p = append(*p, one)
	}
	return nil
}

func propertyOf(name string, raw json.RawMessage) property {
	p := property{Name: name}
	others, err := read(raw, map[string]any{"type": &p.Type, "title": &p.Title, "description": &p.Description, "default": &p.Default,
		"enum": &p.Enum, "enumNames": &p.EnumNames, "oneOf": &p.OneOf, "items": &p.Items, "minItems": &p.MinItems, "maxItems": &p.MaxItems,
		"minimum": &p.Minimum, "maximum": &p.Maximum, "minLength": &p.MinLength, "maxLength": &p.MaxLength, "format": &p.Format})
	p.odd = len(others) > 0
	p.unread = err != nil || !p.fillable()
	return p
}

// UnmarshalJSON implements json.Unmarshaler.
func (i *items) UnmarshalJSON(raw []byte) error {
	kind := "string"
	others, err := read(raw, map[string]any{"type": &kind, "enum": &i.Enum, "anyOf": &i.Named})
	if err == nil && len(others) > 0 {
		return fmt.Errorf("cannot read what the array holds")
	}
	return err
}

// UnmarshalJSON implements json.Unmarshaler.
func (t *titled) UnmarshalJSON(raw []byte) error {
	others, err := read(raw, map[string]any{"const": &t.Const, "title": &t.Title})
	if err == nil && len(others) > 0 {
		return fmt.Errorf("cannot read the choice")
	}
	return err
}

// fillable reports whether there is a field for the property: a text, a number,
// a yes or no, one of some values, or some of them.
func (p property) fillable() bool {
	values, _ := p.choices()
	if slices.ContainsFunc(values, func(v json.RawMessage) bool { return len(v) == 0 || v[0] == '{' || v[0] == '[' }) {
		return false
	}
	switch p.Type {
	case "string", "number", "integer", "boolean":
		return true
	}
	return len(values) > 0 && (p.Type == "array" || p.Type == "")
}

// choices are the values a property is limited to, and their names for people.
func (p property) choices() (values []json.RawMessage, names []string) {
	enum, named, given := p.Enum, p.OneOf, p.EnumNames
	if p.Type == "array" {
		enum, named, given = p.Items.Enum, p.Items.Named, nil
	}
	for i, value := range enum {
		name := plainText(value)
		if len(given) == len(enum) {
			name = given[i]
		}
		values, names = append(values, value), append(names, name)
	}
	if len(enum) > 0 {
		return values, names
	}
	for _, t := range named {
		name := t.Title
		if name == "" {
			name = plainText(t.Const)
		}
		values, names = append(values, t.Const), append(names, name)
	}
	return values, names
}

// plainText is a string's content, and any other value as it is written.
func plainText(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) == nil && string(raw) != "null" {
		return s
	}
	return string(raw)
}

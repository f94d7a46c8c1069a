package preview

import (
	"bytes"
	"encoding/json"
)

// object is a JSON object, its members in the order in which they came. Names
// count as they are written, unlike with encoding/json's structs: Claude Code
// tells "label" and "Label" apart, and so must what shows it. Taking a member
// marks it as shown; what is left over is shown by itself.
type object []member

type member struct {
	name  string
	value json.RawMessage
	used  bool
}

// parseObject reads raw; false if it is no object.
func parseObject(raw json.RawMessage) (object, bool) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return nil, false
	}
	var o object
	for dec.More() {
		t, err := dec.Token()
		name, ok := t.(string)
		if err != nil || !ok {
			return nil, false
		}
		m := member{name: name}
		if err := dec.Decode(&m.value); err != nil {
			return nil, false
		}
		o = append(o, m)
	}
	if _, err := dec.Token(); err != nil || dec.More() {
		return nil, false
	}
	return o, true
}

// find is the member called name. Where the name stands twice, the last
// counts, as it does for Claude Code, and the others are left over.
func (o object) find(name string) *member {
	for i := len(o) - 1; i >= 0; i-- {
		if o[i].name == name {
			return &o[i]
		}
	}
	return nil
}

// has takes the string called name.
func (o object) has(name string) (string, bool) {
	s, ok := o.peek(name)
	if ok {
		o.find(name).used = true
	}
	return s, ok
}

// peek is the string called name, which stays.
func (o object) peek(name string) (s string, ok bool) {
	m := o.find(name)
	if m == nil || !bytes.HasPrefix(m.value, []byte(`"`)) {
		return "", false // missing, or of another type and left over
	}
	return s, json.Unmarshal(m.value, &s) == nil
}

// text takes the string called name; "" if there is none.
func (o object) text(name string) string {
	s, _ := o.has(name)
	return s
}

// is takes the boolean called name.
func (o object) is(name string) bool {
	var b bool
	o.value(name, &b)
	return b
}

// value takes the member called name into v, a pointer to a plain type.
func (o object) value(name string, v any) bool {
	m := o.find(name)
	if m == nil || json.Unmarshal(m.value, v) != nil {
		return false
	}
	m.used = true
	return true
}

// list takes the array of objects called name. done is called when all of
// them were read: if any has members left over, the whole array counts as left
// over.
func (o object) list(name string) (items []object, done func()) {
	m := o.find(name)
	var raws []json.RawMessage
	if m == nil || json.Unmarshal(m.value, &raws) != nil {
		return nil, func() {}
	}
	for _, raw := range raws {
		item, ok := parseObject(raw)
		if !ok {
			return nil, func() {}
		}
		items = append(items, item)
	}
	return items, func() {
		m.used = true
		for _, item := range items {
			m.used = m.used && item.spent()
		}
	}
}

// spent reports whether every member was taken.
func (o object) spent() bool {
	for _, m := range o {
		if !m.used {
			return false
		}
	}
	return true
}

// plainJSON is a string's content, and any other value as indented JSON.
func plainJSON(raw json.RawMessage) string {
	var s string
	if bytes.HasPrefix(raw, []byte(`"`)) && json.Unmarshal(raw, &s) == nil {
		return s
	}
	return indented(raw)
}

func indented(raw json.RawMessage) string {
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, raw, "", "  "); err != nil {
		return string(raw) // not JSON: as it is
	}
	return pretty.String()
}

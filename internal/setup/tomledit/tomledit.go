// Package tomledit changes single values in the text of a TOML file and leaves
// every other byte as it is: comments, order, indentation, line ends.
//
// It reads no more of TOML than where a key and its value stand. What it made
// is read again by a real decoder and compared with what was wanted, so that a
// file which it does not understand is refused and never damaged.
package tomledit

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
)

// Edit is one change of table.key. Tables within tables are not needed, and not
// known.
type Edit struct {
	Table, Key string
	// Value is what the key shall be: a string, a bool, or []string. Nil takes
	// the key away.
	Value any
	// Comment leaves a key that is taken away in the file, as a comment.
	Comment bool
}

// Apply makes the edits in order. An edit that changes nothing touches nothing.
// The error says which key could not be changed, and quotes nothing of the file.
func Apply(text string, edits ...Edit) (string, error) {
	for _, e := range edits {
		want, err := decode(text)
		if err != nil {
			return "", fmt.Errorf("cannot read the file as TOML: %w", err)
		}
		if !wish(want, e) {
			continue
		}
		edited := apply(text, e)
		if got, err := decode(edited); err != nil || !reflect.DeepEqual(got, want) {
			return "", fmt.Errorf("cannot change %s.%s in this file without touching more of it: do it by hand", e.Table, e.Key)
		}
		text = edited
	}
	return text, nil
}

func decode(text string) (map[string]any, error) {
	var all map[string]any
	if _, err := toml.Decode(text, &all); err != nil {
		if parse, ok := errors.AsType[toml.ParseError](err); ok { // the line, and not what stands there
			return nil, fmt.Errorf("line %d is wrong", parse.Position.Line)
		}
		return nil, err
	}
	if all == nil {
		all = make(map[string]any)
	}
	return all, nil
}

// wish changes what was decoded as the edit wants it, and reports whether that
// is any different.
func wish(all map[string]any, e Edit) bool {
	table, ok := all[e.Table].(map[string]any)
	if e.Value == nil {
		if _, there := table[e.Key]; !there {
			return false
		}
		delete(table, e.Key)
		return true
	}
	value := e.Value
	if list, ok := value.([]string); ok {
		loose := make([]any, len(list))
		for i, v := range list {
			loose[i] = v
		}
		value = loose
	}
	if reflect.DeepEqual(table[e.Key], value) {
		return false
	}
	if !ok {
		table = make(map[string]any)
		all[e.Table] = table
	}
	table[e.Key] = value
	return true
}

func apply(text string, e Edit) string {
	s := scan(text)
	if i := s.find(e.Table, e.Key); i >= 0 {
		at := s.entries[i]
		switch {
		case e.Value != nil:
			return text[:at.value] + encode(e.Value) + text[at.end:]
		case e.Comment:
			return text[:at.line] + commented(text[at.line:at.next]) + text[at.next:]
		}
		return text[:at.line] + text[at.next:]
	}
	return s.insert(e)
}

// commented puts a # before every line.
func commented(lines string) string {
	var b strings.Builder
	for line := range strings.Lines(lines) {
		b.WriteString("# " + line)
	}
	return b.String()
}

// insert adds a key where its table is, or the table with it.
func (s *scanned) insert(e Edit) string {
	line := func(indent, key string) string { return indent + key + " = " + encode(e.Value) + s.newline }
	// After the last key of the table's own section, or of the keys that are
	// written as table.key.
	at, made := -1, ""
	for _, h := range s.headers {
		if !h.array && slices.Equal(h.path, []string{e.Table}) {
			at, made = h.next, line(h.indent, e.Key)
		}
	}
	for _, k := range s.entries {
		switch {
		case len(k.path) != 2 || k.path[0] != e.Table || k.array:
		case k.dotted && at < 0 || !k.dotted:
			at, made = k.next, line(k.indent, e.Key)
			if k.dotted {
				made = line(k.indent, e.Table+"."+e.Key)
			}
		}
	}
	if at < 0 {
		at, made = len(s.text), "["+e.Table+"]"+s.newline+line("", e.Key)
		if strings.TrimSpace(strings.TrimPrefix(s.text, "\ufeff")) != "" {
			made = s.newline + made
		}
	}
	if at > 0 && s.text[at-1] != '\n' && s.text != "\ufeff" { // the last line has no end
		made = s.newline + made
	}
	return s.text[:at] + made + s.text[at:]
}

// encode writes a value as TOML has it.
func encode(value any) string {
	switch v := value.(type) {
	case bool:
		return fmt.Sprint(v)
	case []string:
		items := make([]string, len(v))
		for i, item := range v {
			items[i] = encode(item)
		}
		return "[" + strings.Join(items, ", ") + "]"
	}
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range fmt.Sprint(value) {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(&b, `\u%04X`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

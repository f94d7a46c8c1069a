package settings

import (
	"encoding/json"
	"fmt"
	"unicode/utf8"

	"claude-permission-daemon/internal/jsontext"
)

// This file reads JSON and keeps of each value where in the text it stands.
// encoding/json would say what a text means and forget
// how it is written, and how it is written belongs to somebody else.

// SyntaxError is what is wrong with a settings file, and where.
type SyntaxError struct {
	Line, Column int // from 1; a column is a character
	Reason       string
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("line %d, column %d: %s", e.Line, e.Column, e.Reason)
}

// node is one value of a JSON text: text[from:to].
type node struct {
	kind     byte // its first byte: { [ " t f n, or 0 for a number
	from, to int
	items    []node   // of an array, or the values of an object
	keys     []string // of an object, unescaped; beside items
	starts   []int    // where each element begins: a key, or an array's item
}

// empty reports whether there is nothing in a value where entries could be.
func (n *node) empty() bool { return n.kind == 'n' || len(n.items) == 0 }

// member is the value that a key has in an object; nil: none. Of a key that
// comes twice the last counts, as for Claude Code.
func (n *node) member(key string) *node {
	if n == nil || n.kind != '{' {
		return nil
	}
	for i := len(n.keys) - 1; i >= 0; i-- {
		if n.keys[i] == key {
			return &n.items[i]
		}
	}
	return nil
}

// str is the text of a string; empty for everything else.
func (n *node) str(text []byte) string {
	var s string
	if n == nil || n.kind != '"' || json.Unmarshal(text[n.from:n.to], &s) != nil {
		return ""
	}
	return s
}

const bom = "\ufeff"

// parse reads a settings file: an object, after a byte order mark perhaps. A
// text with nothing but white space gives nil: Claude Code takes it for {}.
func parse(text []byte) (*node, error) {
	s := scanner{Scanner: jsontext.Scanner{Text: text}}
	if len(text) >= len(bom) && string(text[:len(bom)]) == bom {
		s.At = len(bom)
	}
	s.Space()
	if s.At == len(text) {
		return nil, nil
	}
	root, err := s.value()
	if err != nil {
		return nil, err
	}
	if root.kind != '{' {
		return nil, wrong(text, root.from, "settings are an object, and this is something else")
	}
	s.Space()
	if s.At != len(text) {
		return nil, s.unexpected("the end of the file")
	}
	return &root, nil
}

// wrong says that something is amiss at a place.
func wrong(text []byte, at int, reason string) *SyntaxError {
	e := &SyntaxError{Line: 1, Column: 1, Reason: reason}
	start := 0
	for i, b := range text[:at] {
		if b == '\n' {
			e.Line++
			start = i + 1
		}
	}
	line := text[start:at]
	if start == 0 && len(line) >= len(bom) && string(line[:len(bom)]) == bom {
		line = line[len(bom):]
	}
	e.Column += utf8.RuneCount(line)
	return e
}

// scanner builds the tree.
type scanner struct {
	jsontext.Scanner
	depth int
}

func (s *scanner) unexpected(wanted string) error {
	switch b := s.Peek(); {
	case s.At >= len(s.Text):
		return wrong(s.Text, s.At, "the file ends where "+wanted+" should be")
	case wanted == jsontext.EndOfString:
		return wrong(s.Text, s.At, fmt.Sprintf("%q within a string", rune(b)))
	case b == '/' || b == '#':
		return wrong(s.Text, s.At, "a comment, or what looks like one: Claude Code takes plain JSON only")
	default:
		r, _ := utf8.DecodeRune(s.Text[s.At:])
		return wrong(s.Text, s.At, fmt.Sprintf("%q where %s should be", r, wanted))
	}
}

func (s *scanner) value() (n node, err error) {
	n = node{kind: s.Peek(), from: s.At}
	if n.kind == '{' || n.kind == '[' {
		err = s.container(&n)
	} else if wanted := s.Scalar(); wanted != "" {
		err = s.unexpected(wanted)
	}
	if n.kind == '-' || '0' <= n.kind && n.kind <= '9' {
		n.kind = 0
	}
	n.to = s.At
	return n, err
}

// container reads an object or an array.
func (s *scanner) container(n *node) error {
	closing := n.kind + 2 // } and ] stand so in ASCII
	if s.depth++; s.depth > jsontext.MaxDepth {
		return wrong(s.Text, s.At, "nested too deep")
	}
	s.At++
	s.Space()
	if s.Peek() == closing {
		s.At++
		s.depth--
		return nil
	}
	for {
		s.Space()
		start := s.At
		if n.kind == '{' {
			key, err := s.key()
			if err != nil {
				return err
			}
			n.keys = append(n.keys, key)
		}
		item, err := s.value()
		if err != nil {
			return err
		}
		n.items, n.starts = append(n.items, item), append(n.starts, start)
		s.Space()
		switch s.Peek() {
		case ',':
			s.At++
		case closing:
			s.At++
			s.depth--
			return nil
		default:
			return s.unexpected(fmt.Sprintf("a comma or %q", closing))
		}
	}
}

// key reads a key up to where its value begins.
func (s *scanner) key() (string, error) {
	if s.Peek() != '"' {
		return "", s.unexpected("a key in quotes")
	}
	from := s.At
	if wanted := s.String(); wanted != "" {
		return "", s.unexpected(wanted)
	}
	var key string
	if err := json.Unmarshal(s.Text[from:s.At], &key); err != nil {
		return "", wrong(s.Text, from, err.Error())
	}
	s.Space()
	if s.Peek() != ':' {
		return "", s.unexpected("a colon")
	}
	s.At++
	s.Space()
	return key, nil
}

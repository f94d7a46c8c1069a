package settings

import (
	"encoding/json"
	"fmt"
	"unicode/utf8"
)

// This file reads JSON by its grammar (RFC 8259), and keeps of each value where
// in the text it stands. encoding/json would say what a text means and forget
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

// maxDepth is how deep values may nest: encoding/json's limit.
const maxDepth = 10000

// parse reads a settings file: an object, after a byte order mark perhaps. A
// text with nothing but white space gives nil: Claude Code takes it for {}.
func parse(text []byte) (*node, error) {
	s := scanner{text: text}
	if len(text) >= len(bom) && string(text[:len(bom)]) == bom {
		s.at = len(bom)
	}
	s.space()
	if s.at == len(text) {
		return nil, nil
	}
	root, err := s.value()
	if err != nil {
		return nil, err
	}
	if root.kind != '{' {
		return nil, wrong(text, root.from, "settings are an object, and this is something else")
	}
	s.space()
	if s.at != len(text) {
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

type scanner struct {
	text  []byte
	at    int
	depth int
}

func (s *scanner) unexpected(wanted string) error {
	switch b := s.peek(); {
	case s.at >= len(s.text):
		return wrong(s.text, s.at, "the file ends where "+wanted+" should be")
	case b == '/' || b == '#':
		return wrong(s.text, s.at, "a comment, or what looks like one: Claude Code takes plain JSON only")
	default:
		r, _ := utf8.DecodeRune(s.text[s.at:])
		return wrong(s.text, s.at, fmt.Sprintf("%q where %s should be", r, wanted))
	}
}

// peek is the next byte; 0, which no JSON holds outside a string, at the end.
func (s *scanner) peek() byte {
	if s.at < len(s.text) {
		return s.text[s.at]
	}
	return 0
}

func (s *scanner) space() {
	for s.at < len(s.text) {
		switch s.text[s.at] {
		case ' ', '\t', '\n', '\r':
			s.at++
		default:
			return
		}
	}
}

func (s *scanner) value() (n node, err error) {
	n = node{kind: s.peek(), from: s.at}
	switch b := n.kind; {
	case b == '{' || b == '[':
		err = s.container(&n)
	case b == '"':
		err = s.str()
	case b == '-' || digit(b):
		n.kind = 0
		err = s.number()
	case b == 't':
		err = s.word("true")
	case b == 'f':
		err = s.word("false")
	case b == 'n':
		err = s.word("null")
	default:
		err = s.unexpected("a value")
	}
	n.to = s.at
	return n, err
}

// container reads an object or an array.
func (s *scanner) container(n *node) error {
	closing := n.kind + 2 // } and ] stand so in ASCII
	if s.depth++; s.depth > maxDepth {
		return wrong(s.text, s.at, "nested too deep")
	}
	s.at++
	s.space()
	if s.peek() == closing {
		s.at++
		s.depth--
		return nil
	}
	for {
		s.space()
		start := s.at
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
		s.space()
		switch s.peek() {
		case ',':
			s.at++
		case closing:
			s.at++
			s.depth--
			return nil
		default:
			return s.unexpected(fmt.Sprintf("a comma or %q", closing))
		}
	}
}

// key reads a key up to where its value begins.
func (s *scanner) key() (string, error) {
	if s.peek() != '"' {
		return "", s.unexpected("a key in quotes")
	}
	from := s.at
	if err := s.str(); err != nil {
		return "", err
	}
	var key string
	if err := json.Unmarshal(s.text[from:s.at], &key); err != nil {
		return "", wrong(s.text, from, err.Error())
	}
	s.space()
	if s.peek() != ':' {
		return "", s.unexpected("a colon")
	}
	s.at++
	s.space()
	return key, nil
}

func (s *scanner) str() error {
	s.at++
	for s.at < len(s.text) {
		switch b := s.text[s.at]; {
		case b == '"':
			s.at++
			return nil
		case b < 0x20:
			return wrong(s.text, s.at, fmt.Sprintf("%q within a string", rune(b)))
		case b == '\\':
			if err := s.escape(); err != nil {
				return err
			}
		default:
			s.at++
		}
	}
	return s.unexpected("the end of a string")
}

func (s *scanner) escape() error {
	s.at++
	switch s.peek() {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		s.at++
		return nil
	case 'u':
		s.at++
		for range 4 {
			b := s.peek()
			if !digit(b) && (b < 'a' || b > 'f') && (b < 'A' || b > 'F') {
				return s.unexpected("a hexadecimal digit")
			}
			s.at++
		}
		return nil
	}
	return s.unexpected("an escape")
}

func (s *scanner) number() error {
	if s.peek() == '-' {
		s.at++
	}
	if s.peek() == '0' {
		s.at++
	} else if err := s.digits(); err != nil {
		return err
	}
	if s.peek() == '.' {
		s.at++
		if err := s.digits(); err != nil {
			return err
		}
	}
	if b := s.peek(); b == 'e' || b == 'E' {
		s.at++
		if b := s.peek(); b == '+' || b == '-' {
			s.at++
		}
		return s.digits()
	}
	return nil
}

// digits reads one digit or more.
func (s *scanner) digits() error {
	if !digit(s.peek()) {
		return s.unexpected("a digit")
	}
	for digit(s.peek()) {
		s.at++
	}
	return nil
}

func (s *scanner) word(word string) error {
	for i := range len(word) {
		if s.peek() != word[i] {
			return s.unexpected(word)
		}
		s.at++
	}
	return nil
}

func digit(b byte) bool { return '0' <= b && b <= '9' }

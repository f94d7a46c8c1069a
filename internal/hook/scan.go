package hook

import (
	"errors"
	"slices"
	"strconv"
)

// This file reads JSON without encoding/json, whose reflection a process that
// lives for a millisecond would pay for. It does two things only: it says
// whether bytes are one JSON object, by the grammar of RFC 8259, and it hands
// out the object's members as raw bytes. Fuzz tests hold it against
// encoding/json.

// maxDepth is how deep values may nest: encoding/json's limit, so that what
// passes here passes in the daemon.
const maxDepth = 10000

// object checks that data is one JSON object and calls visit for every member
// of it, in order. The key is without its quotes; the value is raw.
//
// An escaped key is an error, though it is valid JSON, and so (see once) is a
// key that comes twice: two readers could take such an object for two
// different ones, and neither Claude Code nor the daemon writes it.
func object(data []byte, visit func(key string, value []byte) error) error {
	s := scanner{data: data}
	s.space()
	if s.peek() != '{' {
		return errors.New("not a JSON object")
	}
	err := s.members(func(key, value []byte) error {
		if slices.Contains(key, '\\') {
			return errors.New("an escaped key: " + string(key))
		}
		return visit(string(key), value)
	})
	if err != nil {
		return err
	}
	s.space()
	if s.at != len(s.data) {
		return s.invalid()
	}
	return nil
}

// once keeps the value of a member, and refuses a second one of the same name.
func once(member *[]byte, key string, value []byte) error {
	if *member != nil {
		return errors.New("a key that comes twice: " + key)
	}
	*member = value
	return nil
}

// text is the content of a raw JSON string that needs no unescaping; ok is
// false for every other value.
func text(value []byte) (content string, ok bool) {
	if len(value) < 2 || value[0] != '"' || slices.Contains(value, '\\') {
		return "", false
	}
	return string(value[1 : len(value)-1]), true
}

type scanner struct {
	data  []byte
	at    int
	depth int
}

func (s *scanner) invalid() error {
	if s.at >= len(s.data) {
		return errors.New("not JSON: it ends too early")
	}
	return errors.New("not JSON: byte " + strconv.Itoa(s.at))
}

// peek is the next byte; 0, which no JSON holds outside a string, at the end.
func (s *scanner) peek() byte {
	if s.at < len(s.data) {
		return s.data[s.at]
	}
	return 0
}

func (s *scanner) space() {
	for s.at < len(s.data) {
		switch s.data[s.at] {
		case ' ', '\t', '\n', '\r':
			s.at++
		default:
			return
		}
	}
}

func (s *scanner) value() error {
	switch b := s.peek(); {
	case b == '{':
		return s.members(nil)
	case b == '[':
		return s.elements()
	case b == '"':
		return s.str()
	case b == '-' || digit(b):
		return s.number()
	case b == 't':
		return s.word("true")
	case b == 'f':
		return s.word("false")
	case b == 'n':
		return s.word("null")
	}
	return s.invalid()
}

// enter is called at an opening bracket, and leave at its closing one.
func (s *scanner) enter() error {
	s.at++
	if s.depth++; s.depth > maxDepth {
		return errors.New("not JSON for us: nested too deep")
	}
	return nil
}

func (s *scanner) leave() error {
	s.at++
	s.depth--
	return nil
}

// members scans an object; visit may be nil.
func (s *scanner) members(visit func(key, value []byte) error) error {
	if err := s.enter(); err != nil {
		return err
	}
	s.space()
	if s.peek() == '}' {
		return s.leave()
	}
	for {
		s.space()
		if s.peek() != '"' {
			return s.invalid()
		}
		from := s.at
		if err := s.str(); err != nil {
			return err
		}
		key := s.data[from+1 : s.at-1]
		s.space()
		if s.peek() != ':' {
			return s.invalid()
		}
		s.at++
		s.space()
		from = s.at
		if err := s.value(); err != nil {
			return err
		}
		if visit != nil {
			if err := visit(key, s.data[from:s.at]); err != nil {
				return err
			}
		}
		s.space()
		switch s.peek() {
		case ',':
			s.at++
		case '}':
			return s.leave()
		default:
			return s.invalid()
		}
	}
}

func (s *scanner) elements() error {
	if err := s.enter(); err != nil {
		return err
	}
	s.space()
	if s.peek() == ']' {
		return s.leave()
	}
	for {
		s.space()
		if err := s.value(); err != nil {
			return err
		}
		s.space()
		switch s.peek() {
		case ',':
			s.at++
		case ']':
			return s.leave()
		default:
			return s.invalid()
		}
	}
}

func (s *scanner) str() error {
	s.at++
	for s.at < len(s.data) {
		switch b := s.data[s.at]; {
		case b == '"':
			s.at++
			return nil
		case b < 0x20:
			return s.invalid()
		case b == '\\':
			if err := s.escape(); err != nil {
				return err
			}
		default:
			s.at++
		}
	}
	return s.invalid()
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
				return s.invalid()
			}
			s.at++
		}
		return nil
	}
	return s.invalid()
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

// digits scans one digit or more.
func (s *scanner) digits() error {
	if !digit(s.peek()) {
		return s.invalid()
	}
	for digit(s.peek()) {
		s.at++
	}
	return nil
}

func (s *scanner) word(word string) error {
	for i := range len(word) {
		if s.peek() != word[i] {
			return s.invalid()
		}
		s.at++
	}
	return nil
}

func digit(b byte) bool { return '0' <= b && b <= '9' }

// appendQuoted appends s to line as a JSON string.
func appendQuoted(line []byte, s string) []byte {
	const hex = "0123456789abcdef"
	line = append(line, '"')
	for i := range len(s) {
		switch b := s[i]; {
		case b == '"' || b == '\\':
			line = append(line, '\\', b)
		case b < 0x20:
			line = append(line, '\\', 'u', '0', '0', hex[b>>4], hex[b&15])
		default:
			line = append(line, b)
		}
	}
	return append(line, '"')
}

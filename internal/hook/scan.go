package hook

import (
	"errors"
	"slices"
	"strconv"

	"claude-permission-daemon/internal/jsontext"
)

// This file reads JSON without encoding/json, whose reflection a process that
// lives for a millisecond would pay for. It does two things only: it says
// whether bytes are one JSON object, by the grammar of RFC 8259, and it hands
// out the object's members as raw bytes. Fuzz tests hold it against
// encoding/json.

// object checks that data is one JSON object and calls visit for every member
// of it, in order. The key is without its quotes; the value is raw.
//
// An escaped key is an error, though it is valid JSON, and so (see once) is a
// key that comes twice: two readers could take such an object for two
// different ones, and neither Claude Code nor the daemon writes it.
func object(data []byte, visit func(key string, value []byte) error) error {
	s := scanner{Scanner: jsontext.Scanner{Text: data}}
	s.Space()
	if s.Peek() != '{' {
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
	s.Space()
	if s.At != len(s.Text) {
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
	jsontext.Scanner
	depth int
}

func (s *scanner) invalid() error {
	if s.At >= len(s.Text) {
		return errors.New("not JSON: it ends too early")
	}
	return errors.New("not JSON: byte " + strconv.Itoa(s.At))
}

func (s *scanner) value() error {
	switch s.Peek() {
	case '{':
		return s.members(nil)
	case '[':
		return s.elements()
	}
	if s.Scalar() != "" {
		return s.invalid()
	}
	return nil
}

// enter is called at an opening bracket, and leave at its closing one.
func (s *scanner) enter() error {
	s.At++
	if s.depth++; s.depth > jsontext.MaxDepth {
		return errors.New("not JSON for us: nested too deep")
	}
	return nil
}

func (s *scanner) leave() error {
	s.At++
	s.depth--
	return nil
}

// members scans an object; visit may be nil.
func (s *scanner) members(visit func(key, value []byte) error) error {
	if err := s.enter(); err != nil {
		return err
	}
	s.Space()
	if s.Peek() == '}' {
		return s.leave()
	}
	for {
		s.Space()
		if s.Peek() != '"' {
			return s.invalid()
		}
		from := s.At
		if s.String() != "" {
			return s.invalid()
		}
		key := s.Text[from+1 : s.At-1]
		s.Space()
		if s.Peek() != ':' {
			return s.invalid()
		}
		s.At++
		s.Space()
		from = s.At
		if err := s.value(); err != nil {
			return err
		}
		if visit != nil {
			if err := visit(key, s.Text[from:s.At]); err != nil {
				return err
			}
		}
		s.Space()
		switch s.Peek() {
		case ',':
			s.At++
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
	s.Space()
	if s.Peek() == ']' {
		return s.leave()
	}
	for {
		s.Space()
		if err := s.value(); err != nil {
			return err
		}
		s.Space()
		switch s.Peek() {
		case ',':
			s.At++
		case ']':
			return s.leave()
		default:
			return s.invalid()
		}
	}
}

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

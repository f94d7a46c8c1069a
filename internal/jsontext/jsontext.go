// Package jsontext reads the words of JSON by its grammar (RFC 8259) and keeps
// where they stand, for readers that encoding/json does not serve: the hook,
// which cannot pay for reflection, and the editor of Claude Code's settings,
// which must leave every byte that is not its own. What objects and arrays hold
// is the readers' business. It imports nothing.
package jsontext

// MaxDepth is how deep values may nest: encoding/json's limit, so that what
// passes here passes there.
const MaxDepth = 10000

// EndOfString is wanted where a string does not end, be it that the text does
// or that a byte comes which no string holds.
const EndOfString = "the end of a string"

// Scanner is a place in a text. A method that fails leaves At where the text is
// wrong, and returns what was wanted there; empty: nothing is wrong.
type Scanner struct {
	Text []byte
	At   int
}

// Peek is the next byte; 0, which no JSON holds outside a string, at the end.
func (s *Scanner) Peek() byte {
	if s.At < len(s.Text) {
		return s.Text[s.At]
	}
	return 0
}

// Space passes over white space.
func (s *Scanner) Space() {
	for s.At < len(s.Text) {
		switch s.Text[s.At] {
		case ' ', '\t', '\n', '\r':
			s.At++
		default:
			return
		}
	}
}

// Scalar reads a string, a number, true, false or null.
func (s *Scanner) Scalar() (wanted string) {
	switch b := s.Peek(); {
	case b == '"':
		return s.String()
	case b == '-' || digit(b):
		return s.number()
	case b == 't':
		return s.word("true")
	case b == 'f':
		return s.word("false")
	case b == 'n':
		return s.word("null")
	}
	return "a value"
}

// String reads a string; At is at its first quote.
func (s *Scanner) String() (wanted string) {
	s.At++
	for s.At < len(s.Text) {
		switch b := s.Text[s.At]; {
		case b == '"':
			s.At++
			return ""
		case b < 0x20:
			return EndOfString
		case b == '\\':
			if wanted := s.escape(); wanted != "" {
				return wanted
			}
		default:
			s.At++
		}
	}
	return EndOfString
}

func (s *Scanner) escape() (wanted string) {
	s.At++
	switch s.Peek() {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		s.At++
		return ""
	case 'u':
		s.At++
		for range 4 {
			b := s.Peek()
			if !digit(b) && (b < 'a' || b > 'f') && (b < 'A' || b > 'F') {
				return "a hexadecimal digit"
			}
			s.At++
		}
		return ""
	}
	return "an escape"
}

func (s *Scanner) number() (wanted string) {
	if s.Peek() == '-' {
		s.At++
	}
	if s.Peek() == '0' {
		s.At++
	} else if wanted := s.digits(); wanted != "" {
		return wanted
	}
	if s.Peek() == '.' {
		s.At++
		if wanted := s.digits(); wanted != "" {
			return wanted
		}
	}
	if b := s.Peek(); b == 'e' || b == 'E' {
		s.At++
		if b := s.Peek(); b == '+' || b == '-' {
			s.At++
		}
		return s.digits()
	}
	return ""
}

// digits reads one digit or more.
func (s *Scanner) digits() (wanted string) {
	if !digit(s.Peek()) {
		return "a digit"
	}
	for digit(s.Peek()) {
		s.At++
	}
	return ""
}

func (s *Scanner) word(word string) (wanted string) {
	for i := range len(word) {
		if s.Peek() != word[i] {
			return word
		}
		s.At++
	}
	return ""
}

func digit(b byte) bool { return '0' <= b && b <= '9' }

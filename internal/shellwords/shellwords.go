// Package shellwords reads the text of shell commands: what was written, as a
// tree, and what its words come to as far as the text tells.
package shellwords

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// What of a command is read at most.
const (
	maxBytes   = 64 << 10
	maxNesting = 1000 // opening brackets of one kind: the parser recurses
	maxBraces  = 64   // what {a,b}{c,d}… may become
)

// Parse reads a command. The error says what is wrong with it.
func Parse(text string) (file *syntax.File, err error) {
	if len(text) > maxBytes {
		return nil, fmt.Errorf("it has %d bytes", len(text))
	}
	// A shell takes "\\\r\n" for the end of a word, the parser for nothing at all;
	// and NULs get lost on the way to a shell.
	if strings.ContainsAny(text, "\r\x00") {
		return nil, errors.New("it has carriage returns or NULs")
	}
	for _, bracket := range []string{"(", "{", "`", "[", "if ", "do "} {
		if strings.Count(text, bracket) > maxNesting {
			return nil, errors.New("it has too many brackets")
		}
	}
	// The parser is another's and the command anybody's: a panic of the one on
	// the other must not take the daemon down.
	defer func() {
		if recover() != nil {
			file, err = nil, errors.New("the shell parser failed")
		}
	}()
	file, err = syntax.NewParser(syntax.Variant(syntax.LangBash)).Parse(strings.NewReader(text), "")
	if err != nil {
		return nil, errors.New(strings.TrimPrefix(err.Error(), ":"))
	}
	return file, nil
}

// Braces are the words that a word with braces stands for: itself alone, if it
// has none; nil if there are too many, or a range such as {1..9}.
func Braces(w *syntax.Word) []*syntax.Word {
	// SplitBraces changes its word, and Walk knows no braces.
	own := &syntax.Word{Parts: slices.Clone(w.Parts)}
	if !syntax.SplitBraces(own) {
		return []*syntax.Word{w}
	}
	return braces(own)
}

func braces(w *syntax.Word) []*syntax.Word {
	out := []*syntax.Word{{}}
	for _, part := range w.Parts {
		brace, ok := part.(*syntax.BraceExp)
		if !ok {
			for _, o := range out {
				o.Parts = append(o.Parts, part)
			}
			continue
		}
		if brace.Sequence {
			return nil
		}
		var next []*syntax.Word
		for _, o := range out {
			for _, elem := range brace.Elems {
				inner := braces(elem)
				if inner == nil || len(next)+len(inner) > maxBraces {
					return nil
				}
				for _, i := range inner {
					next = append(next, &syntax.Word{Parts: append(append([]syntax.WordPart(nil), o.Parts...), i.Parts...)})
				}
			}
		}
		out = next
	}
	return out
}

// Unescape takes the backslashes out of an unquoted literal.
func Unescape(v string) string {
	if !strings.Contains(v, `\`) {
		return v
	}
	var b strings.Builder
	for i := 0; i < len(v); i++ {
		if v[i] == '\\' && i+1 < len(v) {
			if i++; v[i] == '\n' {
				continue
			}
		}
		b.WriteByte(v[i])
	}
	return b.String()
}

// UnescapeQuoted does so in double quotes, where a backslash means itself
// before most characters.
func UnescapeQuoted(v string) string {
	if !strings.Contains(v, `\`) {
		return v
	}
	var b strings.Builder
	for i := 0; i < len(v); i++ {
		if v[i] == '\\' && i+1 < len(v) && strings.IndexByte("$`\"\\\n", v[i+1]) >= 0 {
			if i++; v[i] == '\n' {
				continue
			}
		}
		b.WriteByte(v[i])
	}
	return b.String()
}

// UnescapeC reads what stands in $'…'. A NUL ends it, as in bash.
func UnescapeC(v string) string {
	var b strings.Builder
	for i := 0; i < len(v); {
		if v[i] != '\\' || i+1 == len(v) {
			b.WriteByte(v[i])
			i++
			continue
		}
		c := v[i+1]
		i += 2
		switch {
		case escapes[c] != 0:
			b.WriteByte(escapes[c])
		case c == 'c' && i < len(v):
			control := v[i] & 0x1f
			if v[i] == '?' {
				control = 0x7f
			}
			i++
			if control == '\\'&0x1f && i < len(v) && v[i] == '\\' {
				i++ // it is escaped once more
			}
			b.WriteByte(control)
		case c >= '0' && c <= '7':
			n, end := number(v, i-1, 3, 8)
			if i = end; byte(n) == 0 {
				return b.String()
			}
			b.WriteByte(byte(n))
		case c == 'x' && i < len(v) && v[i] == '{':
			n, end := number(v, i+1, len(v), 16)
			if i = end; i < len(v) && v[i] == '}' {
				i++
			}
			if byte(n) == 0 {
				return b.String()
			}
			b.WriteByte(byte(n))
		case digits[c] > 0:
			n, end := number(v, i, digits[c], 16)
			switch {
			case end == i: // no digits: no escape
				b.WriteByte('\\')
				b.WriteByte(c)
			case n == 0 || c == 'x' && byte(n) == 0:
				return b.String()
			case c == 'x':
				b.WriteByte(byte(n))
			default:
				b.WriteRune(rune(n))
			}
			i = end
		default:
			b.WriteByte('\\')
			b.WriteByte(c)
		}
	}
	return b.String()
}

// escapes are the letters that stand for one character, and the characters
// that stand for themselves.
var escapes = [256]byte{
	'a': 7, 'b': '\b', 'e': 0x1b, 'E': 0x1b, 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t', 'v': '\v',
	'\\': '\\', '\'': '\'', '"': '"', '?': '?',
}

// digits are how many hexadecimal digits follow a letter at most.
var digits = [256]int{'x': 2, 'u': 4, 'U': 8}

// number reads a number of at most so many digits and says where it ends.
func number(v string, from, most, base int) (n uint32, end int) {
	for end = from; end < len(v) && end-from < most; end++ {
		digit, err := strconv.ParseUint(v[end:end+1], base, 8)
		if err != nil {
			break
		}
		n = n*uint32(base) + uint32(digit)
	}
	return n, end
}

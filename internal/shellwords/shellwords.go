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

// UnescapeC reads $'…'.
func UnescapeC(v string) string {
	var b strings.Builder
	for i := 0; i < len(v); i++ {
		if v[i] != '\\' || i+1 == len(v) {
			b.WriteByte(v[i])
			continue
		}
		i++
		number := func(digits, base int) {
			end := i + 1
			for end < len(v) && end-i <= digits {
				if _, err := strconv.ParseUint(v[end:end+1], base, 8); err != nil {
					break
				}
				end++
			}
			if n, err := strconv.ParseUint(v[i+1:end], base, 32); err == nil {
				if base == 16 && v[i] != 'x' {
					b.WriteRune(rune(n))
				} else {
					b.WriteByte(byte(n))
				}
			}
			i = end - 1
		}
		switch c := v[i]; c {
		case 'n':
			b.WriteByte('\n')
		case 't':
			b.WriteByte('\t')
		case 'r':
			b.WriteByte('\r')
		case 'e', 'E':
			b.WriteByte(0x1b)
		case 'x':
			number(2, 16)
		case 'u':
			number(4, 16)
		case 'U':
			number(8, 16)
		case '0', '1', '2', '3', '4', '5', '6', '7':
			i--
			number(3, 8)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

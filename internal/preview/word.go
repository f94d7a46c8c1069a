package preview

import (
	"slices"
	"strconv"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// arg is a word of a command as the program will get it.
type arg struct {
	text string
	// exact is false where the shell puts something in that cannot be told from
	// the command's text; text is then the word as it is written.
	exact bool
	// word is where it came from; nil for a word out of a string.
	word *syntax.Word
}

// maxBraces bounds what {a,b}{c,d}… may become.
const maxBraces = 64

// args expands words as far as the command's text tells: quotes, escapes,
// braces, "~", and variables that were given a plain value before.
func (s *shellReader) args(words []*syntax.Word) []arg {
	var out []arg
	for _, w := range words {
		split := []*syntax.Word{w}
		// SplitBraces changes its word, and Walk knows no braces.
		if own := (&syntax.Word{Parts: slices.Clone(w.Parts)}); syntax.SplitBraces(own) {
			split = braces(own)
		}
		if len(split) > maxBraces || split == nil {
			out = append(out, arg{s.source(w), false, w})
			continue
		}
		for _, one := range split {
			text, exact := s.value(one)
			if !exact {
				text = s.source(w)
			}
			out = append(out, arg{text, exact, w})
		}
	}
	return out
}

// braces are the words that a word with braces stands for; nil if there are
// too many, or a range such as {1..9}.
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

// source is a word as it is written.
func (s *shellReader) source(n syntax.Node) string {
	start, end := int(n.Pos().Offset()), int(n.End().Offset())
	if start < 0 || end > len(s.text) || start >= end {
		return "…"
	}
	return s.text[start:end]
}

// value is a word's value; false if the command's text does not tell it.
func (s *shellReader) value(w *syntax.Word) (string, bool) {
	var b strings.Builder
	for i, part := range w.Parts {
		if lit, ok := part.(*syntax.Lit); ok && i == 0 && strings.HasPrefix(lit.Value, "~") {
			name, rest, _ := strings.Cut(lit.Value[1:], "/")
			if name == "" && s.home != "" {
				b.WriteString(s.home)
				if strings.HasPrefix(lit.Value, "~/") {
					b.WriteString("/" + unescape(rest))
				}
				continue
			}
			if name != "" && rest == "" && len(w.Parts) > 1 || name != "" {
				return "", false // another person's home
			}
		}
		if !s.wordPart(&b, part, false) {
			return "", false
		}
	}
	return b.String(), true
}

func (s *shellReader) wordPart(b *strings.Builder, part syntax.WordPart, quoted bool) bool {
	switch part := part.(type) {
	case *syntax.Lit:
		if quoted {
			b.WriteString(unescapeQuoted(part.Value))
		} else {
			b.WriteString(unescape(part.Value))
		}
		return true
	case *syntax.SglQuoted:
		if part.Dollar {
			b.WriteString(unescapeC(part.Value))
		} else {
			b.WriteString(part.Value)
		}
		return true
	case *syntax.DblQuoted:
		for _, inner := range part.Parts {
			if !s.wordPart(b, inner, true) {
				return false
			}
		}
		return true
	case *syntax.ParamExp:
		if part.Param == nil || part.Excl || part.Length || part.Width || part.Index != nil || part.Slice != nil || part.Repl != nil || part.Exp != nil || part.Names != 0 {
			return false
		}
		switch part.Param.Value {
		case "HOME":
			b.WriteString(s.home)
			return s.home != ""
		case "PWD":
			b.WriteString(s.cwd)
			return s.cwd != ""
		}
		v, ok := s.vars[part.Param.Value]
		b.WriteString(v)
		return ok
	}
	return false
}

// unescape takes the backslashes out of an unquoted literal.
func unescape(v string) string {
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

// unescapeQuoted does so in double quotes, where a backslash means itself
// before most characters.
func unescapeQuoted(v string) string {
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

// unescapeC reads $'…'.
func unescapeC(v string) string {
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

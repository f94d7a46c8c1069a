package preview

import (
	"strings"

	"mvdan.cc/sh/v3/syntax"

	"claude-permission-daemon/internal/shellwords"
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

// args expands words as far as the command's text tells: quotes, escapes,
// braces, "~", and variables that were given a plain value before.
func (s *shellReader) args(words []*syntax.Word) []arg {
	var out []arg
	for _, w := range words {
		split := shellwords.Braces(w)
		if split == nil {
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
					b.WriteString("/" + shellwords.Unescape(rest))
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
			b.WriteString(shellwords.UnescapeQuoted(part.Value))
		} else {
			b.WriteString(shellwords.Unescape(part.Value))
		}
		return true
	case *syntax.SglQuoted:
		if part.Dollar {
			b.WriteString(shellwords.UnescapeC(part.Value))
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

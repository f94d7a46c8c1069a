package rules

import (
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"

	"claude-permission-daemon/internal/shellwords"
)

// word is a word of a command, as far as the command's text tells it.
type word struct {
	written string // as it stands; "" of one that does not stand there
	pieces  []piece
	splits  bool // may become several words, or none
	program bool // names what a command prints: <(…)
}

// piece is a part of a word.
type piece struct {
	kind pieceKind
	text string // of a literal
}

type pieceKind uint8

const (
	literal pieceKind = iota
	names             // of files: * ? […]
	unknown           // whatever the shell puts in
	found             // whatever find puts in
)

// told is the word's value; false if the text does not tell it.
func (w word) told() (string, bool) {
	var b strings.Builder
	for _, p := range w.pieces {
		if p.kind != literal {
			return "", false
		}
		b.WriteString(p.text)
	}
	return b.String(), true
}

// head is the beginning of the word's value that the text tells.
func (w word) head() string {
	if len(w.pieces) > 0 && w.pieces[0].kind == literal {
		return w.pieces[0].text
	}
	return ""
}

// vanishes reports whether nothing may be left of the word.
func (w word) vanishes() bool { return w.splits && w.head() == "" && len(w.pieces) < 2 }

// isOption reports whether the word begins with a dash.
func (w word) isOption() bool { return strings.HasPrefix(w.head(), "-") }

// mayBeOption reports whether it may.
func (w word) mayBeOption() bool {
	return w.isOption() || len(w.pieces) > 0 && w.pieces[0].kind != literal
}

// base is the word without the folder that it begins with, for the name of a
// command; and without the "=" by which zsh names one.
func (w word) base() word {
	for i, p := range slices.Backward(w.pieces) {
		if n := strings.LastIndexByte(p.text, '/'); p.kind == literal && n >= 0 {
			w.pieces = append([]piece{{text: p.text[n+1:]}}, w.pieces[i+1:]...)
			w.splits = false
			return w
		}
	}
	if rest, ok := strings.CutPrefix(w.head(), "="); ok {
		w.pieces = append([]piece{{text: rest}}, w.pieces[1:]...)
	}
	return w
}

// anything is what a command is given from elsewhere.
func anything() word { return word{pieces: []piece{{kind: unknown}}, splits: true} }

// replaced is the word with something else in the place of sign.
func (w word) replaced(sign string, kind pieceKind) word {
	var pieces []piece
	for _, p := range w.pieces {
		for p.kind == literal {
			before, after, ok := strings.Cut(p.text, sign)
			if !ok {
				break
			}
			if before != "" {
				pieces = append(pieces, piece{text: before})
			}
			pieces = append(pieces, piece{kind: kind})
			p.text = after
		}
		if p.kind != literal || p.text != "" || len(w.pieces) == 1 && len(pieces) == 0 {
			pieces = append(pieces, p)
		}
	}
	w.pieces = pieces
	return w
}

// places are what the variables of a command stand for that are known.
type places struct {
	home string // "" if the command may change it
	pwd  string
}

// placesOf is what a line leaves known. The current folder is "." wherever a
// cd leads.
func placesOf(line, home string) places {
	var p places
	rest := strings.NewReplacer("${HOME}", "", "$HOME", "", "${PWD}", "", "$PWD", "").Replace(line)
	if !strings.Contains(rest, "HOME") {
		p.home = home
	}
	if !strings.Contains(rest, "PWD") {
		p.pwd = "."
	}
	return p
}

// words are those that a word becomes.
func (p places) words(w *syntax.Word, written string) []word {
	split := shellwords.Braces(w)
	if split == nil {
		return []word{{written: written, pieces: []piece{{kind: unknown}}, splits: true}}
	}
	var out []word
	for _, one := range split {
		if len(out) > 0 {
			written = ""
		}
		s := speller{places: p, word: word{written: written}}
		for i, part := range one.Parts {
			s.part(part, i, len(one.Parts))
		}
		if len(s.word.pieces) == 0 && !s.quoted {
			continue // nothing is left of it
		}
		out = append(out, s.word)
	}
	return out
}

// document is what a here-document comes to; false if the text does not tell
// it. One whose mark is quoted is as it stands.
func (p places) document(mark, body *syntax.Word) (string, bool) {
	if body == nil {
		return "", true
	}
	var b strings.Builder
	asItStands := mark.Lit() == "" || strings.Contains(mark.Lit(), `\`)
	for _, part := range body.Parts {
		lit, ok := part.(*syntax.Lit)
		switch {
		case !ok:
			return "", false
		case asItStands:
			b.WriteString(lit.Value)
		default:
			b.WriteString(shellwords.UnescapeQuoted(lit.Value))
		}
	}
	return b.String(), true
}

// speller puts a word together.
type speller struct {
	places
	word   word
	quoted bool
}

func (s *speller) literal(text string) {
	if text == "" {
		return
	}
	if last := len(s.word.pieces) - 1; last >= 0 && s.word.pieces[last].kind == literal {
		s.word.pieces[last].text += text
		return
	}
	s.word.pieces = append(s.word.pieces, piece{text: text})
}

func (s *speller) put(kind pieceKind) {
	if last := len(s.word.pieces) - 1; last >= 0 && s.word.pieces[last].kind == kind {
		return
	}
	s.word.pieces = append(s.word.pieces, piece{kind: kind})
}

func (s *speller) part(part syntax.WordPart, i, of int) {
	switch part := part.(type) {
	case *syntax.Lit:
		text := part.Value
		if i == 0 && strings.HasPrefix(text, "~") {
			user, _, deeper := strings.Cut(text, "/")
			switch {
			case deeper || of == 1:
				if user != "~" || s.home == "" {
					s.put(unknown)
				} else {
					s.literal(s.home)
				}
				text = text[len(user):]
			case of > 1: // what follows may belong to the name
				s.put(unknown)
				return
			}
		}
		s.unquoted(text, i == 0 && of == 1)
	case *syntax.SglQuoted:
		s.quoted = true
		if part.Dollar {
			s.literal(shellwords.UnescapeC(part.Value))
		} else {
			s.literal(part.Value)
		}
	case *syntax.DblQuoted:
		s.quoted = true
		for _, inner := range part.Parts {
			if lit, ok := inner.(*syntax.Lit); ok {
				s.literal(shellwords.UnescapeQuoted(lit.Value))
			} else {
				s.expansion(inner, true)
			}
		}
	default:
		s.expansion(part, false)
	}
}

// unquoted adds a literal with its escapes and patterns.
func (s *speller) unquoted(text string, whole bool) {
	if whole && text == "[" {
		s.literal(text)
		return
	}
	var told []byte
	flush := func() {
		s.literal(string(told))
		told = nil
	}
	defer flush()
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '\\':
			if i++; i < len(text) && text[i] != '\n' {
				told = append(told, text[i])
				s.quoted = true
			}
		case '*', '?':
			flush()
			s.put(names)
		case '[':
			flush()
			// It ends in the text, or else in what follows it, if at all.
			end := strings.LastIndexByte(text, ']')
			if end < i || strings.Contains(text[i:end], "/") {
				s.put(unknown)
				return
			}
			s.put(names)
			i = end
		default:
			told = append(told, text[i])
		}
	}
}

// expansion adds what the shell puts in.
func (s *speller) expansion(part syntax.WordPart, quoted bool) {
	if p, ok := part.(*syntax.ParamExp); ok && isPlain(p) {
		known := map[string]string{"HOME": s.home, "PWD": s.pwd}[p.Param.Value]
		if known != "" {
			s.literal(known)
			return
		}
	}
	if _, ok := part.(*syntax.ProcSubst); ok {
		s.word.program = true
	}
	s.put(unknown)
	s.word.splits = s.word.splits || !quoted || isMany(part)
}

// isPlain reports whether an expansion is a variable's value as it is.
func isPlain(p *syntax.ParamExp) bool {
	return p.Param != nil && !p.Excl && !p.Length && !p.Width && p.Index == nil && p.Slice == nil && p.Repl == nil && p.Exp == nil && p.Names == 0
}

// isMany reports whether an expansion gives several words in quotes too, as
// "$@" does.
func isMany(part syntax.WordPart) bool {
	p, ok := part.(*syntax.ParamExp)
	if !ok {
		return false
	}
	many := p.Names != 0
	syntax.Walk(p, func(n syntax.Node) bool {
		if lit, ok := n.(*syntax.Lit); ok {
			many = many || strings.Contains(lit.Value, "@")
		}
		return true
	})
	return many
}

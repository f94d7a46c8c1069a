package rules

import (
	"slices"
	"strings"
)

// token is a part of a pattern, or of a text that is not known whole.
type token struct {
	kind tokenKind
	c    byte // of a sign
}

type tokenKind uint8

const (
	sign    tokenKind = iota
	anyText           // any text
	inWord            // any text without a blank
	skip              // the next two tokens, or nothing
)

func signs(s string) []token {
	out := make([]token, len(s))
	for i := range len(s) {
		out[i] = token{c: s[i]}
	}
	return out
}

// tokens are the parts of a rule's pattern: "*" is any text, "\*" the sign
// itself.
func tokens(pattern string) []token {
	var out []token
	for i := 0; i < len(pattern); i++ {
		switch {
		case pattern[i] == '\\' && i+1 < len(pattern) && (pattern[i+1] == '*' || pattern[i+1] == '\\'):
			i++
			out = append(out, token{c: pattern[i]})
		case pattern[i] == '*':
			out = append(out, token{kind: anyText})
		default:
			out = append(out, token{c: pattern[i]})
		}
	}
	return out
}

// meet reports whether some text is both of the pattern and of the other.
func meet(pattern, other []token) bool {
	// at[i][p] says that what precedes other[i] may be what precedes pattern[p].
	// A skip leads three tokens on, so four rows are enough.
	at := make([][]bool, 4)
	for i := range at {
		at[i] = make([]bool, len(pattern)+1)
	}
	at[0][0] = true
	for i, t := range other {
		now, next := at[i%4], at[(i+1)%4]
		live := false
		for p := range now {
			if !now[p] {
				continue
			}
			live = true
			more := p < len(pattern)
			if more && pattern[p].kind == anyText {
				now[p+1] = true
			}
			switch t.kind {
			case sign:
				if more && pattern[p].kind == anyText {
					next[p] = true
				} else if more && pattern[p] == t {
					next[p+1] = true
				}
			case anyText, inWord:
				for q := p; ; q++ {
					next[q] = true
					if q == len(pattern) || t.kind == inWord && pattern[q] == (token{c: ' '}) {
						break
					}
				}
			case skip:
				next[p], at[(i+3)%4][p] = true, true
			}
		}
		if !live && !slices.Contains(at[(i+1)%4], true) && !slices.Contains(at[(i+2)%4], true) && !slices.Contains(at[(i+3)%4], true) {
			return false
		}
		clear(now)
	}
	last := at[len(other)%4]
	for p := range pattern {
		last[p+1] = last[p+1] || last[p] && pattern[p].kind == anyText
	}
	return last[len(pattern)]
}

// glob reports whether the pattern matches all of s.
func glob(pattern, s string) bool { return meet(tokens(pattern), signs(s)) }

// forms are the patterns that a pattern on a command stands for: a last " *",
// or ":*", stands for nothing too.
func forms(pattern string) [][]token {
	if p, ok := strings.CutSuffix(pattern, ":*"); ok {
		pattern = p + " *"
	}
	out := [][]token{tokens(pattern)}
	if p, ok := strings.CutSuffix(pattern, " *"); ok {
		out = append(out, tokens(p))
	}
	return out
}

// command matches a pattern on a command.
func command(pattern, s string) bool { return meets(forms(pattern), signs(s)) }

func meets(patterns [][]token, other []token) bool {
	for _, p := range patterns {
		if meet(p, other) {
			return true
		}
	}
	return false
}

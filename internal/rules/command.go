package rules

import (
	"strings"

	"claude-permission-daemon/internal/permit"
)

// bash matches Bash(pattern): the whole command as it is written, each command
// in it, and each that those run. What the shell puts in counts as any text.
func bash(pattern string, r permit.Request, w World) bool {
	text, ok := text(r, "command")
	if !ok {
		return false
	}
	patterns := forms(pattern)
	if meets(patterns, signs(strings.TrimSpace(text))) {
		return true
	}
	l, ok := read(text, w.Home)
	return !ok || l.meets(patterns)
}

// meets reports whether the line may run a command of one of the patterns.
func (l line) meets(patterns [][]token) bool {
	for _, c := range l.calls {
		if meets(patterns, signs(c.written)) {
			return true
		}
	}
	for _, r := range l.runs {
		if !r.sure && !begin(patterns, r.words[0]) {
			continue
		}
		for _, words := range spellings(r.words) {
			if meets(patterns, joined(words)) {
				return true
			}
		}
		if meets(patterns, signs(asWritten(r.words))) {
			return true
		}
	}
	return false
}

// begin reports whether one of the patterns may begin with that name. A
// pattern that begins with "*" is met by the command before it already.
func begin(patterns [][]token, name word) bool {
	for _, w := range []word{name, name.base()} {
		text, _ := w.told()
		for _, p := range patterns {
			n := 0
			for n < len(p) && n < len(text) && p[n] == (token{c: text[n]}) {
				n++
			}
			if n > 0 && (n == len(text) || n == len(p) || p[n].kind == anyText) {
				return true
			}
		}
	}
	return false
}

// maxOptions is how many options before the first operand are told apart.
const maxOptions = 16

// spellings are a command's words as they are; without the folder of its name;
// and without the options before its first operand, each with and without a
// word behind it that may be its value: git -C dir push is a git push.
func spellings(words []word) [][]word {
	bare := append([]word{words[0].base()}, words[1:]...)
	out := [][]word{words, bare}
	for i := 1; i+1 < len(words); i++ {
		if !words[i].mayBeOption() && (i == 1 || !words[i-1].mayBeOption()) {
			break
		}
		if i > maxOptions {
			return append(out, []word{bare[0], anything()})
		}
		out = append(out, append([]word{bare[0]}, words[i+1:]...))
	}
	return out
}

// joined is a command as one text.
func joined(words []word) []token {
	var out []token
	lead := 0
	for lead < len(words) && words[lead].vanishes() {
		lead++
	}
	switch {
	case lead == len(words):
		return []token{{kind: anyText}}
	case lead > 0:
		out = append(out, token{kind: skip}, token{kind: anyText}, token{c: ' '})
	}
	for i, w := range words[lead:] {
		if w.vanishes() {
			out = append(out, token{kind: skip}, token{c: ' '}, token{kind: anyText})
			continue
		}
		if i > 0 {
			out = append(out, token{c: ' '})
		}
		for _, p := range w.pieces {
			switch {
			case p.kind == literal:
				out = append(out, signs(p.text)...)
			case p.kind == unknown && i+lead == 0 && !w.splits:
				out = append(out, token{kind: inWord}) // one name
			default:
				out = append(out, token{kind: anyText})
			}
		}
	}
	return out
}

func asWritten(words []word) string {
	var out []string
	for _, w := range words {
		if w.written != "" {
			out = append(out, w.written)
		}
	}
	return strings.Join(out, " ")
}

// powershell matches PowerShell(pattern) without regard to case. There is no
// parser for it here, so the command is cut at every sign that may separate.
func powershell(pattern string, r permit.Request, _ World) bool {
	line, ok := text(r, "command")
	if !ok {
		return false
	}
	pattern, line = strings.ToLower(pattern), strings.ToLower(line)
	if command(pattern, strings.TrimSpace(line)) {
		return true
	}
	for part := range strings.FieldsFuncSeq(line, func(c rune) bool { return strings.ContainsRune(";|&\n(){}", c) }) {
		if command(pattern, strings.Join(strings.Fields(part), " ")) {
			return true
		}
	}
	return false
}

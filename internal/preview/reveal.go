package preview

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"claude-permission-daemon/internal/mask"
)

// Reveal makes visible what a screen would hide. Every control, format,
// private-use, filler, tag, variation and odd-space character appears as
// ⟨U+202E⟩, every byte that is not UTF-8 as ⟨0xFF⟩, a run of blanks too long to
// count as ⟨240 spaces⟩ or, where it is mixed, ⟨300 × ␠␉⟩, and what stacks on one
// letter beyond four marks as the marks' numbers. Newlines and tabs stay.
//
// Nothing is lost: what comes out tells what went in, to the byte. For that
// the opening bracket itself appears as ⟨U+27E8⟩, so that no text can pretend
// to have been revealed, or masked. So Reveal a text once, and not again.
func Reveal(s string) string {
	out, _ := reveal(s, true)
	return out
}

// RevealMasked is Reveal for a text that has been masked already: the notes
// that stand for its secrets stay as they are. Whoever wrote the text may have
// written such a note; so it is for what can no longer be approved.
func RevealMasked(s string) string {
	out, _ := revealMasked(s)
	return out
}

// maskNote is what mask.Placeholder writes.
var maskNote = regexp.MustCompile(`⟨masked: [0-9]+ chars⟩`)

func revealMasked(s string) (out string, hid int) {
	var b strings.Builder
	at := 0
	for _, note := range append(maskNote.FindAllStringIndex(s, -1), []int{len(s), len(s)}) {
		shown, n := reveal(s[at:note[0]], true)
		b.WriteString(shown + s[note[0]:note[1]])
		hid += n
		at = note[1]
	}
	return b.String(), hid
}

// Safe is a text of anybody's as it may leave the machine and be shown: its
// secrets masked, everything else visible.
func Safe(m *mask.Masker, s string) string { return mask.Apply(s, m.Find(s), Reveal) }

// What is too long to be counted by eye.
const (
	manySpaces = 40
	manyTabs   = 12
	manyLines  = 8
	manyMarks  = 4
)

// reveal is Reveal, and counts what was hidden. With lines set, runs of empty
// lines are counted too; without, the text keeps its lines.
func reveal(s string, lines bool) (out string, hid int) {
	at := firstOdd(s)
	if at < 0 {
		return s, 0
	}
	var b strings.Builder
	b.Grow(len(s) + 64)
	b.WriteString(s[:at])
	marks := 0
	for i := at; i < len(s); {
		c := s[i]
		if isBlank(c) {
			marks = 0
			n := 1
			for i+n < len(s) && isBlank(s[i+n]) {
				n++
			}
			hid += blanks(&b, s[i:i+n], lines)
			i += n
			continue
		}
		if c > ' ' && c < 0x7f {
			marks = 0
			b.WriteByte(c)
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, "⟨0x%02X⟩", c)
			hid++
		case r == '⟨':
			b.WriteString("⟨U+27E8⟩")
		case hidden(r):
			fmt.Fprintf(&b, "⟨U+%04X⟩", r)
			hid++
		case unicode.In(r, unicode.Mn, unicode.Me):
			if marks++; marks > manyMarks {
				fmt.Fprintf(&b, "⟨U+%04X⟩", r)
				hid++
			} else {
				b.WriteString(s[i : i+size])
			}
			i += size
			continue
		default:
			b.WriteString(s[i : i+size])
		}
		marks = 0
		i += size
	}
	return b.String(), hid
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' || c == '\n' }

// A width measures blanks in a line: manySpaces spaces or manyTabs tabs, or a
// mixture of them, are too wide.
const (
	spaceWidth = manyTabs
	tabWidth   = manySpaces
	tooWide    = manySpaces * manyTabs
)

// blanks draws a run of blanks, folding what is too long to be counted by eye,
// and counts what it folded.
func blanks(b *strings.Builder, run string, lines bool) (hid int) {
	if lines && strings.Count(run, "\n") > manyLines {
		end := strings.LastIndexByte(run, '\n')
		if strings.Trim(run[:end], "\n") == "" {
			fmt.Fprintf(b, "\n⟨%d empty lines⟩\n", end)
		} else {
			first := strings.IndexByte(run, '\n') // it, and the last, stay: they part what is around
			fold(b, run[:first])
			b.WriteByte('\n')
			fold(b, run[first+1:end])
			b.WriteByte('\n')
		}
		run = run[end+1:]
		hid++
	}
	for line := range strings.SplitAfterSeq(run, "\n") {
		inLine := strings.TrimSuffix(line, "\n")
		if strings.Count(inLine, " ")*spaceWidth+strings.Count(inLine, "\t")*tabWidth < tooWide {
			b.WriteString(line)
			continue
		}
		fold(b, inLine)
		b.WriteString(line[len(inLine):])
		hid++
	}
	return hid
}

// fold writes a run of blanks by what repeats in it.
func fold(b *strings.Builder, run string) {
	const longest = 16 // so many blanks are a unit at most
	odd := 0           // where begins what does not repeat
	flush := func(end int) {
		for odd < end {
			n := min(longest, end-odd)
			fmt.Fprintf(b, "⟨%s⟩", blankSigns.Replace(run[odd:odd+n]))
			odd += n
		}
	}
	for i := 0; i < len(run); {
		unit, times := 1, repeated(run[i:], 1)
		for n := 2; n <= longest && i+2*n <= len(run); n++ {
			if t := repeated(run[i:], n); t > 1 && t*n > unit*times {
				unit, times = n, t
			}
		}
		if times < 4 {
			i++
			continue
		}
		flush(i)
		switch run[i : i+unit] {
		case " ":
			fmt.Fprintf(b, "⟨%d spaces⟩", times)
		case "\t":
			fmt.Fprintf(b, "⟨%d tabs⟩", times)
		default:
			fmt.Fprintf(b, "⟨%d × %s⟩", times, blankSigns.Replace(run[i:i+unit]))
		}
		i += unit * times
		odd = i
	}
	flush(len(run))
}

// repeated is how many times the first n bytes of s stand at its beginning.
func repeated(s string, n int) int {
	same := n
	for same < len(s) && s[same] == s[same-n] {
		same++
	}
	return same / n
}

var blankSigns = strings.NewReplacer(" ", "␠", "\t", "␉", "\n", "␊")

// firstOdd is where the plain beginning of s ends; -1 if all of it is plain.
func firstOdd(s string) int {
	start, newlines, width := -1, 0, 0 // of the blanks before
	for i := range len(s) {
		switch c := s[i]; {
		case c > ' ' && c < 0x7f:
			start, newlines, width = -1, 0, 0
			continue
		case c == '\n':
			newlines++
			width = 0
		case c == ' ':
			width += spaceWidth
		case c == '\t':
			width += tabWidth
		default:
			return i
		}
		if start < 0 {
			start = i
		}
		if newlines > manyLines || width >= tooWide {
			return start
		}
	}
	return -1
}

// hidden reports whether r would not be seen, or not as what it is.
func hidden(r rune) bool {
	switch {
	case r == '\n' || r == '\t':
		return false
	case r < 0x20, r == 0x7f, r == utf8.RuneError:
		return true
	case r < 0x7f:
		return false
	}
	switch r {
	case 0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x180B, 0x180C, 0x180D, 0x180F, 0x2D7F, 0x3164, 0xFFA0, 0xFFFC, 0x2800,
		0x13441, 0x13442, 0x16FE4, 0x1BC9D, 0x1BC9E, 0x1D159:
		return true // fillers, joiners and blanks of a script, which draw nothing
	}
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co, unicode.Cs, unicode.Zl, unicode.Zp, unicode.Zs, unicode.Variation_Selector) ||
		r >= 0xE0000 && r <= 0xE0FFF || // tags
		!unicode.In(r, unicode.L, unicode.M, unicode.N, unicode.P, unicode.S) // not assigned: who knows
}

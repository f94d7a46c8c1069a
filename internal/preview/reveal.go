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
// count as ⟨240 spaces⟩, and what stacks on one letter beyond four marks as
// the marks' numbers. Newlines and tabs stay.
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
		if c == ' ' || c == '\t' || c == '\n' {
			marks = 0
			n := 1
			for i+n < len(s) && s[i+n] == c {
				n++
			}
			switch {
			case c == ' ' && n >= manySpaces:
				fmt.Fprintf(&b, "⟨%d spaces⟩", n)
				hid++
			case c == '\t' && n >= manyTabs:
				fmt.Fprintf(&b, "⟨%d tabs⟩", n)
				hid++
			case c == '\n' && n > manyLines && lines:
				fmt.Fprintf(&b, "\n⟨%d empty lines⟩\n", n-1)
				hid++
			default:
				b.WriteString(s[i : i+n])
			}
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

// firstOdd is where the plain beginning of s ends; -1 if all of it is plain.
func firstOdd(s string) int {
	run, last := 0, byte(0)
	for i := range len(s) {
		c := s[i]
		switch {
		case c > ' ' && c < 0x7f:
			last = c
			continue
		case c == ' ' || c == '\t' || c == '\n':
			if c != last {
				run, last = 0, c
			}
			if run++; run > manyLines {
				return i + 1 - run
			}
		default:
			return i
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
	case 0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x180B, 0x180C, 0x180D, 0x180F, 0x3164, 0xFFA0, 0x2800:
		return true // fillers and joiners that draw nothing
	}
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co, unicode.Cs, unicode.Zl, unicode.Zp, unicode.Zs, unicode.Variation_Selector) ||
		r >= 0xE0000 && r <= 0xE0FFF || // tags
		!unicode.In(r, unicode.L, unicode.M, unicode.N, unicode.P, unicode.S) // not assigned: who knows
}

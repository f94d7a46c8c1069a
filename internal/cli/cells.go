package cli

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"claude-permission-daemon/internal/preview"
)

// This file knows how much room text takes on a terminal.

// wide are the characters that take two cells on a terminal (Unicode Standard
// Annex 11, wide and full-width), roughly.
var wide = &unicode.RangeTable{
	R16: []unicode.Range16{
		{0x1100, 0x115f, 1}, {0x231a, 0x231b, 1}, {0x23e9, 0x23ec, 1}, {0x2614, 0x2615, 1}, {0x2648, 0x2653, 1}, {0x26aa, 0x26ab, 1},
		{0x2705, 0x2705, 1}, {0x274c, 0x274c, 1}, {0x2753, 0x2755, 1}, {0x2e80, 0x303e, 1}, {0x3041, 0xa4cf, 1}, {0xac00, 0xd7a3, 1},
		{0xf900, 0xfaff, 1}, {0xfe30, 0xfe6f, 1}, {0xff01, 0xff60, 1}, {0xffe0, 0xffe6, 1},
	},
	R32: []unicode.Range32{{0x1f300, 0x1f64f, 1}, {0x1f680, 0x1f6ff, 1}, {0x1f900, 0x1f9ff, 1}, {0x20000, 0x3fffd, 1}},
}

// cells is how many cells a character takes.
func cells(r rune) int {
	switch {
	case r < 0x300:
		return 1
	case unicode.In(r, unicode.Mn, unicode.Me):
		return 0
	case unicode.Is(wide, r):
		return 2
	}
	return 1
}

// width is how many cells a line takes.
func width(s string) (n int) {
	for _, r := range s {
		n += cells(r)
	}
	return n
}

// fit cuts a line to a width, and says so with an ellipsis.
func fit(s string, most int) string {
	if width(s) <= most {
		return s
	}
	used := 0
	for i, r := range s {
		if used+cells(r) > most-1 {
			return s[:i] + "…"
		}
		used += cells(r)
	}
	return s
}

// pad fills a line up to a width.
func pad(s string, to int) string { return s + strings.Repeat(" ", max(0, to-width(s))) }

// wrap breaks a text into lines of at most so many cells: at a space where
// that is near the end, else anywhere. Nothing of it is lost.
func wrap(text string, most int) (lines []string) {
	most = max(most, 4)
	for line := range strings.SplitSeq(strings.ReplaceAll(text, "\t", "    "), "\n") {
		for {
			cut := room(line, most)
			lines = append(lines, line[:cut])
			if line = line[cut:]; line == "" {
				break
			}
		}
	}
	return lines
}

// room is how many bytes of a line go onto one of at most so many cells.
func room(line string, most int) int {
	used, cut, space := 0, 0, 0
	for cut < len(line) {
		r, size := utf8.DecodeRuneInString(line[cut:])
		if used += cells(r); used > most {
			break
		}
		cut += size
		if r == ' ' {
			space = cut
		}
	}
	if cut < len(line) && space > cut*2/3 {
		return space
	}
	return cut
}

// plain is foreign text for one line of a terminal: whatever could move the
// cursor or hide itself is shown by its number.
func plain(s string) string { return oneLine(preview.Reveal(s)) }

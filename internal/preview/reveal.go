package preview

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Reveal makes visible what a screen would hide: every control, format,
// private-use, filler, tag and odd-space character, and every byte that is not
// UTF-8, appears as ⟨U+XXXX⟩ or ⟨0xNN⟩. Newlines and tabs stay.
func Reveal(s string) string {
	clean := true
	for _, r := range s {
		if hidden(r) {
			clean = false
			break
		}
	}
	if clean {
		return s
	}
	var b strings.Builder
	b.Grow(len(s) + 64)
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, "⟨0x%02X⟩", s[i])
		case hidden(r):
			fmt.Fprintf(&b, "⟨U+%04X⟩", r)
		default:
			b.WriteRune(r)
		}
		i += size
	}
	return b.String()
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
	case 0x00AD, 0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x180E, 0x3164, 0xFFA0, 0x2800:
		return true // fillers and soft characters that draw nothing
	}
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co, unicode.Cs, unicode.Zl, unicode.Zp, unicode.Zs, unicode.Variation_Selector) ||
		r >= 0xE0000 && r <= 0xE0FFF
}

package mask

import "strings"

// unfolded is a text as the program that reads it would see it: quotes,
// escapes and line breaks gone, percent-encoding decoded. It keeps where each
// of its bytes came from, so that what is found in it can be masked in the
// original.
type unfolded struct {
	raw  string
	text []byte
	at   []int32 // start in raw of each byte of text
	gap  []gap   // what was dropped before each byte of text
}

// gap is what stood in the original between two bytes of the unfolded text.
type gap uint8

const (
	none   gap = iota
	joined     // quotes, a backslash, an escaped line break: the reader joins the two
	broken     // a line break, or two strings side by side: perhaps joined
)

// unfold reads s once, front to back.
func unfold(s string) *unfolded {
	u := &unfolded{
		raw:  s,
		text: make([]byte, 0, len(s)),
		at:   make([]int32, 0, len(s)),
		gap:  make([]gap, 0, len(s)),
	}
	g := none
	for i := 0; i < len(s); {
		c := s[i]
		if plain[c] {
			u.text = append(u.text, c)
			u.at = append(u.at, int32(i))
			u.gap = append(u.gap, g)
			g = none
			i++
			continue
		}
		b, n, what := unit(s, i)
		if what == none {
			u.text = append(u.text, b)
			u.at = append(u.at, int32(i))
			u.gap = append(u.gap, g)
			g = none
		} else {
			g = max(g, what)
		}
		i += n
	}
	return u
}

// plain is every byte that unfold passes on without a look at what follows.
var plain = func() (t [256]bool) {
	for i := range t {
		t[i] = strings.IndexByte("\\%'\"`$\n\r", byte(i)) < 0
	}
	return t
}()

// unit reads one unit of s at i: a byte that stays (none), or something that
// is dropped. n is its length in s, at least 1.
func unit(s string, i int) (b byte, n int, what gap) {
	switch c := s[i]; c {
	case '\\':
		return escape(s, i)
	case '%':
		if b, ok := hexByte(s, i+1); ok && b > ' ' && b < 0x7f {
			return b, 3, none
		}
		return c, 1, none
	case '$':
		if i+1 < len(s) && (s[i+1] == '\'' || s[i+1] == '"') {
			return 0, 1, joined
		}
		return c, 1, none
	case '\n', '\r':
		n = 1
		for i+n < len(s) && strings.IndexByte(" \t\r\n", s[i+n]) >= 0 {
			n++
		}
		return 0, n, broken
	case '\'', '"', '`':
		// A closing and an opening quote with only blanks or a plus between
		// them: two strings side by side, added up where there is a plus.
		j := i + 1
		for j < len(s) && j-i < 40 && strings.IndexByte(" \t\r\n+", s[j]) >= 0 {
			j++
		}
		if j > i+1 && j < len(s) && (s[j] == '\'' || s[j] == '"' || s[j] == '`') {
			if strings.IndexByte(s[i:j], '+') >= 0 {
				return 0, j + 1 - i, joined
			}
			return 0, j + 1 - i, broken
		}
		return 0, 1, joined
	default:
		return c, 1, none
	}
}

// escape reads a backslash and what belongs to it.
func escape(s string, i int) (b byte, n int, what gap) {
	if i+1 == len(s) {
		return 0, 1, joined
	}
	switch c := s[i+1]; c {
	case '\n':
		return 0, 2, joined
	case '\r':
		if i+2 < len(s) && s[i+2] == '\n' {
			return 0, 3, joined
		}
		return 0, 2, joined
	case 'n', 'r', 't':
		return 0, 2, broken
	case 'x':
		if b, ok := hexByte(s, i+2); ok && b > ' ' && b < 0x7f {
			return b, 4, none
		}
	case 'u':
		if hi, ok := hexByte(s, i+2); ok && hi == 0 {
			if b, ok := hexByte(s, i+4); ok && b > ' ' && b < 0x7f {
				return b, 6, none
			}
		}
	case '0', '1':
		if i+3 < len(s) && octal(s[i+1]) && octal(s[i+2]) && octal(s[i+3]) {
			if b := (s[i+1]-'0')<<6 | (s[i+2]-'0')<<3 | (s[i+3] - '0'); b > ' ' && b < 0x7f {
				return b, 4, none
			}
		}
	}
	return 0, 1, joined
}

func octal(c byte) bool { return c >= '0' && c <= '7' }

// hexByte reads two hexadecimal digits at i.
func hexByte(s string, i int) (byte, bool) {
	if i+2 > len(s) {
		return 0, false
	}
	hi, lo := hexDigit[s[i]], hexDigit[s[i+1]]
	if hi > 15 || lo > 15 {
		return 0, false
	}
	return hi<<4 | lo, true
}

var hexDigit = func() (t [256]byte) {
	for i := range t {
		t[i] = 0xff
	}
	for i := range byte(10) {
		t['0'+i] = i
	}
	for i := range byte(6) {
		t['a'+i], t['A'+i] = 10+i, 10+i
	}
	return t
}()

// span gives the bytes from i up to j of the unfolded text their place in the
// original.
func (u *unfolded) span(i, j int, reason string) Span {
	start, last := int(u.at[i]), int(u.at[j-1])
	_, n, _ := unit(u.raw, last)
	return Span{start, last + n, reason}
}

// run is the end of the run that starts at i of bytes in set, as far as the
// reader may join it: a joined gap is always crossed, a broken one while the
// run is shorter than least, or when the next piece is as random as a piece
// of a secret.
func (u *unfolded) run(i int, set *charset, least, most int) int {
	j := i
	for j < len(u.text) && set[u.text[j]] {
		if most > 0 && j-i == most {
			break
		}
		if j > i && u.gap[j] == broken && j-i >= least && !u.continues(j, set) {
			break
		}
		j++
	}
	return j
}

// continues reports whether the piece at i, after a line break, looks like
// the rest of a secret.
func (u *unfolded) continues(i int, set *charset) bool {
	j := i
	for j < len(u.text) && j-i < 256 && set[u.text[j]] && (j == i || u.gap[j] != broken) {
		j++
	}
	piece := u.text[i:j]
	return len(piece) >= 6 && mixed(piece)
}

package mask

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"strings"
)

// known finds secrets by value, in clear and in the encodings that commands
// use. It looks at the first four bytes of each needle, so that its cost does
// not grow with their number.
type known struct {
	needles []needle
	first   map[uint32][]int // by the first four bytes
	pair    [1 << 16]bool    // of the first two bytes
}

type needle struct {
	bytes []byte
	raw   bool // to be found in the original too, as it is
	what  string
}

const shortestKnown = 6

func newKnown(o Options) *known {
	k := &known{first: make(map[uint32][]int)}
	seen := make(map[string]bool)
	for _, v := range o.Values {
		if len(v.Secret) >= shortestKnown && !seen[v.Secret] {
			seen[v.Secret] = true
			k.add(v.Secret, v.Name)
		}
	}
	for _, pair := range o.Environ {
		name, value, ok := strings.Cut(pair, "=")
		if ok && !seen[value] && secretVariable(name, value) {
			seen[value] = true
			k.add(value, "value of this program's environment variable "+name)
		}
	}
	if len(k.needles) == 0 {
		return nil
	}
	return k
}

// add adds what secret looks like in clear, in base64 and in hexadecimal.
func (k *known) add(secret, what string) {
	plain := unfold(secret).text
	if len(plain) < shortestKnown {
		k.needle([]byte(secret), what, true)
		return
	}
	k.needle(plain, what, false)
	if string(plain) != secret {
		k.needle([]byte(secret), what, true)
	}
	if len(secret) < 8 {
		return
	}
	for shift := range 3 {
		// The characters that depend on what stands before and after go.
		padded := append(make([]byte, shift), secret...)
		padded = padded[:len(padded)/3*3]
		for _, enc := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			text := enc.EncodeToString(padded)[[]int{0, 2, 3}[shift]:]
			k.needle([]byte(text), what+", in base64", false)
		}
	}
	lower := hex.EncodeToString([]byte(secret))
	k.needle([]byte(lower), what+", in hexadecimal", false)
	k.needle([]byte(strings.ToUpper(lower)), what+", in hexadecimal", false)
}

func (k *known) needle(b []byte, what string, raw bool) {
	if len(b) < shortestKnown {
		return
	}
	for _, i := range k.first[four(b)] {
		if bytes.Equal(k.needles[i].bytes, b) && k.needles[i].raw == raw {
			return
		}
	}
	k.first[four(b)] = append(k.first[four(b)], len(k.needles))
	k.pair[int(b[0])<<8|int(b[1])] = true
	k.needles = append(k.needles, needle{b, raw, what})
}

func four(b []byte) uint32 {
	return uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
}

// find finds the known secrets in the unfolded text, and those that unfolding
// would change in the original too.
func (k *known) find(s string, u *unfolded, spans []Span) []Span {
	if k == nil {
		return spans
	}
	k.each(u.text, false, func(from, to int, what string) {
		spans = append(spans, u.span(from, to, what))
	})
	for _, n := range k.needles {
		if !n.raw {
			continue
		}
		for from := 0; ; {
			i := strings.Index(s[from:], string(n.bytes))
			if i < 0 {
				break
			}
			spans = append(spans, Span{from + i, from + i + len(n.bytes), n.what})
			from += i + len(n.bytes)
		}
	}
	return spans
}

// each calls found for every needle in text.
func (k *known) each(text []byte, raw bool, found func(from, to int, what string)) {
	for i := 0; i+shortestKnown <= len(text); i++ {
		if !k.pair[int(text[i])<<8|int(text[i+1])] {
			continue
		}
		for _, n := range k.first[four(text[i:])] {
			if k.needles[n].raw == raw && bytes.HasPrefix(text[i:], k.needles[n].bytes) {
				found(i, i+len(k.needles[n].bytes), k.needles[n].what)
				break
			}
		}
	}
}

// in reports what secret is in text, if any.
func (k *known) in(text []byte) (what string, ok bool) {
	if k == nil {
		return "", false
	}
	k.each(text, false, func(_, _ int, w string) { what, ok = w, true })
	return what, ok
}

// secretVariable reports whether an environment variable's value is to be
// masked wherever it occurs: its name says that it is secret, and the value is
// not one that ordinary text has too.
func secretVariable(name, value string) bool {
	if kindOf(name) == notSecret || len(value) < 8 || !plausible(value, password, true) || strings.HasPrefix(value, "/") && !random([]byte(value)) {
		return false
	}
	for _, tail := range []string{"_FILE", "_PATH", "_DIR", "_SOCK", "_SOCKET", "_URL", "_HOST", "_ID", "_NAME", "_TYPE", "_MODE"} {
		if strings.HasSuffix(strings.ToUpper(name), tail) && (tail != "_URL" || !strings.Contains(value, "@")) {
			return false
		}
	}
	s := shapeOf([]byte(value))
	if s.digits == len(value) {
		return true
	}
	return s.digits > 0 && s.lowers+s.uppers > 0 || s.others > 0 && len(value) >= 10 || len(value) >= 12
}

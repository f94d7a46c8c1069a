package jsontext

import (
	"encoding/json"
	"testing"
)

// FuzzScalar holds the grammar against encoding/json.
func FuzzScalar(f *testing.F) {
	for _, seed := range []string{`"a\u00e9\n"`, `"a`, "\"a\tb\"", `"\x"`, `"\u12g4"`, `-0.5e+3`, `01`, `1.`, `-`, `true`, `nul`, `{}`, ``} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		s := Scanner{Text: text}
		s.Space()
		if b := s.Peek(); b == '{' || b == '[' {
			return
		}
		wanted := s.Scalar()
		s.Space()
		if ok := wanted == "" && s.At == len(text); ok != json.Valid(text) {
			t.Errorf("%q: wanted %q at %d of %d", text, wanted, s.At, len(text))
		}
		if s.At > len(text) {
			t.Errorf("%q: at %d of %d", text, s.At, len(text))
		}
	})
}

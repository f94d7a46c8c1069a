package mask

import "math"

// charset is a set of bytes.
type charset [256]bool

func chars(ranges ...string) *charset {
	var set charset
	for _, r := range ranges {
		if len(r) == 3 && r[1] == '-' && r[0] < r[2] {
			for c := int(r[0]); c <= int(r[2]); c++ {
				set[c] = true
			}
			continue
		}
		for i := range len(r) {
			set[r[i]] = true
		}
	}
	return &set
}

// The alphabets that tokens are written in.
var (
	digits   = chars("0-9")
	hexes    = chars("0-9", "a-f", "A-F")
	upper    = chars("A-Z", "0-9")
	alnum    = chars("0-9", "a-z", "A-Z")
	word     = chars("0-9", "a-z", "A-Z", "_")
	urlsafe  = chars("0-9", "a-z", "A-Z", "_-")
	dotted   = chars("0-9", "a-z", "A-Z", "_-.")
	dottedEq = chars("0-9", "a-z", "A-Z", "_-.=")
	slashed  = chars("0-9", "a-z", "A-Z", "_-/")
	base64ch = chars("0-9", "a-z", "A-Z", "+/=_-")
)

// entropy is Shannon's, in bits a character.
func entropy(t []byte) float64 {
	if len(t) == 0 {
		return 0
	}
	var count [256]int
	for _, c := range t {
		count[c]++
	}
	bits, n := 0.0, float64(len(t))
	for _, c := range count {
		if c > 0 {
			p := float64(c) / n
			bits -= p * math.Log2(p)
		}
	}
	return bits
}

// shape counts what tells a random string from a name: how often its
// characters change between digit, lower case and upper case.
type shape struct {
	digits, lowers, uppers, others, changes int
	words                                   int // characters in runs of four small letters and more
}

func shapeOf(t []byte) shape {
	var s shape
	last, run := 0, 0
	for _, c := range t {
		kind := 0
		switch {
		case c >= '0' && c <= '9':
			s.digits++
			kind = 1
		case c >= 'a' && c <= 'z':
			s.lowers++
			kind = 2
			if run++; run == 4 {
				s.words += 4
			} else if run > 4 {
				s.words++
			}
		case c >= 'A' && c <= 'Z':
			s.uppers++
			kind = 3
		default:
			s.others++
			kind = 4
		}
		if kind != 2 {
			run = 0
		}
		if last != 0 && kind != last {
			s.changes++
		}
		last = kind
	}
	return s
}

// mixed reports whether t has letters and digits so mixed that it is no word:
// the measure for a short piece of something.
func mixed(t []byte) bool {
	s := shapeOf(t)
	return s.digits > 0 && s.digits < len(t) && s.changes*4 >= len(t) ||
		s.lowers > 0 && s.uppers > 0 && s.changes*5 >= len(t)*2
}

// random reports whether t is too random to be a name, a path or a number.
// A hexadecimal string is not: it is far more often a hash than a secret.
func random(t []byte) bool {
	if len(t) < 20 {
		return false
	}
	s := shapeOf(t)
	if s.digits < 2 || s.lowers < 2 || s.uppers < 2 || s.others*6 > len(t) {
		return false
	}
	if s.changes*5 < len(t)*2 || s.words*3 > len(t) {
		return false
	}
	least := 3.9
	if len(t) >= 32 {
		least = 4.2
	}
	return entropy(t) >= least
}

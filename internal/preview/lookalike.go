package preview

import (
	"fmt"
	"strings"
	"unicode"
)

// lookalikes names the words of s that look like others: letters of two
// scripts in one word, words of another script made only of letters that look
// Latin, wide and mathematical letters. With code set, punctuation that looks
// like a slash, a dot, a dash or a colon counts too; in prose it is common.
// Each is told with its characters' numbers; at most three are, and how many
// more there are.
func lookalikes(s string, code bool) []string {
	ascii := true
	for i := range len(s) {
		if s[i] >= 0x80 {
			ascii = false
			break
		}
	}
	if ascii {
		return nil
	}
	var (
		found []string
		seen  = make(map[string]bool)
		// A text with letters that look like nothing Latin is in that language.
		cyrillic = !strings.ContainsFunc(s, func(r rune) bool { return unicode.Is(unicode.Cyrillic, r) && !latinTwin(r) })
		greek    = !strings.ContainsFunc(s, func(r rune) bool { return unicode.Is(unicode.Greek, r) && !latinTwin(r) })
	)
	tell := func(word string, odd []rune) {
		if seen[word] {
			return
		}
		seen[word] = true
		var points []string
		for _, r := range odd {
			if p := fmt.Sprintf("U+%04X", r); len(points) == 0 || points[len(points)-1] != p {
				points = append(points, p)
			}
		}
		if len(points) > 4 {
			points = append(points[:4], "…")
		}
		if runes := []rune(word); len(runes) > 40 {
			word = string(runes[:40]) + "…"
		}
		shown, _ := reveal(word, true)
		found = append(found, fmt.Sprintf("“%s” (%s)", shown, strings.Join(points, ", ")))
	}
	for _, word := range strings.FieldsFunc(s, func(r rune) bool { return !unicode.In(r, unicode.L, unicode.N, unicode.M) && r != '_' }) {
		var latin, twins, strangers, wide []rune
		others := 0
		for _, r := range word {
			switch {
			case r < 0x80:
				if unicode.IsLetter(r) {
					latin = append(latin, r)
				}
			case wideLetter(r):
				wide = append(wide, r)
			case unicode.Is(unicode.Latin, r):
				latin = append(latin, r)
			case unicode.Is(unicode.Cyrillic, r):
				if latinTwin(r) && cyrillic || latinTwin(r) && len(latin) > 0 {
					twins = append(twins, r)
				} else {
					strangers = append(strangers, r)
				}
			case unicode.Is(unicode.Greek, r):
				if latinTwin(r) && (greek || len(latin) > 0) {
					twins = append(twins, r)
				} else {
					others++ // mathematics: Δx, λ2
				}
			case unicode.In(r, unicode.Armenian, unicode.Cherokee, unicode.Coptic, unicode.Lisu):
				strangers = append(strangers, r)
			default:
				others++
			}
		}
		switch {
		case len(wide) > 0:
			tell(word, wide)
		case len(latin) > 0 && len(twins)+len(strangers) > 0:
			tell(word, append(twins, strangers...))
		case len(twins) > 1 && len(latin)+len(strangers)+others == 0:
			tell(word, twins)
		}
	}
	if code {
		for _, r := range s {
			if r >= 0x80 && strings.ContainsRune(twinSigns, r) {
				tell(string(r), []rune{r})
			}
		}
	}
	if len(found) > 3 {
		found = append(found[:3], fmt.Sprintf("and %d more", len(found)-3))
	}
	return found
}

// wideLetter reports whether r is a Latin letter or digit in a dress of its
// own: full width, mathematical, circled.
func wideLetter(r rune) bool {
	return r >= 0xFF10 && r <= 0xFF19 || r >= 0xFF21 && r <= 0xFF3A || r >= 0xFF41 && r <= 0xFF5A ||
		r >= 0x1D400 && r <= 0x1D7FF || r >= 0x2100 && r <= 0x214F && unicode.IsLetter(r) && r != 'Ω' && r != 'K' && r != 'Å' ||
		r >= 0x24B6 && r <= 0x24E9
}

// latinTwin reports whether r looks like a Latin letter in common typefaces.
func latinTwin(r rune) bool { return strings.ContainsRune(twins, r) }

const twins = "асеорхуіјѕԁһԛԝүӏґАВЕКМНОРСТХУІЈЅԌԚԜҮӀ" + // Cyrillic
	"ΑΒΕΖΗΙΚΜΝΟΡΤΥΧανορυιϲϳ" // Greek

// twinSigns look like the signs that commands and addresses are made of:
// slash, dot, colon, dash, semicolon, bar, at. The full stops and colons of
// East Asian writing are not among them.
const twinSigns = "\u2044\u2215\u29f8\u2571\uff0f" + "\u2024\uff0e\u0701" + "\ua789\u2236\ufe55\u02d0" +
	"\u2010\u2011\u2212\uff0d\ufe63" + "\u037e" + "\u2758" + "\uff20\ufe6b"

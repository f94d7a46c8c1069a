package claude

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"claude-permission-daemon/internal/permit"
)

// filled reads what was filled into a field: the labels of what was chosen, and
// the words written. Of a choice of one, words win over it: a choice once made
// cannot be taken back in every client. lacks says in a sentence what is wrong.
func filled(f permit.Field, fields map[string][]string) (words []string, lacks string) {
	wrong := func(what string) ([]string, string) {
		return nil, fmt.Sprintf("It does not count yet: %s (%s).", what, shortened(f.Label))
	}
	free := text(fields, f.Name)
	switch f.Kind {
	case permit.One, permit.Many:
		free = ""
		if f.Other {
			free = text(fields, permit.OtherName(f.Name))
		}
		chosen := slices.Clone(fields[f.Name])
		slices.SortFunc(chosen, func(a, b string) int { return number(a) - number(b) })
		if f.Kind == permit.One && len(chosen) > 1 {
			return wrong("only one can be chosen")
		}
		for _, c := range slices.Compact(chosen) {
			n, err := strconv.Atoi(c)
			if err != nil || n < 0 || n >= len(f.Options) {
				return wrong("there is no such choice")
			}
			words = append(words, f.Options[n].Label)
		}
		if f.Kind == permit.One && free != "" {
			words = nil
		}
	}
	if f.Most > 0 && utf8.RuneCountInString(free) > f.Most {
		return wrong(fmt.Sprintf("at most %d characters", f.Most))
	}
	if free != "" {
		words = append(words, free)
	}
	if len(words) == 0 && f.Required {
		return wrong("an answer is missing")
	}
	return words, ""
}

// number is a choice's place; what is none comes first and is refused.
func number(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		return -1
	}
	return n
}

// text is the text typed into a field, without the line ends and blanks around
// it. Browsers send CRLF.
func text(fields map[string][]string, name string) string {
	if len(fields[name]) == 0 {
		return ""
	}
	return strings.TrimSpace(strings.ReplaceAll(fields[name][0], "\r\n", "\n"))
}

// shortened is the start of a text, on one line.
func shortened(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if utf8.RuneCountInString(s) > 60 {
		s = string([]rune(s)[:59]) + "…"
	}
	return s
}

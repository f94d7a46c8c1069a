package claude

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"claude-permission-daemon/internal/permit"
)

// filling is what was filled into a field: the places of what was chosen, in
// order and each once, and the words written.
type filling struct {
	picks []int
	free  string
}

// words are the labels of what was chosen, and the words.
func (said filling) words(f permit.Field) (words []string) {
	for _, n := range said.picks {
		words = append(words, f.Options[n].Label)
	}
	if said.free != "" {
		words = append(words, said.free)
	}
	return words
}

// filled reads what was filled into a field. Of a choice of one, words win over
// it: a choice once made cannot be taken back in every client. lacks says in a
// sentence what is wrong.
func filled(f permit.Field, fields map[string][]string) (said filling, lacks string) {
	wrong := func(what string) (filling, string) {
		return filling{}, fmt.Sprintf("It does not count yet: %s (%s).", what, shortened(f.Label))
	}
	switch f.Kind {
	case permit.One, permit.Many:
		if f.Other {
			said.free = text(fields, permit.OtherName(f.Name))
		}
		for _, chosen := range fields[f.Name] {
			n, err := strconv.Atoi(chosen)
			if err != nil || n < 0 || n >= len(f.Options) {
				return wrong("there is no such choice")
			}
			said.picks = append(said.picks, n)
		}
		slices.Sort(said.picks)
		said.picks = slices.Compact(said.picks)
		if f.Kind == permit.One && len(said.picks) > 1 {
			return wrong("only one can be chosen")
		}
		if f.Kind == permit.One && said.free != "" {
			said.picks = nil
		}
	default:
		said.free = text(fields, f.Name)
		if f.Kind == permit.Truth && said.free != "" && said.free != "true" && said.free != "false" {
			return wrong("it is yes or no")
		}
	}
	if f.Most > 0 && utf8.RuneCountInString(said.free) > f.Most {
		return wrong(fmt.Sprintf("at most %d characters", f.Most))
	}
	if len(said.picks) == 0 && said.free == "" && f.Required {
		return wrong("an answer is missing")
	}
	return said, ""
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

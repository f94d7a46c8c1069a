package slack

// This file lays a text that is too long for one of Slack's inputs out over
// several, and puts together what comes back. A text that nobody touched comes
// back to the byte, whatever Slack does to the ends of what is typed: it is not
// documented, and a lost line end in the middle would join two lines.

import (
	"strconv"
	"strings"
	"unicode"

	"claude-permission-daemon/internal/permit"
)

// inputRoom is how much a person can add to each of several inputs.
const inputRoom = 500

// inputID names the ith input of the nth field.
func inputID(n, i int) string {
	if i == 0 {
		return fieldID(n)
	}
	return fieldID(n) + ".input" + strconv.Itoa(i)
}

// inputsOf is what stands at first in each input of a text field. Put together
// it is the field's value.
func inputsOf(f permit.Field) []string {
	if f.Kind != permit.Lines || utf16Len(f.Value) <= maxInput {
		return []string{f.Value}
	}
	var all []string
	for _, part := range pieces(f.Value, maxInput-inputRoom) {
		// An input of nothing but blanks shows nothing and may come back empty.
		if last := len(all) - 1; last >= 0 && (blank(part) || blank(all[last])) && utf16Len(all[last]+part) <= maxInput {
			all[last] += part
			continue
		}
		all = append(all, part)
	}
	return all
}

// readInputs puts together what was typed into the inputs of the nth field.
func readInputs(n int, f permit.Field, values object) string {
	var all strings.Builder
	for i, part := range inputsOf(f) {
		all.WriteString(restored(part, typed(values, inputID(n, i))))
	}
	return all.String()
}

// restored is what was typed into an input in which part stood, with the blanks
// at its ends that Slack may have taken from it.
func restored(part, typed string) string {
	said := strings.TrimSpace(typed)
	switch {
	case noReturns(said) == noReturns(strings.TrimSpace(part)):
		return part // nobody touched it
	case said == "":
		return "" // it was taken out
	}
	body := strings.TrimSpace(part)
	head, tail, _ := strings.Cut(part, body)
	if body == "" {
		head, tail = part, part[max(strings.LastIndexByte(part, '\n'), 0):]
	}
	if !strings.HasPrefix(typed, said) {
		head = ""
	}
	if !strings.HasSuffix(typed, said) {
		tail = ""
	}
	return head + typed + tail
}

// noReturns is s without what no keyboard types.
func noReturns(s string) string { return strings.ReplaceAll(s, "\r", "") }

func blank(s string) bool { return strings.TrimFunc(s, unicode.IsSpace) == "" }

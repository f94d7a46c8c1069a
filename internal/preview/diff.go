package preview

import (
	"fmt"
	"strings"

	"github.com/aymanbagabas/go-udiff/lcs"
)

// context is how many unchanged lines stand around a change.
const context = 3

// change is one changed place: lines of the old text from oldFrom up to oldTo
// become those of the new text from newFrom up to newTo.
type change struct{ oldFrom, oldTo, newFrom, newTo int }

// lines are those of s, without their newlines. A last line without one is a
// line too.
func lines(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(strings.TrimSuffix(s, "\n"), "\n")
}

// changes are the places where old and new differ. What both begin and end
// with is set aside first, so that the library sees only the rest.
func changes(before, after []string) []change {
	head := 0
	for head < len(before) && head < len(after) && before[head] == after[head] {
		head++
	}
	tail := 0
	for tail < len(before)-head && tail < len(after)-head && before[len(before)-1-tail] == after[len(after)-1-tail] {
		tail++
	}
	a, b := before[head:len(before)-tail], after[head:len(after)-tail]
	var out []change
	switch {
	case len(a) == 0 && len(b) == 0:
	case len(a) == 0 || len(b) == 0:
		out = append(out, change{head, head + len(a), head, head + len(b)})
	default:
		for _, d := range lcs.DiffLines(a, b) {
			out = append(out, change{head + d.Start, head + d.End, head + d.ReplStart, head + d.ReplEnd})
		}
	}
	return out
}

// unified writes a unified diff of the changes between a text of so many lines
// and another. The functions give a line of each as it is to be shown; a line
// that both have is asked of the first.
func unified(cs []change, lines int, before, after func(i int) string) string {
	var b strings.Builder
	write := func(mark byte, line string) {
		b.WriteByte(mark)
		b.WriteString(line)
		b.WriteByte('\n')
	}
	for i := 0; i < len(cs); {
		// Changes near one another share a hunk.
		j := i + 1
		for j < len(cs) && cs[j].oldFrom-cs[j-1].oldTo <= 2*context {
			j++
		}
		from := max(0, cs[i].oldFrom-context)
		to := min(lines, cs[j-1].oldTo+context)
		newFrom := cs[i].newFrom - (cs[i].oldFrom - from)
		newTo := cs[j-1].newTo + (to - cs[j-1].oldTo)
		fmt.Fprintf(&b, "@@ -%s +%s @@\n", span(from, to), span(newFrom, newTo))
		at := from
		for _, c := range cs[i:j] {
			for ; at < c.oldFrom; at++ {
				write(' ', before(at))
			}
			for ; at < c.oldTo; at++ {
				write('-', before(at))
			}
			for n := c.newFrom; n < c.newTo; n++ {
				write('+', after(n))
			}
		}
		for ; at < to; at++ {
			write(' ', before(at))
		}
		i = j
	}
	return b.String()
}

// span is a range of lines as a hunk's head has it.
func span(from, to int) string {
	switch to - from {
	case 0:
		return fmt.Sprintf("%d,0", from)
	case 1:
		return fmt.Sprint(from + 1)
	}
	return fmt.Sprintf("%d,%d", from+1, to-from)
}

// tally counts the lines that a change takes away and adds.
func tally(cs []change) (removed, added int) {
	for _, c := range cs {
		removed += c.oldTo - c.oldFrom
		added += c.newTo - c.newFrom
	}
	return removed, added
}

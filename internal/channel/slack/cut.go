package slack

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"claude-permission-daemon/internal/preview"
)

// cost is how much of a message's size s takes. Slack does not document the
// limit on the sum of a message's blocks, nor its unit, so this counts the
// dearest plausible form: escaped, in UTF-16.
func cost(s string) int {
	n := 0
	for _, r := range s {
		n += runeCost(r)
	}
	return n
}

func runeCost(r rune) int {
	switch {
	case r == '&':
		return len("&amp;")
	case r == '<' || r == '>':
		return len("&lt;")
	case r > 0xFFFF:
		return 2
	}
	return 1
}

// textCost is the cost of every text in v that a person sees.
func textCost(v any) int {
	n := 0
	switch v := v.(type) {
	case object:
		for key, value := range v {
			if s, ok := value.(string); ok {
				if key == "text" {
					n += cost(s)
				}
				continue
			}
			n += textCost(value)
		}
	case []object:
		for _, value := range v {
			n += textCost(value)
		}
	case []any:
		for _, value := range v {
			n += textCost(value)
		}
	}
	return n
}

// share divides total among texts of the given costs: short ones get all they
// need, long ones equal parts of the rest.
func share(costs []int, total int) []int {
	given := make([]int, len(costs))
	open := len(costs)
	for open > 0 {
		each := max(total, 0) / open
		settled := false
		for i, c := range costs {
			if given[i] == 0 && c <= each {
				given[i] = max(c, 1)
				total -= given[i]
				open--
				settled = true
			}
		}
		if !settled {
			for i := range costs {
				if given[i] == 0 {
					given[i] = max(each, 1)
				}
			}
			return given
		}
	}
	return given
}

// cutMiddle returns s within a budget: whole, or its head and its tail with the
// number of characters left out between them (0: nothing was).
func cutMiddle(s string, budget int) (shown string, left int) {
	if cost(s) <= budget {
		return s, 0
	}
	const marker = 48 // more than the line between takes
	room := max(budget-marker, 0)
	head := prefix(s, room*2/3)
	tail := suffix(s[len(head):], room-cost(head))
	// Whole lines read better, where that costs little.
	if i := strings.LastIndexByte(head, '\n'); i > len(head)*3/4 {
		head = head[:i]
	}
	if i := strings.IndexByte(tail, '\n'); i >= 0 && i < len(tail)/4 {
		tail = tail[i+1:]
	}
	left = utf8.RuneCountInString(s[len(head) : len(s)-len(tail)])
	return head + "\n⟨… " + thousands(left) + " characters not shown …⟩\n" + tail, left
}

// prefix is the longest start of s that costs no more than budget.
func prefix(s string, budget int) string {
	for i, r := range s {
		if budget -= runeCost(r); budget < 0 {
			return s[:i]
		}
	}
	return s
}

// suffix is the longest end of s that costs no more than budget.
func suffix(s string, budget int) string {
	for i := len(s); i > 0; {
		r, size := utf8.DecodeLastRuneInString(s[:i])
		if budget -= runeCost(r); budget < 0 {
			return s[i:]
		}
		i -= size
	}
	return s
}

// line is foreign text for one line: hidden characters and line breaks shown,
// and at most most characters (by cost), the middle giving way to an ellipsis.
func line(s string, most int) string {
	// A line of many megabytes need not be revealed whole to be shortened.
	if far := 4 * most; len(s) > 2*far {
		s = s[:far] + "…" + s[len(s)-far:]
	}
	return clip(preview.Reveal(s), most)
}

// clip is line for what a preview says, which has been revealed.
func clip(s string, most int) string {
	s = strings.NewReplacer("\n", "⏎", "\t", " ").Replace(s)
	if cost(s) <= most {
		return s
	}
	head := prefix(s, most/2)
	return head + "…" + suffix(s[len(head):], most-1-cost(head))
}

// thousands writes n for people: 12,345.
func thousands(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// pieces divides s, between paragraphs, lines or words where such a place is
// near, so that each piece costs no more than most. Put together they are s.
func pieces(s string, most int) (all []string) {
	for s != "" {
		head := prefix(s, most)
		if len(head) < len(s) {
			near := len(head) / 2
			if i := strings.LastIndex(head, "\n\n"); i > len(head)*3/4 {
				head = head[:i+2]
			} else if i := strings.LastIndexByte(head, '\n'); i > near {
				head = head[:i+1]
			} else if i := strings.LastIndexByte(head, ' '); i > near {
				head = head[:i+1]
			}
			if i := strings.LastIndex(head, "⟨"); i > near && !strings.Contains(head[i:], "⟩") {
				head = head[:i] // what Reveal or a mask wrote stays in one piece
			}
		}
		all = append(all, head)
		s = s[len(head):]
	}
	return all
}

// utf16Len is a length as Slack counts it where it counts most.
func utf16Len(s string) int {
	n := 0
	for _, r := range s {
		n++
		if r > 0xFFFF {
			n++
		}
	}
	return n
}

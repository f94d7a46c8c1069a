package slack

// Markdown is drawn with its own signs left in, as on the page: prose in a
// quote, where a phone wraps it as prose, headings in bold, and code and tables
// monospaced. Every character of the source is there to be read, what a renderer
// would leave out included, and none of it can pass for words of the card.

import (
	"regexp"
	"strings"
)

var (
	heading = regexp.MustCompile(`^ {0,3}#{1,6}[ \t]`)
	fence   = regexp.MustCompile("^[ \t]*(`{3,}|~{3,})")
)

// mostElements is how many pieces a text may have before it is drawn in one.
const mostElements = 40

// markdown draws a text. Put together with line ends between them, the texts of
// the elements are it.
func markdown(text string) []any {
	var elements []any
	for _, group := range proseAndCode(strings.Split(text, "\n")) {
		if group.code {
			elements = append(elements, preformatted(strings.Join(group.lines, "\n"), ""))
			continue
		}
		elements = append(elements, object{"type": "rich_text_quote", "elements": proseRuns(group.lines)})
	}
	if len(elements) > mostElements {
		return []any{preformatted(text, "markdown")}
	}
	return elements
}

// lineGroup are lines that are drawn alike.
type lineGroup struct {
	code  bool
	lines []string
}

// proseAndCode sets the lines of a text apart. Empty lines go with what is
// before them, the first ones with what comes.
func proseAndCode(lines []string) (groups []lineGroup) {
	fenced := "" // what ends the block of code that we are in
	for _, line := range lines {
		mark := fence.FindStringSubmatch(line)
		code := fenced != "" || mark != nil || strings.HasPrefix(strings.TrimLeft(line, " "), "|")
		switch {
		case fenced == "" && mark != nil:
			fenced = mark[1]
		case mark != nil && strings.HasPrefix(mark[1], fenced) && strings.TrimSpace(line) == mark[1]:
			fenced = ""
		}
		last := len(groups) - 1
		if last == 0 && blank(strings.Join(groups[0].lines, "")) {
			groups[0].code = code
		}
		if last >= 0 && (groups[last].code == code || blank(line)) {
			groups[last].lines = append(groups[last].lines, line)
			continue
		}
		groups = append(groups, lineGroup{code, []string{line}})
	}
	return groups
}

// proseRuns are lines as runs, those of headings in bold.
func proseRuns(lines []string) (runs []any) {
	plain := ""
	flush := func() {
		if plain != "" {
			runs = append(runs, run(plain))
		}
		plain = ""
	}
	for i, line := range lines {
		if i > 0 {
			plain += "\n"
		}
		if heading.MatchString(line) {
			flush()
			runs = append(runs, bold(line))
			continue
		}
		plain += line
	}
	flush()
	if len(runs) == 0 {
		return []any{run("")}
	}
	return runs
}

package slack

// Markdown is drawn with its own signs left in, as on the page: prose in a
// quote, where a phone wraps it as prose, headings in bold, and code and tables
// monospaced. Every character of the source is there to be read, what a renderer
// would leave out included, and none of it can pass for words of the card.

import (
	"strings"

	"claude-permission-daemon/internal/preview"
)

// mostElements is how many pieces a text may have before it is drawn in one.
const mostElements = 40

// markdown draws a text. Put together with line ends between them, the texts of
// the elements are it.
func markdown(text string) []any {
	var elements []any
	for _, group := range proseAndCode(preview.Markdown(strings.Split(text, "\n"))) {
		if group.code {
			elements = append(elements, preformatted(group.text(), ""))
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
	lines []preview.MarkdownLine
}

// text is the lines as they stand.
func (g lineGroup) text() string {
	texts := make([]string, len(g.lines))
	for i, line := range g.lines {
		texts[i] = line.Text
	}
	return strings.Join(texts, "\n")
}

// proseAndCode sets the lines of a text apart. Empty lines go with what is
// before them, the first ones with what comes.
func proseAndCode(lines []preview.MarkdownLine) (groups []lineGroup) {
	for _, line := range lines {
		code := line.Kind == preview.Fence || line.Kind == preview.Preformatted
		last := len(groups) - 1
		if last == 0 && blank(groups[0].text()) {
			groups[0].code = code
		}
		if last >= 0 && (groups[last].code == code || blank(line.Text)) {
			groups[last].lines = append(groups[last].lines, line)
			continue
		}
		groups = append(groups, lineGroup{code, []preview.MarkdownLine{line}})
	}
	return groups
}

// proseRuns are lines as runs, those of headings in bold.
func proseRuns(lines []preview.MarkdownLine) (runs []any) {
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
		if line.Kind == preview.Heading {
			flush()
			runs = append(runs, bold(line.Text))
			continue
		}
		plain += line.Text
	}
	flush()
	if len(runs) == 0 {
		return []any{run("")}
	}
	return runs
}

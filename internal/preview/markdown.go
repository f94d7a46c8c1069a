package preview

import (
	"regexp"
	"strings"
)

// MarkdownKind is what a line of a Markdown text is.
type MarkdownKind int

// The kinds. A line of a table is Preformatted too.
const (
	Prose MarkdownKind = iota
	Heading
	Item
	Quoted
	Fence        // begins a block of code
	Preformatted // in such a block, its end included
)

// MarkdownLine is a line of a Markdown text with all its signs.
type MarkdownLine struct {
	Kind MarkdownKind
	Text string
	// Sign is how many bytes before a heading's words are its sign; Level is the
	// heading's, or how deep an item hangs, by blanks of two.
	Sign, Level int
}

var (
	heading = regexp.MustCompile(`^ {0,3}(#{1,6})[ \t]`)
	item    = regexp.MustCompile(`^([ \t]*)(?:[-*+]|\d{1,9}[.)])[ \t]`)
	fence   = regexp.MustCompile("^[ \t]*(`{3,}|~{3,})")
)

// Markdown sets the lines of a text apart by what they are, for a channel that
// draws them so. It takes nothing away: what a renderer leaves out, a comment, a
// link's address, nobody would have judged.
func Markdown(lines []string) []MarkdownLine {
	out := make([]MarkdownLine, len(lines))
	fenced := "" // what ends the block of code that we are in
	for i, line := range lines {
		l := MarkdownLine{Text: line}
		mark, trimmed := fence.FindStringSubmatch(line), strings.TrimLeft(line, " ")
		switch {
		case fenced != "":
			l.Kind = Preformatted
			if mark != nil && strings.HasPrefix(mark[1], fenced) && strings.TrimSpace(line) == mark[1] {
				fenced = ""
			}
		case mark != nil:
			l.Kind, fenced = Fence, mark[1]
		case heading.MatchString(line):
			m := heading.FindStringSubmatch(line)
			l.Kind, l.Sign, l.Level = Heading, len(m[0]), len(m[1])
		case item.MatchString(line):
			blanks := strings.ReplaceAll(item.FindStringSubmatch(line)[1], "\t", "    ")
			l.Kind, l.Level = Item, len(blanks)/2
		case strings.HasPrefix(trimmed, ">"):
			l.Kind = Quoted
		case strings.HasPrefix(trimmed, "|"):
			l.Kind = Preformatted
		}
		out[i] = l
	}
	return out
}

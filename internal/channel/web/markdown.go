package web

import (
	"regexp"
	"strconv"

	"claude-permission-daemon/internal/preview"
)

// Markdown is drawn with its own signs left in: headings are large, lists hang,
// code is monospaced, and every character of the source is there to be read, a
// comment, a link's address and an entity included. What a renderer leaves out
// nobody would have judged. A test holds that the drawn text is the source.

var inline = regexp.MustCompile("`[^`\n]+`|\\*\\*[^*\n]+\\*\\*")

// markdownLines draws the source's lines by what they are.
func markdownLines(lines []string) []lineView {
	var drawn []lineView
	for _, line := range preview.Markdown(lines) {
		var v lineView
		switch line.Kind {
		case preview.Preformatted:
			v = lineView{Class: "code", Runs: runsOf(line.Text)}
		case preview.Fence:
			v = lineView{Class: "code", Runs: kindOf("dim", line.Text)}
		case preview.Heading:
			v = lineView{Class: "h" + strconv.Itoa(min(line.Level, 3)),
				Runs: append(kindOf("dim", line.Text[:line.Sign]), inlineRuns(line.Text[line.Sign:])...)}
		case preview.Item:
			v = lineView{Class: "item in" + strconv.Itoa(min(line.Level, 4)), Runs: inlineRuns(line.Text)}
		case preview.Quoted:
			v = lineView{Class: "quote", Runs: inlineRuns(line.Text)}
		default:
			v = lineView{Runs: inlineRuns(line.Text)}
		}
		drawn = append(drawn, v)
	}
	return drawn
}

// inlineRuns emphasises what is emphasised, and leaves its signs in.
func inlineRuns(text string) []run {
	var runs []run
	at := 0
	for _, found := range inline.FindAllStringIndex(text, -1) {
		if found[0] > at {
			runs = append(runs, runsOf(text[at:found[0]])...)
		}
		kind, sign := "code", 1
		if text[found[0]] == '*' {
			kind, sign = "strong", 2
		}
		runs = append(runs, kindOf("dim", text[found[0]:found[0]+sign])...)
		runs = append(runs, kindOf(kind, text[found[0]+sign:found[1]-sign])...)
		runs = append(runs, kindOf("dim", text[found[1]-sign:found[1]])...)
		at = found[1]
	}
	if at < len(text) || text == "" {
		runs = append(runs, runsOf(text[at:])...)
	}
	return runs
}

// kindOf is runsOf of text of one kind.
func kindOf(kind, text string) []run {
	runs := runsOf(text)
	for i := range runs {
		if !runs[i].Mark {
			runs[i].Kind = kind
		}
	}
	return runs
}

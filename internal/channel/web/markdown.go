package web

import (
	"regexp"
	"strconv"
	"strings"
)

// Markdown is drawn with its own signs left in: headings are large, lists hang,
// code is monospaced, and every character of the source is there to be read, a
// comment, a link's address and an entity included. What a renderer leaves out
// nobody would have judged. A test holds that the drawn text is the source.

var (
	heading = regexp.MustCompile(`^ {0,3}(#{1,6})[ \t]`)
	item    = regexp.MustCompile(`^([ \t]*)(?:[-*+]|\d{1,9}[.)])[ \t]`)
	fence   = regexp.MustCompile("^[ \t]*(`{3,}|~{3,})")
	inline  = regexp.MustCompile("`[^`\n]+`|\\*\\*[^*\n]+\\*\\*")
)

// markdownLines sets the source's lines apart by what they are.
func markdownLines(lines []string) []lineView {
	var drawn []lineView
	fenced := "" // what ends the block of code that we are in
	for _, line := range lines {
		mark := fence.FindStringSubmatch(line)
		switch {
		case fenced != "":
			drawn = append(drawn, lineView{Class: "code", Runs: runsOf(line)})
			if mark != nil && strings.HasPrefix(mark[1], fenced) && strings.TrimSpace(line) == mark[1] {
				fenced = ""
			}
		case mark != nil:
			fenced = mark[1]
			drawn = append(drawn, lineView{Class: "code", Runs: kindOf("dim", line)})
		case heading.MatchString(line):
			m := heading.FindStringSubmatch(line)
			at := len(m[0])
			drawn = append(drawn, lineView{Class: "h" + strconv.Itoa(min(len(m[1]), 3)),
				Runs: append(kindOf("dim", line[:at]), inlineRuns(line[at:])...)})
		case item.MatchString(line):
			m := item.FindStringSubmatch(line)
			depth := len(strings.ReplaceAll(m[1], "\t", "    ")) / 2
			drawn = append(drawn, lineView{Class: "item in" + strconv.Itoa(min(depth, 4)), Runs: inlineRuns(line)})
		case strings.HasPrefix(strings.TrimLeft(line, " "), ">"):
			drawn = append(drawn, lineView{Class: "quote", Runs: inlineRuns(line)})
		case strings.HasPrefix(strings.TrimLeft(line, " "), "|"):
			drawn = append(drawn, lineView{Class: "code", Runs: runsOf(line)})
		default:
			drawn = append(drawn, lineView{Runs: inlineRuns(line)})
		}
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

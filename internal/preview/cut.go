package preview

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Excerpt is a text for a place that has not room for all of it: its head and
// its tail, and exactly how much is between. Head and Tail are the beginning
// and the end of the text, to the byte.
type Excerpt struct {
	Head, Tail string
	// Lines and Chars count the line breaks and the characters between. Chars
	// is 0 where the text is whole: then Head is all of it.
	Lines, Chars int
	// Bytes and SHA256 (hex) are those of the whole text.
	Bytes  int
	SHA256 string
}

// Whole reports whether nothing is left out.
func (e Excerpt) Whole() bool { return e.Chars == 0 }

// Between says what is left out, in words that a text cannot imitate: Reveal
// shows the brackets of every text it is given as ⟨U+27E8⟩.
func (e Excerpt) Between() string {
	if e.Whole() {
		return ""
	}
	if e.Lines == 0 {
		return fmt.Sprintf("⟨%d characters not shown⟩", e.Chars)
	}
	return fmt.Sprintf("⟨%d characters in %d lines not shown⟩", e.Chars, e.Lines+1)
}

// String is head, what is between, and tail, each on lines of its own.
func (e Excerpt) String() string {
	if e.Whole() {
		return e.Head
	}
	return strings.TrimSuffix(e.Head, "\n") + "\n" + e.Between() + "\n" + e.Tail
}

// Cut makes an excerpt of text of at most maxLines lines and maxChars
// characters (Unicode code points), two thirds of them from its head. Limits
// below 1 mean no limit. It cuts at line ends where they are near, and never
// inside what Reveal or a mask wrote.
func Cut(text string, maxLines, maxChars int) Excerpt {
	sum := sha256.Sum256([]byte(text))
	e := Excerpt{Bytes: len(text), SHA256: hex.EncodeToString(sum[:])}
	lines, chars := strings.Count(strings.TrimSuffix(text, "\n"), "\n")+1, utf8.RuneCountInString(text)
	if maxLines < 1 {
		maxLines = lines
	}
	if maxChars < 1 {
		maxChars = chars
	}
	if lines <= maxLines && chars <= maxChars {
		e.Head = text
		return e
	}
	head := before(text, maxLines-maxLines/3, maxChars-maxChars/3)
	tail := after(text[head:], maxLines/3, maxChars/3) + head
	e.Head, e.Tail = text[:head], text[tail:]
	e.Lines = strings.Count(text[head:tail], "\n")
	e.Chars = utf8.RuneCountInString(text[head:tail])
	return e
}

// before is where the head of text ends that has so many lines and characters.
func before(text string, lines, chars int) int {
	end, lineEnd := 0, 0
	for end < len(text) && chars > 0 && lines > 0 {
		r, size := utf8.DecodeRuneInString(text[end:])
		end += size
		chars--
		if r == '\n' {
			lines--
			lineEnd = end
		}
	}
	if end == len(text) {
		// Only the limit of the whole is exceeded, by the tail's share.
		return wholeBrackets(text, end)
	}
	if lineEnd*2 > end {
		return lineEnd
	}
	return wholeBrackets(text, end)
}

// after is where the tail of text begins that has so many lines and characters.
func after(text string, lines, chars int) int {
	start, lineStart := len(text), len(text)
	for start > 0 && chars > 0 && lines > 0 {
		r, size := utf8.DecodeLastRuneInString(text[:start])
		if r == '\n' && start < len(text) {
			if lines--; lines == 0 {
				lineStart = start
				break
			}
			lineStart = start
		}
		start -= size
		chars--
	}
	if start < len(text) && (len(text)-lineStart)*2 > len(text)-start {
		return lineStart
	}
	if open := strings.LastIndex(text[:start], "⟨"); open >= 0 && start-open < 64 {
		if shut := strings.Index(text[open:], "⟩"); shut >= 0 && open+shut >= start {
			return open + shut + len("⟩")
		}
	}
	return start
}

// wholeBrackets moves a cut at end out of what Reveal or a mask wrote.
func wholeBrackets(text string, end int) int {
	open := strings.LastIndex(text[:end], "⟨")
	if open < 0 || end-open > 64 {
		return end
	}
	if shut := strings.Index(text[open:], "⟩"); shut >= 0 && open+shut >= end {
		return open
	}
	return end
}

package tomledit

import (
	"slices"
	"strings"
)

// entry is one key with its value. All places are byte offsets.
type entry struct {
	path       []string // the table's and the key's own
	array      bool     // in one of an array of tables
	dotted     bool     // written as table.key, before any header
	indent     string
	line, next int // its first line, and the line after its last
	value, end int // the value alone
}

// header is a [table] line.
type header struct {
	path   []string
	array  bool
	indent string
	next   int // the line after it
}

// scanned is where things stand in a TOML text. The text is valid; of one that
// is not, anything may be said.
type scanned struct {
	text    string
	newline string
	headers []header
	entries []entry
}

func (s *scanned) find(table, key string) int {
	return slices.IndexFunc(s.entries, func(e entry) bool { return !e.array && slices.Equal(e.path, []string{table, key}) })
}

// scan reads the text line by line; a value may take several.
func scan(text string) *scanned {
	s := &scanned{text: text, newline: "\n"}
	if strings.Contains(text, "\r\n") {
		s.newline = "\r\n"
	}
	var table header
	at := len(text) - len(strings.TrimPrefix(text, "\ufeff"))
	for at < len(text) {
		line := at
		at = skip(text, at, " \t")
		indent := text[line:at]
		switch {
		case at == len(text):
		case text[at] == '[':
			table = header{array: strings.HasPrefix(text[at:], "[["), indent: indent}
			for at < len(text) && text[at] == '[' {
				at++
			}
			table.path, at = keyPath(text, at)
			table.next = lineAfter(text, at)
			s.headers = append(s.headers, table)
		case text[at] != '#' && text[at] != '\r' && text[at] != '\n':
			e := entry{array: table.array, indent: indent, line: line}
			var own []string
			own, at = keyPath(text, at)
			e.dotted = len(table.path) == 0 && len(own) == 2
			e.path = append(slices.Clone(table.path), own...)
			if at < len(text) && text[at] == '=' {
				at++
			}
			e.value = skip(text, at, " \t")
			e.end = valueEnd(text, e.value)
			e.next = lineAfter(text, e.end)
			at = e.end
			s.entries = append(s.entries, e)
		}
		at = lineAfter(text, at)
	}
	return s
}

func skip(text string, at int, of string) int {
	for at < len(text) && strings.IndexByte(of, text[at]) >= 0 {
		at++
	}
	return at
}

func lineAfter(text string, at int) int {
	if n := strings.IndexByte(text[at:], '\n'); n >= 0 {
		return at + n + 1
	}
	return len(text)
}

// keyPath reads a.b."c d" and returns where it ended: at the = or the ].
func keyPath(text string, at int) (path []string, end int) {
	for at < len(text) {
		at = skip(text, at, " \t")
		begin := at
		if at < len(text) && (text[at] == '"' || text[at] == '\'') {
			at = stringEnd(text, at)
			// An escape in a key is left as it stands: no key of ours has one.
			path = append(path, strings.Trim(text[begin:at], text[begin:begin+1]))
		} else {
			for at < len(text) && !strings.ContainsRune(" \t.=]\r\n", rune(text[at])) {
				at++
			}
			path = append(path, text[begin:at])
		}
		at = skip(text, at, " \t")
		if at == len(text) || text[at] != '.' {
			break
		}
		at++
	}
	return path, at
}

// valueEnd is where the value that begins at at has ended.
func valueEnd(text string, at int) int {
	depth, end := 0, at
	for at < len(text) {
		switch text[at] {
		case '"', '\'':
			at = stringEnd(text, at)
			end = at
			continue
		case '#': // up to the end of the line, which may end the value
			if n := strings.IndexByte(text[at:], '\n'); n >= 0 {
				at += n
				continue
			}
			return end
		case '\n':
			if depth == 0 {
				return end
			}
		case '[', '{':
			depth++
		case ']', '}':
			depth--
		case ' ', '\t', '\r':
			at++
			continue
		}
		at++
		if text[at-1] != '\n' {
			end = at
		}
	}
	return end
}

// stringEnd is where the string that begins at at has ended, of any of the four
// kinds.
func stringEnd(text string, at int) int {
	quote := text[at : at+1]
	if triple := strings.Repeat(quote, 3); strings.HasPrefix(text[at:], triple) {
		quote = triple
	}
	for at += len(quote); at < len(text); at++ {
		switch {
		case text[at] == '\\' && quote[0] == '"':
			at++
		case strings.HasPrefix(text[at:], quote):
			at += len(quote)
			// Up to two quotes more belong to a string of several lines.
			for len(quote) == 3 && at < len(text) && text[at] == quote[0] {
				at++
			}
			return at
		}
	}
	return len(text)
}

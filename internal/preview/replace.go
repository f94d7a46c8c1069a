package preview

import (
	"strings"
	"unicode/utf8"
)

// What Claude Code makes of a file's text before and after an edit, and how it
// finds what an edit replaces, is more than its documentation says. All of
// this was measured with Claude Code 2.1.330; test/e2e/claude holds it there.

const byteOrderMark = "\ufeff"

// fileText is a file's content as Claude Code edits it: lines end in LF, and
// the byte order mark is set aside.
type fileText struct {
	text string
	mark bool // a byte order mark stands before it
	crlf bool // it is written with CR LF
}

func fileTextOf(content string) fileText {
	t := fileText{crlf: mostlyCRLF(content)}
	content, t.mark = strings.CutPrefix(content, byteOrderMark)
	t.text = strings.ReplaceAll(content, "\r\n", "\n")
	return t
}

// content is the text as it is written back: with one kind of line end
// throughout, whatever mixture there was.
func (t fileText) content() string {
	text := t.text
	if t.crlf {
		text = strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\n", "\r\n")
	}
	if t.mark {
		return byteOrderMark + text
	}
	return text
}

// mostlyCRLF reports whether more lines end in CR LF than in LF, in as much of
// the content as Claude Code looks at: 4096 units of UTF-16.
func mostlyCRLF(content string) bool {
	units, pairs, alone := 0, 0, 0
	for i, r := range content {
		if units++; r > 0xffff {
			units++
		}
		if units > 4096 {
			break
		}
		switch {
		case r != '\n':
		case i > 0 && content[i-1] == '\r':
			pairs++
		default:
			alone++
		}
	}
	return pairs > alone
}

// written is what a Write of content over a file makes of it: a byte order mark
// stays.
func written(before, content string) string {
	if content != "" && strings.HasPrefix(before, byteOrderMark) && !strings.HasPrefix(content, byteOrderMark) {
		return byteOrderMark + content
	}
	return content
}

// replacement is one replacement that an Edit makes.
type replacement struct {
	from, to string
	all      bool
}

// fit is what a replacement does to a text.
type fit struct {
	after string
	of    int // so many places have the text to replace; 0: it was not found
	done  int // so many of them are replaced; 0: Claude Code refuses
	// quotes says that only its quotation marks differ from the text's.
	quotes bool
	// newline says that the newline after each place goes too.
	newline bool
}

func (r replacement) in(text string) fit {
	if r.from == "" {
		if strings.TrimSpace(text) == "" { // Claude Code takes it for a new file
			return fit{after: r.to, of: 1, done: 1}
		}
		return fit{}
	}
	var f fit
	from, to := r.from, r.to
	if !strings.Contains(text, from) {
		if from = quotedIn(text, from); from == "" {
			return fit{}
		}
		f.quotes = from != r.from
		to = quotedLike(from, to)
	}
	f.of = strings.Count(text, from)
	if f.of > 1 && !r.all {
		return f
	}
	// A text that is deleted takes the line's end with it, where that is
	// possible anywhere. Places in the middle of a line stay then.
	if to == "" && !strings.HasSuffix(from, "\n") && strings.Contains(text, from+"\n") {
		f.newline = true
		from += "\n"
	}
	f.done = strings.Count(text, from)
	f.after = strings.ReplaceAll(text, from, to)
	return f
}

// straight writes curly quotation marks as straight ones.
var straight = strings.NewReplacer("‘", "'", "’", "'", "“", `"`, "”", `"`)

// quotedIn is the first part of text that is like from but for curly and
// straight quotation marks; "" if there is none.
func quotedIn(text, from string) string {
	from = straight.Replace(from)
	at := strings.Index(straight.Replace(text), from)
	if at < 0 {
		return ""
	}
	plain, start := 0, -1 // bytes of the straight text, and where the part begins
	for i := 0; i <= len(text); {
		if plain == at && start < 0 {
			start = i
		}
		if plain == at+len(from) {
			return text[start:i]
		}
		r, size := utf8.DecodeRuneInString(text[i:])
		i += size
		if strings.ContainsRune("‘’“”", r) {
			size = 1
		}
		plain += size
	}
	return ""
}

// quotedLike gives s the kind of quotation marks that found has: curly ones
// instead of straight ones.
func quotedLike(found, s string) string {
	double, single := strings.ContainsAny(found, "“”"), strings.ContainsAny(found, "‘’")
	if !double && !single {
		return s
	}
	var b strings.Builder
	before := ' '
	for _, r := range s {
		opens := strings.ContainsRune(" \t\r\n([{—–", before)
		before = r
		switch {
		case r == '"' && double && opens:
			r = '“'
		case r == '"' && double:
			r = '”'
		case r == '\'' && single && opens:
			r = '‘'
		case r == '\'' && single:
			r = '’'
		}
		b.WriteRune(r)
	}
	return b.String()
}

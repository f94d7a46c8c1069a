// Package preview turns a request into what a person is shown of it, free of
// any channel's markup: every channel draws the same words. Nothing is cut
// silently, hidden characters are made visible, and what Claude says of its
// own request is kept apart from what will happen.
package preview

import (
	"bytes"
	"encoding/json"
	"strings"

	"claude-permission-daemon/internal/permit"
)

// Preview is what a person is shown of one request. All text is safe to show
// as plain text: control, format and bidi characters appear as ⟨U+XXXX⟩, and
// secrets as ⟨masked: 40 chars⟩.
type Preview struct {
	// Title says in a few words what kind of thing is asked: "Run a command".
	Title string
	// Summary is one line for lists and lock screens: the start of what matters.
	Summary string
	// Parts are what will happen, in reading order.
	Parts []Part
	// Claim is Claude's own description. Label it as Claude's words.
	Claim string
	// Warnings inform; they never decide.
	Warnings []string
	// Flags are facts about the change in two or three words each, fit for a
	// line of labels: "new file", "overwrites a file".
	Flags []Flag
	// Masked says what was masked and why, one sentence each. Empty: nothing was.
	Masked []string
}

// Flag is a fact about a change, readable as it is.
type Flag string

// The flags.
const (
	NewFile    Flag = "new file"
	Overwrites Flag = "overwrites a file"
	Deletes    Flag = "deletes"
	NoChange   Flag = "changes nothing"
	Binary     Flag = "binary"
	Huge       Flag = "very large"
	NotFound   Flag = "text to replace not found"
	Ambiguous  Flag = "text to replace found several times"
	Unread     Flag = "file not read"
	Symlink    Flag = "through a symbolic link"
	Outside    Flag = "outside the project"
)

// PartKind says how a part wants to be drawn. A channel that does not know a
// kind draws it as Code: Text is always complete.
type PartKind string

// The kinds of part.
const (
	Code  PartKind = "code"  // monospaced, line breaks kept
	Diff  PartKind = "diff"  // unified diff lines, monospaced
	Text  PartKind = "text"  // prose
	Table PartKind = "table" // Rows; Text says the same
)

// Part is one labelled piece of a request.
type Part struct {
	Label string // "command", "file", …; may be empty
	Kind  PartKind
	Lang  string // for Code and Text, where known: "bash", "json", "markdown"
	Text  string // whole
	// Rows are a Table's names and values.
	Rows [][2]string
	// Bytes and SHA256 (hex) are those of the piece as Claude Code gave it,
	// before anything was made visible or masked. Zero where there is no such
	// piece (a diff).
	Bytes  int
	SHA256 string
}

// Of describes a request.
func Of(r permit.Request) Preview {
	var fields map[string]json.RawMessage
	_ = json.Unmarshal(r.Input, &fields) // not an object: shown as it is, below
	text := func(key string) (string, bool) {
		var s string
		if err := json.Unmarshal(fields[key], &s); err != nil {
			return "", false
		}
		return s, true
	}
	p := Preview{Title: "Use " + Reveal(r.Tool)}
	if claim, ok := text("description"); ok {
		p.Claim = Reveal(claim)
	}
	if command, ok := text("command"); ok && r.Tool == "Bash" {
		p.Title = "Run a command"
		p.Parts = []Part{{Label: "command", Kind: Code, Lang: "bash", Text: Reveal(command)}}
		p.Summary = firstLine(p.Parts[0].Text)
		return p
	}
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, r.Input, "", "  "); err != nil {
		pretty.Reset()
		pretty.Write(r.Input)
	}
	p.Parts = []Part{{Label: "input", Kind: Code, Lang: "json", Text: Reveal(pretty.String())}}
	for _, key := range []string{"file_path", "url", "query", "pattern"} {
		if value, ok := text(key); ok {
			p.Summary = firstLine(Reveal(value))
			return p
		}
	}
	p.Summary = firstLine(Reveal(string(r.Input)))
	return p
}

// firstLine is the start of s for a list: one line, at most 120 characters,
// with an ellipsis where there is more.
func firstLine(s string) string {
	line, _, more := strings.Cut(s, "\n")
	if runes := []rune(line); len(runes) > 120 {
		return string(runes[:119]) + "…"
	}
	if more {
		return line + " …"
	}
	return line
}

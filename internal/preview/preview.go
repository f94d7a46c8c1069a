// Package preview turns a request into what a person is shown of it, free of
// any channel's markup: every channel draws the same words. Nothing is cut
// silently, hidden characters are made visible, secrets are masked and said to
// be, and what Claude says of its own request is kept apart from what will
// happen.
package preview

import (
	"strings"
	"sync"

	"claude-permission-daemon/internal/mask"
	"claude-permission-daemon/internal/permit"
)

// Preview is what a person is shown of one request. All text is safe to show
// as plain text: control, format and bidi characters appear as ⟨U+XXXX⟩, and
// secrets as ⟨masked: 40 chars⟩. It has been through Reveal; a channel escapes
// for its markup and reveals nothing again.
type Preview struct {
	// Title says in a few words what kind of thing is asked: "Run a command".
	Title string
	// Summary is one line for lists and lock screens: the start of what matters.
	Summary string
	// Project, Branch and Cwd are where it is asked.
	Project, Branch, Cwd string
	// Parts are what will happen, in reading order.
	Parts []Part
	// Claim is Claude's own description. Label it as Claude's words.
	Claim string
	// Warnings inform; they never decide. docs/warnings.md lists them.
	Warnings []string
	// Flags are facts about the change in two or three words each, fit for a
	// line of labels: "new file", "overwrites a file".
	Flags []Flag
	// Ways are how it can be answered here, in the order of their buttons. Their
	// texts may be shown as they are. An answer carries the way's Name and Pick,
	// and what was filled into its Form.
	Ways []permit.Way
	// Held says why it cannot be allowed here; empty: it can.
	Held string
	// Unoffered says why some ways are not offered here: to change it, a rule for
	// always. Mostly empty.
	Unoffered string
	// Withheld: the user wants nothing of the request but tool and project to
	// leave the machine. A channel then draws no folder, branch or session.
	Withheld bool
	// Masked says what was masked and why, one sentence each. Empty: nothing was.
	Masked []string
}

// Flag is a fact about a change, readable as it is.
type Flag string

// The flags.
const (
	NewFile    Flag = "new file"
	Overwrites Flag = "overwrites a file"
	Deletes    Flag = "only deletes"
	Empties    Flag = "empties the file"
	NoChange   Flag = "changes nothing"
	Binary     Flag = "binary"
	Huge       Flag = "very large"
	NotFound   Flag = "text to replace not found"
	Ambiguous  Flag = "text to replace found several times"
	Unread     Flag = "file not read"
	Symlink    Flag = "through a symbolic link"
	Outside    Flag = "outside the project"
	Background Flag = "in the background"
)

// PartKind says how a part wants to be drawn. A channel that does not know a
// kind draws it as Code: Text is always complete.
type PartKind string

// The kinds of part.
const (
	Code  PartKind = "code"  // monospaced, line breaks kept
	Diff  PartKind = "diff"  // unified diff lines, monospaced; "@@ -12,7 +12,8 @@" gives line numbers
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
	// before anything was made visible or masked. Bytes is 0 where there is no
	// such piece (a diff, a table). SHA256 is empty there too, and where something is
	// masked: with everything else known, a digest lets a short secret be
	// guessed.
	Bytes  int
	SHA256 string
}

// Options are what a Previewer works with. The zero value reads no file, knows
// no home folder, and masks by form alone.
type Options struct {
	// Files is the disk that changes are compared with; nil: none is read.
	Files Files
	// Home is the person's home folder, as an absolute path.
	Home string
	// Mask hides secrets; nil masks by form alone.
	Mask *mask.Masker
	// Policy says what the user's rules want; nil: nothing.
	Policy func(permit.Request) Policy
	// Edit offers to change an input before it is allowed.
	Edit bool
	// Withhold keeps all but tool and project back from Of.
	Withhold bool
}

// Previewer describes requests. It is safe for concurrent use.
type Previewer struct {
	o    Options
	mu   sync.Mutex // guards kept
	kept []kept     // newest last
}

// kept is a preview that was made: what a person was shown stays what it was
// when the tool has run and the file on disk is another.
type kept struct {
	id, digest string
	generation int
	masked     bool // what was shown is the journal's
	original   bool
	preview    Preview
	size       int
}

// What a Previewer keeps at most: so many previews, and of so many bytes.
const (
	maxKept      = 64
	maxKeptBytes = 2 << 20
)

// New makes a Previewer.
func New(o Options) *Previewer { return &Previewer{o: o} }

// Of describes a request with its secrets masked: for everything that may
// leave the machine. The same request gives the same preview for as long as it
// is among the last few dozen, whatever became of its files.
func (p *Previewer) Of(r permit.Request) Preview { return p.of(r, false) }

// Original describes a request with nothing masked: for the page on loopback
// only. A channel that sends anywhere else is not given it.
func (p *Previewer) Original(r permit.Request) Preview { return p.of(r, true) }

func (p *Previewer) of(r permit.Request, original bool) Preview {
	if r.ID == "" {
		return draw(p.o, r, original) // no way to tell it from another
	}
	p.mu.Lock()
	for _, k := range p.kept {
		if k.id == r.ID && k.generation == r.Generation && k.digest == r.Digest && k.masked == r.Masked && k.original == original {
			p.mu.Unlock()
			return k.preview
		}
	}
	p.mu.Unlock()
	made := draw(p.o, r, original)
	size := 0
	for _, part := range made.Parts {
		size += len(part.Text)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, k := range p.kept {
		if k.id == r.ID && k.generation == r.Generation && k.digest == r.Digest && k.masked == r.Masked && k.original == original {
			return k.preview // another was faster; the first one shown counts
		}
	}
	p.kept = append(p.kept, kept{r.ID, r.Digest, r.Generation, r.Masked, original, made, size})
	total := 0
	for _, k := range p.kept {
		total += k.size
	}
	for len(p.kept) > maxKept || total > maxKeptBytes && len(p.kept) > 1 {
		total -= p.kept[0].size
		p.kept[0] = kept{}
		p.kept = p.kept[1:]
	}
	return made
}

// Of describes a request without reading any file, masking secrets by form
// alone.
func Of(r permit.Request) Preview { return draw(Options{}, r, false) }

// knownAtOnce is how large an input may be so that its secrets are looked for
// before anything is drawn. Of a larger one they are masked everywhere at the
// end, but for what was cut meanwhile.
const knownAtOnce = 64 << 10

// documents are all that Claude Code says of a request.
func documents(r permit.Request) [][]byte {
	docs := [][]byte{r.Input, []byte(r.Why)}
	for _, s := range r.Suggestions {
		docs = append(docs, s)
	}
	return docs
}

// draw makes the preview.
func draw(o Options, r permit.Request, original bool) Preview {
	if !original && len(r.Input) <= knownAtOnce {
		o.Mask = o.Mask.Knowing(documents(r)...)
	}
	d := &drawing{o: o, r: r, original: original, root: projectRoot(r)}
	if o.Withhold && !original {
		return withheld(d)
	}
	d.p.Project, d.p.Branch, d.p.Cwd = d.say(r.Project), d.say(r.Branch), d.say(r.Cwd)
	var isObject bool
	d.input, isObject = parseObject(r.Input)
	describe := tools[r.Tool]
	switch {
	case !isObject:
		describe = (*drawing).anything
	case r.Kind == permit.Elicitation:
		describe = (*drawing).elicitation
	case r.Kind == permit.Finished:
		describe = (*drawing).finished
	case describe == nil && strings.HasPrefix(r.Tool, "mcp__"):
		describe = (*drawing).mcp
	case describe == nil:
		describe = (*drawing).anything
	}
	describe(d)
	if r.Kind == permit.Refused {
		d.refused()
	}
	d.rest()
	d.ways()
	d.finish()
	return d.p
}

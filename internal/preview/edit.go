package preview

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"sort"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"claude-permission-daemon/internal/mask"
)

// huge is the size in bytes from which a file's new content is called very
// large.
const huge = 256 << 10

// use says what a tool does with a path.
type use int

const (
	reading use = iota
	writing
)

// path shows a path that a tool works on, and says where it leads. abs is ""
// where that cannot be told.
func (d *drawing) path(label, path string, u use) (abs string) {
	d.part(label, Code, "", path)
	abs = d.absolute(path)
	if abs == "" {
		d.summary(path)
		return ""
	}
	d.summary(d.short(abs))
	real := abs
	if d.o.Files != nil {
		real = d.o.Files.Resolve(abs)
		if root := d.o.Files.Resolve(d.root); real != abs && root != d.root && within(real, root) {
			real = filepath.Join(d.root, strings.TrimPrefix(real, root)) // the project itself is behind a link
		}
	}
	outside := d.root != "" && !within(abs, d.root)
	if real != abs {
		d.flag(Symlink)
		d.table("", [][2]string{{"leads to", real}})
		if d.root != "" && !outside && !within(real, d.root) {
			d.warn(linkOut, d.say(d.short(abs)+" → "+real))
			outside = true
		}
	}
	if outside {
		d.flag(Outside)
		if u == writing {
			d.warn(writesOutside, d.say(real))
		}
	}
	for _, path := range slices.Compact([]string{abs, real}) {
		d.judgePath(path, u)
		if u == writing && d.isCredential(path) {
			d.warn(credentialsWritten, d.say(d.short(path)))
			d.credentials = !d.original
		}
	}
	return abs
}

// file reads the file at abs; nobody looks where there is no disk.
func (d *drawing) file(abs string) File {
	if d.o.Files == nil || abs == "" {
		return File{}
	}
	return d.o.Files.Read(abs)
}

// note adds a sentence of ours about the change.
func (d *drawing) note(format string, args ...any) {
	d.p.Parts = append(d.p.Parts, Part{Kind: Text, Text: fmt.Sprintf(format, args...)})
}

// unreadNote says why a change is shown without the file it changes.
func (d *drawing) unreadNote(f File) {
	d.flag(Unread)
	switch f.State {
	case TooLarge:
		d.note("The file on disk has %s, too many to compare with.", count(int(f.Size), "byte"))
	case Unreadable:
		d.note("The file on disk was not read: it is %s.", d.show(f.Why))
	}
}

func (d *drawing) edit() {
	d.p.Title = "Change a file"
	path, ok := d.input.has("file_path")
	if !ok {
		d.anything()
		return
	}
	from, to := d.input.text("old_string"), d.input.text("new_string")
	d.replace(path, []replacement{{from, to, d.input.is("replace_all")}})
}

func (d *drawing) multiEdit() {
	d.p.Title = "Change a file"
	path, ok := d.input.has("file_path")
	edits, done := d.input.list("edits")
	if !ok || len(edits) == 0 {
		d.anything()
		return
	}
	var list []replacement
	for _, e := range edits {
		list = append(list, replacement{e.text("old_string"), e.text("new_string"), e.is("replace_all")})
	}
	done()
	d.replace(path, list)
}

// replace shows replacements in a file as one diff against the file on disk,
// or each by itself where the file cannot be read or does not hold the text.
func (d *drawing) replace(path string, edits []replacement) {
	abs := d.path("file", path, writing)
	f := d.file(abs)
	switch {
	case f.State == Missing && edits[0].from == "":
		d.p.Title = "Create a file"
		d.flag(NewFile)
		f = File{State: Regular}
	case f.State == Missing:
		d.flag(NotFound)
		d.note("There is no such file on disk.")
		d.pieces(edits)
		return
	case f.State != Regular:
		d.unreadNote(f)
		d.pieces(edits)
		return
	}
	if isBinary(f.Content) {
		d.flag(Binary)
		d.note("The file on disk is no text (%s).", count(len(f.Content), "byte"))
		d.pieces(edits)
		return
	}
	text := fileTextOf(f.Content)
	for i, e := range edits {
		which := ""
		if len(edits) > 1 {
			which = fmt.Sprintf(" of change %d", i+1)
		}
		fit := e.in(text.text)
		if fit.done == 0 {
			d.misfit(fit, which, e.to != "" && strings.Contains(text.text, e.to))
			d.pieces(edits)
			return
		}
		d.fits(fit, which)
		text.text = fit.after
	}
	if fileTextOf(f.Content).content() != f.Content {
		d.note("The lines of the file end in different ways. Claude Code makes them all alike.")
	}
	d.untouchable(f)
	after := text.content()
	if d.credentials {
		// A line of the diff would have more than the request says.
		d.note("The file holds credentials: what it has around the change is not shown.")
		d.pieces(edits)
	} else {
		d.diff("change", f.Content, after, true)
	}
	if after == "" && f.Content != "" {
		d.flag(Empties)
	}
}

// untouchable says of a file that is no UTF-8 that Claude Code does not change
// such files.
func (d *drawing) untouchable(f File) {
	if !utf8.ValidString(f.Content) {
		d.note("The file on disk is not in UTF-8: Claude Code refuses to change it, or writes it in the file's own encoding.")
	}
}

// misfit says why a replacement cannot be shown in its file.
func (d *drawing) misfit(f fit, which string, done bool) {
	switch {
	case f.of > 1:
		d.flag(Ambiguous)
		d.note("The text to replace%s is in the file %d times, and only one is to be replaced: Claude Code refuses that.", which, f.of)
	case done:
		d.flag(NotFound)
		d.note("The text to replace%s was not found in the file by this program; the new text is there already. Claude Code may still find it.", which)
	default:
		d.flag(NotFound)
		d.note("The text to replace%s was not found in the file by this program. Claude Code may still find it.", which)
	}
}

// fits says of a replacement what its diff tells too late, or not at all.
func (d *drawing) fits(f fit, which string) {
	if f.quotes {
		d.note("The text to replace%s is in the file with other quotation marks. Claude Code takes it all the same, and uses the file's kind in the new text.", which)
	}
	switch {
	case f.done < f.of:
		d.note("%d of the %d places%s are replaced: Claude Code takes those at the end of a line, and the newline too.", f.done, f.of, which)
	case f.done > 1:
		d.note("All %d places%s are replaced.", f.done, which)
	}
	if f.newline && f.done == f.of {
		d.note("Claude Code takes the newline after the deleted text%s too.", which)
	}
}

// pieces shows what is replaced by what, without the file around it.
func (d *drawing) pieces(edits []replacement) {
	for i, e := range edits {
		label := "change"
		if len(edits) > 1 {
			label = fmt.Sprintf("change %d of %d", i+1, len(edits))
		}
		if e.all {
			label += ", everywhere"
		}
		d.diff(label+" (lines counted from the text to replace)", e.from, e.to, false)
	}
}

// diff adds a diff, and flags what it does. whole says that the texts are
// files, not pieces: then their last newline matters.
func (d *drawing) diff(label, before, after string, whole bool) {
	if before == after {
		d.flag(NoChange)
		d.note("Nothing changes.")
		return
	}
	if crlf(before) && crlf(after) || before == "" && crlf(after) || after == "" && crlf(before) {
		d.note("All lines end in CR LF.")
		before, after = strings.ReplaceAll(before, "\r\n", "\n"), strings.ReplaceAll(after, "\r\n", "\n")
	}
	var old, changed *lined
	var both sync.WaitGroup // the search for secrets takes tens of milliseconds a megabyte
	both.Go(func() { old = d.lined(before, d.credentials) })
	changed = d.lined(after, false)
	both.Wait()
	cs := changes(old.lines, changed.lines)
	removed, added := tally(cs)
	if removed > 0 && added == 0 {
		d.flag(Deletes)
	}
	if n := max(blankRun(old.lines, cs, func(c change) (int, int) { return c.oldFrom, c.oldTo }),
		blankRun(changed.lines, cs, func(c change) (int, int) { return c.newFrom, c.newTo })); n > manyLines {
		d.warn(hiddenText, count(n, "blank line")+" in a row")
	}
	text := unified(cs, len(old.lines), old.line, changed.line)
	oldEnds, newEnds := strings.HasSuffix(before, "\n"), strings.HasSuffix(after, "\n")
	switch {
	case !whole || after == "":
	case before != "" && oldEnds && !newEnds:
		text += "\\ the last line loses its newline\n"
	case before != "" && !oldEnds && newEnds:
		text += "\\ the last line gets a newline\n"
	case !newEnds && len(cs) > 0 && cs[len(cs)-1].newTo == len(changed.lines):
		text += "\\ no newline at the end\n"
	}
	d.p.Parts = append(d.p.Parts, Part{
		Label: fmt.Sprintf("%s: %s added, %s removed", label, count(added, "line"), count(removed, "line")),
		Kind:  Diff, Text: text,
	})
}

// blankRun is the largest number of blank lines in a row among those changed.
func blankRun(lines []string, cs []change, of func(change) (from, to int)) (most int) {
	for _, c := range cs {
		run := 0
		for from, to := of(c); from < to; from++ {
			if run++; strings.Trim(lines[from], " \t\r") != "" {
				run = 0
			}
			most = max(most, run)
		}
	}
	return most
}

// lined is a text of which some lines are shown. Secrets are looked for in all
// of it, for one may span lines; what is told of it is only what its shown
// lines have.
type lined struct {
	d     *drawing
	all   string
	lines []string
	at    []int // where each line begins in all
	spans []mask.Span
	told  []bool // the span is counted
	whole bool   // none of it is shown
}

// lined prepares a text. whole masks all of it.
func (d *drawing) lined(s string, whole bool) *lined {
	t := &lined{d: d, all: s, lines: lines(s), whole: whole}
	at := 0
	for _, line := range t.lines {
		t.at = append(t.at, at)
		at += len(line) + 1
	}
	switch {
	case whole:
		t.spans = []mask.Span{{Start: 0, End: len(s), Reason: "a file of credentials"}}
	case !d.original:
		t.spans = d.o.Mask.Find(s)
	}
	t.told = make([]bool, len(t.spans))
	return t
}

// line draws line i.
func (t *lined) line(i int) string {
	start, end := t.at[i], t.at[i]+len(t.lines[i])
	var own []mask.Span
	first := sort.Search(len(t.spans), func(n int) bool { return t.spans[n].End > start })
	for n := first; n < len(t.spans) && t.spans[n].Start < end; n++ {
		span := t.spans[n]
		own = append(own, mask.Span{Start: max(span.Start, start) - start, End: min(span.End, end) - start, Reason: span.Reason})
		if !t.told[n] {
			t.told[n] = true
			t.d.masked(t.all, t.spans[n:n+1])
		}
	}
	if !t.whole {
		t.d.strange = append(t.d.strange, lookalikes(t.lines[i], false)...)
	}
	return mask.Apply(t.lines[i], own, func(kept string) string {
		out, hid := reveal(kept, false)
		t.d.hid += hid
		return out
	})
}

// crlf reports whether every line of s ends in CR LF.
func crlf(s string) bool {
	n := strings.Count(s, "\n")
	return n > 0 && n == strings.Count(s, "\r\n") && n == strings.Count(s, "\r")
}

func (d *drawing) write() {
	d.p.Title = "Write a file"
	path, ok := d.input.has("file_path")
	content, hasContent := d.input.has("content")
	if !ok || !hasContent {
		d.anything()
		return
	}
	abs := d.path("file", path, writing)
	if len(content) >= huge {
		d.flag(Huge)
	}
	f := d.file(abs)
	switch f.State {
	case Missing:
		d.p.Title = "Create a file"
		d.flag(NewFile)
	case Regular:
		d.flag(Overwrites)
		d.p.Title = "Overwrite a file"
		if content == "" && f.Content != "" {
			d.flag(Empties)
		}
	default:
		d.unreadNote(f)
	}
	switch {
	case isBinary(content):
		d.flag(Binary)
		d.part("new content, no text: "+size(content), Code, "", content)
	case f.State == Regular && isBinary(f.Content):
		d.flag(Binary)
		d.note("The file on disk, %s, is no text. Claude Code may refuse to overwrite it; else it is replaced whole.", count(len(f.Content), "byte"))
		d.part("new content: "+size(content), Code, language(path), content)
	case f.State == Regular:
		d.untouchable(f)
		d.diff("change to "+size(content), f.Content, written(f.Content, content), true)
	case f.State == Missing && content == "":
		d.note("The new file is empty.")
	default:
		d.part("new content: "+size(content), Code, language(path), content)
	}
}

// size tells a text's size.
func size(text string) string {
	return fmt.Sprintf("%s in %s", count(len(text), "byte"), count(len(lines(text)), "line"))
}

// isBinary reports whether s is no text: it has a zero byte, or many bytes
// that are not UTF-8.
func isBinary(s string) bool {
	head := s[:min(len(s), 8<<10)]
	if strings.IndexByte(head, 0) >= 0 {
		return true
	}
	bad := 0
	for i := 0; i < len(head); {
		r, n := utf8.DecodeRuneInString(head[i:])
		if r == utf8.RuneError && n == 1 && i+utf8.UTFMax <= len(head) {
			bad++
		}
		i += n
	}
	return bad*10 > len(head)
}

// language is a guess by a path's end, for channels that colour code.
func language(path string) string {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".go":
		return "go"
	case ".py":
		return "python"
	case ".js", ".mjs", ".cjs", ".jsx":
		return "javascript"
	case ".ts", ".tsx":
		return "typescript"
	case ".sh", ".bash", ".zsh":
		return "bash"
	case ".json":
		return "json"
	case ".md":
		return "markdown"
	case ".yaml", ".yml":
		return "yaml"
	case ".toml":
		return "toml"
	case ".rs":
		return "rust"
	case ".c", ".h":
		return "c"
	case ".html":
		return "html"
	case ".css":
		return "css"
	case ".sql":
		return "sql"
	}
	return ""
}

func (d *drawing) notebook() {
	d.p.Title = "Change a notebook"
	path, ok := d.input.has("notebook_path")
	if !ok {
		d.anything()
		return
	}
	abs := d.path("notebook", path, writing)
	source := d.input.text("new_source")
	id := d.input.text("cell_id")
	kind := d.input.text("cell_type")
	mode := d.input.text("edit_mode")
	if mode == "" {
		mode = "replace"
	}
	rows := [][2]string{{"cell", id}, {"kind", kind}, {"what", mode}}
	if id == "" {
		rows = rows[1:]
	}
	if kind == "" {
		rows = append(rows[:len(rows)-2], rows[len(rows)-1])
	}
	d.table("", rows)
	lang := "python"
	if kind == "markdown" {
		lang = "markdown"
	}
	f := d.file(abs)
	switch {
	case mode == "insert":
		d.p.Title = "Insert a cell into a notebook"
		d.part("new cell", Code, lang, source)
		return
	case f.State == Missing:
		d.flag(NotFound)
		d.note("There is no such notebook on disk.")
	case f.State != Regular:
		d.unreadNote(f)
	default:
		old, found := cellSource(f.Content, id)
		if !found {
			d.flag(NotFound)
			d.note("The notebook on disk has no such cell.")
			break
		}
		if mode == "delete" {
			d.p.Title = "Delete a cell of a notebook"
			d.flag(Deletes)
			source = ""
		}
		d.diff("change of the cell", old, source, false)
		return
	}
	if mode == "delete" {
		d.p.Title = "Delete a cell of a notebook"
		d.flag(Deletes)
		return
	}
	d.part("new source of the cell", Code, lang, source)
}

// cellSource finds a cell of a notebook as Claude Code does: by its id, else by
// its place, "cell-3".
func cellSource(notebook, id string) (string, bool) {
	type cell struct {
		ID     string          `json:"id"`
		Source json.RawMessage `json:"source"`
	}
	var nb struct {
		Cells []cell `json:"cells"`
	}
	if json.Unmarshal([]byte(notebook), &nb) != nil || id == "" {
		return "", false
	}
	i := slices.IndexFunc(nb.Cells, func(c cell) bool { return c.ID == id })
	if place, ok := strings.CutPrefix(id, "cell-"); ok && i < 0 {
		if n, err := strconv.Atoi(place); err == nil && n < len(nb.Cells) {
			i = n
		}
	}
	if i < 0 {
		return "", false
	}
	var whole string
	if json.Unmarshal(nb.Cells[i].Source, &whole) == nil {
		return whole, true
	}
	var pieces []string
	if json.Unmarshal(nb.Cells[i].Source, &pieces) == nil {
		return strings.Join(pieces, ""), true
	}
	return "", false
}

//go:build linux

package claude

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"claude-permission-daemon/internal/claude"
	"claude-permission-daemon/internal/preview"
	"claude-permission-daemon/test/e2e/claudetest"
)

// edited is a file, what is done with it, and what this program is to know of it.
type edited struct {
	name   string
	before string
	tool   string
	input  map[string]any
}

func edit(name, before, from, to string) edited {
	return edited{name, before, "Edit", map[string]any{"old_string": from, "new_string": to}}
}

func editAll(name, before, from, to string) edited {
	return edited{name, before, "Edit", map[string]any{"old_string": from, "new_string": to, "replace_all": true}}
}

func write(name, before, content string) edited {
	return edited{name, before, "Write", map[string]any{"content": content}}
}

// quotes has a straight quotation mark after every sign that may matter.
func quotes(mark string) string {
	var b strings.Builder
	b.WriteString(mark)
	for _, r := range "x \t(x[x{x<-—–/=,.:;!?*_\u00a0»«0é你|" {
		b.WriteString(string(r) + mark)
	}
	return b.String()
}

var edits = []edited{
	edit("plain", "a\nb\nc\n", "b", "X\nY"),
	edit("at-the-end", "a\nb", "b", "X"),
	edit("dollar", "a b\n", "b", "$& $1 $$ $`"),
	editAll("everywhere", "a a\nb\na\n", "a", "X"),
	editAll("overlapping", "aaa\n", "aa", "X"),

	// What is deleted takes the newline after it along.
	edit("delete", "# TODO fixme\nif not ok: abort()\ngo()\n", " fixme", ""),
	edit("delete-a-line", "a\nb\nc\n", "b", ""),
	edit("delete-with-newline", "a\nb\nc\n", "b\n", ""),
	edit("delete-inside", "a b c\n", " b", ""),
	edit("delete-the-end", "a\nb", "b", ""),
	editAll("delete-all", "k=1 # off\nk # off k=2\n", " # off", ""),
	editAll("delete-all-inside", "k # off x\nk # off y\n", " # off", ""),
	editAll("delete-all-newlines", "x\n\n\ny\n", "\n", ""),
	edit("delete-crlf", "a x\r\nb\r\n", " x", ""),

	// A file's line ends are made alike.
	edit("crlf", "a\r\nb\r\nc\r\n", "a\nb", "a\nX"),
	edit("crlf-more", "a\r\nb\r\nc\r\n", "b", "X\r\nY\nZ"),
	edit("mostly-crlf", "a\r\nb\nc\r\nd\r\ne\n", "b", "X"),
	edit("mostly-lf", "a\nb\r\nc\nd\ne\n", "a", "X"),
	edit("as-much-of-each", "a\r\nb\n", "b", "X"),
	edit("crlf-into-lf", "a\nb\nc\n", "b", "X\r\nY"),
	edit("cr", "a\rb\rc\n", "b", "X\n"),
	edit("cr-crlf", "a\r\r\nb\r\n", "b", "X"),
	edit("lf-first", "q\n"+strings.Repeat("0123456789abcde\n", 300)+strings.Repeat("x\r\n", 900), "q", "X"),
	edit("in-sight", strings.Repeat("é", 4094)+"\r\n"+strings.Repeat("y", 5000)+"\nq\n", "q", "X"),
	edit("out-of-sight", strings.Repeat("é", 4095)+"\r\n"+strings.Repeat("y", 5000)+"\nq\n", "q", "X"),
	edit("out-of-sight-by-twos", strings.Repeat("😀", 2048)+"\r\n"+strings.Repeat("y", 5000)+"\nq\n", "q", "X"),

	// Curly and straight quotation marks are alike.
	edit("curly", "say “hello”\n", `say "hello"`, `say "bye"`),
	edit("curly-double", "x “hello” y\n", `x "hello" y`, quotes(`"`)+" it's"),
	edit("curly-single", "x ‘hello’ y\n", `x 'hello' y`, quotes("'")+` "x"`),
	edit("curly-apostrophe", "it’s “x”\n", `it's "x"`, `don't 'x' "y" (z')`),
	edit("curly-in-part", "it’s \"x\"\n", `it's "x"`, `it's "y" 'z'`),
	edit("curly-exact", "say “x” \"y\"\n", `say “x” "y"`, `say "z"`),
	edit("curly-asked", "say \"hello\"\n", `say “hello”`, `say “bye”`),
	edit("curly-first", "“a” ”a“\n", `"a"`, `"b"`),
	editAll("curly-all", "“a” ”a“ “a”\n", `"a"`, `"b"`),
	editAll("curly-beside-straight", "“a” \"a\" “a”\n", `"a"`, `"b"`),
	edit("curly-crlf", "say “a\r\nb”\r\n", "say \"a\nb\"", "say \"c\nd\""),
	editAll("curly-delete", "x “a”\ny “a” z\n", ` "a"`, ""),

	// What the client changes before it asks.
	edit("blanks", "a\nb\n", "b", "X  \nY\t"),
	edit("escapes", "a — b\n", `a \u2014 b`, `X \u2014 y`),

	// Files that are as good as none, and the mark before a file.
	edit("empty", "", "", "X\n"),
	edit("blank", " \n\n", "", "X\nY\n"),
	edit("blank-crlf", "\r\n", "", "X\nY\n"),
	edit("mark", "\ufeffa\nb\n", "a", "X"),
	edit("mark-blank", "\ufeff\n", "", "X\n"),
	edit("mark-emptied", "\ufeffa\n", "a\n", ""),
	edit("mark-twice", "\ufeffa\nb\n", "a", "\ufeffX"),

	write("write", "a\nb\n", "a\nX\n"),
	write("write-lf-over-crlf", "a\r\nb\r\n", "a\nX\n"),
	write("write-crlf-over-lf", "a\nb\n", "a\r\nX\r\n"),
	write("write-mixed", "a\r\nb\n", "a\r\nX\nY\r\n"),
	write("write-over-mark", "\ufeffa\nb\n", "a\nX\n"),
	write("write-mark-over-mark", "\ufeffa\nb\n", "\ufeffa\nX\n"),
	write("write-nothing-over-mark", "\ufeffa\n", ""),
	write("write-blanks", "a\nb\n", "a  \nX\n"),
}

// TestDiffIsWhatHappens has the client make many changes, and holds the diff
// that a person is shown of each, applied to the file as it was, against the
// file as it is afterwards.
func TestDiffIsWhatHappens(t *testing.T) {
	var reads, calls []claudetest.Call
	for _, e := range edits {
		e.input["file_path"] = e.name
		reads = append(reads, claudetest.Call{Tool: "Read", Input: map[string]any{"file_path": e.name}})
		calls = append(calls, claudetest.Call{Tool: e.tool, Input: e.input})
	}
	home, hook := recorded(t, claudetest.Script(claudetest.Answer{Calls: reads}, claudetest.Answer{Calls: calls}), "PermissionRequest")
	before := make(disk)
	for _, e := range edits {
		before[home.Path(e.name)] = e.before
		if err := os.WriteFile(home.Path(e.name), []byte(e.before), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	hook.Answer("PermissionRequest", allow)
	home.Headless("change it")
	shown := shownOf(t, hook, before)
	for _, e := range edits {
		t.Run(e.name, func(t *testing.T) {
			p, asked := shown[e.name]
			if !asked {
				t.Fatal("the client does not ask")
			}
			after, err := os.ReadFile(home.Path(e.name))
			if err != nil {
				t.Fatal(err)
			}
			got, err := applied(e.before, p)
			if want := revealed(string(after)); err != nil || got != want {
				t.Errorf("%v\nbefore %q\nby the diff %q\non the disk  %q\n%+v", err, e.before, got, want, p.Parts)
			}
		})
	}
}

// shownOf are the previews of what was asked, by the names of the files.
func shownOf(t *testing.T, hook *claudetest.Recorder, before disk) map[string]preview.Preview {
	t.Helper()
	shown := make(map[string]preview.Preview)
	for _, event := range hook.Events() {
		parsed, err := claude.Parse(event.Raw)
		if err != nil {
			t.Fatal(err)
		}
		request, err := parsed.Request()
		if err != nil {
			t.Fatal(err)
		}
		var input struct {
			File     string `json:"file_path"`
			Notebook string `json:"notebook_path"`
		}
		if err := json.Unmarshal(request.Input, &input); err != nil {
			t.Fatal(err)
		}
		shown[filepath.Base(input.File+input.Notebook)] = preview.New(preview.Options{Files: before}).Of(request)
	}
	return shown
}

// TestCellIsTheOneThatChanges does so for the cells of a notebook, which are
// named by their ids and by their places.
func TestCellIsTheOneThatChanges(t *testing.T) {
	const (
		cell     = `{%s"cell_type":"code","metadata":{},"outputs":[],"execution_count":null,"source":"%s"}`
		notebook = `{"cells":[%s,%s,%s],"metadata":{"language_info":{"name":"python"}},"nbformat":4,"nbformat_minor":%d}`
	)
	named := fmt.Sprintf(notebook, fmt.Sprintf(cell, `"id":"a",`, "zero"), fmt.Sprintf(cell, `"id":"b",`, "one"), fmt.Sprintf(cell, `"id":"cell-1",`, "two"), 5)
	placed := fmt.Sprintf(notebook, fmt.Sprintf(cell, "", "zero"), fmt.Sprintf(cell, "", "one"), fmt.Sprintf(cell, "", "two"), 4)
	cells := []struct{ name, notebook, id, mode string }{
		{"id.ipynb", named, "b", "replace"},
		{"id-like-a-place.ipynb", named, "cell-1", "replace"},
		{"place-beside-ids.ipynb", named, "cell-0", "replace"},
		{"place.ipynb", placed, "cell-1", "replace"},
		{"delete.ipynb", named, "cell-1", "delete"},
	}
	var reads, calls []claudetest.Call
	for _, c := range cells {
		reads = append(reads, claudetest.Call{Tool: "Read", Input: map[string]any{"file_path": c.name}})
		calls = append(calls, claudetest.Call{Tool: "NotebookEdit", Input: map[string]any{"notebook_path": c.name, "cell_id": c.id, "new_source": "new", "edit_mode": c.mode}})
	}
	home, hook := recorded(t, claudetest.Script(claudetest.Answer{Calls: reads}, claudetest.Answer{Calls: calls}), "PermissionRequest")
	before := make(disk)
	for _, c := range cells {
		before[home.Path(c.name)] = c.notebook
		if err := os.WriteFile(home.Path(c.name), []byte(c.notebook), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	hook.Answer("PermissionRequest", allow)
	home.Headless("change it")
	shown := shownOf(t, hook, before)
	for _, c := range cells {
		t.Run(c.name, func(t *testing.T) {
			raw, err := os.ReadFile(home.Path(c.name))
			if err != nil {
				t.Fatal(err)
			}
			var after struct {
				Cells []struct {
					Source string `json:"source"`
				} `json:"cells"`
			}
			if err := json.Unmarshal(raw, &after); err != nil {
				t.Fatal(err)
			}
			want := "zero one two "
			for _, part := range shown[c.name].Parts {
				if part.Kind == preview.Diff {
					_, lines, _ := strings.Cut(part.Text, "\n-")
					old, more, _ := strings.Cut(lines, "\n")
					changed := strings.TrimSpace(strings.TrimPrefix(more, "+")) + " "
					want = strings.Replace(want, old+" ", strings.TrimLeft(changed, " "), 1)
				}
			}
			got := ""
			for _, cell := range after.Cells {
				got += cell.Source + " "
			}
			if got != want || got == "zero one two " {
				t.Errorf("the cells are %q, by the diff %q\n%+v", got, want, shown[c.name].Parts)
			}
		})
	}
}

// disk are files as they were.
type disk map[string]string

func (d disk) Read(path string) preview.File {
	content, ok := d[path]
	if !ok {
		return preview.File{State: preview.Missing}
	}
	return preview.File{State: preview.Regular, Content: content, Size: int64(len(content))}
}

func (d disk) Resolve(path string) string { return path }

// revealed is a text as a diff shows its lines.
func revealed(text string) string {
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = preview.Reveal(lines[i])
	}
	return strings.Join(lines, "\n")
}

// applied is what the diff of a preview makes of a text, its lines revealed.
func applied(before string, p preview.Preview) (string, error) {
	diff, crlf := "", false
	for _, part := range p.Parts {
		switch {
		case part.Kind == preview.Diff && strings.Contains(part.Label, "lines counted from"):
			return "", fmt.Errorf("the preview has no diff of the whole file: %s", part.Label)
		case part.Kind == preview.Diff:
			diff = part.Text
		case part.Text == "All lines end in CR LF.":
			crlf = true
		case part.Text == "Nothing changes.":
			return revealed(before), nil
		}
	}
	if crlf {
		before = strings.ReplaceAll(before, "\r\n", "\n")
	}
	var old, out []string
	ends := before == "" || strings.HasSuffix(before, "\n")
	if before != "" {
		old = strings.Split(revealed(strings.TrimSuffix(before, "\n")), "\n")
	}
	at := 0
	for line := range strings.SplitSeq(strings.TrimSuffix(diff, "\n"), "\n") {
		switch mark, text := line[0], line[1:]; mark {
		case '@':
			from, none := hunk(line)
			if !none {
				from--
			}
			out = append(out, old[at:from]...)
			at = from
		case ' ', '-':
			if at >= len(old) || old[at] != text {
				return "", fmt.Errorf("line %d of the file is not %q", at+1, text)
			}
			if at++; mark == ' ' {
				out = append(out, text)
			}
		case '+':
			out = append(out, text)
		default:
			ends = strings.Contains(text, "gets a newline")
		}
	}
	text := strings.Join(append(out, old[at:]...), "\n")
	if ends && text != "" {
		text += "\n"
	}
	if crlf {
		text = strings.ReplaceAll(text, "\n", preview.Reveal("\r")+"\n")
	}
	return text, nil
}

// hunk is the first line of the old text in a hunk's head, and whether the hunk
// has none of them.
func hunk(head string) (from int, none bool) {
	old, _, _ := strings.Cut(strings.TrimPrefix(head, "@@ -"), " ")
	line, count, _ := strings.Cut(old, ",")
	from, _ = strconv.Atoi(line)
	return from, count == "0"
}

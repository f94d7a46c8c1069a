package preview

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"claude-permission-daemon/internal/permit"
)

var update = flag.Bool("update", false, "write the golden files anew")

// tree is a disk of a few files.
type tree map[string]string

func (f tree) Read(path string) File {
	content, ok := f[path]
	switch {
	case !ok:
		return File{State: Missing}
	case strings.HasPrefix(content, "unreadable: "):
		return File{State: Unreadable, Why: strings.TrimSpace(strings.TrimPrefix(content, "unreadable: "))}
	case strings.HasPrefix(content, "too large: "):
		return File{State: TooLarge, Size: 12345678}
	}
	return File{State: Regular, Content: content, Size: int64(len(content))}
}

// Resolve follows the links of the tree: files that say "link: target".
func (f tree) Resolve(path string) string {
	for from, content := range f {
		if target, ok := strings.CutPrefix(content, "link: "); ok && within(path, from) {
			return strings.TrimSpace(target) + strings.TrimPrefix(path, from)
		}
	}
	return path
}

// Each file in testdata is a payload of the PermissionRequest hook as Claude
// Code sends it, the files that are on disk, and the preview of it.
func TestGolden(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			var payload []byte
			want := -1
			files := make(tree)
			for i, f := range archive.Files {
				switch f.Name {
				case "payload.json":
					payload = f.Data
				case "want":
					want = i
				default:
					files["/W/"+f.Name] = strings.ReplaceAll(string(f.Data), "␍\n", "\r\n")
				}
			}
			got := render(New(Options{Files: files, Home: "/H"}).Of(fromHook(t, payload)))
			if *update {
				if want < 0 {
					want = len(archive.Files)
					archive.Files = append(archive.Files, txtar.File{Name: "want"})
				}
				archive.Files[want].Data = []byte(got)
				if err := os.WriteFile(path, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if want < 0 {
				t.Fatal("no golden preview: run with -update")
			}
			if diff := cmp.Diff(string(archive.Files[want].Data), got); diff != "" {
				t.Errorf("preview (-want +got):\n%s", diff)
			}
		})
	}
}

// fromHook reads what of the hook's payload makes a request.
func fromHook(t *testing.T, payload []byte) permit.Request {
	t.Helper()
	var hook struct {
		Cwd   string          `json:"cwd"`
		Tool  string          `json:"tool_name"`
		Input json.RawMessage `json:"tool_input"`
	}
	if err := json.Unmarshal(payload, &hook); err != nil {
		t.Fatal(err)
	}
	return permit.Request{Tool: hook.Tool, Input: hook.Input, Cwd: hook.Cwd, Project: filepath.Base(hook.Cwd)}
}

// render is a preview as plain text, with everything that it says.
func render(p Preview) string {
	var b strings.Builder
	line := func(name string, values ...string) {
		for _, v := range values {
			if v != "" {
				fmt.Fprintf(&b, "%s: %s\n", name, v)
			}
		}
	}
	line("title", p.Title)
	line("summary", p.Summary)
	line("claim", p.Claim)
	for _, f := range p.Flags {
		line("flag", string(f))
	}
	line("warning", p.Warnings...)
	line("masked", p.Masked...)
	for _, part := range p.Parts {
		fmt.Fprintf(&b, "\n[%s]", strings.TrimSpace(strings.Join([]string{part.Label, "as", string(part.Kind), part.Lang}, " ")))
		if part.Bytes > 0 {
			fmt.Fprintf(&b, " %d bytes", part.Bytes)
		}
		if part.SHA256 != "" {
			fmt.Fprintf(&b, " sha256:%.8s…", part.SHA256)
		}
		b.WriteString("\n")
		for l := range strings.SplitSeq(strings.TrimSuffix(part.Text, "\n"), "\n") {
			b.WriteString("  " + l + "\n")
		}
		if part.Kind == Table && len(part.Rows) == 0 {
			b.WriteString("  (no rows)\n")
		}
	}
	return b.String()
}

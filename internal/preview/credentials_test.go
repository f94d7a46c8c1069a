package preview

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// What stands in a file of credentials goes nowhere when it is changed, though
// nothing in it looks like a secret.
func TestCredentialFilesAreNotShown(t *testing.T) {
	files := tree{
		"/H/shop/config/master.key": "8f3a1c9be2d4470f9a6b5c3d2e1f0a9b\n",
		"/H/shop/.htpasswd":         "admin:$apr1$hT7z$Qk3bq0dSlm\n",
		"/H/.pgpass":                "db:5432:app:ada:s3cr3tPa\n",
		"/H/shop/.env":              "DB=postgres\nPIN=4711\nmode=a # pin 0815\nword=pаypal\u200b\n",
		"/H/shop/notes.txt":         "PIN=4711\n",
	}
	p := New(Options{Files: files, Home: "/H"})
	of := func(tool string, path string, more map[string]string) (masked, original Preview) {
		input := map[string]string{"file_path": path}
		maps.Copy(input, more)
		r := request(tool, input)
		r.Cwd, r.Project = "/H/shop", "shop"
		return p.Of(r), p.Original(r)
	}
	for path, content := range files {
		if path == "/H/shop/notes.txt" {
			continue
		}
		got, original := of("Write", path, map[string]string{"content": "new\nDB=postgres\n"})
		for line := range strings.Lines(content) {
			if line := strings.TrimSuffix(line, "\n"); line != "DB=postgres" && strings.Contains(render(got), line) {
				t.Errorf("%q of %s is shown:\n%s", line, path, render(got))
			}
		}
		if !strings.Contains(render(got), "+new\n") || !slices.Contains(got.Warnings, "Writes a file of credentials: "+strings.TrimPrefix(path, "/H/shop/")) || len(got.Masked) != 1 {
			t.Errorf("%s:\n%s", path, render(got))
		}
		if first, _, _ := strings.Cut(content, "\n"); !strings.Contains(render(original), first) {
			t.Errorf("the original does not show %q:\n%s", first, render(original))
		}
	}
	edited, _ := of("Edit", "/H/shop/.env", map[string]string{"old_string": "mode=a", "new_string": "mode=b"})
	if out := render(edited); strings.Contains(out, "4711") || strings.Contains(out, "0815") || strings.Contains(out, "mode=a") || strings.Contains(out, "U+0430") || !strings.Contains(out, "+mode=b\n") {
		t.Errorf("a change:\n%s", out)
	}
	got, _ := of("Edit", "/H/shop/notes.txt", map[string]string{"old_string": "4711", "new_string": "1"})
	if !strings.Contains(render(got), "-PIN=4711\n") || len(got.Warnings) > 0 {
		t.Errorf("an ordinary file:\n%s", render(got))
	}
}

// A file of credentials is one through a link too.
func TestCredentialFileThroughALink(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{
		os.WriteFile(filepath.Join(dir, ".env"), []byte("PIN=4711\nx\n"), 0o600), os.Symlink(".env", filepath.Join(dir, "settings")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	r := request("Edit", map[string]string{"file_path": filepath.Join(dir, "settings"), "old_string": "x", "new_string": "y"})
	r.Cwd, r.Project = dir, filepath.Base(dir)
	if out := render(New(Options{Files: Disk{}}).Of(r)); strings.Contains(out, "4711") || !strings.Contains(out, "+y\n") {
		t.Errorf("%s", out)
	}
}

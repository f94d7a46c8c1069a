package preview

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Nothing that stands in a file's place can hold the daemon up or be read.
func TestDiskReadsOnlyFiles(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.WriteFile(at("file"), []byte("text\n"), 0o600))
	must(os.WriteFile(at("limit"), make([]byte, MaxFile), 0o600))
	must(os.WriteFile(at("huge"), make([]byte, MaxFile+1), 0o600))
	must(syscall.Mkfifo(at("pipe"), 0o600))
	must(os.Symlink("file", at("link")))
	must(os.Symlink("pipe", at("link-to-pipe")))
	must(os.Symlink("nothing", at("link-to-nothing")))
	must(os.Symlink("loop", at("loop")))
	tests := []struct {
		name string
		want FileState
		why  string
	}{
		{"file", Regular, ""},
		{"link", Regular, ""},
		{"limit", Regular, ""},
		{"huge", TooLarge, ""},
		{"pipe", Unreadable, "a named pipe"},
		{"link-to-pipe", Unreadable, "a named pipe"},
		{"link-to-nothing", Missing, ""},
		{"loop", Unreadable, "too many levels of symbolic links"},
		{"nothing", Missing, ""},
		{"file/below", Unreadable, "not a directory"},
		{".", Unreadable, "a folder"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			done := make(chan File, 1)
			go func() { done <- Disk{}.Read(at(tt.name)) }()
			select {
			case got := <-done:
				if got.State != tt.want || got.Why != tt.why {
					t.Errorf("read: state %d, %q; want %d, %q", got.State, got.Why, tt.want, tt.why)
				}
			case <-time.After(30 * time.Second):
				t.Fatal("reading blocks")
			}
		})
	}
	if got := (Disk{}).Read("/dev/zero"); got.State != Unreadable || got.Why != "a device" {
		t.Errorf("a device was read: %d, %q", got.State, got.Why)
	}
}

func TestDiskResolves(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	at := func(name string) string { return filepath.Join(dir, name) }
	for _, err := range []error{
		os.MkdirAll(at("a/b"), 0o700), os.Symlink("a", at("link")), os.Symlink("/nowhere/x", at("dangling")), os.WriteFile(at("a/f"), nil, 0o600),
		os.Symlink("two", at("one")), os.Symlink("/nowhere/.zshrc", at("two")), os.Symlink("/nowhere", at("dir")), os.Symlink("dir/.zshrc", at("three")),
		os.Symlink("../x", at("a/b/up")), os.Symlink("a/b", at("deep")), os.Symlink("loop", at("loop")), os.Symlink("pong", at("ping")), os.Symlink("ping", at("pong")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for path, want := range map[string]string{
		"a/f":            "a/f",
		"link/f":         "a/f",
		"link/new/file":  "a/new/file",
		"not/there":      "not/there",
		"link/b/../f":    "a/f",
		"dangling":       "/nowhere/x",
		"dangling/below": "/nowhere/x/below",
		// Each hop of a link to nothing counts, and each folder on its way.
		"one":     "/nowhere/.zshrc",
		"one/b":   "/nowhere/.zshrc/b",
		"three":   "/nowhere/.zshrc",
		"deep/up": "a/x",
		"loop":    "loop",
		"ping/x":  "ping/x",
	} {
		if !strings.HasPrefix(want, "/") {
			want = at(want)
		}
		if got := (Disk{}).Resolve(at(path)); got != want {
			t.Errorf("Resolve(%s) = %s, want %s", path, got, want)
		}
	}
}

// A link inside the project that leads out of it is told, for a tool and for
// a command; a project that itself stands behind a link is no reason to.
func TestLinksOutOfTheProject(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	project, outside, alias := filepath.Join(dir, "shop"), filepath.Join(dir, "outside"), filepath.Join(dir, "alias")
	for _, err := range []error{
		os.Mkdir(project, 0o700), os.Mkdir(outside, 0o700), os.Symlink(outside, filepath.Join(project, "out")), os.Symlink(project, alias),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	p := New(Options{Files: Disk{}})
	of := func(cwd, tool string, input any) []warnKind {
		r := request(tool, input)
		r.Cwd, r.Project = cwd, filepath.Base(cwd)
		return kindsOf(t, p.Of(r))
	}
	for _, cwd := range []string{project, alias} {
		for name, kinds := range map[string][]warnKind{
			"Write":    of(cwd, "Write", map[string]string{"file_path": filepath.Join(cwd, "out/x"), "content": "x"}),
			"redirect": of(cwd, "Bash", map[string]string{"command": "echo x > out/x"}),
			"rm":       of(cwd, "Bash", map[string]string{"command": "rm -rf out/x"}),
		} {
			if !slices.Contains(kinds, linkOut) {
				t.Errorf("%s in %s through a link out of the project: no warning in %v", name, cwd, kinds)
			}
		}
		for name, kinds := range map[string][]warnKind{
			"Write": of(cwd, "Write", map[string]string{"file_path": filepath.Join(cwd, "in/x"), "content": "x"}),
			"rm":    of(cwd, "Bash", map[string]string{"command": "rm -rf in/x; echo > y"}),
		} {
			if len(kinds) > 0 {
				t.Errorf("%s in %s: warnings %v for nothing", name, cwd, kinds)
			}
		}
	}
}

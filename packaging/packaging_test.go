package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"io/fs"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestVersionOf(t *testing.T) {
	for _, test := range []struct {
		describe string
		changed  bool
		want     string
	}{
		{"", false, "0.2.0-dev.7+gabc"},
		{"v0.1.0-0-gabc", false, "0.1.0"},
		{"v0.1.0-rc.1-0-gabc", false, "0.1.0-rc.1"},
		{"v0.1.0-0-gabc-dirty", true, "0.2.0-dev.7+gabc.dirty"},
		{"v0.1.0-3-gabc", false, "0.2.0-dev.7+gabc"},
	} {
		if got := versionOf("0.2.0", test.describe, "7", "abc", test.changed); got != test.want {
			t.Errorf("%q, changed %v: %s, want %s", test.describe, test.changed, got, test.want)
		}
	}
}

var when = time.Date(2026, 11, 23, 1, 2, 3, 0, time.UTC)

func TestArchives(t *testing.T) {
	files := []file{{"program", []byte("binary"), 0o755}, {"docs/a.md", []byte("text"), 0o644}}
	want := map[string]fs.FileMode{"top/program": 0o755, "top/docs/a.md": 0o644}
	for name, pack := range map[string]func(string, []file, time.Time) ([]byte, error){"tar": tarball, "zip": zipped} {
		packed, err := pack("top", files, when)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := pack("top", files, when); err != nil || !bytes.Equal(packed, again) {
			t.Errorf("%s: packed again, it differs", name)
		}
		got := make(map[string]fs.FileMode)
		if name == "zip" {
			r, err := zip.NewReader(bytes.NewReader(packed), int64(len(packed)))
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range r.File {
				got[f.Name] = f.Mode().Perm()
			}
		} else {
			z, err := gzip.NewReader(bytes.NewReader(packed))
			if err != nil {
				t.Fatal(err)
			}
			for r := tar.NewReader(z); ; {
				h, err := r.Next()
				if err == io.EOF {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				if !h.ModTime.Equal(when) || h.Uid != 0 || h.Uname != "" {
					t.Errorf("%s is of %v and %d %q", h.Name, h.ModTime, h.Uid, h.Uname)
				}
				got[h.Name] = h.FileInfo().Mode().Perm()
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestPlaces(t *testing.T) {
	for name, want := range map[string][2]string{
		"LICENSE":                               {"/usr/share/doc/claude-permission-daemon/copyright", "/usr/share/doc/claude-permission-daemon/LICENSE"},
		"docs/slack.md":                         {"/usr/share/doc/claude-permission-daemon/docs/slack.md", "/usr/share/doc/claude-permission-daemon/docs/slack.md"},
		"man/claude-permission-hook.1":          {"/usr/share/man/man1/claude-permission-hook.1.gz", "/usr/share/man/man1/claude-permission-hook.1.gz"},
		"completions/_claude-permission-daemon": {"/usr/share/zsh/vendor-completions/_claude-permission-daemon", "/usr/share/zsh/site-functions/_claude-permission-daemon"},
	} {
		for i, kind := range []string{"deb", "rpm"} {
			if got, _ := place(file{name: name}, kind); got != want[i] {
				t.Errorf("%s in a %s goes to %s, want %s", name, kind, got, want[i])
			}
		}
	}
}

func TestUnits(t *testing.T) {
	service, socket, err := units()
	if err != nil || !strings.Contains(service, "\nExecStart=:/usr/bin/claude-permission-daemon\n") || !strings.Contains(socket, "\nListenStream=%t/claude-permissions.sock\n") {
		t.Errorf("%s\n%s\n%v", service, socket, err)
	}
}

func TestFormula(t *testing.T) {
	r := &release{version: "1.2.3+gabc", url: "https://x.example/releases", home: "https://x.example"}
	text := r.formulaText(map[target]string{{"darwin", "arm64"}: "aaaa", {"linux", "amd64"}: "bbbb"})
	for _, want := range []string{
		`url "https://x.example/releases/v1.2.3+gabc/claude-permission-daemon_1.2.3%2Bgabc_darwin_arm64.tar.gz"` + "\n      sha256 \"aaaa\"",
		`sha256 "bbbb"`, `version "1.2.3+gabc"`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
	if strings.Contains(text, "windows") {
		t.Error("it names Windows")
	}
}

func TestMaterials(t *testing.T) {
	r := &release{version: "1.2.3", when: when}
	text, err := json.Marshal(r.materials(map[string]*debug.Module{
		"b.example/m@v1.0.0": {Path: "b.example/m", Version: "v1.0.0", Sum: "h1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="},
	}, "go1.26.8"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`"purl":"pkg:golang/b.example/m@v1.0.0","hashes":[{"alg":"SHA-256","content":"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"}]`,
		`"dependsOn":["b.example/m@v1.0.0","std"]`, `"version":"1.26.8"`, `"timestamp":"2026-11-23T01:02:03Z"`,
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %s in %s", want, text)
		}
	}
}

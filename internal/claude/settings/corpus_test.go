package settings

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// sample is a folder with a settings.json as it might be found.
type sample struct {
	name string
	text string
	// make makes what a text alone is not; nil: a settings.json with the text.
	make func(t *testing.T, dir string)
	// refused is part of the error where the file is not to be touched.
	refused string
}

// claudes is what Claude Code itself writes.
const claudes = `{
  "$schema": "https://json.schemastore.org/claude-code-settings.json",
  "permissions": {
    "allow": [
      "Bash(npm run test:*)",
      "WebFetch(domain:docs.example)"
    ],
    "defaultMode": "acceptEdits"
  },
  "env": {
    "FOO": "1"
  },
  "enabledPlugins": {
    "formatter@somewhere": true
  }
}
`

// withHooks is what somebody has written who has hooks of their own.
const withHooks = `{
  "model": "opus",
  "hooks": {
    "PreToolUse": [
      {
        "matcher": "Bash",
        "hooks": [
          { "type": "command", "command": "$CLAUDE_PROJECT_DIR/.claude/hooks/guard.sh", "timeout": 10 }
        ]
      }
    ],
    "PermissionRequest": [
      {
        "matcher": "Bash|Write",
        "hooks": [{ "type": "command", "command": "notify-send 'Claude asks'" }]
      }
    ],
    "Stop": [
      {
        "hooks": [
          { "type": "command", "command": "afplay /System/Library/Sounds/Glass.aiff", "async": true },
          { "type": "http", "url": "http://127.0.0.1:9000/stop" }
        ]
      }
    ]
  },
  "statusLine": { "type": "command", "command": "~/.claude/statusline.sh" }
}
`

func crlf(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }

func indented(s, by string) string {
	var out strings.Builder
	for line := range strings.Lines(s) {
		rest := strings.TrimLeft(line, " ")
		out.WriteString(strings.Repeat(by, (len(line)-len(rest))/2) + rest)
	}
	return out.String()
}

func compact(s string) string {
	return strings.NewReplacer("\n", "", "  ", "", `": `, `":`).Replace(s)
}

// huge has as many permission rules as years of "always allow" leave behind.
func huge() string {
	var rules strings.Builder
	for i := range 5_000 {
		fmt.Fprintf(&rules, "      \"Bash(make target-%d --with 'quotes \\\"and\\\" more':*)\",\n", i)
	}
	return strings.Replace(claudes, "      \"Bash(npm", rules.String()+"      \"Bash(npm", 1)
}

func link(target string) func(*testing.T, string) {
	return func(t *testing.T, dir string) {
		write(t, filepath.Join(dir, "dotfiles", "claude.json"), withHooks)
		if err := os.Symlink(target, filepath.Join(dir, "settings.json")); err != nil {
			t.Skip(err)
		}
		if err := os.Symlink("settings-2.json", filepath.Join(dir, "chain")); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(filepath.Join(dir, "dotfiles", "claude.json"), filepath.Join(dir, "settings-2.json")); err != nil {
			t.Fatal(err)
		}
	}
}

func mode(m fs.FileMode) func(*testing.T, string) {
	return func(t *testing.T, dir string) {
		path := filepath.Join(dir, "settings.json")
		write(t, path, claudes)
		if err := os.Chmod(path, m); err != nil {
			t.Fatal(err)
		}
	}
}

func corpus() []sample {
	return []sample{
		{name: "Claude Code's own", text: claudes},
		{name: "hooks of others", text: withHooks},
		{name: "no newline at the end", text: strings.TrimSpace(withHooks)},
		{name: "newlines at the end", text: claudes + "\n\n\n"},
		{name: "CRLF", text: crlf(withHooks)},
		{name: "CRLF and LF", text: crlf(claudes[:200]) + claudes[200:]},
		{name: "tabs", text: indented(withHooks, "\t")},
		{name: "four blanks", text: indented(claudes, "    ")},
		{name: "one blank", text: indented(withHooks, " ")},
		{name: "no indentation", text: indented(withHooks, "")},
		{name: "in one line", text: compact(withHooks)},
		{name: "in one line with a newline", text: compact(claudes) + "\n"},
		{name: "odd indentation", text: "\n\n {   \"a\"\t:1\n\t ,\n\"hooks\"  : {\n   \"Stop\" :[ ]  }\n      , \"z\": [ 1 , 2 ]\n  \n}\t\n"},
		{name: "commas in front", text: "{ \"model\": \"opus\"\n, \"hooks\": { \"Stop\": [ {\"hooks\": []}\n                   , {} ]\n           }\n}\n"},
		{name: "a BOM", text: bom + claudes},
		{name: "a BOM and CRLF", text: bom + crlf(withHooks)},
		{name: "keys twice", text: `{"model":"a","hooks":{"Stop":[]},"model":"b","hooks":{"Notification":[{"hooks":[]}],"Notification":[]},"model":"c"}`},
		{name: "hooks twice, the last empty", text: "{\n  \"hooks\": {\"Stop\": [{}]},\n  \"hooks\": {}\n}\n"},
		{name: "escaped keys", text: "{\n  \"\\u0068ooks\": {\n    \"St\\u006fp\": [],\n    \"say \\\"hi\\\"\": null\n  }\n}\n"},
		{name: "hooks null", text: "{\n  \"hooks\": null,\n  \"model\": \"opus\"\n}\n"},
		{name: "an event null", text: "{\n  \"hooks\": {\n    \"Stop\": null,\n    \"PermissionRequest\": [ null, 7 ]\n  }\n}\n"},
		{name: "hooks empty", text: "{\n  \"hooks\": {\n  }\n}\n"},
		{name: "events that there are not", text: `{"hooks": {"BeforeBreakfast": [{"hooks": [{"type": "command", "command": "toast"}]}], "x": 1}}`},
		{name: "groups of odd form", text: `{"hooks": {"Stop": [1, "x", {"hooks": {}}, {"hooks": [null, {"command": 5}, {"command": "x", "args": "y"}]}]}}`},
		{name: "empty", text: ""},
		{name: "blank", text: " \r\n\t\n"},
		{name: "a BOM alone", text: bom},
		{name: "an empty object", text: "{}"},
		{name: "an empty object in lines", text: "{\r\n}\r\n"},
		{name: "a wide empty object", text: "{ \t }"},
		{name: "huge", text: huge()},
		{name: "other alphabets", text: "{\n  \"språk\": \"日本語 \\ud83d\\ude00 😀\",\n  \"bad\": \"\xff\xfe\"\n}\n"},
		{name: "numbers that no float holds", text: `{"n": 123456789012345678901234567890.5e-400, "m": -0.0, "hooks": {}}`},
		{name: "nested deep", text: `{"x": ` + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + "}"},
		{name: "our name in others' hooks", text: `{"hooks":{"Stop":[{"hooks":[{"type":"command","command":"/bin/sh","args":["-c","claude-permission-hook"]},{"type":"command","command":"log claude-permission-hook"}]}]}}`},
		{name: "a link", make: link("dotfiles/claude.json")},
		{name: "a link to a link", make: link("chain")},
		{name: "a link to nothing", make: link("dotfiles/not-yet.json")},
		{name: "a link to itself", make: link("settings.json"), refused: "too many"},
		{name: "a folder", make: func(t *testing.T, dir string) {
			write(t, filepath.Join(dir, "settings.json", "x"), "")
		}, refused: "no regular file"},
		{name: "nothing", make: func(*testing.T, string) {}},
		{name: "no folder", make: func(t *testing.T, dir string) {
			if err := os.Remove(dir); err != nil {
				t.Fatal(err)
			}
		}},
		{name: "for the group too", make: mode(0o664)},
		{name: "for everybody to read", make: mode(0o644)},
		{name: "for me alone", make: mode(0o600)},
		{name: "read-only", make: mode(0o444), refused: "read-only"},
		{name: "comments", text: strings.Replace(claudes, "  \"env\"", "  // what I need\n  \"env\"", 1), refused: "line 10, column 3: a comment"},
		{name: "a comma too many", text: "{\n  \"a\": 1,\n}\n", refused: "line 3, column 1"},
		{name: "cut off", text: withHooks[:300], refused: "line 14, column 29: the file ends"},
		{name: "two objects", text: "{}\n{}\n", refused: "line 2, column 1"},
		{name: "a list", text: "[]\n", refused: "line 1, column 1"},
		{name: "hooks a list", text: "{\n  \"hooks\": []\n}\n", refused: "line 2, column 12"},
		{name: "an event an object", text: "{\n  \"hooks\": {\n    \"Stop\": {}\n  }\n}\n", refused: "line 3, column 13"},
		{name: "UTF-16", text: "\xff\xfe{\x00}\x00", refused: "line 1, column 1"},
	}
}

// Every sample, edited and reverted, is what it was: its bytes, its mode, its
// owner, its links, and nothing beside it.
func TestCorpus(t *testing.T) {
	for _, s := range corpus() {
		t.Run(s.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), ".claude")
			if err := os.Mkdir(dir, 0o750); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(dir, "settings.json")
			if s.make != nil {
				s.make(t, dir)
			} else {
				write(t, path, s.text)
			}
			before := snapshot(t, dir)
			text, _ := os.ReadFile(path)

			change, err := Install(path, options)
			if s.refused != "" {
				if err == nil || !strings.Contains(err.Error(), s.refused) {
					t.Errorf("it is not refused with %q, but %v", s.refused, err)
				}
				if _, err := Remove(path); err == nil && s.name != "read-only" && !strings.Contains(s.name, "hooks a") && !strings.Contains(s.name, "an event") {
					t.Error("Remove has no fault to find")
				}
				if diff := cmp.Diff(before, snapshot(t, dir)); diff != "" {
					t.Errorf("changed all the same (-before +after):\n%s", diff)
				}
				return
			}
			if err != nil || !change.Changed {
				t.Fatalf("Install: %+v, %v", change, err)
			}
			entered, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			checkEntered(t, text, entered, options)
			if change.Backup != "" {
				if kept, err := os.ReadFile(change.Backup); err != nil || string(kept) != string(text) {
					t.Errorf("the backup is %.100q, %v", kept, err)
				}
			} else if was, ok := before["settings.json"]; ok && was.kind.IsRegular() {
				t.Error("there is no backup")
			}
			during := snapshot(t, dir)
			if again, err := Install(path, options); err != nil || again.Changed {
				t.Errorf("Install again: %+v, %v", again, err)
			}
			if diff := cmp.Diff(during, snapshot(t, dir)); diff != "" {
				t.Errorf("Install again changed (-before +after):\n%s", diff)
			}
			if s, err := Read(path); err != nil || !s.Whole() || !s.As(options) || len(s.Entries) != len(Events()) {
				t.Errorf("Read: %+v, %v", s, err)
			}

			if change, err := Remove(path); err != nil || !change.Changed {
				t.Fatalf("Remove: %+v, %v", change, err)
			}
			if diff := cmp.Diff(before, snapshot(t, dir)); diff != "" {
				t.Errorf("not as before (-before +after):\n%.2000s", diff)
			}
			if change, err := Remove(path); err != nil || change.Changed {
				t.Errorf("Remove again: %+v, %v", change, err)
			}
		})
	}
}

// found is a file in a snapshot.
type found struct {
	text, link string
	kind       fs.FileMode
	owner      string
}

func (f found) Equal(g found) bool { return f == g }

func (f found) String() string {
	return fmt.Sprintf("%v %s %s %.300q", f.kind, f.owner, f.link, f.text)
}

// snapshot is everything in a folder; empty where there is none.
func snapshot(t *testing.T, dir string) map[string]found {
	t.Helper()
	all := make(map[string]found)
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		f := found{kind: info.Mode(), owner: ownerOf(info)}
		switch {
		case info.Mode()&fs.ModeSymlink != 0:
			f.link, err = os.Readlink(path)
		case info.Mode().IsRegular():
			var text []byte
			text, err = os.ReadFile(path)
			f.text = string(text)
		}
		name, _ := filepath.Rel(dir, path)
		all[name] = f
		return err
	})
	if os.IsNotExist(err) {
		return all
	}
	if err != nil {
		t.Fatal(err)
	}
	return all
}

package settings

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// children are what a test has another process do.
var children = map[string]func(path string) error{
	"count": countUp, "unprivileged": unprivileged,
}

const childEnv = "SETTINGS_TEST_CHILD"

func TestMain(m *testing.M) {
	if child := os.Getenv(childEnv); child != "" {
		name, path, _ := strings.Cut(child, " ")
		if err := children[name](path); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func startChild(t *testing.T, name, path string) (wait func()) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+name+" "+path)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return func() {
		t.Helper()
		if err := cmd.Wait(); err != nil {
			t.Errorf("the other process: %v: %s", err, said.String())
		}
	}
}

const counted = 80

// countUp changes settings as Claude Code does (measured on 2.1.330), again and
// again: it takes the lock, reads, writes the whole anew and renames.
func countUp(path string) error {
	for range counted {
		deadline := time.Now().Add(30 * time.Second)
		for os.Mkdir(path+".lock", 0o777) != nil {
			if time.Now().After(deadline) {
				return errors.New("the lock stays")
			}
			time.Sleep(time.Millisecond)
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		var settings map[string]any
		if err := json.Unmarshal(raw, &settings); err != nil {
			return fmt.Errorf("a reader sees %q: %w", raw, err)
		}
		n, _ := settings["count"].(float64)
		settings["count"] = n + 1
		if raw, err = json.MarshalIndent(settings, "", "  "); err != nil {
			return err
		}
		if err := os.WriteFile(path+".tmp.1", raw, 0o600); err != nil {
			return err
		}
		if err := os.Rename(path+".tmp.1", path); err != nil {
			return err
		}
		if err := os.Remove(path + ".lock"); err != nil {
			return err
		}
	}
	return nil
}

// Two processes write at the same moment, and neither loses what it wrote.
func TestBesideClaudeCode(t *testing.T) {
	path := filepath.Join(t.TempDir(), "settings.json")
	write(t, path, withHooks)
	wait := startChild(t, "count", path)
	for range counted {
		if _, err := Install(path, options); err != nil {
			t.Fatal(err)
		}
		if s, err := Read(path); err != nil || !s.Whole() {
			t.Fatalf("installed, and then: %v, missing %v", err, s.Missing)
		}
		if _, err := Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	wait()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var got, want map[string]any
	if err := errors.Join(json.Unmarshal(raw, &got), json.Unmarshal([]byte(withHooks), &want)); err != nil {
		t.Fatal(err)
	}
	want["count"] = float64(counted)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the file at the end (-want +got):\n%s", diff)
	}
	if left := names(t, filepath.Dir(path)); !slices.Equal(left, []string{"settings.json"}) {
		t.Errorf("left over: %v", left)
	}
}

func names(t *testing.T, dir string) (all []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

// A program that knows no lock writes between our reading and writing: the edit
// is made anew, of what it wrote.
func TestChangedMeanwhile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "settings.json")
	write(t, path, `{"a":1}`)
	calls := 0
	err := edit(path, func(now file) (file, error) {
		if calls++; calls <= 3 { // the first is before the lock
			write(t, path, fmt.Sprintf(`{"a":%d}`, calls+1))
		}
		text, err := enter(now.text, options)
		return file{exists: true, text: text, mode: now.mode}, err
	}, nil)
	text, _ := os.ReadFile(path)
	if err != nil || calls != 4 || !strings.HasPrefix(string(text), `{"a":4, "hooks"`) {
		t.Errorf("%d calls, %v: %.40s", calls, err, text)
	}
}

// It may also have removed the file, or made one.
func TestRemovedMeanwhile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "settings.json")
	write(t, path, `{"a":1}`)
	calls := 0
	err := edit(path, func(now file) (file, error) {
		if calls++; calls == 2 {
			if err := os.Remove(path); err != nil {
				t.Error(err)
			}
		}
		text, err := enter(now.text, options)
		return file{exists: true, text: text, mode: fileMode}, err
	}, nil)
	text, _ := os.ReadFile(path)
	if err != nil || bytes.Contains(text, []byte(`"a"`)) || !bytes.Contains(text, []byte(Program)) {
		t.Errorf("%v: %.40s", err, text)
	}
}

// Somebody who never stops is told of, not fought.
func TestChangedForEver(t *testing.T) {
	path := filepath.Join(t.TempDir(), "settings.json")
	write(t, path, `{}`)
	calls := 0
	err := edit(path, func(now file) (file, error) {
		calls++
		write(t, path, fmt.Sprintf(`{"a":%d}`, calls))
		text, err := enter(now.text, options)
		return file{exists: true, text: text, mode: now.mode}, err
	}, nil)
	if err == nil || !strings.Contains(err.Error(), "again and again") {
		t.Errorf("%d calls, %v", calls, err)
	}
	if text, _ := os.ReadFile(path); string(text) != fmt.Sprintf(`{"a":%d}`, calls) {
		t.Errorf("the file is %.60s", text)
	}
	if left := names(t, filepath.Dir(path)); !slices.Equal(left, []string{"settings.json"}) {
		t.Errorf("left over: %v", left)
	}
}

// A lock that a killed process left is taken over when it is old enough.
func TestLeftLock(t *testing.T) {
	for _, age := range []time.Duration{time.Minute, staleAfter - 500*time.Millisecond} {
		path := filepath.Join(t.TempDir(), "settings.json")
		write(t, path, `{}`)
		if err := os.Mkdir(path+".lock", 0o700); err != nil {
			t.Fatal(err)
		}
		old := time.Now().Add(-age)
		if err := os.Chtimes(path+".lock", old, old); err != nil {
			t.Fatal(err)
		}
		if change, err := Install(path, options); err != nil || !change.Changed {
			t.Errorf("%v: %+v, %v", age, change, err)
		}
		if since := time.Since(old); since < staleAfter {
			t.Errorf("a lock is taken over after %v", since)
		}
		if _, err := os.Stat(path + ".lock"); err == nil {
			t.Errorf("a lock of %v is still there", age)
		}
	}
}

// What others did to the file after Install stays, and so does the file.
func TestChangedBetween(t *testing.T) {
	t.Run("made by Install", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), ".claude", "settings.json")
		if change, err := Install(path, options); err != nil || !change.Created || change.Backup != "" {
			t.Fatalf("%+v, %v", change, err)
		}
		text, _ := os.ReadFile(path)
		write(t, path, strings.Replace(string(text), "{", "{\n  \"model\": \"opus\",", 1))
		change, err := Remove(path)
		text, _ = os.ReadFile(path)
		if err != nil || change.Deleted || string(text) != "{\n  \"model\": \"opus\"\n}\n" {
			t.Errorf("%+v, %v: %q", change, err, text)
		}
		if left := names(t, filepath.Dir(path)); !slices.Equal(left, []string{"settings.json"}) {
			t.Errorf("left over: %v", left)
		}
	})
	t.Run("another file in the folder", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), ".claude", "settings.json")
		if _, err := Install(path, options); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(filepath.Dir(path), "CLAUDE.md"), "x")
		if change, err := Remove(path); err != nil || !change.Deleted {
			t.Errorf("%+v, %v", change, err)
		}
		if left := names(t, filepath.Dir(path)); !slices.Equal(left, []string{"CLAUDE.md"}) {
			t.Errorf("left: %v", left)
		}
	})
	t.Run("the backup is lost", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "settings.json")
		write(t, path, claudes)
		if _, err := Install(path, options); err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(path + BackupSuffix); err != nil {
			t.Fatal(err)
		}
		_, err := Remove(path)
		if text, _ := os.ReadFile(path); err != nil || string(text) != claudes {
			t.Errorf("%v: %s", err, text)
		}
	})
	t.Run("removed by hand", func(t *testing.T) { // and then installed again
		path := filepath.Join(t.TempDir(), "settings.json")
		write(t, path, claudes)
		if _, err := Install(path, options); err != nil {
			t.Fatal(err)
		}
		write(t, path, withHooks)
		if _, err := Install(path, options); err != nil {
			t.Fatal(err)
		}
		_, err := Remove(path)
		if text, _ := os.ReadFile(path); err != nil || string(text) != withHooks {
			t.Errorf("%v: %s", err, text)
		}
	})
}

// An upgrade keeps the backup of what was there before the first version.
func TestUpgrade(t *testing.T) {
	path := filepath.Join(t.TempDir(), "settings.json")
	write(t, path, withHooks)
	old := Options{Hook: "/opt/old/claude-permission-hook", Socket: "/run/s"}
	if _, err := Install(path, old); err != nil {
		t.Fatal(err)
	}
	if s, err := Read(path); err != nil || !s.As(old) || s.As(options) {
		t.Errorf("%+v, %v", s, err)
	}
	change, err := Install(path, options)
	if err != nil || !change.Changed || change.Backup != path+BackupSuffix {
		t.Fatalf("%+v, %v", change, err)
	}
	if text, _ := os.ReadFile(path); bytes.Contains(text, []byte("/opt/old")) || bytes.Count(text, []byte(options.Hook)) != len(Events()) {
		t.Errorf("after the upgrade:\n%s", text)
	}
	if kept, _ := os.ReadFile(change.Backup); string(kept) != withHooks {
		t.Errorf("the backup is\n%s", kept)
	}
	if _, err := Remove(path); err != nil {
		t.Fatal(err)
	}
	if text, _ := os.ReadFile(path); string(text) != withHooks {
		t.Errorf("after Remove:\n%s", text)
	}
}

func TestRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "settings.json")
	if s, err := Read(path); err != nil || s.Exists || s.Whole() || len(s.Missing) != len(Events()) {
		t.Errorf("no file: %+v, %v", s, err)
	}
	write(t, path, `{"disableAllHooks": true, "enabledPlugins": {"a@b": true, "c@d": false, "e@f": ["1"]},
 "hooks": {"PermissionRequest": [{"matcher": "Bash", "hooks": [{"type": "command", "command": "claude-permission-hook --socket /s", "timeout": 1.5}]}],
  "Stop": [{"hooks": [{"type": "command", "command": "/x/claude-permission-hook", "args": ["--socket", "/s"]}]}]}}`)
	s, err := Read(path)
	if err != nil {
		t.Fatal(err)
	}
	want := []Entry{
		{Event: "PermissionRequest", Line: 2, Command: "claude-permission-hook --socket /s", Shell: true, Matcher: "Bash", Timeout: 1500 * time.Millisecond},
		{Event: "Stop", Line: 3, Command: "/x/claude-permission-hook", Args: []string{"--socket", "/s"}},
	}
	if diff := cmp.Diff(want, s.Entries, cmp.AllowUnexported(Entry{})); diff != "" {
		t.Errorf("entries (-want +got):\n%s", diff)
	}
	if slices.Contains(s.Missing, "Stop") || !slices.Contains(s.Missing, "PermissionRequest") || !s.Disabled || s.Whole() {
		t.Errorf("%+v", s)
	}
	if diff := cmp.Diff(map[string]bool{"a@b": true, "c@d": false, "e@f": true}, s.EnabledPlugins); diff != "" {
		t.Errorf("plugins (-want +got):\n%s", diff)
	}
}

// An entry that a second key of the same name hides does not run.
func TestReadHidden(t *testing.T) {
	path := filepath.Join(t.TempDir(), "settings.json")
	text := must(enter(nil, options))
	write(t, path, strings.TrimSuffix(string(text), "}\n")+", \"hooks\": {\"Stop\": []}}")
	if s, err := Read(path); err != nil || len(s.Entries) != len(Events()) || len(s.Missing) != len(Events()) || s.As(options) {
		t.Errorf("%+v, %v", s, err)
	}
	if _, err := Install(path, options); err != nil {
		t.Fatal(err)
	}
	if s, err := Read(path); err != nil || !s.Whole() || len(s.Entries) != len(Events()) {
		t.Errorf("installed: %+v, %v", s, err)
	}
}

func TestFind(t *testing.T) {
	dir, beside := t.TempDir(), t.TempDir()
	self := filepath.Join(beside, "claude-permission-daemon")
	if got := Find(self, "relative:"+dir); got != "" {
		t.Errorf("found %q", got)
	}
	write(t, filepath.Join(dir, Program), "")
	if got := Find(self, "relative:"+dir); got != filepath.Join(dir, Program) {
		t.Errorf("on the PATH: %q", got)
	}
	write(t, filepath.Join(beside, Program), "")
	if got := Find(self, dir); got != filepath.Join(beside, Program) {
		t.Errorf("beside: %q", got)
	}
}

// Whoever may not write is told so, and nothing is changed. Root may write
// everywhere, so another process tries, as nobody.
func TestMayNotWrite(t *testing.T) {
	startChild(t, "unprivileged", t.TempDir())()
}

func unprivileged(dir string) error {
	refused := filepath.Join(dir, "refused", "settings.json")
	if err := errors.Join(os.Chmod(filepath.Dir(dir), 0o755), os.Chmod(dir, 0o755), os.MkdirAll(filepath.Dir(refused), 0o755), os.WriteFile(refused, []byte(claudes), 0o666)); err != nil {
		return err
	}
	mine := filepath.Join(dir, "mine", "settings.json")
	if err := errors.Join(os.Mkdir(filepath.Dir(mine), 0o777), os.WriteFile(mine, []byte(claudes), 0o644)); err != nil {
		return err
	}
	root := os.Getuid() == 0
	if root {
		if err := errors.Join(os.Chmod(filepath.Dir(mine), 0o777), becomeNobody()); err != nil {
			return err
		}
	} else if err := errors.Join(os.Chmod(filepath.Dir(refused), 0o555), os.Chmod(mine, 0o400)); err != nil {
		return err
	}
	// A folder that may not be written, and in another the file of somebody else.
	var errs []error
	for _, path := range []string{refused, mine} {
		if _, err := Install(path, options); !errors.Is(err, fs.ErrPermission) && !errors.Is(err, ErrReadOnly) {
			errs = append(errs, fmt.Errorf("Install at %s: %w", path, err))
		}
		if text, err := os.ReadFile(path); err != nil || string(text) != claudes {
			errs = append(errs, fmt.Errorf("%s is %q, %w", path, text, err))
		}
		if entries, err := os.ReadDir(filepath.Dir(path)); err != nil || len(entries) != 1 {
			errs = append(errs, fmt.Errorf("left over: %v, %w", entries, err))
		}
	}
	if !root {
		errs = append(errs, os.Chmod(filepath.Dir(refused), 0o755))
	}
	return errors.Join(errs...)
}

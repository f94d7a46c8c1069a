// Package settings enters the hook in Claude Code's settings.json, and takes it
// out again.
//
// The file belongs to somebody else. It is edited in place: everything that is
// not an entry of ours keeps its bytes, be it order, indentation, line ends, a
// byte order mark or a key that comes twice. Install and then Remove give back
// the same bytes; if others changed the file in between, only our entries go.
// How the file itself is treated is in file.go, and measured on Claude Code
// 2.1.330.
package settings

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Options are what is entered.
type Options struct {
	// Hook is the absolute path of the hook; its name is Program.
	Hook string
	// Socket is the daemon's socket, where the hook would not find it by itself.
	Socket string
	// Timeout is the longest that a person may be waited for, by the daemon's
	// configuration; the entries allow 24 hours at least.
	Timeout time.Duration
}

// validate refuses what could not be found again, or would not run.
func (o Options) validate() error {
	switch {
	case !filepath.IsAbs(o.Hook):
		return fmt.Errorf("cannot enter the hook %q: its path is not absolute", o.Hook)
	case base(o.Hook) != Program:
		return fmt.Errorf("cannot enter the hook %q: its name is not %s, by which it would be found again", o.Hook, Program)
	case !utf8.ValidString(o.Hook) || !utf8.ValidString(o.Socket):
		return errors.New("cannot enter a path that is not UTF-8")
	case o.Socket != "" && !filepath.IsAbs(o.Socket):
		return fmt.Errorf("cannot enter the socket %q: its path is not absolute", o.Socket)
	}
	return nil
}

// Find is the hook's absolute path: beside another program (self), or else in
// one of the folders of a PATH; empty: it is in neither.
func Find(self, path string) string {
	name := Program
	if strings.HasSuffix(self, ".exe") {
		name += ".exe"
	}
	for _, dir := range append([]string{filepath.Dir(self)}, filepath.SplitList(path)...) {
		file := filepath.Join(dir, name)
		if info, err := os.Stat(file); err == nil && filepath.IsAbs(file) && info.Mode().IsRegular() {
			return file
		}
	}
	return ""
}

// Change is what Install or Remove did.
type Change struct {
	Path    string // as it was given
	Changed bool   // false: it was so already
	Created bool   // there was no such file
	Deleted bool   // there was none before Install, and now there is none again
	// Backup is the file from before, beside it; empty: there is none, or was none.
	Backup string
}

// Install enters the hook for every event of Events. Entries of ours that are
// there already stay if they do the same, and are replaced if not. What it
// cannot do leaves the file as it was. Errors are a *SyntaxError within, where
// the file is broken; ErrReadOnly; or from the file system.
func Install(path string, o Options) (Change, error) {
	change := Change{Path: path}
	if err := o.validate(); err != nil {
		return change, err
	}
	made, noFolder := false, false
	err := edit(path, func(now file) (file, error) {
		text, err := enter(now.text, o)
		if err != nil {
			return now, err
		}
		change.Changed, change.Created = !bytes.Equal(text, now.text), !now.exists
		if !change.Changed {
			return now, nil
		}
		return file{exists: true, text: text, mode: now.mode}, nil
	}, func(now file) error {
		made, noFolder = true, now.noFolder
		return keepBackup(path, now)
	})
	if err != nil {
		if made && !entered(path) {
			_ = dropBackup(path, noFolder) // of a change that did not come about
		}
		return Change{Path: path}, err
	}
	if before, known := readBackup(path); known && before.exists {
		change.Backup = path + BackupSuffix
	}
	return change, nil
}

// entered reports whether a file has entries of ours, or cannot be read.
func entered(path string) bool {
	status, err := Read(path)
	return err != nil || len(status.Entries) > 0
}

// Remove takes every entry of ours out again, and the backup away. A file that
// Install made goes too, unless others have put something into it, and so does
// the folder that it made, if nothing else is in it.
func Remove(path string) (Change, error) {
	change := Change{Path: path}
	before, known := readBackup(path)
	err := edit(path, func(now file) (file, error) {
		change.Changed, change.Deleted = false, false
		if !now.exists {
			return now, nil
		}
		var was []byte
		if known && before.exists {
			was = before.text
			if was == nil {
				was = []byte{}
			}
		}
		text, err := take(now.text, was)
		if err != nil {
			return now, err
		}
		change.Changed = !bytes.Equal(text, now.text)
		root, err := parse(text)
		if err != nil {
			return now, err
		}
		if change.Changed && known && !before.exists && (root == nil || len(root.items) == 0) {
			change.Deleted = true
			return file{}, nil
		}
		return file{exists: true, text: text, mode: now.mode}, nil
	}, nil)
	if err != nil {
		return change, err
	}
	return change, dropBackup(path, change.Deleted && before.noFolder)
}

// Status is what a settings file says of the hook.
type Status struct {
	Path    string
	Exists  bool
	Entries []Entry  // ours, in the order of the file
	Missing []string // events at which the hook does not run
	// Disabled: the file switches all hooks off (disableAllHooks).
	Disabled bool
	// EnabledPlugins are the plugins that the file switches on (true) and off.
	EnabledPlugins map[string]bool
}

// Entry is one entry of ours.
type Entry struct {
	Event   string
	Line    int // where it stands, from 1
	Command string
	Args    []string
	Shell   bool // Command is a line for the shell
	Matcher string
	Timeout time.Duration // zero: Claude Code's own
	narrow  bool          // it runs under a condition or not at all, or cannot answer
}

// Whole reports whether the hook runs at every event that it should.
func (s Status) Whole() bool { return len(s.Missing) == 0 && !s.Disabled }

// As reports whether the entries are as Install would make them with these
// options.
func (s Status) As(o Options) bool {
	for _, e := range events() {
		if !slices.ContainsFunc(s.Entries, func(have Entry) bool {
			return o.good(have, e)
		}) {
			return false
		}
	}
	return true
}

// everywhere reports whether nothing narrows when the entry runs.
func (e Entry) everywhere() bool { return !e.narrow && (e.Matcher == "" || e.Matcher == "*") }

// Read says what a settings file has of ours. A file that is not there has
// nothing.
func Read(path string) (Status, error) {
	status := Status{Path: path, Entries: []Entry{}}
	text, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return status, fmt.Errorf("cannot read the settings: %w", err)
	default:
		status.Exists = true
	}
	root, err := parse(text)
	if err != nil {
		return status, fmt.Errorf("cannot read %s: %w", path, err)
	}
	for _, h := range handlers(text, root) {
		status.Entries = append(status.Entries, h.entry)
	}
	for _, e := range events() {
		if !slices.ContainsFunc(status.Entries, func(have Entry) bool { return have.Event == e.name && have.everywhere() }) {
			status.Missing = append(status.Missing, e.name)
		}
	}
	if switched := root.member("disableAllHooks"); switched != nil {
		status.Disabled = switched.kind == 't'
	}
	status.EnabledPlugins = make(map[string]bool)
	if plugins := root.member("enabledPlugins"); plugins != nil && plugins.kind == '{' {
		for i, id := range plugins.keys {
			status.EnabledPlugins[id] = plugins.items[i].kind != 'f' && plugins.items[i].kind != 'n'
		}
	}
	return status, nil
}

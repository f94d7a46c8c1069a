package doctor

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"claude-permission-daemon/internal/paths"
)

// This file reads Claude Code's settings for what they say of hooks. It only
// looks: package claude/settings is the one that edits.

// scope is where a settings file has its place in Claude Code's order.
type scope string

// The scopes, the strongest first. Hook entries of all of them run together.
const (
	managed scope = "managed"
	local   scope = "local"
	project scope = "project"
	user    scope = "user"
)

// settingsFile is one of Claude Code's settings files that there is.
type settingsFile struct {
	path  string
	scope scope
	err   error // it cannot be read
	said
}

// said is what matters here of a settings file.
type said struct {
	Hooks                 map[string][]matcher `json:"hooks"`
	DisableAllHooks       *bool                `json:"disableAllHooks"`
	AllowManagedHooksOnly *bool                `json:"allowManagedHooksOnly"`
	Permissions           struct {
		DefaultMode string `json:"defaultMode"`
	} `json:"permissions"`
}

type matcher struct {
	Matcher string `json:"matcher"`
	Hooks   []hook `json:"hooks"`
}

// hook is one handler. Timeout is in seconds; nil is Claude Code's own.
type hook struct {
	Type    string   `json:"type"`
	Command string   `json:"command"`
	Args    []string `json:"args,omitzero"`
	Timeout *float64 `json:"timeout,omitzero"`
	Async   bool     `json:"async,omitempty"`
}

// readSettings reads every settings file that Claude Code would in Dir.
func (f *facts) readSettings() []settingsFile {
	var all []settingsFile
	add := func(scope scope, path string) {
		text, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			return
		}
		file := settingsFile{path: path, scope: scope, err: err}
		if err == nil {
			file.said, file.err = parseSettings(text)
		}
		all = append(all, file)
	}
	dir := f.managed
	if dir == "" {
		dir = managedDir()
	}
	add(managed, filepath.Join(dir, "managed-settings.json"))
	more, _ := filepath.Glob(filepath.Join(dir, "managed-settings.d", "*.json")) // the pattern is good
	slices.Sort(more)
	for _, path := range slices.Backward(more) { // of several the last holds
		add(managed, path)
	}
	if f.Dir != "" {
		add(local, filepath.Join(f.Dir, ".claude", "settings.local.json"))
		add(project, filepath.Join(f.Dir, ".claude", "settings.json"))
	}
	if home, err := paths.ClaudeDir(f.Getenv); err == nil && home != filepath.Join(f.Dir, ".claude") {
		add(user, filepath.Join(home, "settings.json"))
	} else if err == nil { // in the home folder itself the project's file is the user's
		for i := range all {
			if all[i].scope == project {
				all[i].scope = user
			}
		}
	}
	return all
}

// managedDir is where an administrator puts settings that hold for everybody.
func managedDir() string {
	switch runtime.GOOS {
	case "darwin":
		return "/Library/Application Support/ClaudeCode"
	case "windows":
		return `C:\Program Files\ClaudeCode`
	}
	return "/etc/claude-code"
}

// parseSettings reads what matters here, with the line of what is wrong.
func parseSettings(text []byte) (said, error) {
	var s said
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	if len(bytes.TrimSpace(text)) == 0 {
		return s, nil
	}
	err := json.Unmarshal(text, &s)
	line := func(offset int64) int { return 1 + bytes.Count(text[:min(int(offset), len(text))], []byte("\n")) }
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return s, fmt.Errorf("line %d: %w", line(syntax.Offset), err)
	}
	if kind, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return s, fmt.Errorf("line %d: %s is a %s", line(kind.Offset), kind.Field, kind.Value)
	}
	return s, err
}

// entry is one entry of ours in Claude Code's settings.
type entry struct {
	file    settingsFile
	event   string
	matcher string
	hook
	program string // what is run
}

// socket is the path that the entry passes to the hook; empty: none.
func (e entry) socket() string {
	args := e.Args
	if len(args) == 0 {
		args = strings.Fields(e.Command) // the shell form
	}
	for i, a := range args {
		if name, value, joined := strings.Cut(a, "="); (name == "--socket" || name == "-socket") && joined {
			return value
		}
		if (a == "--socket" || a == "-socket") && i+1 < len(args) {
			return args[i+1]
		}
	}
	return ""
}

// timeout is how long Claude Code lets the hook wait.
func (e entry) timeout() time.Duration {
	if e.Timeout == nil {
		return 600 * time.Second // measured on Claude Code 2.1.330
	}
	return time.Duration(*e.Timeout * float64(time.Second))
}

// ours finds our entries, the strongest file's first.
func ours(files []settingsFile) []entry {
	var found []entry
	for _, file := range files {
		for _, event := range sortedKeys(file.Hooks) {
			for _, m := range file.Hooks[event] {
				for _, h := range m.Hooks {
					if program := programOf(h); program != "" {
						found = append(found, entry{file, event, m.Matcher, h, program})
					}
				}
			}
		}
	}
	return found
}

// programOf is our program in a handler; empty: it runs another one.
func programOf(h hook) string {
	words := []string{h.Command}
	if h.Args == nil { // a shell reads it
		words = append(words, strings.Fields(h.Command)...)
	}
	for _, w := range words {
		w = strings.Trim(w, `"'`)
		if base := strings.TrimSuffix(filepath.Base(w), ".exe"); base == hookProgram {
			return w
		}
	}
	return ""
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

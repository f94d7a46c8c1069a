//go:build linux

package claudetest

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"
)

// patience is how long anything of the client may take on a busy machine.
const patience = time.Minute

// Home is a person's home folder with Claude Code set up in it.
type Home struct {
	Dir  string // HOME
	Work string // the project's folder, trusted
	// Env is added to the client's environment, and Args to its arguments.
	Env  map[string]string
	Args []string

	t      *testing.T
	claude string
	api    *API
}

// NewHome makes a home whose client talks to api. Programs are what the test
// needs besides the client (see Require).
func NewHome(t *testing.T, api *API, programs ...string) *Home {
	t.Helper()
	claude := Require(t, programs...)
	// Not t.TempDir: the client's sockets are in it, whose paths must be short,
	// and the client may still write to it when the test ends.
	dir, err := os.MkdirTemp("", "cc")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for range 50 { // what the client started may still write
			if os.RemoveAll(dir) == nil {
				return
			}
			time.Sleep(100 * time.Millisecond)
		}
	})
	h := &Home{Dir: filepath.Join(dir, "home"), Work: filepath.Join(dir, "work"), Env: map[string]string{}, t: t, claude: claude, api: api}
	for _, dir := range []string{filepath.Join(h.Dir, ".claude"), filepath.Join(h.Dir, "tmp"), h.Work} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	h.write(h.state(), map[string]any{
		"hasCompletedOnboarding": true, "lastOnboardingVersion": version, "lastReleaseNotesSeen": version,
		"customApiKeyResponses":       map[string]any{"approved": []string{key}, "rejected": []string{}},
		"hasSeenAutoDefaultNotice":    true,
		"hasSeenAutoDefaultNudge":     true,
		"hasSeenAutoModeEntryWarning": true,
		"projects":                    map[string]any{h.Work: map[string]any{"hasTrustDialogAccepted": true}},
	})
	h.Settings(nil)
	return h
}

const (
	version = "2.1.330"
	key     = "sk-ant-dummy-test"
)

func (h *Home) state() string { return filepath.Join(h.Dir, ".claude.json") }

// State changes what the client keeps of its own in ~/.claude.json, before it
// is started: "messageIdleNotifThresholdMs", say.
func (h *Home) State(change map[string]any) {
	h.t.Helper()
	raw, err := os.ReadFile(h.state())
	if err != nil {
		h.t.Fatal(err)
	}
	var all map[string]any
	if err := json.Unmarshal(raw, &all); err != nil {
		h.t.Fatal(err)
	}
	maps.Copy(all, change)
	h.write(h.state(), all)
}

// Settings writes the user's settings.json; it is in the default mode unless
// the settings say something else.
func (h *Home) Settings(settings map[string]any) {
	h.t.Helper()
	all := map[string]any{"permissions": map[string]any{"defaultMode": "default"}}
	maps.Copy(all, settings)
	h.write(filepath.Join(h.Dir, ".claude", "settings.json"), all)
}

// Hooks writes settings in which these events run a command, as README says
// that the hook is installed: by its absolute path and arguments.
func (h *Home) Hooks(events []string, command string, args ...string) {
	h.t.Helper()
	h.Settings(hooks(events, command, args...))
}

// ProjectHooks writes such settings into the project's folder: the client runs
// the user's and the project's hooks, each beside the other.
func (h *Home) ProjectHooks(events []string, command string, args ...string) {
	h.t.Helper()
	h.write(filepath.Join(h.Work, ".claude", "settings.json"), hooks(events, command, args...))
}

// hooks are the settings in which these events run a command.
func hooks(events []string, command string, args ...string) map[string]any {
	args = append([]string{}, args...) // the client refuses a null
	entries := map[string]any{}
	for _, event := range events {
		entries[event] = []any{map[string]any{"matcher": "*", "hooks": []any{
			map[string]any{"type": "command", "command": command, "args": args, "timeout": 86400},
		}}}
	}
	return map[string]any{"hooks": entries}
}

func (h *Home) write(path string, what any) {
	h.t.Helper()
	raw, err := json.MarshalIndent(what, "", "  ")
	if err == nil {
		err = os.MkdirAll(filepath.Dir(path), 0o700)
	}
	if err == nil {
		err = os.WriteFile(path, raw, 0o600)
	}
	if err != nil {
		h.t.Fatal(err)
	}
}

// environ is the client's whole environment.
func (h *Home) environ() []string {
	all := map[string]string{
		"HOME": h.Dir, "TMPDIR": filepath.Join(h.Dir, "tmp"), "CLAUDE_CODE_TMPDIR": filepath.Join(h.Dir, "tmp"),
		"PATH": os.Getenv("PATH"), "SHELL": "/bin/sh", "LANG": "C.UTF-8", "TERM": "xterm-256color",
		"ANTHROPIC_BASE_URL": h.api.URL, "ANTHROPIC_API_KEY": key,
		"DISABLE_AUTOUPDATER": "1", "DISABLE_TELEMETRY": "1", "DISABLE_ERROR_REPORTING": "1",
		"CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
	}
	maps.Copy(all, h.Env)
	var pairs []string
	for _, name := range slices.Sorted(maps.Keys(all)) {
		pairs = append(pairs, name+"="+all[name])
	}
	return pairs
}

// Command is the client with other arguments ("plugin", "list"), in the
// project's folder; it ends with the test.
func (h *Home) Command(args ...string) *exec.Cmd {
	cmd := exec.CommandContext(h.t.Context(), h.claude, args...)
	cmd.Dir, cmd.Env = h.Work, h.environ()
	return cmd
}

// Headless runs claude -p with a prompt to its end and returns what it prints.
func (h *Home) Headless(prompt string) string {
	h.t.Helper()
	return h.StartHeadless(prompt)()
}

// StartHeadless starts claude -p with a prompt. wait waits for its end, which
// must be a good one, and returns what it prints.
func (h *Home) StartHeadless(prompt string) (wait func() string) {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(h.t.Context(), patience)
	cmd := exec.CommandContext(ctx, h.claude, append([]string{"-p", prompt, "--output-format", "json"}, h.Args...)...)
	cmd.Dir, cmd.Env = h.Work, h.environ()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Start(); err != nil {
		h.t.Fatal(err)
	}
	ended := sync.OnceValue(func() error { defer cancel(); return cmd.Wait() })
	h.t.Cleanup(func() { cancel(); _ = ended() })
	return func() string {
		h.t.Helper()
		if err := ended(); err != nil {
			h.t.Fatalf("claude -p: %v\n%s%s", err, stdout.String(), stderr.String())
		}
		return stdout.String()
	}
}

// Path is a path in the project's folder.
func (h *Home) Path(name string) string { return filepath.Join(h.Work, name) }

// Exists reports whether there is such a file in the project's folder.
func (h *Home) Exists(name string) bool {
	_, err := os.Stat(h.Path(name))
	return err == nil
}

// Wait waits until a condition holds.
func Wait(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if holds() {
			return
		}
	}
	t.Fatalf("waited %v: %s", patience, what)
}

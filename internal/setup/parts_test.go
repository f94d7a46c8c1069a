package setup

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"claude-permission-daemon/internal/claude/settings"
)

func newHooks(t *testing.T) Hooks {
	t.Helper()
	dir := t.TempDir()
	return Hooks{Path: filepath.Join(dir, ".claude", "settings.json"), Project: filepath.Join(dir, "project", ".claude", "settings.json"),
		Options: settings.Options{Hook: filepath.Join(dir, settings.Program)}}
}

func (h Hooks) write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestHooks: entering and undoing, and entering and removing, leave the folder
// as it was, with and without a file, and with older entries of ours in it.
func TestHooks(t *testing.T) {
	for _, test := range []struct{ name, before string }{
		{"no file", ""},
		{"somebody's file", "{\n\t\"model\": \"opus\"\n}\n"},
		{"an older entry", `{"hooks": {"PermissionRequest": [{"matcher": "*", "hooks": [{"type": "command", "command": "/old/claude-permission-hook"}]}]}}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := newHooks(t)
			if test.before != "" {
				h.write(t, h.Path, test.before)
			}
			root := filepath.Dir(filepath.Dir(h.Path))
			before := tree(t, root)
			p, err := h.Plan()
			if err != nil || len(p.Changes) == 0 {
				t.Fatalf("the plan is %v (%v)", p, err)
			}
			if strings.Contains(test.before, settings.Program) && !strings.Contains(p.Changes[0], "replace the entry of PermissionRequest") {
				t.Errorf("the plan does not say that an entry is replaced: %q", p.Changes)
			}
			undo, err := h.Install(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			if p, err := h.Plan(); err != nil || len(p.Changes) > 0 {
				t.Errorf("once entered, the plan is %v (%v)", p, err)
			}
			if err := undo(context.Background()); err != nil {
				t.Fatal(err)
			}
			after := tree(t, root)
			// The copy from before the older entry is the settings' own to keep.
			delete(after, h.Path+settings.BackupSuffix)
			if diff := cmp.Diff(before, after); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestHooksNotEntered(t *testing.T) {
	h := newHooks(t)
	h.Options.Hook = ""
	if _, err := h.Plan(); err == nil || !strings.Contains(err.Error(), "cannot find claude-permission-hook") {
		t.Errorf("without the program: %v", err)
	}
	// A plugin that runs the hook is enough; uninstall names it.
	h = newHooks(t)
	h.Plugins = func() ([]settings.Plugin, error) { return []settings.Plugin{{ID: "permission-daemon@mine"}}, nil }
	if p, err := h.Plan(); err != nil || len(p.Changes) > 0 {
		t.Errorf("with a plugin, the plan is %v (%v)", p, err)
	}
	h.write(t, h.Project, `{"hooks": {"Stop": [{"hooks": [{"type": "command", "command": "/usr/bin/claude-permission-hook"}]}]}}`)
	removed, left, err := h.Remove(context.Background())
	if err != nil || len(removed) > 0 || len(left) != 2 || !strings.Contains(left[0], "permission-daemon@mine") || !strings.Contains(left[1], "--project") {
		t.Errorf("removed %q, left %q (%v)", removed, left, err)
	}
	// A broken file is named with its line, and left alone.
	h = newHooks(t)
	h.write(t, h.Path, "{\n  \"model\": opus\n}\n")
	_, err = h.Plan()
	if broken, ok := errors.AsType[*Hinted](err); !ok || !strings.Contains(err.Error(), "line 2") || !strings.Contains(broken.Hint, "--no-hooks") {
		t.Errorf("a broken file: %v", err)
	}
	if _, err := h.Install(context.Background()); err == nil {
		t.Error("it was entered in a broken file")
	}
	if _, left, err := h.Remove(context.Background()); err == nil || len(left) != 1 {
		t.Errorf("removed from a broken file: left %q (%v)", left, err)
	}
}

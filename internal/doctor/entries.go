package doctor

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"claude-permission-daemon/internal/claude/settings"
	"claude-permission-daemon/internal/paths"
)

// question is the event that asks.
const question = "PermissionRequest"

// settling are the other events that the hook is entered for: they tell what
// became of a question.
func settling() []string {
	return slices.DeleteFunc(settings.Events(), func(event string) bool { return event == question })
}

const installHooks = daemonProgram + " hooks install"

// settingsReadable: Claude Code can read its settings.
func settingsReadable(_ context.Context, f *facts) finding {
	var names, bad []string
	for _, file := range f.settings() {
		names = append(names, file.path)
		if file.err != nil {
			bad = append(bad, fmt.Sprintf("%s: %v", file.path, file.err))
		}
	}
	switch {
	case len(bad) > 0:
		return fail("edit "+strings.SplitN(bad[0], ": ", 2)[0], "%s", strings.Join(bad, "; "))
	case len(names) == 0:
		return skip("there are none yet")
	}
	return fine("%s", strings.Join(names, ", "))
}

// hookEntry: Claude Code is told of the hook, for every tool.
func hookEntry(_ context.Context, f *facts) finding {
	var asking []entry
	for _, e := range f.hooks() {
		if e.event == question {
			asking = append(asking, e)
		}
	}
	if len(asking) == 0 {
		if plugin := f.plugin(); plugin != "" {
			return fine("by the plugin %s", plugin)
		}
		return fail(installHooks, "no settings file has an entry for %s that runs %s", question, hookProgram)
	}
	for _, e := range asking {
		switch {
		case e.matcher != "" && e.matcher != "*":
			return warn(installHooks, "the entry in %s is for %q alone, so for other tools nobody is asked", e.file.path, e.matcher)
		case e.Async:
			return fail(installHooks, "the entry in %s is async: Claude Code takes no answer from such a hook", e.file.path)
		case !filepath.IsAbs(e.program):
			return warn(installHooks, "the entry in %s names no absolute path, and hooks run in whatever folder the session is in", e.file.path)
		case runnable(e.program) != nil:
			return fail(installHooks, "the entry in %s runs %s: %v", e.file.path, e.program, runnable(e.program))
		}
	}
	return fine("%s, in %s", asking[0].program, asking[0].file.path)
}

// plugin is the name under which the hook is installed as a plugin; empty: it
// is not.
func (f *facts) plugin() string {
	dir, err := paths.ClaudeDir(f.Getenv)
	if err != nil {
		return ""
	}
	plugins, err := settings.Plugins(dir, f.Dir)
	if err != nil || len(plugins) == 0 {
		return "" // the check of the settings tells of those that cannot be read
	}
	return plugins[0].ID
}

// settleEntries: the events that close a question are sent too.
func settleEntries(_ context.Context, f *facts) finding {
	if len(f.hooks()) == 0 {
		return skip("there is no entry: see the hook's entry")
	}
	var missing []string
	for _, event := range settling() {
		if !slices.ContainsFunc(f.hooks(), func(e entry) bool { return e.event == event }) {
			missing = append(missing, event)
		}
	}
	if len(missing) > 0 {
		return warn(installHooks, "missing: %s", strings.Join(missing, ", "))
	}
	return fine("%s", strings.Join(settling(), ", "))
}

// hookTimeout: Claude Code waits longer than the daemon does.
func hookTimeout(_ context.Context, f *facts) finding {
	ours := time.Duration(f.configured().config.Daemon.RequestTimeout)
	for _, e := range f.hooks() {
		if e.event != question {
			continue
		}
		switch limit := e.timeout(); {
		case ours > 0 && limit <= ours:
			return fail(installHooks, "Claude Code ends the hook after %v, and the daemon waits for %v ([daemon] request_timeout)", limit, ours)
		case limit < 10*time.Minute:
			return warn(installHooks, "Claude Code ends the hook after %v: hardly time to get out a phone", limit)
		case e.Timeout == nil:
			return warn(installHooks, "the entry has no timeout, so Claude Code ends the hook after 10 minutes")
		default:
			return fine("Claude Code lets it wait for %v", limit)
		}
	}
	return skip("there is no entry: see the hook's entry")
}

// hookSocket: the hook looks for the daemon where the daemon is.
func hookSocket(_ context.Context, f *facts) finding {
	daemon := f.socketPath()
	if len(f.hooks()) == 0 {
		return skip("there is no entry: see the hook's entry")
	}
	for _, e := range f.hooks() {
		if e.event != question {
			continue
		}
		if at := paths.Socket(e.socket(), f.Getenv); filepath.Clean(at) != filepath.Clean(daemon) {
			return fail(installHooks, "the hook looks at %s, and the daemon listens on %s", at, daemon)
		}
	}
	return fine("%s", daemon)
}

// installedOnce: no question is asked twice.
func installedOnce(_ context.Context, f *facts) finding {
	var places []string
	seen := map[string]bool{}
	for _, e := range f.hooks() {
		if e.event != question {
			continue
		}
		// The very same handler in two files runs once.
		if same := strings.Join(append([]string{e.Command}, e.Args...), "\x00"); !seen[same] {
			seen[same] = true
			places = append(places, e.file.path)
		}
	}
	if plugin := f.plugin(); plugin != "" {
		places = append(places, "the plugin "+plugin)
	}
	switch len(places) {
	case 0:
		return skip("there is no entry: see the hook's entry")
	case 1:
		return fine("%s", places[0])
	}
	return warn(daemonProgram+" hooks remove", "it is installed %d times: %s", len(places), strings.Join(places, ", "))
}

// hooksAllowed: nothing switches hooks off.
func hooksAllowed(_ context.Context, f *facts) finding {
	inManaged := slices.ContainsFunc(f.hooks(), func(e entry) bool { return e.file.scope == managed })
	decided := false
	for _, file := range f.settings() { // the strongest first
		if file.scope == managed && file.AllowManagedHooksOnly != nil && *file.AllowManagedHooksOnly && !inManaged {
			return fail("ask whoever administers "+file.path, "%s allows managed hooks only (allowManagedHooksOnly), so yours never run", file.path)
		}
		if file.DisableAllHooks == nil || decided {
			continue
		}
		decided = true
		switch {
		case !*file.DisableAllHooks:
		case file.scope == managed:
			return fail("ask whoever administers "+file.path, "%s switches all hooks off (disableAllHooks)", file.path)
		case inManaged: // which others cannot switch off
		default:
			return fail("remove disableAllHooks from "+file.path, "%s switches all hooks off (disableAllHooks)", file.path)
		}
	}
	return fine("nothing switches them off")
}

// defaultMode: Claude Code asks at all.
func defaultMode(_ context.Context, f *facts) finding {
	mode, where := "", ""
	for _, file := range f.settings() {
		m := file.Permissions.DefaultMode
		if m == "" || (m == "auto" || m == "bypassPermissions") && (file.scope == local || file.scope == project) {
			continue // these two count from the user or an administrator only
		}
		mode, where = m, file.path
		break
	}
	const fix = `set "permissions": {"defaultMode": "default"} in Claude Code's settings.json, if you want to be asked`
	switch mode {
	case "":
		return warn(fix, "none is set, so Claude Code (2.1.284 and later) starts in auto mode and asks rarely")
	case "auto":
		return warn(fix, "auto, in %s: Claude Code decides most by itself, and asks rarely", where)
	case "bypassPermissions":
		return warn(fix, "bypassPermissions, in %s: Claude Code asks almost nothing", where)
	case "dontAsk":
		return warn(fix, "dontAsk, in %s: what is not allowed is denied without a question", where)
	}
	return fine("%s, in %s", mode, where)
}

// surfaces: where Claude Code is used, but may not run hooks.
func surfaces(_ context.Context, f *facts) finding {
	home, err := paths.Home(f.Getenv)
	if err != nil {
		return skip("%v", err)
	}
	var found []string
	for _, s := range []struct{ name, pattern string }{
		{"VS Code", ".vscode/extensions/anthropic.claude-code-*"},
		{"VS Code (remote)", ".vscode-server/extensions/anthropic.claude-code-*"},
		{"VS Code Insiders", ".vscode-insiders/extensions/anthropic.claude-code-*"},
		{"Cursor", ".cursor/extensions/anthropic.claude-code-*"},
		{"Windsurf", ".windsurf/extensions/anthropic.claude-code-*"},
		{"JetBrains", ".local/share/JetBrains/*/claude-code-jetbrains-plugin"},
		{"Claude Desktop", ".config/Claude"},
		{"Claude Desktop", "Library/Application Support/Claude"},
	} {
		if hits, _ := filepath.Glob(filepath.Join(home, filepath.FromSlash(s.pattern))); len(hits) > 0 && !slices.Contains(found, s.name) {
			found = append(found, s.name)
		}
	}
	if len(found) > 0 {
		return warn("see docs/troubleshooting.md, “No card comes”", "%s: sessions there may ask in their own window only; so may teammates of an agent team", strings.Join(found, ", "))
	}
	return fine("no editor's extension is installed. Teammates of an agent team ask in their own way; so do trust dialogs and sandboxed network access")
}

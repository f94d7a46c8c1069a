package settings

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"claude-permission-daemon/internal/version"
)

// The plugin runs the hook at the same events, with the same times, as Install
// enters it for; only its path is the PATH's to say.
func TestPluginHooks(t *testing.T) {
	type group struct {
		Matcher string
		Hooks   []map[string]any
	}
	var plugin struct {
		Description string
		Hooks       map[string][]group
	}
	readJSON(t, "../../../plugin/hooks/hooks.json", &plugin)
	text := must(enter(nil, options))
	var entered struct{ Hooks map[string][]group }
	if err := json.Unmarshal(text, &entered); err != nil {
		t.Fatal(err)
	}
	for _, groups := range entered.Hooks {
		groups[0].Hooks[0]["command"] = Program
	}
	if diff := cmp.Diff(entered.Hooks, plugin.Hooks); diff != "" {
		t.Errorf("plugin/hooks/hooks.json (-settings +plugin):\n%s", diff)
	}
}

func TestPluginManifests(t *testing.T) {
	type plugin struct{ Name, Version, Source, Description string }
	var manifest plugin
	readJSON(t, "../../../plugin/.claude-plugin/plugin.json", &manifest)
	if manifest.Name != PluginName || manifest.Version != version.Number {
		t.Errorf("the plugin is %s %s, the program %s %s", manifest.Name, manifest.Version, PluginName, version.Number)
	}
	var market struct {
		Name    string
		Plugins []plugin
	}
	readJSON(t, "../../../.claude-plugin/marketplace.json", &market)
	want := plugin{Name: PluginName, Source: "./plugin", Description: manifest.Description}
	if diff := cmp.Diff([]plugin{want}, market.Plugins); diff != "" || market.Name != PluginName {
		t.Errorf("the marketplace %s (-want +got):\n%s", market.Name, diff)
	}
}

func readJSON(t *testing.T, path string, into any) {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(raw, into)
	}
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

// A plugin is ours by its name or by what it runs, and on by the last settings
// file that speaks of it.
func TestPlugins(t *testing.T) {
	const ours, copied = "permission-daemon@permission-daemon", "renamed@somewhere"
	for _, test := range []struct {
		name, user, project, local string
		want                       []string
	}{
		{name: "none"},
		{name: "others", user: `{"enabledPlugins":{"formatter@somewhere":true}}`},
		{name: "ours", user: `{"enabledPlugins":{"formatter@somewhere":true,"` + ours + `":true}}`, want: []string{ours}},
		{name: "a copy of ours", user: `{"enabledPlugins":{"` + copied + `":true}}`, want: []string{copied}},
		{name: "both", user: `{"enabledPlugins":{"` + copied + `":true,"` + ours + `":true}}`, want: []string{ours, copied}},
		{name: "off", user: `{"enabledPlugins":{"` + ours + `":false}}`},
		{name: "with a version", user: `{"enabledPlugins":{"` + ours + `":["^0.1"]}}`, want: []string{ours}},
		{name: "in the project", project: `{"enabledPlugins":{"` + ours + `":true}}`, want: []string{ours}},
		{name: "off in the project", user: `{"enabledPlugins":{"` + ours + `":true}}`, project: `{"enabledPlugins":{"` + ours + `":false}}`},
		{name: "off here alone", user: `{"enabledPlugins":{"` + ours + `":true}}`, local: `{"enabledPlugins":{"` + ours + `":false}}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir, project := t.TempDir(), t.TempDir()
			installed := filepath.Join(dir, "plugins", "cache", "x")
			write(t, filepath.Join(installed, "hooks", "hooks.json"), string(must(enter(nil, options))))
			write(t, filepath.Join(dir, "plugins", "installed_plugins.json"),
				`{"version":2,"plugins":{"renamed@somewhere":[{"scope":"user","installPath":`+quote(installed)+`}],"formatter@somewhere":[{"installPath":"/nowhere"}]}}`)
			for path, text := range map[string]string{
				filepath.Join(dir, "settings.json"):                      test.user,
				filepath.Join(project, ".claude", "settings.json"):       test.project,
				filepath.Join(project, ".claude", "settings.local.json"): test.local,
			} {
				if text != "" {
					write(t, path, text)
				}
			}
			found, err := Plugins(dir, project)
			if err != nil {
				t.Fatal(err)
			}
			var ids []string
			for _, p := range found {
				ids = append(ids, p.ID)
			}
			if diff := cmp.Diff(test.want, ids); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestPluginsUnreadable(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "settings.json"), `{"enabledPlugins":{"x@y":true}}`)
	write(t, filepath.Join(dir, "plugins", "installed_plugins.json"), `{`)
	if found, err := Plugins(dir, ""); err == nil {
		t.Errorf("found %v", found)
	}
	write(t, filepath.Join(dir, "settings.json"), `{`)
	if found, err := Plugins(dir, ""); err == nil {
		t.Errorf("found %v", found)
	}
}

// write writes a file, and the folders for it.
func write(t *testing.T, path, text string) {
	t.Helper()
	err := os.MkdirAll(filepath.Dir(path), 0o700)
	if err == nil {
		err = os.WriteFile(path, []byte(text), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// The entries that the documentation shows are those that are entered.
func TestDocumented(t *testing.T) {
	docs, err := os.ReadFile("../../../docs/hooks.md")
	if err != nil {
		t.Fatal(err)
	}
	if text := must(enter(nil, options)); !bytes.Contains(docs, append([]byte("```json\n"), text...)) {
		t.Errorf("docs/hooks.md does not show\n%s", text)
	}
}

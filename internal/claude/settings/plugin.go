package settings

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// PluginName is the name of the same hooks as a plugin of Claude Code. Names
// that begin with "claude-" are reserved there.
const PluginName = "permission-daemon"

// Plugin is a plugin that runs our hook.
type Plugin struct {
	ID      string // name@marketplace
	Enabled string // the settings file that switches it on
	Path    string // where Claude Code keeps its copy; empty: not known
}

// Plugins finds the plugins that run our hook and are switched on: by the
// user's settings in dir (~/.claude), or by those of a project (empty: none),
// which have the last word, as for Claude Code. Plugins of a single session
// (claude --plugin-dir) are not to be found.
func Plugins(dir, project string) ([]Plugin, error) {
	files := []string{filepath.Join(dir, "settings.json")}
	if project != "" {
		files = append(files, filepath.Join(project, ".claude", "settings.json"), filepath.Join(project, ".claude", "settings.local.json"))
	}
	enabled := make(map[string]string)
	for _, file := range files {
		status, err := Read(file)
		if err != nil {
			return nil, err
		}
		for id, on := range status.EnabledPlugins {
			delete(enabled, id)
			if on {
				enabled[id] = file
			}
		}
	}
	if len(enabled) == 0 {
		return nil, nil
	}
	installed, err := installedPlugins(dir)
	if err != nil {
		return nil, err
	}
	var found []Plugin
	for _, id := range slices.Sorted(maps.Keys(enabled)) {
		name, _, _ := strings.Cut(id, "@")
		p := Plugin{ID: id, Enabled: enabled[id]}
		ours := name == PluginName
		for _, path := range installed[id] {
			p.Path = path
			status, err := Read(filepath.Join(path, "hooks", "hooks.json"))
			ours = ours || err == nil && len(status.Entries) > 0
		}
		if ours {
			found = append(found, p)
		}
	}
	return found, nil
}

// installedPlugins reads where Claude Code keeps its plugins, by their ids.
func installedPlugins(dir string) (map[string][]string, error) {
	raw, err := os.ReadFile(filepath.Join(dir, "plugins", "installed_plugins.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read the installed plugins: %w", err)
	}
	var list struct {
		Plugins map[string][]struct {
			InstallPath string `json:"installPath"`
		} `json:"plugins"`
	}
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, fmt.Errorf("cannot read the installed plugins: %w", err)
	}
	paths := make(map[string][]string)
	for id, copies := range list.Plugins {
		for _, c := range copies {
			paths[id] = append(paths[id], c.InstallPath)
		}
	}
	return paths, nil
}

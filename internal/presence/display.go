package presence

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// WaylandSockets lists the paths where a compositor may listen, likeliest
// first: what WAYLAND_DISPLAY names, then every wayland-* socket in the runtime
// folder. A service is often started before the compositor, or outlives it, so
// its environment alone says little.
func WaylandSockets(getenv func(string) string) []string {
	var paths []string
	dir := RuntimeDir(getenv)
	named := getenv("WAYLAND_DISPLAY")
	switch {
	case filepath.IsAbs(named):
		paths = append(paths, named)
	case named != "":
		named = filepath.Join(dir, named)
		paths = append(paths, named)
	}
	found, err := filepath.Glob(filepath.Join(dir, "wayland-*"))
	if err != nil {
		return paths // the folder's name is no pattern
	}
	for _, path := range found {
		if info, err := os.Stat(path); err == nil && info.Mode()&os.ModeSocket != 0 && path != named {
			paths = append(paths, path)
		}
	}
	return paths
}

// RuntimeDir is $XDG_RUNTIME_DIR, or where it usually is.
func RuntimeDir(getenv func(string) string) string {
	if dir := getenv("XDG_RUNTIME_DIR"); dir != "" {
		return strings.TrimSuffix(dir, "/")
	}
	return filepath.Join("/run/user", strconv.Itoa(os.Getuid()))
}

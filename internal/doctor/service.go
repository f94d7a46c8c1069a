package doctor

import (
	"context"
	"os"
	"path/filepath"
	"runtime"

	"claude-permission-daemon/internal/paths"
)

// service is what is known of the daemon's service.
type service struct {
	installed bool
	enabled   bool // it starts with the session
	file      string
}

// lookForService looks for the files that installing leaves.
func (f *facts) lookForService() service {
	home, err := paths.Home(f.Getenv)
	if err != nil {
		return service{}
	}
	if runtime.GOOS == "darwin" {
		plists, _ := filepath.Glob(filepath.Join(home, "Library", "LaunchAgents", "*claude-permission-daemon*.plist"))
		if len(plists) == 0 {
			return service{}
		}
		return service{installed: true, enabled: true, file: plists[0]}
	}
	own := filepath.Join(home, ".config", "systemd", "user")
	if dir := f.Getenv("XDG_CONFIG_HOME"); filepath.IsAbs(dir) {
		own = filepath.Join(dir, "systemd", "user")
	}
	var s service
	for _, dir := range []string{own, "/etc/systemd/user", "/usr/local/lib/systemd/user", "/usr/lib/systemd/user"} {
		for _, unit := range []string{daemonProgram + ".service", daemonProgram + ".socket"} {
			if file := filepath.Join(dir, unit); exists(file) && !s.installed {
				s.installed, s.file = true, file
			}
			wanted, _ := filepath.Glob(filepath.Join(dir, "*.wants", unit))
			s.enabled = s.enabled || len(wanted) > 0
		}
	}
	return s
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// serviceState: the daemon starts by itself.
func serviceState(_ context.Context, f *facts) finding {
	s := f.service()
	switch {
	case !s.installed:
		return warn(daemonProgram+" service install", "none is installed: the daemon runs when you start it")
	case !s.enabled:
		return warn("systemctl --user enable --now "+daemonProgram, "%s is there, but does not start by itself", s.file)
	}
	return fine("%s", s.file)
}

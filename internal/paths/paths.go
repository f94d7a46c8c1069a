// Package paths says where the program's files are. The daemon, its clients
// and the hook all ask here, so that they agree.
//
// The environment comes in as getenv (os.Getenv in the programs). The package
// is small on purpose: the hook pays for its start-up on every call.
package paths

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
)

// EnvSocket is the environment variable that names the socket.
const EnvSocket = "CLAUDE_PERM_SOCKET_PATH"

const (
	program    = "claude-permission-daemon"
	socketName = "claude-permissions.sock"
)

// Socket is the path of the daemon's socket. The first of these that is set
// wins: flag (--socket), CLAUDE_PERM_SOCKET_PATH, $XDG_RUNTIME_DIR,
// /run/user/UID where that folder exists, and a folder of the user's own under
// the folder for temporary files. Anybody can make that last one: who listens
// there makes it with mode 0700 and checks its owner first, and who connects
// checks the peer's uid. Nothing is created here.
func Socket(flag string, getenv func(string) string) string {
	if flag != "" {
		return flag
	}
	if path := getenv(EnvSocket); path != "" {
		return path
	}
	if dir := getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(dir) {
		return filepath.Join(dir, socketName)
	}
	uid := strconv.Itoa(os.Getuid())
	if dir := "/run/user/" + uid; isDir(dir) {
		return filepath.Join(dir, socketName)
	}
	temporary := getenv("TMPDIR")
	if !filepath.IsAbs(temporary) {
		temporary = os.TempDir()
	}
	return filepath.Join(temporary, "claude-permissions-"+uid, socketName)
}

// ConfigFile is the daemon's config.toml, whether or not it exists.
func ConfigFile(getenv func(string) string) (string, error) {
	dir, err := underHome(getenv, "XDG_CONFIG_HOME", ".config")
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, program, "config.toml"), nil
}

// StateDir is where the daemon keeps what must survive a restart.
func StateDir(getenv func(string) string) (string, error) {
	dir, err := underHome(getenv, "XDG_STATE_HOME", ".local", "state")
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, program), nil
}

// ClaudeDir is Claude Code's own folder, with its settings.json and the status
// files of its sessions.
func ClaudeDir(getenv func(string) string) (string, error) {
	return underHome(getenv, "CLAUDE_CONFIG_DIR", ".claude")
}

// underHome is the folder that variable names, else the one below the home
// folder. A relative path is ignored, as the XDG base directory specification
// demands: it would mean another folder in every process.
func underHome(getenv func(string) string, variable string, below ...string) (string, error) {
	if dir := getenv(variable); filepath.IsAbs(dir) {
		return dir, nil
	}
	home, err := Home(getenv)
	if err != nil {
		return "", err
	}
	return filepath.Join(append([]string{home}, below...)...), nil
}

// Home is the user's home folder.
func Home(getenv func(string) string) (string, error) {
	name := "HOME"
	if runtime.GOOS == "windows" {
		name = "USERPROFILE"
	}
	home := getenv(name)
	if !filepath.IsAbs(home) {
		return "", errors.New("cannot find the home folder: " + name + " is not set to an absolute path")
	}
	return home, nil
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

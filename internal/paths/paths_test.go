package paths

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

func env(pairs ...string) func(string) string {
	return func(name string) string {
		for _, pair := range pairs {
			if value, found := strings.CutPrefix(pair, name+"="); found {
				return value
			}
		}
		return ""
	}
}

func TestSocketOrder(t *testing.T) {
	for _, test := range []struct {
		name, flag string
		env        []string
		want       string
	}{
		{"the flag wins", "/f/s", []string{"CLAUDE_PERM_SOCKET_PATH=/e/s", "XDG_RUNTIME_DIR=/x"}, "/f/s"},
		{"then the variable", "", []string{"CLAUDE_PERM_SOCKET_PATH=/e/s", "XDG_RUNTIME_DIR=/x"}, "/e/s"},
		{"then the runtime folder", "", []string{"XDG_RUNTIME_DIR=/x"}, "/x/claude-permissions.sock"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := Socket(test.flag, env(test.env...)); got != test.want {
				t.Errorf("Socket = %q, want %q", got, test.want)
			}
		})
	}
}

func TestSocketWithoutRuntimeDir(t *testing.T) {
	uid := strconv.Itoa(os.Getuid())
	temporary := t.TempDir()
	want := filepath.Join(temporary, "claude-permissions-"+uid, "claude-permissions.sock")
	if isDir("/run/user/" + uid) {
		want = "/run/user/" + uid + "/claude-permissions.sock"
	}
	for _, relative := range []string{"", "run", "./run"} {
		if got := Socket("", env("XDG_RUNTIME_DIR="+relative, "TMPDIR="+temporary)); got != want {
			t.Errorf("XDG_RUNTIME_DIR=%q: Socket = %q, want %q", relative, got, want)
		}
	}
	if got := Socket("", env()); !filepath.IsAbs(got) || !strings.Contains(got, uid) {
		t.Errorf("with no environment: Socket = %q, want an absolute path of uid %s", got, uid)
	}
}

func TestFolders(t *testing.T) {
	home := "HOME=/h"
	for _, test := range []struct {
		name string
		get  func(func(string) string) (string, error)
		env  []string
		want string // empty: an error
	}{
		{"config", ConfigFile, []string{home}, "/h/.config/claude-permission-daemon/config.toml"},
		{"config moved", ConfigFile, []string{"XDG_CONFIG_HOME=/c"}, "/c/claude-permission-daemon/config.toml"},
		{"config moved to a relative path", ConfigFile, []string{home, "XDG_CONFIG_HOME=c"}, "/h/.config/claude-permission-daemon/config.toml"},
		{"config without a home", ConfigFile, nil, ""},
		{"state", StateDir, []string{home}, "/h/.local/state/claude-permission-daemon"},
		{"state moved", StateDir, []string{home, "XDG_STATE_HOME=/s"}, "/s/claude-permission-daemon"},
		{"state without a home", StateDir, []string{"HOME=h"}, ""},
		{"claude", ClaudeDir, []string{home}, "/h/.claude"},
		{"claude moved", ClaudeDir, []string{home, "CLAUDE_CONFIG_DIR=/c"}, "/c"},
		{"claude without a home", ClaudeDir, nil, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := test.get(env(test.env...))
			if got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
			if (err != nil) != (test.want == "") {
				t.Errorf("error = %v", err)
			}
		})
	}
}

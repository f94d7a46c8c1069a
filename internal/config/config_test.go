package config

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func load(t *testing.T, text string, env map[string]string) (Config, []string, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return Load(path, true, func(k string) string { return env[k] })
}

// A user of the Python program changes nothing.
func TestSeedConfiguration(t *testing.T) {
	c, warnings, err := load(t, `
[daemon]
socket_path = "/tmp/s"
idle_timeout = 90
request_timeout = 300
debug = true
[slack]
bot_token = "xoxb-1-abc"
app_token = "xapp-1-abc"
channel = "U01234567"
[swayidle]
binary = "/usr/bin/swayidle"
`, nil)
	if err != nil || len(warnings) > 0 {
		t.Fatal(err, warnings)
	}
	if c.Daemon.SocketPath != "/tmp/s" || time.Duration(c.Daemon.IdleTimeout) != 90*time.Second ||
		time.Duration(c.Daemon.RequestTimeout) != 300*time.Second || !c.Daemon.Debug {
		t.Errorf("daemon %+v", c.Daemon)
	}
	if c.Slack.BotToken.Reveal() != "xoxb-1-abc" || c.Slack.AppToken.Reveal() != "xapp-1-abc" || c.Slack.Channel != "U01234567" {
		t.Error("slack is not as written")
	}
	if c.Swayidle.Binary != "/usr/bin/swayidle" {
		t.Errorf("swayidle %+v", c.Swayidle)
	}
}

func TestEnvironmentWins(t *testing.T) {
	c, _, err := load(t, "[daemon]\nidle_timeout = 90\n[slack]\nbot_token_file = \"/nowhere\"\n", map[string]string{
		"CLAUDE_PERM_IDLE_TIMEOUT": "2m", "CLAUDE_PERM_REQUEST_TIMEOUT": "12.5", "CLAUDE_PERM_SOCKET_PATH": "/tmp/e",
		"CLAUDE_PERM_SLACK_BOT_TOKEN": "xoxb-e", "CLAUDE_PERM_SLACK_APP_TOKEN": "xapp-e", "CLAUDE_PERM_SLACK_CHANNEL": "U0E00000",
		"CLAUDE_PERM_SWAYIDLE_BINARY": "si", "CLAUDE_PERM_DEBUG": "yes",
	})
	if err != nil {
		t.Fatal(err)
	}
	got := []any{c.Daemon.IdleTimeout, c.Daemon.RequestTimeout, c.Daemon.SocketPath, c.Slack.BotToken.Reveal(),
		c.Slack.AppToken.Reveal(), c.Slack.Channel, c.Swayidle.Binary, c.Daemon.Debug}
	want := []any{Duration(2 * time.Minute), Duration(12500 * time.Millisecond), "/tmp/e", "xoxb-e", "xapp-e", "U0E00000", "si", true}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestNoFile(t *testing.T) {
	none := filepath.Join(t.TempDir(), "none.toml")
	if _, _, err := Load(none, false, func(string) string { return "" }); err != nil {
		t.Errorf("no file: %v, want the defaults", err)
	}
	if _, _, err := Load(none, true, func(string) string { return "" }); err == nil {
		t.Error("a file that was named is missing, and nobody said so")
	}
}

func TestWrong(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"unknown key", "[daemon]\nidle_timout = 5", "unknown key daemon.idle_timout: did you mean daemon.idle_timeout?"},
		{"unknown table", "[slak]\nchannel = \"x\"", "unknown key slak"},
		{"unknown top", "debug = true", "did you mean daemon.debug?"},
		{"syntax", "[daemon\n", "line "},
		{"type", "[daemon]\ndebug = 7", "debug"},
		{"duration", "[daemon]\nidle_timeout = \"soon\"", `"soon" is neither seconds`},
		{"duration type", "[daemon]\nidle_timeout = true", "must be seconds"},
		{"infinite", "[daemon]\nrequest_timeout = inf", "out of range"},
		{"zero idle", "[daemon]\nidle_timeout = 0", "daemon.idle_timeout must be above 0"},
		{"negative", "[presence]\nask_after = -1", "presence.ask_after must not be below 0"},
		{"on_return", "[presence]\non_return = \"x\"", "presence.on_return"},
		{"source", "[presence]\nsource = \"telepathy\"", "telepathy"},
		{"lock screen", "[privacy]\nlock_screen = \"none\"", "privacy.lock_screen"},
		{"listen", "[web]\nlisten = \"here\"", "listen"},
		{"swapped tokens", "[slack]\nbot_token = \"xapp-secret\"\napp_token = \"xoxb-secret\"\nchannel = \"U01234567\"", "slack.bot_token holds the other token"},
		{"token twice", "[slack]\nbot_token = \"xoxb-1\"\nbot_token_file = \"/x\"\napp_token = \"xapp-1\"\nchannel = \"U01234567\"", "both set"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, _, err := load(t, tt.text, nil)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("error %v, want %q", err, tt.want)
			}
			if strings.Contains(err.Error(), "secret") {
				t.Errorf("the error shows a token: %v", err)
			}
		})
	}
}

func TestReadableByOthers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.toml")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	_, warnings, err := Load(path, true, func(string) string { return "" })
	if err != nil || len(warnings) != 1 || !strings.Contains(warnings[0], "chmod 600") {
		t.Errorf("warnings %q, error %v", warnings, err)
	}
}

// TestExample: the example documents every key, and as it stands it is the
// default.
func TestExample(t *testing.T) {
	text, err := os.ReadFile("../../example/config.toml")
	if err != nil {
		t.Fatal(err)
	}
	c, _, err := load(t, string(text), nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Default(), c, cmp.Comparer(func(a, b Config) bool {
		a.Slack, b.Slack = Default().Slack, Default().Slack // secrets do not compare
		return cmp.Equal(a.Daemon, b.Daemon) && cmp.Equal(a.Presence, b.Presence) && cmp.Equal(a.Web, b.Web) &&
			a.Privacy == b.Privacy && a.Swayidle == b.Swayidle
	})); diff != "" {
		t.Errorf("the example is not the default:\n%s", diff)
	}
	documented := map[string]bool{}
	table := ""
	for line := range strings.Lines(string(text)) {
		if m := regexp.MustCompile(`^\[(\w+)\]`).FindStringSubmatch(line); m != nil {
			table = m[1]
		}
		if m := regexp.MustCompile(`^(?:# )?(\w+) = `).FindStringSubmatch(line); m != nil {
			documented[table+"."+m[1]] = true
		}
	}
	for _, key := range Keys() {
		if !documented[key] {
			t.Errorf("example/config.toml does not document %s", key)
		}
		delete(documented, key)
	}
	for key := range documented {
		t.Errorf("example/config.toml documents %s, which there is not", key)
	}
}

func FuzzRead(f *testing.F) {
	f.Add("[daemon]\nidle_timeout = \"5m\"\n")
	f.Add("[slack]\nallowed_users = [\"U1\"]\n[presence]\ncommand = [\"x\"]\n")
	f.Fuzz(func(_ *testing.T, text string) {
		c := Default()
		if c.read(text) == nil {
			_ = c.Validate()
		}
	})
}

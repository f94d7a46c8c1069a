package cli_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"claude-permission-daemon/internal/channel/slack/slacktest"
	"claude-permission-daemon/internal/cli"
)

// runCLI runs one command against the loopback Slack.
func runCLI(t *testing.T, s *slacktest.Server, config string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.toml")
	if err := os.WriteFile(path, fmt.Appendf(nil, "[slack]\napi_url = %q\n%s", s.URL(), config), 0o600); err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	env := map[string]string{"HOME": t.TempDir(), "XDG_STATE_HOME": t.TempDir()}
	code = cli.Run(context.Background(), append([]string{"--config", path}, args...),
		cli.Env{Stdin: strings.NewReader(""), Stdout: &out, Stderr: &errs, Getenv: func(k string) string { return env[k] }})
	return code, out.String(), errs.String()
}

// The tokens that the loopback Slack knows.
const (
	rightBot = "xoxb-1-right"
	rightApp = "xapp-1-right"
)

func peer(t *testing.T) *slacktest.Server {
	t.Helper()
	s, err := slacktest.Start(slacktest.Options{BotToken: rightBot, AppToken: rightApp, Users: []string{"U0ALICE"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

const tokens = "bot_token = \"xoxb-1-right\"\napp_token = \"xapp-1-right\"\nchannel = \"U0ALICE\"\n"

func TestSlackCheck(t *testing.T) {
	s := peer(t)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	tapped := make(chan error, 1)
	go func() {
		m, err := s.WaitMessage(ctx, func(m slacktest.Message) bool { return strings.Contains(string(m.Blocks), `"Approve"`) })
		if err == nil {
			_, err = s.Click(ctx, slacktest.Click{Channel: m.Channel, TS: m.TS, ActionID: "cpd_approve", User: "U0ALICE"})
		}
		tapped <- err
	}()
	code, stdout, stderr := runCLI(t, s, tokens, "slack", "check", "--wait", "15s")
	if err := <-tapped; err != nil {
		t.Errorf("the tap: %v", err)
	}
	if code != 0 || strings.Contains(stdout, "FAILED") || !strings.Contains(stdout, "auth.test") {
		t.Errorf("exit code %d\n%s%s", code, stdout, stderr)
	}
}

func TestSlackCheckNamesTheWrongToken(t *testing.T) {
	s := peer(t)
	tests := []struct{ name, config, want string }{
		{"bot token", strings.Replace(tokens, "xoxb-1-right", "xoxb-1-wrong", 1), "bot token"},
		{"app token", strings.Replace(tokens, "xapp-1-right", "xapp-1-wrong", 1), "app_token"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			code, stdout, stderr := runCLI(t, s, tt.config, "slack", "check", "--wait", "10s")
			if code != 1 || !strings.Contains(stderr, tt.want) {
				t.Errorf("exit code %d\n%s%s", code, stdout, stderr)
			}
			if strings.Contains(stdout+stderr, "-wrong") {
				t.Error("the output shows a token")
			}
		})
	}
}

func TestSlackManifest(t *testing.T) {
	code, stdout, _ := runCLI(t, peer(t), "", "slack", "manifest")
	if code != 0 || !strings.Contains(stdout, `"socket_mode_enabled": true`) || !strings.Contains(stdout, "https://api.slack.com/apps?") {
		t.Errorf("exit code %d\n%s", code, stdout)
	}
	if code, _, stderr := runCLI(t, peer(t), "", "slack", "check"); code != 1 || !strings.Contains(stderr, "not configured") {
		t.Errorf("unconfigured: exit code %d, %s", code, stderr)
	}
	if code, _, _ := runCLI(t, peer(t), "", "slack"); code != 2 {
		t.Errorf("no verb: exit code %d", code)
	}
}

package slack

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/BurntSushi/toml"

	"claude-permission-daemon/internal/channel/slack/slacktest"
	"claude-permission-daemon/internal/secret"
)

func TestConfig(t *testing.T) {
	good := `bot_token = "xoxb-1"` + "\n" + `app_token = "xapp-1"` + "\n"
	for _, test := range []struct {
		name, text string
		bad        string // of Validate, or
		closed     string // of Closed
	}{
		{"nothing", ``, "", "allowed_users"},
		{"a seed user's", good + `channel = "U01234567"`, "", ""},
		{"a direct message", good + `channel = "D01234567"`, "", "D01234567"},
		{"a channel", good + `channel = "C01234567"` + "\n" + `allowed_users = ["U01234567"]`, "", ""},
		{"a channel's name", good + `channel = "#approvals"`, "", "#approvals"},
		{"a channel that everybody reads", good + `channel = "C01234567"`, "", "slack.allowed_users"},
		{"an empty list", good + "channel = \"C01234567\"\nallowed_users = []", "", "slack.allowed_users"},
		{"no channel", good, "slack.channel is not set", ""},
		{"an address", good + `channel = "alice@example.com"`, "slack.channel", ""},
		{"a lower-case id", good + `channel = "u0123 4567"`, "slack.channel", ""},
		{"no tokens", `channel = "U01234567"`, "slack.bot_token is not set", ""},
		{"swapped tokens", "bot_token = \"xapp-1\"\napp_token = \"xoxb-1\"\nchannel = \"U01234567\"", "slack.bot_token holds the other token", ""},
		{"a user's token", "bot_token = \"xoxp-1\"\napp_token = \"xapp-1\"\nchannel = \"U01234567\"", "slack.bot_token must begin with xoxb-", ""},
		{"a token with a line break", "bot_token = \"xoxb-1\\n\"\napp_token = \"xapp-1\"\nchannel = \"U01234567\"", "slack.bot_token has a space", ""},
		{"a name among the ids", good + "channel = \"U01234567\"\nallowed_users = [\"alice\"]", "slack.allowed_users: \"alice\"", ""},
		{"a URL without its slash", good + "channel = \"U01234567\"\napi_url = \"https://slack.com/api\"", "slack.api_url must end with a slash", ""},
		{"a URL in clear", good + "channel = \"U01234567\"\napi_url = \"http://proxy.example/api/\"", "slack.api_url would send the tokens unencrypted", ""},
		{"a URL on this machine", good + "channel = \"U01234567\"\napi_url = \"http://127.0.0.1:1/api/\"", "", ""},
		{"no URL", good + "channel = \"U01234567\"\napi_url = \"slack\"", "slack.api_url is not", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			var c Config
			if md, err := toml.Decode(test.text, &c); err != nil || len(md.Undecoded()) > 0 {
				t.Fatal(err, md.Undecoded())
			}
			err := c.Validate()
			if (test.bad == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), test.bad) {
				t.Errorf("Validate says %v, want %q", err, test.bad)
			}
			if err != nil {
				if _, err := New(c, Options{Machine: machine}); err == nil {
					t.Error("New takes it")
				}
				return
			}
			closed := c.Closed()
			if (test.closed == "") != (closed == nil) || closed != nil && !strings.Contains(closed.Error(), test.closed) {
				t.Errorf("Closed says %v, want %q", closed, test.closed)
			}
			if c.Enabled() != (test.text != "") {
				t.Errorf("enabled: %v", c.Enabled())
			}
		})
	}
}

func TestTokensFromFiles(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	c := Config{BotTokenFile: file("bot", "xoxb-from-file\n"), AppTokenFile: file("app", " xapp-from-file"), Channel: "U01234567"}
	if err := errors.Join(c.ReadFiles(), c.Validate()); err != nil {
		t.Fatal(err)
	}
	if c.BotToken.Reveal() != "xoxb-from-file" || c.AppToken.Reveal() != "xapp-from-file" {
		t.Errorf("read %q and %q", c.BotToken.Reveal(), c.AppToken.Reveal())
	}
	c = Config{BotTokenCommand: []string{"echo", "xoxb-from-command"}, AppTokenCommand: []string{"cat", file("app", "xapp-from-cat")}, Channel: "U01234567"}
	if err := errors.Join(c.ReadFiles(), c.Validate()); err != nil || c.BotToken.Reveal() != "xoxb-from-command" || c.AppToken.Reveal() != "xapp-from-cat" {
		t.Errorf("read %q and %q (%v)", c.BotToken.Reveal(), c.AppToken.Reveal(), err)
	}
	for name, bad := range map[string]Config{
		"slack.bot_token_command: cannot get the token from sh: exit status 3: it is locked": {BotTokenCommand: []string{"sh", "-c", "echo xoxb-1; echo it is locked >&2; exit 3"}},
		"slack.app_token_command: true printed no token":                                     {AppTokenCommand: []string{"true"}},
		"slack.app_token_command: cannot get the token from no-such-program":                 {AppTokenCommand: []string{"no-such-program"}},
		"slack.bot_token and slack.bot_token_command are both set: keep":                     {BotToken: secret.Of("xoxb-1"), BotTokenCommand: []string{"echo", "xoxb-2"}},
		"slack.bot_token_file and slack.bot_token_command are both set: keep":                {BotTokenFile: file("two", "xoxb-2"), BotTokenCommand: []string{"echo", "xoxb-2"}},
		"slack.bot_token_file: cannot read":                                                  {BotTokenFile: filepath.Join(dir, "missing")},
		"slack.app_token_file: ":                                                             {AppTokenFile: file("empty", "\n")},
		"slack.bot_token and slack.bot_token_file are both set: keep":                        {BotToken: secret.Of("xoxb-1"), BotTokenFile: file("two", "xoxb-2")},
	} {
		if err := bad.ReadFiles(); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("got %v, want %q", err, name)
		} else if strings.Contains(err.Error(), "xoxb-") {
			t.Errorf("%v gives away a token", err)
		}
	}
}

func TestManifest(t *testing.T) {
	for _, host := range []string{"laptop", "a-very-long-host-name.of.a.department.example.com", "höst <&> \"q\"", ""} {
		text := Manifest(host)
		var m struct {
			Display struct {
				Name, Description string
			} `json:"display_information"`
			Features struct {
				Home struct {
					Messages bool `json:"messages_tab_enabled"`
					ReadOnly bool `json:"messages_tab_read_only_enabled"`
				} `json:"app_home"`
				Bot struct {
					Name string `json:"display_name"`
				} `json:"bot_user"`
			}
			OAuth    struct{ Scopes struct{ Bot []string } } `json:"oauth_config"`
			Settings struct {
				SocketMode    bool `json:"socket_mode_enabled"`
				Rotation      bool `json:"token_rotation_enabled"`
				Interactivity struct {
					Enabled bool `json:"is_enabled"`
				}
			}
		}
		if err := json.Unmarshal(text, &m); err != nil {
			t.Fatal(err)
		}
		if n := units(m.Display.Name); n == 0 || n > 35 {
			t.Errorf("the name %q has %d characters, Slack takes 35", m.Display.Name, n)
		}
		if n := units(m.Display.Description); n == 0 || n > 140 {
			t.Errorf("the description has %d characters, Slack takes 140", n)
		}
		if n := units(m.Features.Bot.Name); n == 0 || n > 80 {
			t.Errorf("the bot's name has %d characters, Slack takes 80", n)
		}
		if !m.Settings.SocketMode || !m.Settings.Interactivity.Enabled || m.Settings.Rotation || !m.Features.Home.Messages || m.Features.Home.ReadOnly {
			t.Errorf("the manifest is %s", text)
		}
		if got := strings.Join(m.OAuth.Scopes.Bot, " "); got != "chat:write im:history im:write" {
			t.Errorf("the scopes are %s", got)
		}
		u, err := url.Parse(ManifestLink(text))
		if err != nil || u.Host != "api.slack.com" || u.Query().Get("new_app") != "1" {
			t.Fatalf("the link is %s (%v)", u, err)
		}
		var again, once any
		if json.Unmarshal([]byte(u.Query().Get("manifest_json")), &again) != nil || json.Unmarshal(text, &once) != nil || string(mustJSON(again)) != string(mustJSON(once)) {
			t.Error("the link carries another manifest")
		}
	}
}

// check runs Check, and whoever sees the card taps on it.
func check(t *testing.T, srv *slacktest.Server, cfg Config, tap func(context.Context, slacktest.Message)) (steps []Step, err error) {
	t.Helper()
	ctx, cancel := contextWithTimeout(t)
	defer cancel()
	var taps sync.WaitGroup
	defer taps.Wait()
	if tap != nil {
		taps.Go(func() {
			if m, err := srv.WaitMessage(ctx, hasButtons); err == nil {
				tap(ctx, m)
			}
		})
	}
	err = Check(ctx, cfg, Options{Machine: machine, pace: quick(), PostEvery: time.Millisecond}, func(s Step) { steps = append(steps, s) })
	cancel()
	return steps, err
}

func names(steps []Step) string {
	var list []string
	for _, s := range steps {
		name := s.Name
		if s.Err != nil {
			name += "!"
		}
		list = append(list, name)
	}
	return strings.Join(list, ", ")
}

func TestCheck(t *testing.T) {
	for _, opt := range []slacktest.Options{{}, {Harsh: true}} {
		for _, button := range []string{approveAction, denyAction} {
			srv := workspace(t, opt)
			steps, err := check(t, srv, configFor(srv), func(ctx context.Context, m slacktest.Message) {
				// A stranger first, who may not.
				for _, user := range []string{"U0EVE", alice} {
					if r, err := srv.Click(ctx, slacktest.Click{TS: m.TS, ActionID: button, User: user, Team: "T0TEST"}); ctx.Err() == nil && (err != nil || r.Error != "") {
						t.Error(err, r.Error)
					}
				}
			})
			if err != nil {
				t.Fatal(err)
			}
			if got := names(steps); got != "configuration, auth.test, scopes, apps.connections.open and hello, chat.postMessage, tap, chat.update" {
				t.Errorf("the steps are %s", got)
			}
			cards := srv.Messages(slacktest.DM(alice))
			if hasButtons(cards[0]) {
				t.Error("the check's card keeps its buttons")
			}
		}
	}
}

func TestCheckSaysWhatIsWrong(t *testing.T) {
	for _, test := range []struct {
		name  string
		opt   slacktest.Options
		cfg   func(*Config)
		fail  string
		fault slacktest.Fault
		steps string
		want  string
	}{
		{name: "bot token", cfg: func(c *Config) { c.BotToken = secret.Of("xoxb-other") }, steps: "configuration, auth.test!", want: "slack.bot_token"},
		{name: "app token", cfg: func(c *Config) { c.AppToken = secret.Of("xapp-other") },
			steps: "configuration, auth.test, scopes, apps.connections.open and hello!", want: "slack.app_token"},
		{name: "scopes", opt: slacktest.Options{Scopes: []string{"im:history"}}, steps: "configuration, auth.test, scopes!", want: "chat:write"},
		{name: "closed", cfg: func(c *Config) { c.Channel = "C0TEAM" }, steps: "configuration!", want: "allowed_users"},
		{name: "configuration", cfg: func(c *Config) { c.Channel = "" }, steps: "configuration!", want: "slack.channel"},
		{name: "no messages tab", opt: slacktest.Options{NoMessagesTab: true},
			steps: "configuration, auth.test, scopes, apps.connections.open and hello, chat.postMessage!", want: "Messages tab"},
		{name: "Socket Mode off", fail: "apps.connections.open", fault: slacktest.Fault{Error: "socket_mode_not_enabled"},
			steps: "configuration, auth.test, scopes, apps.connections.open and hello!", want: "socket_mode_not_enabled"},
	} {
		t.Run(test.name, func(t *testing.T) {
			srv := workspace(t, test.opt)
			cfg := configFor(srv)
			if test.cfg != nil {
				test.cfg(&cfg)
			}
			if test.fail != "" {
				srv.Fail(test.fail, test.fault)
			}
			steps, err := check(t, srv, cfg, nil)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("the error is %v, want %q", err, test.want)
			}
			if got := names(steps); got != test.steps {
				t.Errorf("the steps are %s, want %s", got, test.steps)
			}
		})
	}
}

func TestCheckThatNobodyAnswers(t *testing.T) {
	srv := workspace(t, slacktest.Options{Scopes: []string{"chat:write"}})
	ctx, cancel := contextWithTimeout(t)
	defer cancel()
	var steps []Step
	err := Check(ctx, configFor(srv), Options{Machine: machine, pace: quick(), PostEvery: time.Millisecond}, func(s Step) {
		if steps = append(steps, s); s.Name == "chat.postMessage" {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) || !strings.HasSuffix(names(steps), "tap!") {
		t.Errorf("the error is %v, the steps are %s", err, names(steps))
	}
	if !strings.Contains(steps[2].Detail, "im:history") {
		t.Errorf("the missing scope is not mentioned: %q", steps[2].Detail)
	}
	if hasButtons(srv.Messages(slacktest.DM(alice))[0]) {
		t.Error("the check's card keeps its buttons")
	}
}

package slack

import (
	"context"
	"strings"
	"testing"

	"claude-permission-daemon/internal/channel/slack/slacktest"
	"claude-permission-daemon/internal/secret"
)

// TestProber: what is wrong with a token is said in words that tell which
// mistake it was, and never with the token.
func TestProber(t *testing.T) {
	right := slacktest.Options{BotToken: "xoxb-1-right", AppToken: "xapp-1-right"}
	bot := func(token string) func(context.Context, *Prober) error {
		return func(ctx context.Context, p *Prober) error {
			_, err := p.BotToken(ctx, secret.Of(token))
			return err
		}
	}
	app := func(token string) func(context.Context, *Prober) error {
		return func(ctx context.Context, p *Prober) error { return p.AppToken(ctx, secret.Of(token)) }
	}
	person := func(id string) func(context.Context, *Prober) error {
		return func(ctx context.Context, p *Prober) error {
			_, err := p.Person(ctx, secret.Of("xoxb-1-right"), id)
			return err
		}
	}
	none := []string{}
	for _, test := range []struct {
		name    string
		options func(*slacktest.Options) // nil: as it should be
		trouble func(*slacktest.Server)
		ask     func(context.Context, *Prober) error
		want    string // of the error; empty: there is none
		passing bool
	}{
		{"a right bot token", nil, nil, bot("xoxb-1-right"), "", false},
		{"a right app token", nil, nil, app("xapp-1-right"), "", false},
		{"no bot token", nil, nil, bot(""), "it is empty", false},
		{"an app token as bot token", nil, nil, bot("xapp-1-right"), "this is the app token (xapp-…): the two are swapped", false},
		{"a bot token as app token", nil, nil, app("xoxb-1-right"), "this is the bot token (xoxb-…): the two are swapped", false},
		{"a user's token", nil, nil, bot("xoxp-1-user"), "it does not begin with xoxb-", false},
		{"half a token", nil, nil, bot("xoxb-1 right"), "a space", false},
		{"an unknown bot token", nil, nil, bot("xoxb-1-wrong"), "Slack does not know it (invalid_auth)", false},
		{"an unknown app token", nil, nil, app("xapp-1-wrong"), "Slack does not know it (invalid_auth)", false},
		{"a revoked token", nil, func(s *slacktest.Server) { s.Fail("auth.test", slacktest.Fault{Error: "token_revoked"}) }, bot("xoxb-1-right"), "it was revoked", false},
		{"an expired token", nil, func(s *slacktest.Server) { s.Fail("auth.test", slacktest.Fault{Error: "token_expired"}) }, bot("xoxb-1-right"), "it has expired", false},
		{"a token of another kind", nil, func(s *slacktest.Server) { s.Fail("auth.test", slacktest.Fault{Error: "not_allowed_token_type"}) }, bot("xoxb-1-right"), "another kind", false},
		{"something new", nil, func(s *slacktest.Server) { s.Fail("auth.test", slacktest.Fault{Error: "moon_phase"}) }, bot("xoxb-1-right"), "it is refused: cannot call auth.test: moon_phase", false},
		{"no scope to post", func(o *slacktest.Options) { o.Scopes = []string{"im:history"} }, nil, bot("xoxb-1-right"), "it lacks the scope chat:write", false},
		{"no scope at all", func(o *slacktest.Options) { o.Scopes = none }, nil, bot("xoxb-1-right"), "it lacks the scope chat:write", false},
		{"no scope to link", func(o *slacktest.Options) { o.AppScopes = []string{"authorizations:read"} }, nil, app("xapp-1-right"), "it lacks the scope connections:write", false},
		{"no network", nil, (*slacktest.Server).Down, bot("xoxb-1-right"), "cannot call auth.test", true},
		{"a captive portal", nil, func(s *slacktest.Server) {
			s.Fail("apps.connections.open", slacktest.Fault{Status: 404, Body: "Log in!"})
		}, app("xapp-1-right"), "captive portal", true},
		{"Slack is in trouble", nil, func(s *slacktest.Server) { s.Fail("users.info", slacktest.Fault{Status: 503}) }, person("U0ALICE"), "HTTP 503", true},
		{"a member", nil, nil, person("U0ALICE"), "", false},
		{"a member, without users:read", func(o *slacktest.Options) { o.Scopes = []string{"chat:write", "im:write"} }, nil, person("U0ALICE"), "", false},
		{"nobody", nil, nil, person("U0NOBODY"), "there is no U0NOBODY in this workspace", false},
		{"nobody, without users:read", func(o *slacktest.Options) { o.Scopes = []string{"chat:write", "im:write"} }, nil, person("U0NOBODY"), "there is no U0NOBODY in this workspace", false},
		{"a bot", nil, nil, person("U0BOT"), "U0BOT is a bot", false},
		{"a bot, without users:read", func(o *slacktest.Options) { o.Scopes = []string{"chat:write", "im:write"} }, nil, person("U0BOT"), "U0BOT is a bot", false},
		{"a name", nil, nil, person("alice"), "is not a member id", false},
		{"a member, without any scope", func(o *slacktest.Options) { o.Scopes = []string{"chat:write"} }, nil, person("U0ALICE"), "cannot be looked up", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := right
			if test.options != nil {
				test.options(&o)
			}
			s, err := slacktest.Start(o)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			if test.trouble != nil {
				test.trouble(s)
			}
			err = test.ask(t.Context(), NewProber(s.URL()))
			switch {
			case test.want == "" && err != nil, test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
				t.Fatalf("it says %v, want %q", err, test.want)
			case err != nil && Passing(err) != test.passing:
				t.Errorf("passing is %v", !test.passing)
			case err != nil && strings.Contains(err.Error(), "-1-"):
				t.Errorf("the token is in %v", err)
			case Unknowable(err) != strings.Contains(test.want, "looked up"):
				t.Errorf("unknowable is %v", Unknowable(err))
			}
			if strings.HasPrefix(test.name, "a member, without users:read") && len(s.Messages(slacktest.DM("U0ALICE"))) > 0 {
				t.Error("looking somebody up has sent a message")
			}
		})
	}
}

// TestProberSaysMore: what works all the same, and what it costs.
func TestProberSaysMore(t *testing.T) {
	s, err := slacktest.Start(slacktest.Options{BotToken: "xoxb-1-right", Scopes: []string{"chat:write", "im:write"}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	info, err := NewProber(s.URL()).BotToken(t.Context(), secret.Of("xoxb-1-right"))
	if err != nil || info.Team != "T0TEST" || info.TeamName != "test" {
		t.Errorf("%+v (%v)", info, err)
	}
	if len(info.Lacking) != 1 || !strings.HasPrefix(info.Lacking[0], "im:history: a card") {
		t.Errorf("it lacks %q", info.Lacking)
	}
	s.SetScopes("chat:write", "users:read")
	if name, err := NewProber(s.URL()).Person(t.Context(), secret.Of("xoxb-1-right"), "U0ALICE"); name != "alice" || err != nil {
		t.Errorf("the member is called %q (%v)", name, err)
	}
}

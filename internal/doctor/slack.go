package doctor

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"claude-permission-daemon/internal/channel/slack"
)

// Why Slack is not looked at.
var (
	errNoSlack   = errors.New("not configured")
	errBadConfig = errors.New("the configuration is wrong: see there")
	errNoNetwork = errors.New("nobody was to be asked over the network")
)

// slackSettings is nil where Slack can be checked.
func (f *facts) slackSettings() error {
	c := f.configured()
	switch {
	case !c.config.Slack.Enabled():
		return errNoSlack
	case c.err != nil && c.config.Slack.Validate() != nil:
		return errBadConfig
	}
	return nil
}

// reachable asks Slack for nothing but a sign of life, within a time that a
// person does not mind where there is no network. off is by how much this clock
// is ahead of Slack's; known is false where Slack did not say.
func (f *facts) reachable(ctx context.Context) (reached, error) {
	if err := f.slackSettings(); err != nil {
		return reached{}, skipError{err}
	}
	if f.NoNetwork {
		return reached{}, skipError{errNoNetwork}
	}
	ctx, cancel := context.WithTimeout(ctx, quickly)
	defer cancel()
	at := f.configured().config.Slack.APIURL
	if at == "" {
		at = slack.DefaultAPIURL
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodHead, at, nil)
	if err != nil {
		return reached{}, err
	}
	client := &http.Client{
		Transport:     &http.Transport{Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	response, err := client.Do(request)
	if err != nil {
		if u, ok := errors.AsType[*url.Error](err); ok {
			err = u.Err
		}
		return reached{}, offlineError{err}
	}
	_ = response.Body.Close()
	theirs, err := http.ParseTime(response.Header.Get("Date"))
	return reached{off: f.now().Sub(theirs), known: err == nil}, nil
}

type reached struct {
	off   time.Duration
	known bool
}

// offlineError says that Slack could not be reached at all.
type offlineError struct{ error }

func (f *facts) askBot(ctx context.Context) (slack.BotInfo, error) {
	if _, err := f.online(); err != nil {
		return slack.BotInfo{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, patiently)
	defer cancel()
	c := f.configured().config.Slack
	return slack.NewProber(c.APIURL).BotToken(ctx, c.BotToken)
}

// skipError says why nothing was asked.
type skipError struct{ error }

// slackBot: Slack knows the bot token.
func slackBot(_ context.Context, f *facts) finding {
	bot, err := f.bot()
	var skipped skipError
	switch {
	case errors.As(err, &skipped):
		return skip("%v", err)
	case err != nil && bot.Team == "":
		return slackTrouble("bot token", err)
	}
	return fine("of the workspace %s (%s)", bot.TeamName, bot.Team)
}

// slackScopes: the bot may do what it must.
func slackScopes(_ context.Context, f *facts) finding {
	bot, err := f.bot()
	var skipped skipError
	switch {
	case errors.As(err, &skipped):
		return skip("%v", err)
	case err != nil && bot.Team == "":
		return skip("Slack did not say: see the bot token")
	case err != nil:
		return fail(daemonProgram+" slack manifest", "slack.bot_token: %v", err)
	case len(bot.Lacking) > 0:
		return warn(daemonProgram+" slack manifest", "without %s", strings.Join(bot.Lacking, "; without "))
	case len(bot.Scopes) == 0:
		return fine("it may post; Slack did not name its scopes")
	}
	return fine("%s", strings.Join(bot.Scopes, ", "))
}

// slackApp: Slack opens a link for the app token.
func slackApp(ctx context.Context, f *facts) finding {
	var skipped skipError
	switch _, err := f.online(); {
	case errors.As(err, &skipped):
		return skip("%v", err)
	case err != nil:
		return slackTrouble("app token", err)
	}
	c := f.configured().config.Slack
	if err := slack.NewProber(c.APIURL).AppToken(ctx, c.AppToken); err != nil {
		return slackTrouble("app token", err)
	}
	return fine("it opens links")
}

// slackTrouble tells a token that is wrong from a network that is not there.
func slackTrouble(token string, err error) finding {
	if _, offline := errors.AsType[offlineError](err); offline || slack.Passing(err) || errors.Is(err, context.DeadlineExceeded) {
		return warn("curl -I "+slack.DefaultAPIURL, "Slack cannot be asked about the %s now: %v", token, err)
	}
	return fail(daemonProgram+" setup --channel slack", "slack.%s: %v", strings.ReplaceAll(token, " ", "_"), err)
}

// slackLink: taps arrive.
func slackLink(_ context.Context, f *facts) finding {
	if err := f.slackSettings(); err != nil {
		return skip("%v", err)
	}
	s, err := f.status()
	if err != nil {
		return skip("no daemon runs")
	}
	c, ok := channelOf(s, slack.Name)
	switch {
	case !ok:
		return fail(f.restart(), "Slack is configured, but the daemon that runs was started without it")
	case c.State == "down":
		return fail(daemonProgram+" slack check", "%s", c.Detail)
	case c.State != "ready":
		return warn(daemonProgram+" slack check", "not yet: %s", c.Detail)
	}
	return fine("ready since %s", c.Since.Local().Format("2006-01-02 15:04"))
}

// slackMachines: no other machine takes this one's taps. The daemon learns of
// one from Slack's count of the app's connections, or by a tap that is not its.
func slackMachines(_ context.Context, f *facts) finding {
	if err := f.slackSettings(); err != nil {
		return skip("%v", err)
	}
	s, err := f.status()
	if err != nil {
		return skip("no daemon runs")
	}
	c, _ := channelOf(s, slack.Name)
	switch {
	case strings.Contains(c.Detail, "another machine") || strings.Contains(c.Detail, "each machine an app of its own"):
		return warn(daemonProgram+" slack manifest", "%s", c.Detail)
	case c.State != "ready":
		return skip("not known while the link is down")
	}
	return fine("none is known")
}

// slackUsers: somebody may decide, and who.
func slackUsers(_ context.Context, f *facts) finding {
	if err := f.slackSettings(); err != nil {
		return skip("%v", err)
	}
	c := f.configured().config.Slack
	if err := c.Closed(); err != nil {
		return fail("edit "+f.configured().path, "%v", err)
	}
	if len(c.AllowedUsers) == 0 {
		return fine("%s, to whom the cards go", c.Channel)
	}
	return fine("%s", strings.Join(c.AllowedUsers, ", "))
}

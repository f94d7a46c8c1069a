package slack

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"claude-permission-daemon/internal/permit"
	"claude-permission-daemon/internal/secret"
)

// Config is the [slack] table. The zero value means that Slack is not used.
type Config struct {
	// BotToken (xoxb-…) posts the cards; AppToken (xapp-…, scope
	// connections:write) opens the link that taps come by. Each has a twin that
	// names a file which holds nothing else, and one that is a command which
	// prints it: a keyring's, or a password manager's.
	BotToken        secret.Text `toml:"bot_token"`
	BotTokenFile    string      `toml:"bot_token_file"`
	BotTokenCommand []string    `toml:"bot_token_command"`
	AppToken        secret.Text `toml:"app_token"`
	AppTokenFile    string      `toml:"app_token_file"`
	AppTokenCommand []string    `toml:"app_token_command"`
	// Channel is where cards go: a member id (U…, W…: a direct message), or the
	// id of a direct message (D…) or of a channel (C…, G…).
	Channel string `toml:"channel"`
	// AllowedUsers are the member ids of those who may decide. With a member id
	// as Channel it defaults to that person; else it must be set.
	AllowedUsers []string `toml:"allowed_users"`
	// APIURL is the Web API's base with a trailing slash; empty: Slack's own.
	APIURL string `toml:"api_url"`
	// Threads puts the cards of one Claude session into one thread.
	Threads bool `toml:"threads"`
}

// DefaultAPIURL is Slack's own Web API.
const DefaultAPIURL = "https://slack.com/api/"

var (
	memberID  = regexp.MustCompile(`^[UW][A-Z0-9]{2,}$`)
	channelID = regexp.MustCompile(`^[CGD][A-Z0-9]{2,}$`)
	// channelName is a channel by its name, as the seed's users may have it. A
	// lower-case letter tells it from an id.
	channelName = regexp.MustCompile(`^#[^\s#]{1,80}$|^[^\s#A-Z]{1,80}$`)
)

// Enabled reports whether anything of Slack is configured. Half a
// configuration is enabled, so that Validate can say what is missing.
func (c Config) Enabled() bool {
	return !c.BotToken.Empty() || c.BotTokenFile != "" || len(c.BotTokenCommand) > 0 ||
		!c.AppToken.Empty() || c.AppTokenFile != "" || len(c.AppTokenCommand) > 0 || c.Channel != ""
}

// Validate says what is wrong, each error naming its key. Call it after
// ReadFiles. A missing allowed_users is no error here: see [Config.Closed].
func (c Config) Validate() error {
	if !c.Enabled() {
		return nil
	}
	var errs []error
	fail := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	checkToken := func(key, want, other string, token secret.Text) {
		text := token.Reveal()
		switch {
		case text == "":
			fail("%s is not set: it begins with %s", key, want)
		case strings.HasPrefix(text, other):
			fail("%s holds the other token: it must begin with %s, not %s", key, want, other)
		case !strings.HasPrefix(text, want):
			fail("%s must begin with %s", key, want)
		case strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }):
			fail("%s has a space or another character that no token has", key)
		}
	}
	checkToken("slack.bot_token", "xoxb-", "xapp-", c.BotToken)
	checkToken("slack.app_token", "xapp-", "xoxb-", c.AppToken)
	switch {
	case c.Channel == "":
		fail("slack.channel is not set: your member id (U…, in your Slack profile under “Copy member ID”), or a channel's id")
	case strings.Contains(c.Channel, "@"):
		fail("slack.channel must be an id like U01234567, not %q", c.Channel)
	case !memberID.MatchString(c.Channel) && !channelID.MatchString(c.Channel) && !channelName.MatchString(c.Channel):
		fail("slack.channel is not an id like U01234567, D01234567 or C01234567: %q", c.Channel)
	}
	for _, user := range c.AllowedUsers {
		if !memberID.MatchString(user) {
			fail("slack.allowed_users: %q is not a member id like U01234567 (names do not count)", user)
		}
	}
	if c.APIURL != "" {
		u, err := url.Parse(c.APIURL)
		switch {
		case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
			fail("slack.api_url is not an http or https URL: %q", c.APIURL)
		case u.Scheme == "http" && !loopback(u.Hostname()):
			fail("slack.api_url would send the tokens unencrypted: use https (http is for this machine only): %q", c.APIURL)
		case !strings.HasSuffix(u.Path, "/"):
			fail("slack.api_url must end with a slash: %q", c.APIURL)
		}
	}
	return errors.Join(errs...)
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Closed says why nobody may decide on Slack; nil where somebody may. The
// channel then does not start: an empty list never means everybody.
func (c Config) Closed() error {
	if len(c.Allowed()) > 0 {
		return nil
	}
	return fmt.Errorf("slack.allowed_users is not set: slack.channel %s can be read by several people, so say by member id (U…) who may decide", c.Channel)
}

// Allowed are the member ids of those who may decide.
func (c Config) Allowed() []string {
	if len(c.AllowedUsers) == 0 && memberID.MatchString(c.Channel) {
		return []string{c.Channel}
	}
	return c.AllowedUsers
}

// permits reports whether the person is on the list. Their workspace is
// checked elsewhere, against what Slack says of the bot token.
func (c Config) permits(person permit.Person) bool {
	return person.ID != "" && slices.Contains(c.Allowed(), person.ID)
}

// apiURL is the Web API's base.
func (c Config) apiURL() string {
	if c.APIURL == "" {
		return DefaultAPIURL
	}
	return c.APIURL
}

package slack

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"claude-permission-daemon/internal/secret"
)

// Prober asks Slack about tokens and people before there is a channel. Its
// errors say what is wrong in words, without the configuration's keys: whoever
// asks knows what the token is called there. Safe for concurrent use.
type Prober struct {
	base string
	http *http.Client
}

// NewProber returns a Prober for the Web API at apiURL; empty: Slack's own.
func NewProber(apiURL string) *Prober {
	return &Prober{base: Config{APIURL: apiURL}.apiURL(), http: newHTTPClient()}
}

// BotInfo is what Slack says of a bot token.
type BotInfo struct {
	Team     string   // the workspace's id
	TeamName string   // as its owner wrote it
	Scopes   []string // empty: Slack named none
	// Lacking are the scopes of the manifest that it has not, with which it
	// works all the same; each with what that costs.
	Lacking []string
}

// Optional scopes, and what it costs to be without.
var optionalScopes = []struct{ scope, without string }{
	{"im:history", "a card whose post Slack did not answer cannot be looked for, and may be there twice"},
	{"im:write", "the conversation to look for such a card in cannot be found"},
}

// BotToken checks a bot token: its form, auth.test, and the scope that cards
// need. A reason that may pass by itself (see [Passing]) says nothing about the
// token.
func (p *Prober) BotToken(ctx context.Context, token secret.Text) (BotInfo, error) {
	if err := form(token, "xoxb-", "the app token", "xapp-"); err != nil {
		return BotInfo{}, err
	}
	a := &api{http: p.http, base: p.base, token: token}
	who, err := a.authTest(ctx)
	if err != nil {
		return BotInfo{}, refused(err, "copy the Bot User OAuth Token from “OAuth & Permissions” of the app, after “Install to Workspace”")
	}
	info := BotInfo{Team: who.Team, TeamName: line(who.TeamName, 60), Scopes: who.Scopes}
	if len(who.Scopes) == 0 {
		// Nothing is there to be changed: without the scope Slack says so, with it
		// that there is no such message.
		_, err := a.post(ctx, "chat.update", object{"channel": "C0", "ts": "0.000000", "text": "-"}, nil)
		if codeOf(err) == "missing_scope" {
			return info, lacks("chat:write")
		}
		return info, nil
	}
	if !who.has("chat:write") {
		return info, lacks("chat:write")
	}
	for _, o := range optionalScopes {
		if !who.has(o.scope) {
			info.Lacking = append(info.Lacking, o.scope+": "+o.without)
		}
	}
	return info, nil
}

// AppToken checks an app-level token: its form, and that it opens a link. The
// link is not used, and expires.
func (p *Prober) AppToken(ctx context.Context, token secret.Text) error {
	if err := form(token, "xapp-", "the bot token", "xoxb-"); err != nil {
		return err
	}
	a := &api{http: p.http, base: p.base, token: token}
	_, err := a.openLink(ctx)
	if codeOf(err) == "missing_scope" {
		return errors.New("it lacks the scope connections:write: make a new one under “Basic Information”, “App-Level Tokens”")
	}
	if err != nil {
		return refused(err, "copy it from “Basic Information”, “App-Level Tokens”, and see that Socket Mode is on")
	}
	return nil
}

// Person checks that there is a member of the workspace with that id, who is not
// a bot, and returns the name, if Slack tells it. An error that is [Unknowable]
// says only that Slack would not say.
func (p *Prober) Person(ctx context.Context, token secret.Text, id string) (string, error) {
	if !memberID.MatchString(id) {
		return "", fmt.Errorf("%q is not a member id like U01234567 (in Slack: your picture, Profile, ⋮, Copy member ID)", id)
	}
	a := &api{http: p.http, base: p.base, token: token}
	var answer struct {
		User struct {
			Name     string `json:"name"`
			RealName string `json:"real_name"`
			Deleted  bool   `json:"deleted"`
			Bot      bool   `json:"is_bot"`
		} `json:"user"`
	}
	_, err := a.form(ctx, "users.info", url.Values{"user": {id}}, &answer)
	if err != nil && !passes(err) && !noSuchPerson(err) {
		// The manifest asks for no users:read. Its im:write tells as much: the
		// conversation is opened, and stays out of sight until a card comes.
		_, err = a.form(ctx, "conversations.open", url.Values{"users": {id}}, nil)
	}
	switch code := codeOf(err); {
	case noSuchPerson(err):
		return "", fmt.Errorf("there is no %s in this workspace", id)
	case code == "user_disabled":
		return "", fmt.Errorf("%s is deactivated in this workspace", id)
	case code == "cannot_dm_bot":
		return "", fmt.Errorf("%s is a bot, and bots do not tap", id)
	case err != nil && !passes(err):
		return "", fmt.Errorf("%w: %s", errUnknowable, code)
	case err != nil:
		return "", err
	case answer.User.Deleted:
		return "", fmt.Errorf("%s is deactivated in this workspace", id)
	case answer.User.Bot:
		return "", fmt.Errorf("%s is a bot, and bots do not tap", id)
	}
	if answer.User.RealName != "" {
		return line(answer.User.RealName, 60), nil
	}
	return line(answer.User.Name, 60), nil
}

func noSuchPerson(err error) bool {
	switch codeOf(err) {
	case "user_not_found", "user_not_visible", "users_not_found":
		return true
	}
	return false
}

var errUnknowable = errors.New("cannot be looked up in Slack")

// Unknowable reports whether err says only that Slack would not tell about a
// person: for want of scopes.
func Unknowable(err error) bool { return errors.Is(err, errUnknowable) }

// Passing reports whether err may pass by itself: the network, a captive
// portal, Slack's own trouble, a rate limit.
func Passing(err error) bool {
	_, ok := errors.AsType[*apiError](err)
	return ok && passes(err)
}

// form checks what a token looks like, and does not repeat it.
func form(token secret.Text, want, other, otherBegins string) error {
	text := token.Reveal()
	switch {
	case text == "":
		return fmt.Errorf("it is empty: it begins with %s", want)
	case strings.HasPrefix(text, otherBegins):
		return fmt.Errorf("this is %s (%s…): the two are swapped", other, otherBegins)
	case !strings.HasPrefix(text, want):
		return fmt.Errorf("it does not begin with %s", want)
	case strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }):
		return errors.New("it has a space or another character that no token has")
	}
	return nil
}

// refused puts Slack's code into words.
func refused(err error, advice string) error {
	said := ""
	switch codeOf(err) {
	case "":
		return err
	case "invalid_auth", "not_authed":
		said = "Slack does not know it"
	case "token_revoked", "account_inactive":
		said = "it was revoked, or the app was removed"
	case "token_expired":
		said = "it has expired: switch token rotation off"
	case "not_allowed_token_type":
		said = "it is a token of another kind"
	default:
		return fmt.Errorf("it is refused: %w", err)
	}
	return fmt.Errorf("%s (%s): %s", said, codeOf(err), advice)
}

func lacks(scope string) error {
	return fmt.Errorf("it lacks the scope %s: add it under “OAuth & Permissions”, and install the app again", scope)
}

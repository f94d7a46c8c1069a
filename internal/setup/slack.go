package setup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"claude-permission-daemon/internal/channel/slack"
	"claude-permission-daemon/internal/permit"
	"claude-permission-daemon/internal/secret"
)

const (
	// keep is the answer that leaves a token as it is. No token is a space.
	keep = " "
	// fromFile marks an answer as a path.
	fromFile = "file:"
)

func keeping(empty bool) string {
	if empty {
		return ""
	}
	return keep
}

func keptToken(*session) string { return "keep the present one" }

func aboutApp(s *session) string {
	link := slack.ManifestLink(slack.Manifest(s.Host))
	return `Slack needs an app of your own, which takes two minutes:

  1. Open this link, choose the workspace, and press Create. The form is filled in.

     ` + link + `

  2. Under “OAuth & Permissions”: Install to Workspace, and copy the Bot User OAuth Token.
  3. Under “Basic Information”, “App-Level Tokens”: generate one with connections:write, and copy it.

Paste them here; they are not shown, and are kept in files that only you can read.
If the system's keyring has them, answer “keyring”: they stay there.`
}

const aboutPlace = `Where shall the cards go? Your own member id makes it a direct message from the app.
In Slack: your picture, Profile, ⋮, Copy member ID.`

func takeURL(_ context.Context, s *session, v string) (string, error) {
	s.want.Slack.APIURL = v
	// The rest is made up: it is the URL that is judged.
	c := slack.Config{BotToken: secret.Of("xoxb-0"), AppToken: secret.Of("xapp-0"), Channel: "U00", APIURL: v}
	if err := c.Validate(); err != nil {
		return "", err
	}
	s.prober = slack.NewProber(v)
	return "", nil
}

// token is the token that an answer is or names, and the command that prints
// it, where the keyring has it.
func token(ctx context.Context, answer, name string) (t secret.Text, command []string, err error) {
	path, isFile := strings.CutPrefix(answer, fromFile)
	switch {
	case answer == inKeyring:
		t, command, err = fromKeyring(ctx, name)
		return t, command, err
	case !isFile && !strings.ContainsAny(answer, `/\`):
		return secret.Of(answer), nil, nil
	}
	if rest, ok := strings.CutPrefix(path, "~/"); ok {
		if home, err := os.UserHomeDir(); err == nil {
			path = filepath.Join(home, rest)
		}
	}
	t, err = slack.TokenIn(path)
	if failed, ok := errors.AsType[*fs.PathError](err); ok && !isFile {
		// What was typed out of sight may be no path at all, and is not repeated.
		err = fmt.Errorf("cannot read the file: %w", failed.Err)
	}
	return t, nil, err
}

// unchecked reports whether a token that is kept need not be shown to Slack:
// with --yes, where nothing of Slack was asked for, and where the network is
// gone.
func (s *session) unchecked(answer string, err error) bool {
	if answer != keep || s.want.Slack.APIURL != s.was.Slack.APIURL {
		return false
	}
	return s.Given.Yes || slack.Passing(err)
}

func takeBotToken(ctx context.Context, s *session, v string) (string, error) {
	t, command := s.was.Slack.BotToken, s.was.Slack.BotTokenCommand
	if v != keep {
		var err error
		if t, command, err = token(ctx, v, botTokenName); err != nil {
			return "", err
		}
	} else if s.unchecked(v, nil) {
		return "", nil
	}
	info, err := s.prober.BotToken(ctx, t)
	if s.unchecked(v, err) {
		return "kept; it could not be checked: " + err.Error(), nil
	}
	if err != nil {
		return "", err
	}
	s.want.Slack.BotToken, s.want.Slack.BotTokenCommand = t, command
	said := []string{"workspace " + info.TeamName + " (" + info.Team + ")"}
	for _, scope := range info.Lacking {
		said = append(said, "  it lacks "+scope)
	}
	return strings.Join(said, "\n"), nil
}

func takeAppToken(ctx context.Context, s *session, v string) (string, error) {
	t, command := s.was.Slack.AppToken, s.was.Slack.AppTokenCommand
	if v != keep {
		var err error
		if t, command, err = token(ctx, v, appTokenName); err != nil {
			return "", err
		}
	} else if s.unchecked(v, nil) {
		return "", nil
	}
	err := s.prober.AppToken(ctx, t)
	if s.unchecked(v, err) {
		return "kept; it could not be checked: " + err.Error(), nil
	}
	if err != nil {
		return "", err
	}
	s.want.Slack.AppToken, s.want.Slack.AppTokenCommand = t, command
	return "it opens the link for taps", nil
}

func takePlace(ctx context.Context, s *session, v string) (string, error) {
	c := s.want.Slack
	c.Channel, c.AllowedUsers = v, nil
	if err := c.Validate(); err != nil {
		return "", err
	}
	said := ""
	if c.Closed() == nil && v != s.was.Slack.Channel { // a person
		var err error
		if said, err = s.person(ctx, v); err != nil {
			return "", err
		}
	}
	s.want.Slack.Channel = v
	return said, nil
}

// person checks a member id with Slack.
func (s *session) person(ctx context.Context, id string) (string, error) {
	name, err := s.prober.Person(ctx, s.want.Slack.BotToken, id)
	switch {
	case slack.Unknowable(err):
		return id + " (" + err.Error() + ")", nil
	case err != nil:
		return "", err
	case name == "":
		return id + " is in the workspace", nil
	}
	return id + " is " + name, nil
}

// presetAllowed is who may decide already. Whoever the cards go to now is among
// them, and whoever was only because the cards went to them is not.
func presetAllowed(s *session) string {
	was, place := s.was.Slack.Allowed(), s.want.Slack.Channel
	person := slack.Config{Channel: place}.Allowed() // none: it is a channel
	switch {
	case place == s.was.Slack.Channel, len(person) == 0:
		return strings.Join(was, ", ")
	case slices.Equal(was, []string{s.was.Slack.Channel}):
		return place
	case !slices.Contains(was, place):
		was = append(slices.Clone(was), place)
	}
	return strings.Join(was, ", ")
}

func takeAllowed(ctx context.Context, s *session, v string) (string, error) {
	users := strings.FieldsFunc(v, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' })
	if len(users) == 0 {
		return "", errors.New("nobody could decide")
	}
	slices.Sort(users)
	users = slices.Compact(users)
	var said []string
	for _, id := range users {
		if id == s.want.Slack.Channel || slices.Contains(s.was.Slack.Allowed(), id) {
			continue // asked before, or not asked for
		}
		who, err := s.person(ctx, id)
		if err != nil {
			return "", err
		}
		said = append(said, who)
	}
	s.want.Slack.AllowedUsers = users
	return strings.Join(said, "; "), nil
}

// mayMiss says why a test card's tap may go elsewhere; empty: it does not.
func (s *session) mayMiss() string {
	if s.Running() && s.want.Slack.AppToken.Equal(s.was.Slack.AppToken) {
		return "\nThe daemon that runs uses the same app and may get the tap in its place; `doctor --live` tries the whole way with it."
	}
	return ""
}

// takeTestCard sends a card and waits for the tap.
func takeTestCard(ctx context.Context, s *session, v string) (string, error) {
	send, err := yesOrNo(v)
	if err != nil || !send {
		return "", err
	}
	wait, cancel := context.WithTimeout(ctx, s.Given.TestWait)
	defer cancel()
	// Not the machine's own id: a daemon that runs must not take this card for its.
	machine := permit.Machine{ID: fmt.Sprintf("setup-%d", os.Getpid()), Host: s.Host}
	c := s.want.Slack
	o := slack.Options{Machine: machine, TerseFallback: s.want.Privacy.LockScreen == "terse"}
	posted := false
	err = slack.Check(wait, c, o, func(step slack.Step) {
		switch {
		case step.Err != nil:
		case step.Name == "chat.postMessage":
			posted = true
			s.say("  The card is in Slack: tap a button on it. (Waiting for %v.)", s.Given.TestWait)
		case step.Name == "apps.connections.open and hello" && step.Detail != "":
			s.say("  the link: %s", step.Detail)
		}
	})
	switch {
	case ctx.Err() != nil:
		return "", ErrInterrupted
	case wait.Err() != nil && posted:
		err = fmt.Errorf("no tap came within %v; do both tokens belong to the same app, and are you among those who may decide?", s.Given.TestWait)
	case err == nil:
		return "the card arrived, and your tap came back", nil
	}
	s.say("  no: %v", err)
	goOn, asked := s.yes(ctx, "  Go on without?", false)
	if asked != nil {
		return "", asked
	}
	if goOn {
		return "", nil
	}
	return "", errAgain
}

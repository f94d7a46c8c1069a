package setup

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/aymanbagabas/go-udiff"

	"claude-permission-daemon/internal/config"
	"claude-permission-daemon/internal/secret"
	"claude-permission-daemon/internal/setup/tomledit"
)

// The files beside config.toml that hold a token each.
const (
	botTokenFile = "slack-bot-token"
	appTokenFile = "slack-app-token"
)

// changes is what the answers come to.
type changes struct {
	files          []file
	hooks, service bool
	restart        bool   // of the service that runs
	shown          string // for a person; no token is in it
}

func (c changes) none() bool { return len(c.files) == 0 && !c.hooks && !c.service }

// plan turns the answers into changes.
func (s *session) plan() (changes, error) {
	c := changes{hooks: s.hooks, service: s.service}
	var edits []tomledit.Edit
	set := func(table, key string, value any, differs bool) {
		// A new file says all that was asked, so that it can be read alone.
		if differs || !s.exists && value != "" {
			edits = append(edits, tomledit.Edit{Table: table, Key: key, Value: value})
		}
	}
	var b strings.Builder
	tokens := s.tokens(set, &edits, &c)
	if s.channel == onWeb {
		// What was configured stays in the file, as a comment.
		for _, key := range []string{"bot_token", "bot_token_file", "bot_token_command", "app_token", "app_token_file", "app_token_command", "channel", "allowed_users", "api_url"} {
			edits = append(edits, tomledit.Edit{Table: "slack", Key: key, Comment: true})
		}
	} else {
		was, want := s.was.Slack, s.want.Slack
		set("slack", "channel", want.Channel, want.Channel != was.Channel)
		isNew := was.Channel == ""
		was.Channel = want.Channel // whose person may decide where the list says nothing
		set("slack", "allowed_users", want.Allowed(), isNew || !slices.Equal(sorted(want.Allowed()), sorted(was.Allowed())))
		set("slack", "api_url", want.APIURL, want.APIURL != was.APIURL)
	}
	set("web", "listen", s.want.Web.Listen, s.want.Web.Listen != s.was.Web.Listen)
	set("presence", "source", s.want.Presence.Source, s.want.Presence.Source != s.was.Presence.Source)

	text := s.text
	if !s.exists {
		text = "# Written by claude-permission-daemon setup. `setup` again changes it and keeps\n# what else is here; example/config.toml documents every key.\n"
	}
	text, err := tomledit.Apply(text, edits...)
	if err != nil {
		return c, fmt.Errorf("cannot change %s: %w", s.ConfigFile, err)
	}
	if err := s.usable(text); err != nil {
		return c, err
	}
	if text != s.text || !s.exists {
		c.files = append(c.files, file{path: s.ConfigFile, content: secret.Of(text), was: secret.Of(s.text), is: s.exists})
		fmt.Fprintf(&b, "%s\n", s.difference(text))
	}
	b.WriteString(tokens)
	if c.hooks {
		b.WriteString(indented(s.plans.hooks.Changes) + "\n")
	}
	if c.service {
		b.WriteString(indented(s.plans.service.Changes) + "\n")
	}
	if len(c.files) > 0 && s.plans.service.Restarts {
		c.restart = true
		b.WriteString("  restart the service\n")
	}
	c.shown = b.String()
	return c, nil
}

// tokens plans the token files. They come before the configuration that names
// them.
func (s *session) tokens(set func(table, key string, value any, differs bool), edits *[]tomledit.Edit, c *changes) (shown string) {
	if s.channel == onWeb {
		return ""
	}
	was, want := s.was.Slack, s.want.Slack
	for _, t := range []struct {
		key, file, name        string
		was, want              secret.Text
		wasFile                string
		wasCommand, andCommand []string
	}{
		{"bot_token", botTokenFile, "bot token", was.BotToken, want.BotToken, was.BotTokenFile, was.BotTokenCommand, want.BotTokenCommand},
		{"app_token", appTokenFile, "app token", was.AppToken, want.AppToken, was.AppTokenFile, was.AppTokenCommand, want.AppTokenCommand},
	} {
		if t.want.Equal(t.was) && slices.Equal(t.wasCommand, t.andCommand) {
			continue
		}
		gone := func(key string) { *edits = append(*edits, tomledit.Edit{Table: "slack", Key: key}) }
		gone(t.key)
		if len(t.andCommand) > 0 {
			gone(t.key + "_file")
			set("slack", t.key+"_command", t.andCommand, true)
			shown += fmt.Sprintf("  leave the %s in the keyring\n", t.name)
			continue
		}
		gone(t.key + "_command")
		path := filepath.Join(filepath.Dir(s.ConfigFile), t.file)
		set("slack", t.key+"_file", path, path != t.wasFile)
		had, err := os.ReadFile(path)
		c.files = append(c.files, file{path: path, content: secret.Of(t.want.Reveal() + "\n"), was: secret.Of(string(had)), is: err == nil})
		shown += fmt.Sprintf("  write the %s to %s, which only you can read\n", t.name, path)
	}
	return shown
}

// usable judges the new text as the daemon would.
func (s *session) usable(text string) error {
	c, err := config.Parse(text)
	if err != nil {
		return fmt.Errorf("cannot write a configuration that the daemon would take: %w", err)
	}
	c.Slack.BotToken, c.Slack.AppToken = s.want.Slack.BotToken, s.want.Slack.AppToken
	if err := c.Validate(); err != nil {
		return fmt.Errorf("cannot write a configuration that the daemon would take: %w", err)
	}
	if c.Slack.Enabled() {
		return c.Slack.Closed()
	}
	return nil
}

// difference shows what changes in the configuration's text, tokens masked.
func (s *session) difference(text string) string {
	before, after := s.hidden(s.text), s.hidden(text)
	old := s.ConfigFile
	if !s.exists {
		old = "(new)"
	}
	return udiff.Unified(old, s.ConfigFile, before, after)
}

// hidden masks tokens, also such as do not look like one.
func (s *session) hidden(text string) string {
	for _, t := range []secret.Text{s.was.Slack.BotToken, s.was.Slack.AppToken, s.want.Slack.BotToken, s.want.Slack.AppToken} {
		if !t.Empty() {
			text = strings.ReplaceAll(text, t.Reveal(), secret.Mask)
		}
	}
	return masked(text)
}

func sorted(list []string) []string {
	list = slices.Clone(list)
	slices.Sort(list)
	return list
}

package setup

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"slices"
	"strings"
	"time"

	"claude-permission-daemon/internal/channel/slack"
	"claude-permission-daemon/internal/channel/web"
	"claude-permission-daemon/internal/presence"
)

// The answers to the first question.
const (
	onWeb   = "web"
	onSlack = "slack"
	onBoth  = "both"
)

// question is one row of the table.
type question struct {
	flag, usage string // --flag; as in the list of flags
	name        string // what errors call it
	about       func(*session) string
	prompt      string
	when        func(*session) bool // nil: always
	hide        bool                // what is typed is a secret
	// preset is the answer of who presses Enter, or of --yes; empty: none, so
	// that there must be an answer. It is shown, unless shown says otherwise.
	preset func(*session) string
	shown  func(*session) string
	// take judges an answer and keeps it. What it says is shown. An error for
	// which slack.Passing is true says nothing about the answer.
	take func(context.Context, *session, string) (said string, err error)
}

// Given are the flags. Declare makes it.
type Given struct {
	Yes                bool
	NoHooks, NoService bool
	NoTestCard         bool
	Keyring            bool
	TestWait           time.Duration
	answers            map[string]*string // by flag
}

// Declare declares the flags of setup: one for each question, and those that
// say what is not to be asked at all.
func Declare(flags *flag.FlagSet) *Given {
	g := &Given{answers: make(map[string]*string)}
	for _, q := range questions() {
		if q.usage != "" {
			g.answers[q.flag] = flags.String(q.flag, "", q.usage)
		}
	}
	flags.BoolVar(&g.Yes, "yes", false, "ask nothing: take the flags, then what is configured, then the defaults")
	flags.BoolVar(&g.NoHooks, "no-hooks", false, "leave Claude Code's settings alone")
	flags.BoolVar(&g.NoService, "no-service", false, "install no service: you start the daemon yourself")
	flags.BoolVar(&g.Keyring, "keyring", false, "take Slack's tokens from the system's keyring, and leave them there")
	flags.BoolVar(&g.NoTestCard, "no-test-card", false, "send no card to tap")
	flags.DurationVar(&g.TestWait, "test-wait", 2*time.Minute, "how long to wait for the tap on the test card, as a `duration`")
	return g
}

// given is the answer that a flag gives.
func (g *Given) given(flag string) (string, bool) {
	p := g.answers[flag]
	if p == nil {
		return "", false
	}
	if *p == "" && g.Keyring && strings.HasSuffix(flag, "-token-file") {
		return inKeyring, true
	}
	return *p, *p != ""
}

func forSlack(s *session) bool { return s.channel != onWeb }

// questions is everything that is asked, in order.
func questions() []question {
	return []question{
		{
			flag: "channel", usage: "`where` you want to be asked: web, slack or both", name: "channel",
			about:  func(*session) string { return aboutChannels },
			prompt: "Channel", preset: presetChannel, take: takeChannel,
		},
		{
			flag: "api-url", usage: "the base `URL` of Slack's Web API, if it is not Slack's own", name: "API URL",
			when:   func(s *session) bool { _, given := s.Given.given("api-url"); return given && forSlack(s) },
			preset: func(s *session) string { return s.was.Slack.APIURL }, take: takeURL,
		},
		{
			flag: "bot-token-file", usage: "a `file` that holds the bot token (xoxb-…)", name: "bot token",
			about: aboutApp, when: forSlack, hide: true, prompt: "Bot token (xoxb-…), or the path of a file with it",
			preset: func(s *session) string { return keeping(s.was.Slack.BotToken.Empty()) }, shown: keptToken, take: takeBotToken,
		},
		{
			flag: "app-token-file", usage: "a `file` that holds the app-level token (xapp-…)", name: "app token",
			when: forSlack, hide: true, prompt: "App token (xapp-…), or the path of a file with it",
			preset: func(s *session) string { return keeping(s.was.Slack.AppToken.Empty()) }, shown: keptToken, take: takeAppToken,
		},
		{
			flag: "slack-channel", usage: "where cards go: your member `id` (U…), or a channel's id", name: "Slack channel",
			about: func(*session) string { return aboutPlace }, when: forSlack, prompt: "Cards go to",
			preset: func(s *session) string { return s.was.Slack.Channel }, take: takePlace,
		},
		{
			flag: "allowed-users", usage: "who may decide on Slack: member `ids`, with commas between", name: "allowed users",
			about: func(*session) string {
				return "Who may approve and deny? Member ids; everybody else's taps are refused."
			},
			when: forSlack, prompt: "May decide", preset: presetAllowed, take: takeAllowed,
		},
		{
			flag: "presence", usage: "the `source` that tells whether you are there: auto, manual, or one by its name", name: "presence source",
			about: func(*session) string {
				return "How shall it know that you have left? auto tries all there are (see `presence probe`); manual is only what you say with `away` and `here`."
			},
			prompt: "Presence", preset: func(s *session) string { return s.was.Presence.Source }, take: takePresence,
		},
		{
			flag: "hooks", name: "hooks", when: func(s *session) bool { return len(s.plans.hooks.Changes) > 0 },
			about: func(s *session) string {
				return "Claude Code has to be told of the hook:\n" + indented(s.plans.hooks.Changes)
			},
			prompt: "Do that? (yes, no)", preset: func(*session) string { return "yes" },
			take: func(_ context.Context, s *session, v string) (_ string, err error) {
				s.hooks, err = yesOrNo(v)
				return "", err
			},
		},
		{
			flag: "service", name: "service", when: func(s *session) bool { return len(s.plans.service.Changes) > 0 },
			about: func(s *session) string {
				return "The daemon can run as a service, which starts when you log in:\n" + indented(s.plans.service.Changes)
			},
			prompt: "Do that? (yes, no)", preset: func(*session) string { return "yes" },
			take: func(_ context.Context, s *session, v string) (_ string, err error) {
				s.service, err = yesOrNo(v)
				return "", err
			},
		},
		{
			flag: "test-card", name: "test card",
			when: func(s *session) bool { return forSlack(s) && !s.Given.Yes && !s.Given.NoTestCard },
			about: func(s *session) string {
				return "A card can go to Slack now, to see that it arrives and that your tap comes back." + s.mayMiss()
			},
			prompt: "Send one? (yes, no)",
			preset: func(s *session) string {
				if s.mayMiss() != "" {
					return "no"
				}
				return "yes"
			},
			take: takeTestCard,
		},
	}
}

// ask puts one question until it is answered.
func (s *session) ask(ctx context.Context, q question) error {
	value, given := s.Given.given(q.flag)
	if q.when != nil && !q.when(s) {
		if given {
			return usagef("--%s does not go with --channel %s", q.flag, s.channel)
		}
		return nil
	}
	if given && q.hide && value != inKeyring {
		value = fromFile + value
	}
	if !given && s.Given.Yes {
		if value = q.preset(s); value == "" {
			return usagef("--%s is needed with --yes", q.flag)
		}
	}
	if s.Given.Yes {
		said, err := q.take(ctx, s, value)
		if err != nil {
			return s.unusable(ctx, q, err)
		}
		if said != "" {
			s.say("%s: %s", q.name, said)
		}
		return nil
	}
	if q.about != nil && !given {
		s.say("\n%s", q.about(s))
	}
	for {
		if value == "" {
			var err error
			if value, err = s.answer(ctx, q); err != nil {
				return err
			}
		}
		again, err := s.try(ctx, q, value)
		if err != nil || !again {
			return err
		}
		value = ""
	}
}

// answer reads one line; an empty one is the preset.
func (s *session) answer(ctx context.Context, q question) (string, error) {
	preset := q.preset(s)
	shown := preset
	if q.shown != nil {
		shown = q.shown(s)
	}
	prompt := q.prompt
	if shown != "" && preset != "" {
		prompt += " [" + shown + "]"
	}
	for {
		text, err := s.line(ctx, prompt+": ", q.hide)
		if err != nil {
			return "", err
		}
		if text != "" {
			return text, nil
		}
		if preset != "" {
			return preset, nil
		}
	}
}

// try takes an answer, and reports whether the question must be put again.
func (s *session) try(ctx context.Context, q question, value string) (again bool, err error) {
	for {
		said, err := q.take(ctx, s, value)
		switch {
		case ctx.Err() != nil:
			return false, ErrInterrupted
		case err == nil:
			if said != "" {
				s.say("  ok: %s", said)
			}
			return false, nil
		case errors.Is(err, errAgain):
			return true, nil
		case !slack.Passing(err):
			s.say("  no, the %s cannot be used: %v", q.name, err)
			return true, nil
		}
		// The network says nothing about the answer: it need not be typed again.
		s.say("  the %s cannot be checked: %v", q.name, err)
		retry, err := s.yes(ctx, "  Try again?", true)
		if err != nil {
			return false, err
		}
		if !retry {
			return false, fmt.Errorf("%w: the %s could not be checked", errStop, q.name)
		}
	}
}

// errStop ends the conversation; errAgain puts a question again that has said why.
var (
	errStop  = errors.New("stopped: nothing was changed")
	errAgain = errors.New("once more")
)

// unusable is the end of a setup that asks nothing.
func (s *session) unusable(ctx context.Context, q question, err error) error {
	if ctx.Err() != nil {
		return ErrInterrupted
	}
	if slack.Passing(err) {
		return fmt.Errorf("cannot check the %s: %w", q.name, err)
	}
	return fmt.Errorf("cannot use the %s: %w", q.name, err)
}

func indented(lines []string) string { return "  " + strings.Join(lines, "\n  ") }

const aboutChannels = `Where do you want to be asked?
  web    a page that this machine serves, to itself unless you let others in
  slack  cards from a Slack app of your own; nothing need be reachable from outside
  both`

func presetChannel(s *session) string {
	_, bot := s.Given.given("bot-token-file")
	_, app := s.Given.given("app-token-file")
	_, place := s.Given.given("slack-channel")
	switch onPage := s.was.Web.Enabled(); {
	case !s.was.Slack.Enabled() && !bot && !app && !place:
		return onWeb
	case onPage:
		return onBoth
	}
	return onSlack
}

func takeChannel(_ context.Context, s *session, v string) (string, error) {
	v = strings.ToLower(v)
	if !slices.Contains([]string{onWeb, onSlack, onBoth}, v) {
		err := fmt.Errorf("%q is none of web, slack and both", v)
		if s.Given.Yes {
			return "", &UsageError{err}
		}
		return "", err
	}
	s.channel = v
	s.prober = slack.NewProber(s.was.Slack.APIURL)
	switch {
	case v == onSlack:
		s.want.Web.Listen = "off"
	case !s.was.Web.Enabled():
		s.want.Web.Listen = web.DefaultListen
	}
	if v == onWeb {
		s.want.Slack = slack.Config{}
	}
	return "", nil
}

func takePresence(_ context.Context, s *session, v string) (string, error) {
	c := presence.Config{Source: strings.ToLower(v), Command: s.was.Presence.Command}
	if err := c.Validate(); err != nil {
		return "", err
	}
	s.want.Presence.Source = c.Source
	return "", nil
}

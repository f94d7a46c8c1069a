package slack

import (
	"regexp"
	"strings"

	"claude-permission-daemon/internal/permit"
	"claude-permission-daemon/internal/preview"
)

// fallbackMost is how much of the input the lock screen gets.
const fallbackMost = 200

// fallback is the text for notifications, lock screens and screen readers:
// host, tool and the start of the input; terse, no more than that somebody is
// waited for. Slack shows it nowhere else while a message has blocks.
func fallback(c permit.Card, p preview.Preview, terse bool) string {
	host, who := line(c.Request.Machine.Host, 60), "Claude Code"
	if p.Withheld {
		host = ""
	}
	if host != "" {
		host, who = host+" · ", who+" on "+host
	}
	switch {
	case terse && c.Live():
		return inert(who + " " + wants(c.Request))
	case terse:
		return inert(who + ": " + stateWord(c))
	}
	what := line(c.Request.Tool, 60)
	if c.Request.Kind != permit.Permission {
		what = clip(p.Title, maxHeader)
	}
	said := host + what + ": " + clip(p.Summary, fallbackMost)
	if !c.Live() {
		said = stateWord(c) + " · " + said
	}
	return inert(said)
}

// wants says what sort of answer is waited for.
func wants(r permit.Request) string {
	switch r.Kind {
	case permit.Elicitation:
		return "asks you to fill in a form"
	case permit.Finished:
		return "has finished"
	case permit.Refused:
		return "was refused a call by auto mode"
	}
	return "asks for permission"
}

// inert makes foreign text safe as a message's top-level text, which Slack
// reads as mrkdwn: nothing in it becomes a mention, a link or an emoji. The
// first two have entities; an emoji's name has no escape, so its colons give
// way to ratio signs (the card itself has the exact text). Formatting is off by
// the message's "mrkdwn": false.
func inert(s string) string {
	s = emojiName.ReplaceAllStringFunc(s, func(name string) string { return "∶" + name[1:len(name)-1] + "∶" })
	return entities.Replace(s)
}

var (
	emojiName = regexp.MustCompile(`:[^\s:]+:`)
	entities  = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")
)

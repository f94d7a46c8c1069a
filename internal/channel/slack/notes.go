package slack

// This file tells of happenings: one message each, at the pace of the cards and
// after them, in the thread of its session where there are threads. A note is
// never drawn again. What could not be posted is tried for a while; what may
// have been posted is posted again only where Slack says that it is not there.

import (
	"context"
	"slices"
	"time"

	"claude-permission-daemon/internal/channel"
	"claude-permission-daemon/internal/permit"
	"claude-permission-daemon/internal/preview"
)

var _ channel.Notifier = (*Channel)(nil)

// What is done for a note at most: news gets old.
const (
	mostNotes  = 100 // that wait; then the oldest is dropped
	noteFor    = 10 * time.Minute
	noteCost   = 2500 // of its text
	noteTeaser = 200  // of its text, on a lock screen
)

// noteType marks our notes for history.
const noteType = "approval_note"

// news is a note that waits. Its fields are guarded by Channel.mu, but for the
// note itself, which nobody changes.
type news struct {
	note  permit.Note
	since time.Time
	due   time.Time
	lost  time.Time // when a post of it was not answered; zero: none
	busy  bool
}

// Note implements channel.Notifier.
func (c *Channel) Note(n permit.Note) {
	c.mu.Lock()
	dropped := len(c.news) == mostNotes
	if dropped {
		c.news = slices.Delete(c.news, 0, 1)
	}
	c.news = append(c.news, &news{note: n, since: c.opt.Now()})
	c.mu.Unlock()
	if dropped {
		c.log.Warn("dropped a note: too many wait for Slack")
	}
	token(c.wake)
}

// nextNews is the oldest note that may be told now; else how long until one may
// (0: there is none). Called with mu held.
func (c *Channel) nextNews(now time.Time) (*news, time.Duration) {
	var wait time.Duration
	for _, n := range c.news {
		switch d := n.due.Sub(now); {
		case n.busy:
		case d <= 0:
			return n, 0
		case wait == 0 || d < wait:
			wait = d
		}
	}
	return nil, wait
}

// tellNews posts a note. An error that may pass leaves it to be tried again.
func (c *Channel) tellNews(ctx context.Context, n *news) error {
	again, err := c.postNews(ctx, n)
	c.mu.Lock()
	defer c.mu.Unlock()
	n.busy = false
	if !again {
		c.news = slices.DeleteFunc(c.news, func(other *news) bool { return other == n })
	}
	return err
}

// postNews posts a note. again says that it waits for another try.
func (c *Channel) postNews(ctx context.Context, n *news) (again bool, err error) {
	now := c.opt.Now()
	c.mu.Lock()
	target, lost := first(c.where, c.cfg.Channel), n.lost
	thread := ""
	if root := c.threads[n.note.Session]; root.Channel == c.where {
		thread = root.TS
	}
	c.mu.Unlock()
	if now.Sub(n.since) > noteFor {
		c.log.Warn("gave a note up: Slack did not take it in time", "class", n.note.Class)
		return false, nil
	}
	if !lost.IsZero() {
		there, searched, err := c.findNews(ctx, n.note.ID, thread, lost)
		switch {
		case err != nil:
			return true, err
		case !searched:
			c.log.Warn("Slack did not say whether a note has arrived, and cannot be asked", "class", n.note.Class)
			return false, nil
		case there:
			return false, nil
		case now.Before(lost.Add(c.opt.pace.lookFor)):
			c.mu.Lock()
			n.due = now.Add(c.opt.pace.lookAgain)
			c.mu.Unlock()
			return true, errLater
		}
	}
	text, blocks := drawNote(n.note, c.opt.Withhold, c.opt.TerseFallback)
	args := object{
		"channel": target, "text": text, "blocks": blocks, "unfurl_links": false, "unfurl_media": false, "mrkdwn": false,
		"metadata": object{"event_type": noteType, "event_payload": object{"note": n.note.ID, "machine": c.opt.Machine.ID}},
	}
	if thread != "" {
		args["thread_ts"], args["reply_broadcast"] = thread, true
	}
	var at place
	_, err = c.api.post(ctx, "chat.postMessage", args, &at)
	switch {
	case err == nil:
		c.mu.Lock()
		if at.TS != "" {
			c.joinThread(n.note.Session, ref{at, thread})
		}
		c.mu.Unlock()
		return false, nil
	case unanswered(err):
		c.mu.Lock()
		n.lost = c.opt.Now()
		c.mu.Unlock()
		return true, err
	case passes(err), badToken(err):
		return true, err
	case thread != "" && noThread(err):
		c.mu.Lock()
		delete(c.threads, n.note.Session)
		c.mu.Unlock()
		return true, errLater
	}
	c.log.Warn("cannot tell a note in Slack", "class", n.note.Class, "error", c.hint(err))
	return false, nil
}

// findNews looks for a note in Slack. searched is false where it may not be asked.
func (c *Channel) findNews(ctx context.Context, id, thread string, lost time.Time) (there, searched bool, err error) {
	_, messages, searched, err := c.search(ctx, thread, lost.Add(-clockSkew))
	return slices.ContainsFunc(messages, func(m message) bool {
		return m.Metadata.Type == noteType && m.Metadata.Payload.str("note") == id && m.Metadata.Payload.str("machine") == c.opt.Machine.ID
	}), searched, err
}

// drawNote draws a note. Its texts have been masked and made visible; where the
// content stays on the machine, so do they, but for the title, which is ours.
// terse keeps them out of the text for lock screens.
func drawNote(n permit.Note, withhold, terse bool) (text string, blocks []object) {
	p := preview.Preview{Withheld: withhold, Project: n.Project, Branch: n.Branch}
	if withhold {
		n.Text, p.Branch = "", ""
	}
	who := whoLine(permit.Request{Machine: n.Machine, Session: n.Session}, p)
	blocks = []object{
		richText("title", section(bold(clip(first(n.Title, "Claude Code has news"), maxHeader)))),
		contextOf("who", plainText(who)),
	}
	text = clip(first(n.Title, "Claude Code has news"), maxHeader)
	if !withhold {
		text = line(n.Machine.Host, 60) + " · " + text
	}
	if n.Text == "" {
		return inert(text), blocks
	}
	shown, left := cutMiddle(n.Text, noteCost)
	elements := []any{quote(shown)}
	if left > 0 {
		elements = append(elements, section(emoji("warning"), bold(" "+thousands(left)+" characters are left out above. Look at the terminal for the whole of it.")))
	}
	if !terse {
		text += ": " + clip(n.Text, noteTeaser)
	}
	return inert(text), append(blocks, richText("text", elements...))
}

package slack

import (
	"context"
	"time"

	"claude-permission-daemon/internal/permit"
	"claude-permission-daemon/internal/preview"
)

// mostNotes is how many happenings wait for Slack; a later one is dropped, and
// the log says so.
const mostNotes = 100

// noteMost is how much of a note's text is shown.
const noteMost = 2500

// Note implements channel.Notifier.
func (c *Channel) Note(n permit.Note) {
	select {
	case c.notes <- n:
	default:
		c.log.Warn("a note is not told: too many wait for Slack", "class", n.Class)
	}
}

// tellNotes posts happenings until ctx ends, one a second at most. A post
// without an answer is not repeated: twice told is worse than not told.
func (c *Channel) tellNotes(ctx context.Context) {
	for {
		select {
		case n := <-c.notes:
			c.postNote(ctx, n)
		case <-ctx.Done():
			return
		}
		select {
		case <-time.After(c.opt.PostEvery):
		case <-ctx.Done():
			return
		}
	}
}

func (c *Channel) postNote(ctx context.Context, n permit.Note) {
	message := noteMessage(n)
	c.mu.Lock()
	message["channel"] = first(c.where, c.cfg.Channel)
	if thread, ok := c.threads[n.Session]; ok && c.cfg.Threads && thread.TS != "" {
		message["thread_ts"] = thread.TS
	}
	c.mu.Unlock()
	wait := lane{pace: c.opt.pace}
	for try := range 5 {
		_, err := c.api.post(ctx, "chat.postMessage", message, nil)
		if err == nil || ctx.Err() != nil {
			return
		}
		if codeOf(err) == "" && retryAfter(err) == 0 || try == 4 {
			c.log.Warn("a note may not have been told", "class", n.Class, "error", err)
			return
		}
		c.link.sleep(ctx, max(wait.failed(c.opt.Now(), err), retryAfter(err)))
	}
}

// noteMessage draws a note. Its texts are foreign and stay plain.
func noteMessage(n permit.Note) object {
	where := whoLine(permit.Request{Machine: n.Machine, Project: n.Project, Branch: n.Branch, Session: n.Session}, preview.Preview{})
	blocks := []any{richText("note", section(bold(clip(n.Title, 300)))), contextOf("who", plainText(where))}
	if n.Text != "" {
		shown, left := cutMiddle(n.Text, noteMost)
		elements := []any{quote(shown)}
		if left > 0 {
			elements = append(elements, section(bold(thousands(left)+" characters are left out here")))
		}
		blocks = append(blocks, richText("text", elements...))
	}
	return object{
		"text": inert(line(n.Machine.Host, 60) + " · " + clip(n.Title, 150)), "blocks": blocks,
		"unfurl_links": false, "unfurl_media": false, "mrkdwn": false,
	}
}

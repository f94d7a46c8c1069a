package slack

// This file deals with posts whose answer was lost: the card may be in Slack or
// not, and nobody has said where. The rules are:
//
//   - Where Slack can be asked (the history scope is there), it is asked, again
//     for some seconds, before anything is posted anew. What is found is adopted.
//     Copies are deleted.
//   - Where it cannot, the card is posted anew after a while, marked as sent
//     again. A lost question would be worse than two cards of one: both are
//     bound to the same request, so one answer counts and the other is told. A
//     tap on the first copy shows where it is: it counts, and the copy is
//     taken away when the request ends. status says that the scope is missing.
//   - Cards of an earlier process that nobody remembers lose their buttons when
//     the channel starts.

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"claude-permission-daemon/internal/permit"
	"claude-permission-daemon/internal/preview"
)

var errNoTS = errors.New("it does not say where the message is")

// errLater says that a card waits: nothing failed, and nothing worked.
var errLater = errors.New("later")

// metadataType marks our messages for history.
const metadataType = "approval_request"

func metadataOf(r permit.Request) object {
	return object{"event_type": metadataType, "event_payload": object{
		"id": r.ID, "machine": r.Machine.ID, "generation": r.Generation,
	}}
}

// tagIn is whose card a message is: by its buttons, or by its metadata where it
// has lost them. live says that it has buttons.
func tagIn(m message) (t tag, live, ok bool) {
	for _, b := range m.Blocks {
		block, _ := b.(map[string]any)
		for _, el := range object(block).list("elements") {
			button, _ := el.(map[string]any)
			if !ours(object(button).str("action_id")) {
				continue
			}
			if t, ok := readTag(unescape.Replace(object(button).str("value"))); ok {
				return t, true, true
			}
		}
	}
	p := m.Metadata.Payload
	t = tag{Machine: p.str("machine"), Request: p.str("id"), Generation: p.num("generation")}
	return t, false, m.Metadata.Type == metadataType && t.Machine != "" && t.Request != ""
}

// searchable finds out the id of the conversation and whether its history may
// be read.
func (c *Channel) searchable(ctx context.Context) (id string, ok bool) {
	c.mu.Lock()
	id, who, refused := c.where, c.who, c.noSearch
	c.mu.Unlock()
	if refused {
		return "", false
	}
	if id == "" && memberID.MatchString(c.cfg.Channel) && who.has("im:write") && who.has("im:history") {
		var answer struct {
			Channel struct {
				ID string `json:"id"`
			} `json:"channel"`
		}
		if _, err := c.api.post(ctx, "conversations.open", object{"users": c.cfg.Channel}, &answer); err == nil && channelID.MatchString(answer.Channel.ID) {
			id = answer.Channel.ID
			c.mu.Lock()
			c.where = id
			c.mu.Unlock()
		}
	}
	switch {
	case strings.HasPrefix(id, "D"):
		return id, who.has("im:history")
	case strings.HasPrefix(id, "C"):
		return id, who.has("channels:history", "groups:history")
	case strings.HasPrefix(id, "G"):
		return id, who.has("groups:history", "mpim:history")
	}
	return "", false
}

// search asks Slack for the bot's messages since oldest. ok is false where it may not
// be asked.
func (c *Channel) search(ctx context.Context, thread string, oldest time.Time) (id string, found []message, ok bool, err error) {
	id, ok = c.searchable(ctx)
	if !ok {
		return "", nil, false, nil
	}
	found, err = c.api.history(ctx, id, thread, oldest)
	if codeOf(err) == "thread_not_found" {
		return id, nil, true, nil
	}
	if err != nil && !passes(err) {
		c.log.Warn("Slack does not say what it has; lost posts cannot be found", "error", err)
		c.mu.Lock()
		c.noSearch = true
		c.mu.Unlock()
		return "", nil, false, nil
	}
	bot := c.bot()
	found = slices.DeleteFunc(found, func(m message) bool { return bot != "" && m.BotID != bot })
	return id, found, true, err
}

// bot is the bot's own id.
func (c *Channel) bot() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.who.Bot
}

// clockSkew is how far Slack's clock may be from ours.
const clockSkew = 10 * time.Minute

// copies are the places of a request's cards, oldest first.
func (c *Channel) copies(ctx context.Context, e *entry) (found []place, ok bool, err error) {
	c.mu.Lock()
	oldest, k := e.card.Request.Asked, e.key
	if len(e.lost) > 0 && e.lost[0].Before(oldest) {
		oldest = e.lost[0]
	}
	thread := ""
	if c.cfg.Threads {
		thread = first(e.thread, c.threads[e.card.Request.Session].TS)
	}
	c.mu.Unlock()
	// A broadcast reply is in both places; a thread of its own is in one.
	threads := []string{""}
	if thread != "" {
		threads = append(threads, thread)
	}
	seen := map[string]bool{}
	for _, thread := range threads {
		id, messages, searched, err := c.search(ctx, thread, oldest.Add(-clockSkew))
		if err != nil || !searched {
			return nil, searched, err
		}
		for _, m := range messages {
			t, _, ours := tagIn(m)
			if ours && !seen[m.TS] && t.Machine == c.opt.Machine.ID && (key{t.Request, t.Generation}) == k {
				seen[m.TS] = true
				found = append(found, place{id, m.TS})
			}
		}
	}
	slices.SortFunc(found, func(a, b place) int { return strings.Compare(a.TS, b.TS) })
	return found, true, nil
}

// recover looks for an earlier post of e whose answer was lost. again says that
// it is to be posted now.
func (c *Channel) recover(ctx context.Context, e *entry) (again bool, err error) {
	c.mu.Lock()
	lost, live := len(e.lost), e.card.Live()
	var last time.Time
	if lost > 0 {
		last = e.lost[lost-1]
	}
	c.mu.Unlock()
	if lost == 0 {
		return true, nil
	}
	found, searched, err := c.copies(ctx, e)
	if err != nil {
		return false, err
	}
	now := c.opt.Now()
	if len(found) > 0 {
		c.log.Info("found a card whose post was not answered", "request", e.id, "ts", found[0].TS)
		c.posted(e, ref{place: found[0]}, 0)
		return false, nil
	}
	wait, end := c.opt.pace.lookAgain, last.Add(c.opt.pace.lookFor)
	if !searched {
		end = last.Add(c.opt.pace.waitForTap)
		wait = end.Sub(now)
		c.mu.Lock()
		c.unsure = "Slack did not say whether a card arrived, and without a history scope (im:history) it cannot be asked: a card may be there twice"
		c.mu.Unlock()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case now.Before(end):
		e.due = now.Add(min(wait, end.Sub(now)))
		return false, errLater
	case !live:
		// It ended, and is not there as far as anybody can tell.
		e.drawn, e.lost = e.want, nil
		return false, nil
	}
	e.copy = true
	return true, nil
}

// clearTwins deletes every copy of a card but the one that is kept.
func (c *Channel) clearTwins(ctx context.Context, e *entry) error {
	found, searched, err := c.copies(ctx, e)
	if err != nil {
		return err
	}
	c.mu.Lock()
	at := e.at
	tapped := len(e.copies)
	found = append(found, e.copies...)
	c.mu.Unlock()
	for _, twin := range found {
		if twin == at {
			continue
		}
		c.log.Info("taking away a second copy of a card", "request", e.id, "ts", twin.TS)
		if _, err := c.api.post(ctx, "chat.delete", twin, nil); err != nil {
			if passes(err) {
				return err
			}
			if codeOf(err) != "message_not_found" {
				c.strike(ctx, twin, nil, "This is a second copy; the other one counts.")
			}
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	e.copies = slices.Delete(e.copies, 0, tapped)
	now := c.opt.Now()
	switch last := e.lost; {
	case len(e.copies) > 0: // a tap has shown another meanwhile
	case searched && len(last) > 0 && now.Before(last[len(last)-1].Add(c.opt.pace.twinCheck)):
		e.twins = last[len(last)-1].Add(c.opt.pace.twinCheck) // one may still arrive
	default:
		e.twins = time.Time{}
		if searched {
			e.lost = nil
		}
	}
	return nil
}

// sweep looks after the cards of earlier processes: those that are still open
// here are adopted, the rest lose their buttons. It gives up where Slack may not
// be asked; then a card that was posted just before a crash is posted again.
func (c *Channel) sweep(ctx context.Context) {
	defer func() {
		c.mu.Lock()
		c.swept = true
		c.mu.Unlock()
	}()
	var id string
	var messages []message
	for try := range 3 {
		var ok bool
		var err error
		id, messages, ok, err = c.search(ctx, "", c.started.Add(-sweepBack))
		if !ok || err == nil || ctx.Err() != nil {
			break
		}
		c.log.Warn("cannot look for the cards of an earlier process", "error", err)
		pause(ctx, jitter(c.opt.pace.backoff<<try))
	}
	for _, m := range messages {
		t, live, ours := tagIn(m)
		if !ours || !live || t.Machine != c.opt.Machine.ID || ctx.Err() != nil {
			continue
		}
		at := place{id, m.TS}
		c.mu.Lock()
		e := c.entries[key{t.Request, t.Generation}]
		unplaced := e != nil && e.at.TS == ""
		twin := e != nil && !unplaced && e.at != at
		c.mu.Unlock()
		switch {
		case unplaced:
			c.log.Info("found a card of an earlier process", "request", t.Request, "ts", m.TS)
			c.posted(e, ref{place: at}, 0)
		case twin:
			c.strike(ctx, at, m.Blocks, "This is a second copy; the other one counts.")
		case e == nil:
			// What this process posts, it knows before; so this is an earlier one's.
			c.strike(ctx, at, m.Blocks, "No longer open: this request ended while the daemon was not running.")
			c.touch(t) // it may have come back meanwhile: then its card gets its buttons back
		}
	}
}

// sweepBack is how far back a start looks for cards.
const sweepBack = 7 * 24 * time.Hour

// strike takes the buttons off a message that nobody keeps a card of, and says
// why. What it showed stays readable where blocks has it.
func (c *Channel) strike(ctx context.Context, at place, blocks []any, why string) {
	id := "struck." + at.TS
	end := []any{richText(id, section(emoji("leftwards_arrow_with_hook"), bold(" "+why)))}
	var kept []any
	for _, b := range blocks {
		if block, ok := b.(map[string]any); ok && object(block).str("type") != "actions" && len(kept) < maxBlocks-1 {
			kept = append(kept, b)
		}
	}
	var err error
	for _, body := range [][]any{append(kept, end...), end} {
		_, err = c.api.post(ctx, "chat.update", object{"channel": at.Channel, "ts": at.TS, "text": inert(why), "blocks": body}, nil)
		if err == nil {
			return
		}
		if !tooLarge(err) {
			break
		}
	}
	c.log.Warn("cannot take the buttons off an old card", "channel", at.Channel, "ts", at.TS, "error", err)
}

// bare is the least that a settled card can be: what became of it.
func bare(card permit.Card, p preview.Preview, text string) drawing {
	id := "bare." + strings.ReplaceAll(card.Request.Asked.UTC().Format("150405.000000"), ".", "")
	return drawing{text: text, blocks: []object{
		header(id+"t", line(first(stateWord(card), "Claude Code"), maxHeader)),
		contextOf(id+"w", plainText(whoLine(card.Request, p))),
		richText(id+"o", section(bold(headline(card, p)))),
	}}
}

// jitter is between half of d and d.
func jitter(d time.Duration) time.Duration { return d/2 + rand.N(d/2+1) }

package slack

// This file puts cards up and redraws them, one call after the other for each
// card, and says what becomes of each way in which Slack may answer.

import (
	"context"
	"slices"
	"strconv"

	"claude-permission-daemon/internal/permit"
)

// draw draws the newest card of e, and takes note of what may now be on screens.
func (c *Channel) draw(e *entry) (drawing, permit.Card, uint64, error) {
	c.mu.Lock()
	card, want := e.card, e.want
	c.rev = max(c.rev+1, c.opt.Now().UnixMilli())
	l := look{budget: budgets[e.size], rev: strconv.FormatInt(c.rev, 36), terse: c.opt.TerseFallback, copy: e.copy}
	c.mu.Unlock()
	p := c.opt.Preview(card.Request)
	d, err := draw(card, p, l)
	c.mu.Lock()
	e.cut, e.withheld = d.cut, p.Withheld
	c.mu.Unlock()
	if err == nil && card.Live() {
		f := faceOf(d.blocks)
		c.mu.Lock()
		e.remember(f)
		c.mu.Unlock()
	}
	return d, card, want, err
}

// smaller says to draw e smaller next time; false: it is as small as it gets.
func (c *Channel) smaller(e *entry) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e.size == len(budgets)-1 {
		return false
	}
	e.size++
	return true
}

// tooLarge reports whether Slack found a message too large or its blocks odd.
func tooLarge(err error) bool {
	return slices.Contains([]string{"msg_too_long", "msg_blocks_too_long", "invalid_blocks", "invalid_blocks_format"}, codeOf(err))
}

// noThread reports whether Slack knows no such thread.
func noThread(err error) bool {
	return slices.Contains([]string{"thread_not_found", "invalid_thread_ts", "cannot_reply_to_message"}, codeOf(err))
}

// post puts a card up. An error that may pass leaves it to be tried again.
func (c *Channel) post(ctx context.Context, e *entry) error {
	if again, err := c.recover(ctx, e); err != nil || !again {
		return err
	}
	for {
		d, card, want, err := c.draw(e)
		if err != nil {
			c.failRequest(e, err)
			return nil
		}
		if !card.Live() {
			return nil // it ended meanwhile; nobody has to see it
		}
		c.mu.Lock()
		thread := ""
		if root := c.threads[card.Request.Session]; root.Channel == c.where {
			thread = root.TS
		}
		target := first(c.where, c.cfg.Channel)
		c.mu.Unlock()
		args := object{
			"channel": target, "text": d.text, "blocks": d.blocks,
			"unfurl_links": false, "unfurl_media": false, "mrkdwn": false, "metadata": metadataOf(card.Request),
		}
		if thread != "" {
			// Broadcast, because a reply in a thread may notify nobody.
			args["thread_ts"], args["reply_broadcast"] = thread, true
		}
		var at place
		_, err = c.api.post(ctx, "chat.postMessage", args, &at)
		if err == nil && at.TS == "" {
			err = &apiError{Method: "chat.postMessage", Unanswered: true, cause: errNoTS}
		}
		switch {
		case err == nil:
			c.mu.Lock()
			c.where = at.Channel
			c.mu.Unlock()
			c.posted(e, ref{at, thread}, want)
			return nil
		case unanswered(err):
			c.mu.Lock()
			e.lost = append(e.lost, c.opt.Now())
			c.mu.Unlock()
			c.log.Warn("Slack did not say whether a card has arrived", "request", e.id, "error", err)
			return err
		case passes(err), badToken(err):
			return err
		case tooLarge(err) && c.smaller(e):
			c.log.Warn("Slack found a card too large; drawing it smaller", "request", e.id, "error", err)
		case thread != "" && noThread(err):
			c.mu.Lock()
			delete(c.threads, card.Request.Session)
			c.mu.Unlock()
		default:
			err = c.hint(err)
			c.mu.Lock()
			c.posting = err.Error()
			c.mu.Unlock()
			c.failRequest(e, err)
			return nil
		}
	}
}

// posted takes note of where a card is.
func (c *Channel) posted(e *entry, r ref, want uint64) {
	c.mu.Lock()
	if e.at.TS == "" || e.at == r.place {
		e.at, e.thread, e.drawn = r.place, r.Thread, want
	} else {
		// A tap has already shown where a copy is; this is another.
		e.twins = c.opt.Now()
	}
	at := ref{e.at, e.thread}
	c.posting = ""
	c.joinThread(e.card.Request.Session, at)
	if len(e.lost) > 0 {
		e.twins = c.opt.Now()
	}
	desk := c.desk
	c.mu.Unlock()
	desk.Posted(e.id, at.String())
}

// redraw draws a card where it is, and looks for copies where there may be some.
func (c *Channel) redraw(ctx context.Context, e *entry) error {
	c.mu.Lock()
	twins, dirty, at := !e.twins.IsZero() && !c.opt.Now().Before(e.twins), e.drawn != e.want, e.at
	c.mu.Unlock()
	if twins {
		if err := c.clearTwins(ctx, e); err != nil && passes(err) {
			return err
		}
	}
	if !dirty {
		return nil
	}
	for {
		d, card, want, err := c.draw(e)
		if err != nil {
			d = bare(card, c.opt.Preview(card.Request), d.text)
		}
		_, err = c.api.post(ctx, "chat.update", object{"channel": at.Channel, "ts": at.TS, "text": d.text, "blocks": d.blocks}, nil)
		switch {
		case err == nil:
			c.redrawn(e, card, want)
			return nil
		case passes(err), badToken(err):
			return err
		case tooLarge(err) && c.smaller(e):
			continue
		case tooLarge(err) && !card.Live():
			b := bare(card, c.opt.Preview(card.Request), d.text)
			if _, err = c.api.post(ctx, "chat.update", object{"channel": at.Channel, "ts": at.TS, "text": b.text, "blocks": b.blocks}, nil); err == nil {
				c.redrawn(e, card, want)
				return nil
			}
			if passes(err) {
				return err
			}
		}
		c.cannotRedraw(ctx, e, card, want, err)
		return nil
	}
}

// redrawn takes note of a drawing that succeeded.
func (c *Channel) redrawn(e *entry, card permit.Card, want uint64) {
	c.mu.Lock()
	e.drawn = want
	desk := c.desk
	if !card.Live() && len(e.lost) > 0 && e.twins.IsZero() {
		e.twins = c.opt.Now() // a copy must not keep its buttons either
	}
	c.mu.Unlock()
	if !card.Live() {
		desk.Settled(card.Request.ID)
	}
}

// cannotRedraw deals with a card that Slack will not let us change.
func (c *Channel) cannotRedraw(ctx context.Context, e *entry, card permit.Card, want uint64, err error) {
	c.mu.Lock()
	e.drawn = want
	at := e.at
	c.mu.Unlock()
	gone := slices.Contains([]string{"message_not_found", "channel_not_found", "is_inactive", "message_deleted"}, codeOf(err))
	switch {
	case gone && card.Live():
		c.failRequest(e, c.hint(err))
	case gone:
		c.settledAnyway(card)
	case !card.Live():
		// Its buttons must go: a card that cannot be edited can perhaps be deleted.
		if _, deleting := c.api.post(ctx, "chat.delete", at, nil); deleting == nil {
			c.settledAnyway(card)
			return
		}
		c.log.Error("a settled card keeps its buttons in Slack; a tap on it does nothing", "request", e.id, "error", err)
	default:
		c.log.Warn("a card cannot be redrawn", "request", e.id, "error", err)
	}
}

func (c *Channel) settledAnyway(card permit.Card) {
	c.mu.Lock()
	desk := c.desk
	c.mu.Unlock()
	desk.Settled(card.Request.ID)
}

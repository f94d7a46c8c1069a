package slack

// This file judges taps. What a tap must be before the desk hears of it:
//
//   - of this program: a button of ours, with this machine's id in it;
//   - on the message that was posted: channel, ts, and the bot as its author;
//   - on what was posted: the message, as Slack returns it with the tap, still
//     says what was drawn, and the generation and digest are those of the card.
//
// Who may decide, and whether it is still time, is the desk's to judge: all taps
// that pass go there, a stranger's too. What becomes of a tap is told to the
// person alone.

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"claude-permission-daemon/internal/permit"
	"claude-permission-daemon/internal/preview"
)

// take handles one interactive payload.
func (c *Channel) take(payload []byte) {
	c.mu.Lock()
	ctx := c.run
	c.mu.Unlock()
	in, ok := readInteraction(payload)
	if !ok {
		c.log.Debug("ignored an interaction", "kind", line(in.Kind, 60), "bytes", len(payload))
		return
	}
	if app := c.link.appID(); app != "" && in.App != "" && in.App != app {
		c.log.Warn("dropped an interaction of another app", "app", line(in.App, 60))
		return
	}
	switch {
	case in.Kind == viewSubmission:
		c.submitted(ctx, in)
	case in.Callback == wholeView:
		for _, a := range in.Actions {
			c.turned(ctx, in, a)
		}
	default:
		for _, a := range in.Actions {
			c.pressed(ctx, in, a)
		}
	}
}

// person is who tapped, as Slack says it.
func (in interaction) person() permit.Person {
	team := in.Team
	if team == "" {
		team = in.Where
	}
	return permit.Person{ID: in.User, Team: team, Name: line(first(in.Name, in.User), 80)}
}

// notAllowed is what a stranger is told who wants to see more of a card.
const notAllowed = "You may not decide here."

// pressed handles one button of a card.
func (c *Channel) pressed(ctx context.Context, in interaction, a action) {
	if !ours(a.ID) {
		return // somebody else's button
	}
	c.mu.Lock()
	again := a.TS != "" && !c.presses.add(strings.Join([]string{in.User, in.Channel, in.TS, a.ID, a.TS}, "|"))
	c.mu.Unlock()
	if again {
		return
	}
	t, ok := readTag(a.Value)
	if !ok {
		t, ok = readTag(unescape.Replace(a.Value))
	}
	if !ok {
		c.tell(ctx, in, "This button is not one of this program's.")
		return
	}
	if t.Machine != c.opt.Machine.ID {
		c.strange(ctx, in, t)
		return
	}
	shown := in.Message
	if shown == nil {
		shown = object{} // Slack says nothing of what was seen: that is no proof
	}
	card, problem := c.bind(t, place{in.Channel, in.TS}, shown)
	if problem != nil {
		c.refuse(ctx, in, t, problem)
		return
	}
	c.act(ctx, in, a, t, card)
}

// act does what a button is for, once the tap on it is known to be one on the
// card as it is.
func (c *Channel) act(ctx context.Context, in interaction, a action, t tag, card permit.Card) {
	p := c.opt.Preview(card.Request)
	way, known := wayOf(p.Ways, a.ID)
	if !card.Live() && !known {
		// What ways it had need not be known any more: the desk says what happened.
		way, known = permit.Way{Name: permit.WayDeny, Verb: permit.Deny}, true
	}
	mayDecide := c.Allows(in.person())
	at := place{in.Channel, in.TS}
	switch {
	case a.ID == wholeAction || a.ID == rulesAction:
		_, rules := sorted(p.Ways)
		switch {
		case !mayDecide:
			c.log.Warn("a stranger wants to see more of a card", "request", t.Request, "user", line(in.User, 40))
			c.tell(ctx, in, notAllowed)
		case !card.Live():
			c.tell(ctx, in, headline(card, p))
		case a.ID == wholeAction:
			c.showWhole(ctx, in, t, card)
		default:
			view, err := rulesModal(card, p, rules, at, c.leftOut(t))
			c.open(ctx, in, t, view, err)
		}
	case !known:
		c.tell(ctx, in, "This request cannot be answered so any more. Nothing was decided.")
		c.touch(t)
	case card.Live() && mayDecide && inModal(way):
		view, err := wayModal(card, p, way, at, c.leftOut(t), nil, "")
		c.open(ctx, in, t, view, err)
	default:
		c.answer(ctx, in, t, card, way, nil)
	}
}

// leftOut is how many characters the request's card leaves out.
func (c *Channel) leftOut(t tag) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.entries[key{t.Request, t.Generation}]; e != nil {
		return e.cut
	}
	return 0
}

// touch has a card drawn anew that shows what is no longer so.
func (c *Channel) touch(t tag) {
	c.mu.Lock()
	if e := c.entries[key{t.Request, t.Generation}]; e != nil {
		e.drawn = 0
	}
	c.mu.Unlock()
	token(c.wake)
}

// submitted handles a modal that was sent off.
func (c *Channel) submitted(ctx context.Context, in interaction) {
	if in.Callback != wayView && in.Callback != rulesView {
		return // somebody else's
	}
	in, from, card, ok := c.behind(ctx, in)
	if !ok {
		return
	}
	p := c.opt.Preview(card.Request)
	if in.Callback == rulesView {
		from.Way, from.Pick = permit.WayAlways, -1
		if chosen := selected(in.Values.obj(ruleInput).obj(ruleInput)); len(chosen) == 1 {
			if n, err := strconv.Atoi(chosen[0]); err == nil {
				from.Pick = n
			}
		}
	}
	way, known := wayOf(p.Ways, actionOf(permit.Way{Name: from.Way, Pick: from.Pick}))
	switch {
	case !card.Live():
		way = permit.Way{Name: permit.WayDeny, Verb: permit.Deny} // the desk says what happened
	case !known || in.Callback == wayView && !inModal(way):
		c.log.Warn("a form came back for what has none", "request", from.Tag.Request, "user", line(in.User, 40))
		c.tell(ctx, in, "This request cannot be answered so. Nothing was decided.")
		return
	}
	c.answer(ctx, in, from.Tag, card, way, readForm(way.Form, in.Values))
}

// behind finds the card that a modal was opened from; false: the person was told
// why what they did in it does not count. What the message shows was compared
// when the modal was opened.
func (c *Channel) behind(ctx context.Context, in interaction) (_ interaction, from private, card permit.Card, ok bool) {
	if from, ok = readPrivate(in.Private); !ok {
		c.log.Warn("a modal came back without its request")
		return in, from, card, false
	}
	in.Channel, in.TS = from.At.Channel, from.At.TS
	if from.Tag.Machine != c.opt.Machine.ID {
		c.strange(ctx, in, from.Tag)
		return in, from, card, false
	}
	card, problem := c.bind(from.Tag, from.At, nil)
	if problem != nil {
		c.refuse(ctx, in, from.Tag, problem)
		return in, from, card, false
	}
	return in, from, card, true
}

// refusal is why a tap does not count, said to the person who made it.
type refusal struct {
	say    string
	strike bool // the message is none that is kept: its buttons go
}

func (r *refusal) Error() string { return r.say }

// bind finds the card that a tap was made on, and checks that it is the card as
// it was drawn. shown is the message as Slack returns it; nil: it was compared
// before.
func (c *Channel) bind(t tag, at place, shown object) (permit.Card, *refusal) {
	c.recall(t)
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.entries[key{t.Request, t.Generation}]
	switch {
	case e == nil:
		return permit.Card{}, &refusal{"This request is no longer known here: it ended earlier. Nothing was decided by your tap.", true}
	case t.Digest != e.card.Request.Digest && (t.Digest != "" || !e.withheld):
		return permit.Card{}, &refusal{say: "This button does not belong to what is asked now. Your tap does not count."}
	case !e.card.Live() && e.at == at:
		return e.card, nil // the desk says what happened
	}
	// A card whose post is under way, or was not answered, or that an earlier
	// process may have posted, is where Slack says it is, if it shows what was
	// drawn.
	unplaced := e.at.TS == "" && (e.busy || len(e.lost) > 0 || !c.swept)
	twin := e.at.TS != "" && e.at != at && len(e.lost) > 0
	if e.at != at && !unplaced && !twin || c.where != "" && at.Channel != c.where && e.at.Channel != at.Channel {
		return permit.Card{}, &refusal{"This is not the card that was posted for this request. Your tap does not count; use the other one.", true}
	}
	if shown != nil {
		bot := shown.str("bot_id")
		if bot != "" && c.who.Bot != "" && bot != c.who.Bot {
			return permit.Card{}, &refusal{say: "This card was not posted by this program. Your tap does not count."}
		}
		if e.card.Live() && !showsAny(e.faces, shown) {
			e.drawn = 0 // put right what it says
			return permit.Card{}, &refusal{say: "This card does not say what was asked: it was changed in Slack, or was just being redrawn. " +
				"Your tap does not count. Read it again before you tap; if this comes again, answer in the terminal."}
		}
	}
	switch {
	case unplaced:
		e.at, e.drawn = at, 0
	case twin:
		e.copies = append(e.copies, at) // to be taken away; this tap counts
		e.twins = c.opt.Now()
	}
	return e.card, nil
}

// recall works out what an earlier process must have drawn of a card that this
// one has not drawn yet, so that a tap right after a restart counts.
func (c *Channel) recall(t tag) {
	c.mu.Lock()
	e := c.entries[key{t.Request, t.Generation}]
	unknown := e != nil && e.card.Live() && (e.at.TS != "" || !c.swept) && len(e.faces) == 0
	c.mu.Unlock()
	if unknown {
		_, _, _, _ = c.draw(e) // it takes note of the face; without one the tap is refused
	}
}

func showsAny(faces []face, message object) bool {
	for _, f := range faces {
		if f.shows(message) {
			return true
		}
	}
	return false
}

// refuse tells the person why their tap does not count.
func (c *Channel) refuse(ctx context.Context, in interaction, t tag, why *refusal) {
	c.log.Warn("a tap in Slack does not count", "request", line(t.Request, 80), "user", line(in.User, 40), "why", why.say)
	token(c.wake) // a card may have to be put right
	c.tell(ctx, in, why.say)
	if why.strike && in.TS != "" && !c.keeps(place{in.Channel, in.TS}) {
		c.strike(ctx, place{in.Channel, in.TS}, in.Message.list("blocks"), "No longer open.")
		c.touch(t) // it may have come back meanwhile
	}
}

// keeps reports whether the message is a card of ours that is live, whatever a
// button on it says.
func (c *Channel) keeps(at place) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, e := range c.entries {
		if e.at == at && e.card.Live() {
			return true
		}
	}
	return false
}

// strange tells a person that their tap came to the wrong machine.
func (c *Channel) strange(ctx context.Context, in interaction, t tag) {
	host := first(line(t.Host, 60), "another machine")
	here := line(c.opt.Machine.Host, 60)
	c.log.Warn("a tap for another machine came here: two machines use one Slack app", "host", host)
	c.mu.Lock()
	c.foreign = fmt.Sprintf("A tap for %s came here at %s: both use one Slack app, so taps of either get lost. Give each machine an app of its own (claude-permission-daemon slack manifest)",
		host, c.opt.Now().Format("15:04"))
	c.mu.Unlock()
	c.tell(ctx, in, fmt.Sprintf("This request is from %s, but Slack gave your tap to %s, because both use the same Slack app. Nothing was decided. "+
		"Tap again: the next one may arrive. To mend it, give each machine a Slack app of its own.", host, here))
}

// answer brings an answer to the desk and tells the person what became of it.
func (c *Channel) answer(ctx context.Context, in interaction, t tag, card permit.Card, way permit.Way, filled map[string][]string) {
	c.mu.Lock()
	desk := c.desk
	c.mu.Unlock()
	at := c.opt.Now()
	verdict := desk.Answer(ctx, permit.Answer{
		Request: t.Request, Generation: t.Generation, Digest: card.Request.Digest,
		Way: way.Name, Pick: way.Pick, Fields: filled,
		Decision: permit.Decision{Verb: way.Verb, By: in.person(), Channel: Name, At: at},
	})
	c.log.Info("a person answered in Slack", "request", t.Request, "user", in.User, "way", way.Name, "verdict", verdict.Code)
	switch {
	case verdict.Code == permit.Accepted:
		// The card itself says it, unless Slack is slow to show it.
		if c.settlesSoon(ctx, key{t.Request, t.Generation}) {
			return
		}
	case verdict.Code == permit.Incomplete && len(way.Form) > 0 && filled != nil:
		// The modal was closed by the acknowledgement, which waits for nobody; so it
		// comes again, with what was filled in and what is wrong with it.
		view, err := wayModal(card, c.opt.Preview(card.Request), way, place{in.Channel, in.TS}, c.leftOut(t), in.Values, verdict.Text)
		if err == nil {
			_, err = c.api.post(ctx, "views.open", object{"trigger_id": in.Trigger, "view": view}, nil)
		}
		if err == nil {
			return
		}
		c.log.Warn("cannot open a form again", "request", t.Request, "error", err)
	case verdict.Code == permit.Unknown && card.Live():
		// The desk has forgotten what we still show; a card must not outlive its
		// request.
		card.Stage, card.Outcome = permit.Ended, &permit.Outcome{Kind: permit.Gone, Reason: "the request is not known any more", At: at}
		c.Show(card)
	}
	c.tell(ctx, in, first(verdict.Text, string(verdict.Code)))
}

// settlesSoon waits until the card has lost its buttons; false: it has not in
// the time that a person looks at what they tapped.
func (c *Channel) settlesSoon(ctx context.Context, k key) bool {
	end := time.NewTimer(c.opt.pace.acceptedLate)
	defer end.Stop()
	look := time.NewTicker(max(c.opt.pace.acceptedLate/20, time.Millisecond))
	defer look.Stop()
	for {
		c.mu.Lock()
		e := c.entries[k]
		settled := e != nil && !e.card.Live() && e.drawn == e.want
		c.mu.Unlock()
		if settled {
			return true
		}
		select {
		case <-look.C:
		case <-end.C:
			return false
		case <-ctx.Done():
			return true
		}
	}
}

// tell says something to the person who tapped, and to nobody else.
func (c *Channel) tell(ctx context.Context, in interaction, text string) {
	if text == "" || in.User == "" {
		return
	}
	said := object{"text": inert(text), "blocks": []any{object{"type": "section", "text": plainText(clip(preview.RevealMasked(text), maxPlain))}}}
	var err error
	if in.Channel != "" {
		said["channel"], said["user"] = in.Channel, in.User
		if _, err = c.api.post(ctx, "chat.postEphemeral", said, nil); err == nil {
			return
		}
		delete(said, "channel")
		delete(said, "user")
	}
	if in.Respond != "" {
		said["response_type"], said["replace_original"] = "ephemeral", false
		err = respond(ctx, c.opt.HTTP, in.Respond, said)
	}
	if err != nil && ctx.Err() == nil {
		c.log.Warn("cannot tell a person what became of their tap", "user", in.User, "error", err)
	}
}

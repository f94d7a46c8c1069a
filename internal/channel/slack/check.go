package slack

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"claude-permission-daemon/internal/channel"
	"claude-permission-daemon/internal/permit"
)

// Step is one step of Check, done or failed.
type Step struct {
	Name   string
	Took   time.Duration
	Detail string
	Err    error
}

// Check goes the whole way that a request goes, with the real channel: the
// tokens, the scopes, the link, a card, and a person's tap on it. Each step is
// reported when it is done; after the first that fails, the card (if there is
// one) is settled and Check returns that error. ctx bounds how long it waits
// for the tap.
//
// A daemon that runs with the same app meanwhile may get the tap; the link's
// step says so.
func Check(ctx context.Context, cfg Config, opt Options, report func(Step)) error {
	began := time.Now()
	step := func(name, detail string, err error) error {
		report(Step{Name: name, Took: time.Since(began), Detail: detail, Err: err})
		began = time.Now()
		return err
	}
	c, err := New(cfg, opt)
	if err == nil {
		err = cfg.Closed()
	}
	if err != nil {
		return step("configuration", "", err)
	}
	if err := step("configuration", "may decide: "+strings.Join(cfg.Allowed(), ", "), nil); err != nil {
		return err
	}
	who, err := c.api.authTest(ctx)
	if err != nil && badToken(err) {
		err = botTokenError(err)
	}
	if step("auth.test", "workspace "+line(who.TeamName, 60)+" ("+who.Team+")", err) != nil {
		return err
	}
	if err := step("scopes", checkScopes(cfg, who), missingScope(who)); err != nil {
		return err
	}

	// The channel outlives ctx by the moment that it takes to settle the card.
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	desk := newCheckDesk(c.Allows)
	var all sync.WaitGroup
	ended := make(chan error, 1)
	all.Go(func() { ended <- c.Run(running, desk) })
	defer all.Wait()
	defer stop()

	if err := checkLink(ctx, c, ended); step("apps.connections.open and hello", c.Status().Detail, err) != nil {
		return err
	}
	card := sampleCard(c.opt)
	desk.request = card.Request
	c.Show(card)
	defer func() {
		// Whatever happened, the card keeps no buttons: Run draws this as it ends.
		card.Stage = permit.Ended
		if card.Outcome == nil {
			card.Outcome = &permit.Outcome{Kind: permit.Gone, Reason: "the check ended", At: c.opt.Now()}
			c.Show(card)
		}
	}()
	if _, err := waitFor(ctx, desk, ended, desk.posted); step("chat.postMessage", "now tap a button on the card in Slack", err) != nil {
		return err
	}
	answer, err := waitFor(ctx, desk, ended, desk.answered)
	if step("tap", fmt.Sprintf("%s by %s", answer.Decision.Verb, answer.Decision.By), err) != nil {
		return err
	}
	card.Stage, card.Outcome = permit.Delivered, &permit.Outcome{Kind: permit.Approved, Decision: &answer.Decision, At: c.opt.Now()}
	if answer.Decision.Verb == permit.Deny {
		card.Outcome.Kind = permit.Denied
	}
	c.Show(card)
	_, err = waitFor(ctx, desk, ended, desk.settled)
	return step("chat.update", "the card says so", err)
}

// checkLink waits until the link stands.
func checkLink(ctx context.Context, c *Channel, ended chan error) error {
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for {
		switch st := c.Status(); st.State {
		case channel.Ready:
			return nil
		case channel.Down:
			return errors.New(st.Detail)
		case channel.Connecting:
		}
		select {
		case <-look.C:
		case err := <-ended:
			ended <- err
			return errors.Join(errors.New("cannot link to Slack"), err)
		case <-ctx.Done():
			return fmt.Errorf("cannot link to Slack: %s", c.Status().Detail)
		}
	}
}

func missingScope(who identity) error {
	if len(who.Scopes) > 0 && !who.has("chat:write") {
		return errors.New("slack.bot_token lacks the scope chat:write: add it under “OAuth & Permissions” and install the app again")
	}
	return nil
}

// checkScopes says which scopes there are, and what one that is missing costs.
func checkScopes(cfg Config, who identity) string {
	said := strings.Join(who.Scopes, ", ")
	need := []string{"im:history"}
	if !memberID.MatchString(cfg.Channel) && !strings.HasPrefix(cfg.Channel, "D") {
		need = []string{"channels:history", "groups:history"}
	}
	if !who.has(need...) {
		said += "; without " + strings.Join(need, " or ") + " a card whose post is not answered cannot be found, and may be there twice"
	}
	return said
}

// sampleCard is a request that does nothing, with the characters that a
// messenger is most likely to change.
func sampleCard(opt Options) permit.Card {
	input, err := json.Marshal(map[string]string{
		"command":     "printf '%s\\n' \"a < b && c > d\" '*not bold*' ':not_an_emoji:' https://example.com/?a=1&b=2 '✓' # nothing is run",
		"description": "Try out the way from Claude Code to you and back",
	})
	if err != nil {
		input = json.RawMessage("{}") // strings can be encoded
	}
	now := opt.Now()
	return permit.Card{Stage: permit.Open, Request: permit.Request{
		ID: "check-" + rand.Text(), Generation: 1, Digest: permit.DigestOf("Bash", input), Machine: opt.Machine,
		Contract: permit.Headless, Project: "slack check", Tool: "Bash", Input: input, Asked: now,
	}}
}

// checkDesk is the desk of a check: it takes the first answer of an allowed
// person, and decides nothing. What it is told may come in any order: a person
// can be quicker than Slack's answer to the post.
type checkDesk struct {
	allows          func(permit.Person) bool
	posted, settled chan struct{}
	answered        chan permit.Answer
	failed          chan error
	request         permit.Request // set before the card is shown

	mu   sync.Mutex
	done bool
}

func newCheckDesk(allows func(permit.Person) bool) *checkDesk {
	return &checkDesk{
		allows: allows, posted: make(chan struct{}, 1), settled: make(chan struct{}, 1),
		answered: make(chan permit.Answer, 1), failed: make(chan error, 1),
	}
}

func (d *checkDesk) Answer(_ context.Context, a permit.Answer) permit.Verdict {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case a.Request != d.request.ID || a.Digest != d.request.Digest:
		return permit.Verdict{Code: permit.NotAsShown, Text: "This is not the card of the check."}
	case !d.allows(a.Decision.By):
		return permit.Verdict{Code: permit.NotAllowed, Text: "You are not among slack.allowed_users, so you may not decide."}
	case d.done:
		return permit.Verdict{Code: permit.TooLate, Text: "The check has had its answer."}
	}
	d.done = true
	d.answered <- a
	return permit.Verdict{Code: permit.Accepted, Text: "Taken."}
}

func (d *checkDesk) Posted(string, string) { token(d.posted) }
func (d *checkDesk) Settled(string)        { token(d.settled) }

func (d *checkDesk) Failed(_ string, err error) {
	select {
	case d.failed <- err:
	default: // one is enough
	}
}

// waitFor waits for one kind of event.
func waitFor[T any](ctx context.Context, d *checkDesk, ended chan error, event chan T) (T, error) {
	var none T
	select {
	case v := <-event:
		return v, nil
	case err := <-d.failed:
		return none, err
	case err := <-ended:
		ended <- err
		return none, errors.Join(errors.New("the channel ended"), err)
	case <-ctx.Done():
		return none, context.Cause(ctx)
	}
}

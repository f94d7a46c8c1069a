// Package slack is the channel that asks in Slack: a card with buttons for each
// request, the answers by Socket Mode, so that nothing has to be reachable from
// the internet.
//
// # How it is made
//
// slack.go is the channel; queue.go says which card is drawn when, post.go puts
// it up, recover.go deals with a post whose answer was lost, tap.go says what a
// tap must be. card.go, markdown.go and fallback.go draw the card and ways.go
// its buttons; modal.go, form.go, longtext.go and whole.go draw what they open;
// notes.go tells of happenings. face.go compares what Slack returns with what
// was drawn.
// socketmode.go keeps the link, socket.go is one WebSocket of it, envelope.go
// reads what comes by it, api.go calls the Web API. manifest.go and check.go are
// for setting it up.
//
// The Web API is called in plain JSON by net/http: ten methods do not need a
// client library, and here the difference between "did not reach Slack" and
// "reached it, but no answer came" decides whether a card may be posted again,
// which no library tells. Blocks are maps for the same reason: they go out as
// they are written here, and come back as whatever Slack makes of them.
// Socket Mode is our own on a WebSocket library because the one Go client that
// has it drops the old socket before it has a new one, answers no question
// about why it lost a link, and never pings.
//
// # What can go wrong, and what is done then
//
//   - A post is refused: the request fails on this channel, with Slack's reason.
//   - Slack is not there, or says to wait: the post waits. Newest request first,
//     one a second.
//   - A post went out and no answer came: see recover.go. It is never posted a
//     second time as long as Slack can be asked whether it has arrived.
//   - A tap comes by a socket that is being replaced, twice, or for a request
//     that has ended: it is taken, once, and told what happened.
//   - A tap is for another machine, because two share one Slack app: both the
//     person and `status` are told. Nothing can pass it on.
package slack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"claude-permission-daemon/internal/channel"
	"claude-permission-daemon/internal/permit"
	"claude-permission-daemon/internal/preview"
)

// Name is the channel's name.
const Name = "slack"

// Options are what the channel needs of the program around it.
type Options struct {
	// Machine is this host. Required: its ID tells our cards from those of
	// another machine on the same app.
	Machine permit.Machine
	// Log defaults to none, Now to time.Now, HTTP to a client of the package's
	// own (timeouts, proxies from the environment).
	Log  *slog.Logger
	Now  func() time.Time
	HTTP *http.Client
	// Preview says what a person is shown of a request; nil: preview.Of. It must
	// mask what may not leave the machine, and say the same of the same request
	// again.
	Preview func(permit.Request) preview.Preview
	// TerseFallback keeps the input, and what notes say, off lock screens.
	TerseFallback bool
	// Withhold keeps what notes say on the machine. Of requests, Preview does.
	Withhold bool
	// PostEvery is the time from one new card to the next, PostBurst how many may
	// go at once after a pause. Slack allows 1 s and 1, which are the defaults.
	PostEvery time.Duration
	PostBurst int

	pace pace // tests scale it
}

// pace is how patient the channel is.
type pace struct {
	link         tempo
	update       time.Duration // from one redrawing to the next
	updateBurst  int
	backoff      time.Duration // after the first failed call; doubles
	backoffMax   time.Duration
	lookAgain    time.Duration // from one look for a lost post to the next
	lookFor      time.Duration // how long a lost post is looked for before it is posted anew
	waitForTap   time.Duration // the same, where Slack cannot be asked
	twinCheck    time.Duration // after which a late twin is looked for once more
	acceptedLate time.Duration // a card not redrawn this long after a tap needs words
}

var realPace = pace{
	link: realTempo, update: 1200 * time.Millisecond, updateBurst: 10,
	backoff: time.Second, backoffMax: 30 * time.Second,
	lookAgain: 2 * time.Second, lookFor: 7 * time.Second, waitForTap: 15 * time.Second,
	twinCheck: 30 * time.Second, acceptedLate: 2 * time.Second,
}

// Channel is Slack as a channel. Make it with New.
type Channel struct {
	cfg     Config
	opt     Options
	log     *slog.Logger
	api     *api
	link    *link
	started time.Time

	wake chan struct{}  // holds one token: there may be something to draw
	taps sync.WaitGroup // what handles taps and what tells people

	mu       sync.Mutex // guards the fields that follow; never held across I/O
	entries  map[key]*entry
	news     []*news // notes that wait, oldest first
	serial   uint64  // of the last Show
	rev      int64   // of the last drawing
	posts    lane
	updates  lane
	who      identity         // of the bot; zero until Slack has said
	where    string           // the id of the conversation that cards go to, once Slack has said it
	threads  map[string]place // by session, the first card
	swept    bool             // earlier processes' cards were looked after
	noSearch bool             // Slack refuses to be asked what it has
	presses  ring             // taps

	desk                     channel.Desk // from Run on
	run                      context.Context
	fatal                    error  // why the channel ended for good
	early                    string // before the link: what it waits for
	posting, foreign, unsure string // what else status has to say

	state channel.State
	since time.Time
}

var _ channel.Channel = (*Channel)(nil)

// New returns the channel. It does nothing before Run. The error is
// Config.Validate's.
func New(cfg Config, opt Options) (*Channel, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	if opt.Now == nil {
		opt.Now = time.Now
	}
	if opt.HTTP == nil {
		opt.HTTP = newHTTPClient()
	}
	if opt.Preview == nil {
		opt.Preview = preview.Of
	}
	if opt.PostEvery == 0 {
		opt.PostEvery = time.Second
	}
	if opt.PostBurst == 0 {
		opt.PostBurst = 1
	}
	if opt.pace == (pace{}) {
		opt.pace = realPace
	}
	appAPI := &api{http: opt.HTTP, base: cfg.apiURL(), token: cfg.AppToken}
	c := &Channel{
		cfg: cfg, opt: opt, log: opt.Log, started: opt.Now(),
		api:     &api{http: opt.HTTP, base: cfg.apiURL(), token: cfg.BotToken},
		link:    newLink(appAPI.openLink, opt.HTTP, opt.Log, opt.pace.link, opt.Now),
		wake:    make(chan struct{}, 1),
		entries: make(map[key]*entry),
		threads: make(map[string]place),
		early:   "not started",
		state:   channel.Connecting,
		since:   opt.Now(),
		posts:   lane{every: opt.PostEvery, burst: opt.PostBurst, most: 4, pace: opt.pace},
		updates: lane{every: opt.pace.update, burst: opt.pace.updateBurst, most: 4, pace: opt.pace},
	}
	if channelID.MatchString(cfg.Channel) {
		c.where = cfg.Channel
	}
	c.link.interactive = func(payload []byte) { c.taps.Go(func() { c.take(payload) }) }
	c.link.changed = c.refresh
	c.link.stale = c.idle
	return c, nil
}

// Name implements channel.Channel.
func (c *Channel) Name() string { return Name }

// Nudge says that the machine woke or the network changed: the link is tested
// at once and whatever waits for Slack to come back is tried now. It never
// blocks. Without it a wake-up is noticed within a few seconds, too.
func (c *Channel) Nudge() {
	c.idle()
	c.link.nudge()
	c.mu.Lock()
	c.posts.retryNow(c.opt.Now())
	c.updates.retryNow(c.opt.Now())
	c.mu.Unlock()
	token(c.wake)
}

// Allows reports whether the person may decide: on the list, and of the
// workspace that the bot token belongs to. Nobody may before Slack has said
// which that is. The daemon gives this rule to the broker.
func (c *Channel) Allows(person permit.Person) bool {
	c.mu.Lock()
	who := c.who
	c.mu.Unlock()
	home := person.Team != "" && (person.Team == who.Team || who.Enterprise != "" && person.Team == who.Enterprise)
	return home && c.cfg.permits(person)
}

// Run implements channel.Channel. Its errors: nobody is allowed to decide, or
// Slack refuses a token.
func (c *Channel) Run(ctx context.Context, desk channel.Desk) (err error) {
	c.mu.Lock()
	c.desk, c.run = desk, ctx
	c.mu.Unlock()
	defer c.idle()
	defer func() {
		if err != nil {
			c.end(err)
		}
	}()
	if err := c.cfg.Closed(); err != nil {
		return err
	}
	if err := c.identify(ctx); err != nil || ctx.Err() != nil {
		return err
	}
	serving, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var all sync.WaitGroup
	all.Go(func() {
		if err := c.link.run(serving); err != nil {
			stop(err)
		}
	})
	c.serve(serving, stop)
	all.Wait()
	c.taps.Wait()
	if cause := context.Cause(serving); cause != nil && !errors.Is(cause, context.Canceled) && ctx.Err() == nil {
		return cause
	}
	return nil
}

// idle closes what the HTTP client keeps open for the next call. A post that
// goes out on a connection that leads nowhere is a post without an answer.
func (c *Channel) idle() { c.opt.HTTP.CloseIdleConnections() }

// identify asks Slack who the bot is, until it answers.
func (c *Channel) identify(ctx context.Context) error {
	wait := lane{pace: c.opt.pace}
	for ctx.Err() == nil {
		who, err := c.api.authTest(ctx)
		if err == nil && len(who.Scopes) > 0 && !who.has("chat:write") {
			return errors.New("slack.bot_token lacks the scope chat:write: add it under “OAuth & Permissions” and install the app again")
		}
		if err == nil {
			c.mu.Lock()
			c.who, c.early = who, ""
			c.mu.Unlock()
			c.log.Info("Slack knows the bot", "team", who.Team, "bot", who.Bot)
			c.refresh()
			return nil
		}
		if badToken(err) {
			return botTokenError(err)
		}
		if ctx.Err() != nil {
			break
		}
		c.log.Warn("cannot reach Slack yet", "error", err)
		c.mu.Lock()
		c.early = err.Error()
		c.mu.Unlock()
		c.refresh()
		c.link.sleep(ctx, max(wait.failed(c.opt.Now(), err), retryAfter(err)))
	}
	return nil
}

func botTokenError(err error) error {
	return tokenError("slack.bot_token", err, "the bot token (xoxb-…) of the installed app, with the scope chat:write, from “OAuth & Permissions”")
}

// end takes note of why the channel ended for good, and gives up its requests.
func (c *Channel) end(err error) {
	c.mu.Lock()
	c.fatal = err
	desk := c.desk
	var open []string
	for k, e := range c.entries {
		if e.card.Live() && !e.failed {
			e.failed = true
			open = append(open, k.id)
		}
	}
	c.mu.Unlock()
	c.refresh()
	for _, id := range open {
		desk.Failed(id, err)
	}
}

// Show implements channel.Channel.
func (c *Channel) Show(card permit.Card) {
	k := key{card.Request.ID, card.Request.Generation}
	c.mu.Lock()
	e := c.entries[k]
	if e == nil {
		e = &entry{key: k}
		c.entries[k] = e
		c.serial++
		e.order = c.serial
		c.prune()
	}
	c.serial++
	e.want, e.card = c.serial, card
	if ref, ok := readRef(card.Ref); ok && e.at.TS == "" {
		e.at = ref.place
		e.thread = ref.Thread
		c.joinThread(card.Request.Session, ref)
	}
	if e.over() {
		e.strip() // it ended before anybody could see it
	}
	c.mu.Unlock()
	token(c.wake)
}

// ref is how a card is found again: what the desk keeps for it.
type ref struct {
	place
	Thread string `json:"thread,omitempty"`
}

func (r ref) String() string {
	text, err := json.Marshal(r)
	if err != nil {
		return "" // strings can always be encoded
	}
	return string(text)
}

func readRef(s string) (ref, bool) {
	var r ref
	if s == "" || json.Unmarshal([]byte(s), &r) != nil || r.Channel == "" || r.TS == "" {
		return ref{}, false
	}
	return r, true
}

// joinThread remembers which thread a session's cards go to. Called with mu held.
func (c *Channel) joinThread(session string, r ref) {
	if !c.cfg.Threads || session == "" {
		return
	}
	if len(c.threads) > 500 {
		clear(c.threads) // only tidiness is lost
	}
	if _, ok := c.threads[session]; !ok {
		c.threads[session] = place{r.Channel, first(r.Thread, r.TS)}
	}
}

// Status implements channel.Channel.
func (c *Channel) Status() channel.Status {
	state, detail := c.stand()
	c.mu.Lock()
	defer c.mu.Unlock()
	if state != c.state {
		c.state, c.since = state, c.opt.Now()
	}
	return channel.Status{Name: Name, State: state, Since: c.since, Detail: detail}
}

// refresh brings the time of the last change up to date.
func (c *Channel) refresh() { c.Status() }

// stand is how the channel stands, worst first.
func (c *Channel) stand() (channel.State, string) {
	linkState, linkDetail := c.link.status()
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.fatal != nil:
		return channel.Down, c.fatal.Error()
	case c.early != "":
		return channel.Connecting, c.early
	case linkState != channel.Ready:
		return linkState, linkDetail
	case c.posting != "":
		return channel.Down, c.posting
	case c.posts.why != "":
		return channel.Connecting, "cannot post now, trying again: " + c.posts.why
	case c.updates.why != "":
		return channel.Connecting, "cannot redraw cards now, trying again: " + c.updates.why
	}
	var notes []string
	for _, note := range []string{linkDetail, c.foreign, c.unsure} {
		if note != "" {
			notes = append(notes, note)
		}
	}
	return channel.Ready, strings.Join(notes, ". ")
}

// failRequest gives a request up on this channel, with the reason.
func (c *Channel) failRequest(e *entry, err error) {
	c.mu.Lock()
	told := e.failed
	e.failed = true
	desk := c.desk
	c.mu.Unlock()
	if !told {
		c.log.Warn("a request cannot be shown in Slack", "request", e.id, "error", err)
		desk.Failed(e.id, err)
	}
}

// hint says what to do about a refusal that a person can mend.
func (c *Channel) hint(err error) error {
	what, ok := map[string]string{
		"not_in_channel":        "invite the bot to " + c.cfg.Channel + " (/invite in the channel)",
		"channel_not_found":     "slack.channel " + c.cfg.Channel + " is not known to this bot: check the id, and invite the bot to a private channel",
		"is_archived":           "the channel is archived",
		"messages_tab_disabled": "switch on the Messages tab under “App Home” in the app's settings",
		"user_not_found":        "slack.channel names nobody in this workspace",
		"user_disabled":         "that person's account is deactivated",
		"cannot_dm_bot":         "slack.channel is the bot itself: it must be your own member id",
		"restricted_action":     "the workspace does not let the app post there",
	}[codeOf(err)]
	if !ok {
		return err
	}
	return fmt.Errorf("%w: %s", err, what)
}

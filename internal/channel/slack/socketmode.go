package slack

// This file keeps the Socket Mode link. The rules are:
//
//   - A new socket is open before an old one is given up, and the old one is read
//     until Slack closes it: a tap may already be on its way.
//   - Every envelope is acknowledged at once, on the socket it came by, before
//     anything is done about it; the same envelope twice is handled once.
//   - A socket on which nothing is heard is found dead within ten seconds, by our
//     own pings. They are the only thing that wakes this process at rest.
//   - apps.connections.open is called at most once a second, whatever happens.
//   - The status is what is true now, with the reason in Slack's own words.

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/coder/websocket"

	"claude-permission-daemon/internal/channel"
	"claude-permission-daemon/internal/secret"
)

// tempo is how fast the link does things. Tests scale it.
type tempo struct {
	between    time.Duration // from one apps.connections.open to the next, at least
	backoff    time.Duration // after the first failure; doubles
	backoffMax time.Duration
	ping       time.Duration // from one ping to the next
	pong       time.Duration // within which something must be heard
	probe      time.Duration // the same, after the machine woke
	hello      time.Duration // from the handshake to hello
	steady     time.Duration // a link that lasted this long was a good one
	linger     time.Duration // how long a retired socket is read, if Slack never closes it
	leap       time.Duration // how far wall clock and monotonic clock may part before the machine was asleep
}

var realTempo = tempo{
	between: time.Second, backoff: 500 * time.Millisecond, backoffMax: 30 * time.Second,
	ping: 5 * time.Second, pong: 4 * time.Second, probe: 2 * time.Second, hello: 10 * time.Second,
	steady: 10 * time.Second, linger: 2 * time.Minute, leap: 3 * time.Second,
}

// link is the Socket Mode link: mostly one socket, two while one replaces the
// other.
type link struct {
	open  func(context.Context) (secret.Text, error) // apps.connections.open
	http  *http.Client
	log   *slog.Logger
	tempo tempo
	wall  func() time.Time // only to see the machine wake

	// interactive takes the payload of an interactive envelope. It is called
	// once for each envelope, after the acknowledgement, and must not block.
	interactive func(payload []byte)
	// changed is called, with no lock held, when status may have changed.
	changed func()
	// stale is called when connections that were open may lead nowhere by now.
	stale func()

	nudged chan struct{} // holds one token: look at the link now
	wake   chan struct{} // holds one token: a socket changed

	mu      sync.Mutex // guards the fields that follow
	sockets []*socket  // open ones, oldest first
	current *socket    // the newest that is ready and was not retired; nil: one is needed
	why     reason     // what the last socket, or the last attempt, ended of
	fails   int        // in a row
	given   []time.Time
	app     string // the app's id, as hello says
	pongs   bool   // Slack has answered a ping before
	others  string // what is known of other machines on this app
	handled ring   // envelopes
}

// reason is why there is no link.
type reason struct {
	state channel.State // Connecting or Down
	text  string
	// smooth: Slack asked for a new socket in due time; no reason to wait.
	smooth bool
	after  time.Duration // Slack wants to be left alone this long
}

// newLink returns a link that has not been run.
func newLink(open func(context.Context) (secret.Text, error), client *http.Client, log *slog.Logger, t tempo, wall func() time.Time) *link {
	return &link{
		open: open, http: client, log: log, tempo: t, wall: wall,
		interactive: func([]byte) {}, changed: func() {}, stale: func() {},
		nudged: make(chan struct{}, 1), wake: make(chan struct{}, 1),
		why: reason{state: channel.Connecting, text: "connecting"},
	}
}

// nudge has the link tested, and a waiting attempt made, now.
func (l *link) nudge() { token(l.nudged) }

func token(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// status is how the link stands now.
func (l *link) status() (channel.State, string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.current != nil {
		return channel.Ready, l.others
	}
	for _, s := range l.sockets {
		if s.isReady && s.smooth {
			return channel.Ready, "Slack asked for a new link (" + s.retired + "); the old one still works"
		}
	}
	return l.why.state, l.why.text
}

// appID is the app's id as Slack said it in hello; empty before.
func (l *link) appID() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.app
}

// run keeps the link until ctx ends (nil) or Slack refuses the token (an error,
// which names it). All sockets are closed when it returns.
func (l *link) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	var all sync.WaitGroup
	defer all.Wait()
	defer cancel()
	var last time.Time // of the last apps.connections.open
	for ctx.Err() == nil {
		if !l.needed() {
			select {
			case <-ctx.Done():
			case <-l.wake:
			case <-l.nudged:
				l.probe()
			}
			continue
		}
		l.rest(ctx, last)
		if ctx.Err() != nil {
			break
		}
		last = time.Now()
		err := l.connect(ctx, &all)
		if err == nil || ctx.Err() != nil {
			continue
		}
		if badToken(err) {
			return appTokenError(err)
		}
		l.failed(err)
	}
	return nil
}

// needed reports whether a new socket is to be opened.
func (l *link) needed() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.current == nil
}

// rest waits until the next attempt is due.
func (l *link) rest(ctx context.Context, last time.Time) {
	l.mu.Lock()
	wait, after := time.Duration(0), l.why.after
	if l.fails > 0 {
		wait = l.tempo.backoff << min(l.fails-1, 20)
		if wait > l.tempo.backoffMax || wait <= 0 {
			wait = l.tempo.backoffMax
		}
		wait = wait/2 + rand.N(wait/2+1)
	}
	l.mu.Unlock()
	// What may not be cut short: Slack's own wish, and the pace.
	firm := time.Until(last.Add(l.tempo.between))
	if last.IsZero() {
		firm = 0
	}
	firm = max(firm, after)
	if wait > firm {
		began := time.Now()
		l.sleep(ctx, wait)
		firm -= time.Since(began)
	}
	pause(ctx, firm)
}

// pause waits for d, or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(max(d, 0))
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// sleep waits for d, or until a nudge, or until the machine woke from sleep.
func (l *link) sleep(ctx context.Context, d time.Duration) {
	end := time.NewTimer(d)
	defer end.Stop()
	tick := time.NewTicker(l.tempo.ping)
	defer tick.Stop()
	c := newLeapClock(l.wall, l.tempo.leap)
	for {
		select {
		case <-ctx.Done():
			return
		case <-end.C:
			return
		case <-l.nudged:
			return
		case <-tick.C:
			if c.leapt() {
				l.log.Info("the machine was asleep; connecting to Slack now")
				l.stale()
				return
			}
		}
	}
}

// connect opens a socket and waits for its hello.
func (l *link) connect(ctx context.Context, all *sync.WaitGroup) error {
	address, err := l.open(ctx)
	if err != nil {
		return err
	}
	s := &socket{link: l, began: time.Now(), ready: make(chan struct{}), ended: make(chan struct{}), closed: make(chan struct{}), probes: make(chan struct{}, 1)}
	dialing, done := context.WithTimeout(ctx, callTimeout)
	defer done()
	s.ws, _, err = websocket.Dial(dialing, address.Reveal(), &websocket.DialOptions{
		HTTPClient:     l.http,
		OnPingReceived: func(context.Context, []byte) bool { s.hear(); return true },
		OnPongReceived: func(context.Context, []byte) { s.hear(); s.ponged() },
	})
	if err != nil {
		return fmt.Errorf("cannot open the socket: %w", plain(err))
	}
	s.ws.SetReadLimit(-1) // see read
	s.hear()
	l.mu.Lock()
	l.sockets = append(l.sockets, s)
	l.mu.Unlock()
	all.Go(func() { s.read(ctx) })

	timer := time.NewTimer(l.tempo.hello)
	defer timer.Stop()
	select {
	case <-s.ready:
		all.Go(func() { s.keep(ctx) })
		return nil
	case <-s.ended:
		s.drop(reason{}, false)
	case <-timer.C:
		s.drop(reason{state: channel.Connecting, text: fmt.Sprintf("Slack opened a socket but said no hello within %s", l.tempo.hello)}, true)
	case <-ctx.Done():
		return ctx.Err()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return &endedError{s.end}
}

// endedError is a socket that ended before it was of use.
type endedError struct{ why reason }

func (e *endedError) Error() string { return e.why.text }

// failed takes note of an attempt that led to nothing.
func (l *link) failed(err error) {
	why := reason{state: channel.Connecting, text: err.Error(), after: retryAfter(err)}
	if ended, ok := errors.AsType[*endedError](err); ok {
		why = ended.why
	} else if !passes(err) {
		why.state = channel.Down
	}
	l.mu.Lock()
	l.fails++
	l.why = why
	fails := l.fails
	l.mu.Unlock()
	l.log.Warn("no link to Slack", "reason", why.text, "attempt", fails)
	l.changed()
}

// probe has every socket tested now.
func (l *link) probe() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range l.sockets {
		token(s.probes)
	}
}

// appTokenError says what is wrong with the app-level token and where to mend it.
func appTokenError(err error) error {
	return tokenError("slack.app_token", err, "an app-level token (xapp-…) with the scope connections:write, from the app's “Basic Information” under “App-Level Tokens”")
}

// tokenError names the token that Slack refuses, in Slack's words, and what
// should be there.
func tokenError(key string, err error, want string) error {
	text := codeOf(err)
	if e, ok := errors.AsType[*apiError](err); ok && e.Code == "missing_scope" {
		text = fmt.Sprintf("missing_scope: it lacks %s and has %s", orNone(e.Needed), orNone(e.Provided))
	}
	return fmt.Errorf("%s is refused by Slack (%s): it must be %s", key, text, want)
}

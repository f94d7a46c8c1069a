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
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"

	"claude-permission-daemon/internal/channel"
	"claude-permission-daemon/internal/secret"
)

// The reasons of a disconnect message.
const (
	reasonWarning  = "warning"           // about 10 s before the next one
	reasonRefresh  = "refresh_requested" // Slack is about to close this socket
	reasonDisabled = "link_disabled"     // Socket Mode was switched off
	reasonTooMany  = "too_many_websockets"
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

// frameLimit is the size above which a frame is skipped. A tap carries the
// message it was made on, some tens of kilobytes.
const frameLimit = 4 << 20

// ackTimeout bounds the writing of an acknowledgement; Slack wants it within 3 s.
const ackTimeout = 3 * time.Second

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

// socket is one WebSocket of the link. The fields after heard are guarded by
// link.mu.
type socket struct {
	link   *link
	ws     *websocket.Conn
	began  time.Time
	ready  chan struct{} // closed at hello
	ended  chan struct{} // closed when it was retired or is closed
	closed chan struct{} // closed when it is
	probes chan struct{} // holds one token: ping now
	heard  atomic.Int64  // when something was last heard, in nanoseconds since began

	isReady   bool
	isEnded   bool
	retired   string    // Slack's reason for taking it out of use
	retiredAt time.Time // when
	smooth    bool      // retired in due time; still of use until it closes
	end       reason
}

func (s *socket) ponged() {
	s.link.mu.Lock()
	s.link.pongs = true
	s.link.mu.Unlock()
}

func (s *socket) hear() { s.heard.Store(int64(time.Since(s.began))) }

// read takes frames until the socket is closed.
func (s *socket) read(ctx context.Context) {
	for {
		_, r, err := s.ws.Reader(ctx)
		var data []byte
		if err == nil {
			data, err = io.ReadAll(io.LimitReader(r, frameLimit+1))
		}
		if err == nil && len(data) > frameLimit {
			s.link.log.Warn("skipped a frame from Slack that is too large", "limit", frameLimit)
			data = nil
			_, err = io.Copy(io.Discard, r)
		}
		if err != nil {
			s.drop(reason{state: channel.Connecting, text: "the link to Slack broke: " + closing(err)}, websocket.CloseStatus(err) == -1)
			return
		}
		s.hear()
		if data != nil {
			s.take(ctx, data)
		}
	}
}

// closing says in few words what ended a socket.
func closing(err error) string {
	if ce, ok := errors.AsType[websocket.CloseError](err); ok {
		if ce.Reason != "" {
			return fmt.Sprintf("Slack closed it (%d, %s)", ce.Code, ce.Reason)
		}
		return fmt.Sprintf("Slack closed it (%d)", ce.Code)
	}
	if errors.Is(err, io.EOF) {
		return "the connection ended"
	}
	return err.Error()
}

// take handles one frame. It runs on the reader's goroutine and must be quick.
func (s *socket) take(ctx context.Context, data []byte) {
	l := s.link
	f, ok := readFrame(data)
	if !ok {
		l.log.Warn("dropped a frame from Slack that is not a JSON object", "bytes", len(data))
		return
	}
	if f.Envelope != "" {
		acking, done := context.WithTimeout(ctx, ackTimeout)
		err := s.ws.Write(acking, websocket.MessageText, acknowledgement(f.Envelope))
		done()
		if err != nil {
			// The person may be told that it did not work; it is their tap all the
			// same, and it counts once however often they repeat it.
			l.log.Warn("cannot acknowledge an envelope", "envelope", f.Envelope, "error", err)
		}
	}
	switch f.Type {
	case "hello":
		s.greeted(f)
	case "disconnect":
		s.retire(f)
	case "interactive":
		s.becomeReady()
		if f.Envelope == "" || l.first(f.Envelope) {
			l.interactive(f.Payload)
		}
	default:
		l.log.Debug("ignored a frame from Slack", "type", line(f.Type, 60))
	}
}

// first reports whether the envelope has not been handled before.
func (l *link) first(envelope string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.handled.add(envelope)
}

// greeted takes in a hello.
func (s *socket) greeted(f frame) {
	l := s.link
	l.mu.Lock()
	if f.App != "" {
		l.app = f.App
	}
	// Slack may go on counting for a while what we gave up without its leave.
	l.given = slices.DeleteFunc(l.given, func(t time.Time) bool { return time.Since(t) > 5*time.Minute })
	own := len(l.sockets) + len(l.given)
	l.others = ""
	if more := f.Links - own; more > 0 {
		l.others = fmt.Sprintf("Slack counts %d other connections of this app: another machine that uses it may get this one's taps, so give each machine an app of its own", more)
	}
	others := l.others
	l.mu.Unlock()
	if others != "" {
		l.log.Warn(others)
	}
	s.becomeReady()
}

// becomeReady makes s the link's socket.
func (s *socket) becomeReady() {
	l := s.link
	l.mu.Lock()
	if s.isReady || s.isEnded {
		l.mu.Unlock()
		return
	}
	s.isReady = true
	l.current = s
	l.why = reason{state: channel.Connecting, text: "connecting"}
	close(s.ready)
	l.mu.Unlock()
	l.log.Info("linked to Slack")
	l.changed()
}

// retire takes in Slack's word that the socket goes out of use. It is read on
// until Slack closes it.
func (s *socket) retire(f frame) {
	why := reason{state: channel.Connecting, text: "Slack ended the link (" + line(f.Reason, 60) + ")"}
	switch f.Reason {
	case reasonWarning, reasonRefresh:
		why.smooth = true
	case reasonDisabled:
		why.state = channel.Down
		why.text = "Slack says link_disabled: Socket Mode is switched off for this app. Switch it on in the app's settings under “Socket Mode”; this goes on by itself then"
	case reasonTooMany:
		why.text = "Slack says too_many_websockets: this app has more open connections than Slack allows"
		if f.Links > 0 {
			why.text += fmt.Sprintf(" (%d)", f.Links)
		}
		why.text += ". Give each machine an app of its own"
	}
	l := s.link
	l.log.Info("Slack asks for another link", "reason", line(f.Reason, 60), "host", line(f.Host, 60))
	l.mu.Lock()
	s.retired, s.smooth = f.Reason, why.smooth
	if s.retiredAt.IsZero() {
		s.retiredAt = time.Now()
	}
	s.finish(why)
	l.mu.Unlock()
	l.changed()
}

// drop closes the socket and forgets it. gaveUp says that the far side may not
// have noticed.
func (s *socket) drop(why reason, gaveUp bool) {
	l := s.link
	l.mu.Lock()
	open := len(l.sockets)
	l.sockets = slices.DeleteFunc(l.sockets, func(other *socket) bool { return other == s })
	if len(l.sockets) < open {
		close(s.closed)
		if gaveUp {
			l.given = append(l.given, time.Now())
		}
	}
	s.finish(why)
	l.mu.Unlock()
	_ = s.ws.CloseNow() // after finish: the reader's own end must not be taken for the reason
	l.changed()
}

// finish takes the socket out of use once, and with it the link's count of
// failures on: one that lasted, or that Slack asked to replace, is no failure.
// Called with link.mu held.
func (s *socket) finish(why reason) {
	if s.isEnded {
		return
	}
	l := s.link
	s.isEnded, s.end = true, why
	close(s.ended)
	if l.current != s {
		return
	}
	l.current, l.why = nil, why
	switch {
	case why.smooth:
		l.fails = 0
	case s.retired == "" && time.Since(s.began) >= l.tempo.steady:
		l.fails = 0
	default:
		l.fails++
	}
	token(l.wake)
}

// keep pings the socket and ends it when nothing is heard, or when it was
// retired long ago and Slack never closed it.
func (s *socket) keep(ctx context.Context) {
	l := s.link
	ticker := time.NewTicker(l.tempo.ping)
	defer ticker.Stop()
	c := newLeapClock(l.wall, l.tempo.leap)
	within := l.tempo.pong
	for { // at once, to learn whether Slack answers pings at all
		asked := s.heard.Load()
		waiting, done := context.WithTimeout(ctx, within)
		err := s.ws.Ping(waiting)
		done()
		if err != nil && s.heard.Load() == asked && ctx.Err() == nil && !s.patient() {
			l.stale()
			s.drop(reason{state: channel.Connecting, text: fmt.Sprintf("the link to Slack was dead: nothing was heard within %s of a ping", within)}, true)
			return
		}
		within = l.tempo.pong
		select {
		case <-ctx.Done():
			return
		case <-s.closed:
			return
		case <-s.probes:
			within = l.tempo.probe
		case <-ticker.C:
			if c.leapt() {
				l.log.Info("the machine was asleep; testing the link to Slack")
				l.stale()
				within = l.tempo.probe
			}
		}
		if s.overdue() {
			s.drop(reason{}, true)
			return
		}
	}
}

// patient reports whether silence after a ping may mean nothing, because Slack
// has never answered one: its own pings, which come by at most this far apart,
// have to do then.
func (s *socket) patient() bool {
	s.link.mu.Lock()
	defer s.link.mu.Unlock()
	silent := time.Since(s.began) - time.Duration(s.heard.Load())
	return !s.link.pongs && silent < 35*time.Second
}

// overdue reports whether the socket was retired long ago.
func (s *socket) overdue() bool {
	s.link.mu.Lock()
	defer s.link.mu.Unlock()
	return !s.retiredAt.IsZero() && time.Since(s.retiredAt) > s.link.tempo.linger
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

// leapClock sees a machine wake: asleep, the wall clock goes on and the
// monotonic one stands.
type leapClock struct {
	wall  func() time.Time
	most  time.Duration
	last  time.Time // wall clock
	since time.Time // monotonic
}

func newLeapClock(wall func() time.Time, most time.Duration) *leapClock {
	return &leapClock{wall: wall, most: most, last: wall().Round(0), since: time.Now()}
}

// leapt reports whether the clocks have parted since it was last asked.
func (c *leapClock) leapt() bool {
	wall, mono := c.wall().Round(0), time.Now()
	apart := wall.Sub(c.last) - mono.Sub(c.since)
	c.last, c.since = wall, mono
	return apart > c.most
}

// ring remembers the last ringSize strings. The zero value is empty.
type ring struct {
	known map[string]struct{}
	order []string
	next  int
}

const ringSize = 1024

// add reports whether s is new, and remembers it.
func (r *ring) add(s string) bool {
	if r.known == nil {
		r.known = make(map[string]struct{})
	}
	s = strings.Clone(s)
	if _, ok := r.known[s]; ok {
		return false
	}
	if len(r.order) < ringSize {
		r.order = append(r.order, s)
	} else {
		delete(r.known, r.order[r.next])
		r.order[r.next] = s
		r.next = (r.next + 1) % ringSize
	}
	r.known[s] = struct{}{}
	return true
}

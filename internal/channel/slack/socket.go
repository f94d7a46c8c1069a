package slack

// This file is one WebSocket of the link: what comes by it, and how it ends.

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"

	"claude-permission-daemon/internal/channel"
)

// The reasons of a disconnect message.
const (
	reasonWarning  = "warning"           // about 10 s before the next one
	reasonRefresh  = "refresh_requested" // Slack is about to close this socket
	reasonDisabled = "link_disabled"     // Socket Mode was switched off
	reasonTooMany  = "too_many_websockets"
)

// frameLimit is the size above which a frame is skipped. A tap carries the
// message it was made on, some tens of kilobytes.
const frameLimit = 4 << 20

// ackTimeout bounds the writing of an acknowledgement; Slack wants it within 3 s.
const ackTimeout = 3 * time.Second

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

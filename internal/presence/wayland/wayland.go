// Package wayland learns of pauses from a Wayland compositor, in the
// protocol's own words: ext_idle_notifier_v1 (sway, Hyprland, labwc, KWin, …),
// best in its version 2, else org_kde_kwin_idle (older sway and KWin). GNOME's
// compositor speaks neither: see the source "mutter".
package wayland

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"claude-permission-daemon/internal/presence"
)

// answerTime is how long a compositor may take to say what it offers.
const answerTime = 2 * time.Second

// Source is a [presence.Source].
type Source struct {
	getenv func(string) string
}

// New returns the source; getenv says where compositors may listen
// (XDG_RUNTIME_DIR, WAYLAND_DISPLAY).
func New(getenv func(string) string) *Source { return &Source{getenv: getenv} }

// Name is "wayland".
func (s *Source) Name() string { return "wayland" }

// Run implements [presence.Source]. It watches the first compositor that tells
// of pauses; each connection begins without knowing what held before.
func (s *Source) Run(ctx context.Context, pause time.Duration, report func(presence.Report)) error {
	var reasons []string
	for _, path := range presence.WaylandSockets(s.getenv) {
		l, err := connect(ctx, path, pause)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			reasons = append(reasons, fmt.Sprintf("%s: %v", filepath.Base(path), err))
			continue
		}
		if err := l.listen(ctx, report); ctx.Err() == nil {
			return fmt.Errorf("lost the compositor on %s: %w", filepath.Base(path), err)
		}
		return nil
	}
	if len(reasons) == 0 {
		return fmt.Errorf("%w: no compositor listens", presence.ErrUnavailable)
	}
	return fmt.Errorf("%w: %s", presence.ErrUnavailable, strings.Join(reasons, "; "))
}

// errMute is a compositor that has neither protocol.
var errMute = errors.New("this compositor does not tell of pauses")

// link is a connection whose seats are watched.
type link struct {
	*client
	messages chan message
	readErr  chan error
	close    func() // ends the reader and waits for it

	people map[*seat]*person
	limits string
	last   time.Time // the last input that is known of
}

// person is what is known of the input on one seat.
type person struct {
	pauses presence.Pauses
	idle   bool
}

// connect finds out whether a compositor listens on path and tells of pauses.
func connect(ctx context.Context, path string, pause time.Duration) (_ *link, err error) {
	dialer := net.Dialer{Timeout: answerTime}
	conn, err := dialer.DialContext(ctx, "unix", path)
	if err != nil {
		if sys, ok := errors.AsType[*net.OpError](err); ok {
			err = sys.Err // the path is said already
		}
		return nil, err
	}
	l := &link{
		client:   newClient(conn, pause),
		messages: make(chan message), readErr: make(chan error, 1),
		people: map[*seat]*person{},
	}
	stopped := make(chan struct{})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		l.readErr <- l.read(stopped)
	}()
	l.close = func() {
		close(stopped)
		_ = conn.Close()
		<-ended
	}
	defer func() {
		if err != nil {
			l.close()
		}
	}()
	if err := l.hello(); err != nil {
		return nil, err
	}
	seats, err := l.globals(ctx)
	if err != nil {
		return nil, err
	}
	ok, err := l.choose()
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, errMute
	}
	l.limits = l.client.limits()
	for _, g := range seats {
		if err := l.add(g); err != nil {
			return nil, err
		}
	}
	return l, nil
}

// read passes the compositor's messages on.
func (l *link) read(stopped <-chan struct{}) error {
	r := bufio.NewReader(l.conn)
	for {
		m, err := readMessage(r)
		if err != nil {
			if errors.Is(err, io.EOF) {
				return errors.New("it has ended")
			}
			return err
		}
		select {
		case l.messages <- m:
		case <-stopped:
			return nil
		}
	}
}

// globals collects what the compositor offers at first.
func (l *link) globals(ctx context.Context) (seats []global, err error) {
	late := time.NewTimer(answerTime)
	defer late.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-late.C:
			return nil, fmt.Errorf("no answer within %s", answerTime)
		case err := <-l.readErr:
			return nil, err
		case m := <-l.messages:
			switch {
			case m.object == display && m.opcode == displayError:
				return nil, protocolError(m)
			case m.object == synced:
				return seats, nil
			case m.object == registry && m.opcode == registryGlobal:
				g, iface, err := offered(m)
				if err != nil {
					return nil, err
				}
				switch iface {
				case extNotifier, kdeIdle:
					l.offers[iface] = g
				case seatName:
					seats = append(seats, g)
				}
			}
		}
	}
}

// offered reads wl_registry.global.
func offered(m message) (g global, iface string, err error) {
	g.name, err = m.uint()
	if err == nil {
		iface, err = m.string()
	}
	if err == nil {
		g.version, err = m.uint()
	}
	return g, iface, err
}

// protocolError reads wl_display.error.
func protocolError(m message) error {
	object, _ := m.uint() // what is missing is zero in the text
	code, _ := m.uint()
	text, _ := m.string()
	return fmt.Errorf("it reports error %d on object %d: %s", code, object, text)
}

// add watches one more seat.
func (l *link) add(g global) error {
	s, err := l.watch(g)
	if err != nil {
		return err
	}
	l.people[s] = &person{pauses: presence.Pauses{Pause: l.pause, Began: time.Now().Round(0)}}
	return nil
}

// listen reports until ctx ends or the compositor is lost.
func (l *link) listen(ctx context.Context, report func(presence.Report)) error {
	defer l.close()
	tell := func(r presence.Report) {
		r.Why, r.Limits = l.version, l.limits
		report(r)
	}
	tell(presence.Report{State: presence.Unsure})
	patience := presence.Pauses{Pause: l.pause}
	silence := time.NewTimer(patience.Patience())
	defer silence.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-l.readErr:
			return err
		case <-silence.C:
			l.silence(tell)
		case m := <-l.messages:
			if err := l.handle(m, tell); err != nil {
				return err
			}
		}
	}
}

// silence is when a seat that has not idled must have had input since the
// connection began.
func (l *link) silence(tell func(presence.Report)) {
	for _, p := range l.people {
		if r, news := p.pauses.Silence(time.Now()); news && !p.idle {
			tell(r)
		}
	}
}

func (l *link) handle(m message, tell func(presence.Report)) error {
	switch {
	case m.object == display && m.opcode == displayError:
		return protocolError(m)
	case m.object == registry && m.opcode == registryGlobal:
		if g, iface, err := offered(m); err != nil {
			return err
		} else if iface == seatName {
			return l.add(g)
		}
	case m.object == registry && m.opcode == registryRemove:
		name, err := m.uint()
		if err != nil {
			return err
		}
		return l.remove(name, tell)
	default:
		i := slices.IndexFunc(l.seats, func(s *seat) bool { return s.notice == m.object })
		if i < 0 {
			return nil // nothing that we look at
		}
		p := l.people[l.seats[i]]
		switch m.opcode {
		case idled:
			r := p.pauses.Idled(time.Now())
			p.idle = true
			if r.At.After(l.last) {
				l.last = r.At
			}
			l.maybeIdle(tell)
		case resumed:
			r := p.pauses.Resumed(time.Now())
			p.idle = false
			l.last = r.At
			tell(r)
		}
	}
	return nil
}

// maybeIdle reports a pause if no seat has input.
func (l *link) maybeIdle(tell func(presence.Report)) {
	for _, p := range l.people {
		if !p.idle {
			return
		}
	}
	tell(presence.Report{State: presence.Idle, At: l.last})
}

// remove notes that a global has gone: perhaps one of our seats.
func (l *link) remove(name uint32, tell func(presence.Report)) error {
	if name == l.notifierName {
		return errors.New("it tells of pauses no more")
	}
	i := slices.IndexFunc(l.seats, func(s *seat) bool { return s.name == name })
	if i < 0 {
		return nil
	}
	s := l.seats[i]
	l.seats = slices.Delete(l.seats, i, i+1)
	wasIdle := l.people[s].idle
	delete(l.people, s)
	if err := l.send(request(s.notice, destroy)); err != nil {
		return err
	}
	switch {
	case len(l.seats) == 0:
		tell(presence.Report{State: presence.Unsure})
	case !wasIdle:
		l.maybeIdle(tell)
	}
	return nil
}

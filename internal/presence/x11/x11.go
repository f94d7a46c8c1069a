// Package x11 learns of pauses from an X server, by alarms on its counter
// IDLETIME. It speaks the few requests that this needs itself.
package x11

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"claude-permission-daemon/internal/presence"
)

// answerTime is how long a server may take to answer.
const answerTime = 2 * time.Second

// Requests of the extension SYNC, and the values that they take.
const (
	syncInitialize         = 0
	syncListSystemCounters = 1
	syncQueryCounter       = 5
	syncCreateAlarm        = 8
	syncDestroyAlarm       = 11
	alarmNotify            = 1 // event, counted from the extension's first

	// What CreateAlarm is told: the counter, an absolute value, the test, and
	// that it goes off once (a delta of zero).
	alarmValues        = 1<<0 | 1<<1 | 1<<2 | 1<<3 | 1<<4
	absolute           = 0
	negativeTransition = 1
	positiveComparison = 2
	alarmDestroyed     = 2
)

// Source is a [presence.Source].
type Source struct {
	getenv  func(string) string
	sockets string
}

// New returns the source; getenv says where the server is and how to be let in
// (DISPLAY, XAUTHORITY, HOME, XDG_RUNTIME_DIR).
func New(getenv func(string) string) *Source { return &Source{getenv: getenv, sockets: socketDir} }

// Name is "x11".
func (s *Source) Name() string { return "x11" }

// Run implements [presence.Source]. It watches the first local server that is
// a desktop of its own.
func (s *Source) Run(ctx context.Context, pause time.Duration, report func(presence.Report)) error {
	var reasons []string
	for _, d := range s.displays() {
		l, err := connect(ctx, d.socket, s.cookie(d.number))
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			reasons = append(reasons, fmt.Sprintf(":%s: %v", d.number, err))
			continue
		}
		l.pause, l.report = pause, report
		if err := l.listen(ctx); ctx.Err() == nil {
			return fmt.Errorf("lost the X server :%s: %w", d.number, err)
		}
		return nil
	}
	if len(reasons) == 0 {
		return fmt.Errorf("%w: no local X server", presence.ErrUnavailable)
	}
	return fmt.Errorf("%w: %s", presence.ErrUnavailable, strings.Join(reasons, "; "))
}

// errXwayland is a server that has no idea when there was input.
var errXwayland = errors.New("it is Xwayland, which does not see the desktop's input")

// link is a connection to a server that has what is needed.
type link struct {
	conn    net.Conn
	packets chan packet
	readErr chan error
	close   func() // ends the reader and waits for it

	sync    byte // the extension's opcode
	notify  byte // its AlarmNotify event
	counter uint32
	alarm   uint32 // the one id that is used again and again

	pause  time.Duration
	report func(presence.Report)
	idle   bool
	armed  bool // the alarm exists
}

// connect finds out whether a server listens on the socket, and has what is
// needed.
func connect(ctx context.Context, socket string, cookie []byte) (_ *link, err error) {
	dialer := net.Dialer{Timeout: answerTime}
	conn, err := dialer.DialContext(ctx, "unix", socket)
	if err != nil {
		if sys, ok := errors.AsType[*net.OpError](err); ok {
			err = sys.Err // the display is said already
		}
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer func() {
		if !stop() && err == nil {
			err = ctx.Err()
		}
		if err != nil {
			_ = conn.Close()
		}
	}()
	if err := conn.SetReadDeadline(time.Now().Add(answerTime)); err != nil {
		return nil, err
	}
	if err := send(conn, setupRequest(cookie)); err != nil {
		return nil, err
	}
	r := bufio.NewReader(conn)
	id, err := readSetup(r)
	if err != nil {
		return nil, err
	}
	l := &link{conn: conn, alarm: id, packets: make(chan packet), readErr: make(chan error, 1)}
	if err := l.prepare(r); err != nil {
		return nil, err
	}
	if err := conn.SetReadDeadline(time.Time{}); err != nil {
		return nil, err
	}
	stopped, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		l.readErr <- l.read(r, stopped)
	}()
	l.close = func() {
		close(stopped)
		_ = conn.Close()
		<-ended
	}
	return l, nil
}

// prepare looks for the extensions and the counter.
func (l *link) prepare(r *bufio.Reader) error {
	ask := func(b []byte) (packet, error) {
		if err := send(l.conn, b); err != nil {
			return nil, err
		}
		for {
			p, err := readPacket(r)
			switch {
			case err != nil:
				return nil, err
			case p[0] == packetError:
				return nil, serverError(p)
			case p[0] == packetReply:
				return p, nil
			}
		}
	}
	p, err := ask(queryExtension("MIT-SCREEN-SAVER"))
	if err != nil {
		return err
	}
	// A rootless Xwayland has SYNC and IDLETIME, but its counter only knows of
	// input to X11 windows. It is the one server without this extension.
	if p[8] == 0 {
		return errXwayland
	}
	if p, err = ask(queryExtension("SYNC")); err != nil {
		return err
	}
	if p[8] == 0 {
		return errors.New("it lacks the extension SYNC")
	}
	l.sync, l.notify = p[9], p[10]+alarmNotify
	if _, err = ask(request(l.sync, syncInitialize, 3|1<<8)); err != nil { // version 3.1
		return err
	}
	if p, err = ask(request(l.sync, syncListSystemCounters)); err != nil {
		return err
	}
	var ok bool
	if l.counter, ok = counterNamed(p, "IDLETIME"); !ok {
		return errors.New("it lacks the counter IDLETIME")
	}
	return nil
}

func serverError(p packet) error {
	return fmt.Errorf("it reports error %d on request %d.%d", p[1], p[10], order.Uint16(p[8:]))
}

// read passes the server's packets on.
func (l *link) read(r *bufio.Reader, stopped <-chan struct{}) error {
	for {
		p, err := readPacket(r)
		if err != nil {
			return err
		}
		select {
		case l.packets <- p:
		case <-stopped:
			return nil
		}
	}
}

// listen reports until ctx ends or the server is lost.
func (l *link) listen(ctx context.Context) error {
	defer l.close()
	if err := l.look(); err != nil {
		return err
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-l.readErr:
			return err
		case p := <-l.packets:
			if err := l.handle(p); err != nil {
				return err
			}
		}
	}
}

// look asks for the idle time; the reply says what to do next.
func (l *link) look() error {
	return send(l.conn, request(l.sync, syncQueryCounter, l.counter))
}

func (l *link) handle(p packet) error {
	switch {
	case p[0] == packetError:
		return serverError(p)
	case p[0] == packetReply: // of look
		return l.judge(value64(p[8:]))
	case p.kind() == l.notify && p[28] != alarmDestroyed && order.Uint32(p[4:]) == l.alarm:
		return l.judge(value64(p[8:]))
	}
	return nil
}

// judge makes a report of the idle time in milliseconds, and sets the alarm
// that will tell of the next change.
func (l *link) judge(ms int64) error {
	idle := ms >= l.pause.Milliseconds()
	at := time.Now().Round(0).Add(-time.Duration(ms) * time.Millisecond)
	switch {
	case !idle:
		l.idle = false
		l.tell(presence.Active, at)
		return l.set(positiveComparison, l.pause.Milliseconds())
	case !l.idle:
		l.idle = true
		l.tell(presence.Idle, at)
		if err := l.set(negativeTransition, l.pause.Milliseconds()-1); err != nil {
			return err
		}
		return l.look() // input between the pause and this alarm would be missed
	}
	return nil
}

func (l *link) tell(state presence.State, at time.Time) {
	l.report(presence.Report{State: state, At: at, Why: "the X server's idle time"})
}

// set replaces the alarm.
func (l *link) set(test uint32, value int64) error {
	var b []byte
	if l.armed {
		b = request(l.sync, syncDestroyAlarm, l.alarm)
	}
	l.armed = true
	return send(l.conn, append(b, request(l.sync, syncCreateAlarm, l.alarm, alarmValues,
		l.counter, absolute, uint32(value>>32), uint32(value), test, 0, 0)...))
}

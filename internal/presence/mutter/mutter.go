// Package mutter learns of pauses from GNOME's compositor, by the D-Bus
// interface org.gnome.Mutter.IdleMonitor. GNOME speaks none of the Wayland
// protocols for it, and this one is better: it knows the idle time at the
// start, and no inhibitor hides a return.
package mutter

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/godbus/dbus/v5"

	"claude-permission-daemon/internal/presence"
)

const (
	name      = "org.gnome.Mutter.IdleMonitor"
	path      = "/org/gnome/Mutter/IdleMonitor/Core"
	watchSig  = name + ".WatchFired"
	session   = "org.gnome.SessionManager"
	sessionAt = "/org/gnome/SessionManager"
	inhibited = "InhibitedActions"
	// inhibitIdle is the bit of InhibitedActions for "the session is idle".
	inhibitIdle = 8

	busName      = "org.freedesktop.DBus"
	properties   = "org.freedesktop.DBus.Properties"
	ownerSig     = busName + ".NameOwnerChanged"
	propertiesOf = properties + ".PropertiesChanged"
)

const (
	// answerTime is how long the bus and GNOME may take to answer.
	answerTime = 2 * time.Second
	// pollTime is how often the idle time is asked for while an inhibitor keeps
	// GNOME from telling of pauses.
	pollTime = 10 * time.Second
)

// Source is a [presence.Source].
type Source struct {
	getenv func(string) string
}

// New returns the source; getenv says where the session bus is
// (DBUS_SESSION_BUS_ADDRESS, XDG_RUNTIME_DIR).
func New(getenv func(string) string) *Source { return &Source{getenv: getenv} }

// Name is "mutter".
func (s *Source) Name() string { return "mutter" }

// address is the session bus, empty if there is none. godbus's own way would
// start a bus where there is none.
func (s *Source) address() string {
	if address := s.getenv("DBUS_SESSION_BUS_ADDRESS"); address != "" {
		return address
	}
	socket := filepath.Join(presence.RuntimeDir(s.getenv), "bus")
	if _, err := os.Stat(socket); err != nil {
		return ""
	}
	return "unix:path=" + dbus.EscapeBusAddressValue(socket)
}

// Run implements [presence.Source].
func (s *Source) Run(ctx context.Context, pause time.Duration, report func(presence.Report)) error {
	address := s.address()
	if address == "" {
		return fmt.Errorf("%w: no session bus", presence.ErrUnavailable)
	}
	run := ctx
	ctx, cancel := context.WithCancel(run)
	defer cancel()
	late := time.AfterFunc(answerTime, cancel)
	conn, err := dbus.Connect(address, dbus.WithContext(ctx), dbus.WithSignalHandler(dbus.NewSequentialSignalHandler()))
	if err == nil {
		defer func() { _ = conn.Close() }()
	}
	tooLate := !late.Stop()
	switch {
	case run.Err() != nil:
		return nil
	case tooLate:
		return fmt.Errorf("%w: the session bus does not answer", presence.ErrUnavailable)
	case err != nil:
		return fmt.Errorf("%w: cannot talk to the session bus: %w", presence.ErrUnavailable, err)
	}
	m := &monitor{
		ctx: ctx, conn: conn, pause: pause, report: report,
		object:  conn.Object(name, path),
		signals: make(chan *dbus.Signal, 16),
	}
	conn.Signal(m.signals)
	return m.run()
}

// monitor is one connection to a monitor that answers.
type monitor struct {
	ctx     context.Context // of Run
	conn    *dbus.Conn
	object  dbus.BusObject
	signals chan *dbus.Signal
	pause   time.Duration
	report  func(presence.Report)

	idleWatch   uint32
	activeWatch uint32 // zero: none is set
	idle        bool
	last        time.Time
	inhibited   bool
}

func (m *monitor) run() error {
	var owner string
	if err := m.call(m.conn.BusObject(), busName+".GetNameOwner", []any{&owner}, name); err != nil {
		return m.ended(fmt.Errorf("%w: GNOME's compositor is not on the session bus", presence.ErrUnavailable))
	}
	if err := m.subscribe(); err != nil {
		return m.ended(err)
	}
	// First the state that holds, then what changes it: the watch fires at once
	// if the pause is long over.
	if err := m.look(); err != nil {
		return m.ended(err)
	}
	poll := time.NewTimer(pollTime)
	defer poll.Stop()
	for {
		m.schedule(poll)
		select {
		case <-m.ctx.Done():
			return nil
		case signal, ok := <-m.signals:
			if !ok {
				return m.ended(errors.New("lost the session bus"))
			}
			if err := m.handle(signal); err != nil {
				return m.ended(err)
			}
		case <-poll.C:
			if err := m.look(); err != nil {
				return m.ended(err)
			}
		}
	}
}

// schedule sets the poll timer. Only an inhibitor makes polling necessary: the
// watch for pauses does not fire then. The watch for the return always does.
func (m *monitor) schedule(poll *time.Timer) {
	if !m.inhibited || m.idle {
		poll.Stop()
		return
	}
	wait := pollTime
	if since := time.Since(m.last); since >= 0 && since < m.pause {
		wait = m.pause - since + 50*time.Millisecond // it may be a blip
	}
	poll.Reset(wait)
}

// ended is err, or nil where what failed did so because Run's context ended.
func (m *monitor) ended(err error) error {
	if m.ctx.Err() != nil {
		return nil
	}
	return err
}

func (m *monitor) subscribe() error {
	matches := [][]dbus.MatchOption{
		{dbus.WithMatchInterface(busName), dbus.WithMatchMember("NameOwnerChanged"), dbus.WithMatchArg(0, name)},
		{dbus.WithMatchInterface(name), dbus.WithMatchMember("WatchFired"), dbus.WithMatchObjectPath(path)},
		{dbus.WithMatchInterface(properties), dbus.WithMatchMember("PropertiesChanged"), dbus.WithMatchObjectPath(sessionAt)},
	}
	for _, match := range matches {
		if err := m.conn.AddMatchSignalContext(m.ctx, match...); err != nil {
			return fmt.Errorf("cannot listen to the session bus: %w", err)
		}
	}
	if err := m.call(m.object, name+".AddIdleWatch", []any{&m.idleWatch}, uint64(m.pause/time.Millisecond)); err != nil {
		return err
	}
	var actions dbus.Variant
	err := m.call(m.conn.Object(session, sessionAt), properties+".Get", []any{&actions}, session, inhibited)
	m.inhibited = err == nil && inhibitsIdle(actions) // without a session manager nothing inhibits
	return nil
}

func inhibitsIdle(actions dbus.Variant) bool {
	bits, ok := actions.Value().(uint32)
	return ok && bits&inhibitIdle != 0
}

// look asks for the idle time and reports what it means.
func (m *monitor) look() error {
	var ms uint64
	if err := m.call(m.object, name+".GetIdletime", []any{&ms}); err != nil {
		return err
	}
	last := time.Now().Round(0).Add(-time.Duration(ms) * time.Millisecond)
	if ms < uint64(m.pause/time.Millisecond) {
		m.active(last)
		return nil
	}
	if err := m.pauseBegan(last); err != nil || !m.idle {
		return err
	}
	m.tell(presence.Idle)
	return nil
}

// pauseBegan sets the watch for the return. Input between the pause and the
// watch would be missed, so it looks once more.
func (m *monitor) pauseBegan(last time.Time) error {
	if m.idle {
		// No return was told of since, so the idle time was set back by the end of
		// an inhibitor, not by input.
		return nil
	}
	if m.activeWatch == 0 {
		if err := m.call(m.object, name+".AddUserActiveWatch", []any{&m.activeWatch}); err != nil {
			return err
		}
		var ms uint64
		if err := m.call(m.object, name+".GetIdletime", []any{&ms}); err != nil {
			return err
		}
		if now := time.Now().Round(0); time.Duration(ms)*time.Millisecond < m.pause {
			m.active(now.Add(-time.Duration(ms) * time.Millisecond))
			return nil
		}
	}
	m.idle, m.last = true, last
	return nil
}

func (m *monitor) active(at time.Time) {
	m.idle, m.last = false, at
	m.tell(presence.Active)
}

func (m *monitor) tell(state presence.State) {
	m.report(presence.Report{State: state, At: m.last, Why: name})
}

func (m *monitor) handle(signal *dbus.Signal) error {
	switch signal.Name {
	case watchSig:
		var id uint32
		if err := dbus.Store(signal.Body, &id); err != nil {
			return fmt.Errorf("cannot read %s: %w", watchSig, err)
		}
		switch {
		case id == m.activeWatch && id != 0: // it fires once
			m.activeWatch = 0
			m.active(time.Now().Round(0))
		case id == m.idleWatch:
			return m.look()
		}
	case ownerSig:
		return errors.New("lost GNOME's compositor")
	case propertiesOf:
		var iface string
		var changed map[string]dbus.Variant
		var gone []string
		if err := dbus.Store(signal.Body, &iface, &changed, &gone); err != nil || iface != session {
			return nil // somebody else's
		}
		if actions, ok := changed[inhibited]; ok {
			m.inhibited = inhibitsIdle(actions)
		}
	}
	return nil
}

// call calls a method and waits for its answer, a short while.
func (m *monitor) call(object dbus.BusObject, method string, results []any, args ...any) error {
	ctx, cancel := context.WithTimeout(m.ctx, answerTime)
	defer cancel()
	if err := object.CallWithContext(ctx, method, 0, args...).Store(results...); err != nil {
		return fmt.Errorf("cannot call %s: %w", method, err)
	}
	return nil
}

// Package logind learns from systemd-logind, on the system bus, when the seat
// is locked, asleep, or has somebody else's session in front. It says nothing
// of input: desktops do not tell logind, or not in time.
package logind

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/godbus/dbus/v5"

	"claude-permission-daemon/internal/presence"
)

const (
	name      = "org.freedesktop.login1"
	path      = "/org/freedesktop/login1"
	manager   = name + ".Manager"
	session   = name + ".Session"
	sessions  = path + "/session"
	sleepSig  = manager + ".PrepareForSleep"
	newSig    = manager + ".SessionNew"
	goneSig   = manager + ".SessionRemoved"
	lockSig   = session + ".Lock"
	unlockSig = session + ".Unlock"

	busName      = "org.freedesktop.DBus"
	properties   = "org.freedesktop.DBus.Properties"
	ownerSig     = busName + ".NameOwnerChanged"
	propertiesOf = properties + ".PropertiesChanged"

	systemBus = "/run/dbus/system_bus_socket"
)

// What there is to say while nothing is the matter.
const (
	nobodyHere = "no session of yours sits at this machine"
	nothingUp  = "neither locked nor asleep"
)

// answerTime is how long the bus and logind may take to answer.
const answerTime = 2 * time.Second

// Source is a [presence.Source], for [presence.Sources.Seat].
type Source struct {
	getenv func(string) string
	uid    uint32
}

// New returns the source; getenv says where the system bus is, if not at its
// usual place (DBUS_SYSTEM_BUS_ADDRESS). It looks at this process's user.
func New(getenv func(string) string) *Source {
	return &Source{getenv: getenv, uid: uint32(os.Getuid())}
}

// Name is "logind".
func (s *Source) Name() string { return "logind" }

func (s *Source) address() string {
	if address := s.getenv("DBUS_SYSTEM_BUS_ADDRESS"); address != "" {
		return address
	}
	if _, err := os.Stat(systemBus); err != nil {
		return ""
	}
	return "unix:path=" + systemBus
}

// Run implements [presence.Source]. pause means nothing here.
func (s *Source) Run(ctx context.Context, _ time.Duration, report func(presence.Report)) error {
	address := s.address()
	if address == "" {
		return fmt.Errorf("%w: no system bus", presence.ErrUnavailable)
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
		return fmt.Errorf("%w: the system bus does not answer", presence.ErrUnavailable)
	case err != nil:
		return fmt.Errorf("%w: cannot talk to the system bus: %w", presence.ErrUnavailable, err)
	}
	l := &link{
		ctx: ctx, conn: conn, uid: s.uid, report: report,
		object:  conn.Object(name, path),
		signals: make(chan *dbus.Signal, 16),
	}
	conn.Signal(l.signals)
	if err := l.listen(); run.Err() == nil {
		return err
	}
	return nil
}

// link is a connection to a logind that answers.
type link struct {
	ctx     context.Context
	conn    *dbus.Conn
	object  dbus.BusObject
	signals chan *dbus.Signal
	uid     uint32
	report  func(presence.Report)

	seats  map[dbus.ObjectPath]standing // this user's sessions that sit at a seat
	asleep bool
	gone   bool // as last reported
}

// standing is what is known of one session.
type standing struct {
	active bool // in front on its seat
	locked bool
}

func (l *link) listen() error {
	var owner string
	if err := l.call(l.conn.BusObject(), busName+".GetNameOwner", []any{&owner}, name); err != nil {
		return fmt.Errorf("%w: logind is not on the system bus", presence.ErrUnavailable)
	}
	matches := [][]dbus.MatchOption{
		{dbus.WithMatchInterface(busName), dbus.WithMatchMember("NameOwnerChanged"), dbus.WithMatchArg(0, name)},
		{dbus.WithMatchSender(name), dbus.WithMatchInterface(manager)},
		{dbus.WithMatchSender(name), dbus.WithMatchInterface(session), dbus.WithMatchPathNamespace(sessions)},
		{dbus.WithMatchSender(name), dbus.WithMatchInterface(properties), dbus.WithMatchPathNamespace(sessions)},
	}
	for _, match := range matches {
		if err := l.conn.AddMatchSignalContext(l.ctx, match...); err != nil {
			return fmt.Errorf("cannot listen to the system bus: %w", err)
		}
	}
	if err := l.refresh(); err != nil {
		return err
	}
	if l.gone = l.isGone(); l.gone {
		l.tell(presence.Gone, time.Time{}) // since when is not known
	} else {
		l.tell(presence.Unsure, time.Time{})
	}
	for {
		select {
		case <-l.ctx.Done():
			return nil
		case signal, ok := <-l.signals:
			if !ok {
				return errors.New("lost the system bus")
			}
			if err := l.handle(signal, time.Now().Round(0)); err != nil {
				return err
			}
		}
	}
}

// refresh asks for this user's sessions. One that ends meanwhile is left out.
func (l *link) refresh() error {
	var list []struct {
		ID   string
		UID  uint32
		User string
		Seat string
		Path dbus.ObjectPath
	}
	if err := l.call(l.object, manager+".ListSessions", []any{&list}); err != nil {
		return err
	}
	l.seats = map[dbus.ObjectPath]standing{}
	for _, s := range list {
		if s.UID != l.uid || s.Seat == "" {
			continue // somebody else's, or from afar
		}
		var all map[string]dbus.Variant
		if err := l.call(l.conn.Object(name, s.Path), properties+".GetAll", []any{&all}, session); err != nil {
			continue
		}
		if class, ok := all["Class"].Value().(string); ok && class != "user" {
			continue // a greeter, a lock screen, a background service
		}
		active, _ := all["Active"].Value().(bool)
		locked, _ := all["LockedHint"].Value().(bool)
		l.seats[s.Path] = standing{active: active, locked: locked}
	}
	return nil
}

// isGone reports whether nobody of this user can be at a seat. Without any
// session there, logind cannot tell.
func (l *link) isGone() bool {
	if l.asleep {
		return true
	}
	for _, s := range l.seats {
		if s.active && !s.locked {
			return false
		}
	}
	return len(l.seats) > 0
}

// why says what gone rests on.
func (l *link) why() string {
	locked := func(s standing) bool { return s.active && s.locked }
	switch {
	case !l.gone && len(l.seats) == 0:
		return nobodyHere
	case !l.gone:
		return nothingUp
	case l.asleep:
		return "the machine is asleep"
	case slices.ContainsFunc(slices.Collect(maps.Values(l.seats)), locked):
		return "the screen is locked"
	}
	return "another session is in front"
}

func (l *link) tell(state presence.State, at time.Time) {
	l.report(presence.Report{State: state, At: at, Why: l.why()})
}

func (l *link) handle(signal *dbus.Signal, now time.Time) error {
	switch signal.Name {
	case ownerSig:
		return errors.New("lost logind")
	case sleepSig:
		return l.sleep(signal, now)
	case newSig, goneSig:
		if err := l.refresh(); err != nil {
			return err
		}
		l.settle(now)
	case propertiesOf:
		if !concerns(signal) {
			return nil
		}
		if err := l.refresh(); err != nil {
			return err
		}
		l.settle(now)
	case lockSig:
		// A request to lock, which not every desktop grants, and not every one
		// that does says so in LockedHint. So it is leaving, but input is a return.
		if _, ours := l.seats[signal.Path]; ours && !l.gone {
			l.report(presence.Report{State: presence.Idle, At: now, Why: "the screen was locked"})
		}
	case unlockSig:
		if _, ours := l.seats[signal.Path]; ours && !l.gone {
			l.tell(presence.Active, now)
		}
	}
	return nil
}

// sleep is when the machine goes to sleep or has woken up, which is no input.
func (l *link) sleep(signal *dbus.Signal, now time.Time) error {
	var start bool
	if err := dbus.Store(signal.Body, &start); err != nil {
		return fmt.Errorf("cannot read %s: %w", sleepSig, err)
	}
	if start == l.asleep {
		return nil
	}
	l.asleep = start
	if start {
		l.settle(now)
		return nil
	}
	if l.gone = l.isGone(); l.gone {
		l.tell(presence.Gone, now) // locked meanwhile
	} else {
		l.report(presence.Report{State: presence.Idle, At: now, Why: "the machine was asleep"})
	}
	return nil
}

// settle reports a change: leaving, or an unlocked screen, which takes a
// person.
func (l *link) settle(now time.Time) {
	gone := l.isGone()
	if gone == l.gone {
		return
	}
	l.gone = gone
	if gone {
		l.tell(presence.Gone, now)
	} else {
		l.tell(presence.Active, now)
	}
}

// concerns reports whether a PropertiesChanged is about what refresh reads.
func concerns(signal *dbus.Signal) bool {
	var iface string
	var changed map[string]dbus.Variant
	var invalid []string
	if err := dbus.Store(signal.Body, &iface, &changed, &invalid); err != nil || iface != session {
		return false
	}
	for _, property := range []string{"Active", "LockedHint"} {
		if _, ok := changed[property]; ok || slices.Contains(invalid, property) {
			return true
		}
	}
	return false
}

// call calls a method and waits for its answer, a short while.
func (l *link) call(object dbus.BusObject, method string, results []any, args ...any) error {
	ctx, cancel := context.WithTimeout(l.ctx, answerTime)
	defer cancel()
	if err := object.CallWithContext(ctx, method, 0, args...).Store(results...); err != nil {
		return fmt.Errorf("cannot call %s: %w", method, err)
	}
	return nil
}

//go:build linux

package logind

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"

	"claude-permission-daemon/internal/presence"
	"claude-permission-daemon/internal/presence/presencetest"
)

// login is a small real logind on a private bus.
type login struct {
	t    testing.TB
	bus  *presencetest.Bus
	conn *dbus.Conn

	mu   sync.Mutex
	list map[string]*fakeSession
}

type fakeSession struct {
	uid            uint32
	seat, class    string
	active, locked bool
}

func startLogin(t testing.TB) *login {
	l := &login{t: t, bus: presencetest.StartBus(t, ""), list: map[string]*fakeSession{}}
	l.start(t)
	return l
}

func (l *login) start(t testing.TB) {
	t.Helper()
	conn, err := dbus.Connect(l.bus.Address)
	if err != nil {
		t.Fatal(err)
	}
	l.mu.Lock()
	l.conn = conn
	l.mu.Unlock()
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.ExportMethodTable(map[string]any{"ListSessions": l.listSessions}, path, manager); err != nil {
		t.Fatal(err)
	}
	if err := conn.ExportSubtreeMethodTable(map[string]any{"GetAll": l.getAll}, sessions, properties); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.RequestName(name, dbus.NameFlagDoNotQueue); err != nil {
		t.Fatal(err)
	}
}

type row struct {
	ID   string
	UID  uint32
	User string
	Seat string
	Path dbus.ObjectPath
}

func (l *login) listSessions() ([]row, *dbus.Error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	rows := []row{{"ended", uint32(os.Getuid()), "me", "seat0", sessions + "/ended"}} // between the list and GetAll
	for id, s := range l.list {
		rows = append(rows, row{id, s.uid, "me", s.seat, dbus.ObjectPath(sessions + "/" + id)})
	}
	return rows, nil
}

func (l *login) getAll(msg dbus.Message, _ string) (map[string]dbus.Variant, *dbus.Error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	at, _ := msg.Headers[dbus.FieldPath].Value().(dbus.ObjectPath)
	s, ok := l.list[filepath.Base(string(at))]
	if !ok {
		return nil, dbus.NewError(name+".NoSuchSession", nil)
	}
	return map[string]dbus.Variant{
		"Class": dbus.MakeVariant(s.class), "Active": dbus.MakeVariant(s.active), "LockedHint": dbus.MakeVariant(s.locked),
	}, nil
}

func (l *login) emit(path, signal string, body ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.conn.Emit(dbus.ObjectPath(path), signal, body...); err != nil {
		l.t.Errorf("cannot emit %s: %v", signal, err)
	}
}

// set changes a session and says so as logind does.
func (l *login) set(id string, change func(s *fakeSession)) {
	l.mu.Lock()
	s, ok := l.list[id]
	if !ok {
		s = &fakeSession{uid: uint32(os.Getuid()), seat: "seat0", class: "user", active: true}
		l.list[id] = s
	}
	change(s)
	l.mu.Unlock()
	at := sessions + "/" + id
	if !ok {
		l.emit(path, newSig, id, dbus.ObjectPath(at))
		return
	}
	l.emit(at, propertiesOf, session, map[string]dbus.Variant{"LockedHint": dbus.MakeVariant(s.locked)}, []string{"Active"})
}

func (l *login) remove(id string) {
	l.mu.Lock()
	delete(l.list, id)
	l.mu.Unlock()
	l.emit(path, goneSig, id, dbus.ObjectPath(sessions+"/"+id))
}

func (l *login) source() *Source {
	return New(func(key string) string {
		if key == "DBUS_SYSTEM_BUS_ADDRESS" {
			return l.bus.Address
		}
		return ""
	})
}

func lock(s *fakeSession)   { s.locked = true }
func unlock(s *fakeSession) { s.locked = false }
func front(s *fakeSession)  { s.active = true }
func back(s *fakeSession)   { s.active = false }
func nothing(*fakeSession)  {}

func TestFake(t *testing.T) {
	presencetest.Run(t, func(t *testing.T) presencetest.Rig {
		l := startLogin(t)
		l.set("1", nothing)
		return presencetest.Rig{
			Source:  l.source(),
			Away:    presence.Gone,
			Input:   func(testing.TB) { l.set("1", unlock) },
			Quiet:   func(testing.TB) { l.set("1", lock) },
			Repeat:  func(testing.TB) { l.set("1", nothing) },
			Lose:    func(testing.TB) { _ = l.conn.Close() },
			Restore: func(t testing.TB) { l.start(t); l.set("1", unlock) },
		}
	})
}

func run(t *testing.T, l *login) *presencetest.Running {
	t.Helper()
	return presencetest.Start(t, presencetest.Rig{Source: l.source()})
}

// want checks the next report.
func want(t *testing.T, r *presencetest.Running, state presence.State, why string) {
	t.Helper()
	if got := r.First(); got.State != state || got.Why != why {
		t.Errorf("%s (%q), want %s (%q)", got.State, got.Why, state, why)
	}
}

func TestLockAndVT(t *testing.T) {
	l := startLogin(t)
	r := run(t, l)
	want(t, r, presence.Unsure, nobodyHere) // nobody sits here: nothing to say
	l.set("1", nothing)
	l.set("other", func(s *fakeSession) { s.uid++; s.locked = true })
	l.set("greeter", func(s *fakeSession) { s.class = "greeter"; s.locked = true })
	l.set("ssh", func(s *fakeSession) { s.seat = ""; s.locked = true })
	l.set("1", lock)
	want(t, r, presence.Gone, "the screen is locked")
	l.set("1", nothing)
	l.set("1", unlock)
	want(t, r, presence.Active, nothingUp)
	l.set("1", back)
	want(t, r, presence.Gone, "another session is in front")
	l.set("2", nothing) // one's own, on another VT
	want(t, r, presence.Active, nothingUp)
	l.set("2", lock)
	want(t, r, presence.Gone, "the screen is locked")
	l.set("1", front)
	want(t, r, presence.Active, nothingUp)
	l.set("1", back)
	want(t, r, presence.Gone, "the screen is locked")
	l.remove("2")
	l.remove("1")
	want(t, r, presence.Active, nobodyHere) // no session, no lock
	r.Nothing(50 * time.Millisecond)
}

func TestLockedAtTheStart(t *testing.T) {
	l := startLogin(t)
	l.set("1", lock)
	first := run(t, l).First()
	if first.State != presence.Gone || !first.At.IsZero() {
		t.Errorf("%+v, want gone, since nobody knows when", first)
	}
}

// The signals without a LockedHint, as from `loginctl lock-session` on a
// desktop that does not know it.
func TestLockSignals(t *testing.T) {
	l := startLogin(t)
	l.set("1", nothing)
	r := run(t, l)
	want(t, r, presence.Unsure, nothingUp)
	l.emit(sessions+"/1", lockSig)
	want(t, r, presence.Idle, "the screen was locked")
	l.emit(sessions+"/2", lockSig) // not ours
	l.emit(sessions+"/1", unlockSig)
	want(t, r, presence.Active, nothingUp)
	// With the hint, the hint is what counts.
	l.emit(sessions+"/1", lockSig)
	want(t, r, presence.Idle, "the screen was locked")
	l.set("1", lock)
	want(t, r, presence.Gone, "the screen is locked")
	l.emit(sessions+"/1", unlockSig) // asked for, not done yet
	l.emit(sessions+"/1", lockSig)
	r.Nothing(50 * time.Millisecond)
	l.set("1", unlock)
	want(t, r, presence.Active, nothingUp)
}

func TestSleep(t *testing.T) {
	l := startLogin(t)
	l.set("1", nothing)
	r := run(t, l)
	want(t, r, presence.Unsure, nothingUp)
	l.emit(path, sleepSig, true)
	want(t, r, presence.Gone, "the machine is asleep")
	l.emit(path, sleepSig, true)
	l.set("1", nothing)
	l.emit(path, sleepSig, false)
	want(t, r, presence.Idle, "the machine was asleep")
	l.emit(path, sleepSig, true)
	want(t, r, presence.Gone, "the machine is asleep")
	l.set("1", lock)
	l.emit(path, sleepSig, false)
	want(t, r, presence.Gone, "the screen is locked")
	l.set("1", unlock)
	want(t, r, presence.Active, nothingUp)
	r.Nothing(50 * time.Millisecond)
}

func TestLost(t *testing.T) {
	tests := map[string]func(l *login){
		"the bus":   func(l *login) { l.bus.Kill() },
		"an answer": func(l *login) { _ = l.conn.Export(nil, path, manager); l.set("1", lock) },
		"a word":    func(l *login) { l.emit(path, sleepSig, "true") },
	}
	for name, do := range tests {
		t.Run(name, func(t *testing.T) {
			l := startLogin(t)
			l.set("1", nothing)
			r := run(t, l)
			r.First()
			do(l)
			if err := r.Err(); err == nil || errors.Is(err, presence.ErrUnavailable) {
				t.Errorf("Run returned %v", err)
			}
		})
	}
}

func TestUnavailable(t *testing.T) {
	dir := presencetest.RuntimeDir(t)
	presencetest.LiveSocket(t, filepath.Join(dir, "silent"))
	bus := presencetest.StartBus(t, "")
	for address, want := range map[string]string{
		"unix:path=" + dir + "/gone":   "cannot talk",
		"unix:path=" + dir + "/silent": "does not answer",
		bus.Address:                    "not on the system bus",
	} {
		err := New(func(string) string { return address }).Run(t.Context(), 0, func(r presence.Report) { t.Errorf("report %+v", r) })
		if !errors.Is(err, presence.ErrUnavailable) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: Run returned %v, want ErrUnavailable with %q", address, err, want)
		}
	}
	if _, err := os.Stat(systemBus); err == nil {
		return
	}
	if err := New(func(string) string { return "" }).Run(t.Context(), 0, nil); !errors.Is(err, presence.ErrUnavailable) {
		t.Errorf("without a system bus: Run returned %v", err)
	}
}

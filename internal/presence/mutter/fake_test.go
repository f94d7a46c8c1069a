//go:build linux

package mutter

import (
	"sync"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"

	"claude-permission-daemon/internal/presence/presencetest"
)

// gnome is a small real IdleMonitor on a private bus, with what Mutter 43 was
// seen to do: the idle watch fires at once if the time is over already and
// stays armed, the active watch fires once, an inhibitor holds idle watches
// back but not the idle time, and its end sets the idle time to zero without a
// word.
type gnome struct {
	t   testing.TB
	bus *presencetest.Bus

	mu        sync.Mutex
	conn      *dbus.Conn
	last      time.Time // input, or the end of an inhibitor
	inhibit   bool
	watches   map[uint32]*watch
	nextWatch uint32
	asked     int  // calls of GetIdletime
	mute      bool // methods fail
}

type watch struct {
	client dbus.Sender
	after  time.Duration // zero: for the return
	timer  *time.Timer
}

func startGnome(t testing.TB) *gnome {
	g := &gnome{t: t, bus: presencetest.StartBus(t, "")}
	g.start(t)
	return g
}

// start takes the name, as Mutter does when it starts.
func (g *gnome) start(t testing.TB) {
	t.Helper()
	conn, err := dbus.Connect(g.bus.Address)
	if err != nil {
		t.Fatal(err)
	}
	g.mu.Lock()
	g.conn, g.last, g.watches = conn, time.Now(), map[uint32]*watch{}
	g.mu.Unlock()
	for _, err := range []error{
		conn.ExportMethodTable(map[string]any{
			"GetIdletime": g.getIdletime, "AddIdleWatch": g.addIdleWatch, "AddUserActiveWatch": g.addUserActiveWatch,
		}, path, name),
		conn.ExportMethodTable(map[string]any{"Get": g.getProperty}, sessionAt, properties),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, n := range []string{name, session} {
		if _, err := conn.RequestName(n, dbus.NameFlagDoNotQueue); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(g.stop)
}

func (g *gnome) stop() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, w := range g.watches {
		w.timer.Stop()
	}
	_ = g.conn.Close()
}

var errMute = dbus.NewError("org.freedesktop.DBus.Error.Failed", []any{"not now"})

func (g *gnome) getIdletime() (uint64, *dbus.Error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.mute {
		return 0, errMute
	}
	g.asked++
	return uint64(time.Since(g.last) / time.Millisecond), nil
}

func (g *gnome) addIdleWatch(client dbus.Sender, ms uint64) (uint32, *dbus.Error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.nextWatch++
	id, w := g.nextWatch, &watch{client: client, after: time.Duration(ms) * time.Millisecond}
	g.watches[id] = w
	w.timer = time.AfterFunc(w.after-time.Since(g.last), func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		if !g.inhibit && g.watches[id] == w {
			g.fire(id, w)
		}
	})
	return id, nil
}

func (g *gnome) addUserActiveWatch(client dbus.Sender) (uint32, *dbus.Error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.nextWatch++
	g.watches[g.nextWatch] = &watch{client: client, timer: time.NewTimer(0)}
	return g.nextWatch, nil
}

func (g *gnome) fire(id uint32, w *watch) {
	g.emit(path, watchSig, id)
	if w.after == 0 {
		delete(g.watches, id)
	}
}

func (g *gnome) emit(path dbus.ObjectPath, signal string, body ...any) {
	if err := g.conn.Emit(path, signal, body...); err != nil {
		g.t.Errorf("cannot emit %s: %v", signal, err)
	}
}

// input is one input, seen by everybody.
func (g *gnome) input() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.last = time.Now()
	for id, w := range g.watches {
		if w.after == 0 {
			g.fire(id, w)
		} else {
			w.timer.Reset(w.after)
		}
	}
}

// repeat fires the idle watches once more.
func (g *gnome) repeat() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for id, w := range g.watches {
		if w.after > 0 {
			g.fire(id, w)
		}
	}
}

func (g *gnome) getProperty(_, property string) (dbus.Variant, *dbus.Error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return dbus.MakeVariant(g.actions()), nil
}

func (g *gnome) actions() uint32 {
	if g.inhibit {
		return inhibitIdle | 4 // 4: suspend
	}
	return 0
}

func (g *gnome) setInhibit(on bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.inhibit = on
	if !on {
		g.last = time.Now()
		for _, w := range g.watches {
			if w.after > 0 {
				w.timer.Reset(w.after)
			}
		}
	}
	g.emit(sessionAt, propertiesOf, session, map[string]dbus.Variant{inhibited: dbus.MakeVariant(g.actions())}, []string{})
}

func (g *gnome) getenv(key string) string {
	if key == "DBUS_SESSION_BUS_ADDRESS" {
		return g.bus.Address
	}
	return ""
}

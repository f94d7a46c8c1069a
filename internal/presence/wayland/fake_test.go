//go:build linux

package wayland

import (
	"encoding/binary"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"claude-permission-daemon/internal/presence/presencetest"
)

// compositor is a small real one: it listens, offers what its fields say, runs
// a timer for each notification, and does with inhibitors what the named
// compositor was seen to do.
type compositor struct {
	t    testing.TB
	path string

	ext      uint32 // version of ext_idle_notifier_v1, 0: not offered
	kde      bool
	invents  bool // wlroots 0.20: an inhibitor resumes what version 1 idled
	silent   bool // accepts, and never answers
	noSeat   bool
	mu       sync.Mutex
	listener net.Listener
	conns    map[*fakeConn]bool
	seats    map[uint32]bool // by global name
	inhibit  bool
	serving  sync.WaitGroup
}

const firstSeat = 10

func (c *compositor) start(t testing.TB) {
	c.t = t
	if c.path == "" {
		c.path = filepath.Join(presencetest.RuntimeDir(t), "wayland-0")
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: c.path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	c.mu.Lock()
	c.listener, c.conns, c.seats = l, map[*fakeConn]bool{}, map[uint32]bool{}
	if !c.noSeat {
		c.seats[firstSeat] = true
	}
	c.mu.Unlock()
	c.serving.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			f := &fakeConn{c: c, conn: conn, objects: map[uint32]string{1: "wl_display"}, seats: map[uint32]uint32{}, notes: map[uint32]*note{}}
			c.mu.Lock()
			c.conns[f] = true
			c.mu.Unlock()
			c.serving.Go(f.serve)
		}
	})
	t.Cleanup(c.stop)
}

// stop ends the compositor as a crash would.
func (c *compositor) stop() {
	c.mu.Lock()
	_ = c.listener.Close()
	for f := range c.conns {
		_ = f.conn.Close()
	}
	c.mu.Unlock()
	c.serving.Wait()
}

func (c *compositor) getenv(key string) string {
	switch key {
	case "XDG_RUNTIME_DIR":
		return filepath.Dir(c.path)
	case "WAYLAND_DISPLAY":
		return c.path
	}
	return ""
}

// each calls do for every notification, under the lock.
func (c *compositor) each(do func(f *fakeConn, id uint32, n *note)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for f := range c.conns {
		for id, n := range f.notes {
			do(f, id, n)
		}
	}
}

// input is one input on a seat.
func (c *compositor) input(seat uint32) {
	c.each(func(f *fakeConn, id uint32, n *note) {
		if n.seat != seat {
			return
		}
		if n.obeys && c.inhibit {
			return // swallowed
		}
		n.timer.Reset(n.timeout)
		if n.idle {
			n.idle = false
			f.event(id, resumed)
		}
	})
}

// setInhibit begins or ends a video call.
func (c *compositor) setInhibit(on bool) {
	c.mu.Lock()
	c.inhibit = on
	c.mu.Unlock()
	c.each(func(f *fakeConn, id uint32, n *note) {
		switch {
		case !n.obeys:
		case on && c.invents && n.idle:
			n.idle = false
			f.event(id, resumed)
		case !on:
			n.timer.Reset(n.timeout)
		}
	})
}

// repeat says what holds once more.
func (c *compositor) repeat() {
	c.each(func(f *fakeConn, id uint32, n *note) {
		if n.idle {
			f.event(id, idled)
		} else {
			f.event(id, resumed)
		}
	})
}

func (c *compositor) addSeat(name uint32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seats[name] = true
	for f := range c.conns {
		f.event(registry, registryGlobal, name, seatName, uint32(9))
	}
}

func (c *compositor) removeGlobal(name uint32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.seats, name)
	for f := range c.conns {
		f.event(registry, registryRemove, name)
	}
}

// raw sends one event to every client.
func (c *compositor) raw(object uint32, opcode uint16, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for f := range c.conns {
		f.event(object, opcode, args...)
	}
}

// watched is how many notifications there are.
func (c *compositor) watched() (n int) {
	c.each(func(*fakeConn, uint32, *note) { n++ })
	return n
}

// note is one notification object.
type note struct {
	seat    uint32 // the global's name
	timeout time.Duration
	obeys   bool // inhibitors
	idle    bool
	timer   *time.Timer
}

// fakeConn is one client of the compositor.
type fakeConn struct {
	c       *compositor
	conn    net.Conn
	objects map[uint32]string // interface by id
	seats   map[uint32]uint32 // the global's name by the object's id
	notes   map[uint32]*note
}

// event sends one; requests and events have the same form.
func (f *fakeConn) event(object uint32, opcode uint16, args ...any) {
	_, _ = f.conn.Write(request(object, opcode, args...)) // a client that is gone is no concern
}

// fail is what libwayland does with a client that breaks the protocol.
func (f *fakeConn) fail(why string) {
	f.c.t.Errorf("protocol error by the client: %s", why)
	f.event(display, displayError, uint32(1), uint32(0), why)
	_ = f.conn.Close()
}

func (f *fakeConn) serve() {
	defer func() {
		f.c.mu.Lock()
		defer f.c.mu.Unlock()
		delete(f.c.conns, f)
		for _, n := range f.notes {
			n.timer.Stop()
		}
		_ = f.conn.Close()
	}()
	for {
		m, err := readMessage(f.conn)
		if err != nil {
			return
		}
		if f.c.silent {
			continue
		}
		f.c.mu.Lock()
		f.request(m)
		f.c.mu.Unlock()
	}
}

func (f *fakeConn) request(m message) {
	word := func() uint32 {
		v, err := m.uint()
		if err != nil {
			f.fail(err.Error())
		}
		return v
	}
	newID := func(iface string) uint32 {
		id := word()
		if _, taken := f.objects[id]; taken || id == 0 {
			f.fail("an id is used twice")
		}
		f.objects[id] = iface
		return id
	}
	iface, ok := f.objects[m.object]
	if !ok {
		f.fail("no such object")
		return
	}
	switch {
	case iface == "wl_display" && m.opcode == displayGetRegistry:
		id := newID("wl_registry")
		f.event(id, registryGlobal, uint32(1), "wl_compositor", uint32(6))
		if f.c.ext > 0 {
			f.event(id, registryGlobal, uint32(2), extNotifier, f.c.ext)
		}
		if f.c.kde {
			f.event(id, registryGlobal, uint32(3), kdeIdle, uint32(1))
		}
		for name := range f.c.seats {
			f.event(id, registryGlobal, name, seatName, uint32(9))
		}
	case iface == "wl_display" && m.opcode == displaySync:
		id := newID("wl_callback")
		f.event(id, 0, uint32(7))
		f.event(display, 1, id) // delete_id
	case iface == "wl_registry" && m.opcode == registryBind:
		f.bind(&m, word, newID)
	case iface == extNotifier && (m.opcode == 1 || m.opcode == 2 && f.c.ext >= 2):
		id, timeout, seat := newID("note"), word(), word()
		f.addNote(id, timeout, seat, m.opcode == 1)
	case iface == kdeIdle && m.opcode == 0:
		id, seat, timeout := newID("note"), word(), word()
		f.addNote(id, timeout, seat, true)
	case iface == "note" && m.opcode == destroy:
		f.notes[m.object].timer.Stop()
		delete(f.notes, m.object)
	default:
		f.fail("no such request: " + iface)
	}
	if len(m.args) != 0 {
		f.fail("arguments are left over")
	}
}

func (f *fakeConn) bind(m *message, word func() uint32, newID func(string) uint32) {
	name := word()
	iface, err := m.string()
	if err != nil || strings.ContainsRune(iface, 0) {
		f.fail("bad interface name")
	}
	version := word()
	id := newID(iface)
	offered := map[string]uint32{extNotifier: f.c.ext, seatName: 9}
	if f.c.kde {
		offered[kdeIdle] = 1
	}
	if version == 0 || version > offered[iface] {
		f.fail("bound a version that is not offered")
	}
	if iface == seatName {
		f.seats[id] = name
		f.event(id, 0, uint32(3)) // capabilities: pointer and keyboard
	}
}

func (f *fakeConn) addNote(id, timeout, seat uint32, obeys bool) {
	name, ok := f.seats[seat]
	if !ok {
		f.fail("not a seat")
	}
	n := &note{seat: name, timeout: time.Duration(timeout) * time.Millisecond, obeys: obeys}
	n.timer = time.AfterFunc(n.timeout, func() {
		f.c.mu.Lock()
		defer f.c.mu.Unlock()
		if n.obeys && f.c.inhibit || n.idle || f.notes[id] != n {
			return
		}
		n.idle = true
		f.event(id, idled)
	})
	f.notes[id] = n
}

// half sends the first bytes of a message and no more.
func (c *compositor) half() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for f := range c.conns {
		b := binary.NativeEndian.AppendUint32(nil, display)
		_, _ = f.conn.Write(b[:3])
		_ = f.conn.Close()
	}
}

package wayland

import (
	"fmt"
	"net"
	"time"
)

// Ids and opcodes of what every compositor has.
const (
	display  = 1 // wl_display
	registry = 2 // our wl_registry
	synced   = 3 // our wl_callback

	displaySync        = 0
	displayGetRegistry = 1
	displayError       = 0 // event
	registryBind       = 0
	registryGlobal     = 0 // event
	registryRemove     = 1 // event
	destroy            = 0 // of every notification object
	idled              = 0 // event of every notification object
	resumed            = 1 // event of every notification object
)

// The interfaces by which a compositor tells of pauses, best first.
const (
	extNotifier = "ext_idle_notifier_v1"
	kdeIdle     = "org_kde_kwin_idle"
	seatName    = "wl_seat"
)

// global is one thing that the compositor offers.
type global struct {
	name    uint32
	version uint32
}

// client is one connection to a compositor. It is used from one goroutine.
type client struct {
	conn    net.Conn
	nextID  uint32
	offers  map[string]global // the notifiers, by interface
	seats   []*seat
	version string // how it tells of pauses, for people

	notifier     uint32 // our object
	notifierName uint32 // its global's name
	pause        time.Duration
	subscribe    func(id, seat uint32) []byte
}

// seat is one seat with the notification object that watches it.
type seat struct {
	name   uint32 // of its global
	object uint32
	notice uint32
}

func newClient(conn net.Conn, pause time.Duration) *client {
	return &client{conn: conn, nextID: synced + 1, offers: map[string]global{}, pause: pause}
}

// hello asks for everything that the compositor offers; a done event of synced
// follows the last.
func (c *client) hello() error {
	return c.send(append(
		request(display, displayGetRegistry, uint32(registry)),
		request(display, displaySync, uint32(synced))...))
}

func (c *client) send(b []byte) error {
	if err := c.conn.SetWriteDeadline(time.Now().Add(answerTime)); err != nil {
		return err
	}
	_, err := c.conn.Write(b)
	return err
}

func (c *client) newID() uint32 {
	id := c.nextID
	c.nextID++
	return id
}

func (c *client) bind(g global, iface string, version uint32) (uint32, error) {
	id := c.newID()
	return id, c.send(request(registry, registryBind, g.name, iface, version, id))
}

// choose binds the best notifier that is offered; ok is false if there is none.
func (c *client) choose() (ok bool, err error) {
	ms := uint32(c.pause / time.Millisecond)
	if g, found := c.offers[extNotifier]; found {
		version := min(g.version, 2)
		c.notifierName = g.name
		c.notifier, err = c.bind(g, extNotifier, version)
		// Version 2's request tells of input whatever inhibitors say. Version 1's
		// hides a return while something inhibits, or invents one.
		opcode := uint16(version) // 1: get_idle_notification, 2: get_input_idle_notification
		c.subscribe = func(id, seat uint32) []byte { return request(c.notifier, opcode, id, ms, seat) }
		c.version = fmt.Sprintf("%s version %d", extNotifier, version)
		return true, err
	}
	if g, found := c.offers[kdeIdle]; found {
		c.notifierName = g.name
		c.notifier, err = c.bind(g, kdeIdle, 1)
		c.subscribe = func(id, seat uint32) []byte { return request(c.notifier, 0, id, seat, ms) }
		c.version = kdeIdle
		return true, err
	}
	return false, nil
}

// limits says what this compositor's way of telling cannot see.
func (c *client) limits() string {
	switch {
	case c.offers[extNotifier].version >= 2:
		return ""
	case c.offers[extNotifier].version == 1:
		return "a video call can hide your return: this compositor speaks version 1 of " + extNotifier
	}
	return "a video call can hide your return: this compositor speaks only " + kdeIdle
}

// watch subscribes to a seat's pauses.
func (c *client) watch(g global) (*seat, error) {
	object, err := c.bind(g, seatName, 1)
	if err != nil {
		return nil, err
	}
	s := &seat{name: g.name, object: object, notice: c.newID()}
	if err := c.send(c.subscribe(s.notice, s.object)); err != nil {
		return nil, err
	}
	c.seats = append(c.seats, s)
	return s, nil
}

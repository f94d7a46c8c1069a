package daemon

import (
	"fmt"
	"net"
	"sync"
	"time"

	"claude-permission-daemon/internal/broker"
	"claude-permission-daemon/internal/claude"
	"claude-permission-daemon/internal/permit"
	"claude-permission-daemon/internal/wire"
)

// writeFor is how long a write to a hook or client may take. What we write
// fits a socket's buffer as a rule, so only a frozen process comes near it.
const writeFor = 5 * time.Second

// hooks are the connections of the hooks that wait, by link.
type hooks struct {
	post    func(broker.Event)
	running sync.WaitGroup

	mu    sync.Mutex
	last  uint64
	links map[uint64]*hookConn
}

// hookConn is a waiting hook's connection.
type hookConn struct {
	conn net.Conn
	bare bool
	mu   sync.Mutex // one line at a time
}

func newHooks(post func(broker.Event)) *hooks {
	return &hooks{post: post, links: make(map[uint64]*hookConn)}
}

func (h *hooks) add(conn net.Conn, bare bool) (uint64, *hookConn) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.last++
	c := &hookConn{conn: conn, bare: bare}
	h.links[h.last] = c
	return h.last, c
}

func (h *hooks) remove(link uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.links, link)
}

// write writes one line to the hook.
func (c *hookConn) write(line any) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.conn.SetWriteDeadline(time.Now().Add(writeFor)); err != nil {
		return err
	}
	return wire.Write(c.conn, line)
}

// tell writes an outcome to its hook, beside the loop.
func (h *hooks) tell(t broker.Tell) {
	h.mu.Lock()
	c := h.links[t.Link]
	h.mu.Unlock()
	if c == nil {
		h.post(broker.Told{ID: t.Request.ID, Link: t.Link, Err: net.ErrClosed})
		return
	}
	h.running.Go(func() {
		h.post(broker.Told{ID: t.Request.ID, Link: t.Link, Err: c.write(reply(t.Request, t.Outcome, c.bare))})
		if c.bare {
			_ = c.conn.Close() // its one answer is written; its reader ends
		}
	})
}

// reply is the outcome in the words of the wire. What cannot be said hands back.
func reply(r permit.Request, o permit.Outcome, bare bool) wire.Reply {
	output, err := claude.Output(r, o)
	if err != nil {
		return wire.Reply{Action: wire.Passthrough, Reason: fmt.Sprintf("handed back: %v", err)}
	}
	answer := wire.Reply{Action: wire.Passthrough, Reason: o.Sentence(), Output: output}
	switch o.Kind {
	case permit.Approved:
		answer.Action = wire.Approve
	case permit.Denied:
		answer.Action = wire.Deny
	}
	if bare {
		answer.Output = nil
	}
	return answer
}

// listen reads what the hook says until its connection ends, and returns what
// it said of its end.
func (h *hooks) listen(id string, link uint64, c *hookConn, lines *wire.Reader) (reason string) {
	for {
		raw, err := lines.Line()
		if err != nil {
			return reason
		}
		said, err := wire.ParseFromHook(raw)
		switch {
		case err != nil:
			_ = c.write(wire.Error{Error: err.Error()}) // a client that speaks nonsense may not listen either
			return reason
		case said.Delivered:
			h.post(broker.Delivered{ID: id, Link: link})
		case said.Closing != "":
			reason = said.Closing
		case said.Ping:
			if err := c.write(wire.Accepted{Accepted: true}); err != nil {
				return reason
			}
		}
	}
}

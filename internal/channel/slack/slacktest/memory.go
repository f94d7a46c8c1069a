package slacktest

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// Memory is a network with one address and no kernel: for tests inside a
// testing/synctest bubble, where real sockets stop the clock. Give Listen to
// Options.Listen and Dial to the client's http.Transport. It refuses while
// nobody listens, its connections buffer like TCP's, and Reset and Freeze work.
type Memory struct {
	mu sync.Mutex
	l  *memoryListener
}

// Listen takes the address until the listener is closed.
func (m *Memory) Listen() (net.Listener, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.l != nil {
		return nil, syscall.EADDRINUSE
	}
	m.l = &memoryListener{m: m, backlog: make(chan net.Conn), done: make(chan struct{})}
	return m.l, nil
}

// Dial connects to whoever listens, whatever the address says.
func (m *Memory) Dial(ctx context.Context, _, _ string) (net.Conn, error) {
	m.mu.Lock()
	l := m.l
	m.mu.Unlock()
	refused := &net.OpError{Op: "dial", Net: "memory", Addr: memoryAddr, Err: syscall.ECONNREFUSED}
	if l == nil {
		return nil, refused
	}
	there, back := newHalf(), newHalf()
	select {
	case l.backlog <- &memoryConn{in: there, out: back}:
		return &memoryConn{in: back, out: there}, nil
	case <-l.done:
		return nil, refused
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

var memoryAddr = &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 80}

type memoryListener struct {
	m       *Memory
	backlog chan net.Conn
	done    chan struct{}
	once    sync.Once
}

func (l *memoryListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.backlog:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *memoryListener) Close() error {
	l.once.Do(func() {
		close(l.done)
		l.m.mu.Lock()
		l.m.l = nil
		l.m.mu.Unlock()
	})
	return nil
}

func (l *memoryListener) Addr() net.Addr { return memoryAddr }

// half is one direction of a connection.
type half struct {
	mu   sync.Mutex
	wake *sync.Cond
	buf  []byte
	end  error // what the reader gets after buf; io.EOF or a reset
	gone bool  // the reader left
	// Deadlines of the reader and the writer, with the timers that wake them.
	read, write deadline
}

type deadline struct {
	at    time.Time
	timer *time.Timer
}

func (d *deadline) passed() bool { return !d.at.IsZero() && !time.Now().Before(d.at) }

// window is how much a connection buffers before Write waits, about what TCP
// on loopback does.
const window = 256 << 10

func newHalf() *half {
	h := &half{}
	h.wake = sync.NewCond(&h.mu)
	return h
}

func (h *half) set(d *deadline, at time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if d.timer != nil {
		d.timer.Stop()
	}
	d.at, d.timer = at, nil
	if !at.IsZero() {
		d.timer = time.AfterFunc(time.Until(at), func() {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.wake.Broadcast()
		})
	}
	h.wake.Broadcast()
}

// finish ends the direction: for the reader once it has read what is there, or
// at once by a reset.
func (h *half) finish(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.end == nil {
		h.end = err
	}
	if !errors.Is(err, io.EOF) {
		h.buf = nil
	}
	h.wake.Broadcast()
}

type memoryConn struct {
	in, out *half
	mu      sync.Mutex
	closed  bool
	reset   bool
}

func (c *memoryConn) Read(p []byte) (int, error) {
	h := c.in
	h.mu.Lock()
	defer h.mu.Unlock()
	for {
		switch {
		case h.gone:
			return 0, net.ErrClosed
		case h.read.passed():
			return 0, os.ErrDeadlineExceeded
		case len(h.buf) > 0:
			n := copy(p, h.buf)
			h.buf = h.buf[n:]
			h.wake.Broadcast()
			return n, nil
		case h.end != nil:
			return 0, h.end
		}
		h.wake.Wait()
	}
}

func (c *memoryConn) Write(p []byte) (int, error) {
	h := c.out
	h.mu.Lock()
	defer h.mu.Unlock()
	n := 0
	for {
		switch {
		case h.end != nil:
			return n, net.ErrClosed
		case h.gone:
			return n, syscall.EPIPE
		case h.write.passed():
			return n, os.ErrDeadlineExceeded
		}
		room := min(window-len(h.buf), len(p)-n)
		h.buf = append(h.buf, p[n:n+room]...)
		if n += room; room > 0 {
			h.wake.Broadcast()
		}
		if n == len(p) {
			return n, nil
		}
		h.wake.Wait()
	}
}

func (c *memoryConn) Close() error {
	c.mu.Lock()
	first, reset := !c.closed, c.reset
	c.closed = true
	c.mu.Unlock()
	if !first {
		return net.ErrClosed
	}
	end := io.EOF
	if reset {
		end = syscall.ECONNRESET
	}
	c.out.finish(end)
	c.in.mu.Lock()
	c.in.gone, c.in.buf = true, nil
	c.in.wake.Broadcast()
	c.in.mu.Unlock()
	_ = c.SetDeadline(time.Time{}) // stop the timers
	return nil
}

// CloseWrite ends what the other side can read.
func (c *memoryConn) CloseWrite() error {
	c.out.finish(io.EOF)
	return nil
}

// SetLinger with 0 makes Close a reset, as on a TCP connection.
func (c *memoryConn) SetLinger(sec int) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reset = sec == 0
	return nil
}

func (c *memoryConn) LocalAddr() net.Addr  { return memoryAddr }
func (c *memoryConn) RemoteAddr() net.Addr { return memoryAddr }

func (c *memoryConn) SetDeadline(t time.Time) error {
	_ = c.SetReadDeadline(t)
	return c.SetWriteDeadline(t)
}

func (c *memoryConn) SetReadDeadline(t time.Time) error {
	c.in.set(&c.in.read, t)
	return nil
}

func (c *memoryConn) SetWriteDeadline(t time.Time) error {
	c.out.set(&c.out.write, t)
	return nil
}

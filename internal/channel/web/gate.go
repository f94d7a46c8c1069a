package web

import (
	"crypto/rand"
	"net"
	"sync"
)

// gate counts the requests that are being served, so that their end can be
// waited for.
type gate struct {
	closing chan struct{} // closed when no more are let in
	idle    chan struct{} // closed when the last one has left after that

	mu     sync.Mutex
	inside int
	closed bool
}

func newGate() *gate {
	return &gate{closing: make(chan struct{}), idle: make(chan struct{})}
}

func (g *gate) enter() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return false
	}
	g.inside++
	return true
}

func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.inside--
	if g.closed && g.inside == 0 {
		close(g.idle)
	}
}

// shut lets nobody in any more, and returns what is closed once nobody is in.
// It is called once.
func (g *gate) shut() <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = true
	close(g.closing)
	if g.inside == 0 {
		close(g.idle)
	}
	return g.idle
}

// The most pages that are kept live at once: of all, and of one address. A
// browser opens six connections to a server at most, for all its tabs; were
// all of them used up by live pages, no answer could be sent.
const (
	maxLive     = 32
	maxLivePeer = 4
)

// clients are the open pages that are kept live, oldest first.
type clients struct {
	mu   sync.Mutex
	open []*client
}

// client is one of them.
type client struct {
	peer     string
	displace chan struct{} // closed when a newer page takes its place
}

// join takes a page in, if need be in place of the oldest of the same address;
// nil: there are too many.
func (cs *clients) join(remote string) *client {
	peer, _, err := net.SplitHostPort(remote)
	if err != nil {
		peer = remote
	}
	cs.mu.Lock()
	defer cs.mu.Unlock()
	same := 0
	oldest := -1
	for i, c := range cs.open {
		if c.peer == peer {
			same++
			if oldest < 0 {
				oldest = i
			}
		}
	}
	if same >= maxLivePeer {
		close(cs.open[oldest].displace)
		cs.open = append(cs.open[:oldest], cs.open[oldest+1:]...)
	}
	if len(cs.open) >= maxLive {
		return nil
	}
	c := &client{peer: peer, displace: make(chan struct{})}
	cs.open = append(cs.open, c)
	return c
}

func (cs *clients) leave(c *client) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	for i, other := range cs.open {
		if other == c {
			cs.open = append(cs.open[:i], cs.open[i+1:]...)
			return
		}
	}
}

// saying is a verdict as the page tells it to whoever answered.
type saying struct {
	Text string
	Good bool // the answer counts
}

// said keeps the last verdicts until the browser that answered comes for its
// own, so that the page says only what we wrote, not what a link says.
type said struct {
	mu   sync.Mutex
	keys []string // oldest first
	text map[string]saying
}

const keepSaid = 64

func (s *said) put(what saying) (key string) {
	key = rand.Text()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.text == nil {
		s.text = make(map[string]saying)
	}
	s.text[key] = what
	s.keys = append(s.keys, key)
	if len(s.keys) > keepSaid {
		delete(s.text, s.keys[0])
		s.keys = s.keys[1:]
	}
	return key
}

func (s *said) get(key string) (saying, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	what, ok := s.text[key]
	return what, ok
}

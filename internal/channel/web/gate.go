package web

import "sync"

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

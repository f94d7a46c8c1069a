package web

import (
	"net"
	"slices"
	"sync"
)

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
	var same []*client
	for _, c := range cs.open {
		if c.peer == peer {
			same = append(same, c)
		}
	}
	if len(same) >= maxLivePeer {
		close(same[0].displace)
		cs.remove(same[0])
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
	cs.remove(c)
}

func (cs *clients) remove(gone *client) {
	cs.open = slices.DeleteFunc(cs.open, func(c *client) bool { return c == gone })
}

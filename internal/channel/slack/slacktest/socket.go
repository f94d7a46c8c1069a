package slacktest

import (
	"bufio"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

// Link is one Socket Mode connection as it stands, or as it was when it ended.
type Link struct {
	ID             int       // 1, 2, …
	Opened, Closed time.Time // Closed is zero while TCP is open
	Header         http.Header
	DebugReconnect bool // the client asked for a short life: a mistake in production

	Warned    bool // a disconnect message was sent
	CloseSent bool // Slack's close frame was sent
	CloseCode int  // the client's close frame; 0 for none
	Frozen    bool

	Envelopes, Acks  int
	PingsIn, PongsIn int
	// Dropped counts frames that Slack ignores in silence: fragments, acks above
	// 20 KB, text that is no ack.
	Dropped int
}

type link struct {
	Link
	s    *Server
	conn net.Conn
	done chan struct{} // closed when TCP is

	// Guarded by s.mu. wake tells the writer and a frozen reader.
	wake  *sync.Cond
	queue [][]byte
	ready bool // hello was sent, envelopes may come
	// dropped is our half of TCP closed, dead is all of it.
	dropped, dead bool
}

// serveLink is a WebSocket handshake with a ticket.
func (s *Server) serveLink(w http.ResponseWriter, r *http.Request) {
	ticket := r.URL.Query().Get("ticket")
	s.mu.Lock()
	faults := s.linkFaults
	born, known := s.tickets[ticket]
	delete(s.tickets, ticket)
	s.mu.Unlock()
	if faults.RefuseUpgrade != 0 {
		http.Error(w, http.StatusText(faults.RefuseUpgrade), faults.RefuseUpgrade)
		return
	}
	if !known || time.Since(born) > s.opt.TicketLife {
		http.Error(w, "ticket used, expired or unknown", http.StatusForbidden)
		return
	}
	conn, br, err := upgrade(w, r)
	if err != nil {
		return
	}
	s.mu.Lock()
	if s.http == nil { // went down during the handshake
		s.mu.Unlock()
		_ = conn.Close()
		return
	}
	l := &link{
		Link: Link{
			ID: len(s.links) + 1, Opened: time.Now(), Header: r.Header.Clone(),
			DebugReconnect: r.URL.Query().Get("debug_reconnects") == "true",
		},
		s: s, conn: conn, done: make(chan struct{}), wake: sync.NewCond(&s.mu),
	}
	s.links = append(s.links, l)
	n := s.connections()
	s.wg.Go(l.write)
	if faults.TooMany || n > s.opt.MaxConnections {
		l.send(opText, l.disconnectMessage(TooManyWebsockets))
		l.Warned = true
		l.sendClose(1000, "")
	} else {
		s.wg.Go(func() { l.greet(faults) })
	}
	s.bump()
	s.mu.Unlock()
	l.read(br)
}

// greet says hello and then keeps the link: pings, and its end when its life is
// over.
func (l *link) greet(faults LinkFaults) {
	s := l.s
	if !l.sleep(faults.HelloDelay) {
		return
	}
	life := s.opt.ConnectionLife
	if l.DebugReconnect {
		life = 360 * time.Second
	}
	told := life
	if told == 0 {
		told = 18060 * time.Second
	}
	s.mu.Lock()
	if !faults.NoHello {
		n := s.connections()
		if faults.NumConnections != 0 {
			n = faults.NumConnections
		}
		l.send(opText, mustJSON(map[string]any{
			"type": "hello", "num_connections": n, "connection_info": map[string]any{"app_id": s.opt.AppID},
			"debug_info": map[string]any{
				"host": l.host(), "build_number": 10, "approximate_connection_time": int(told.Seconds()),
			},
		}))
	}
	l.ready = true
	s.bump()
	s.mu.Unlock()
	if s.opt.PingInterval > 0 {
		s.wg.Go(l.ping)
	}
	if life > 0 {
		s.wg.Go(func() {
			if l.sleep(max(life-s.opt.WarningLead, 0)) && !l.told() {
				l.retire(Warning)
			}
		})
	}
}

func (l *link) host() string { return fmt.Sprintf("applink-%d", l.ID) }

func (l *link) ping() {
	for {
		l.s.mu.Lock()
		if !l.s.linkFaults.NoPing {
			l.send(opPing, []byte("Ping from "+l.host()))
		}
		l.s.mu.Unlock()
		if !l.sleep(l.s.opt.PingInterval) {
			return
		}
	}
}

// retire ends the link the way Slack does for the reason.
func (l *link) retire(reason string) {
	s := l.s
	say := func(reason string) {
		s.mu.Lock()
		l.Warned = true
		l.send(opText, l.disconnectMessage(reason))
		s.bump()
		s.mu.Unlock()
	}
	say(reason)
	if reason == Warning {
		if !l.sleep(s.opt.WarningLead) {
			return
		}
		reason = RefreshRequested
		say(reason)
	}
	if reason == RefreshRequested && !l.sleep(s.opt.CloseLead) {
		return
	}
	s.mu.Lock()
	l.sendClose(1000, "")
	s.bump()
	s.mu.Unlock()
}

// told reports whether the link has been told to go.
func (l *link) told() bool {
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	return l.Warned
}

func (l *link) disconnectMessage(reason string) []byte {
	m := map[string]any{"type": "disconnect", "reason": reason, "debug_info": map[string]any{"host": l.host()}}
	if reason == TooManyWebsockets {
		m["num_connections"] = l.s.connections()
		m["connection_info"] = map[string]any{"app_id": l.s.opt.AppID}
	}
	return mustJSON(m)
}

// send queues one frame; after a close frame nothing follows. Called with s.mu
// held.
func (l *link) send(op byte, payload []byte) {
	if l.CloseSent || l.dropped {
		return
	}
	l.queue = append(l.queue, appendFrame(nil, op, payload))
	l.wake.Broadcast()
}

// sendClose queues the close frame, once. Called with s.mu held. TCP stays open.
func (l *link) sendClose(code int, reason string) {
	l.send(opClose, closePayload(code, reason))
	l.CloseSent = true
}

func (l *link) write() {
	for {
		l.s.mu.Lock()
		for !l.dead && (l.Frozen || len(l.queue) == 0) {
			l.wake.Wait()
		}
		if l.dead {
			l.s.mu.Unlock()
			return
		}
		next := l.queue[0]
		l.queue = l.queue[1:]
		l.s.mu.Unlock()
		if _, err := l.conn.Write(next); err != nil {
			l.end(false)
			return
		}
	}
}

// read takes the client's frames until TCP ends: also after both close frames,
// because Slack leaves closing TCP to the client.
func (l *link) read(br *bufio.Reader) {
	defer l.end(false)
	for {
		f, err := readFrame(br)
		if errors.Is(err, errFrame) {
			l.s.mu.Lock()
			l.sendClose(1002, "")
			l.s.mu.Unlock()
			_, _ = io.Copy(io.Discard, br)
			return
		}
		if err != nil {
			return
		}
		l.s.mu.Lock()
		for l.Frozen && !l.dead {
			l.wake.Wait()
		}
		if l.dead {
			l.s.mu.Unlock()
			return
		}
		l.take(f)
		l.s.bump()
		l.s.mu.Unlock()
	}
}

// take handles one frame. Called with s.mu held.
func (l *link) take(f frame) {
	switch f.op {
	case opPing:
		l.PingsIn++
		if !l.s.linkFaults.NoPong {
			l.send(opPong, f.payload)
		}
	case opPong:
		l.PongsIn++
	case opClose:
		l.CloseCode = closeCode(f.payload)
		if !l.s.linkFaults.IgnoreClose {
			l.sendClose(1000, "")
		}
	case opText:
		if l.CloseCode != 0 || !f.fin || len(f.payload) > maxAck || !l.s.ack(l, f.payload) {
			l.Dropped++
			return
		}
		l.Acks++
	default:
		l.Dropped++
	}
}

// end closes TCP, by a reset if asked.
func (l *link) end(reset bool) {
	l.s.mu.Lock()
	first := !l.dead
	if first {
		l.dead = true
		l.Closed = time.Now()
		close(l.done)
		l.wake.Broadcast()
		l.s.bump()
	}
	l.s.mu.Unlock()
	if !first {
		return
	}
	conn := l.conn
	if t, ok := conn.(*tls.Conn); ok && reset {
		conn = t.NetConn() // closing the outer one says goodbye first
	}
	if c, ok := conn.(interface{ SetLinger(int) error }); ok && reset {
		_ = c.SetLinger(0) // Close is then a reset
	}
	_ = conn.Close()
}

// sleep waits for d; false if the link ended first.
func (l *link) sleep(d time.Duration) bool {
	if d <= 0 {
		return true
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-l.done:
		return false
	}
}

// connections counts open sockets. Called with mu held.
func (s *Server) connections() int {
	n := 0
	for _, l := range s.links {
		if !l.dead {
			n++
		}
	}
	return n
}

// Connections is how many sockets are open: also those that were told to go and
// whose client has not closed TCP, which count toward the ten.
func (s *Server) Connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.connections()
}

// Links tells of every connection there ever was, oldest first.
func (s *Server) Links() []Link {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]Link, len(s.links))
	for i, l := range s.links {
		all[i] = l.Link
	}
	return all
}

func mustJSON(v any) json.RawMessage {
	b, err := marshal(v)
	if err != nil {
		panic(err) // only values made here or decoded from JSON come by
	}
	return b
}

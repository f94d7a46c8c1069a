package slacktest

import (
	"io"
	"net/http"
	"time"
)

// Fault is what goes wrong with a method. Its fields combine in the order given
// here: first the delay, then the first of Cut, Status and Error, else the call
// is performed, its answer is held back or lost.
type Fault struct {
	Delay      time.Duration  // before anything else; a client that hung up meanwhile is served all the same
	Cut        bool           // the connection ends, nothing was performed
	Status     int            // an HTTP status instead of an answer, nothing was performed
	RetryAfter int            // seconds, with Status
	Body       string         // with Status
	Error      string         // ok:false, nothing was performed
	Extra      map[string]any // further fields of the answer
	SlowAnswer time.Duration  // performed, then the answer waits
	Lost       bool           // performed, then the connection ends without an answer

	// Times is how many calls fail; 0 for all until Heal.
	Times int
	// If limits the fault to some calls. It must not call the Server.
	If func(Call) bool
}

// Fail makes calls of the method fail from now on, in place of any earlier
// fault; "*" stands for every method that has none of its own. MethodResponseURL
// and MethodUpload are methods too (the latter has no Error).
func (s *Server) Fail(method string, f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults[method] = &f
}

// Heal ends the faults of the methods, of all if none is named.
func (s *Server) Heal(methods ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(methods) == 0 {
		clear(s.faults)
	}
	for _, m := range methods {
		delete(s.faults, m)
	}
}

func (s *Server) fault(req *request) Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, name := range []string{req.Method, "*"} {
		f := s.faults[name]
		if f == nil || f.If != nil && !f.If(req.Call) {
			continue
		}
		if f.Times > 0 {
			if f.Times--; f.Times == 0 {
				delete(s.faults, name)
			}
		}
		return *f
	}
	return Fault{}
}

// SetScopes changes the bot token's scopes.
func (s *Server) SetScopes(scopes ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.scopes = scopes
}

// LinkFaults are what goes wrong with connections. The zero value is none.
type LinkFaults struct {
	NoHello       bool
	HelloDelay    time.Duration
	NoPing        bool // Slack sends no pings
	NoPong        bool // Slack answers no pings
	IgnoreClose   bool // Slack does not answer a close frame
	RefuseUpgrade int  // HTTP status instead of the handshake
	TooMany       bool // too_many_websockets right after the handshake
	// NumConnections in hello, if not 0, instead of the truth.
	NumConnections int
	// Copies is how often each envelope is sent; 0 is once. CopiesElsewhere sends
	// the further ones on the connections that are next.
	Copies          int
	CopiesElsewhere bool
}

// SetLink replaces the faults of all connections, present and future.
func (s *Server) SetLink(f LinkFaults) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.linkFaults = f
}

// The reasons of a disconnect message.
const (
	Warning           = "warning"
	RefreshRequested  = "refresh_requested"
	LinkDisabled      = "link_disabled"
	TooManyWebsockets = "too_many_websockets"
)

// Disconnect sends a disconnect message on the connections (all that have had
// none, if none is named) and ends them as Slack does: warning is followed by
// refresh_requested after Options.WarningLead, that by the close frame after
// Options.CloseLead, every other reason by the close frame at once. TCP stays
// open until the client closes it. Disconnect does not wait.
func (s *Server) Disconnect(reason string, conns ...int) {
	links := s.pick(conns)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	for _, l := range links {
		if l.Warned && len(conns) == 0 {
			continue
		}
		l.Warned = true
		s.wg.Go(func() { l.retire(reason) })
	}
}

// Freeze makes connections (all if none is named) do nothing: no reading, no
// writing, no pongs, and TCP stays open, as when the network between has gone.
func (s *Server) Freeze(conns ...int) { s.setFrozen(true, conns) }

// Thaw ends Freeze; what was held back flows.
func (s *Server) Thaw(conns ...int) { s.setFrozen(false, conns) }

func (s *Server) setFrozen(frozen bool, conns []int) {
	for _, l := range s.pick(conns) {
		s.mu.Lock()
		l.Frozen = frozen
		l.wake.Broadcast()
		s.bump()
		s.mu.Unlock()
	}
}

// Reset ends connections (all if none is named) with a TCP reset.
func (s *Server) Reset(conns ...int) {
	for _, l := range s.pick(conns) {
		l.end(true)
	}
}

// Drop ends the server's half of TCP of connections (all if none is named)
// without a close frame.
func (s *Server) Drop(conns ...int) {
	for _, l := range s.pick(conns) {
		s.mu.Lock()
		l.dropped = true
		l.queue = nil
		s.bump()
		s.mu.Unlock()
		// Closing all of it could become a reset, if the client has just written.
		if c, ok := l.conn.(interface{ CloseWrite() error }); ok {
			_ = c.CloseWrite()
		}
	}
}

// CloseFrame sends a close frame without any disconnect message.
func (s *Server) CloseFrame(code int, reason string, conns ...int) {
	for _, l := range s.pick(conns) {
		s.mu.Lock()
		l.sendClose(code, reason)
		s.bump()
		s.mu.Unlock()
	}
}

func (s *Server) pick(conns []int) []*link {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []*link
	for _, l := range s.links {
		if l.dead {
			continue
		}
		wanted := len(conns) == 0
		for _, id := range conns {
			wanted = wanted || id == l.ID
		}
		if wanted {
			out = append(out, l)
		}
	}
	return out
}

// Portal is a network that answers everything itself, as a hotel's does before
// one has logged in.
type Portal struct {
	Status   int    // 200 if 0
	Body     string // some HTML if empty
	Location string // with a 3xx status
	Hang     bool   // takes the request and never answers
}

// SetPortal puts the portal between the client and Slack; nil removes it.
// Connections that are open are not touched; Freeze or Drop them as well.
func (s *Server) SetPortal(p *Portal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.portal = p
}

func (s *Server) servePortal(w http.ResponseWriter, r *http.Request, p *Portal) {
	if p.Hang {
		_, _ = io.Copy(io.Discard, r.Body) // only then net/http notices that the client left
		select {
		case <-r.Context().Done():
		case <-s.done:
		}
		panic(http.ErrAbortHandler)
	}
	if p.Location != "" {
		w.Header().Set("Location", p.Location)
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(max(p.Status, http.StatusOK))
	body := p.Body
	if body == "" {
		body = "<!doctype html><title>Welcome</title><form method=post>Room number <input name=room></form>"
	}
	_, _ = io.WriteString(w, body)
}

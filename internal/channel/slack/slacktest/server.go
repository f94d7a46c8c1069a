package slacktest

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Options says which workspace the Server plays and how strictly. The zero
// value is a workspace T0TEST with one person U0ALICE, a bot U0BOT and one
// channel C0TEAM.
type Options struct {
	Addr string // "127.0.0.1:0"
	// Listen replaces TCP on Addr, see [Memory]. It is called again by Up.
	Listen func() (net.Listener, error)
	// Host is the name that the Server's URLs have in place of 127.0.0.1: for
	// clients that reach it through a proxy.
	Host string
	// TLS makes it https and wss.
	TLS *tls.Config

	BotToken, AppToken string
	Team, TeamDomain   string
	AppID              string
	BotUser, BotID     string
	Users              []string // people of the team; each has a DM, see DM
	Channels           []string // channels the bot is a member of
	Outside            []string // channels that exist without the bot
	// Scopes of the bot token; nil for the default manifest's. AppScopes of the
	// app-level token; nil for connections:write.
	Scopes, AppScopes []string
	// NoMessagesTab is a manifest without the Messages tab: DMs are refused.
	NoMessagesTab bool

	Route          Routing
	MaxConnections int           // 10
	PingInterval   time.Duration // 10 s; negative for none
	AckLimit       time.Duration // 3 s
	TicketLife     time.Duration // 30 s
	// ConnectionLife is how long a connection lasts before Slack refreshes it;
	// 0 for ever.
	ConnectionLife time.Duration
	// WarningLead is the time from warning to refresh_requested, 10 s; negative
	// for none.
	WarningLead time.Duration
	// CloseLead is the time from refresh_requested to Slack's close frame, 1 s;
	// negative for none. Taps still go to the connection meanwhile.
	CloseLead time.Duration

	TriggerLife     time.Duration // 3 s
	ResponseURLLife time.Duration // 30 min
	// EventRetries are the waits before an unacked event is sent again: at once,
	// 1 min, 5 min.
	EventRetries []time.Duration

	// RateLimit enforces one message a second and channel and the tiers of the
	// other methods.
	RateLimit bool
	// MessageBudget is how many characters all blocks of a message may have
	// together before msg_blocks_too_long. Undocumented; the default 11,340 is
	// just below the smallest total reported as refused.
	MessageBudget int
	// Harsh makes messages come back with what is reported of Slack but not
	// documented: & < > escaped in text objects, Unicode emoji as :names:,
	// spaces trimmed at the ends of text objects; and what is typed into a modal
	// without the blanks at its ends, its lines ended by LF.
	Harsh bool
}

func (o Options) withDefaults() Options {
	text := func(p *string, v string) {
		if *p == "" {
			*p = v
		}
	}
	span := func(p *time.Duration, v time.Duration) {
		if *p == 0 {
			*p = v
		}
	}
	list := func(p *[]string, v ...string) {
		if *p == nil {
			*p = v
		}
	}
	text(&o.Addr, "127.0.0.1:0")
	text(&o.BotToken, "xoxb-test-0000000000-loopback")
	text(&o.AppToken, "xapp-1-test-0000000000-loopback")
	text(&o.Team, "T0TEST")
	text(&o.TeamDomain, "test")
	text(&o.AppID, "A0TEST")
	text(&o.BotUser, "U0BOT")
	text(&o.BotID, "B0BOT")
	list(&o.Users, "U0ALICE")
	list(&o.Channels, "C0TEAM")
	list(&o.Scopes, "chat:write", "im:history", "im:write", "users:read", "users:read.email", "files:write")
	list(&o.AppScopes, "connections:write")
	list(&o.Outside, "C0OTHER")
	if o.MaxConnections == 0 {
		o.MaxConnections = 10
	}
	if o.MessageBudget == 0 {
		o.MessageBudget = 11340
	}
	if o.EventRetries == nil {
		o.EventRetries = []time.Duration{0, time.Minute, 5 * time.Minute}
	}
	span(&o.PingInterval, 10*time.Second)
	span(&o.AckLimit, 3*time.Second)
	span(&o.TicketLife, 30*time.Second)
	span(&o.WarningLead, 10*time.Second)
	span(&o.CloseLead, time.Second)
	span(&o.TriggerLife, 3*time.Second)
	span(&o.ResponseURLLife, 30*time.Minute)
	return o
}

// Server is a running loopback Slack. All methods are safe for concurrent use.
type Server struct {
	opt  Options
	addr string // where it listens, the same after Down and Up
	host string // host:port of its URLs
	done chan struct{}
	wg   sync.WaitGroup // everything that serves, links and their timers included

	mu         sync.Mutex // guards what follows
	closed     bool
	http       *http.Server // nil while down
	changed    chan struct{}
	rev        int
	scopes     []string
	store      store
	calls      []*record
	tickets    map[string]time.Time
	links      []*link
	lastLink   int // for round robin: id of the link used last
	sent       map[string]*Envelope
	order      []*Envelope
	triggers   map[string]*trigger
	hooks      map[string]*hook
	views      []*view
	uploads    map[string]*upload
	faults     map[string]*Fault
	linkFaults LinkFaults
	portal     *Portal
	rates      map[string]time.Time
	serial     int
}

// Start listens and serves until Close.
func Start(opt Options) (*Server, error) {
	s := &Server{
		opt: opt.withDefaults(), done: make(chan struct{}), changed: make(chan struct{}),
		tickets: map[string]time.Time{}, sent: map[string]*Envelope{},
		triggers: map[string]*trigger{}, hooks: map[string]*hook{}, uploads: map[string]*upload{},
		faults: map[string]*Fault{}, rates: map[string]time.Time{},
	}
	s.scopes = s.opt.Scopes
	s.store.init(s.opt)
	if err := s.Up(); err != nil {
		return nil, err
	}
	return s, nil
}

// Up listens again, on the same address, after Down.
func (s *Server) Up() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return errors.New("cannot listen: the server is closed")
	}
	if s.http != nil {
		return nil
	}
	listen := s.opt.Listen
	if listen == nil {
		addr := s.addr
		if addr == "" {
			addr = s.opt.Addr
		}
		listen = func() (net.Listener, error) { return net.Listen("tcp", addr) }
	}
	l, err := listen()
	if err != nil {
		return fmt.Errorf("cannot listen: %w", err)
	}
	if s.addr == "" { // the first time: nobody reads it yet
		s.addr = l.Addr().String()
		s.host = s.addr
		if _, port, err := net.SplitHostPort(s.addr); err == nil && s.opt.Host != "" {
			s.host = net.JoinHostPort(s.opt.Host, port)
		}
	}
	if s.opt.TLS != nil {
		l = tls.NewListener(l, s.opt.TLS)
	}
	srv := &http.Server{Handler: http.HandlerFunc(s.serve), ReadHeaderTimeout: 10 * time.Second}
	s.http = srv
	s.wg.Go(func() { _ = srv.Serve(l) })
	return nil
}

// Down takes the server off the network: the port refuses, and every
// connection is reset.
func (s *Server) Down() {
	s.mu.Lock()
	srv := s.http
	s.http = nil
	s.mu.Unlock()
	if srv != nil {
		_ = srv.Close()
	}
	s.Reset()
}

// Close ends everything and waits for it.
func (s *Server) Close() {
	s.mu.Lock()
	first := !s.closed
	s.closed = true
	s.mu.Unlock()
	if first {
		close(s.done)
	}
	s.Down()
	s.wg.Wait()
}

// URL is the base of the Web API, with its trailing slash: what a client takes
// instead of https://slack.com/api/.
func (s *Server) URL() string { return s.base("http") + "/api/" }

// base is the start of the Server's URLs, for "http" or "ws".
func (s *Server) base(scheme string) string {
	if s.opt.TLS != nil {
		scheme += "s"
	}
	return scheme + "://" + s.host
}

// Options are the Server's options with the defaults filled in.
func (s *Server) Options() Options { return s.opt }

// DM is the direct-message channel of a person.
func DM(user string) string { return "D" + strings.TrimLeft(user, "UW") }

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		panic(http.ErrAbortHandler)
	}
	s.wg.Add(1)
	portal := s.portal
	s.mu.Unlock()
	defer s.wg.Done()
	if portal != nil {
		s.servePortal(w, r, portal)
		return
	}
	switch path := r.URL.Path; {
	case strings.HasPrefix(path, "/api/"):
		s.serveAPI(w, r, strings.TrimPrefix(path, "/api/"))
	case strings.HasPrefix(path, "/link"):
		s.serveLink(w, r)
	case strings.HasPrefix(path, "/actions/"):
		s.serveHook(w, r)
	case strings.HasPrefix(path, "/upload/"):
		s.serveUpload(w, r)
	default:
		http.NotFound(w, r)
	}
}

// sleep waits for d; false if the server closed first.
func (s *Server) sleep(d time.Duration) bool {
	if d <= 0 {
		return true
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-s.done:
		return false
	}
}

// bump tells everybody who waits that something changed, and returns the new
// revision. Called with mu held.
func (s *Server) bump() int {
	s.rev++
	close(s.changed)
	s.changed = make(chan struct{})
	return s.rev
}

// await calls look, without the lock, after every change until it is content.
// look is given the revision up to which it has already seen everything.
func await[T any](ctx context.Context, s *Server, look func(seen int) (T, bool)) (T, error) {
	seen := -1
	for {
		s.mu.Lock()
		changed, rev := s.changed, s.rev
		s.mu.Unlock()
		if v, ok := look(seen); ok {
			return v, nil
		}
		seen = rev
		var zero T
		select {
		case <-changed:
		case <-ctx.Done():
			return zero, context.Cause(ctx)
		case <-s.done:
			return zero, errors.New("the server closed")
		}
	}
}

func hexes(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return hex.EncodeToString(b)
}

func uuid() string {
	h := hexes(16)
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// Package web is the page: a channel that needs no account and no network but
// its own listener. Whoever holds the link, which has a secret in it, sees the
// open requests and answers them, with or without scripts.
//
// Programs may use it too. Under the link, without scripts and with nothing
// but HTTP:
//
//	GET  cards.json  the cards on the page, open ones first, newest first: [permit.Card, …];
//	                 input is null where the page masks a secret in it
//	POST answer      a form: request, generation, digest (those of the card),
//	                 verb ("allow" or "deny"), message (with deny only); or, in
//	                 place of verb, way ("answer:0": its name and pick) and what is
//	                 filled in, under "f." and each field's name
//	GET  events      server-sent events, for the page's script
//
// A card on the page is an article with data-request, data-stage,
// data-generation and data-digest; its buttons are button[name=verb] with the
// values "allow" and "deny". That holds for browser tests, and stays.
//
// An answer gives 303 to the page, which then tells the verdict, or with
// "Accept: application/json" {"code","text"} of the permit.Verdict, under a
// 2xx status only if the answer was accepted.
package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"claude-permission-daemon/internal/channel"
	"claude-permission-daemon/internal/permit"
	"claude-permission-daemon/internal/preview"
	"claude-permission-daemon/internal/secret"
)

// Person is who answers on the page. Nobody is told apart there: who may
// answer is who has the link.
var Person = permit.Person{ID: "link", Name: "whoever holds the page's link"}

// Options is what the daemon gives to the page.
type Options struct {
	Log *slog.Logger     // nil: nothing is logged
	Now func() time.Time // nil: the wall clock
	// State is the folder in which the link's secret and the last port are
	// kept. It is made if need be.
	State string
	// Machine is the one whose requests these are; the page's title.
	Machine permit.Machine
	// Presence says whether the person is at the keyboard. It must not block.
	// nil: the page does not tell. After a change call Channel.Refresh.
	Presence func() permit.Presence
	// Preview describes a request; nil is preview.Of. Where Config.Local, nothing
	// that the page shows leaves the machine, and secrets need no mask.
	Preview func(permit.Request) preview.Preview
	// Withhold keeps what notes say back, as Preview does what requests hold.
	Withhold bool
}

// Channel is the page. It satisfies channel.Channel.
type Channel struct {
	cfg   Config
	opt   Options
	log   *slog.Logger
	token secret.Text
	board *board
	wake  chan struct{} // holds one token while there is something to report
	said  said
	live  clients
	boot  string        // names this run of the page in event ids
	still time.Duration // how often an open page hears that it is live
	limit time.Duration // how long a request, or its response, may take

	mu     sync.Mutex // guards the fields that follow
	status channel.Status
	ln     net.Listener
	guard  guard
	desk   channel.Desk
}

// New makes the page of an enabled configuration. It reads the secret of the
// link from the state folder, or makes one. Nothing is listening yet.
func New(cfg Config, opt Options) (*Channel, error) {
	if !cfg.Enabled() {
		return nil, errors.New("cannot make the page: [web] listen turns it off")
	}
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	if opt.Now == nil {
		opt.Now = time.Now
	}
	if opt.Preview == nil {
		opt.Preview = preview.Of
	}
	token, err := loadToken(opt.State)
	switch {
	case err != nil && token.Empty():
		return nil, err
	case err != nil:
		opt.Log.Warn("the page's link is another one after a restart", "error", err)
	}
	c := &Channel{
		cfg:   cfg,
		opt:   opt,
		log:   opt.Log,
		token: token,
		board: newBoard(opt.Now, opt.Preview),
		wake:  make(chan struct{}, 1),
		boot:  strconv.FormatInt(opt.Now().UnixNano(), 36),
		still: stillEvery,
		limit: 30 * time.Second,
	}
	c.setStatus(channel.Connecting, "not listening yet")
	return c, nil
}

// Name implements channel.Channel.
func (c *Channel) Name() string { return "web" }

// Status implements channel.Channel. Its URL is the page's link.
func (c *Channel) Status() channel.Status {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.status
}

// Allows implements channel.Channel: the link is what lets a person in.
func (c *Channel) Allows(person permit.Person) bool { return person.ID == Person.ID }

func (c *Channel) currentGuard() guard {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.guard
}

func (c *Channel) currentDesk() channel.Desk {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.desk
}

func (c *Channel) setStatus(state channel.State, detail string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.status.Name, c.status.State, c.status.Since, c.status.Detail = c.Name(), state, c.opt.Now(), detail
}

// Show implements channel.Channel.
func (c *Channel) Show(card permit.Card) {
	c.board.show(card)
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// Refresh redraws what open pages say of presence. It does not wait.
func (c *Channel) Refresh() { c.board.touch() }

// Listen opens the port, so that a port that is taken is known before anything
// else starts. Run does it where it was not done; once is enough. Run closes
// the port.
func (c *Channel) Listen() error {
	c.mu.Lock()
	open := c.ln != nil
	c.mu.Unlock()
	if open {
		return nil
	}
	ln, err := c.listen()
	if err != nil {
		err = fmt.Errorf("cannot serve the page: %w", err)
		c.setStatus(channel.Down, err.Error())
		return err
	}
	c.mu.Lock()
	c.ln = ln
	c.guard = newGuard(c.token, c.cfg.Listen, ln.Addr(), c.cfg.Hosts)
	c.status.URL = "http://" + c.address(ln.Addr()) + "/" + c.token.Reveal() + "/"
	c.mu.Unlock()
	c.setStatus(channel.Ready, "listening on "+ln.Addr().String())
	return nil
}

func (c *Channel) listen() (net.Listener, error) {
	host, port, err := net.SplitHostPort(c.cfg.Listen)
	if err != nil {
		return nil, err
	}
	if port != "0" {
		return net.Listen("tcp", c.cfg.Listen)
	}
	if last := lastPort(c.opt.State); last != 0 {
		if ln, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(last))); err == nil {
			return ln, nil
		}
	}
	ln, err := net.Listen("tcp", c.cfg.Listen)
	if err != nil {
		return nil, err
	}
	if err := keepPort(c.opt.State, ln.Addr().(*net.TCPAddr).Port); err != nil {
		c.log.Warn("cannot keep the page's port: its link will change", "err", err)
	}
	return ln, nil
}

// address is host:port for the link: as it was asked for, and on all interfaces a
// name by which another device may know this machine.
func (c *Channel) address(addr net.Addr) string {
	ap, err := netip.ParseAddrPort(addr.String())
	if err != nil {
		return addr.String()
	}
	port := strconv.Itoa(int(ap.Port()))
	host, _, _ := net.SplitHostPort(c.cfg.Listen)
	if host != "" && !ap.Addr().IsUnspecified() {
		return net.JoinHostPort(host, port)
	}
	if len(c.cfg.Hosts) > 0 {
		name, _ := hostName(c.cfg.Hosts[0])
		return net.JoinHostPort(name, port)
	}
	own, err := net.InterfaceAddrs()
	if err != nil {
		own = nil
	}
	for _, a := range own {
		if p, err := netip.ParsePrefix(a.String()); err == nil && p.Addr().IsGlobalUnicast() {
			return net.JoinHostPort(p.Addr().String(), port)
		}
	}
	return net.JoinHostPort("localhost", port)
}

// Run implements channel.Channel.
func (c *Channel) Run(ctx context.Context, desk channel.Desk) error {
	if err := c.Listen(); err != nil {
		view, _ := c.board.view()
		for _, e := range view.waiting {
			desk.Failed(e.card.Request.ID, err)
		}
		return err
	}
	c.mu.Lock()
	c.desk = desk
	ln := c.ln
	c.mu.Unlock()

	pages := newPages(c)
	server := &http.Server{
		Handler:           pages,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       c.limit,
		WriteTimeout:      c.limit,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(c.log.Handler(), slog.LevelDebug),
	}
	var lost error // why Serve ended, once served is closed
	served := make(chan struct{})
	go func() {
		defer close(served)
		lost = server.Serve(ln)
	}()

	for {
		select {
		case <-c.wake:
			c.report(desk)
		case <-served:
			c.stop(server, ln, pages, served)
			err := fmt.Errorf("cannot serve the page any more: %w", lost)
			c.setStatus(channel.Down, err.Error())
			return err
		case <-ctx.Done():
			c.report(desk)
			c.stop(server, ln, pages, served)
			c.setStatus(channel.Down, "stopped")
			return nil
		}
	}
}

// report brings to the desk what has been shown and what has been settled. A
// card counts as shown when it is on the page: nobody can tell who looks.
func (c *Channel) report(desk channel.Desk) {
	for _, r := range c.board.takeReports() {
		if r.ref != "" {
			desk.Posted(r.request, r.ref)
		} else {
			desk.Settled(r.request)
		}
	}
}

// stop ends everything that Run started, within channel.Grace: open pages get
// the last drawing, answers on their way get their verdict.
func (c *Channel) stop(server *http.Server, ln net.Listener, pages *pages, served <-chan struct{}) {
	_ = ln.Close() // no new ones; Serve has its own error if it was closed before
	idle := pages.gate.shut()
	deadline := time.NewTimer(channel.Grace / 2)
	defer deadline.Stop()
	select {
	case <-idle:
		// What the handlers wrote may still be on its way out.
		ctx, cancel := context.WithTimeout(context.Background(), channel.Grace/8)
		defer cancel()
		_ = server.Shutdown(ctx) // an idle connection may outlast it; Close does not mind
	case <-deadline.C:
	}
	_ = server.Close() // ends the contexts of what is left
	<-idle
	<-served
}

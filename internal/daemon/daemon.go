// Package daemon wires the rooms together and runs them: the socket, the
// broker, the journal, presence and the channels. It decides nothing itself.
//
// wire.go lists the channels and presence sources there are; loop.go is where
// every event meets the broker; server.go is the socket.
package daemon

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"claude-permission-daemon/internal/broker"
	"claude-permission-daemon/internal/channel"
	"claude-permission-daemon/internal/channel/web"
	"claude-permission-daemon/internal/config"
	"claude-permission-daemon/internal/desktop"
	"claude-permission-daemon/internal/journal"
	"claude-permission-daemon/internal/mask"
	"claude-permission-daemon/internal/network"
	"claude-permission-daemon/internal/permit"
	"claude-permission-daemon/internal/presence"
	"claude-permission-daemon/internal/preview"
	"claude-permission-daemon/internal/socket"
	"claude-permission-daemon/internal/terminal"
)

// settleFor is how long the daemon's end waits for the hooks to be told.
// Channels then have channel.Grace to draw it; together, under 3 s.
const settleFor = 800 * time.Millisecond

// presenceFor is how long the first connection waits for presence to be known.
const presenceFor = 500 * time.Millisecond

// Options is what a daemon needs to know. All exported fields are required.
type Options struct {
	Config   config.Config
	Warnings []string // of config.Load, for `status`
	Socket   string
	StateDir string
	Version  string
	Log      *slog.Logger
	Getenv   func(string) string

	more []channel.Channel // tests' own
}

// Daemon is one machine's daemon. Make it with New, run it with Run.
type Daemon struct {
	options  Options
	log      *slog.Logger
	socket   string
	machine  permit.Machine
	owner    permit.Person
	started  time.Time
	warnings []string
	newID    func() string
	patience time.Duration // firstLineFor, but for tests

	listener *socket.Listener
	restored []broker.Effect
	loop     *loop
	recorder *recorder
	hooks    *hooks
	signs    *terminal.Watcher
	presence *presence.Watch
	present  sync.Once
	// presenceKnown is closed when presence has first been heard of: whoever
	// asks before would be handed back for want of it.
	presenceKnown chan struct{}

	channels []channel.Channel
	page     *web.Channel      // nil: there is none
	desktop  *desktop.Notifier // nil: it is told nothing
	masker   *mask.Masker
	preview  func(permit.Request) preview.Preview
	policy   policy
	manager  manager

	incidents incidents      // for `status`, of what happened since the start
	running   sync.WaitGroup // the server and its connections
	conns     connections
}

// New takes the socket, or the one that a service manager opened, and opens everything that the daemon needs, so that a
// second daemon fails before it has touched a port or a file of the first. The
// error wraps *socket.HeldError where another daemon serves the socket.
func New(o Options) (d *Daemon, err error) {
	d = &Daemon{
		options: o, log: o.Log, socket: o.Socket, owner: owner(), started: time.Now(),
		warnings: o.Warnings, newID: ownID(rand.Reader), patience: firstLineFor, presenceKnown: make(chan struct{}),
		masker: newMasker(o.Config), manager: manager{o.Getenv}, conns: connections{open: make(map[net.Conn]struct{})},
	}
	var opened []io.Closer
	defer func() {
		if err != nil {
			for _, c := range opened {
				_ = c.Close() // err is what went wrong
			}
		}
	}()
	if d.listener, err = socket.Take(o.Socket, o.Getenv); err != nil {
		return nil, err
	}
	opened = append(opened, d.listener)
	d.loop = &loop{log: o.Log, feeds: make(map[string]*feed), changed: newBroadcast(),
		events: newQueue[broker.Event](), calls: make(chan func(*broker.Broker)), ended: make(chan struct{}),
		judged: make(map[uint64]chan<- permit.Verdict), down: make(map[string]string)}
	if o.Config.Notify.Desktop {
		d.desktop = desktop.New(o.Log)
		d.loop.outcomes = &outcomes{tell: d.desktop.Tell}
	}
	d.hooks = newHooks(d.loop.post)
	d.recorder = &recorder{log: o.Log, masker: d.masker, done: d.loop.post, queue: newQueue[broker.Record](),
		open: func() (journal.Opened, error) { return journal.Open(o.StateDir) }, found: d.loop.restore}
	records, err := d.recorder.start()
	if err != nil {
		return nil, err
	}
	opened = append(opened, d.recorder)
	d.machine = d.thisMachine()
	d.loop.hooks, d.loop.recorder = d.hooks, d.recorder
	if d.signs, err = terminal.New(func(s permit.Signal) { d.loop.post(broker.Seen{Signal: s}) }); err != nil {
		return nil, err
	}
	d.loop.signs = d.signs
	if d.presence, err = d.newPresence(); err != nil {
		return nil, err
	}
	d.loop.guard = d.presence.Guard
	if err = d.newChannels(); err != nil {
		return nil, err
	}
	d.newBroker(records)
	return d, nil
}

// newBroker makes the broker and lets it pick up what the journal knows.
func (d *Daemon) newBroker(records []permit.Record) {
	c := d.options.Config
	names := make([]string, len(d.channels))
	judges := make(map[string]func(permit.Person) bool)
	for i, ch := range d.channels {
		names[i] = ch.Name()
		d.loop.feeds[ch.Name()] = newFeed(ch)
		judges[ch.Name()] = ch.Allows
	}
	judges[terminalChannel] = func(p permit.Person) bool { return p.ID == d.owner.ID }
	d.loop.broker = broker.New(broker.Config{
		Channels:         names,
		RequestTimeout:   time.Duration(c.Daemon.RequestTimeout),
		AskAfter:         time.Duration(c.Presence.AskAfter),
		AskAfterPresent:  time.Duration(c.Presence.AskAfterPresent),
		HandBackOnReturn: c.Presence.OnReturn == config.HandBack,
		MaxOpen:          c.Daemon.MaxOpen,
		Reattach:         time.Duration(c.Daemon.Reattach),
		Allowed: func(channel string, p permit.Person) bool {
			judge := judges[channel]
			return judge != nil && judge(p)
		},
		Resolve:  d.policy.resolve,
		RetryFor: time.Duration(c.Approve.RetryWait),
	})
	d.restored = d.loop.broker.Restore(now(), records)
}

// ErrHandOver is the cause of a context's end with which Run leaves the open
// requests to the daemon that follows, instead of handing them back.
var ErrHandOver = errors.New("another daemon takes over")

// Run serves until ctx ends, hands back what is open, settles the cards and
// returns within 3 seconds when all that it started has ended.
func (d *Daemon) Run(ctx context.Context) error {
	// What others depend on ends after them: server, then broker, then channels
	// with their last cards, then the journal.
	serving, stopServing := context.WithCancel(ctx)
	defer stopServing()
	base := context.WithoutCancel(ctx)
	deciding, stopDeciding := context.WithCancel(base)
	defer stopDeciding()
	feeding, stopFeeding := context.WithCancel(base)
	defer stopFeeding()
	showing, stopShowing := context.WithCancel(base)
	defer stopShowing()
	writing, stopWriting := context.WithCancel(base)
	defer stopWriting()

	d.loop.carryOut(d.restored)
	alive, stopAlive := d.manager.watchdog()
	defer stopAlive()
	d.loop.due, d.loop.alive = alive, func() { d.manager.tell("WATCHDOG=1") }

	var core, feed, show, write sync.WaitGroup
	write.Go(func() { d.recorder.run(writing) })
	for _, c := range d.channels {
		known := make(chan struct{})
		feed.Go(func() { d.loop.feeds[c.Name()].run(feeding, known) })
		show.Go(func() {
			select {
			case <-known:
			case <-showing.Done():
			}
			if err := c.Run(showing, desk{d.loop, c.Name()}); err != nil {
				d.log.Error("channel stopped", "channel", c.Name(), "error", err)
				d.loop.channelEnded(c.Name(), err)
			}
		})
	}
	core.Go(func() { d.signs.Run(deciding) })
	core.Go(func() { d.loop.run(deciding) })
	core.Go(func() { d.watchNetwork(deciding) })
	if d.desktop != nil {
		core.Go(func() { d.desktop.Run(deciding) })
	}
	core.Go(func() {
		if err := d.presence.Run(deciding); err != nil {
			d.log.Error("presence is no longer watched", "error", err)
		}
	})
	d.recorder.queue.add(broker.Record{Record: permit.Record{Kind: permit.RecordStarted, At: now(), Note: d.options.Version}})
	select {
	case <-d.presenceKnown:
	case <-time.After(presenceFor):
	}
	d.running.Go(func() { d.serve(serving) })
	d.log.Info("ready", "socket", d.socket, "version", d.options.Version)
	d.manager.tell("READY=1", "STATUS=Listening on "+d.socket)

	<-ctx.Done()
	d.log.Info("stopping", "cause", context.Cause(ctx))
	d.manager.tell("STOPPING=1")
	stopServing()
	note := ""
	if errors.Is(context.Cause(ctx), ErrHandOver) {
		// From here on it is as after a crash, for which hooks, broker and journal
		// are made: to close a hook's connection must end no request.
		note = "the open requests are the next daemon's"
		d.until(decisionsTold, "some decisions may count as not delivered")
		stopDeciding()
		core.Wait()
	} else {
		d.settle()
	}
	stopFeeding()
	fed := make(chan struct{})
	go func() { feed.Wait(); close(fed) }()
	select {
	case <-fed:
	case <-time.After(feedFor):
	}
	stopShowing()
	show.Wait()
	<-fed
	d.conns.closeAll()
	d.hooks.running.Wait()
	d.running.Wait()
	stopDeciding()
	core.Wait()
	d.recorder.queue.add(broker.Record{Sync: true, Record: permit.Record{Kind: permit.RecordStopped, At: now(), Note: note}})
	stopWriting()
	write.Wait()
	return d.close()
}

// watchNetwork lets channels reconnect at once when the network comes back.
func (d *Daemon) watchNetwork(ctx context.Context) {
	var nudged []interface{ Nudge() }
	for _, c := range d.channels {
		if n, ok := c.(interface{ Nudge() }); ok {
			nudged = append(nudged, n)
		}
	}
	if len(nudged) == 0 {
		return
	}
	if err := network.Watch(ctx, func() {
		for _, n := range nudged {
			n.Nudge()
		}
	}); err != nil {
		d.log.Warn("channels reconnect in their own time", "error", err)
	}
}

// SetIdleTimeout changes how long without input makes a person away.
func (d *Daemon) SetIdleTimeout(timeout time.Duration) { d.presence.SetIdle(timeout) }

// settle hands every open request back and waits until the hooks know.
func (d *Daemon) settle() {
	d.loop.post(broker.Stop{})
	d.until((*broker.Broker).Settled, "some requests could not be settled in time")
}

// decisionsTold reports whether every hook whose request was decided took it.
func decisionsTold(b *broker.Broker) bool {
	return !slices.ContainsFunc(b.Pending(), func(p broker.Pending) bool { return p.State == broker.StateDecided })
}

// until waits until the broker is so, for settleFor; then it warns.
func (d *Daemon) until(so func(*broker.Broker) bool, warning string) {
	late := time.NewTimer(settleFor)
	defer late.Stop()
	for {
		changed := d.loop.changed.wait()
		is := false
		d.loop.ask(func(b *broker.Broker) { is = so(b) })
		if is {
			return
		}
		select {
		case <-changed:
		case <-late.C:
			d.log.Warn(warning)
			return
		}
	}
}

func (d *Daemon) close() error {
	errJournal := d.recorder.Close()
	if err := d.listener.Close(); err != nil {
		return fmt.Errorf("cannot close the socket: %w", err)
	}
	return errJournal
}

// thisMachine is this host, with an id that it keeps: two hosts can share a
// name. Where the id cannot be kept, it holds until the next start.
func (d *Daemon) thisMachine() permit.Machine {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	path := filepath.Join(d.options.StateDir, "machine-id")
	if kept, err := os.ReadFile(path); err == nil && len(strings.TrimSpace(string(kept))) == 32 {
		return permit.Machine{ID: strings.TrimSpace(string(kept)), Host: host}
	}
	id := ownID(rand.Reader)()
	if err := os.WriteFile(path, []byte(id+"\n"), 0o600); err != nil {
		d.log.Warn("the machine's id cannot be kept", "error", err)
	}
	return permit.Machine{ID: id, Host: host}
}

// incidents are sentences for `status` about what befell the daemon; the newest few.
type incidents struct {
	mu   sync.Mutex
	said []string
}

func (n *incidents) add(sentence string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.said = append(n.said, sentence)
	n.said = n.said[max(0, len(n.said)-5):]
}

func (n *incidents) list() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.said)
}

// connections are those that are open, so that the daemon's end can close them.
type connections struct {
	mu   sync.Mutex
	open map[net.Conn]struct{}
}

func (c *connections) add(conn net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open[conn] = struct{}{}
}

func (c *connections) remove(conn net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.open, conn)
}

func (c *connections) closeAll() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for conn := range c.open {
		_ = conn.Close() // its goroutine ends by that
	}
}

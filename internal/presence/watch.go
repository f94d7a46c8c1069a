package presence

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"sync"
	"time"

	"claude-permission-daemon/internal/permit"
)

// maxPause is the pause that sources are asked to report.
const maxPause = 2 * time.Second

// Hand keeps what the person said of their presence by hand; manual.Hand is
// one. It is used from one goroutine.
type Hand interface {
	At(now time.Time) *permit.Override
	Set(state permit.PresenceState, d time.Duration, now time.Time) error
	Clear() error
}

// Options is what a Watch needs. Idle, Hand, Publish and Log are required.
type Options struct {
	Config  Config
	Idle    time.Duration // without input for so long, the person is away
	Sources Sources
	Hand    Hand
	// MemoryFile keeps the last input across restarts. Empty: forgotten.
	MemoryFile string
	// Publish is called with every change, and first with what holds at the
	// start, from the goroutine of Run. It must not wait for a caller of Override
	// or Auto: those return only after Publish has.
	Publish func(permit.Presence)
	Log     *slog.Logger
}

// Watch runs the sources and says what they amount to. Methods are safe for
// concurrent use.
type Watch struct {
	opt   Options
	judge judge // owned by Run
	slots []*slot

	events  chan event
	orders  chan order
	changed chan struct{} // idle or guard were set; holds one
	ended   chan struct{} // Run has returned

	mu      sync.Mutex // guards the fields that follow
	current permit.Presence
	idle    time.Duration
	guard   bool
}

// order is an Override (state set) or an Auto.
type order struct {
	state permit.PresenceState
	d     time.Duration
	done  chan error
}

// ErrEnded says that the Watch does not run any more.
var ErrEnded = errors.New("presence is no longer watched")

// New checks the options and prepares a Watch. Nothing runs before Run.
func New(opt Options) (*Watch, error) {
	if err := opt.Config.Validate(); err != nil {
		return nil, err
	}
	if opt.Idle <= 0 {
		return nil, fmt.Errorf("cannot watch presence with an idle timeout of %s", opt.Idle)
	}
	w := &Watch{
		opt:     opt,
		events:  make(chan event),
		orders:  make(chan order),
		changed: make(chan struct{}, 1),
		ended:   make(chan struct{}),
		current: permit.Presence{State: permit.Unsure, Detail: "not watched yet"},
		idle:    opt.Idle,
	}
	add := func(p part, sources ...Source) {
		if len(sources) == 0 {
			return
		}
		v := &view{part: p, name: sources[0].Name()}
		w.slots = append(w.slots, &slot{view: v, sources: sources, again: make(chan struct{}, 1)})
		w.judge.views = append(w.judge.views, v)
	}
	switch name := opt.Config.Source; name {
	case Manual:
	case Auto, "":
		add(desktop, opt.Sources.Desktop...)
		if opt.Sources.Terminals != nil {
			add(beside, opt.Sources.Terminals)
		}
		if opt.Sources.Seat != nil {
			add(seat, opt.Sources.Seat)
		}
	default:
		source := opt.Sources.byName(name)
		if source == nil {
			return nil, fmt.Errorf("cannot use [presence] source = %q: this build has no such source for this system", name)
		}
		add(desktop, source)
	}
	return w, nil
}

// Current is the presence as last published.
func (w *Watch) Current() permit.Presence {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.current
}

// Override sets the presence by hand: for d, or until told otherwise if d is
// zero. It returns after the change was published. An error that is neither
// ErrEnded nor ctx's means that it was refused, or holds but could not be
// saved; the text says which.
func (w *Watch) Override(ctx context.Context, state permit.PresenceState, d time.Duration) error {
	return w.order(ctx, order{state: state, d: d})
}

// Auto ends the override.
func (w *Watch) Auto(ctx context.Context) error {
	return w.order(ctx, order{})
}

func (w *Watch) order(ctx context.Context, o order) error {
	o.done = make(chan error, 1)
	select {
	case w.orders <- o:
		return <-o.done
	case <-w.ended:
		return ErrEnded
	case <-ctx.Done():
		return ctx.Err()
	}
}

// SetIdle changes the idle timeout; values that are not above zero are ignored.
func (w *Watch) SetIdle(d time.Duration) {
	if d <= 0 {
		return
	}
	w.set(func() { w.idle = d })
}

// Guard says whether a return must be more than a lone blip to count: the
// daemon sets it while cards are out. A return is then published only once
// there is more input, and not at all if nothing follows within five seconds.
func (w *Watch) Guard(on bool) {
	w.set(func() { w.guard = on })
}

func (w *Watch) set(change func()) {
	w.mu.Lock()
	change()
	w.mu.Unlock()
	select {
	case w.changed <- struct{}{}:
	default: // Run will see this change with the one before
	}
}

// Run watches until ctx ends, then waits for everything it started and returns
// nil. It must be called once.
func (w *Watch) Run(ctx context.Context) error {
	defer close(w.ended)
	w.recall()
	stop := w.start(ctx)
	defer func() { stop() }()

	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	var probeAt time.Time // zero: nothing waits to be tried again
	for first := true; ; first = false {
		now := time.Now()
		if w.takeSettings() {
			stop()
			stop = w.start(ctx)
		}
		next := w.publish(now, first)
		probeAt = w.nextProbe(probeAt, now)
		if next.IsZero() || !probeAt.IsZero() && probeAt.Before(next) {
			next = probeAt
		}
		if next.IsZero() {
			timer.Stop()
		} else {
			timer.Reset(max(next.Sub(now), time.Millisecond))
		}
		select {
		case <-ctx.Done():
			stop()
			stop = func() {}
			w.remember(true)
			return nil
		case e := <-w.events:
			w.take(e, time.Now())
		case o := <-w.orders:
			now := time.Now()
			var err error
			if o.state == "" {
				err = w.opt.Hand.Clear()
			} else {
				err = w.opt.Hand.Set(o.state, o.d, now)
			}
			w.publish(now, false)
			o.done <- err
		case <-w.changed:
		case <-timer.C:
			if now := time.Now(); !probeAt.IsZero() && !now.Before(probeAt) {
				w.probe()
				probeAt = time.Time{}
			}
		}
	}
}

// start runs the slots and returns what stops them and waits for them.
func (w *Watch) start(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var slots sync.WaitGroup
	pause := w.judge.pause
	for _, s := range w.slots {
		slots.Go(func() {
			s.run(ctx, pause, func(e event) {
				select {
				case w.events <- e:
				case <-ctx.Done():
				}
			})
		})
	}
	return func() {
		cancel()
		slots.Wait()
	}
}

// takeSettings brings the judge what was set from outside, and reports whether
// the sources must be started anew to learn of it.
func (w *Watch) takeSettings() (restart bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	pause := min(w.idle, maxPause)
	restart = w.judge.pause != 0 && w.judge.pause != pause
	w.judge.idle, w.judge.guard, w.judge.pause = w.idle, w.guard, pause
	if restart {
		now := time.Now().Round(0)
		for _, s := range w.slots {
			w.judge.end(s.view, trying, s.view.name, "", now)
			s.waiting, s.lesser = false, false
		}
	}
	return restart
}

// take brings the judge what a slot tells.
func (w *Watch) take(e event, now time.Time) {
	now = now.Round(0)
	v := e.slot.view
	e.slot.waiting = e.kind == absent
	e.slot.lesser = e.slot.lesser && e.kind == spoke
	switch e.kind {
	case began:
		e.slot.worked, e.slot.lesser = true, e.lesser
		w.judge.begin(v, e.name, now)
		w.opt.Log.Debug("presence source works", "source", e.name)
	case spoke:
		w.opt.Log.Debug("presence report", "source", e.name, "state", e.report.State.String(), "at", e.report.At)
		w.judge.hear(v, e.report, now)
	case lost:
		if v.stand == working {
			w.opt.Log.Warn("presence source lost", "reason", e.reason)
		}
		w.judge.end(v, trying, v.name, e.reason, now)
	case missing, absent:
		if v.reason != e.reason {
			w.opt.Log.Debug("no presence source", "reason", e.reason)
		}
		w.judge.end(v, out, v.name, e.reason, now)
	}
}

// nextProbe says when the slots that wait are to be tried again: a minute
// after the first of them began to wait. Slots that never worked do not wake
// the daemon while the first one, the desktop's, works at its best.
func (w *Watch) nextProbe(at, now time.Time) time.Time {
	for i, s := range w.slots {
		if s.lesser || s.waiting && (i == 0 || s.worked || w.slots[0].waiting) {
			if at.IsZero() {
				at = now.Add(reprobe)
			}
			return at
		}
	}
	return time.Time{}
}

func (w *Watch) probe() {
	for _, s := range w.slots {
		if s.waiting || s.lesser {
			s.waiting = false
			select {
			case s.again <- struct{}{}:
			default:
			}
		}
	}
}

// publish works out the presence, tells it if it changed, and returns when to
// look again.
func (w *Watch) publish(now time.Time, first bool) time.Time {
	now = now.Round(0)
	was := w.judge.said.State
	p, again := w.judge.at(now)
	said := p.State
	if o := w.opt.Hand.At(now); o != nil {
		p = permit.Presence{State: o.State, Since: o.Since, Source: Manual, Override: o, Detail: "set by hand"}
		if !o.Until.IsZero() && (again.IsZero() || o.Until.Before(again)) {
			again = o.Until
		}
	} else if w.opt.Config.Source == Manual {
		p.Source = Manual
		p.Detail = "set it with `claude-permission-daemon away` or `here`"
	}
	w.mu.Lock()
	same := !first && equal(w.current, p)
	w.current = p
	w.mu.Unlock()
	if !same {
		w.opt.Publish(p)
	}
	if was != said && !first {
		w.remember(false)
	}
	return again
}

func equal(a, b permit.Presence) bool {
	if (a.Override == nil) != (b.Override == nil) || a.Override != nil && *a.Override != *b.Override {
		return false
	}
	a.Override, b.Override = nil, nil
	return a == b
}

// recall starts from what the daemon before this one left.
func (w *Watch) recall() {
	w.takeSettings()
	if w.opt.MemoryFile == "" || len(w.slots) == 0 {
		return
	}
	var m memory
	if err := LoadState(w.opt.MemoryFile, &m); err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			w.opt.Log.Warn("presence starts without its memory", "error", err)
		}
		return
	}
	now := time.Now().Round(0)
	last, before := m.recall(now, bootID())
	w.judge.before, w.judge.beforeEnds = before, now.Add(standsIn)
	for _, v := range w.judge.views {
		v.memory = last
	}
}

// remember leaves what the next daemon starts from.
func (w *Watch) remember(clean bool) {
	if w.opt.MemoryFile == "" || len(w.slots) == 0 {
		return
	}
	now := time.Now().Round(0)
	said := w.judge.said
	m := memory{
		LastInput: w.judge.lastInput(now), Away: said.State == permit.Away,
		Source: said.Source, Written: now, Clean: clean, Boot: bootID(),
	}
	if err := SaveState(w.opt.MemoryFile, m); err != nil {
		w.opt.Log.Warn("presence will start without its memory", "error", err)
	}
}

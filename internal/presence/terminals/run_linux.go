package terminals

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"claude-permission-daemon/internal/presence"
)

const (
	// pollTime is how often access times are read where the kernel does not tell.
	pollTime = 10 * time.Second
	// stepTime is how close an access time is to the truth: the kernel moves it
	// in steps of eight seconds.
	stepTime = 8 * time.Second
	// repeatTime is how often ongoing input is reported.
	repeatTime = time.Second
	// clientTime is how often tmux is asked because of input on a terminal that
	// counts only if a client of tmux uses it.
	clientTime = 5 * time.Second
	// openTime is how long after a terminal was opened it is looked at: its file
	// is there before the one that holds it can be seen. calmTime is when it is
	// looked at again: it may have become a client of tmux.
	openTime = 100 * time.Millisecond
	calmTime = time.Second
)

// watcher is one run of the source.
type watcher struct {
	*Source
	ctx    context.Context
	pause  time.Duration
	report func(presence.Report)
	notify *inotify
	tells  bool // the kernel tells of input; else access times are read

	terminals map[string]*terminal // by path
	watches   map[int]*terminal    // by number of the watch
	scanned   time.Time
	looks     []time.Time // when to scan, because of terminals that were opened
	tmux      bool        // a server's socket is there

	state    presence.State // as last reported
	last     time.Time      // input
	reported time.Time
}

// terminal is one that this user owns.
type terminal struct {
	path   string
	real   string // without symbolic links, as tmux has it
	holder holder
	client bool // a tmux client's
	watch  int  // zero: none
}

// counts reports whether a person may sit at the terminal's other end.
func (t *terminal) counts() bool { return t.client || t.holder == person }

func (s *Source) run(ctx context.Context, pause time.Duration, report func(presence.Report)) error {
	if ctx.Err() != nil {
		return nil
	}
	pts := filepath.Join(s.dev, "pts")
	if _, err := os.Stat(pts); err != nil {
		return fmt.Errorf("%w: no terminals: %w", presence.ErrUnavailable, err)
	}
	notify, err := newInotify()
	if err != nil {
		return fmt.Errorf("%w: %w", presence.ErrUnavailable, err)
	}
	w := &watcher{
		Source: s, ctx: ctx, pause: pause, report: report, notify: notify, tells: s.tells(),
		terminals: map[string]*terminal{}, watches: map[int]*terminal{},
	}
	if _, err := notify.add(pts, unix.IN_CREATE|unix.IN_DELETE); err != nil {
		_ = notify.Close()
		return fmt.Errorf("%w: cannot watch %s: %w", presence.ErrUnavailable, pts, err)
	}
	notices, readErr := make(chan []notice), make(chan error, 1)
	ended, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		readErr <- w.read(notices, stopped)
	}()
	defer func() {
		close(stopped)
		_ = notify.Close()
		<-ended
	}()
	return w.loop(notices, readErr)
}

func (w *watcher) read(notices chan<- []notice, stopped <-chan struct{}) error {
	buf := make([]byte, 4096)
	for {
		got, err := w.notify.read(buf)
		if err != nil {
			return fmt.Errorf("cannot watch terminals: %w", err)
		}
		select {
		case notices <- got:
		case <-stopped:
			return nil
		}
	}
}

func (w *watcher) loop(notices <-chan []notice, readErr <-chan error) error {
	w.scan()
	w.settle(time.Now())
	timer := time.NewTimer(pollTime)
	defer timer.Stop()
	for {
		if next := w.next(); next.IsZero() {
			timer.Stop()
		} else {
			timer.Reset(max(time.Until(next), time.Millisecond))
		}
		select {
		case <-w.ctx.Done():
			return nil
		case err := <-readErr:
			return err
		case got := <-notices:
			w.take(got)
		case <-timer.C:
			now := time.Now()
			switch {
			case len(w.looks) > 0 && !now.Before(w.looks[0]):
				w.looks = w.looks[1:]
				w.scan()
			case !w.tells && now.Sub(w.scanned) >= pollTime:
				w.scan()
			}
			w.settle(now)
		}
	}
}

// next is when there is something to do without an event; zero: never.
func (w *watcher) next() time.Time {
	var next time.Time
	sooner := func(t time.Time) {
		if next.IsZero() || t.Before(next) {
			next = t
		}
	}
	if len(w.looks) > 0 {
		sooner(w.looks[0])
	}
	if w.state == presence.Active {
		sooner(w.last.Add(w.quiet()))
	}
	if !w.tells && w.state != presence.Gone {
		sooner(w.scanned.Add(pollTime))
	}
	return next
}

// quiet is how long without input a pause is: access times may be late.
func (w *watcher) quiet() time.Duration {
	if w.tells {
		return w.pause
	}
	return max(w.pause, stepTime+pollTime)
}

// take handles what the kernel tells.
func (w *watcher) take(got []notice) {
	now := time.Now()
	for _, n := range got {
		t := w.watches[n.watch]
		switch {
		case n.mask&unix.IN_ACCESS != 0 && t != nil:
			w.input(t, now)
		case n.mask&(unix.IN_CREATE|unix.IN_Q_OVERFLOW) != 0:
			w.looks = []time.Time{now.Add(openTime), now.Add(calmTime)}
		case n.mask&unix.IN_DELETE != 0:
			w.forget(filepath.Join(w.dev, "pts", n.name))
			w.settle(now)
		case n.mask&unix.IN_IGNORED != 0 && t != nil:
			w.unwatch(t)
		}
	}
}

// input is input on a terminal, just now.
func (w *watcher) input(t *terminal, now time.Time) {
	if !t.counts() && now.Sub(w.scanned) >= clientTime {
		w.scan() // a client of tmux may use it by now
	}
	if !t.counts() {
		return
	}
	w.last = now.Round(0)
	if w.state != presence.Active || now.Sub(w.reported) >= repeatTime {
		w.tell(presence.Active, now)
	}
}

// settle reports the state if it has changed by itself: by a pause, or because
// the last terminal is gone, or the first is there.
func (w *watcher) settle(now time.Time) {
	people := false
	for _, t := range w.terminals {
		people = people || t.counts()
	}
	switch {
	case !people && w.state != presence.Gone:
		w.tell(presence.Gone, now)
	case people && now.Sub(w.last) < w.quiet():
		if w.state != presence.Active {
			w.tell(presence.Active, now)
		}
	case people && w.state != presence.Idle:
		w.tell(presence.Idle, now)
	}
}

func (w *watcher) tell(state presence.State, now time.Time) {
	r := presence.Report{State: state, At: w.last, Why: "what is typed in terminals"}
	if state == presence.Gone {
		r.Why = "no terminal is open that a person could type in"
		if w.state != presence.Unsure { // else since when is not known
			r.At = now.Round(0)
		}
	}
	if !w.tells {
		r.Limits = "this kernel does not tell of input in terminals: a return is seen some seconds late"
	}
	w.state, w.reported = state, now
	w.report(r)
}

// scan looks at this user's terminals and at tmux's clients anew. What it finds
// to be the last input counts where the kernel does not tell, and for terminals
// that are new: opening one is input.
func (w *watcher) scan() {
	now := time.Now()
	w.scanned = now
	held := holders(w.proc)
	using := map[string]client{}
	sockets := w.tmuxSockets()
	w.tmux = len(sockets) > 0
	for _, c := range w.clients(w.ctx, sockets) {
		using[c.tty] = c
	}
	found := map[string]bool{}
	for _, d := range w.owned() {
		found[d.path] = true
		t, old := w.terminals[d.path]
		if !old {
			t = &terminal{path: d.path, real: d.real}
			w.terminals[d.path] = t
		}
		t.holder = person
		if number, ok := ptsNumber(d.real); ok {
			t.holder = held[number]
		}
		var c client
		c, t.client = using[d.real]
		for _, at := range []time.Time{d.at, c.activity} {
			if t.counts() && (!old || !w.tells) && at.After(w.last) && !at.After(now) {
				w.last = at
			}
		}
		w.watch(t)
	}
	for path := range w.terminals {
		if !found[path] {
			w.forget(path)
		}
	}
}

// watch watches a terminal if that is worth it. One that an agent holds may
// become a tmux client's later.
func (w *watcher) watch(t *terminal) {
	wanted := w.tells && (t.counts() || t.holder == agent && w.tmux)
	if !wanted {
		w.unwatch(t)
		return
	}
	if t.watch != 0 {
		return
	}
	if watch, err := w.notify.add(t.path, unix.IN_ACCESS); err == nil { // else it is gone
		t.watch = watch
		w.watches[watch] = t
	}
}

func (w *watcher) unwatch(t *terminal) {
	if t.watch != 0 {
		w.notify.remove(t.watch)
		delete(w.watches, t.watch)
		t.watch = 0
	}
}

// forget is for a terminal that is closed; another one may get its path.
func (w *watcher) forget(path string) {
	if t := w.terminals[path]; t != nil {
		w.unwatch(t)
		delete(w.terminals, path)
	}
}

// device is a terminal's file.
type device struct {
	path string
	real string
	at   time.Time // access: input, in steps
}

// owned lists the terminals that belong to this user.
func (w *watcher) owned() []device {
	var all []device
	uid := uint32(os.Getuid())
	patterns := []string{"pts/[0-9]*"}
	if uid != 0 { // root owns every console, also those that nobody uses
		patterns = append(patterns, "tty[0-9]*", "ttyS[0-9]*", "ttyAMA[0-9]*", "hvc[0-9]*")
	}
	for _, pattern := range patterns {
		paths, err := filepath.Glob(filepath.Join(w.dev, pattern))
		if err != nil {
			continue // the folder's name is no pattern
		}
		for _, path := range paths {
			real, err := filepath.EvalSymlinks(path)
			if err != nil {
				continue // closed meanwhile
			}
			info, err := os.Stat(real)
			if err != nil {
				continue
			}
			if stat, ok := info.Sys().(*syscall.Stat_t); ok && stat.Uid == uid {
				all = append(all, device{path, real, time.Unix(stat.Atim.Unix())})
			}
		}
	}
	return all
}

// ptsNumber is the number of a pseudo-terminal.
func ptsNumber(path string) (int, bool) {
	if filepath.Base(filepath.Dir(path)) != "pts" {
		return 0, false
	}
	n, err := strconv.Atoi(filepath.Base(path))
	return n, err == nil
}

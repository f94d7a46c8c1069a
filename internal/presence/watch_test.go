package presence_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"claude-permission-daemon/internal/permit"
	"claude-permission-daemon/internal/presence"
	"claude-permission-daemon/internal/presence/manual"
)

// puppet is a source that does as the test says.
type puppet struct {
	name string

	mu     sync.Mutex
	runs   int
	pauses []time.Duration
	absent error // what Run returns at once, if anything
	hang   bool  // Run neither reports nor returns
	do     chan any
}

func newPuppet(name string) *puppet { return &puppet{name: name, do: make(chan any)} }

func (p *puppet) Name() string { return p.name }

func (p *puppet) Run(ctx context.Context, pause time.Duration, report func(presence.Report)) error {
	p.mu.Lock()
	p.runs++
	p.pauses = append(p.pauses, pause)
	absent, hang := p.absent, p.hang
	p.mu.Unlock()
	if absent != nil {
		return absent
	}
	if !hang {
		report(presence.Report{})
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case do := <-p.do:
			switch do := do.(type) {
			case presence.Report:
				report(do)
			case error:
				return do
			}
		}
	}
}

func (p *puppet) set(absent error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.absent = absent
}

func (p *puppet) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.runs
}

func (p *puppet) active() { p.do <- presence.Report{State: presence.Active, At: time.Now()} }
func (p *puppet) idle(ago time.Duration) {
	p.do <- presence.Report{State: presence.Idle, At: time.Now().Add(-ago)}
}

var errNone = fmt.Errorf("%w: nothing there", presence.ErrUnavailable)

// world is a Watch that runs in a synctest bubble.
type world struct {
	t         *testing.T
	w         *presence.Watch
	stop      func()
	mu        sync.Mutex
	published []permit.Presence
}

func (w *world) news() []permit.Presence {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.published)
}

func (w *world) last() permit.Presence {
	all := w.news()
	return all[len(all)-1]
}

func newWorld(t *testing.T, opt presence.Options) *world {
	t.Helper()
	world := &world{t: t}
	if opt.Hand == nil {
		hand, err := manual.Open("")
		if err != nil {
			t.Fatal(err)
		}
		opt.Hand = hand
	}
	if opt.Idle == 0 {
		opt.Idle = time.Minute
	}
	opt.Log = slog.New(slog.DiscardHandler)
	opt.Publish = func(p permit.Presence) {
		world.mu.Lock()
		defer world.mu.Unlock()
		world.published = append(world.published, p)
	}
	w, err := presence.New(opt)
	if err != nil {
		t.Fatal(err)
	}
	world.w = w
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- w.Run(ctx) }()
	world.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run returned %v", err)
		}
	})
	t.Cleanup(world.stop)
	synctest.Wait()
	return world
}

// is checks what was published last, after everything has settled.
func (w *world) is(state permit.PresenceState, source string) permit.Presence {
	w.t.Helper()
	synctest.Wait()
	p := w.w.Current()
	if p.State != state || p.Source != source {
		w.t.Fatalf("presence is %q by %q (%s), want %q by %q", p.State, p.Source, p.Detail, state, source)
	}
	if last := w.last(); last.State != p.State || last.Source != p.Source {
		w.t.Fatalf("published %+v, but Current says %+v", last, p)
	}
	return p
}

func TestWatchFollowsItsSource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPuppet("wayland")
		w := newWorld(t, presence.Options{Sources: presence.Sources{Desktop: []presence.Source{p}}})
		w.is(permit.Unsure, "wayland")
		p.active()
		w.is(permit.Present, "wayland")
		time.Sleep(10 * time.Second)
		p.idle(2 * time.Second)
		left := time.Now().Add(-2 * time.Second)
		w.is(permit.Present, "wayland")
		time.Sleep(58*time.Second - time.Millisecond)
		w.is(permit.Present, "wayland")
		time.Sleep(2 * time.Millisecond)
		if p := w.is(permit.Away, "wayland"); !p.Since.Equal(left) {
			t.Errorf("away since %v, want %v", p.Since, left)
		}
		before := len(w.news())
		time.Sleep(time.Hour)
		synctest.Wait()
		if len(w.news()) != before || p.count() != 1 {
			t.Errorf("an hour without news: %d published, %d runs", len(w.news())-before, p.count())
		}
	})
}

func TestWatchTakesTheFirstThatWorks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mutter, wayland, x11, tty := newPuppet("mutter"), newPuppet("wayland"), newPuppet("x11"), newPuppet("terminals")
		mutter.absent = errNone
		wayland.hang = true
		w := newWorld(t, presence.Options{Sources: presence.Sources{
			Desktop: []presence.Source{mutter, wayland, x11}, Terminals: tty,
		}})
		tty.do <- presence.Report{State: presence.Gone, At: time.Now()}
		w.is(permit.Unsure, "mutter") // the desktop is not known yet
		time.Sleep(3 * time.Second)
		synctest.Wait()
		x11.idle(0)
		w.is(permit.Present, "x11")
		time.Sleep(10*time.Minute + time.Second)
		synctest.Wait()
		if mutter.count() != 11 {
			t.Errorf("mutter was tried %d times in ten minutes, want 11: x11 is the last resort", mutter.count())
		}
		w.is(permit.Away, "x11")
		mutter.set(nil)
		time.Sleep(time.Minute)
		synctest.Wait()
		mutter.active()
		w.is(permit.Present, "mutter")
		tried := mutter.count()
		time.Sleep(time.Hour)
		if mutter.count() != tried {
			t.Error("mutter was tried again though it works")
		}
	})
}

func TestWatchProbesAgainEveryMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newPuppet("mutter"), newPuppet("wayland")
		a.set(errNone)
		b.set(errors.New("broken")) // never reported: as good as absent
		w := newWorld(t, presence.Options{Sources: presence.Sources{Desktop: []presence.Source{a, b}}})
		got := w.is(permit.Unsure, "none")
		for _, want := range []string{"mutter: nothing there", "wayland: broken"} {
			if !strings.Contains(got.Detail, want) {
				t.Errorf("the reason %q lacks %q", got.Detail, want)
			}
		}
		time.Sleep(10*time.Minute + time.Second)
		synctest.Wait()
		if a.count() != 11 || b.count() != 11 {
			t.Errorf("tried %d and %d times in ten minutes, want 11", a.count(), b.count())
		}
		a.set(nil)
		time.Sleep(time.Minute)
		synctest.Wait()
		a.active()
		w.is(permit.Present, "mutter")
	})
}

func TestWatchRestartsWhatWasLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPuppet("swayidle")
		w := newWorld(t, presence.Options{Config: presence.Config{Source: "swayidle"}, Sources: presence.Sources{Named: []presence.Source{p}}})
		p.active()
		w.is(permit.Present, "swayidle")
		p.do <- errors.New("the compositor went away")
		if got := w.is(permit.Unsure, "swayidle"); !strings.Contains(got.Detail, "compositor went away") {
			t.Errorf("the reason is %q", got.Detail)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if p.count() != 2 {
			t.Fatalf("started %d times, want 2: soon again after a loss", p.count())
		}
		// It keeps dying: the waits grow.
		for range 20 {
			select {
			case p.do <- errors.New("again"):
			case <-time.After(2 * time.Minute):
				t.Fatal("given up")
			}
		}
		p.do <- errors.New("again")
		synctest.Wait()
		began, runs := time.Now(), p.count()
		time.Sleep(45 * time.Second)
		synctest.Wait()
		if p.count() != runs {
			t.Errorf("restarted within %s after 20 losses", time.Since(began))
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		p.active()
		w.is(permit.Present, "swayidle")
		// A compositor that comes back a little later is found before a minute.
		p.set(errNone)
		time.Sleep(2 * time.Minute)
		p.do <- errors.New("compositor restarts")
		time.Sleep(5 * time.Second)
		p.set(nil)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		p.active()
		w.is(permit.Present, "swayidle")
	})
}

func TestWatchOverride(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "state", "override.json")
		hand, err := manual.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		p := newPuppet("wayland")
		w := newWorld(t, presence.Options{Hand: hand, Sources: presence.Sources{Desktop: []presence.Source{p}}})
		p.active()
		w.is(permit.Present, "wayland")
		if err := w.w.Override(t.Context(), permit.Away, 10*time.Minute); err != nil {
			t.Fatal(err)
		}
		if last := w.last(); last.State != permit.Away {
			t.Fatalf("Override returned before it was published: %+v", last)
		}
		if got := w.is(permit.Away, "manual"); got.Override == nil || !got.Override.Until.Equal(time.Now().Add(10*time.Minute)) {
			t.Errorf("override %+v", got.Override)
		}
		p.active()
		w.is(permit.Away, "manual") // input does not end it
		time.Sleep(4 * time.Minute)
		w.stop()
		if err := w.w.Auto(t.Context()); !errors.Is(err, presence.ErrEnded) {
			t.Errorf("Auto after the end: %v", err)
		}

		hand, err = manual.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		w = newWorld(t, presence.Options{Hand: hand, Sources: presence.Sources{Desktop: []presence.Source{p}}})
		if first := w.news()[0]; first.State != permit.Away {
			t.Errorf("a restarted daemon begins with %+v", first)
		}
		p.active()
		time.Sleep(6*time.Minute - time.Millisecond)
		w.is(permit.Away, "manual")
		time.Sleep(2 * time.Millisecond)
		w.is(permit.Present, "wayland") // by itself

		if err := w.w.Override(t.Context(), permit.Present, 0); err != nil {
			t.Fatal(err)
		}
		p.idle(time.Hour)
		w.is(permit.Present, "manual")
		if err := w.w.Auto(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.is(permit.Away, "wayland")
		if _, err := os.Stat(file); !os.IsNotExist(err) {
			t.Errorf("the override's file is still there: %v", err)
		}
		if err := w.w.Override(t.Context(), permit.Unsure, 0); err == nil {
			t.Error("a person cannot be unsure of their presence")
		}
	})
}

func TestWatchManualOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPuppet("wayland")
		w := newWorld(t, presence.Options{
			Config:  presence.Config{Source: presence.Manual},
			Sources: presence.Sources{Desktop: []presence.Source{p}},
		})
		if got := w.is(permit.Unsure, "manual"); !strings.Contains(got.Detail, "away") {
			t.Errorf("does not say how to set it: %q", got.Detail)
		}
		time.Sleep(time.Hour)
		if p.count() != 0 {
			t.Error("a source was started")
		}
	})
}

func TestWatchIdleTimeoutChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPuppet("wayland")
		w := newWorld(t, presence.Options{Sources: presence.Sources{Desktop: []presence.Source{p}}})
		p.idle(30 * time.Second)
		since := time.Now().Add(-30 * time.Second)
		w.is(permit.Present, "wayland")
		w.w.SetIdle(20 * time.Second)
		if got := w.is(permit.Away, "wayland"); !got.Since.Equal(since) {
			t.Errorf("away since %v, want %v", got.Since, since)
		}
		w.w.SetIdle(0) // ignored
		w.w.SetIdle(5 * time.Minute)
		w.is(permit.Present, "wayland")
		if p.count() != 1 {
			t.Errorf("the source was restarted")
		}
		w.w.SetIdle(time.Second) // below the pause that the source was told
		synctest.Wait()
		if p.count() != 2 || p.pauses[1] != time.Second {
			t.Errorf("runs with pauses %v", p.pauses)
		}
		p.idle(3 * time.Second)
		w.is(permit.Away, "wayland")
	})
}

func TestWatchGuard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPuppet("wayland")
		w := newWorld(t, presence.Options{Sources: presence.Sources{Desktop: []presence.Source{p}}})
		p.idle(time.Hour)
		w.is(permit.Away, "wayland")
		w.w.Guard(true)
		p.active()
		time.Sleep(2 * time.Second)
		p.idle(2 * time.Second)
		time.Sleep(10 * time.Second)
		w.is(permit.Away, "wayland")
		p.active()
		w.is(permit.Away, "wayland")
		time.Sleep(2600 * time.Millisecond)
		w.is(permit.Present, "wayland") // it went on
		time.Sleep(2 * time.Minute)
		p.idle(time.Minute)
		w.is(permit.Away, "wayland")
		w.w.Guard(false)
		p.active()
		w.is(permit.Present, "wayland") // at once
	})
}

func TestWatchRemembers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		opt := presence.Options{MemoryFile: filepath.Join(t.TempDir(), "presence.json")}
		p := newPuppet("wayland")
		opt.Sources.Desktop = []presence.Source{p}
		w := newWorld(t, opt)
		p.idle(10 * time.Minute)
		left := time.Now().Add(-10 * time.Minute)
		w.is(permit.Away, "wayland")
		w.stop()
		time.Sleep(20 * time.Second)

		w = newWorld(t, opt)
		if got := w.is(permit.Away, "wayland"); !got.Since.Equal(left) {
			t.Errorf("away since %v after the restart, want %v", got.Since, left)
		}
		p.do <- presence.Report{State: presence.Idle} // not since it began to look
		if got := w.is(permit.Away, "wayland"); !got.Since.Equal(left) {
			t.Errorf("away since %v, want %v", got.Since, left)
		}
		w.stop()
		w = newWorld(t, opt)
		w.is(permit.Away, "wayland")
		time.Sleep(10 * time.Second) // and the source still has nothing to say
		w.is(permit.Unsure, "wayland")
		p.do <- presence.Report{State: presence.Idle}
		w.is(permit.Away, "wayland")
		w.stop()
		time.Sleep(10 * time.Minute) // nobody looked for so long

		w = newWorld(t, opt)
		w.is(permit.Unsure, "wayland")
		p.do <- presence.Report{State: presence.Idle}
		w.is(permit.Present, "wayland")

		w.stop()
		if err := os.WriteFile(opt.MemoryFile, []byte("{"), 0o600); err != nil {
			t.Fatal(err)
		}
		newWorld(t, opt).is(permit.Unsure, "wayland")
	})
}

func TestNewRefuses(t *testing.T) {
	hand, err := manual.Open("")
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, want string
		opt        presence.Options
	}{
		{"an unknown source", "[presence] source", presence.Options{Idle: 1, Config: presence.Config{Source: "xscreensaver"}}},
		{"no command", "[presence] command", presence.Options{Idle: 1, Config: presence.Config{Source: "command"}}},
		{"a source of another system", "macos", presence.Options{Idle: 1, Config: presence.Config{Source: "macos"}}},
		{"no idle timeout", "idle timeout", presence.Options{}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			test.opt.Hand = hand
			_, err := presence.New(test.opt)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("New returned %v, want an error with %q", err, test.want)
			}
		})
	}
}

func TestProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mutter, wayland, x11 := newPuppet("mutter"), newPuppet("wayland"), newPuppet("x11")
		tty, seat, silent := newPuppet("terminals"), newPuppet("logind"), newPuppet("command")
		mutter.set(errNone)
		silent.hang = true
		x11.set(errors.New("broken"))
		began := time.Now()
		go func() {
			time.Sleep(time.Second)
			wayland.do <- presence.Report{State: presence.Idle, Why: "w", Limits: "l"}
			tty.do <- presence.Report{State: presence.Gone, At: began, Why: "none"}
		}()
		got := presence.Probe(t.Context(), presence.Sources{
			Desktop: []presence.Source{mutter, wayland, x11}, Terminals: tty, Seat: seat, Named: []presence.Source{silent},
		})
		want := []presence.ProbeResult{
			{Source: "mutter", Detail: "nothing there"},
			{Source: "wayland", Works: true, Sees: "idle", Detail: "w; l"},
			{Source: "x11", Detail: "broken"},
			{Source: "terminals", Works: true, Sees: "gone", Since: began, Detail: "none"},
			{Source: "logind", Works: true, Sees: "unsure"},
			{Source: "command", Detail: "did not answer within 3s"},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("probe (-want +got):\n%s", diff)
		}
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("took %s", took)
		}
	})
}

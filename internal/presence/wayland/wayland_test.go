//go:build linux

package wayland

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"claude-permission-daemon/internal/presence"
	"claude-permission-daemon/internal/presence/presencetest"
)

const pause = 200 * time.Millisecond

// The suite, against each way in which compositors tell.
func TestProtocols(t *testing.T) {
	tests := []struct {
		name string
		ext  uint32
		kde  bool
	}{
		{"version 2", 2, true},
		{"kde", 0, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			presencetest.Run(t, func(t *testing.T) presencetest.Rig {
				c := &compositor{ext: test.ext, kde: test.kde}
				c.start(t)
				return presencetest.Rig{
					Source:  New(c.getenv),
					Pause:   pause,
					Input:   func(testing.TB) { c.input(firstSeat) },
					Repeat:  func(testing.TB) { c.repeat() },
					Lose:    func(testing.TB) { c.stop() },
					Restore: func(t testing.TB) { c.start(t) },
				}
			})
		})
	}
}

func TestRealSway(t *testing.T) {
	presencetest.Run(t, func(t *testing.T) presencetest.Rig {
		sway := presencetest.StartSway(t)
		return presencetest.Rig{
			Source: New(func(key string) string {
				if key == "XDG_RUNTIME_DIR" {
					return sway.Dir
				}
				return ""
			}),
			Pause:   400 * time.Millisecond,
			Input:   func(t testing.TB) { sway.Type(t) },
			Lose:    func(testing.TB) { sway.Kill() },
			Restore: func(t testing.TB) { sway.Start(t) },
		}
	})
}

func run(t *testing.T, c *compositor) *presencetest.Running {
	t.Helper()
	c.start(t)
	return presencetest.Start(t, presencetest.Rig{Source: New(c.getenv), Pause: pause})
}

// A video call and a person who comes back to it: what each protocol makes of
// that, and whether the limits say so.
func TestInhibitors(t *testing.T) {
	t.Run("version 2 sees the return", func(t *testing.T) {
		c := &compositor{ext: 7} // whatever comes after version 2
		r := run(t, c)
		if idle := r.Until(presence.Idle); idle.Limits != "" || !strings.Contains(idle.Why, "version 2") {
			t.Errorf("%+v", idle)
		}
		c.setInhibit(true)
		r.Nothing(2 * pause)
		c.input(firstSeat)
		r.Until(presence.Active)
		r.Until(presence.Idle)
	})
	for name, c := range map[string]*compositor{"version 1": {ext: 1}, "kde": {kde: true}} {
		t.Run(name+" swallows the return", func(t *testing.T) {
			r := run(t, c)
			if idle := r.Until(presence.Idle); !strings.Contains(idle.Limits, "video call") {
				t.Errorf("does not say so: %+v", idle)
			}
			c.setInhibit(true)
			c.input(firstSeat)
			r.Nothing(2 * pause)
			c.setInhibit(false)
			c.input(firstSeat)
			r.Until(presence.Active)
		})
	}
	t.Run("version 1 invents a return", func(t *testing.T) {
		c := &compositor{ext: 1, invents: true}
		r := run(t, c)
		r.Until(presence.Idle)
		c.setInhibit(true)
		r.Until(presence.Active)
		r.Nothing(2 * pause)
		c.setInhibit(false)
		r.Until(presence.Idle)
	})
}

func TestSeats(t *testing.T) {
	c := &compositor{ext: 2}
	r := run(t, c)
	r.Until(presence.Idle)

	c.addSeat(20) // a second person's, or a tablet's
	presencetest.Eventually(t, "the seat is watched", func() bool { return c.watched() == 2 })
	if r := r.Until(presence.Idle); r.At.IsZero() == false && r.At.After(time.Now()) {
		t.Errorf("%+v", r)
	}
	c.input(20)
	r.Until(presence.Active)
	c.input(firstSeat)
	r.Until(presence.Active)
	// Idle is when both are; each idles once, and only the second counts.
	first := time.Now()
	r.Until(presence.Idle)
	if time.Since(first) < pause/2 {
		t.Error("idle though a seat was not")
	}

	c.input(20)
	r.Until(presence.Active)
	c.removeGlobal(20) // and with it the only seat that had input
	r.Until(presence.Idle)
	presencetest.Eventually(t, "the seat is left", func() bool { return c.watched() == 1 })
	c.removeGlobal(firstSeat)
	r.Until(presence.Unsure)
	c.removeGlobal(99) // never heard of
	c.addSeat(30)
	presencetest.Eventually(t, "the seat is watched", func() bool { return c.watched() == 1 })
	r.Until(presence.Idle)
	r.Stop()
}

func TestNoSeatAtFirst(t *testing.T) {
	c := &compositor{ext: 2, noSeat: true}
	r := run(t, c)
	if first := r.First(); first.State != presence.Unsure {
		t.Errorf("without any seat: %+v", first)
	}
	r.Nothing(2 * pause)
	c.addSeat(5)
	r.Until(presence.Idle)
	c.input(5)
	r.Until(presence.Active)
}

// Whoever types while the daemon starts is there, though the compositor says
// nothing.
func TestTypingFromTheStart(t *testing.T) {
	const pause = time.Second // a busy machine must not make one
	c := &compositor{ext: 2}
	c.start(t)
	r := presencetest.Start(t, presencetest.Rig{Source: New(c.getenv), Pause: pause})
	stop := time.After(pause + time.Second)
	for typing := true; typing; {
		select {
		case <-stop:
			typing = false
		case <-time.After(pause / 20):
			c.input(firstSeat)
		}
	}
	r.First()
	if next := r.First(); next.State != presence.Active {
		t.Errorf("%+v, want active", next)
	}
	r.Until(presence.Idle)
}

func TestLost(t *testing.T) {
	tests := []struct {
		name, want string
		do         func(c *compositor)
	}{
		{"protocol error", "invalid method", func(c *compositor) {
			c.raw(display, displayError, uint32(3), uint32(1), "invalid method 7")
		}},
		{"end", "ended", func(c *compositor) { c.stop() }},
		{"half a message", "", func(c *compositor) { c.half() }},
		{"no more notifier", "no more", func(c *compositor) { c.removeGlobal(2) }},
		{"a global without a name", "short", func(c *compositor) { c.raw(registry, registryGlobal) }},
		{"a removal without a name", "short", func(c *compositor) { c.raw(registry, registryRemove) }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := &compositor{ext: 2}
			r := run(t, c)
			r.Until(presence.Idle)
			test.do(c)
			err := r.Err()
			if err == nil || errors.Is(err, presence.ErrUnavailable) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("Run returned %v, want an error with %q", err, test.want)
			}
		})
	}
}

func TestUnavailable(t *testing.T) {
	unavailable := func(t *testing.T, getenv func(string) string, want string) {
		t.Helper()
		err := New(getenv).Run(t.Context(), pause, func(r presence.Report) { t.Errorf("report %+v", r) })
		if !errors.Is(err, presence.ErrUnavailable) || !strings.Contains(err.Error(), want) {
			t.Errorf("Run returned %v, want ErrUnavailable with %q", err, want)
		}
	}
	t.Run("no compositor", func(t *testing.T) {
		dir := presencetest.RuntimeDir(t)
		unavailable(t, func(key string) string { return map[string]string{"XDG_RUNTIME_DIR": dir}[key] }, "no compositor")
	})
	t.Run("a dead one's socket", func(t *testing.T) {
		path := filepath.Join(presencetest.RuntimeDir(t), "wayland-1")
		presencetest.DeadSocket(t, path)
		unavailable(t, func(key string) string { return map[string]string{"XDG_RUNTIME_DIR": filepath.Dir(path)}[key] }, "refused")
	})
	t.Run("one that has neither protocol", func(t *testing.T) {
		c := &compositor{}
		c.start(t)
		unavailable(t, c.getenv, "does not tell")
	})
	t.Run("one that never answers", func(t *testing.T) {
		c := &compositor{ext: 2, silent: true}
		c.start(t)
		unavailable(t, c.getenv, "no answer")
	})
}

// Of several compositors, the one that tells is watched.
func TestSeveralCompositors(t *testing.T) {
	dir := presencetest.RuntimeDir(t)
	mute := &compositor{path: filepath.Join(dir, "wayland-0")}
	mute.start(t)
	presencetest.DeadSocket(t, filepath.Join(dir, "wayland-1"))
	good := &compositor{path: filepath.Join(dir, "wayland-2"), ext: 2}
	good.start(t)
	r := presencetest.Start(t, presencetest.Rig{Pause: pause, Source: New(func(key string) string {
		return map[string]string{"XDG_RUNTIME_DIR": dir, "WAYLAND_DISPLAY": "wayland-0"}[key]
	})})
	r.Until(presence.Idle)
	good.input(firstSeat)
	r.Until(presence.Active)
}

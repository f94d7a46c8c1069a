//go:build linux

package mutter

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

func TestFake(t *testing.T) {
	presencetest.Run(t, func(t *testing.T) presencetest.Rig {
		g := startGnome(t)
		return presencetest.Rig{
			Source:  New(g.getenv),
			Pause:   pause,
			Input:   func(testing.TB) { g.input() },
			Repeat:  func(testing.TB) { g.repeat() },
			Lose:    func(testing.TB) { g.stop() },
			Restore: func(t testing.TB) { g.start(t) },
		}
	})
}

func run(t *testing.T, g *gnome) *presencetest.Running {
	t.Helper()
	return presencetest.Start(t, presencetest.Rig{Source: New(g.getenv), Pause: pause})
}

// A daemon that starts while nobody is there knows it at once.
func TestIdleBeforeTheStart(t *testing.T) {
	g := startGnome(t)
	g.mu.Lock()
	g.last = time.Now().Add(-time.Hour)
	g.mu.Unlock()
	r := run(t, g)
	first := r.First()
	if first.State != presence.Idle || time.Since(first.At) < time.Hour || time.Since(first.At) > time.Hour+time.Minute {
		t.Errorf("%+v, want idle for an hour", first)
	}
	g.input()
	r.Until(presence.Active)
}

// A film runs: pauses are asked for, and the end of the film is no return.
func TestInhibitor(t *testing.T) {
	g := startGnome(t)
	r := run(t, g)
	r.Until(presence.Active) // it starts with an input just now
	g.setInhibit(true)
	idle := r.Until(presence.Idle)
	g.setInhibit(false) // the idle time begins anew
	again := r.Until(presence.Idle)
	if late := again.At.Sub(idle.At); late > pause/2 {
		t.Errorf("the end of an inhibitor counts as input: idle since %s later", late)
	}
	g.setInhibit(true)
	before := time.Now().Add(-time.Millisecond)
	g.input()
	if active := r.Until(presence.Active); active.At.Before(before) {
		t.Errorf("input at %v, told as %v", before, active.At)
	}
	r.Until(presence.Idle)
}

// Nothing is asked for while GNOME tells of everything itself.
func TestNoPolling(t *testing.T) {
	g := startGnome(t)
	r := run(t, g)
	r.Until(presence.Idle)
	r.Nothing(2 * pause) // whatever it asked at the pause is over
	asked := func() int {
		g.mu.Lock()
		defer g.mu.Unlock()
		return g.asked
	}
	before := asked()
	r.Nothing(time.Second)
	if after := asked(); after != before {
		t.Errorf("asked %d times in a quiet second", after-before)
	}
}

func TestLost(t *testing.T) {
	tests := []struct {
		name string
		do   func(g *gnome)
	}{
		{"the bus", func(g *gnome) { g.bus.Kill() }},
		{"the compositor", func(g *gnome) { g.stop() }},
		{"an answer", func(g *gnome) { g.mu.Lock(); g.mute = true; g.mu.Unlock(); g.repeat() }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			g := startGnome(t)
			r := run(t, g)
			r.Until(presence.Idle)
			test.do(g)
			if err := r.Err(); err == nil || errors.Is(err, presence.ErrUnavailable) {
				t.Errorf("Run returned %v", err)
			}
		})
	}
}

func TestUnavailable(t *testing.T) {
	dir := presencetest.RuntimeDir(t)
	silent := filepath.Join(dir, "silent")
	presencetest.LiveSocket(t, silent)
	bus := presencetest.StartBus(t, "")
	tests := []struct {
		name, want string
		env        map[string]string
	}{
		{"no bus", "no session bus", map[string]string{"XDG_RUNTIME_DIR": dir}},
		{"a bus that is gone", "cannot talk", map[string]string{"DBUS_SESSION_BUS_ADDRESS": "unix:path=" + dir + "/gone"}},
		{"no such address", "cannot talk", map[string]string{"DBUS_SESSION_BUS_ADDRESS": "disabled:"}},
		{"a bus that is silent", "answer", map[string]string{"DBUS_SESSION_BUS_ADDRESS": "unix:path=" + silent}},
		{"a bus without GNOME", "not on the session bus", map[string]string{"DBUS_SESSION_BUS_ADDRESS": bus.Address}},
		{"the same, by its usual place", "not on the session bus", map[string]string{"XDG_RUNTIME_DIR": filepath.Dir(strings.TrimPrefix(bus.Address, "unix:path="))}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			err := New(func(key string) string { return test.env[key] }).Run(t.Context(), pause, func(r presence.Report) { t.Errorf("report %+v", r) })
			if !errors.Is(err, presence.ErrUnavailable) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("Run returned %v, want ErrUnavailable with %q", err, test.want)
			}
		})
	}
}

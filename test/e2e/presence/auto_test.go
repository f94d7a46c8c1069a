//go:build linux

package presence_test

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"claude-permission-daemon/internal/permit"
	"claude-permission-daemon/internal/presence"
	"claude-permission-daemon/internal/presence/command"
	"claude-permission-daemon/internal/presence/logind"
	"claude-permission-daemon/internal/presence/mutter"
	"claude-permission-daemon/internal/presence/presencetest"
	"claude-permission-daemon/internal/presence/swayidle"
	"claude-permission-daemon/internal/presence/wayland"
	"claude-permission-daemon/internal/presence/x11"
)

// all is what the daemon would use, but for the terminals: those are of whoever
// runs the test.
func all(getenv func(string) string, environ []string) presence.Sources {
	return presence.Sources{
		Desktop: []presence.Source{mutter.New(getenv), wayland.New(getenv), x11.New(getenv)},
		Seat:    logind.New(getenv),
		Named:   []presence.Source{swayidle.New(swayidle.Config{}, environ), command.New(nil)},
	}
}

// Of two desktops the better one is used; when it is lost, the other; and when
// both are lost nothing is known.
func TestAuto(t *testing.T) {
	t.Parallel()
	x := presencetest.StartXvfb(t)
	sway := presencetest.StartSway(t)
	getenv := env("XDG_RUNTIME_DIR", sway.Dir, "DISPLAY", x.Display, "DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent")
	w := watch(t, presence.Options{Sources: all(getenv, nil)})
	by := func(source string) func(permit.Presence) bool {
		return func(p permit.Presence) bool { return p.Source == source && p.State != permit.Unsure }
	}
	w.untilIt("decides by wayland", by("wayland"))
	sway.Type(t)
	w.until(permit.Present)
	sway.Kill()
	w.until(permit.Unsure)
	w.untilIt("decides by x11", by("x11"))
	x.Kill()
	p := w.untilIt("knows of no desktop", func(p permit.Presence) bool { return p.State == permit.Unsure && p.Source == "none" })
	for _, want := range []string{"mutter: no session bus", "wayland: ", "x11: "} {
		if !strings.Contains(p.Detail, want) {
			t.Errorf("the reason %q lacks %q", p.Detail, want)
		}
	}
}

func TestProbe(t *testing.T) {
	t.Parallel()
	sway := presencetest.StartSway(t)
	presencetest.Need(t, "swayidle")
	environ := append(presencetest.Environ(), "XDG_RUNTIME_DIR="+sway.Dir)
	getenv := env("XDG_RUNTIME_DIR", sway.Dir, "DISPLAY", ":4711", "DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent")
	got := presence.Probe(t.Context(), all(getenv, environ))
	want := []string{"mutter false", "wayland true", "x11 false", "logind false", "swayidle true", "command false"}
	for _, r := range got {
		line := r.Source + " " + strconv.FormatBool(r.Works)
		if !slices.Contains(want, line) || r.Detail == "" {
			t.Errorf("%+v", r)
		}
		if r.Works && r.Sees != "idle" {
			t.Errorf("%s sees %s, want idle", r.Source, r.Sees)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d results, want %d", len(got), len(want))
	}
}

// The last input outlives a restart, though the compositor cannot tell what was
// before it was asked.
func TestRestartWhileAway(t *testing.T) {
	t.Parallel()
	sway := presencetest.StartSway(t)
	opt := presence.Options{
		MemoryFile: filepath.Join(t.TempDir(), "presence.json"),
		Sources:    presence.Sources{Desktop: []presence.Source{wayland.New(env("XDG_RUNTIME_DIR", sway.Dir))}},
	}
	w := watch(t, opt)
	w.until(permit.Away)
	sway.Type(t)
	w.until(permit.Present)
	left := w.until(permit.Away)
	w.stop()

	w = watch(t, opt)
	p := w.until(permit.Away) // at once, from the memory
	if !p.Since.Equal(left.Since) {
		t.Errorf("away since %v after the restart, want %v", p.Since, left.Since)
	}
	w.untilIt("decides by wayland again", func(p permit.Presence) bool {
		return strings.Contains(p.Detail, "ext_idle") || strings.Contains(p.Detail, "kde")
	})
	if p := w.watch.Current(); p.State != permit.Away || !p.Since.Equal(left.Since) {
		t.Errorf("%+v, want away since %v", p, left.Since)
	}
}

// At rest, with a person away, nothing wakes the daemon: its threads do not run
// once in ten seconds. (The terminals' own test shows the same of theirs.)
func TestAtRest(t *testing.T) {
	t.Parallel()
	sway := presencetest.StartSway(t)
	bus := presencetest.StartBus(t, "")
	getenv := env("XDG_RUNTIME_DIR", sway.Dir, "DBUS_SYSTEM_BUS_ADDRESS", bus.Address)
	rest := startChild(t, getenv)
	time.Sleep(3 * time.Second) // the timers of the start have gone off
	before := switches(t, rest)
	time.Sleep(10 * time.Second)
	after := switches(t, rest)
	t.Logf("%d voluntary context switches in ten seconds", after-before)
	// The Go runtime itself looks around once a minute.
	if after-before > 5 {
		t.Errorf("woke up %d times in ten seconds at rest", after-before)
	}
}

// switches counts how often the threads of a process have gone to sleep.
func switches(t *testing.T, pid int) (n int) {
	t.Helper()
	tasks, err := filepath.Glob("/proc/" + strconv.Itoa(pid) + "/task/*/status")
	if err != nil || len(tasks) == 0 {
		t.Fatalf("cannot see process %d: %v", pid, err)
	}
	for _, task := range tasks {
		text, err := os.ReadFile(task)
		if err != nil {
			continue // the thread has ended
		}
		for line := range strings.Lines(string(text)) {
			if count, ok := strings.CutPrefix(line, "voluntary_ctxt_switches:"); ok {
				v, err := strconv.Atoi(strings.TrimSpace(count))
				if err != nil {
					t.Fatal(err)
				}
				n += v
			}
		}
	}
	return n
}

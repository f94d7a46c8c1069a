//go:build linux

package presence_test

import (
	"os/exec"
	"slices"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"

	"claude-permission-daemon/internal/permit"
	"claude-permission-daemon/internal/presence"
	"claude-permission-daemon/internal/presence/mutter"
	"claude-permission-daemon/internal/presence/presencetest"
	"claude-permission-daemon/internal/presence/terminals"
	"claude-permission-daemon/internal/presence/wayland"
	"claude-permission-daemon/internal/presence/x11"
)

// BenchmarkReturn is the time from an input (before the program that makes it
// has started) to the presence that the broker is told of. Each round lets the
// person leave first, so run it with -benchtime=100x or so.
func BenchmarkReturn(b *testing.B) {
	b.Run("wayland", func(b *testing.B) {
		sway := presencetest.StartSway(b)
		returns(b, wayland.New(env("XDG_RUNTIME_DIR", sway.Dir)), sway.Type)
	})
	b.Run("x11", func(b *testing.B) {
		x := presencetest.StartXvfb(b)
		returns(b, x11.New(env("DISPLAY", x.Display)), x.Move)
	})
	b.Run("mutter", func(b *testing.B) {
		if _, err := exec.LookPath("mutter"); err != nil {
			b.Skip("mutter is not installed")
		}
		dir := presencetest.RuntimeDir(b)
		bus := presencetest.StartBus(b, dir)
		startMutter(b, dir, bus)
		conn, err := dbus.Connect(bus.Address)
		if err != nil {
			b.Fatal(err)
		}
		defer conn.Close()
		returns(b, mutter.New(env("XDG_RUNTIME_DIR", dir)), resetIdletime(b, conn))
	})
}

func returns(b *testing.B, source presence.Source, input func(testing.TB)) {
	w := watch(b, presence.Options{
		Idle:    250 * time.Millisecond,
		Sources: presence.Sources{Desktop: []presence.Source{source}},
	})
	var took []time.Duration
	for b.Loop() {
		b.StopTimer()
		w.until(permit.Away)
		b.StartTimer()
		began := time.Now()
		input(b)
		w.until(permit.Present)
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
	b.ReportMetric(0, "ns/op") // the two above say it
}

// BenchmarkNothing is the time that "auto" takes to find out that there is no
// desktop at all.
func BenchmarkNothing(b *testing.B) {
	getenv := env("XDG_RUNTIME_DIR", presencetest.RuntimeDir(b), "DISPLAY", ":4711", "DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent")
	sources := all(getenv, nil)
	sources.Terminals = terminals.New(getenv)
	for b.Loop() {
		w := watch(b, presence.Options{Sources: sources})
		w.untilIt("knows", func(p permit.Presence) bool { return p.State != permit.Unsure || p.Source == "none" })
		b.StopTimer()
		w.stop()
		b.StartTimer()
	}
}

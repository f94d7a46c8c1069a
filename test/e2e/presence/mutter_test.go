//go:build linux

package presence_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/godbus/dbus/v5"

	"claude-permission-daemon/internal/permit"
	"claude-permission-daemon/internal/presence"
	"claude-permission-daemon/internal/presence/mutter"
	"claude-permission-daemon/internal/presence/presencetest"
)

// GNOME's compositor is a large package, so it has its own step in CI: there,
// CPD_REQUIRE_MUTTER=1 makes its absence a failure.
//
// Debian packages: mutter dbus.
func TestMutter(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("mutter"); err != nil {
		if os.Getenv("CPD_REQUIRE_MUTTER") == "1" {
			t.Fatal("mutter is not installed, and CPD_REQUIRE_MUTTER=1")
		}
		t.Skip("mutter is not installed")
	}
	dir := presencetest.RuntimeDir(t)
	bus := presencetest.StartBus(t, dir)
	conn, err := dbus.Connect(bus.Address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	input := resetIdletime(t, conn)
	source := mutter.New(env("XDG_RUNTIME_DIR", dir))

	peer := startMutter(t, dir, bus)
	w := watch(t, presence.Options{Sources: presence.Sources{Desktop: []presence.Source{source}}})
	if p := w.until(permit.Present); !strings.Contains(p.Source, "mutter") {
		t.Errorf("decided by %q", p.Source)
	}
	w.cycles(presencetest.CycleCount(t), input)
	peer.Kill()
	w.until(permit.Unsure)
	startMutter(t, dir, bus)
	w.cycles(1, input)
}

const idleMonitor = "org.gnome.Mutter.IdleMonitor"

// startMutter starts GNOME's compositor on a private bus, and waits until it is
// there.
func startMutter(t testing.TB, dir string, bus *presencetest.Bus) *presencetest.Peer {
	t.Helper()
	peer := presencetest.StartPeer(t, false, append(presencetest.Environ(),
		"HOME="+dir, "XDG_RUNTIME_DIR="+dir, "DBUS_SESSION_BUS_ADDRESS="+bus.Address,
		"DBUS_SYSTEM_BUS_ADDRESS=unix:path="+filepath.Join(dir, "none"),
		"GSETTINGS_BACKEND=memory", "MUTTER_DEBUG_RESET_IDLETIME=1",
	), "mutter", "--headless", "--wayland", "--no-x11", "--virtual-monitor", "640x480", "--wayland-display", "wl-mutter")
	conn, err := dbus.Connect(bus.Address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	monitor := conn.Object(idleMonitor, "/org/gnome/Mutter/IdleMonitor/Core")
	presencetest.Eventually(t, "mutter is on the bus", func() bool {
		select {
		case <-peer.Ended():
			t.Fatalf("mutter ended: %s", peer.Output())
		default:
		}
		return monitor.Call(idleMonitor+".GetIdletime", 0).Err == nil
	})
	return peer
}

// resetIdletime is an input, as far as Mutter's idle time goes.
func resetIdletime(t testing.TB, conn *dbus.Conn) func(testing.TB) {
	monitor := conn.Object(idleMonitor, "/org/gnome/Mutter/IdleMonitor/Core")
	return func(testing.TB) {
		if err := monitor.Call(idleMonitor+".ResetIdletime", 0).Err; err != nil {
			t.Errorf("cannot make an input: %v", err)
		}
	}
}

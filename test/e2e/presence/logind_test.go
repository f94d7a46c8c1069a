//go:build linux

package presence_test

import (
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"

	"claude-permission-daemon/internal/permit"
	"claude-permission-daemon/internal/presence"
	"claude-permission-daemon/internal/presence/logind"
	"claude-permission-daemon/internal/presence/presencetest"
	"claude-permission-daemon/internal/presence/x11"
)

// A lock, a sleep and a return, by python-dbusmock's logind beside a real X
// server. The idle timeout is far away: only the lock makes the person away.
//
// Debian packages: python3-dbusmock dbus xvfb xdotool.
func TestLogind(t *testing.T) {
	t.Parallel()
	const python = "/usr/bin/python3" // Debian's, whatever else is on PATH
	if err := exec.Command(python, "-c", "import dbusmock").Run(); err != nil {
		if os.Getenv("CPD_REQUIRE_PEERS") == "1" {
			t.Fatal("python3-dbusmock is not installed, and CPD_REQUIRE_PEERS=1")
		}
		t.Skip("python3-dbusmock is not installed")
	}
	bus := presencetest.StartBus(t, "")
	presencetest.StartPeer(t, false, append(presencetest.Environ(), "DBUS_SYSTEM_BUS_ADDRESS="+bus.Address),
		python, "-m", "dbusmock", "--system", "--template", "logind")
	conn, err := dbus.Connect(bus.Address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	const (
		name = "org.freedesktop.login1"
		mock = "org.freedesktop.DBus.Mock."
	)
	manager := conn.Object(name, "/org/freedesktop/login1")
	session := conn.Object(name, "/org/freedesktop/login1/session/1")
	presencetest.Eventually(t, "logind is on the bus", func() bool {
		return manager.Call(mock+"AddSession", 0, "1", "seat0", uint32(os.Getuid()), "me", true).Err == nil
	})
	call := func(object dbus.BusObject, method string, args ...any) {
		t.Helper()
		if err := object.Call(method, 0, args...).Err; err != nil {
			t.Fatalf("%s: %v", method, err)
		}
	}
	lock := func(on bool) { t.Helper(); call(session, name+".Session.SetLockedHint", on) }
	sleep := func(on bool) {
		t.Helper()
		call(manager, mock+"EmitSignal", name+".Manager", "PrepareForSleep", "b", []dbus.Variant{dbus.MakeVariant(on)})
	}

	x := presencetest.StartXvfb(t)
	w := watch(t, presence.Options{
		Idle: time.Hour,
		Sources: presence.Sources{
			Desktop: []presence.Source{x11.New(env("DISPLAY", x.Display))},
			Seat:    logind.New(env("DBUS_SYSTEM_BUS_ADDRESS", bus.Address)),
		},
	})
	w.until(permit.Present)
	x.Move(t)
	for range presencetest.CycleCount(t) {
		before := time.Now().Add(-50 * time.Millisecond)
		lock(true)
		p := w.until(permit.Away)
		if p.Source != "logind" || p.Detail != "the screen is locked" || p.Since.Before(before) {
			t.Errorf("locked after %v: %+v", before, p)
		}
		x.Move(t) // at the lock screen
		lock(false)
		w.until(permit.Present)
	}
	sleep(true)
	if p := w.until(permit.Away); p.Detail != "the machine is asleep" {
		t.Errorf("asleep: %+v", p)
	}
	sleep(false)
	w.staysAway(3 * time.Second) // waking up is no input, nor what comes with it
	x.Move(t)
	w.until(permit.Present)
}

// env is a getenv that knows these pairs only.
func env(pairs ...string) func(string) string {
	m := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i]] = pairs[i+1]
	}
	return func(key string) string { return m[key] }
}

//go:build linux

package presencetest

import (
	"net"
	"path/filepath"
	"testing"
)

// Bus is a private D-Bus daemon.
type Bus struct {
	Address string
	socket  string
	peer    *Peer
}

// StartBus starts one in dir; an empty dir makes a fresh one.
func StartBus(t testing.TB, dir string) *Bus {
	t.Helper()
	Need(t, "dbus-daemon")
	if dir == "" {
		dir = RuntimeDir(t)
	}
	b := &Bus{socket: filepath.Join(dir, "bus")}
	b.Address = "unix:path=" + b.socket
	b.peer = StartPeer(t, false, Environ(), "dbus-daemon", "--session", "--nofork", "--nopidfile", "--address="+b.Address)
	Eventually(t, "the bus listens", func() bool {
		conn, err := net.Dial("unix", b.socket)
		if err != nil {
			return false
		}
		_ = conn.Close()
		return true
	})
	return b
}

// Kill ends the bus at once.
func (b *Bus) Kill() { b.peer.Kill() }

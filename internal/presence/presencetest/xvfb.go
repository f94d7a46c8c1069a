//go:build linux

package presencetest

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/gofrs/flock"
)

// Xvfb is a real X server without a screen.
type Xvfb struct {
	Display string // ":77"
	socket  string
	peer    *Peer
	extra   []string
}

// StartXvfb starts one on a free display; extra are more arguments for it.
func StartXvfb(t testing.TB, extra ...string) *Xvfb {
	t.Helper()
	Need(t, "Xvfb", "xdotool")
	number := strconv.Itoa(reserveDisplay(t))
	x := &Xvfb{Display: ":" + number, socket: "/tmp/.X11-unix/X" + number, extra: extra}
	t.Cleanup(func() {
		x.Kill()
		_ = os.Remove(x.socket) // a killed server leaves both
		_ = os.Remove("/tmp/.X" + number + "-lock")
	})
	x.Start(t)
	return x
}

// reserveDisplay finds a display that is free, and keeps it from the tests that
// run at the same time, in this process and in others, also while its server
// is killed and started again.
func reserveDisplay(t testing.TB) int {
	t.Helper()
	for n := 77; n < 277; n++ {
		lock := flock.New(filepath.Join(os.TempDir(), fmt.Sprintf("cpd-display-%d.lock", n)))
		if ok, err := lock.TryLock(); err != nil || !ok {
			continue
		}
		if _, err := os.Stat("/tmp/.X11-unix/X" + strconv.Itoa(n)); err != nil {
			t.Cleanup(func() { _ = lock.Unlock() })
			return n
		}
		_ = lock.Unlock() // somebody's, who does not reserve
	}
	t.Fatal("no free display")
	return 0
}

// Start starts the server again after a Kill.
func (x *Xvfb) Start(t testing.TB) {
	t.Helper()
	argv := append([]string{"Xvfb", x.Display, "-screen", "0", "640x480x24", "-nolisten", "tcp", "-noreset"}, x.extra...)
	x.peer = StartPeer(t, false, Environ(), argv...)
	Eventually(t, "Xvfb listens", func() bool {
		select {
		case <-x.peer.Ended():
			t.Fatalf("Xvfb ended: %s", x.peer.Output())
		default:
		}
		conn, err := net.Dial("unix", x.socket)
		if err != nil {
			return false
		}
		_ = conn.Close()
		return true
	})
}

// Kill ends the server at once.
func (x *Xvfb) Kill() { x.peer.Kill() }

// Move moves the mouse a little.
func (x *Xvfb) Move(t testing.TB) {
	t.Helper()
	cmd := exec.Command("xdotool", "mousemove_relative", "--", "1", "1")
	cmd.Env = append(Environ(), "DISPLAY="+x.Display)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("xdotool: %v: %s", err, strings.TrimSpace(string(out)))
	}
}

// Authority writes an authority file with one cookie for the display, by the
// name that it has in a home folder.
func (x *Xvfb) Authority(t testing.TB, home string, cookie []byte) string {
	t.Helper()
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	var b []byte
	for _, field := range [][]byte{[]byte(host), []byte(x.Display[1:]), []byte("MIT-MAGIC-COOKIE-1"), cookie} {
		b = append(b, byte(len(field)>>8), byte(len(field)))
		b = append(b, field...)
	}
	path := filepath.Join(home, ".Xauthority")
	if err := os.WriteFile(path, append([]byte{1, 0}, b...), 0o600); err != nil { // family 256: local
		t.Fatal(err)
	}
	return path
}

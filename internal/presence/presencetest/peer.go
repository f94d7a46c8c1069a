//go:build linux

package presencetest

import (
	"bytes"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Need skips the test where a program is missing, or fails it where
// CPD_REQUIRE_PEERS=1 says that none may be.
func Need(t testing.TB, programs ...string) {
	t.Helper()
	for _, program := range programs {
		if _, err := exec.LookPath(program); err != nil {
			if os.Getenv("CPD_REQUIRE_PEERS") == "1" {
				t.Fatalf("%s is not installed, and CPD_REQUIRE_PEERS=1", program)
			}
			t.Skipf("%s is not installed", program)
		}
	}
}

// nobody is the user that stands in where a peer refuses to run as root.
const nobody = 65534

// Peer is a real program that a test runs beside the source.
type Peer struct {
	cmd    *exec.Cmd
	ended  chan struct{}
	output *output
}

// StartPeer starts a program, in its own process group, and kills it when the
// test ends. Where the test runs as root and the program does not want to,
// unprivileged lets it run as nobody.
func StartPeer(t testing.TB, unprivileged bool, env []string, argv ...string) *Peer {
	t.Helper()
	p := &Peer{cmd: exec.Command(argv[0], argv[1:]...), ended: make(chan struct{}), output: &output{}}
	p.cmd.Env, p.cmd.Stdout, p.cmd.Stderr = env, p.output, p.output
	p.cmd.WaitDelay = time.Second
	p.cmd.SysProcAttr = peerAttr(unprivileged)
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("cannot start %s: %v", argv[0], err)
	}
	go func() {
		_ = p.cmd.Wait() // a killed peer's exit code says nothing
		close(p.ended)
	}()
	t.Cleanup(func() {
		p.Kill()
		if t.Failed() {
			t.Logf("%s said:\n%s", argv[0], p.output)
		}
	})
	return p
}

// Kill ends the program and its children at once, and waits for it.
func (p *Peer) Kill() {
	select {
	case <-p.ended:
	default:
		_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
		<-p.ended
	}
}

// Ended is closed once the program has ended.
func (p *Peer) Ended() <-chan struct{} { return p.ended }

// Output is what the program has printed so far.
func (p *Peer) Output() string { return p.output.String() }

type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// RuntimeDir makes a short folder for sockets, which peers that run as nobody
// may use too.
func RuntimeDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "cpd") // t.TempDir is too long for a socket's name
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if os.Getuid() == 0 {
		if err := os.Chown(dir, nobody, nobody); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// Eventually waits until ok returns true.
func Eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited %s in vain: %s", patience, what)
		}
	}
}

// Sway is a real headless compositor.
type Sway struct {
	Dir     string // XDG_RUNTIME_DIR
	Display string // WAYLAND_DISPLAY
	peer    *Peer
}

// StartSway starts one, and waits until it listens.
func StartSway(t testing.TB) *Sway {
	t.Helper()
	Need(t, "sway", "wtype")
	s := &Sway{Dir: RuntimeDir(t)}
	config := filepath.Join(s.Dir, "config")
	// With Xwayland, the virtual keyboard's first event kills sway 1.7.
	if err := os.WriteFile(config, []byte("xwayland disable\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	s.Start(t)
	return s
}

// Start starts the compositor again after a Kill.
func (s *Sway) Start(t testing.TB) {
	t.Helper()
	s.peer = StartPeer(t, true, []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + s.Dir, "XDG_RUNTIME_DIR=" + s.Dir,
		"WLR_BACKENDS=headless", "WLR_LIBINPUT_NO_DEVICES=1", "WLR_RENDERER=pixman",
	}, "sway", "-c", filepath.Join(s.Dir, "config"))
	Eventually(t, "sway listens", func() bool {
		select {
		case <-s.peer.Ended():
			t.Fatalf("sway ended: %s", s.peer.Output())
		default:
		}
		found, _ := filepath.Glob(filepath.Join(s.Dir, "wayland-*"))
		for _, path := range found {
			if !strings.HasSuffix(path, ".lock") && s.answers(path) {
				s.Display = filepath.Base(path)
				return true
			}
		}
		return false
	})
}

// answers reports whether the compositor takes input by this socket. Its first
// virtual keyboard is slow; a test's own inputs should not be.
func (s *Sway) answers(path string) bool {
	cmd := exec.Command("wtype", "a")
	cmd.Env = append(os.Environ(), "XDG_RUNTIME_DIR="+s.Dir, "WAYLAND_DISPLAY="+path)
	return cmd.Run() == nil
}

// Kill ends the compositor as a crash would, its socket's file left behind.
func (s *Sway) Kill() { s.peer.Kill() }

// Type presses and releases one key.
func (s *Sway) Type(t testing.TB) {
	t.Helper()
	for try := 1; ; try++ {
		cmd := exec.Command("wtype", "a")
		cmd.Env = s.Environ()
		out, err := cmd.CombinedOutput()
		switch {
		case err == nil:
			return
		case try < 5 && strings.Contains(string(out), "connection failed"):
			// Seen once on a busy machine. Nothing was typed then.
			time.Sleep(20 * time.Millisecond)
		default:
			t.Errorf("wtype: %v: %s", err, out)
			return
		}
	}
}

// Environ is the environment of a program on this desktop, and nothing of the
// desktop that the test itself may run on.
func (s *Sway) Environ() []string {
	return append(Environ(), "XDG_RUNTIME_DIR="+s.Dir, "WAYLAND_DISPLAY="+s.Display)
}

// Environ is the test's environment without the desktop it may run on.
func Environ() []string {
	return slices.DeleteFunc(os.Environ(), func(pair string) bool {
		key, _, _ := strings.Cut(pair, "=")
		switch key {
		case "DISPLAY", "WAYLAND_DISPLAY", "WAYLAND_SOCKET", "XDG_RUNTIME_DIR", "XAUTHORITY",
			"DBUS_SESSION_BUS_ADDRESS", "DBUS_SYSTEM_BUS_ADDRESS", "TMUX", "TMUX_TMPDIR":
			return true
		}
		return false
	})
}

// LiveSocket listens on path, and answers nobody.
func LiveSocket(t testing.TB, path string) {
	t.Helper()
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
}

// DeadSocket makes a socket file on which nobody listens any more.
func DeadSocket(t testing.TB, path string) {
	t.Helper()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	_ = l.Close()
}

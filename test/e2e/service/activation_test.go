//go:build linux

package service

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestKilledWhileHooksCome kills the daemon twenty times, at random moments,
// while hooks come one after another. The socket is held as systemd holds it: no
// hook is refused, and none is lost.
func TestKilledWhileHooksCome(t *testing.T) {
	m := newManager(t)
	m.start()
	m.away()
	over, ended := make(chan struct{}), sync.WaitGroup{}
	var mu sync.Mutex
	asked, wrong := 0, []string(nil)
	for worker := range 4 {
		ended.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-over:
					return
				default:
				}
				a := ask(t, m.env(), fmt.Sprintf("w%d-%d", worker, n))
				out, said := a.end(t)
				mu.Lock()
				asked++
				if !strings.Contains(out, `"allow"`) {
					wrong = append(wrong, fmt.Sprintf("w%d-%d printed %q and said %s", worker, n, out, said))
				}
				mu.Unlock()
			}
		})
	}
	answering := make(chan struct{})
	ended.Go(func() { // the person, who answers whatever is open
		for {
			select {
			case <-answering:
				return
			case <-time.After(5 * time.Millisecond):
			}
			list, err := m.pending()
			if err != nil {
				continue // it was just killed
			}
			for _, p := range list {
				_ = m.approve(p) // it is killed, or somebody was faster: seen in the next list
			}
		}
	})
	const rounds = 20
	for range rounds {
		m.heard("READY=1", 1)
		time.Sleep(time.Duration(rand.N(300)) * time.Millisecond) // any moment will do
		m.kill()
		m.mu.Lock()
		m.told = nil
		m.mu.Unlock()
		time.Sleep(time.Duration(rand.N(200)) * time.Millisecond)
		m.start()
	}
	m.heard("READY=1", 1)
	close(over)
	hooks := make(chan struct{})
	go func() {
		defer close(hooks)
		// The last of each worker is answered still.
		for deadline := time.Now().Add(2 * patience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
			if list, err := m.pending(); err == nil && len(list) == 0 {
				return
			}
		}
	}()
	<-hooks
	close(answering)
	ended.Wait()
	if len(wrong) > 0 {
		t.Errorf("%d of %d hooks were not answered:\n%s\n%s", len(wrong), asked, strings.Join(wrong, "\n"), m.log)
	}
	if asked < rounds {
		t.Errorf("only %d hooks came", asked)
	}
	m.end(syscall.SIGTERM)
	verify := exec.CommandContext(t.Context(), filepath.Join(binaries, "claude-permission-daemon"), "log", "verify")
	verify.Env = m.env()
	if out, err := verify.CombinedOutput(); err != nil {
		t.Errorf("the journal: %s, %v", out, err)
	}
	if _, err := os.Lstat(m.sock()); err != nil {
		t.Errorf("the manager's socket: %v", err)
	}
	t.Logf("%d hooks over %d kills", asked, rounds)
}

// TestHandOver restarts the daemon while a request is open. At the signal of a
// restart the request goes on, with the same id; at a stop it is handed back.
func TestHandOver(t *testing.T) {
	m := newManager(t)
	m.start()
	m.away()
	a := ask(t, m.env(), "s1")
	before := m.opened()
	m.end(syscall.SIGUSR2)
	m.start()
	after := m.opened()
	if after.ID != before.ID || after.Digest != before.Digest {
		t.Errorf("the request was %+v and is %+v", before, after)
	}
	if err := m.approve(after); err != nil {
		t.Fatal(err)
	}
	if out, said := a.end(t); !strings.Contains(out, `"allow"`) || said != "" {
		t.Errorf("the hook printed %q and said %s", out, said)
	}

	b := ask(t, m.env(), "s2")
	m.opened()
	m.end(syscall.SIGTERM)
	if out, _ := b.end(t); out != "" {
		t.Errorf("after a stop the hook printed %q", out)
	}
}

// TestComesWhileNobodyRuns: the hook waits in the socket's queue until there is a
// daemon.
func TestComesWhileNobodyRuns(t *testing.T) {
	m := newManager(t)
	m.start()
	m.away()
	m.kill()
	a := ask(t, m.env(), "s1")
	time.Sleep(200 * time.Millisecond) // so that it comes first, as a rule
	m.start()
	if err := m.approve(m.opened()); err != nil {
		t.Fatal(err)
	}
	if out, said := a.end(t); !strings.Contains(out, `"allow"`) {
		t.Errorf("the hook printed %q and said %s", out, said)
	}
}

// TestNotify: what systemd is told, in order, and that it is told of life.
func TestNotify(t *testing.T) {
	m := newManager(t, "WATCHDOG_USEC=100000")
	m.start()
	m.heard("READY=1", 1)
	m.heard("WATCHDOG=1", 5)
	if err := m.daemon.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	m.heard("RELOADING=1", 1)
	m.heard("MONOTONIC_USEC=", 1)
	m.heard("READY=1", 2)
	m.end(syscall.SIGTERM)
	all := slices.DeleteFunc(m.heard("STOPPING=1", 1), func(line string) bool {
		return line == "WATCHDOG=1" || strings.HasPrefix(line, "MONOTONIC") || strings.HasPrefix(line, "STATUS")
	})
	if want := []string{"READY=1", "RELOADING=1", "READY=1", "STOPPING=1"}; !slices.Equal(all, want) {
		t.Errorf("it told %q, want %q", all, want)
	}
}

// TestOneDaemon: the lock holds for a socket that was handed over, too.
func TestOneDaemon(t *testing.T) {
	m := newManager(t)
	m.start()
	m.heard("READY=1", 1)
	for name, env := range map[string][]string{"handed over": {"LISTEN_FDS=1"}, "by hand": {"LISTEN_FDS=0"}} {
		second := exec.CommandContext(t.Context(), "sh", "-c", `LISTEN_PID=$$ exec "$0" "$@"`, filepath.Join(binaries, "claude-permission-daemon"), "--config", filepath.Join(m.dir, "config.toml"))
		second.Env = append(m.env(), env...)
		second.ExtraFiles = []*os.File{m.held}
		if out, err := second.CombinedOutput(); err == nil || !strings.Contains(string(out), fmt.Sprintf("the daemon with pid %d is listening", m.daemon.Process.Pid)) {
			t.Errorf("%s: a second daemon said %s, %v", name, out, err)
		}
	}
	if _, err := m.pending(); err != nil {
		t.Errorf("the first one no longer answers: %v", err)
	}
}

// TestSandboxed: the daemon enters its sandbox before it serves anybody, unless it
// is told not to or has a presence command of the user's own. (What the sandbox
// allows is tested in internal/sandbox; that everything works in it, by all tests
// that run the real daemon.)
func TestSandboxed(t *testing.T) {
	if abi, _, _ := syscall.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION); int(abi) < 2 {
		unavailable(t, "this kernel has no Landlock")
	}
	for _, test := range []struct{ config, want string }{
		{"", "NoNewPrivs:\t1"}, // which the kernel demands of whoever enters
		{"[daemon]\nsandbox = false\n", "NoNewPrivs:\t0"},
		{"[presence]\nsource = \"command\"\ncommand = [\"sleep\", \"100\"]\n", "NoNewPrivs:\t0"},
	} {
		m := newManager(t)
		if err := os.WriteFile(filepath.Join(m.dir, "config.toml"), []byte("[web]\nlisten = \"127.0.0.1:0\"\n"+test.config), 0o600); err != nil {
			t.Fatal(err)
		}
		m.start()
		m.heard("READY=1", 1)
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", m.daemon.Process.Pid))
		if err != nil || !strings.Contains(string(status), test.want) {
			t.Errorf("%q: not %q: %s, %v", test.config, test.want, status, err)
		}
		m.end(syscall.SIGTERM)
	}
}

//go:build linux

package service

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"claude-permission-daemon/internal/socket"
	"claude-permission-daemon/internal/wire"
)

var binaries string // where TestMain has built the programs

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "cpd-service-")
	if err != nil {
		panic(err)
	}
	build := exec.Command("go", "build", "-o", dir+"/", "claude-permission-daemon/cmd/claude-permission-daemon", "claude-permission-daemon/cmd/claude-permission-hook")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "cannot build: %v\n%s", err, out)
		os.Exit(1)
	}
	if err := os.Chmod(dir, 0o755); err != nil { // other users start them too
		panic(err)
	}
	binaries = dir
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// logged is what a daemon has logged so far.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// patience is how long a test waits for what must come.
const patience = 30 * time.Second

// manager stands in for systemd: it holds the listening socket, starts the
// daemon on it, and hears what the daemon tells.
type manager struct {
	t      *testing.T
	dir    string
	held   *os.File
	notify *net.UnixConn
	daemon *exec.Cmd
	log    *logged
	more   []string // of the daemon's environment

	mu   sync.Mutex
	told []string
}

func newManager(t *testing.T, more ...string) *manager {
	t.Helper()
	dir, err := os.MkdirTemp("", "cpd") // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	m := &manager{t: t, dir: dir, more: more}
	config := "[web]\nlisten = \"127.0.0.1:0\"\n[presence]\nsource = \"manual\"\n"
	if err := os.WriteFile(filepath.Join(dir, "config.toml"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: m.sock(), Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	if m.held, err = l.File(); err != nil {
		t.Fatal(err)
	}
	_ = l.Close() // the file is a copy; the runtime must not accept for us
	if m.notify, err = net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(dir, "notify"), Net: "unixgram"}); err != nil {
		t.Fatal(err)
	}
	var hearing sync.WaitGroup
	hearing.Go(func() {
		buffer := make([]byte, 4096)
		for {
			n, err := m.notify.Read(buffer)
			if err != nil {
				return
			}
			m.mu.Lock()
			m.told = append(m.told, string(buffer[:n]))
			m.mu.Unlock()
		}
	})
	t.Cleanup(func() {
		m.kill()
		_ = m.held.Close()
		_ = m.notify.Close()
		hearing.Wait()
		_ = os.RemoveAll(dir)
	})
	return m
}

func (m *manager) sock() string { return filepath.Join(m.dir, "claude-permissions.sock") }

func (m *manager) env() []string {
	return []string{"HOME=" + m.dir, "XDG_RUNTIME_DIR=" + m.dir, "XDG_STATE_HOME=" + m.dir, "PATH=" + os.Getenv("PATH")}
}

// start starts the daemon as systemd does: the socket is file descriptor 3, and
// LISTEN_PID is the daemon's own.
func (m *manager) start() {
	m.t.Helper()
	m.daemon = exec.Command("sh", "-c", `LISTEN_PID=$$ exec "$0" "$@"`, filepath.Join(binaries, "claude-permission-daemon"), "--config", filepath.Join(m.dir, "config.toml"), "--debug")
	m.daemon.Env = append(m.env(), "LISTEN_FDS=1", "LISTEN_FDNAMES=claude-permission-daemon.socket", "NOTIFY_SOCKET="+filepath.Join(m.dir, "notify"))
	m.daemon.Env = append(m.daemon.Env, m.more...)
	m.daemon.ExtraFiles = []*os.File{m.held}
	m.log = &logged{}
	m.daemon.Stderr = m.log
	if err := m.daemon.Start(); err != nil {
		m.t.Fatal(err)
	}
}

func (m *manager) kill() {
	if m.daemon != nil {
		_ = m.daemon.Process.Kill()
		_ = m.daemon.Wait()
		m.daemon = nil
	}
}

// end sends a signal and waits for the daemon's end, which must be in good order.
func (m *manager) end(s os.Signal) {
	m.t.Helper()
	if err := m.daemon.Process.Signal(s); err != nil {
		m.t.Fatal(err)
	}
	daemon := m.daemon
	late := time.AfterFunc(patience, func() { _ = daemon.Process.Kill() })
	defer late.Stop()
	if err := m.daemon.Wait(); err != nil {
		m.t.Fatalf("the daemon ended with %v:\n%s", err, m.log)
	}
	m.daemon = nil
}

// heard waits until the daemon has told a line that begins so, n times, and
// returns all that it told until then.
func (m *manager) heard(line string, n int) []string {
	m.t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		m.mu.Lock()
		all := strings.Split(strings.Join(m.told, "\n"), "\n")
		m.mu.Unlock()
		count := 0
		for _, told := range all {
			if strings.HasPrefix(told, line) {
				count++
			}
		}
		if count >= n {
			return all
		}
	}
	m.t.Fatalf("the daemon did not tell %q %d times: %q\n%s", line, n, m.told, m.log)
	return nil
}

// say sends one control line and reads the answer.
func (m *manager) say(e wire.Envelope, answer any) error { return say(m.sock(), e, answer) }

func say(at string, e wire.Envelope, answer any) error {
	conn, err := socket.Dial(at)
	if err != nil {
		return err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	e.V = wire.Version
	if err := wire.Write(conn, e); err != nil {
		return err
	}
	line, err := wire.NewReader(conn, wire.MaxLine).Line()
	if err != nil {
		return err
	}
	return json.Unmarshal(line, answer)
}

// away makes the person absent, for all daemons to come.
func (m *manager) away() {
	m.t.Helper()
	var p wire.Presence
	if err := m.say(wire.Envelope{Op: wire.OpPresence, Presence: "away"}, &p); err != nil {
		m.t.Fatalf("cannot go away: %v\n%s", err, m.log)
	}
}

// pending are the open requests; an error is that of a daemon which was killed.
func (m *manager) pending() ([]wire.Pending, error) {
	var list []wire.Pending
	err := m.say(wire.Envelope{Op: wire.OpPending}, &list)
	return list, err
}

// opened waits for one open request.
func (m *manager) opened() wire.Pending {
	m.t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if list, err := m.pending(); err == nil && len(list) == 1 && list[0].State == "offered" {
			return list[0]
		}
	}
	m.t.Fatalf("no request is open:\n%s", m.log)
	return wire.Pending{}
}

// approve answers as the person does.
func (m *manager) approve(p wire.Pending) error {
	var ok wire.OK
	err := m.say(wire.Envelope{Op: wire.OpAnswer, ID: p.ID, Decision: "approve", Digest: p.Digest, Generation: p.Generation}, &ok)
	if err == nil && !ok.OK {
		err = errors.New("it did not count")
	}
	return err
}

// asked is a hook's process with a question.
type asked struct {
	cmd            *exec.Cmd
	stdout, stderr bytes.Buffer
}

func ask(t *testing.T, env []string, session string) *asked {
	t.Helper()
	a := &asked{cmd: exec.Command(filepath.Join(binaries, "claude-permission-hook"))}
	a.cmd.Env = env
	a.cmd.Stdin = strings.NewReader(fmt.Sprintf(`{"hook_event_name":"PermissionRequest","session_id":%q,"tool_name":"Bash","tool_input":{"command":"make %s"},"cwd":"/"}`, session, session))
	a.cmd.Stdout, a.cmd.Stderr = &a.stdout, &a.stderr
	if err := a.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return a
}

// end waits for the hook's end and returns what it printed.
func (a *asked) end(t *testing.T) (out, said string) {
	t.Helper()
	late := time.AfterFunc(2*patience, func() { _ = a.cmd.Process.Signal(syscall.SIGQUIT) })
	defer late.Stop()
	if err := a.cmd.Wait(); err != nil {
		t.Errorf("the hook ended with %v: %s", err, &a.stderr)
	}
	return a.stdout.String(), a.stderr.String()
}

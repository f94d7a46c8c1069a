//go:build linux

package terminals

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"claude-permission-daemon/internal/presence"
	"claude-permission-daemon/internal/presence/presencetest"
)

const pause = 200 * time.Millisecond

// desk is a /dev and a /proc of the test's own. The terminals in it are real,
// but those of whoever runs the test are not in it.
type desk struct {
	t      testing.TB
	source *Source
	tmux   string // TMUX_TMPDIR
}

func newDesk(t testing.TB) *desk {
	t.Helper()
	if !kernelTells() {
		t.Skip("this kernel does not tell of input in terminals")
	}
	d := &desk{t: t, tmux: presencetest.RuntimeDir(t)}
	if err := os.Chown(d.tmux, os.Getuid(), -1); err != nil {
		t.Fatal(err)
	}
	d.source = New(func(key string) string {
		if key == "TMUX_TMPDIR" {
			return d.tmux
		}
		return ""
	})
	d.source.dev, d.source.proc = t.TempDir(), t.TempDir()
	if err := os.Mkdir(filepath.Join(d.source.dev, "pts"), 0o700); err != nil {
		t.Fatal(err)
	}
	return d
}

// tty is one terminal, with somebody who reads what is typed.
type tty struct {
	d      *desk
	master *os.File
	real   string
	number string
}

// open opens a terminal that the process of the given number holds; zero: one
// that cannot be seen.
func (d *desk) open(holder int) *tty {
	d.t.Helper()
	master, slave, err := openTerminal()
	if err != nil {
		d.t.Fatal(err)
	}
	t := &tty{d: d, master: master, real: slave.Name(), number: filepath.Base(slave.Name())}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		buf := make([]byte, 256)
		for {
			if _, err := slave.Read(buf); err != nil {
				return
			}
		}
	}()
	d.t.Cleanup(func() {
		_ = master.Close() // hangs up: the reading ends
		<-ended
		_ = slave.Close()
	})
	if holder != 0 {
		d.hold(holder, t.number)
	}
	d.show(t.real)
	return t
}

// show puts a terminal into the desk's /dev.
func (d *desk) show(path string) {
	d.t.Helper()
	if err := os.Symlink(path, filepath.Join(d.source.dev, "pts", filepath.Base(path))); err != nil {
		d.t.Fatal(err)
	}
}

// write writes a file of the desk's /proc.
func (d *desk) write(pid int, name, text string) {
	d.t.Helper()
	path := filepath.Join(d.source.proc, strconv.Itoa(pid), name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		d.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		d.t.Fatal(err)
	}
}

// process adds one to the desk's /proc.
func (d *desk) process(pid, parent int, name, environ, cmdline string) {
	d.t.Helper()
	d.write(pid, "stat", fmt.Sprintf("%d (%s) S %d 1 1 0 -1", pid, name, parent))
	d.write(pid, "environ", strings.ReplaceAll(environ, " ", "\x00"))
	d.write(pid, "cmdline", strings.ReplaceAll(cmdline, " ", "\x00"))
}

// hold lets a process hold a terminal.
func (d *desk) hold(pid int, number string) {
	d.t.Helper()
	d.write(pid, "fdinfo/9", "pos:\t0\nflags:\t02\ntty-index:\t"+number+"\n")
	link := filepath.Join(d.source.proc, strconv.Itoa(pid), "fd", "9")
	if err := os.MkdirAll(filepath.Dir(link), 0o700); err != nil {
		d.t.Fatal(err)
	}
	if err := os.Symlink("/dev/ptmx", link); err != nil {
		d.t.Fatal(err)
	}
}

func (t *tty) typed(text string) {
	t.d.t.Helper()
	if _, err := t.master.WriteString(text); err != nil {
		t.d.t.Error(err)
	}
}

func (t *tty) close() {
	t.d.t.Helper()
	_ = t.master.Close()
	if err := os.Remove(filepath.Join(t.d.source.dev, "pts", t.number)); err != nil {
		t.d.t.Error(err)
	}
}

func (d *desk) run() *presencetest.Running {
	d.t.Helper()
	return presencetest.Start(d.t, presencetest.Rig{Source: d.source, Pause: pause})
}

func TestSuite(t *testing.T) {
	presencetest.Run(t, func(t *testing.T) presencetest.Rig {
		d := newDesk(t)
		tty := d.open(0)
		return presencetest.Rig{
			Source: d.source,
			Pause:  pause,
			Input:  func(testing.TB) { tty.typed("x\n") },
		}
	})
}

// Nobody there is away, not unknown; whoever opens a terminal has come.
func TestComingAndGoing(t *testing.T) {
	d := newDesk(t)
	r := d.run()
	first := r.First()
	if first.State != presence.Gone || !first.At.IsZero() {
		t.Errorf("%+v, want gone, since nobody knows when", first)
	}
	before := time.Now().Add(-10 * time.Millisecond)
	tty := d.open(0)
	if came := r.First(); came.State != presence.Active || came.At.Before(before) {
		t.Errorf("%+v, want active after %v", came, before)
	}
	r.Until(presence.Idle)
	tty.close()
	if left := r.First(); left.State != presence.Gone || left.At.Before(before) {
		t.Errorf("%+v, want gone after %v", left, before)
	}
	// The next one gets the same number.
	d.open(0).typed("x\n")
	r.Until(presence.Active)
	r.Until(presence.Idle)
}

func TestTypingGoesOn(t *testing.T) {
	const pause = time.Second // a busy machine must not make one
	d := newDesk(t)
	tty := d.open(0)
	r := presencetest.Start(t, presencetest.Rig{Source: d.source, Pause: pause})
	r.Until(presence.Idle)
	var last time.Time
	for range 25 { // 2.5 s
		last = time.Now().Add(-10 * time.Millisecond)
		tty.typed("x\n")
		time.Sleep(pause / 10)
	}
	r.Until(presence.Active)
	r.Until(presence.Active) // once a second, for who must know that it goes on
	idle := r.Until(presence.Idle)
	if idle.At.Before(last) || idle.At.After(time.Now().Add(-pause)) {
		t.Errorf("idle since %v, want %v", idle.At, last)
	}
}

// Who counts, by who holds the other end.
func TestHolders(t *testing.T) {
	tests := []struct {
		name  string
		setup func(d *desk)
		want  bool
	}{
		{"a terminal window", func(d *desk) { d.process(7, 1, "gnome-terminal-", "A=1", "/usr/libexec/gnome-terminal-server") }, true},
		{"nobody who can be seen: sshd", func(*desk) {}, true},
		{"a script", func(d *desk) { d.process(7, 6, "script", "A=1", "script -q"); d.process(6, 1, "bash", "", "bash") }, true},
		{"a process that is gone", func(d *desk) { d.write(7, "stat", "") }, true},
		{"a name with brackets", func(d *desk) { d.process(7, 1, "x (claude) S 1", "", "") }, true},
		{"a variable that only looks like a mark", func(d *desk) { d.process(7, 1, "bash", "XCLAUDECODE=1 CLAUDECODE=0", "bash") }, true},
		{"an interpreter's other script", func(d *desk) { d.process(7, 1, "node", "", "node /usr/lib/code/server.js") }, true},
		{"tmux", func(d *desk) { d.process(7, 1, "tmux: server", "", "tmux") }, false},
		{"screen", func(d *desk) { d.process(7, 1, "screen", "", "SCREEN") }, false},
		{"an agent", func(d *desk) { d.process(7, 1, "claude", "", "claude") }, false},
		{"an agent's script", func(d *desk) {
			d.process(7, 6, "script", "", "script -q")
			d.process(6, 5, "bash", "", "bash -c script")
			d.process(5, 4, "claude", "", "claude")
			d.process(4, 1, "bash", "", "bash")
		}, false},
		{"an agent that an interpreter runs", func(d *desk) { d.process(7, 1, "node", "", "/usr/bin/node /usr/bin/codex exec") }, false},
		{"an agent whose threads have names", func(d *desk) { d.process(7, 1, "MainThread", "", "/usr/bin/gemini -p x") }, false},
		{"Claude Code from its package", func(d *desk) {
			d.process(7, 1, "node", "", "node /usr/lib/node_modules/@anthropic-ai/claude-code/cli.js")
		}, false},
		{"what an agent left behind", func(d *desk) { d.process(7, 1, "expect", "PATH=/bin CLAUDECODE=1", "expect") }, false},
		{"a circle of parents", func(d *desk) { d.process(7, 6, "a", "", ""); d.process(6, 7, "b", "", "") }, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			d := newDesk(t)
			test.setup(d)
			d.write(8, "stat", "8 (other) S 1") // holds nothing
			tty := d.open(7)
			r := d.run()
			first := r.First()
			if test.want == (first.State == presence.Gone) {
				t.Fatalf("%+v, want a person: %v", first, test.want)
			}
			if !test.want {
				tty.typed("x\n")
				r.Nothing(2 * pause)
			}
		})
	}
}

// A terminal that an agent opens while the daemon runs is no person either,
// though who holds it can be seen only a moment after its file.
func TestAgentOpensTerminal(t *testing.T) {
	d := newDesk(t)
	r := d.run()
	r.Until(presence.Gone)
	master, slave, err := openTerminal()
	if err != nil {
		t.Fatal(err)
	}
	defer master.Close()
	defer slave.Close()
	d.show(slave.Name())
	d.process(7, 1, "claude", "", "claude")
	d.hold(7, filepath.Base(slave.Name()))
	r.Nothing(calmTime + pause)
}

// tmux for real: a client's terminal counts, send-keys and the inner terminal
// do not, and a detached server is nobody.
func TestTmux(t *testing.T) {
	presencetest.Need(t, "tmux", "script")
	d := newDesk(t)
	tmux := func(args ...string) string {
		t.Helper()
		cmd := exec.Command("tmux", append([]string{"-L", "t", "-f", "/dev/null"}, args...)...)
		cmd.Env = append(presencetest.Environ(), "TMUX_TMPDIR="+d.tmux)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("tmux %s: %v: %s", args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	tmux("new-session", "-d", "-s", "a", "cat")
	defer tmux("kill-server")
	pid, err := strconv.Atoi(tmux("display-message", "-p", "-t", "a", "#{pid}"))
	if err != nil {
		t.Fatal(err)
	}
	d.source.proc = "/proc" // the server is what it is
	inner := tmux("display-message", "-p", "-t", "a", "#{pane_tty}")
	if kind := (&tree{proc: "/proc", known: map[int]holder{}}).kind(pid); kind != multiplexer {
		t.Fatalf("the tmux server is taken for %d", kind)
	}
	d.show(inner)
	r := d.run()
	r.Until(presence.Gone) // detached

	typing, err := os.OpenFile(fifo(t), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer typing.Close()
	// An agent drives the client: still, somebody may look at it.
	script := exec.Command("script", "-qfc", "tmux -L t attach -t a", "/dev/null")
	script.Env = append(presencetest.Environ(), "TMUX_TMPDIR="+d.tmux, "TERM=xterm", "SHELL=/bin/sh", "CLAUDECODE=1")
	script.Stdin = typing
	if err := script.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = script.Process.Kill(); _ = script.Wait() }()
	outer := ""
	presencetest.Eventually(t, "the client is attached", func() bool {
		outer = tmux("list-clients", "-F", "#{client_tty}")
		return outer != ""
	})
	d.show(outer)
	r.Until(presence.Idle) // a person has it, and does nothing

	for range presencetest.CycleCount(t) {
		tmux("send-keys", "-t", "a", "x", "Enter")
		r.Nothing(2 * pause)
		if _, err := typing.WriteString("x"); err != nil {
			t.Fatal(err)
		}
		r.Until(presence.Active)
		r.Until(presence.Idle)
	}
	tmux("detach-client", "-t", outer)
	_ = script.Wait() // it ends with its program
	if err := os.Remove(filepath.Join(d.source.dev, "pts", filepath.Base(outer))); err != nil {
		t.Fatal(err)
	}
	r.Until(presence.Gone)
}

func fifo(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "typing")
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// Where the kernel does not tell, access times do, some seconds late.
func TestAccessTimes(t *testing.T) {
	d := newDesk(t)
	d.source.tells = func() bool { return false }
	tty := d.open(0)
	long := time.Now().Add(-time.Hour)
	if err := os.Chtimes(tty.real, long, long); err != nil {
		t.Fatal(err)
	}
	w := &watcher{Source: d.source, ctx: t.Context(), pause: pause, terminals: map[string]*terminal{}, watches: map[int]*terminal{}}
	var got []presence.Report
	w.report = func(r presence.Report) { got = append(got, r) }
	look := func() {
		w.scan()
		w.settle(time.Now())
	}
	look()
	look()
	if len(got) != 1 || got[0].State != presence.Idle || got[0].At.After(long.Add(time.Second)) || got[0].Limits == "" {
		t.Fatalf("%+v, want idle for an hour, and that it may be late", got)
	}
	if next := w.next(); next.Before(w.scanned.Add(pollTime)) {
		t.Errorf("looks again after %s", next.Sub(w.scanned))
	}
	now := time.Now()
	if err := os.Chtimes(tty.real, now, now); err != nil {
		t.Fatal(err)
	}
	look()
	if len(got) != 2 || got[1].State != presence.Active {
		t.Errorf("%+v, want active", got)
	}
	w.settle(now.Add(w.quiet() + time.Second))
	if len(got) != 3 || got[2].State != presence.Idle || got[2].At.Sub(now).Abs() > time.Second {
		t.Errorf("%+v, want idle since %v", got, now)
	}
}

// Nothing wakes the source while nobody types.
func TestNoPolling(t *testing.T) {
	d := newDesk(t)
	d.open(0)
	w := &watcher{Source: d.source, tells: true, state: presence.Idle, scanned: time.Now()}
	if next := w.next(); !next.IsZero() {
		t.Errorf("wakes up in %s though nobody is there", time.Until(next))
	}
	w.state = presence.Gone
	if next := w.next(); !next.IsZero() {
		t.Errorf("wakes up in %s though there is no terminal", time.Until(next))
	}
}

func TestUnavailable(t *testing.T) {
	s := New(os.Getenv)
	s.dev = t.TempDir()
	err := s.Run(t.Context(), pause, func(r presence.Report) { t.Errorf("report %+v", r) })
	if !errors.Is(err, presence.ErrUnavailable) {
		t.Errorf("Run returned %v", err)
	}
}

func TestParseClients(t *testing.T) {
	text := "1795385103 /dev/pts/3\n1795385104 \n\nx /dev/pts/4\n1795385105 /dev/pts/5 \n1795385106 relative\n"
	want := []client{{"/dev/pts/3", time.Unix(1795385103, 0)}, {"/dev/pts/5", time.Unix(1795385105, 0)}}
	if got := parseClients(text); !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// A folder that another user made in /tmp is not looked into, and a socket that
// nobody listens on is no server.
func TestTmuxSockets(t *testing.T) {
	dir := presencetest.RuntimeDir(t)
	s := New(func(key string) string { return map[string]string{"TMUX_TMPDIR": dir}[key] })
	own := filepath.Join(dir, "tmux-"+strconv.Itoa(os.Getuid()))
	if err := os.Mkdir(own, 0o700); err != nil {
		t.Fatal(err)
	}
	presencetest.DeadSocket(t, filepath.Join(own, "default"))
	if err := os.WriteFile(filepath.Join(own, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	ours := func() (n int) {
		for _, socket := range s.tmuxSockets() {
			if strings.HasPrefix(socket, dir) {
				n++
			}
		}
		return n
	}
	if n := ours(); n != 1 {
		t.Errorf("found %d sockets, want 1", n)
	}
	if got := s.clients(context.Background(), []string{filepath.Join(own, "default")}); len(got) != 0 {
		t.Errorf("clients of a server that has ended: %v", got)
	}
	if os.Getuid() != 0 {
		return
	}
	if err := os.Chown(own, 12345, -1); err != nil {
		t.Fatal(err)
	}
	if n := ours(); n != 0 {
		t.Error("looked into another user's folder")
	}
}

func FuzzParseNotices(f *testing.F) {
	event := func(watch int32, mask uint32, name string) []byte {
		b := binary.NativeEndian.AppendUint32(nil, uint32(watch))
		b = binary.NativeEndian.AppendUint32(b, mask)
		b = binary.NativeEndian.AppendUint32(b, 0)
		b = binary.NativeEndian.AppendUint32(b, uint32(len(name)))
		return append(b, name...)
	}
	f.Add(append(event(1, unix.IN_CREATE, "12\x00\x00"), event(-1, unix.IN_Q_OVERFLOW, "")...))
	f.Add(event(1, unix.IN_ACCESS, "")[:10])
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := parseNotices(data)
		if err == nil && len(got)*unix.SizeofInotifyEvent > len(data) {
			t.Fatalf("%d events in %d bytes", len(got), len(data))
		}
	})
}

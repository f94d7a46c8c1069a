//go:build unix

package hook

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// These tests are about real processes: what signals, a lost reader and a dying
// or frozen daemon do to a hook that waits.

// waiting is a hook that waits for its answer.
type waiting struct {
	cmd    *exec.Cmd
	stdout *os.File // our end; nil where the test closed it
	hooks  *os.File // its end
	stderr bytes.Buffer
}

// start starts the hook with a question.
func start(t *testing.T, socket string) *waiting {
	t.Helper()
	w := &waiting{cmd: command(t, socket)}
	w.cmd.Stdin = strings.NewReader(asking)
	w.cmd.Stderr = &w.stderr
	from, to, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	w.cmd.Stdout, w.stdout = to, from
	if err := w.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.hooks = to
	return w
}

// closeStdout leaves the hook with a stdout that nobody reads.
func (w *waiting) closeStdout() {
	w.hooks.Close()
	w.stdout.Close()
	w.stdout = nil
}

// end waits for the hook's end.
func (w *waiting) end(t *testing.T) ended {
	t.Helper()
	start := time.Now()
	w.hooks.Close()
	var stdout []byte
	if w.stdout != nil {
		stdout, _ = io.ReadAll(w.stdout)
		w.stdout.Close()
	}
	_ = w.cmd.Wait()
	return ended{string(stdout), w.stderr.String(), w.cmd.ProcessState.ExitCode(), time.Since(start)}
}

func TestSignals(t *testing.T) {
	for _, test := range []struct {
		name   string
		signal syscall.Signal
	}{{"SIGTERM", syscall.SIGTERM}, {"SIGINT", syscall.SIGINT}, {"SIGHUP", syscall.SIGHUP}} {
		for _, phase := range []struct {
			name string
			said string
		}{{"after accepted", accepted}, {"before accepted", ""}} {
			t.Run(test.name+" "+phase.name, func(t *testing.T) {
				t.Parallel()
				asked := make(chan struct{})
				w := start(t, serve(t, func(p *peer) {
					p.request()
					p.say(phase.said)
					close(asked)
					p.expect(`{"closing":"` + test.name + `"}`)
					p.expect("")
				}))
				<-asked
				w.settled(t)
				if err := w.cmd.Process.Signal(test.signal); err != nil {
					t.Fatal(err)
				}
				got := w.end(t)
				got.handedBack(t, "cannot wait for the answer: "+test.name)
				got.within(t, time.Second)
			})
		}
	}
}

// settled waits until the hook has prepared for its wait: the pipe that ends
// watchReader is the last that it opens.
func (w *waiting) settled(t *testing.T) {
	t.Helper()
	dir := filepath.Join("/proc", strconv.Itoa(w.cmd.Process.Pid), "fd")
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		pipes := 0
		for fd := 3; fd < 20; fd++ {
			target, _ := os.Readlink(filepath.Join(dir, strconv.Itoa(fd)))
			if strings.HasPrefix(target, "pipe:") {
				pipes++
			}
		}
		if pipes == 2 {
			return
		}
	}
	t.Fatal("the hook does not begin to wait")
}

// TestStdoutClosed closes the reader's end before the answer comes, or while
// the hook waits: the daemon is never told that the answer was delivered.
func TestStdoutClosed(t *testing.T) {
	closing := `{"closing":"stdout closed"}`
	t.Run("while it waits", func(t *testing.T) {
		if runtime.GOOS != "linux" {
			t.Skip("the hook sees this on Linux only")
		}
		w := start(t, serve(t, func(p *peer) { p.request(); p.say(accepted); p.expect(closing); p.expect("") }))
		w.settled(t)
		w.closeStdout()
		w.end(t).handedBack(t, "cannot wait for the answer: stdout closed")
	})
	t.Run("before the answer", func(t *testing.T) {
		closed := make(chan struct{})
		w := start(t, serve(t, func(p *peer) { <-closed; p.request(); p.say(accepted + approved); p.expect(closing); p.expect("") }))
		w.closeStdout()
		close(closed)
		w.end(t).handedBack(t, "cannot write the answer: broken pipe")
	})
	t.Run("with stderr", func(t *testing.T) {
		cmd := command(t, serve(t, func(p *peer) { p.request(); p.say(accepted + approved); p.expect(closing); p.expect("") }))
		cmd.Stdin = strings.NewReader(asking)
		from, to, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		cmd.Stdout, cmd.Stderr = to, to
		from.Close()
		defer to.Close()
		if err := cmd.Run(); err != nil {
			t.Errorf("with nobody to read either stream it exits with %v", err)
		}
	})
	for _, redirect := range []string{">&-", ">/dev/null", ">/dev/full"} {
		t.Run(redirect, func(t *testing.T) {
			socket := serve(t, func(p *peer) { p.request(); p.say(accepted + approved); p.expect(closing); p.expect("") })
			cmd := exec.CommandContext(t.Context(), "/bin/sh", "-c", `exec "$0" --socket "$1" `+redirect, binary, socket)
			cmd.Stdin = strings.NewReader(asking)
			var stderr bytes.Buffer
			cmd.Stderr = &stderr
			stdout, err := cmd.Output()
			if err != nil {
				t.Error(err)
			}
			ended{stdout: string(stdout), stderr: stderr.String()}.handedBack(t, "cannot write the answer")
		})
	}
}

// TestLargeAnswer has an answer that does not fit the pipe, which its maker may
// have set to not block.
func TestLargeAnswer(t *testing.T) {
	large := strings.Replace(allowing, `"allow"`, `"allow","updatedInput":{"content":"`+strings.Repeat("x", 4<<20)+`"}`, 1)
	for _, nonblocking := range []bool{false, true} {
		t.Run(fmt.Sprintf("nonblocking=%v", nonblocking), func(t *testing.T) {
			ready := make(chan struct{})
			w := start(t, serve(t, func(p *peer) {
				<-ready
				p.request()
				p.say(accepted + `{"action":"approve","output":` + large + "}\n")
				p.expect(`{"delivered":true}`)
			}))
			if err := syscall.SetNonblock(int(w.hooks.Fd()), nonblocking); err != nil {
				t.Fatal(err)
			}
			close(ready)
			if got := w.end(t); got.stdout != large+"\n" || got.stderr != "" {
				t.Errorf("%d of %d bytes, stderr %q", len(got.stdout), len(large)+1, got.stderr)
			}
		})
	}
}

// TestRestart closes everything under a hook that waits, and comes back.
func TestRestart(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "s")
	first := listen(t, socket)
	w := start(t, socket)
	asked := func(listener net.Listener) (*peer, string) {
		conn, err := listener.Accept()
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.SetDeadline(time.Now().Add(time.Minute))
		p := &peer{t: t, conn: conn, lines: bufio.NewReader(conn)}
		return p, p.line()
	}
	p, was := asked(first)
	p.say(accepted)
	w.settled(t)
	first.Close() // and the socket with it
	p.conn.Close()
	second := listen(t, socket)
	defer second.Close()
	p, again := asked(second)
	if again != was {
		t.Errorf("the hook asks again with another line:\n%s\n%s", was, again)
	}
	p.say(accepted + approved)
	p.expect(`{"delivered":true}`)
	if got := w.end(t); got.stdout != allowing+"\n" || got.code != 0 {
		t.Errorf("got %+v", got)
	}
}

// daemon is a process that listens and does what its mode says.
type daemon struct {
	socket string
	cmd    *exec.Cmd
}

func startDaemon(t *testing.T, socket, mode string, as *syscall.Credential) *daemon {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	if as != nil { // the test's own binary may be out of the other user's reach
		self = filepath.Join(filepath.Dir(socket), "daemon")
		if err := os.Link(cmd.Path, self); err != nil {
			t.Skip("cannot share the test's binary: ", err)
		}
		if err := os.Chmod(self, 0o755); err != nil {
			t.Fatal(err)
		}
		cmd = exec.Command(self)
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: as}
		cmd.Dir = "/"
	}
	cmd.Env = []string{"HOOK_TEST_DAEMON=" + socket, "HOOK_TEST_MODE=" + mode}
	cmd.Stderr = os.Stderr
	ready, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	if _, err := io.ReadFull(ready, make([]byte, 1)); err != nil {
		t.Fatal("the daemon does not start: ", err)
	}
	return &daemon{socket, cmd}
}

// daemonProcess is that process.
func daemonProcess(socket string) {
	_ = os.Remove(socket)
	listener, err := net.Listen("unix", socket)
	if err == nil {
		err = os.Chmod(socket, 0o777)
	}
	if err != nil {
		panic(err)
	}
	_, _ = os.Stdout.WriteString("!")
	for {
		conn, err := listener.Accept()
		if err != nil {
			panic(err)
		}
		if _, err := bufio.NewReader(conn).ReadString('\n'); err != nil {
			continue
		}
		answer := accepted
		if os.Getenv("HOOK_TEST_MODE") == "approve" {
			answer += approved
		}
		_, _ = io.WriteString(conn, answer)
	}
}

func TestDaemonKilled(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "s")
	first := startDaemon(t, socket, "hold", nil)
	w := start(t, socket)
	w.settled(t)
	if err := first.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = first.cmd.Wait()
	startDaemon(t, socket, "approve", nil)
	got := w.end(t)
	if got.stdout != allowing+"\n" || got.stderr != "" || got.code != 0 {
		t.Errorf("got %+v", got)
	}
	got.within(t, 10*time.Second)
}

func TestDaemonStopped(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "s")
	stopped := startDaemon(t, socket, "approve", nil)
	if err := stopped.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	got := run(t, socket, asking)
	got.handedBack(t, "did not accept the request within 5s")
	got.within(t, 8*time.Second)
	got = run(t, socket, eliciting)
	got.handedBack(t, "did not accept the request within 250ms")
	got.within(t, time.Second)
}

// TestDaemonLostForGood takes half a minute of real time, and TestWait shows
// the same in a bubble.
func TestDaemonLostForGood(t *testing.T) {
	if os.Getenv("CPD_REQUIRE_PEERS") != "1" {
		t.Skip("slow: set CPD_REQUIRE_PEERS=1")
	}
	for _, signal := range []syscall.Signal{syscall.SIGKILL, syscall.SIGSTOP} {
		t.Run(signal.String(), func(t *testing.T) {
			t.Parallel()
			socket := filepath.Join(t.TempDir(), "s")
			lost := startDaemon(t, socket, "hold", nil)
			w := start(t, socket)
			w.settled(t)
			if err := lost.cmd.Process.Signal(signal); err != nil {
				t.Fatal(err)
			}
			got := w.end(t)
			got.handedBack(t, "cannot come back to the daemon")
			got.within(t, 35*time.Second)
		})
	}
}

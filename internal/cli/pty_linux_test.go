package cli_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// console is a program on a pseudo-terminal, and who sits before it.
type console struct {
	t      *testing.T
	cmd    *exec.Cmd
	master *os.File
	read   sync.WaitGroup

	mu      sync.Mutex
	all     bytes.Buffer  // everything that was shown
	seen    int           // up to where expect has looked
	changed chan struct{} // closed when something was shown
	ended   bool
}

// sit starts a program of TestMain's on a terminal of its own.
func sit(t *testing.T, env []string, args ...string) *console {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		if os.Getenv("CPD_REQUIRE_PEERS") == "1" {
			t.Fatal(err)
		}
		t.Skipf("no pseudo-terminals here: %v", err)
	}
	number, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err != nil {
		t.Fatalf("cannot unlock the pseudo-terminal: %v", err)
	}
	slave, err := os.OpenFile("/dev/pts/"+strconv.Itoa(number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer slave.Close()
	program, err := exec.LookPath("claude-permission-daemon")
	if err != nil {
		t.Fatal(err)
	}
	c := &console{t: t, cmd: exec.Command(program, args...), master: master, changed: make(chan struct{})}
	c.cmd.Env = env
	c.cmd.Stdin, c.cmd.Stdout, c.cmd.Stderr = slave, slave, slave
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	c.read.Go(c.watch)
	t.Cleanup(func() {
		_ = c.cmd.Process.Kill()
		_ = c.cmd.Wait()
		_ = c.master.Close()
		c.read.Wait()
	})
	return c
}

// watch keeps what is shown, until the program and all it started have ended.
func (c *console) watch() {
	piece := make([]byte, 4096)
	for {
		n, err := c.master.Read(piece)
		c.mu.Lock()
		c.all.Write(piece[:n])
		c.ended = err != nil
		close(c.changed)
		c.changed = make(chan struct{})
		c.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// expect waits until the text is shown, after what was expected before.
func (c *console) expect(text string) {
	c.t.Helper()
	late := time.After(60 * time.Second)
	for {
		c.mu.Lock()
		shown := c.all.String()[c.seen:]
		at := strings.Index(shown, text)
		if at >= 0 {
			c.seen += at + len(text)
		}
		changed, ended := c.changed, c.ended
		c.mu.Unlock()
		switch {
		case at >= 0:
			return
		case ended:
			c.t.Fatalf("it ended without showing %q:\n%s", text, c.shown())
		}
		select {
		case <-changed:
		case <-late:
			c.t.Fatalf("it does not show %q:\n%s", text, c.shown())
		}
	}
}

func (c *console) shown() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.all.String()
}

// send types.
func (c *console) send(text string) {
	c.t.Helper()
	if _, err := fmt.Fprint(c.master, text); err != nil {
		c.t.Fatalf("cannot type: %v", err)
	}
}

// answer waits for a prompt, and answers it.
func (c *console) answer(prompt, text string) {
	c.t.Helper()
	c.expect(prompt)
	c.send(text + "\n")
}

// code waits for the end and returns the exit code.
func (c *console) code() int {
	c.t.Helper()
	late := time.AfterFunc(60*time.Second, func() { _ = c.cmd.Process.Kill() })
	_ = c.cmd.Wait() // the code is what counts
	late.Stop()
	c.read.Wait()
	return c.cmd.ProcessState.ExitCode()
}

// done waits for the end of a setup that is to succeed, and reports whether
// doctor was content too: on a busy machine it may call things broken that are
// only late.
func (c *console) done() bool {
	c.t.Helper()
	code := c.code()
	if code != 0 && !onlyLate(strings.ReplaceAll(c.shown(), "\r", "")) {
		c.t.Fatalf("exit code %d\n%s", code, c.shown())
	}
	return code == 0
}

// echoes reports whether the terminal shows what is typed. The program's side
// is closed, the settings stay with the terminal.
func (c *console) echoes() bool {
	c.t.Helper()
	settings, err := unix.IoctlGetTermios(int(c.master.Fd()), unix.TCGETS)
	if err != nil {
		c.t.Fatal(err)
	}
	return settings.Lflag&unix.ECHO != 0
}

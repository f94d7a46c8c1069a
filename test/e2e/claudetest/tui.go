//go:build linux

package claudetest

import (
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TUI is a client in a terminal of its own: a tmux server with one window.
type TUI struct {
	t      *testing.T
	socket string
}

// Start starts the client in a terminal and waits until it takes input. The
// client and its terminal end with the test.
func (h *Home) Start(args ...string) *TUI {
	h.t.Helper()
	u := &TUI{t: h.t, socket: filepath.Join(filepath.Dir(h.Dir), "tmux")}
	command := append([]string{"-f", "/dev/null", "new-session", "-d", "-x", "140", "-y", "50", "-c", h.Work, "env", "-i"}, h.environ()...)
	u.tmux(slices.Concat(command, []string{h.claude}, h.Args, args)...)
	h.t.Cleanup(func() {
		if h.t.Failed() {
			h.t.Logf("the terminal shows:\n%s", u.Screen())
		}
		u.end()
	})
	u.See("mode on")
	return u
}

func (u *TUI) tmux(args ...string) string {
	u.t.Helper()
	said, err := exec.Command("tmux", append([]string{"-S", u.socket}, args...)...).CombinedOutput()
	if err != nil {
		u.t.Fatalf("tmux %s: %v: %s", args[0], err, said)
	}
	return string(said)
}

// PID is the client's process; 0 where it has ended.
func (u *TUI) PID() int {
	said, err := exec.Command("tmux", "-S", u.socket, "list-panes", "-F", "#{pane_pid}").Output()
	if err != nil {
		return 0
	}
	pid, _ := strconv.Atoi(strings.TrimSpace(string(said)))
	return pid
}

// Kill is kill -9 of the client. It waits until the terminal has closed.
func (u *TUI) Kill() {
	u.t.Helper()
	if pid := u.PID(); pid != 0 {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	Wait(u.t, "the terminal outlives its client", func() bool { return u.PID() == 0 })
}

// end closes the terminal, and waits for the client, which still writes to its
// home meanwhile.
func (u *TUI) end() {
	client := u.PID()
	if client == 0 {
		return // the client has ended, and took the terminal along
	}
	_ = exec.Command("tmux", "-S", u.socket, "kill-server").Run() // it may end by itself
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if errors.Is(syscall.Kill(client, 0), syscall.ESRCH) {
			return
		}
	}
	_ = syscall.Kill(client, syscall.SIGKILL)
}

// Screen is what the terminal shows.
func (u *TUI) Screen() string {
	shown, err := exec.Command("tmux", "-S", u.socket, "capture-pane", "-p").CombinedOutput()
	if err != nil {
		return fmt.Sprintf("(nothing: %v)", err)
	}
	return strings.TrimRight(string(shown), " \n")
}

// See waits until the terminal shows a text.
func (u *TUI) See(text string) {
	u.t.Helper()
	Wait(u.t, fmt.Sprintf("the terminal does not show %q", text), func() bool { return strings.Contains(u.Screen(), text) })
}

// Gone waits until the terminal no longer shows a text.
func (u *TUI) Gone(text string) {
	u.t.Helper()
	Wait(u.t, fmt.Sprintf("the terminal still shows %q", text), func() bool { return !strings.Contains(u.Screen(), text) })
}

// Keys presses keys by their tmux names: "Enter", "Escape", "1".
func (u *TUI) Keys(keys ...string) {
	u.t.Helper()
	u.tmux(append([]string{"send-keys"}, keys...)...)
}

// Prompt types a prompt and sends it off.
func (u *TUI) Prompt(text string) {
	u.t.Helper()
	u.tmux("send-keys", "-l", text)
	u.See(text)
	u.Keys("Enter")
}

// Answer presses keys until the terminal no longer shows a text: a dialog takes
// no key in the moment in which it appears.
func (u *TUI) Answer(gone string, keys ...string) {
	u.t.Helper()
	u.See(gone)
	u.press(keys, fmt.Sprintf("%v does not close %q", keys, gone), func() bool { return !strings.Contains(u.Screen(), gone) })
}

// Move presses keys, which may be too many, until the terminal shows a text.
func (u *TUI) Move(there string, keys ...string) {
	u.t.Helper()
	u.press(keys, fmt.Sprintf("%v does not lead to %q", keys, there), func() bool { return strings.Contains(u.Screen(), there) })
}

func (u *TUI) press(keys []string, what string, done func() bool) {
	u.t.Helper()
	Wait(u.t, what, func() bool {
		if done() {
			return true
		}
		u.Keys(keys...)
		for range 10 {
			if time.Sleep(50 * time.Millisecond); done() {
				return true
			}
		}
		return false
	})
}

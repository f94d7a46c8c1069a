//go:build unix

package cli_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// system is a daemon that runs, with the person away and no place to answer but
// the page and the terminal, and the environment that its clients need.
type system struct {
	t   *testing.T
	dir string
	env []string
}

func newSystem(t *testing.T) *system {
	t.Helper()
	dir, err := os.MkdirTemp("", "cpd") // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	s := &system{t: t, dir: dir}
	for _, name := range []string{"HOME=home", "XDG_CONFIG_HOME=home/.config", "XDG_STATE_HOME=home/.state", "XDG_RUNTIME_DIR=run"} {
		key, value, _ := strings.Cut(name, "=")
		s.env = append(s.env, key+"="+filepath.Join(dir, value))
		if err := os.MkdirAll(filepath.Join(dir, value), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	s.env = append(s.env, "PATH="+os.Getenv("PATH"), "TERM=xterm-256color", "LANG=C.UTF-8", "SHELL=/bin/sh")
	config := filepath.Join(dir, "home/.config/claude-permission-daemon/config.toml")
	if err := os.MkdirAll(filepath.Dir(config), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(config, []byte("[web]\nlisten = \"127.0.0.1:0\"\n[presence]\nsource = \"manual\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	daemon := s.command("claude-permission-daemon")
	var log bytes.Buffer
	daemon.Stderr = &log
	if err := daemon.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = daemon.Process.Signal(syscall.SIGTERM)
		if err := daemon.Wait(); err != nil {
			t.Errorf("the daemon ended with %v\n%s", err, log.String())
		}
	})
	s.wait("the daemon does not answer", func() bool { return s.command("claude-permission-daemon", "away").Run() == nil })
	return s
}

func (s *system) command(name string, args ...string) *exec.Cmd {
	s.t.Helper()
	program, err := exec.LookPath(name)
	if err != nil {
		s.t.Fatal(err)
	}
	cmd := exec.Command(program, args...)
	cmd.Env = s.env
	return cmd
}

// wait waits until something holds.
func (s *system) wait(what string, holds func() bool) {
	s.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if holds() {
			return
		}
	}
	s.t.Fatal(what)
}

// ask runs the hook with a question. answer waits for what it prints.
func (s *system) ask(session, command string) (answer func() string) {
	s.t.Helper()
	hook := s.command("claude-permission-hook")
	hook.Env = append(slices.Clone(hook.Env), "CLAUDE_CODE_SESSION_ATTENDED=1")
	hook.Stdin = strings.NewReader(`{"session_id":"` + session + `","cwd":"/tmp","hook_event_name":"PermissionRequest","tool_name":"Bash","tool_input":{"command":"` + command + `"}}`)
	var out bytes.Buffer
	hook.Stdout = &out
	if err := hook.Start(); err != nil {
		s.t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { _ = hook.Wait(); close(ended) }()
	s.t.Cleanup(func() { _ = hook.Process.Signal(syscall.SIGTERM); <-ended })
	return func() string {
		s.t.Helper()
		select {
		case <-ended:
		case <-time.After(30 * time.Second):
			s.t.Fatal("the hook still waits")
		}
		return out.String()
	}
}

// terminal is a program in a terminal of tmux.
type terminal struct {
	s      *system
	socket string
}

// open runs a command line in a terminal of 100 by 30.
func (s *system) open(line string) *terminal {
	s.t.Helper()
	if _, err := exec.LookPath("tmux"); err != nil {
		if os.Getenv("CPD_REQUIRE_PEERS") == "1" {
			s.t.Fatal(err)
		}
		s.t.Skip(err)
	}
	u := &terminal{s, filepath.Join(s.dir, "tmux")}
	// The shell stays, so that what the program left on the screen can be seen.
	u.tmux("-f", "/dev/null", "new-session", "-d", "-x", "100", "-y", "30", "/bin/sh", "-c", line+`; echo "it ended with $?"; exec sleep 600`)
	s.t.Cleanup(func() { _ = exec.Command("tmux", "-S", u.socket, "kill-server").Run() })
	return u
}

func (u *terminal) tmux(args ...string) string {
	u.s.t.Helper()
	cmd := exec.Command("tmux", append([]string{"-S", u.socket}, args...)...)
	cmd.Env = u.s.env
	said, err := cmd.CombinedOutput()
	if err != nil {
		u.s.t.Fatalf("tmux %s: %v: %s", args[0], err, said)
	}
	return string(said)
}

func (u *terminal) keys(keys ...string) {
	u.s.t.Helper()
	u.tmux(append([]string{"send-keys"}, keys...)...)
}

// see waits until the terminal shows texts.
func (u *terminal) see(texts ...string) {
	u.s.t.Helper()
	var shown string
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		shown = u.tmux("capture-pane", "-p")
		if !slices.ContainsFunc(texts, func(text string) bool { return !strings.Contains(shown, text) }) {
			return
		}
	}
	u.s.t.Fatalf("the terminal does not show %q:\n%s", texts, shown)
}

// answer presses a key until the terminal shows a text: a request that has just
// come up takes none.
func (u *terminal) answer(key, shows string) {
	u.s.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); {
		u.keys(key)
		for range 10 {
			if strings.Contains(u.tmux("capture-pane", "-p"), shows) {
				return
			}
			time.Sleep(30 * time.Millisecond)
		}
	}
	u.see(shows)
}

// TestWatch approves, denies and reads on in a real terminal.
func TestWatch(t *testing.T) {
	s := newSystem(t)
	u := s.open("claude-permission-daemon watch")
	u.see("nothing is waiting", "Nothing is waiting.", "q quit")

	first := s.ask("session-1", `make \u202e test`)
	u.see("1 request is waiting", "▶ ", "offered", "Bash", "make ⟨U+202E⟩ test", "a approve")
	u.answer("a", "Nothing is waiting.")
	if out := first(); !strings.Contains(out, `"behavior":"allow"`) {
		t.Errorf("the hook printed %q", out)
	}

	second := s.ask("session-2", "rm -rf build")
	u.see("rm -rf build")
	third := s.ask("session-3", strings.Repeat(`echo one line of many\n`, 60)+"echo the last line")
	u.see("2 requests are waiting")
	u.answer("m", "Deny, and tell Claude:")
	u.keys("-l", "use make clean")
	u.keys("Enter")
	u.see("1 request is waiting")
	if out := second(); !strings.Contains(out, "use make clean") {
		t.Errorf("the hook printed %q", out)
	}

	// The long one is read to its end before it can be approved.
	u.answer("a", "Read on to the end first")
	for range 10 {
		if strings.Contains(u.tmux("capture-pane", "-p"), "— the end —") {
			break
		}
		u.keys("Space")
		time.Sleep(100 * time.Millisecond)
	}
	u.see("— the end —", "echo the last line")
	u.answer("a", "Nothing is waiting.")
	if out := third(); !strings.Contains(out, `"behavior":"allow"`) {
		t.Errorf("the hook printed %q", out)
	}
	u.keys("q")
	u.see("it ended with 0")
	if shown := u.tmux("capture-pane", "-p"); strings.Contains(shown, "Nothing is waiting") {
		t.Errorf("it leaves the screen in disorder:\n%s", shown)
	}
	if mode := u.tmux("display-message", "-p", "#{cursor_flag}"); strings.TrimSpace(mode) != "1" {
		t.Errorf("it leaves no cursor")
	}
}

// TestWatchLines: where there is no terminal it prints lines.
func TestWatchLines(t *testing.T) {
	s := newSystem(t)
	watch := s.command("claude-permission-daemon", "watch")
	out, err := os.Create(filepath.Join(s.dir, "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	watch.Stdout = out
	if err := watch.Start(); err != nil {
		t.Fatal(err)
	}
	printed := func() string { text, _ := os.ReadFile(out.Name()); return string(text) }
	answer := s.ask("session-1", "make test")
	s.wait("it prints no line", func() bool { return strings.Contains(printed(), "offered") })
	if line := printed(); !strings.Contains(line, "Bash  make test") || strings.Contains(line, "\x1b") {
		t.Errorf("it prints %q", line)
	}
	pending, err := s.command("claude-permission-daemon", "pending").Output()
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(pending), "\n")
	id := strings.Fields(lines[1])[0]
	whole, err := s.command("claude-permission-daemon", "pending", id).Output()
	if err != nil || !strings.Contains(string(whole), "make test") || !strings.Contains(string(whole), "Run a command") {
		t.Errorf("pending %s prints %q, %v", id, whole, err)
	}
	if said, err := s.command("claude-permission-daemon", "deny", id).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	answer()
	s.wait("it does not say that it ended", func() bool { return strings.Contains(printed(), "ended     "+id) })
	if err := watch.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if err := watch.Wait(); err != nil {
		t.Errorf("it ends with %v", err)
	}
}

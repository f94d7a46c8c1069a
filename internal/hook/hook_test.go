//go:build unix

package hook

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"claude-permission-daemon/internal/wire"
	"claude-permission-daemon/internal/wire/limits"
)

// binary is the real hook, built once.
var binary string

func TestMain(m *testing.M) {
	if socket := os.Getenv("HOOK_TEST_DAEMON"); socket != "" {
		daemonProcess(socket)
		return
	}
	dir, err := os.MkdirTemp("", "hook")
	if err != nil {
		panic(err)
	}
	binary = filepath.Join(dir, "claude-permission-hook")
	if output, err := exec.Command("go", "build", "-o", binary, "../../cmd/claude-permission-hook").CombinedOutput(); err != nil {
		panic(fmt.Sprintf("cannot build the hook: %v\n%s", err, output))
	}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// ended is what is left of a hook.
type ended struct {
	stdout, stderr string
	code           int
	after          time.Duration
}

// handedBack checks that the hook ended as it must where it has no answer.
func (e ended) handedBack(t *testing.T, why string) {
	t.Helper()
	if e.stdout != "" || e.code != 0 {
		t.Errorf("stdout = %q, code = %d; want nothing and 0", e.stdout, e.code)
	}
	line := regexp.MustCompile(`\Aclaude-permission-hook: handed back: cannot [^\n]+: [^\n]+\n\z`)
	if !line.MatchString(e.stderr) || !strings.Contains(e.stderr, why) {
		t.Errorf("stderr = %q, want one line with %q", e.stderr, why)
	}
}

func (e ended) within(t *testing.T, limit time.Duration) {
	t.Helper()
	if os.Getenv("CI") != "" {
		limit *= 4 // a busy machine is late with everything
	}
	if e.after > limit {
		t.Errorf("it took %v, want at most %v", e.after, limit)
	}
}

// run runs the real hook to its end.
func run(t *testing.T, socket, stdin string, environment ...string) ended {
	t.Helper()
	cmd := command(t, socket, environment...)
	cmd.Stdin = strings.NewReader(stdin)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	start := time.Now()
	err := cmd.Run()
	if exit := new(exec.ExitError); err != nil && !errors.As(err, &exit) && !errors.Is(err, syscall.EPIPE) {
		t.Fatal(err)
	}
	return ended{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode(), time.Since(start)}
}

func command(t *testing.T, socket string, environment ...string) *exec.Cmd {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, binary, "--socket", socket)
	cmd.Env = append([]string{"HOME=/h"}, environment...)
	return cmd
}

// runHere is run within the test's process.
func runHere(t *testing.T, socket, stdin string, environment ...string) ended {
	t.Helper()
	getenv := func(name string) string {
		for _, pair := range append([]string{"HOME=/h"}, environment...) {
			if value, found := strings.CutPrefix(pair, name+"="); found {
				return value
			}
		}
		return ""
	}
	stdout, readStdout := stream(t)
	stderr, readStderr := stream(t)
	start := time.Now()
	code := Run("0", []string{"--socket=" + socket}, getenv, strings.NewReader(stdin), stdout, stderr)
	after := time.Since(start)
	return ended{readStdout(), readStderr(), code, after}
}

// stream is a pipe whose reader never makes the writer wait.
func stream(t *testing.T) (to *os.File, read func() string) {
	t.Helper()
	from, to, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	all := make(chan string, 1)
	go func() {
		got, _ := io.ReadAll(from)
		from.Close()
		all <- string(got)
	}()
	return to, func() string { to.Close(); return <-all }
}

// serve listens at a socket and plays the nth script at the nth connection. It
// returns the socket's path. The test waits for the scripts to end.
func serve(t *testing.T, scripts ...func(*peer)) (socket string) {
	t.Helper()
	socket = filepath.Join(t.TempDir(), "s")
	listener := listen(t, socket)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for _, script := range scripts {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_ = conn.SetDeadline(time.Now().Add(time.Minute))
			script(&peer{t: t, conn: conn, lines: bufio.NewReader(conn)})
			conn.Close()
		}
	}()
	t.Cleanup(func() { listener.Close(); <-done })
	return socket
}

func listen(t *testing.T, socket string) net.Listener {
	t.Helper()
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	return listener
}

// request reads the hook's first line, which must be an envelope.
func (p *peer) request() wire.Envelope {
	line := p.line()
	var got wire.Envelope
	if err := json.Unmarshal([]byte(line), &got); err != nil || got.V != wire.Version || got.Op != wire.OpHook {
		p.t.Errorf("the hook sends %.200q, which is no envelope: %v", line, err)
	}
	return got
}

// TestOneConnection is every way in which one connection to a daemon can end,
// for the hook as a process and within this one.
func TestOneConnection(t *testing.T) {
	subagent := strings.Replace(asking, `{`, `{"agent_id":"a1",`, 1)
	accept := `{"hookSpecificOutput":{"hookEventName":"Elicitation","action":"accept","content":{"name":"Jo"}}}`
	attended := "CLAUDE_CODE_SESSION_ATTENDED=1"
	odd := func(line string) func(*peer) {
		return func(p *peer) {
			p.request()
			p.say(accepted + line + "\n")
			if got := p.line(); got != "" && !strings.Contains(got, "closing") {
				p.t.Errorf("the hook sends %q after an odd answer", got)
			}
		}
	}
	silent := func(p *peer) { p.request(); p.expect("") }
	for _, test := range []struct {
		name        string
		event       string // asking, where empty
		environment string
		script      func(*peer)
		stdout      string
		failure     string        // part of the line on stderr; empty: none
		limit       time.Duration // 1 s, where zero
	}{
		{name: "approved", script: func(p *peer) { p.request(); p.say(accepted + approved); p.expect(`{"delivered":true}`); p.expect("") }, stdout: allowing + "\n"},
		{name: "denied", script: func(p *peer) { p.request(); p.say(accepted); p.say(denied); p.expect(`{"delivered":true}`) }, stdout: denying + "\n"},
		{name: "approved after a while", script: func(p *peer) {
			p.request()
			p.say(accepted)
			time.Sleep(10 * soon)
			p.say(approved)
			p.expect(`{"delivered":true}`)
		}, stdout: allowing + "\n"},
		{name: "approved after two whiles", script: func(p *peer) {
			p.request()
			time.Sleep(5 * soon)
			p.say(accepted)
			time.Sleep(5 * soon)
			p.say(approved)
			p.expect(`{"delivered":true}`)
		}, stdout: allowing + "\n"},
		{name: "handed back", script: func(p *peer) { p.request(); p.say(accepted); p.say(handed); p.expect("") }},
		{name: "handed back with an output", script: func(p *peer) {
			p.request()
			p.say(accepted + strings.Replace(approved, "approve", "passthrough", 1))
			p.expect("")
		}},
		{name: "an elicitation", event: eliciting, script: func(p *peer) {
			p.request()
			p.say(accepted + `{"action":"approve","output":` + accept + "}\n")
			p.expect(`{"delivered":true}`)
		}, stdout: accept + "\n"},
		{name: "in small pieces", script: func(p *peer) {
			p.request()
			for _, b := range []byte(accepted + approved) {
				p.say(string(b))
			}
			p.expect(`{"delivered":true}`)
		}, stdout: allowing + "\n"},
		{name: "the connection ends with the answer", script: func(p *peer) { p.request(); p.say(accepted + approved) }, stdout: allowing + "\n"},

		{name: "silence", script: silent, failure: "did not accept the request within 5s", limit: 8 * time.Second},
		{name: "silence where the hook blocks an elicitation", event: eliciting, script: silent, failure: "within 250ms"},
		{name: "silence where the hook blocks a dialog", event: subagent, environment: attended, script: silent, failure: "within 250ms"},
		{name: "closed at once", script: func(p *peer) { p.last() }, failure: "cannot "},
		{name: "closed before accepted", script: func(p *peer) { p.request(); p.last() }, failure: "the daemon closed the connection, and then: cannot connect"},
		{name: "half a line, and closed", script: func(p *peer) { p.request(); p.say(`{"accepted"`); p.last() }, failure: "within a line"},
		{name: "half a line, and silence", event: eliciting, script: func(p *peer) { p.request(); p.say(`{"accepted"`); p.expect("") }, failure: "within 250ms"},
		{name: "reset before accepted", script: func(p *peer) { time.Sleep(5 * soon); p.last() }, failure: "cannot get an answer: the connection broke: connection reset by peer"},

		{name: "an error", script: func(p *peer) { p.request(); p.say(`{"error":"cannot take it: no tool"}` + "\n"); p.expect("") }, failure: `cannot be served: the daemon says "cannot take it: no tool"`},
		{name: "a refusal", script: func(p *peer) { p.request(); p.say(`{"accepted":false}` + "\n"); p.expect("") }, failure: "does not accept"},
		{name: "a line that is not JSON", script: odd("approve"), failure: "cannot read the daemon's answer"},
		{name: "an empty line", script: odd(""), failure: "cannot read the daemon's answer"},
		{name: "a 20 MB line", script: odd(`{"action":"approve","reason":"` + strings.Repeat("x", 20_000_000)), failure: "cannot read the daemon's answer: a line over 16 MiB", limit: 20 * time.Second},
		{name: "an unknown action", script: odd(strings.Replace(approved, "approve", "allow", 1)), failure: "unknown action"},
		{name: "an approval without output", script: odd(`{"action":"approve","reason":"r"}`), failure: "cannot use the daemon's answer"},
		{name: "an approval that is a text", script: odd(`{"action":"approve","output":"yes"}`), failure: "cannot use the daemon's answer"},
		{name: "another event's output", script: odd(`{"action":"approve","output":` + accept + `}`), failure: "not for PermissionRequest"},
		{name: "a denial that approves", script: odd(strings.Replace(approved, "approve", "deny", 1)), failure: "it says deny"},

		{name: "news", event: `{"hook_event_name":"PostToolUse","tool_name":"Bash"}`, script: func(p *peer) {
			if got := p.request(); got.ID != "" || got.Client.PID == 0 {
				p.t.Errorf("news come as %+v", got)
			}
			p.expect("")
		}},
		{name: "a notification", event: `{"hook_event_name":"Notification"}`, script: func(p *peer) { p.request(); p.expect("") }},
		{name: "unknown news, refused", event: `{"hook_event_name":"NextYear"}`, script: func(p *peer) { p.request(); p.say(`{"error":"cannot"}` + "\n") }},
	} {
		for _, runner := range []struct {
			name string
			run  func(t *testing.T, socket, stdin string, environment ...string) ended
		}{{"process", run}, {"here", runHere}} {
			t.Run(test.name+"/"+runner.name, func(t *testing.T) {
				t.Parallel()
				event, limit := test.event, test.limit
				if event == "" {
					event = asking
				}
				if limit == 0 {
					limit = time.Second
				}
				got := runner.run(t, serve(t, test.script), event, test.environment)
				got.within(t, limit)
				if test.failure != "" {
					got.handedBack(t, test.failure)
					return
				}
				if got.stdout != test.stdout || got.stderr != "" || got.code != 0 {
					t.Errorf("got %+v, want stdout %q", got, test.stdout)
				}
			})
		}
	}
}

// TestWhatTheDaemonGets reads the whole of a real process's request.
func TestWhatTheDaemonGets(t *testing.T) {
	event := `{"hook_event_name": "PermissionRequest",` + "\r\n\n" + ` "tool_name": "Write", "tool_input": {"content": "` + strings.Repeat(`a\n`, 200_000) + `"}}`
	socket := serve(t, func(p *peer) {
		got := p.request()
		if !regexp.MustCompile(`^[0-9a-f]{32}$`).MatchString(got.ID) {
			t.Errorf("id = %q", got.ID)
		}
		if want := strings.NewReplacer("\r", " ", "\n", " ").Replace(event); string(got.Event) != want {
			t.Errorf("the event changed: %.100q", got.Event)
		}
		client := *got.Client
		if client.PID == 0 || client.PID == os.Getpid() || client.TTY != "" {
			t.Errorf("pid = %d, tty = %q", client.PID, client.TTY)
		}
		client.PID = 0
		if got := fmt.Sprintf("%+v", client); got != "{PID:0 ClaudePID:1 Entrypoint:cli Attended:true TTY: Tmux:/tmp/tmux-0/default,%7 Sessions:/c/sessions}" {
			t.Errorf("client = %s", got)
		}
		p.say(accepted + handed)
	})
	got := run(t, socket, event, "CLAUDE_PID=1", "CLAUDE_CODE_ENTRYPOINT=cli", "CLAUDE_CODE_SESSION_ATTENDED=1", "TMUX=/tmp/tmux-0/default,12,0", "TMUX_PANE=%7", "CLAUDE_CONFIG_DIR=/c")
	if got.stdout+got.stderr != "" || got.code != 0 {
		t.Errorf("got %+v", got)
	}
}

func TestIDsDiffer(t *testing.T) {
	seen := map[string]bool{}
	socket := serve(t, func() (scripts []func(*peer)) {
		for range 5 {
			scripts = append(scripts, func(p *peer) { seen[p.request().ID] = true; p.say(accepted + handed); p.expect("") })
		}
		return scripts
	}()...)
	for range 5 {
		run(t, socket, asking)
	}
	if len(seen) != 5 {
		t.Errorf("5 requests have these ids: %v", seen)
	}
}

func TestNobodyListens(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	stale := filepath.Join(dir, "stale")
	listener := listen(t, stale).(*net.UnixListener)
	listener.SetUnlinkOnClose(false)
	listener.Close()
	for _, test := range []struct{ name, socket, failure string }{
		{"no socket", filepath.Join(dir, "none"), "no such file or directory"},
		{"no folder", filepath.Join(dir, "none", "none"), "no such file or directory"},
		{"a file", file, "connection refused"},
		{"a folder", dir, "connection refused"},
		{"a stale socket", stale, "connection refused"},
		{"a path that is too long", filepath.Join(dir, strings.Repeat("x", 108)), "too long"},
	} {
		for _, event := range []string{asking, `{"hook_event_name":"Stop"}`} {
			t.Run(test.name, func(t *testing.T) {
				got := run(t, test.socket, event)
				got.handedBack(t, "cannot connect to "+test.socket+": ")
				got.handedBack(t, test.failure)
				got.within(t, time.Second)
			})
		}
	}
}

func TestFullAcceptQueue(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "s")
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(fd)
	if err := errors.Join(syscall.Bind(fd, &syscall.SockaddrUnix{Name: socket}), syscall.Listen(fd, 0)); err != nil {
		t.Fatal(err)
	}
	for range 10 {
		waiting, err := dial(socket)
		if err != nil {
			break
		}
		defer waiting.Close()
	}
	got := run(t, socket, asking)
	got.handedBack(t, "no longer takes connections")
	got.within(t, time.Second)
}

// Anybody may listen in a folder for everybody.
func TestForeignDaemon(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can be two users")
	}
	dir, err := os.MkdirTemp("", "foreign")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	daemon := startDaemon(t, filepath.Join(dir, "s"), "approve", &syscall.Credential{Uid: 65534, Gid: 65534})
	run(t, daemon.socket, asking).handedBack(t, "another user's")
}

func TestStdin(t *testing.T) {
	unreached := filepath.Join(t.TempDir(), "s")
	for _, test := range []struct{ name, stdin, failure string }{
		{"empty", "", "cannot read the event: it is empty"},
		{"a newline", "\n", "cannot read the event: not a JSON object"},
		{"not JSON", "hello\n", "cannot read the event: not a JSON object"},
		{"half an event", asking[:40], "cannot read the event: not JSON"},
		{"two events", asking + asking, "cannot read the event: not JSON"},
		{"no event", `{"tool_name":"Bash"}`, "cannot read the event: it has no hook_event_name"},
		{"too long", `{"hook_event_name":"PermissionRequest","x":"` + strings.Repeat("x", limits.MaxLine) + `"}`, "16 MiB"},
		{"too long with its envelope", `{"hook_event_name":"PermissionRequest","x":"` + strings.Repeat("x", limits.MaxLine-100) + `"}`, "cannot send the event: a line over 16 MiB"},
		{"nested too deep", `{"hook_event_name":"PermissionRequest","x":` + strings.Repeat("[", 1<<20), "too deep"},
	} {
		t.Run(test.name, func(t *testing.T) {
			run(t, unreached, test.stdin).handedBack(t, test.failure)
			runHere(t, unreached, test.stdin).handedBack(t, test.failure)
		})
	}
	t.Run("closed", func(t *testing.T) {
		cmd := exec.Command("/bin/sh", "-c", `exec "$0" <&- --socket `+unreached, binary)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		stdout, err := cmd.Output()
		if err != nil {
			t.Error(err)
		}
		ended{stdout: string(stdout), stderr: stderr.String()}.handedBack(t, "cannot read the event")
	})
}

func TestFlags(t *testing.T) {
	for _, test := range []struct {
		args   string
		stdout string // part of it
		stderr string
	}{
		{args: "--help", stdout: "Usage: claude-permission-hook"},
		{args: "-h", stdout: "Usage: claude-permission-hook"},
		{args: "--version", stdout: "claude-permission-hook "},
		{args: "--socket", stderr: "--socket needs a path"},
		{args: "--sockets /x", stderr: `unknown "--sockets"`},
		{args: "PermissionRequest", stderr: `unknown "PermissionRequest"`},
		{args: "--socket /nonexistent/1", stderr: "cannot connect to /nonexistent/1"},
		{args: "--socket=/nonexistent/2", stderr: "cannot connect to /nonexistent/2"},
		{args: "-socket=/nonexistent/3", stderr: "cannot connect to /nonexistent/3"},
		{args: "", stderr: "cannot connect to /nonexistent/variable"},
	} {
		t.Run(test.args, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), binary, strings.Fields(test.args)...)
			cmd.Env = []string{"CLAUDE_PERM_SOCKET_PATH=/nonexistent/variable"}
			cmd.Stdin = strings.NewReader(asking)
			var stderr bytes.Buffer
			cmd.Stderr = &stderr
			stdout, err := cmd.Output()
			if err != nil {
				t.Errorf("it exits with %v", err)
			}
			if test.stderr != "" {
				ended{stdout: string(stdout), stderr: stderr.String()}.handedBack(t, test.stderr)
				return
			}
			if !strings.HasPrefix(string(stdout), test.stdout) || stderr.Len() > 0 {
				t.Errorf("stdout = %q, stderr = %q", stdout, stderr.String())
			}
		})
	}
}

// TestPanic has stdin panic, which stands for any bug.
func TestPanic(t *testing.T) {
	stdout, readStdout := stream(t)
	stderr, readStderr := stream(t)
	code := Run("0", nil, os.Getenv, panicking{}, stdout, stderr)
	ended{stdout: readStdout(), stderr: readStderr(), code: code}.handedBack(t, "a bug in the hook")
}

type panicking struct{}

func (panicking) Read([]byte) (int, error) { panic("oh") }

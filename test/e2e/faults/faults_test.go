// Package faults kills the real programs at random moments, with the loopback
// Slack as the channel, and counts what was lost, doubled or left behind.
package faults

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"claude-permission-daemon/internal/channel/slack/slacktest"
	"claude-permission-daemon/internal/journal"
	"claude-permission-daemon/internal/permit"
	"claude-permission-daemon/internal/socket"
)

var binaries string // where TestMain has built the programs

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "cpd-faults-")
	if err != nil {
		panic(err)
	}
	build := exec.Command("go", "build", "-o", dir+"/", "claude-permission-daemon/cmd/claude-permission-daemon", "claude-permission-daemon/cmd/claude-permission-hook")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "cannot build: %v\n%s", err, out)
		os.Exit(1)
	}
	binaries = dir
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// rounds is how often each kind of fault is tried: CPD_ROUNDS, or a few times.
func rounds() int {
	if n, err := strconv.Atoi(os.Getenv("CPD_ROUNDS")); err == nil {
		return n
	}
	return 6
}

// house is a daemon's home, with the loopback Slack.
type house struct {
	t      *testing.T
	dir    string
	slack  *slacktest.Server
	daemon *exec.Cmd
	log    *logged
	as     *syscall.SysProcAttr // who runs the programs; nil: we
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

func newHouse(t *testing.T) *house {
	t.Helper()
	dir, err := os.MkdirTemp("", "cpd")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	s, err := slacktest.Start(slacktest.Options{BotToken: "xoxb-1-a", AppToken: "xapp-1-a", Users: []string{"U0ALICE"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	h := &house{t: t, dir: dir, slack: s}
	h.config("")
	t.Cleanup(h.kill)
	return h
}

func (h *house) config(more string) {
	h.t.Helper()
	text := fmt.Sprintf("[web]\nlisten = \"127.0.0.1:0\"\n[presence]\nsource = \"manual\"\n[slack]\nbot_token = \"xoxb-1-a\"\napp_token = \"xapp-1-a\"\nchannel = \"U0ALICE\"\napi_url = %q\n%s", h.slack.URL(), more)
	if err := os.WriteFile(filepath.Join(h.dir, "config.toml"), []byte(text), 0o600); err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) env() []string {
	return []string{"HOME=" + h.dir, "XDG_RUNTIME_DIR=" + h.dir, "XDG_STATE_HOME=" + h.dir, "PATH=" + os.Getenv("PATH"), "CLAUDE_CODE_SESSION_ATTENDED=1"}
}

func (h *house) sock() string  { return filepath.Join(h.dir, "claude-permissions.sock") }
func (h *house) state() string { return filepath.Join(h.dir, "claude-permission-daemon") }

func (h *house) start() {
	h.t.Helper()
	h.log = &logged{}
	h.daemon = exec.Command(filepath.Join(binaries, "claude-permission-daemon"), "--config", filepath.Join(h.dir, "config.toml"), "--debug")
	h.daemon.Env, h.daemon.Stderr, h.daemon.SysProcAttr = h.env(), h.log, h.as
	if err := h.daemon.Start(); err != nil {
		h.t.Fatal(err)
	}
	h.await()
}

// await waits until a daemon answers.
func (h *house) await() {
	h.t.Helper()
	for range 6000 {
		if conn, err := socket.Dial(h.sock()); err == nil {
			_ = conn.Close()
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	h.t.Fatalf("the daemon is not there:\n%s", h.log)
}

// kill is kill -9.
func (h *house) kill() {
	if h.daemon != nil {
		_ = h.daemon.Process.Kill()
		_ = h.daemon.Wait()
		h.daemon = nil
	}
}

// say sends a line to the daemon and reads an answer.
func (h *house) say(line string) {
	h.t.Helper()
	conn, err := socket.Dial(h.sock())
	if err != nil {
		h.t.Fatal(err)
	}
	defer conn.Close()
	_, _ = conn.Write([]byte(line + "\n"))
	_, _ = conn.Read(make([]byte, 1000))
}

func (h *house) run(args ...string) string {
	h.t.Helper()
	cmd := exec.Command(filepath.Join(binaries, "claude-permission-daemon"), args...)
	cmd.Env, cmd.SysProcAttr = h.env(), h.as
	out, err := cmd.CombinedOutput()
	if err != nil {
		h.t.Fatalf("%v: %v\n%s\n%s", args, err, out, h.log)
	}
	return string(out)
}

// asking is one hook as a process.
type asking struct {
	cmd            *exec.Cmd
	stdout, stderr bytes.Buffer
	done           chan struct{}
}

func (h *house) ask(session string) *asking {
	h.t.Helper()
	a := &asking{cmd: exec.Command(filepath.Join(binaries, "claude-permission-hook")), done: make(chan struct{})}
	event, _ := json.Marshal(map[string]any{"hook_event_name": "PermissionRequest", "session_id": session, "cwd": "/", "tool_name": "Bash",
		"tool_input": map[string]string{"command": "echo " + session}})
	a.cmd.Env, a.cmd.Stdin, a.cmd.Stdout, a.cmd.Stderr, a.cmd.SysProcAttr = h.env(), bytes.NewReader(event), &a.stdout, &a.stderr, h.as
	if err := a.cmd.Start(); err != nil {
		h.t.Fatal(err)
	}
	go func() { defer close(a.done); _ = a.cmd.Wait() }()
	h.t.Cleanup(func() { _ = a.cmd.Process.Kill(); <-a.done })
	return a
}

func (a *asking) wait(t *testing.T, d time.Duration) string {
	t.Helper()
	select {
	case <-a.done:
	case <-time.After(d):
		t.Errorf("the hook still waits after %v; it said %s", d, &a.stderr)
	}
	return a.stdout.String()
}

// card waits for the message about a session, live or not.
func (h *house) card(ctx context.Context, session string, live bool) (slacktest.Message, error) {
	return h.slack.WaitMessage(ctx, func(m slacktest.Message) bool {
		return strings.Contains(string(m.Blocks), "echo "+session) && strings.Contains(string(m.Blocks), "cpd_approve") == live
	})
}

// tap presses a button until the card has lost its buttons, as a person does:
// Slack shows an error while no daemon is linked, and a tap that was taken by a
// daemon which was killed before it could write it down is lost.
func (h *house) tap(ctx context.Context, session, action string) error {
	for {
		m, err := h.card(ctx, session, true)
		if err != nil {
			return err
		}
		result, err := h.slack.Click(ctx, slacktest.Click{Channel: m.Channel, TS: m.TS, ActionID: action, User: "U0ALICE"})
		if err == nil && result.Acked {
			soon, cancel := context.WithTimeout(ctx, 5*time.Second)
			_, err = h.card(soon, session, false)
			cancel()
			if err == nil {
				return nil
			}
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("the tap is not taken: %w", ctx.Err())
		}
	}
}

// wantNoLiveCards waits until no message has buttons, and each session has one.
func (h *house) wantNoLiveCards() {
	h.t.Helper()
	deadline := time.Now().Add(60 * time.Second)
	for {
		live, bySession, what := 0, map[string]int{}, ""
		for _, m := range h.slack.Messages("") {
			if strings.Contains(string(m.Blocks), "cpd_approve") {
				live++
			}
			for i := range 1000 {
				if strings.Contains(string(m.Blocks), fmt.Sprintf("echo s%03d\"", i)) && !m.Deleted {
					bySession[fmt.Sprint(i)]++
					what += fmt.Sprintf("%s %s %s\n", m.TS, m.Text, m.Blocks)
				}
			}
		}
		if live == 0 {
			for session, n := range bySession {
				if n > 1 {
					h.t.Errorf("session %s has %d cards\n%s\n%s", session, n, what, h.log)
				}
			}
			return
		}
		if time.Now().After(deadline) {
			h.t.Fatalf("%d cards still have buttons\n%s", live, h.log)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func (h *house) verify() {
	h.t.Helper()
	if _, err := journal.Verify(h.state()); err != nil {
		h.t.Error(err)
	}
	for _, r := range h.records() {
		switch r.Kind {
		case permit.RecordStarted, permit.RecordStopped, permit.RecordRepaired, permit.RecordGap, permit.RecordPresence, permit.RecordTold:
		default:
			if r.Request == "" {
				h.t.Errorf("a record of a request without its id: %+v", r)
			}
		}
	}
}

// TestDaemonKilled: kill -9 at a random moment of a request's life. The hook
// comes back, the request goes on with its card, and the tap counts once.
func TestDaemonKilled(t *testing.T) {
	h := newHouse(t)
	h.start()
	h.run("away")
	rng := rand.New(rand.NewPCG(1, uint64(rounds())))
	for i := range rounds() {
		session := fmt.Sprintf("s%03d", i)
		verb := []string{"allow", "deny"}[rng.IntN(2)]
		action := map[string]string{"allow": "cpd_approve", "deny": "cpd_deny"}[verb]
		ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
		a := h.ask(session)
		tapped := make(chan error, 1)
		go func() { tapped <- h.tap(ctx, session, action) }()
		time.Sleep(time.Duration(rng.IntN(60)) * time.Millisecond) // the random moment
		h.kill()
		time.Sleep(time.Duration(rng.IntN(300)) * time.Millisecond)
		h.start()
		out := ""
		select {
		case <-a.done: // before it was accepted, a hook hands back at once
			out = a.stdout.String()
		case err := <-tapped:
			if err != nil {
				t.Fatalf("round %d: %v\n%s", i, err, h.log)
			}
			out = a.wait(t, 40*time.Second)
		}
		cancel()
		if out != "" && !strings.Contains(out, `"behavior":"`+verb+`"`) {
			t.Errorf("round %d: tapped %s, Claude Code was told %s", i, verb, out)
		}
	}
	h.wantNoLiveCards()
	h.verify()
}

// TestTapOutlivesARestart: the hook had been accepted, so nothing is lost.
func TestTapOutlivesARestart(t *testing.T) {
	h := newHouse(t)
	h.start()
	h.run("away")
	for i := range rounds() {
		ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
		session := fmt.Sprintf("s%03d", i)
		a := h.ask(session)
		if _, err := h.card(ctx, session, true); err != nil {
			t.Fatalf("%v\n%s", err, h.log)
		}
		h.kill()
		h.start()
		if err := h.tap(ctx, session, "cpd_approve"); err != nil {
			t.Fatalf("round %d: %v\n%s", i, err, h.log)
		}
		if out := a.wait(t, 40*time.Second); !strings.Contains(out, `"behavior":"allow"`) {
			t.Errorf("round %d: Claude Code was told %q; the hook said %s\n%s", i, out, &a.stderr, h.log)
		}
		cancel()
	}
	h.wantNoLiveCards()
	h.verify()
}

// TestHookKilled: the card of a hook that was killed is settled, and a tap on
// it approves nothing.
func TestHookKilled(t *testing.T) {
	h := newHouse(t)
	h.start()
	h.run("away")
	for i := range rounds() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		session := fmt.Sprintf("s%03d", i)
		a := h.ask(session)
		if _, err := h.card(ctx, session, true); err != nil {
			t.Fatalf("%v\n%s", err, h.log)
		}
		_ = a.cmd.Process.Kill()
		if _, err := h.card(ctx, session, false); err != nil {
			t.Fatalf("round %d: the card is not settled: %v\n%s", i, err, h.log)
		}
		cancel()
	}
	h.wantNoLiveCards()
	for _, kind := range h.outcomes() {
		if kind != permit.Gone {
			t.Errorf("outcome %s, want gone", kind)
		}
	}
	h.verify()
}

// records are those of the journal.
func (h *house) records() (all []permit.Record) {
	h.t.Helper()
	if err := journal.Read(h.state(), func(l journal.Line) bool { all = append(all, l.Record); return true }); err != nil {
		h.t.Fatal(err)
	}
	return all
}

// outcomes are those of the requests, by id.
func (h *house) outcomes() map[string]permit.OutcomeKind {
	h.t.Helper()
	all := map[string]permit.OutcomeKind{}
	for _, r := range h.records() {
		if r.Outcome != nil {
			all[r.Request] = r.Outcome.Kind
		}
	}
	return all
}

// TestDaemonFrozen: a daemon that is stopped in its tracks is let go within 35
// seconds, and its request is settled when it thaws.
func TestDaemonFrozen(t *testing.T) {
	if testing.Short() {
		t.Skip("takes half a minute")
	}
	h := newHouse(t)
	h.start()
	h.run("away")
	ctx, cancel := context.WithTimeout(context.Background(), 90*time.Second)
	defer cancel()
	a := h.ask("s000")
	if _, err := h.card(ctx, "s000", true); err != nil {
		t.Fatal(err)
	}
	if err := h.daemon.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	out := a.wait(t, 60*time.Second)
	if took := time.Since(begun); out != "" || took > 36*time.Second {
		t.Errorf("the hook ended after %v with %q", took, out)
	}
	if err := h.daemon.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	if _, err := h.card(ctx, "s000", false); err != nil {
		t.Fatalf("the card is not settled after the thaw: %v\n%s", err, h.log)
	}
}

// TestTwoDaemons: the second one names the first and ends.
func TestTwoDaemons(t *testing.T) {
	h := newHouse(t)
	h.start()
	cmd := exec.Command(filepath.Join(binaries, "claude-permission-daemon"), "--config", filepath.Join(h.dir, "config.toml"))
	cmd.Env = h.env()
	out, err := cmd.CombinedOutput()
	exit, ok := errors.AsType[*exec.ExitError](err)
	if !ok || exit.ExitCode() != 1 || !strings.Contains(string(out), fmt.Sprintf("pid %d ", h.daemon.Process.Pid)) {
		t.Errorf("a second daemon: %v\n%s", err, out)
	}
	h.run("status")
}

// TestDiskFull: on a full disk nothing is approved unrecorded; freed, it works
// again without a restart.
func TestDiskFull(t *testing.T) {
	h := newHouse(t)
	h.smallDisk()
	h.start()
	h.run("away")
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	before := h.ask("s000")
	if _, err := h.card(ctx, "s000", true); err != nil {
		t.Fatal(err)
	}
	filler := filepath.Join(h.state(), "filler")
	fill(t, filler)
	h.provoke()
	h.waitStatus(cannotWrite+"no space left on device", true)
	// A tap on what was asked before does not count, and says why.
	if err := h.tap(ctx, "s000", "cpd_approve"); err != nil {
		t.Fatal(err)
	}
	if out := before.wait(t, 20*time.Second); out != "" {
		t.Errorf("approved unrecorded: %s", out)
	}
	// What is asked now is handed back at once.
	if out := h.ask("s001").wait(t, 10*time.Second); out != "" {
		t.Errorf("answered on a full disk: %s", out)
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	after := h.ask("s002")
	if err := h.tap(ctx, "s002", "cpd_approve"); err != nil {
		t.Fatalf("it does not work again: %v\n%s", err, h.log)
	}
	if out := after.wait(t, 20*time.Second); !strings.Contains(out, `"allow"`) {
		t.Errorf("after space was freed: %q", out)
	}
	h.verify()
}

func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for size := 4096; size > 0; {
		if _, err := f.Write(make([]byte, size)); err != nil {
			size /= 2
		}
	}
}

// TestManyHooksAtOnce: each gets its own answer, through Slack and a kill -9.
func TestManyHooksAtOnce(t *testing.T) {
	const n = 12
	h := newHouse(t)
	h.start()
	h.run("away")
	ctx, cancel := context.WithTimeout(context.Background(), 90*time.Second)
	defer cancel()
	hooks := make([]*asking, n)
	for i := range hooks {
		hooks[i] = h.ask(fmt.Sprintf("s%03d", i))
	}
	for i := range hooks {
		if _, err := h.card(ctx, fmt.Sprintf("s%03d", i), true); err != nil {
			t.Fatalf("card %d: %v\n%s", i, err, h.log)
		}
	}
	h.kill()
	h.start()
	var all sync.WaitGroup
	for i := range hooks {
		all.Go(func() {
			if err := h.tap(ctx, fmt.Sprintf("s%03d", i), []string{"cpd_approve", "cpd_deny"}[i%2]); err != nil {
				t.Errorf("tap %d: %v", i, err)
			}
		})
	}
	all.Wait()
	for i, a := range hooks {
		if out := a.wait(t, 40*time.Second); !strings.Contains(out, []string{`"allow"`, `"deny"`}[i%2]) {
			t.Errorf("hook %d was told %q (%s)\n%s", i, out, &a.stderr, h.log)
		}
	}
	h.wantNoLiveCards()
}

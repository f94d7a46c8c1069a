package daemon

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"claude-permission-daemon/internal/config"
	"claude-permission-daemon/internal/journal"
	"claude-permission-daemon/internal/permit"
	"claude-permission-daemon/internal/presence"
	"claude-permission-daemon/internal/socket"
	"claude-permission-daemon/internal/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// rig is a running daemon with the page, and presence by hand.
type rig struct {
	*Daemon
	t    *testing.T
	stop func() error
}

func start(t *testing.T, change ...func(*Options)) *rig {
	t.Helper()
	dir := t.TempDir()
	cfg := config.Default()
	cfg.Presence.Source = presence.Manual
	cfg.Web.Listen = "127.0.0.1:0"
	o := Options{Config: cfg, Socket: filepath.Join(dir, "s"), StateDir: filepath.Join(dir, "state"),
		Version: "test", Log: slog.New(slog.DiscardHandler), Getenv: func(string) string { return "" }}
	for _, c := range change {
		c(&o)
	}
	d, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	d.patience = 2 * time.Second
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx) }()
	var once sync.Once
	var ended error
	r := &rig{Daemon: d, t: t, stop: func() error {
		once.Do(func() { cancel(); ended = <-done })
		return ended
	}}
	t.Cleanup(func() {
		if err := r.stop(); err != nil {
			t.Errorf("the daemon ended with: %v", err)
		}
	})
	return r
}

// client is a raw connection to the daemon.
type client struct {
	net.Conn
	t     *testing.T
	lines *wire.Reader
}

func (r *rig) dial() *client {
	r.t.Helper()
	conn, err := socket.Dial(r.socket)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { conn.Close() })
	return &client{Conn: conn, t: r.t, lines: wire.NewReader(conn, wire.MaxLine)}
}

func (c *client) send(line string) *client {
	c.t.Helper()
	if _, err := io.WriteString(c, line+"\n"); err != nil {
		c.t.Fatal(err)
	}
	return c
}

func (c *client) line() string {
	c.t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(30 * time.Second))
	line, err := c.lines.Line()
	if err != nil {
		c.t.Fatalf("cannot read a line: %v", err)
	}
	return string(line)
}

func (c *client) wantSilence() {
	c.t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(150 * time.Millisecond))
	if line, err := c.lines.Line(); err == nil {
		c.t.Fatalf("got %s, want nothing yet", line)
	} else if !errors.Is(err, os.ErrDeadlineExceeded) {
		c.t.Fatalf("the connection ended: %v", err)
	}
}

// control sends one control line and reads its answer.
func (r *rig) control(line string) string {
	r.t.Helper()
	c := r.dial().send(line)
	defer c.Close()
	return c.line()
}

func (r *rig) setPresence(p string) {
	r.t.Helper()
	if got := r.control(`{"v":1,"op":"presence","presence":"` + p + `"}`); strings.Contains(got, `"error"`) {
		r.t.Fatal(got)
	}
}

// waitPending waits until the list of open requests satisfies f.
func (r *rig) waitPending(f func([]wire.Pending) bool) []wire.Pending {
	r.t.Helper()
	c := r.dial().send(`{"v":1,"op":"watch"}`)
	defer c.Close()
	for {
		var w wire.Watched
		if err := json.Unmarshal([]byte(c.line()), &w); err != nil {
			r.t.Fatal(err)
		}
		if f(w.Pending) {
			return w.Pending
		}
	}
}

func (r *rig) waitOpen(state string) wire.Pending {
	r.t.Helper()
	open := r.waitPending(func(p []wire.Pending) bool { return len(p) == 1 && p[0].State == state })
	return open[0]
}

// waitRecord waits until the journal holds a record that satisfies f.
func (r *rig) waitRecord(f func(permit.Record) bool) {
	r.t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for time.Now().Before(deadline) {
		changed := r.loop.changed.wait()
		found := false
		if err := journal.Read(r.options.StateDir, func(l journal.Line) bool { found = found || f(l.Record); return !found }); err != nil {
			r.t.Fatal(err)
		}
		if found {
			return
		}
		select {
		case <-changed:
		case <-time.After(20 * time.Millisecond): // the recorder writes after the loop has gone on
		}
	}
	r.t.Fatal("the journal does not get that record")
}

const bareBash = `{"tool_name":"Bash","tool_input":{"command":"touch x","description":"Make x"}}`

func enveloped(id, event string) string {
	return `{"v":1,"op":"hook","id":"` + id + `","client":{"pid":1,"attended":true,"entrypoint":"cli"},"event":` + event + `}`
}

func ask(session, command string) string {
	return fmt.Sprintf(`{"hook_event_name":"PermissionRequest","session_id":%q,"cwd":"/tmp","tool_name":"Bash","tool_input":{"command":%q}}`, session, command)
}

func TestBareProtocol(t *testing.T) {
	r := start(t)
	t.Run("present", func(t *testing.T) {
		r.setPresence("here")
		if got, want := r.dial().send(bareBash).line(), `{"action":"passthrough","reason":"Handed back to the terminal: the person is at the keyboard"}`; got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	})
	t.Run("away, approved", func(t *testing.T) {
		r.setPresence("away")
		c := r.dial().send(bareBash)
		c.wantSilence()
		open := r.waitOpen("offered")
		if got := r.control(`{"v":1,"op":"answer","id":"` + open.ID + `","decision":"approve"}`); !strings.HasPrefix(got, `{"ok":true`) {
			t.Fatal(got)
		}
		if got := c.line(); !strings.HasPrefix(got, `{"action":"approve","reason":"Approved by `) {
			t.Errorf("got %s", got)
		}
	})
	t.Run("away, denied", func(t *testing.T) {
		c := r.dial().send(bareBash)
		open := r.waitOpen("offered")
		r.control(`{"v":1,"op":"answer","id":"` + open.ID + `","decision":"deny","message":"use mkdir"}`)
		if got := c.line(); !strings.HasPrefix(got, `{"action":"deny","reason":"Denied by `) || !strings.Contains(got, "use mkdir") {
			t.Errorf("got %s", got)
		}
	})
	t.Run("away, then back", func(t *testing.T) {
		c := r.dial().send(bareBash)
		r.waitOpen("offered")
		r.setPresence("here")
		if got, want := c.line(), `{"action":"passthrough","reason":"Handed back to the terminal: the person is back: to be answered locally"}`; got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	})
	t.Run("notification", func(t *testing.T) {
		c := r.dial().send(`{"hook_event_name":"Notification","message":"hello"}`)
		if _, err := c.lines.Line(); !errors.Is(err, io.EOF) {
			t.Errorf("got %v, want the connection closed without a word", err)
		}
	})
}

func TestEnvelopedProtocol(t *testing.T) {
	r := start(t)
	r.setPresence("away")
	const id = "0123456789abcdef0123456789abcdef"
	c := r.dial().send(enveloped(id, ask("s1", "touch x")))
	if got := c.line(); got != `{"accepted":true}` {
		t.Fatalf("first line %s", got)
	}
	open := r.waitOpen("offered")
	if open.ID != id || open.SessionID != "s1" || open.Cwd != "/tmp" || open.Summary != "touch x" || open.Tool != "Bash" {
		t.Errorf("pending %+v", open)
	}
	if got := c.send(`{"ping":true}`).line(); got != `{"accepted":true}` {
		t.Errorf("ping: %s", got)
	}
	r.control(`{"v":1,"op":"answer","id":"` + id + `","decision":"approve","digest":"` + open.Digest + `","generation":1}`)
	var reply wire.Reply
	if err := json.Unmarshal([]byte(c.line()), &reply); err != nil {
		t.Fatal(err)
	}
	if got, want := string(reply.Output), `{"hookSpecificOutput":{"hookEventName":"PermissionRequest","decision":{"behavior":"allow"}}}`; got != want {
		t.Errorf("output %s", got)
	}
	c.send(`{"delivered":true}`)
	r.waitRecord(func(rec permit.Record) bool { return rec.Request == id && rec.Stage == permit.Delivered })

	ran := `{"hook_event_name":"PostToolUse","session_id":"s1","tool_name":"Bash","tool_input":{"command":"touch x"},"duration_ms":136}`
	r.dial().send(enveloped("", ran))
	r.waitRecord(func(rec permit.Record) bool {
		return rec.Request == id && rec.Stage == permit.Ran && rec.Took == 136*time.Millisecond
	})
}

func TestBackgroundSubagentIsHandedBackAtOnce(t *testing.T) {
	r := start(t)
	r.setPresence("here")
	event := `{"hook_event_name":"PermissionRequest","session_id":"s","agent_id":"a1","tool_name":"Bash","tool_input":{"command":"x"}}`
	c := r.dial().send(enveloped("subagent-1", event))
	if got := c.line(); got != `{"accepted":true}` {
		t.Fatal(got)
	}
	if got := c.line(); !strings.HasPrefix(got, `{"action":"passthrough"`) {
		t.Errorf("got %s", got)
	}
}

func TestMessageWithAnApproval(t *testing.T) {
	r := start(t)
	r.setPresence("away")
	r.dial().send(enveloped("with-a-message", ask("s", "x"))).line()
	r.waitOpen("offered")
	if got := r.control(`{"v":1,"op":"answer","id":"with-a-message","decision":"approve","message":"go on"}`); !strings.Contains(got, `"ok":true`) || !strings.Contains(got, "message was not sent") {
		t.Errorf("got %s", got)
	}
}

const elicitation = `{"hook_event_name":"Elicitation","session_id":"s","mcp_server_name":"demo","message":"Who?","mode":"form",` +
	`"requested_schema":{"type":"object","properties":{"name":{"type":"string"},"age":{"type":"integer"}},"required":["name"]}}`

func TestElicitation(t *testing.T) {
	r := start(t)
	r.setPresence("here")
	c := r.dial().send(enveloped("elicitation-1", elicitation))
	if got := c.line(); got != `{"accepted":true}` {
		t.Fatal(got)
	}
	if got := c.line(); !strings.HasPrefix(got, `{"action":"passthrough"`) {
		t.Errorf("at the keyboard: %s", got)
	}

	r.setPresence("away")
	c = r.dial().send(enveloped("elicitation-2", elicitation))
	c.line()
	r.waitOpen("offered")
	for _, wrong := range []string{`{}`, `{"q0":["Ada"],"q1":["old"]}`} {
		if got := r.control(`{"v":1,"op":"answer","id":"elicitation-2","way":"answer","fields":` + wrong + `}`); !strings.Contains(got, `"code":"incomplete"`) {
			t.Errorf("filled in with %s: %s", wrong, got)
		}
	}
	if got := r.control(`{"v":1,"op":"answer","id":"elicitation-2","way":"answer","fields":{"q0":["Ada"],"q1":["36"]}}`); !strings.Contains(got, `"ok":true`) {
		t.Fatal(got)
	}
	want := `"output":{"hookSpecificOutput":{"hookEventName":"Elicitation","action":"accept","content":{"age":36,"name":"Ada"}}}`
	if got := c.line(); !strings.Contains(got, want) {
		t.Errorf("got %s, want %s", got, want)
	}
}

// An ended turn waits for a reply only where the user wants it, and only while
// they are away.
func TestReplies(t *testing.T) {
	stop := `{"hook_event_name":"Stop","session_id":"s","last_assistant_message":"All done."}`
	attended := func(id string) string { return enveloped(id, stop) }
	r := start(t)
	r.setPresence("away")
	if got := r.dial().send(attended("turn-without")).line(); !strings.Contains(got, `"passthrough"`) {
		t.Errorf("replies are off: %s", got)
	}

	r = start(t, func(o *Options) { o.Config.Notify.Replies = true })
	r.setPresence("away")
	if got := r.dial().send(strings.Replace(enveloped("turn-of-a-script", stop), `"attended":true`, `"attended":false`, 1)).line(); !strings.Contains(got, `"passthrough"`) {
		t.Errorf("claude -p waits: %s", got)
	}
	busy := strings.Replace(stop, `}`, `,"background_tasks":[{"id":"a1","type":"subagent","status":"running"}]}`, 1)
	if got := r.dial().send(enveloped("turn-that-goes-on", busy)).line(); !strings.Contains(got, `"passthrough","reason":"a background task is still running"`) {
		t.Errorf("a session that waits for its own agents waits: %s", got)
	}
	c := r.dial().send(attended("turn-one"))
	c.line()
	r.waitOpen("offered")
	if got := r.control(`{"v":1,"op":"answer","id":"turn-one","way":"answer","fields":{"message":["now the tests"]}}`); !strings.Contains(got, `"ok":true`) {
		t.Fatal(got)
	}
	if got := c.line(); !strings.Contains(got, `"hookEventName":"Stop","additionalContext":"The user`) || !strings.Contains(got, "now the tests") {
		t.Errorf("got %s", got)
	}
	c.send(`{"delivered":true}`)

	c = r.dial().send(attended("turn-two"))
	c.line()
	r.waitOpen("offered")
	r.setPresence("here")
	if got := c.line(); !strings.Contains(got, `"passthrough"`) {
		t.Errorf("back at the keyboard: %s", got)
	}
}

func TestPresentPersonIsNotAskedElsewhere(t *testing.T) {
	r := start(t)
	r.setPresence("here")
	c := r.dial().send(enveloped("main-session", ask("s", "x")))
	c.line()
	r.waitOpen("held")
	c.wantSilence()
	r.setPresence("away")
	r.waitOpen("offered")
}

func TestLocalAnswersEndTheHook(t *testing.T) {
	r := start(t)
	r.setPresence("away")
	tests := []struct{ name, event string }{
		{"PostToolUse", `{"hook_event_name":"PostToolUse","session_id":"s","tool_name":"Bash","tool_input":{"command":"x"}}`},
		{"PostToolUseFailure", `{"hook_event_name":"PostToolUseFailure","session_id":"s","tool_name":"Bash","tool_input":{"command":"x"}}`},
		{"PostToolBatch", `{"hook_event_name":"PostToolBatch","session_id":"s","tool_calls":[{"tool_name":"Bash","tool_input":{"command":"x"}}]}`},
		{"UserPromptSubmit", `{"hook_event_name":"UserPromptSubmit","session_id":"s","prompt":"go on"}`},
		{"Stop", `{"hook_event_name":"Stop","session_id":"s"}`},
		{"SessionEnd", `{"hook_event_name":"SessionEnd","session_id":"s","reason":"other"}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := r.dial().send(enveloped("local-"+tt.name, ask("s", "x")))
			c.line()
			r.waitOpen("offered")
			r.dial().send(enveloped("", tt.event))
			if got := c.line(); !strings.HasPrefix(got, `{"action":"passthrough"`) {
				t.Errorf("got %s", got)
			}
		})
	}
	t.Run("SIGTERM", func(t *testing.T) {
		c := r.dial().send(enveloped("local-SIGTERM", ask("s", "x")))
		c.line()
		r.waitOpen("offered")
		c.send(`{"closing":"SIGTERM"}`).Close()
		r.waitRecord(func(rec permit.Record) bool {
			return rec.Request == "local-SIGTERM" && rec.Outcome != nil && rec.Outcome.Kind == permit.Local
		})
	})
}

func TestBadInput(t *testing.T) {
	r := start(t)
	r.setPresence("away")
	waiting := r.dial().send(enveloped("not-disturbed", ask("s", "x")))
	waiting.line()
	r.waitOpen("offered")
	tests := []struct{ name, line, want string }{
		{"not JSON", `hello`, "cannot read the line"},
		{"an array", `[1]`, "cannot read the line"},
		{"no tool", `{"hello":1}`, "tool_name is missing"},
		{"bare settle event", `{"hook_event_name":"Stop"}`, "cannot take a bare Stop event"},
		{"other version", `{"v":2,"op":"status"}`, "version 2"},
		{"no op", `{"v":1}`, "op is missing"},
		{"unknown op", `{"v":1,"op":"dance"}`, `op "dance"`},
		{"no event", `{"v":1,"op":"hook","id":"0123456789"}`, "cannot read the hook event"},
		{"bad id", enveloped("../../etc", ask("s", "x")), "id is not"},
		{"no id", enveloped("", ask("s", "x")), "id is not"},
		{"wrong type", `{"v":1,"op":"hook","id":"0123456789","event":{"hook_event_name":"PermissionRequest","tool_name":7}}`, "cannot read"},
		{"answer without id", `{"v":1,"op":"answer","decision":"approve"}`, "id is missing"},
		{"answer without decision", `{"v":1,"op":"answer","id":"x"}`, "not approve or deny"},
		{"answer to nothing", `{"v":1,"op":"answer","id":"nothing-such","decision":"approve"}`, "no such open request"},
		{"another digest", `{"v":1,"op":"answer","id":"not-disturbed","decision":"approve","digest":"00"}`, "no longer the one"},
		{"odd presence", `{"v":1,"op":"presence","presence":"asleep"}`, "it is away, here or auto"},
		{"negative time", `{"v":1,"op":"presence","presence":"away","for_seconds":-1}`, "negative"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var refused wire.Error
			got := r.control(tt.line)
			if err := json.Unmarshal([]byte(got), &refused); err != nil || !strings.HasPrefix(refused.Error, "cannot ") || !strings.Contains(refused.Error, tt.want) {
				t.Errorf("got %s, want an error with %q", got, tt.want)
			}
		})
	}
	t.Run("20 MB line", func(t *testing.T) {
		c := r.dial()
		go func() { _, _ = c.Write(bytes.Repeat([]byte("x"), 20<<20)) }()
		if got := c.line(); !strings.Contains(got, "line too long") {
			t.Errorf("got %s", got)
		}
	})
	t.Run("half a line, then silence", func(t *testing.T) {
		c := r.dial()
		_, _ = io.WriteString(c, `{"tool_name":`)
		if got := c.line(); !strings.Contains(got, "did not end within") {
			t.Errorf("got %s", got)
		}
	})
	t.Run("half a line, then gone", func(t *testing.T) {
		c := r.dial()
		_, _ = io.WriteString(c, `{"tool_name":`)
		_ = c.Conn.(*net.UnixConn).CloseWrite()
		if got := c.line(); !strings.Contains(got, "it has no end") {
			t.Errorf("got %s", got)
		}
	})
	waiting.wantSilence()
	r.waitOpen("offered")
}

func TestOneDaemonPerSocket(t *testing.T) {
	r := start(t)
	_, err := New(Options{Config: r.options.Config, Socket: r.socket, StateDir: t.TempDir(), Log: r.log, Getenv: r.options.Getenv})
	held, ok := errors.AsType[*socket.HeldError](err)
	if !ok || held.PID != os.Getpid() {
		t.Fatalf("a second daemon: %v, want a HeldError with our pid", err)
	}
	r.setPresence("away") // the first one still serves
}

func TestStopHandsBackAndSettles(t *testing.T) {
	r := start(t)
	r.setPresence("away")
	var clients []*client
	for i := range 20 {
		c := r.dial().send(enveloped(fmt.Sprintf("stopped-%02d", i), ask("s", fmt.Sprint(i))))
		c.line()
		clients = append(clients, c)
	}
	bare := r.dial().send(bareBash)
	r.waitPending(func(p []wire.Pending) bool {
		return len(p) == 21 && !slices.ContainsFunc(p, func(p wire.Pending) bool { return p.State != "offered" })
	})
	begun := time.Now()
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(begun); took > 3*time.Second {
		t.Errorf("stopping took %v", took)
	}
	for _, c := range append(clients, bare) {
		if got := c.line(); !strings.HasPrefix(got, `{"action":"passthrough","reason":"Handed back to the terminal: the daemon is stopping"`) {
			t.Errorf("got %s", got)
		}
	}
	if _, err := os.Lstat(r.socket); err == nil {
		t.Error("the socket is still there")
	}
	last := permit.Record{}
	settled := map[string]bool{}
	if err := journal.Read(r.options.StateDir, func(l journal.Line) bool {
		if last = l.Record; last.Kind == permit.RecordSettled {
			settled[last.Request] = true
		}
		return true
	}); err != nil {
		t.Fatal(err)
	}
	if last.Kind != permit.RecordStopped {
		t.Errorf("the journal ends with %s", last.Kind)
	}
	if len(settled) != 21 {
		t.Errorf("%d cards settled, want 21", len(settled))
	}
}

func TestOverrideOutlivesARestart(t *testing.T) {
	first := start(t)
	first.control(`{"v":1,"op":"presence","presence":"away","for_seconds":3600}`)
	before := first.presence.Current()
	if err := first.stop(); err != nil {
		t.Fatal(err)
	}
	again := start(t, func(o *Options) { o.StateDir = first.options.StateDir })
	again.dial().send(bareBash).wantSilence() // away
	after := again.presence.Current()
	if after.Override == nil || !after.Override.Until.Equal(before.Override.Until) {
		t.Errorf("override %+v, want until %v", after.Override, before.Override.Until)
	}
}

func TestLinkOutlivesARestart(t *testing.T) {
	first := start(t)
	link := first.channels[0].Status().URL
	if err := first.stop(); err != nil {
		t.Fatal(err)
	}
	again := start(t, func(o *Options) { o.StateDir = first.options.StateDir })
	if got := again.channels[0].Status().URL; got != link || link == "" {
		t.Errorf("the page's link is %s, was %s", got, link)
	}
}

// TestSocketFileRemoved: whatever tidies the folder up, the daemon comes back,
// with all that was open.
func TestSocketFileRemoved(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("this system does not tell of a socket's file")
	}
	r := start(t)
	r.setPresence("away")
	c := r.dial().send(enveloped("open-meanwhile", ask("s", "x")))
	c.line()
	r.waitOpen("offered")
	if err := os.Remove(r.socket); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if conn, err := socket.Dial(r.socket); err == nil {
			conn.Close()
			break
		}
	}
	if said := strings.Join(r.status().Config, "\n"); !strings.Contains(said, "something removed the socket's file") {
		t.Errorf("the status says %q", said)
	}
	r.control(`{"v":1,"op":"answer","id":"open-meanwhile","decision":"approve"}`)
	if got := c.line(); !strings.HasPrefix(got, `{"action":"approve"`) {
		t.Errorf("got %s", got)
	}
}

// TestManyHooks: each of many hooks at once gets its own answer.
func TestManyHooks(t *testing.T) {
	const n = 200
	r := start(t)
	r.setPresence("away")
	var all sync.WaitGroup
	for i := range n {
		verb := []string{"approve", "deny"}[i%2]
		id := fmt.Sprintf("many-hooks-%03d", i)
		c := r.dial().send(enveloped(id, ask("s", fmt.Sprint(i))))
		all.Go(func() {
			if _, err := c.lines.Line(); err != nil {
				t.Error(err)
				return
			}
			line, err := c.lines.Line()
			if err != nil || !strings.HasPrefix(string(line), `{"action":"`+verb) {
				t.Errorf("%s got %s, %v", id, line, err)
			}
		})
	}
	r.waitPending(func(p []wire.Pending) bool { return len(p) == n })
	for i := range n {
		verb := []string{"approve", "deny"}[i%2]
		all.Go(func() {
			c := r.dial().send(fmt.Sprintf(`{"v":1,"op":"answer","id":"many-hooks-%03d","decision":%q}`, i, verb))
			if line, err := c.lines.Line(); err != nil || !strings.HasPrefix(string(line), `{"ok":true`) {
				t.Errorf("answer %d: %s, %v", i, line, err)
			}
		})
	}
	all.Wait()
}

// The journal holds no secret; the request goes on after a restart all the
// same, with what its hook brings again.
func TestJournalHoldsNoSecret(t *testing.T) {
	const secret = "ghp_0123456789abcdefghijABCDEFGHIJ012345"
	r := start(t)
	r.setPresence("away")
	c := r.dial().send(enveloped("with-a-secret", ask("s", "curl -H 'Authorization: token "+secret+"' https://example.com")))
	c.line()
	open := r.waitOpen("offered")
	if strings.Contains(open.Summary, secret) {
		t.Errorf("the summary shows it: %s", open.Summary)
	}
	r.control(`{"v":1,"op":"answer","id":"with-a-secret","decision":"deny","message":"never send ` + secret + `"}`)
	if got := c.line(); !strings.Contains(got, secret) {
		t.Errorf("the model is not told what the person wrote: %s", got)
	}
	c.send(`{"delivered":true}`)
	r.waitRecord(func(rec permit.Record) bool { return rec.Stage == permit.Delivered })
	text, err := os.ReadFile(filepath.Join(r.options.StateDir, "journal.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(text, []byte(secret)) {
		t.Error("the journal holds the secret")
	}
	if !bytes.Contains(text, []byte("masked: ")) {
		t.Error("the journal does not say that something was masked")
	}
}

func TestRepoOf(t *testing.T) {
	root := t.TempDir()
	repo := filepath.Join(root, "proj")
	tree := filepath.Join(root, "tree")
	write := func(path, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(filepath.Join(repo, ".git", "HEAD"), "ref: refs/heads/feature/x\n")
	write(filepath.Join(repo, ".git", "worktrees", "tree", "HEAD"), "0123456789abcdef0123\n")
	write(filepath.Join(tree, ".git"), "gitdir: "+filepath.Join(repo, ".git", "worktrees", "tree")+"\n")
	write(filepath.Join(repo, "a", "b", "c"), "")
	write(filepath.Join(root, "plain", "x"), "")
	tests := []struct{ cwd, project, branch string }{
		{repo, "proj", "feature/x"},
		{filepath.Join(repo, "a", "b"), "proj", "feature/x"},
		{tree, "tree", "0123456789ab"},
		{filepath.Join(root, "plain"), "plain", ""},
		{"", "", ""},
		{"relative", "", ""},
	}
	for _, tt := range tests {
		if project, branch := repoOf(tt.cwd); project != tt.project || branch != tt.branch {
			t.Errorf("repoOf(%q) = %q, %q, want %q, %q", tt.cwd, project, branch, tt.project, tt.branch)
		}
	}
}

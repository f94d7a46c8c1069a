package doctor

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"claude-permission-daemon/internal/claude"
	"claude-permission-daemon/internal/socket"
	"claude-permission-daemon/internal/wire"
)

// hookFires: the entry is run, and its answer is taken. Claude Code itself
// proves it, where there is one: it is started with a home of its own that
// holds nothing but our entries, against an API on loopback that has it ask for
// a command; a socket of ours takes the question and denies it. Without Claude
// Code the hook is fed a sample event.
func hookFires(ctx context.Context, f *facts) finding {
	var asking []entry
	for _, e := range f.hooks() {
		if e.event == question {
			asking = append(asking, e)
		}
	}
	if len(asking) == 0 {
		return skip("there is no entry in Claude Code's settings: see the hook's entry")
	}
	dir, err := os.MkdirTemp("", "cpd-doctor-")
	if err != nil {
		return skip("cannot make a folder for the trial: %v", err)
	}
	defer removeAll(dir)
	desk, err := listenAt(ctx, filepath.Join(dir, "s"))
	if err != nil {
		return skip("cannot listen for the trial: %v", err)
	}
	defer desk.close()
	began := time.Now()
	claude := f.find("claude")
	if claude == "" || f.Quick {
		if err := f.feed(ctx, asking[0], desk); err != nil {
			return fail(installHooks, "%s does not carry a question: %v", asking[0].program, err)
		}
		return fine("the hook carried a sample question and its answer in %v (Claude Code was not started)", time.Since(began).Round(time.Millisecond))
	}
	switch err := f.ask(ctx, claude, dir, asking, desk); {
	case err != nil && ctx.Err() != nil:
		return warn("claude -p hello", "Claude Code did not end in time: %v", err)
	case err != nil:
		return fail(daemonProgram+" hooks status", "%v", err)
	}
	return fine("Claude Code ran the hook and took its answer, in %v", time.Since(began).Round(time.Millisecond))
}

// removeAll removes a folder to which a process that was ended may still write.
func removeAll(dir string) {
	for range 20 {
		if os.RemoveAll(dir) == nil {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// answered is what the trial's socket says to a question.
const answered = "This was a test by claude-permission-daemon doctor. Nothing was run."

// desk is a daemon's socket for a trial: it denies every question.
type desk struct {
	path     string
	listener *socket.Listener
	running  sync.WaitGroup
	mu       sync.Mutex
	asked    []string // the tools that were asked for
	news     []string // the other events that came
}

func listenAt(ctx context.Context, path string) (*desk, error) {
	l, err := socket.Listen(path)
	if err != nil {
		return nil, err
	}
	d := &desk{path: path, listener: l}
	d.running.Go(func() {
		for {
			conn, _, err := l.AcceptOwn()
			if err != nil {
				return
			}
			_ = conn.SetDeadline(time.Now().Add(patiently))
			stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
			d.running.Go(func() {
				defer stop()
				defer conn.Close() //nolint:errcheck // the other end has what it gets
				d.serve(conn)
			})
		}
	})
	return d, nil
}

func (d *desk) close() {
	_ = d.listener.Close()
	d.running.Wait()
}

func (d *desk) serve(conn interface {
	Read([]byte) (int, error)
	Write([]byte) (int, error)
}) {
	lines := wire.NewReader(conn, wire.MaxLine)
	line, err := lines.Line()
	if err != nil {
		return
	}
	envelope, err := wire.ParseEnvelope(line)
	if err != nil {
		return
	}
	event, err := claude.Parse(envelope.Event)
	if err != nil {
		return
	}
	if event.Name != claude.PermissionRequest {
		d.note(&d.news, event.Name)
		return
	}
	d.note(&d.asked, event.ToolName)
	document, err := json.Marshal(map[string]any{"hookSpecificOutput": map[string]any{
		"hookEventName": claude.PermissionRequest, "decision": map[string]any{"behavior": "deny", "message": answered}}})
	if err != nil {
		return
	}
	_ = wire.Write(conn, wire.Accepted{Accepted: true})
	_ = wire.Write(conn, wire.Reply{Action: wire.Deny, Reason: answered, Output: document})
	_, _ = lines.Line() // "delivered", or the end
}

func (d *desk) note(to *[]string, what string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	*to = append(*to, what)
}

func (d *desk) wasAsked() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.asked) > 0
}

// redirected is the entry's handler with the trial's socket in place of the
// daemon's.
func (e entry) redirected(path string) hook {
	h := e.hook
	limit := patiently.Seconds()
	h.Timeout = &limit
	at := e.socket()
	if at == "" {
		return h
	}
	h.Command = strings.ReplaceAll(h.Command, at, path)
	h.Args = slices.Clone(h.Args)
	for i := range h.Args {
		h.Args[i] = strings.ReplaceAll(h.Args[i], at, path)
	}
	return h
}

// feed gives the hook a sample event, as Claude Code would.
func (f *facts) feed(ctx context.Context, e entry, desk *desk) error {
	event, err := json.Marshal(map[string]any{
		"session_id": "doctor", "cwd": filepath.Dir(desk.path), "hook_event_name": question, "permission_mode": "default",
		"tool_name": "Bash", "tool_input": map[string]string{"command": sample, "description": "A test; nothing is run"},
	})
	if err != nil {
		return err
	}
	h := e.redirected(desk.path)
	cmd := exec.CommandContext(ctx, h.Command, h.Args...)
	if h.Args == nil { // a shell reads it
		cmd = exec.CommandContext(ctx, "/bin/sh", "-c", h.Command)
	}
	cmd.WaitDelay = 100 * time.Millisecond
	cmd.Env = append(os.Environ(), "CLAUDE_PERM_SOCKET_PATH="+desk.path, "CLAUDE_CODE_ENTRYPOINT=cli", "CLAUDE_CODE_SESSION_ATTENDED=1", "CLAUDE_PID=")
	cmd.Stdin = bytes.NewReader(event)
	var said, complaint bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &complaint
	err = cmd.Run()
	switch {
	case err != nil:
		return errors.Join(err, firstLine(complaint.String()))
	case !desk.wasAsked():
		return errors.Join(errors.New("it did not come to the socket"), firstLine(complaint.String()))
	case !strings.Contains(said.String(), answered):
		return fmt.Errorf("it printed %.200q in place of the answer", said.String())
	}
	return nil
}

// sample is the command that the trial asks for.
const sample = "touch claude-permission-daemon-doctor"

// firstLine is the first line of what a program complains, as an error.
func firstLine(text string) error {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	if line == "" {
		return nil
	}
	return errors.New(line)
}

// ask has Claude Code ask for the sample.
func (f *facts) ask(ctx context.Context, program, dir string, asking []entry, desk *desk) error {
	api, err := serveAPI(ctx)
	if err != nil {
		return fmt.Errorf("cannot serve an API for the trial: %w", err)
	}
	defer api.close()
	home, work := filepath.Join(dir, "home"), filepath.Join(dir, "work")
	for _, d := range []string{home, work, filepath.Join(home, "tmp")} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			return err
		}
	}
	var matchers []matcher
	for _, e := range asking {
		if e.file.scope != managed { // those come by themselves
			matchers = append(matchers, matcher{e.matcher, []hook{e.redirected(desk.path)}})
		}
	}
	text, err := json.Marshal(map[string]any{
		"hooks": map[string]any{question: matchers}, "permissions": map[string]any{"defaultMode": "default"},
	})
	if err == nil {
		err = os.WriteFile(filepath.Join(home, "settings.json"), text, 0o600)
	}
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, program, "-p", "Run the test.", "--output-format", "json")
	cmd.WaitDelay = 500 * time.Millisecond
	cmd.Dir = work
	cmd.Env = f.environ(home, api.url, desk.path)
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	runErr := cmd.Run()
	told := api.told()
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case desk.wasAsked() && strings.Contains(told, answered):
		return nil
	case desk.wasAsked():
		return errors.New("the hook ran, but Claude Code did not take its answer")
	case told == "":
		return errors.Join(errors.New("cannot get Claude Code to ask a question"), runErr, firstLine(complaint.String()))
	}
	return errors.New("the hook did not run, although Claude Code asked")
}

// environ is Claude Code's environment in the trial: a home of its own, and
// nothing to reach but the API on loopback.
func (f *facts) environ(home, api, socket string) []string {
	env := []string{
		"HOME=" + home, "USERPROFILE=" + home, "CLAUDE_CONFIG_DIR=" + home,
		"TMPDIR=" + filepath.Join(home, "tmp"), "CLAUDE_CODE_TMPDIR=" + filepath.Join(home, "tmp"),
		"CLAUDE_PERM_SOCKET_PATH=" + socket,
		"ANTHROPIC_BASE_URL=" + api, "ANTHROPIC_API_KEY=sk-ant-doctor",
		"HTTP_PROXY=" + api, "HTTPS_PROXY=" + api, "NO_PROXY=127.0.0.1",
		"DISABLE_AUTOUPDATER=1", "DISABLE_TELEMETRY=1", "DISABLE_ERROR_REPORTING=1", "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1",
		"TERM=dumb",
	}
	for _, name := range []string{"PATH", "LANG", "SHELL", "SYSTEMROOT", "XDG_RUNTIME_DIR"} {
		if value := f.Getenv(name); value != "" {
			env = append(env, name+"="+value)
		}
	}
	return env
}

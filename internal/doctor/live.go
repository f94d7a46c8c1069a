package doctor

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"claude-permission-daemon/internal/claude"
	"claude-permission-daemon/internal/permit"
	"claude-permission-daemon/internal/socket"
	"claude-permission-daemon/internal/wire"
)

const (
	// lookEvery is how often the daemon is asked how far the trial is, and so how
	// exact the times are.
	lookEvery = 2 * time.Millisecond
	// showFor is how long the channels may take to show the card.
	showFor = 20 * time.Second
	// answerFor is how long an answer may take to the hook's end.
	answerFor = 10 * time.Second
)

// Live sends one request, marked as a test, the whole way: the installed hook
// brings it to the daemon that runs, every channel shows it, and an answer goes
// back through the hook. For wait it is a person's to answer; after that Live
// answers through the control socket, and says so. Nothing is run, whatever
// the answer is. Each step is reported as soon as it is done, with the time it
// took, and all are returned; the last one tells of the failure, if any.
func Live(ctx context.Context, o Options, wait time.Duration, report func(Check)) []Check {
	f := newFacts(ctx, o)
	defer f.close()
	l := &live{facts: f, report: report}
	l.run(ctx, wait)
	return l.steps
}

// live is one trial.
type live struct {
	*facts
	report  func(Check)
	steps   []Check
	session string // names the trial's request
	started time.Time
	hook    chan hookEnd
	end     *hookEnd // how the hook ended; nil: it has not
}

// hookEnd is how the hook ended.
type hookEnd struct {
	said, complaint string
	err             error
	at              time.Time
}

func (l *live) step(id, title, why string, f finding) bool {
	if f.result == "" {
		f.result = OK
	}
	c := Check{ID: id, Title: title, Result: f.result, Detail: f.detail, Why: why, Fix: f.fix}
	l.steps = append(l.steps, c)
	l.report(c)
	return f.result != Fail
}

func (l *live) run(ctx context.Context, wait time.Duration) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s, err := l.status()
	if err != nil {
		l.step("live-daemon", "the daemon", "It carries the question.", fail(l.startDaemon(), "no daemon answers: %v", err))
		return
	}
	if err := l.start(ctx, s.Socket); err != nil {
		l.step("live-hook", "Claude Code's part → hook → daemon", "The hook brings the question.", fail(installHooks, "%v", err))
		return
	}
	defer func() { // the hook ends with ctx at the latest
		cancel()
		if l.end == nil {
			<-l.hook
		}
	}()
	request, ok := l.arrive(ctx)
	if !ok {
		return
	}
	if !l.show(ctx, s, wait) {
		return
	}
	l.answer(ctx, request, wait)
}

// start starts the hook with the trial's event, as Claude Code would.
func (l *live) start(ctx context.Context, socket string) error {
	program := l.hookPath()
	if program == "" {
		return errors.New("there is no hook")
	}
	l.session = "doctor-" + rand.Text()
	event, err := json.Marshal(map[string]any{
		"session_id": l.session, "cwd": l.Dir, "hook_event_name": question, "permission_mode": "default", "tool_name": "Bash",
		"tool_input": map[string]string{"command": "true # a test by claude-permission-daemon doctor: nothing is run",
			"description": "Only a test. Whatever you tap, nothing is run."},
	})
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, program, "--socket", socket)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) } // it says goodbye
	cmd.WaitDelay = time.Second
	cmd.Env = append(slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "CLAUDE_") }),
		"CLAUDE_CODE_ENTRYPOINT="+claude.TrialEntrypoint)
	cmd.Stdin = bytes.NewReader(event)
	var said, complaint bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &complaint
	l.started = time.Now()
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("%s cannot be started: %w", program, err)
	}
	ended := make(chan hookEnd, 1)
	l.hook = ended
	go func() { // run waits for it
		err := cmd.Wait()
		ended <- hookEnd{said.String(), complaint.String(), err, time.Now()}
	}()
	return nil
}

// mine is the trial's request among those that are open.
func (l *live) mine() (wire.Pending, bool, error) {
	var open []wire.Pending
	if err := l.control(wire.Envelope{Op: wire.OpPending}, &open); err != nil {
		return wire.Pending{}, false, err
	}
	i := slices.IndexFunc(open, func(p wire.Pending) bool { return p.SessionID == l.session })
	if i < 0 {
		return wire.Pending{}, false, nil
	}
	return open[i], true, nil
}

// control asks the daemon one thing.
func (l *live) control(e wire.Envelope, answer any) error {
	conn, err := socket.Dial(l.socketPath())
	if err != nil {
		return err
	}
	defer conn.Close() //nolint:errcheck // only asked
	_ = conn.SetDeadline(time.Now().Add(answerFor))
	e.V = wire.Version
	if err := wire.Write(conn, e); err != nil {
		return err
	}
	line, err := wire.NewReader(conn, wire.MaxLine).Line()
	if err != nil {
		return err
	}
	var refused wire.Error
	if json.Unmarshal(line, &refused) == nil && refused.Error != "" {
		return errors.New(refused.Error)
	}
	return json.Unmarshal(line, answer)
}

// until looks every moment whether something is so, until it is, the hook has
// ended, or the time is over.
func (l *live) until(ctx context.Context, within time.Duration, so func() (bool, error)) (done bool, err error) {
	over := time.NewTimer(within)
	defer over.Stop()
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for {
		if yes, err := so(); yes || err != nil || l.end != nil {
			return yes, err
		}
		select {
		case end := <-l.hook:
			l.end = &end
			return false, nil
		case <-over.C:
			return false, nil
		case <-ctx.Done():
			return false, context.Cause(ctx)
		case <-look.C:
		}
	}
}

func ms(d time.Duration) string { return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000) }

// arrive waits until the daemon has the question.
func (l *live) arrive(ctx context.Context) (wire.Pending, bool) {
	var request wire.Pending
	there, err := l.until(ctx, answerFor, func() (bool, error) {
		p, ok, err := l.mine()
		request = p
		return ok, err
	})
	found := fine("the hook started, and the daemon had the question after %s", ms(time.Since(l.started)))
	switch {
	case err != nil:
		found = fail(l.restart(), "the daemon does not say: %v", err)
	case l.end != nil:
		found = fail(daemonProgram+" doctor hook-fires", "the hook ended at once: %v", l.end.why())
	case !there:
		found = fail(daemonProgram+" doctor", "the daemon had no question within %v", answerFor)
	}
	return request, l.step("live-hook", "hook → daemon", "So long Claude Code's question takes to be known.", found)
}

// why says how a hook ended that brought no answer.
func (e *hookEnd) why() string {
	if said := strings.TrimSpace(e.complaint); said != "" {
		return said
	}
	if e.err != nil {
		return e.err.Error()
	}
	return "it was handed back"
}

// show waits until every channel shows the card.
func (l *live) show(ctx context.Context, s wire.Status, wait time.Duration) bool {
	const why = "So long until you can see it."
	if len(s.Channels) == 0 {
		return l.step("live-channel", "daemon → channel", why, warn(daemonProgram+" setup", "there is no channel: only this terminal can answer"))
	}
	shown := map[string]time.Duration{}
	failed := map[string]string{}
	_, err := l.until(ctx, showFor, func() (bool, error) {
		p, ok, err := l.mine()
		if err != nil || !ok {
			return !ok, err
		}
		for channel, card := range p.Cards {
			if reason, bad := strings.CutPrefix(card, "failed: "); bad {
				failed[channel] = reason
			} else if shown[channel] == 0 && card != "" {
				shown[channel] = time.Since(l.started)
			}
		}
		return len(shown)+len(failed) >= len(s.Channels), nil
	})
	quick := l.end.verdict() != "" // somebody was quicker than some channel
	if err != nil || l.end != nil && !quick {
		reason := fmt.Sprint(err)
		if l.end != nil {
			reason = l.end.why()
		}
		return l.step("live-channel", "daemon → channel", why, fail(daemonProgram+" status", "no card: %s", reason))
	}
	for _, c := range s.Channels {
		found := fine("the card was up %s after the start", ms(shown[c.Name]))
		switch {
		case failed[c.Name] != "":
			found = warn(daemonProgram+" status", "no card: %s", failed[c.Name])
		case shown[c.Name] == 0 && quick:
			found = skip("answered before it was up")
		case shown[c.Name] == 0:
			found = warn(daemonProgram+" status", "no card within %v", showFor)
		case wait > 0:
			found.detail += fmt.Sprintf(": tap it within %v", wait)
		}
		l.step("live-"+c.Name, "daemon → "+c.Name, why, found)
	}
	if len(shown) == 0 && !quick {
		return l.step("live-channel", "daemon → channel", why, fail(daemonProgram+" doctor", "no channel shows it"))
	}
	return true
}

// answer waits for a person's tap, or answers, and sees the answer through the
// hook.
func (l *live) answer(ctx context.Context, request wire.Pending, wait time.Duration) {
	const tapWhy, hookWhy = "So long until you answer.", "So long until Claude Code has the answer."
	tapped := l.tap(ctx, wait)
	var answered time.Time
	switch {
	case ctx.Err() != nil:
		l.step("live-tap", "you → daemon", tapWhy, fail("", "interrupted"))
		return
	case tapped:
		l.step("live-tap", "you → daemon", tapWhy, fine("answered %s after the start", time.Since(l.started).Round(10*time.Millisecond)))
	default:
		answered = time.Now()
		var done wire.OK
		err := l.control(wire.Envelope{Op: wire.OpAnswer, ID: request.ID, Generation: request.Generation, Digest: request.Digest, Decision: "approve"}, &done)
		said := "the program answered through the control socket, and the daemon took it in " + ms(time.Since(answered))
		found := fine("%s", said)
		switch {
		case err != nil:
			found = fail(daemonProgram+" log", "the daemon does not take the answer: %v", err)
		case wait > 0:
			found = warn("tap the card while it is up", "nobody tapped within %v; %s", wait, said)
		}
		if !l.step("live-tap", "answer → daemon", tapWhy, found) {
			return
		}
	}
	_, _ = l.until(ctx, answerFor, func() (bool, error) { return false, nil }) // the hook's end
	found := fail(daemonProgram+" log", "the hook did not end within %v", answerFor)
	switch verdict := l.end.verdict(); {
	case l.end == nil:
	case verdict == "":
		found = fail(daemonProgram+" log", "the hook brought no answer: %s", l.end.why())
	case answered.IsZero():
		found = fine("the hook printed %q for Claude Code", verdict)
	default:
		found = fine("the hook printed %q for Claude Code and ended %s after the answer", verdict, ms(l.end.at.Sub(answered)))
	}
	l.step("live-answer", "daemon → hook → Claude Code", hookWhy, found)
}

// tap waits for a person's answer: the request is decided, or the hook ends.
func (l *live) tap(ctx context.Context, wait time.Duration) bool {
	if l.end != nil || wait <= 0 {
		return l.end != nil
	}
	done, err := l.until(ctx, wait, func() (bool, error) {
		p, ok, err := l.mine()
		return err == nil && (!ok || p.State == "decided"), err
	})
	return err == nil && (done || l.end != nil)
}

// verdict is what the hook tells Claude Code: allow or deny; empty: nothing.
func (e *hookEnd) verdict() permit.Verb {
	if e == nil || e.err != nil {
		return ""
	}
	var document struct {
		Output struct {
			Decision struct {
				Behavior permit.Verb `json:"behavior"`
			} `json:"decision"`
		} `json:"hookSpecificOutput"`
	}
	if json.Unmarshal([]byte(e.said), &document) != nil {
		return ""
	}
	return document.Output.Decision.Behavior
}

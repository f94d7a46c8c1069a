package daemon

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/user"
	"slices"
	"strings"
	"time"

	"claude-permission-daemon/internal/broker"
	"claude-permission-daemon/internal/permit"
	"claude-permission-daemon/internal/preview"
	"claude-permission-daemon/internal/wire"
)

// terminalChannel is the name under which the CLI answers.
const terminalChannel = "terminal"

// answerFor is how long a client of the socket waits for a verdict.
const answerFor = 10 * time.Second

// control serves a line of the CLI.
func (d *Daemon) control(ctx context.Context, conn net.Conn, lines *wire.Reader, e wire.Envelope) {
	if e.Op == wire.OpWatch {
		d.watch(ctx, conn, lines)
		return
	}
	ops := map[string]func(context.Context, wire.Envelope) (any, error){
		wire.OpStatus:   func(context.Context, wire.Envelope) (any, error) { return d.status() },
		wire.OpPending:  func(context.Context, wire.Envelope) (any, error) { return d.pending() },
		wire.OpAnswer:   d.answer,
		wire.OpPresence: d.presenceOp,
		wire.OpShow:     d.show,
	}
	op, ok := ops[e.Op]
	if !ok {
		d.refuse(conn, fmt.Errorf("cannot serve op %q: it is not known", e.Op))
		return
	}
	answer, err := op(ctx, e)
	if err != nil {
		d.refuse(conn, err)
		return
	}
	_ = conn.SetWriteDeadline(time.Now().Add(writeFor))
	if err := wire.Write(conn, answer); err != nil {
		d.log.Debug("client did not take its answer", "op", e.Op, "error", err)
	}
}

var errStopped = errors.New("cannot answer: the daemon is stopping")

func (d *Daemon) status() (wire.Status, error) {
	s := wire.Status{
		Version: d.options.Version, PID: os.Getpid(), Socket: d.socket,
		UptimeS:  time.Since(d.started).Seconds(),
		Config:   d.warnings,
		Channels: []wire.Channel{},
	}
	if !d.loop.ask(func(b *broker.Broker) { s.Pending = len(b.Pending()) }) {
		return wire.Status{}, errStopped
	}
	p := d.presence.Current()
	s.Presence = wire.Presence{State: p.State, Since: p.Since, Source: p.Source, Override: p.Override, Detail: p.Detail}
	for _, c := range d.channels {
		now := c.Status()
		s.Channels = append(s.Channels, wire.Channel{Name: now.Name, State: string(now.State), Since: now.Since,
			Detail: now.Detail, URL: now.URL})
	}
	s.Config = append(slices.Clone(s.Config), d.incidents.list()...)
	var repaired string
	if s.Journal, repaired = d.recorder.state(); repaired != "" {
		s.Config = append(s.Config, "the journal was repaired at the start: "+repaired)
	}
	return s, nil
}

func (d *Daemon) pending() ([]wire.Pending, error) {
	var open []broker.Pending
	if !d.loop.ask(func(b *broker.Broker) { open = b.Pending() }) {
		return nil, errStopped
	}
	list := make([]wire.Pending, len(open))
	for i, p := range open {
		list[i] = listed(p, d.preview(p.Card.Request))
	}
	return list, nil
}

// listed is an open request as it is listed.
func listed(p broker.Pending, seen preview.Preview) wire.Pending {
	r := p.Card.Request
	return wire.Pending{
		ID: r.ID, State: string(p.State), Tool: r.Tool, Summary: seen.Summary, Kind: r.Kind, Ordinal: r.Ordinal, Ways: seen.Ways, Held: seen.Held,
		Cwd: r.Cwd, Project: r.Project, Branch: r.Branch, SessionID: r.Session, Agent: r.Agent,
		Host: r.Machine.Host, Since: r.Asked, Deadline: r.Deadline, Contract: string(r.Contract),
		Generation: r.Generation, Digest: r.Digest, Cards: p.Cards,
	}
}

// show answers with one open request, whole.
func (d *Daemon) show(_ context.Context, e wire.Envelope) (any, error) {
	var open []broker.Pending
	if !d.loop.ask(func(b *broker.Broker) { open = b.Pending() }) {
		return nil, errStopped
	}
	for _, p := range open {
		if p.Card.Request.ID != e.ID {
			continue
		}
		seen := d.preview(p.Card.Request)
		shown := wire.Shown{Pending: listed(p, seen), Title: seen.Title, Claim: seen.Claim, Warnings: seen.Warnings, Masked: seen.Masked,
			Parts: make([]wire.Part, len(seen.Parts))}
		for i, part := range seen.Parts {
			shown.Parts[i] = wire.Part{Label: part.Label, Kind: string(part.Kind), Text: part.Text}
		}
		for _, flag := range seen.Flags {
			shown.Flags = append(shown.Flags, string(flag))
		}
		return shown, nil
	}
	return nil, fmt.Errorf("cannot show %q: no open request has that id", e.ID)
}

func (d *Daemon) answer(ctx context.Context, e wire.Envelope) (any, error) {
	verbs := map[string]permit.Verb{"approve": permit.Allow, "deny": permit.Deny}
	verb, ok := verbs[e.Decision]
	switch {
	case e.ID == "":
		return nil, errors.New("cannot answer: id is missing")
	case !ok && e.Way == "":
		return nil, fmt.Errorf("cannot answer: decision is %q, not approve or deny", e.Decision)
	}
	unsent := verb == permit.Allow && e.Message != ""
	if unsent {
		e.Message = ""
	}
	ctx, cancel := context.WithTimeout(ctx, answerFor)
	defer cancel()
	verdict := d.loop.answer(ctx, permit.Answer{
		Request: e.ID, Generation: e.Generation, Digest: e.Digest, Way: e.Way, Pick: e.Pick, Fields: e.Fields,
		Decision: permit.Decision{Verb: verb, By: d.owner, Channel: terminalChannel, Message: e.Message},
	})
	if verdict.Code == permit.Accepted && unsent {
		verdict.Text += ". The message was not sent: Claude Code takes one only with a deny."
	}
	if verdict.Code == permit.Accepted {
		return wire.OK{OK: true, Text: verdict.Text}, nil
	}
	text := strings.TrimSuffix(verdict.Text, ".")
	return wire.Verdict{Error: "cannot answer: " + lowered(text), Code: verdict.Code}, nil
}

// owner is the user whose daemon this is: nobody else reaches the socket.
func owner() permit.Person {
	uid := os.Getuid()
	person := permit.Person{ID: fmt.Sprintf("uid:%d", uid)}
	if u, err := user.LookupId(fmt.Sprint(uid)); err == nil {
		person.Name = u.Username
	}
	return person
}

func (d *Daemon) presenceOp(ctx context.Context, e wire.Envelope) (any, error) {
	length := time.Duration(e.ForSeconds * float64(time.Second))
	var err error
	switch {
	case e.ForSeconds < 0 || length < 0:
		return nil, errors.New("cannot set presence: for_seconds is negative or too large")
	case e.Presence == "away":
		err = d.presence.Override(ctx, permit.Away, length)
	case e.Presence == "here":
		err = d.presence.Override(ctx, permit.Present, length)
	case e.Presence == "auto":
		err = d.presence.Auto(ctx)
	case e.Presence != "":
		return nil, fmt.Errorf("cannot set presence to %q: it is away, here or auto", e.Presence)
	}
	if err != nil {
		return nil, err
	}
	p := d.presence.Current()
	return wire.Presence{State: p.State, Since: p.Since, Source: p.Source, Override: p.Override, Detail: p.Detail}, nil
}

// watch sends everything at once and again after every change, at most ten
// times a second, until the client goes or the daemon ends.
func (d *Daemon) watch(ctx context.Context, conn net.Conn, lines *wire.Reader) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	d.running.Go(func() {
		defer cancel()
		for {
			if _, err := lines.Line(); err != nil {
				return
			}
		}
	})
	for {
		changed := d.loop.changed.wait()
		status, err := d.status()
		if err != nil {
			return
		}
		pending, err := d.pending()
		if err != nil {
			return
		}
		_ = conn.SetWriteDeadline(time.Now().Add(writeFor))
		if err := wire.Write(conn, wire.Watched{Status: status, Pending: pending}); err != nil {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return
		}
	}
}

package daemon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"regexp"
	"sync"
	"time"

	"claude-permission-daemon/internal/broker"
	"claude-permission-daemon/internal/claude"
	"claude-permission-daemon/internal/permit"
	"claude-permission-daemon/internal/preview"
	"claude-permission-daemon/internal/wire"
)

// firstLineFor is how long a connection may take to say what it wants.
const firstLineFor = 10 * time.Second

// serve takes connections until ctx ends. Where something removes the socket's
// file, it is made anew: whoever comes meanwhile finds no daemon.
func (d *Daemon) serve(ctx context.Context) {
	for {
		d.accept(ctx)
		if ctx.Err() != nil {
			return
		}
		lost := now()
		d.log.Error("the socket's file was lost", "socket", d.socket)
		pause := time.Millisecond
		for err := d.listener.Renew(); err != nil; err = d.listener.Renew() {
			d.log.Error("cannot make the socket anew", "error", err)
			select {
			case <-time.After(pause):
			case <-ctx.Done():
				return
			}
			pause = min(4*pause, 10*time.Second)
		}
		d.incidents.add(fmt.Sprintf("something removed the socket's file at %s; it was made anew", lost.Local().Format("15:04:05")))
		d.log.Info("ready again", "socket", d.socket)
	}
}

// accept takes connections until ctx ends or the socket's file is lost.
func (d *Daemon) accept(ctx context.Context) {
	listener := d.listener.UnixListener
	watching, stopWatching := context.WithCancel(ctx)
	var watch sync.WaitGroup
	defer watch.Wait()
	defer stopWatching()
	watch.Go(func() {
		switch err := d.listener.Lost(watching); {
		case err == nil:
			_ = listener.Close()
		case watching.Err() == nil:
			d.log.Warn("nobody will tell if the socket's file is removed", "error", err)
		}
	})
	stop := context.AfterFunc(ctx, func() { _ = listener.Close() })
	defer stop()
	pause := time.Millisecond
	for {
		conn, _, err := d.listener.AcceptOwn()
		switch {
		case ctx.Err() != nil:
			if err == nil {
				_ = conn.Close()
			}
			return
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil: // out of file descriptors, as a rule: others may give theirs back
			d.log.Warn("cannot accept a connection", "error", err)
			select {
			case <-time.After(pause):
			case <-ctx.Done():
				return
			}
			pause = min(2*pause, time.Second)
			continue
		}
		pause = time.Millisecond
		d.conns.add(conn)
		d.running.Go(func() {
			defer d.conns.remove(conn)
			d.converse(ctx, conn)
		})
	}
}

// converse serves one connection: a bare request, our hook, or a control line.
func (d *Daemon) converse(ctx context.Context, conn net.Conn) {
	defer conn.Close() //nolint:errcheck // the other end has all it will get
	lines := wire.NewReader(conn, d.options.Config.Daemon.MaxRequestBytes)
	_ = conn.SetReadDeadline(time.Now().Add(d.patience)) // a socket that cannot have one is closed below
	raw, err := lines.Line()
	switch {
	case errors.Is(err, io.EOF):
		return // only looked whether we are there
	case errors.Is(err, io.ErrUnexpectedEOF):
		d.refuse(conn, errors.New("cannot read the line: it has no end"))
		return
	case errors.Is(err, os.ErrDeadlineExceeded):
		d.refuse(conn, fmt.Errorf("cannot read the line: it did not end within %v", d.patience))
		return
	case errors.Is(err, wire.ErrTooLong):
		d.refuseWith(conn, tooLong{
			wire.Error{Error: fmt.Sprintf("cannot read the line: %v", err)},
			wire.Reply{Action: wire.Passthrough, Reason: fmt.Sprintf("Handed back to the terminal: the request is %v", err)},
		})
		return
	case err != nil:
		d.refuse(conn, fmt.Errorf("cannot read the line: %w", err))
		return
	}
	_ = conn.SetReadDeadline(time.Time{})
	envelope, err := wire.ParseEnvelope(raw)
	switch {
	case err != nil:
		d.refuse(conn, err)
	case envelope.V == 0 && envelope.Op == "":
		d.bare(conn, lines, raw)
	case envelope.Op == wire.OpHook:
		d.hook(conn, lines, envelope)
	default:
		d.control(ctx, conn, lines, envelope)
	}
}

// tooLong answers a line of which nobody has read who sent it: bare clients
// look for the action, all others for the error.
type tooLong struct {
	wire.Error
	wire.Reply
}

// refuse says what is wrong with a line and closes the connection.
func (d *Daemon) refuse(conn net.Conn, err error) {
	d.refuseWith(conn, wire.Error{Error: err.Error()})
}

func (d *Daemon) refuseWith(conn net.Conn, answer any) {
	d.log.Debug("line refused", "answer", answer)
	_ = conn.SetWriteDeadline(time.Now().Add(writeFor))
	_ = wire.Write(conn, answer) // it may not listen any more
	if half, ok := conn.(interface{ CloseWrite() error }); ok {
		// What it still sends is read away for a moment: a close with unread bytes
		// would take the error back before it was read.
		_ = half.CloseWrite()
		_ = conn.SetReadDeadline(time.Now().Add(time.Second))
		_, _ = io.CopyN(io.Discard, conn, 2*wire.MaxLine)
	}
}

// bare serves the seed's protocol: the hook's own JSON.
func (d *Daemon) bare(conn net.Conn, lines *wire.Reader, raw []byte) {
	event, err := claude.Parse(raw)
	switch {
	case err != nil:
		d.refuse(conn, err)
		return
	case event.Name == claude.Notification:
		d.note(event)
		return
	case event.Name != "" && event.Name != claude.PermissionRequest:
		d.refuse(conn, fmt.Errorf("cannot take a bare %s event: only PermissionRequest and Notification", event.Name))
		return
	}
	request, err := event.Request()
	if err != nil {
		d.refuse(conn, err)
		return
	}
	request.ID = d.newID()
	d.wait(conn, lines, event, request)
}

// validID is what a hook may name its request; ours are 32 hexadecimal digits.
var validID = regexp.MustCompile(`^[A-Za-z0-9_-]{8,64}$`)

// hook serves our hook: an event, or a request that it waits for.
func (d *Daemon) hook(conn net.Conn, lines *wire.Reader, envelope wire.Envelope) {
	event, err := claude.Parse(envelope.Event)
	if err != nil {
		d.refuse(conn, err)
		return
	}
	if signal, ok := event.Signal(); ok {
		d.loop.post(broker.Seen{Signal: signal})
	}
	var client permit.Client
	if envelope.Client != nil {
		client = *envelope.Client
	}
	if asks, why := d.asks(event, client); !asks {
		d.note(event)
		if why != "" {
			_ = conn.SetWriteDeadline(time.Now().Add(writeFor))
			_ = wire.Write(conn, wire.Reply{Action: wire.Passthrough, Reason: why}) // it has no other use for us
		}
		return
	}
	request, err := event.Request()
	if err == nil && !validID.MatchString(envelope.ID) {
		err = errors.New("cannot take the request: id is not 8 to 64 letters, digits, - or _")
	}
	if err != nil {
		d.refuse(conn, err)
		return
	}
	request.ID, request.Client = envelope.ID, client
	request.Contract = event.ContractOf(client)
	_ = conn.SetWriteDeadline(time.Now().Add(writeFor))
	if err := wire.Write(conn, d.accepted()); err != nil {
		return // the hook has gone, and nobody was asked
	}
	d.wait(conn, lines, event, request)
}

// accepted is the first line to a hook, with what it cannot know by itself.
func (d *Daemon) accepted() wire.Accepted {
	a := wire.Accepted{Accepted: true}
	if r := time.Duration(d.options.Config.Daemon.Reattach); r != wire.Reattach {
		a.ReattachS = int(r.Seconds())
	}
	return a
}

// asks reports whether the event is a question, to be answered while its hook
// waits. why is for a hook that waits although it is none.
func (d *Daemon) asks(e claude.Event, from permit.Client) (asks bool, why string) {
	c := d.options.Config
	switch e.Name {
	case claude.PermissionRequest, claude.Elicitation:
		return true, ""
	case claude.Stop:
		switch {
		case !c.Notify.Replies:
			return false, "replies are not switched on"
		case !from.Attended: // a script waits for its end
			return false, "nobody attends this session"
		}
		on := e.GoesOn()
		return on == "", on
	case claude.PermissionDenied:
		switch {
		case c.Approve.RetryWait == 0:
			return false, "a refusal does not wait"
		case !from.Attended:
			return false, "nobody attends this session"
		}
		return true, ""
	}
	return false, ""
}

// note lets the broker tell a person of what happened, as far as they want it.
// Nothing of it is shown that was not masked first.
func (d *Daemon) note(e claude.Event) {
	n, ok := e.Note()
	if !ok || !d.options.Config.Notify.Wants(n.Class) {
		return
	}
	n.ID, n.Machine, n.At = d.newID(), d.machine, now()
	n.Project, n.Branch = repoOf(n.Cwd)
	for _, text := range []*string{&n.Title, &n.Text, &n.Project, &n.Branch, &n.Cwd} {
		*text = preview.Safe(d.masker, *text)
	}
	d.loop.post(broker.Happened{Note: n})
}

// wait brings the request to the broker and stays with its hook to the end.
func (d *Daemon) wait(conn net.Conn, lines *wire.Reader, event claude.Event, request permit.Request) {
	request.Machine = d.machine
	request.Asked = now()
	request.Project, request.Branch = repoOf(request.Cwd)
	link, hook := d.hooks.add(conn, request.Contract == permit.Bare)
	defer d.hooks.remove(link)
	d.loop.post(broker.Asked{Request: request, Link: link})
	d.note(event) // after it: a card tells more
	reason := d.hooks.listen(request.ID, link, hook, lines)
	d.loop.post(broker.Closed{ID: request.ID, Link: link, Reason: reason})
}

// ownID makes an id for a request that came without one.
func ownID(random io.Reader) func() string {
	return func() string {
		var bits [16]byte
		_, _ = io.ReadFull(random, bits[:]) // crypto/rand never fails
		return fmt.Sprintf("%x", bits)
	}
}

package slacktest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// maxAck is the size above which Slack drops an ack without a word.
const maxAck = 20 << 10

// Routing says which connection gets the next envelope. Slack documents none;
// a client must do with any.
type Routing int

// The routings. RoundRobin goes over the open connections in turn, First and
// Last take the oldest and the newest.
const (
	RoundRobin Routing = iota
	First
	Last
)

// The errors of a [Delivery], as the person at the button sees them.
const (
	// OperationTimeout: no ack in time.
	OperationTimeout = "operation_timeout"
	// NoConnection: no socket was open.
	NoConnection = "no_connection"
)

// Ack is one ack of an envelope, late ones and repeated ones included.
type Ack struct {
	Conn    int
	At      time.Time
	Late    bool
	Payload json.RawMessage
}

// Envelope is one that was sent, as the Server remembers it.
type Envelope struct {
	ID      string
	Type    string
	Conns   []int // where it was sent; more than one for duplicates
	Sent    time.Time
	Acks    []Ack
	Payload json.RawMessage

	last  time.Time     // when it was sent last
	acked chan struct{} // closed and renewed at each ack
}

// Delivery is how sending an envelope went.
type Delivery struct {
	EnvelopeID string
	Acked      bool
	Error      string // OperationTimeout, NoConnection or empty
	Conn       int    // connection it was sent on; 0 for none
	AckConn    int    // connection the ack came by
	Sent       time.Time
	Latency    time.Duration // sent to acked
	AckPayload json.RawMessage
	Payload    json.RawMessage // what was sent
}

// Envelopes tells of every envelope that was sent, oldest first.
func (s *Server) Envelopes() []Envelope {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]Envelope, len(s.order))
	for i, e := range s.order {
		all[i] = *e
		all[i].Conns = append([]int(nil), e.Conns...)
		all[i].Acks = append([]Ack(nil), e.Acks...)
	}
	return all
}

// SendEnvelope sends raw as it is, on the connection that is next by the
// routing. If it has an envelope_id, it waits for the ack.
func (s *Server) SendEnvelope(ctx context.Context, raw json.RawMessage) (Delivery, error) {
	return s.deliver(ctx, raw, 0)
}

// deliver sends a frame and waits for its ack as Slack does. conn, if not 0,
// overrules the routing.
func (s *Server) deliver(ctx context.Context, raw json.RawMessage, conn int) (Delivery, error) {
	var head struct {
		ID      string          `json:"envelope_id"`
		Type    string          `json:"type"`
		Payload json.RawMessage `json:"payload"`
	}
	_ = json.Unmarshal(raw, &head) // anything may be sent, also what is no envelope
	d := Delivery{EnvelopeID: head.ID, Payload: head.Payload, Sent: time.Now()}

	s.mu.Lock()
	l := s.route(conn)
	if l == nil {
		s.mu.Unlock()
		if conn != 0 {
			return d, fmt.Errorf("cannot send: no connection %d", conn)
		}
		d.Error = NoConnection
		return d, nil
	}
	d.Conn = l.ID
	e := s.sent[head.ID]
	if e == nil {
		e = &Envelope{ID: head.ID, Type: head.Type, Sent: d.Sent, Payload: head.Payload, acked: make(chan struct{})}
		s.order = append(s.order, e)
		if head.ID != "" {
			s.sent[head.ID] = e
		}
	}
	e.last = d.Sent
	before := len(e.Acks)
	for i := range max(s.linkFaults.Copies, 1) {
		if i > 0 && s.linkFaults.CopiesElsewhere {
			l = s.route(0)
		}
		l.send(opText, raw)
		l.Envelopes++
		e.Conns = append(e.Conns, l.ID)
	}
	s.bump()
	s.mu.Unlock()
	if head.ID == "" {
		return d, nil
	}

	limit := time.NewTimer(s.opt.AckLimit)
	defer limit.Stop()
	for {
		s.mu.Lock()
		acked := e.acked
		if len(e.Acks) > before {
			ack := e.Acks[before]
			s.mu.Unlock()
			d.Acked, d.AckConn, d.AckPayload = true, ack.Conn, ack.Payload
			d.Latency = ack.At.Sub(d.Sent)
			return d, nil
		}
		s.mu.Unlock()
		select {
		case <-acked:
		case <-limit.C:
			d.Error = OperationTimeout
			return d, nil
		case <-ctx.Done():
			return d, context.Cause(ctx)
		case <-s.done:
			return d, errors.New("cannot wait for the ack: the server closed")
		}
	}
}

// route picks a connection. Called with mu held.
func (s *Server) route(conn int) *link {
	var open []*link
	for _, l := range s.links {
		if l.ready && !l.dead && !l.CloseSent && !l.dropped {
			if l.ID == conn {
				return l
			}
			open = append(open, l)
		}
	}
	if len(open) == 0 || conn != 0 {
		return nil
	}
	pick := open[0]
	switch s.opt.Route {
	case First:
	case Last:
		pick = open[len(open)-1]
	case RoundRobin:
		for _, l := range open {
			if l.ID > s.lastLink {
				pick = l
				break
			}
		}
	}
	s.lastLink = pick.ID
	return pick
}

// ack takes an ack frame; false if it is none. Called with mu held.
func (s *Server) ack(l *link, raw []byte) bool {
	var a struct {
		ID      string          `json:"envelope_id"`
		Payload json.RawMessage `json:"payload"`
	}
	if json.Unmarshal(raw, &a) != nil {
		return false
	}
	e := s.sent[a.ID]
	if e == nil {
		return false
	}
	if bytes.Equal(a.Payload, []byte("null")) {
		a.Payload = nil
	}
	now := time.Now()
	e.Acks = append(e.Acks, Ack{Conn: l.ID, At: now, Late: now.Sub(e.last) >= s.opt.AckLimit, Payload: a.Payload})
	close(e.acked)
	e.acked = make(chan struct{})
	return true
}

// envelope wraps a payload.
func envelope(typ string, accepts bool, payload json.RawMessage) json.RawMessage {
	return mustJSON(struct {
		ID      string          `json:"envelope_id"`
		Payload json.RawMessage `json:"payload"`
		Type    string          `json:"type"`
		Accepts bool            `json:"accepts_response_payload"`
	}{uuid(), payload, typ, accepts})
}

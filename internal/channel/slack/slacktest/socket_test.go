package slacktest_test

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"

	"claude-permission-daemon/internal/channel/slack/slacktest"
)

func TestATicketIsForOneConnection(t *testing.T) {
	_, c := start(t, slacktest.Options{})
	ticket := c.ticket()
	open := func(url string) (int, error) {
		conn, resp, err := websocket.Dial(c.ctx, url, nil)
		if err == nil {
			t.Cleanup(func() { _ = conn.CloseNow() })
		}
		if resp == nil {
			return 0, err
		}
		return resp.StatusCode, err
	}
	if _, err := open(ticket); err != nil {
		t.Fatal(err)
	}
	if status, err := open(ticket); err == nil || status != http.StatusForbidden {
		t.Errorf("a used ticket: %d %v", status, err)
	}
	if status, err := open(strings.Replace(ticket, "ticket=", "ticket=0", 1)); err == nil || status != http.StatusForbidden {
		t.Errorf("an unknown ticket: %d %v", status, err)
	}
}

func TestHelloCountsConnections(t *testing.T) {
	s, c := start(t, slacktest.Options{MaxConnections: 2})
	first := c.dial(nil)
	if n := first.next(t, "hello")["num_connections"]; n != 1.0 {
		t.Errorf("the first: %v", n)
	}
	second := c.dial(nil)
	if n := second.next(t, "hello")["num_connections"]; n != 2.0 {
		t.Errorf("the second: %v", n)
	}
	third := c.dial(nil)
	if m := third.next(t, "disconnect"); m["reason"] != "too_many_websockets" || m["num_connections"] != 3.0 {
		t.Errorf("one too many: %v", m)
	}
	if _, open := <-third.got; open || websocket.CloseStatus(third.ended()) != websocket.StatusNormalClosure {
		t.Errorf("it is closed: %v", third.ended())
	}
	s.SetLink(slacktest.LinkFaults{NumConnections: 7})
	_ = first.conn.CloseNow()
	_ = second.conn.CloseNow()
	if err := s.WaitConnections(c.ctx, 0); err != nil {
		t.Fatal(err)
	}
	if n := c.dial(nil).next(t, "hello")["num_connections"]; n != 7.0 {
		t.Errorf("a forged number: %v", n)
	}
}

func TestRouting(t *testing.T) {
	for _, tt := range []struct {
		route slacktest.Routing
		want  []int // connection by connection, as indices
	}{
		{slacktest.RoundRobin, []int{0, 1, 2, 0}},
		{slacktest.First, []int{0, 0}},
		{slacktest.Last, []int{2, 2}},
	} {
		s, c := start(t, slacktest.Options{Route: tt.route})
		for range 3 {
			c.dial(nil).next(t, "hello")
		}
		links := s.Links()
		ts := c.post()
		for i, want := range tt.want {
			d, err := s.Click(c.ctx, slacktest.Click{TS: ts, ActionID: "approve"})
			if err != nil || !d.Acked || d.Conn != links[want].ID || d.AckConn != d.Conn {
				t.Errorf("route %d, tap %d: %+v %v", tt.route, i, d, err)
			}
		}
		if d, err := s.Click(c.ctx, slacktest.Click{TS: ts, ActionID: "approve", Conn: links[1].ID}); err != nil || d.Conn != links[1].ID {
			t.Errorf("a named connection: %+v %v", d, err)
		}
		if _, err := s.Click(c.ctx, slacktest.Click{TS: ts, ActionID: "approve", Conn: 99}); err == nil {
			t.Error("a connection that does not exist")
		}
	}
}

func TestDuplicatesAndAcksElsewhere(t *testing.T) {
	s, c := start(t, slacktest.Options{})
	silent := c.dial(func(map[string]any) any { return nil })
	silent.next(t, "hello")
	loud := c.dial(nil)
	loud.next(t, "hello")
	s.SetLink(slacktest.LinkFaults{Copies: 2, CopiesElsewhere: true})
	d, err := s.Click(c.ctx, slacktest.Click{TS: c.post(), ActionID: "approve"})
	if err != nil || !d.Acked || d.AckConn == d.Conn {
		t.Errorf("%+v %v", d, err)
	}
	a, b := silent.next(t, "interactive"), loud.next(t, "interactive")
	if a["envelope_id"] != b["envelope_id"] {
		t.Errorf("the copies differ: %v %v", a, b)
	}
	s.SetLink(slacktest.LinkFaults{Copies: 3})
	if _, err := s.Click(c.ctx, slacktest.Click{TS: c.post(), ActionID: "approve", Conn: s.Links()[1].ID}); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		loud.next(t, "interactive")
	}
}

func TestPingsBothWays(t *testing.T) {
	s, c := start(t, slacktest.Options{PingInterval: 10 * time.Millisecond})
	k := c.dial(nil)
	if err := k.conn.Ping(c.ctx); err != nil {
		t.Fatal(err)
	}
	pinged := func(l []slacktest.Link) bool { return l[0].PingsIn == 1 && l[0].PongsIn >= 3 }
	if err := s.WaitLinks(c.ctx, pinged); err != nil {
		t.Fatal(err)
	}
	s.SetLink(slacktest.LinkFaults{NoPong: true, NoPing: true})
	pong := make(chan error, 1)
	go func() { pong <- k.conn.Ping(c.ctx) }()
	if err := s.WaitLinks(c.ctx, func(l []slacktest.Link) bool { return l[0].PingsIn == 2 }); err != nil {
		t.Fatal(err)
	}
	// One ping of ours may have been on its way; then there are none.
	quiet := s.Links()[0].PongsIn
	time.Sleep(60 * time.Millisecond)
	if got := s.Links()[0].PongsIn; got > quiet+1 {
		t.Errorf("%d pings went out after they were switched off", got-quiet)
	}
	select {
	case err := <-pong:
		t.Errorf("the ping was answered: %v", err)
	default:
	}
	_ = k.conn.CloseNow()
	<-pong
}

func TestAFrozenLinkIsSilentButOpen(t *testing.T) {
	s, c := start(t, slacktest.Options{AckLimit: 50 * time.Millisecond})
	k := c.dial(nil)
	k.next(t, "hello")
	s.Freeze()
	d, err := s.Click(c.ctx, slacktest.Click{TS: c.post(), ActionID: "approve"})
	if err != nil || d.Error != slacktest.OperationTimeout || s.Connections() != 1 {
		t.Fatalf("%+v %v", d, err)
	}
	select {
	case m := <-k.got:
		t.Errorf("a frozen link said %v", m)
	default:
	}
	s.Thaw()
	k.next(t, "interactive")
	if _, err := s.WaitCall(c.ctx, "", nil); err != nil {
		t.Fatal(err)
	}
	if err := s.WaitLinks(c.ctx, func(l []slacktest.Link) bool { return l[0].Acks == 1 }); err != nil {
		t.Error(err)
	}
}

func TestDisconnects(t *testing.T) {
	s, c := start(t, slacktest.Options{WarningLead: time.Millisecond, CloseLead: time.Millisecond})
	for _, tt := range []struct {
		reason string
		says   []string
	}{
		{slacktest.Warning, []string{"warning", "refresh_requested"}},
		{slacktest.RefreshRequested, []string{"refresh_requested"}},
		{slacktest.LinkDisabled, []string{"link_disabled"}},
		{slacktest.TooManyWebsockets, []string{"too_many_websockets"}},
	} {
		k := c.dial(nil)
		k.next(t, "hello")
		s.Disconnect(tt.reason)
		s.Disconnect(tt.reason) // a connection is told once
		for _, want := range tt.says {
			if m := k.next(t, "disconnect"); m["reason"] != want {
				t.Errorf("%s: %v", tt.reason, m)
			}
		}
		if m, open := <-k.got; open || websocket.CloseStatus(k.ended()) != websocket.StatusNormalClosure {
			t.Errorf("%s: ended with %v %v", tt.reason, m, k.ended())
		}
	}
}

func TestEndsWithoutADisconnect(t *testing.T) {
	s, c := start(t, slacktest.Options{})
	for name, tt := range map[string]struct {
		end  func()
		want func(error) bool
	}{
		"reset": {func() { s.Reset() }, func(err error) bool { return errors.Is(err, syscall.ECONNRESET) }},
		"drop":  {func() { s.Drop() }, func(err error) bool { return errors.Is(err, io.EOF) }},
		"close": {func() { s.CloseFrame(1011, "oops") }, func(err error) bool { return websocket.CloseStatus(err) == 1011 }},
	} {
		k := c.dial(nil)
		k.next(t, "hello")
		tt.end()
		if _, open := <-k.got; open || !tt.want(k.ended()) {
			t.Errorf("%s: %v", name, k.ended())
		}
	}
}

func TestLinkFaults(t *testing.T) {
	s, c := start(t, slacktest.Options{})
	s.SetLink(slacktest.LinkFaults{RefuseUpgrade: 503})
	if _, resp, err := websocket.Dial(c.ctx, c.ticket(), nil); err == nil || resp == nil || resp.StatusCode != 503 {
		t.Errorf("a refused handshake: %v", err)
	}
	s.SetLink(slacktest.LinkFaults{TooMany: true})
	if m := c.dial(nil).next(t, "disconnect"); m["reason"] != "too_many_websockets" {
		t.Errorf("right after connecting: %v", m)
	}
	s.SetLink(slacktest.LinkFaults{NoHello: true, IgnoreClose: true, HelloDelay: time.Millisecond})
	raw := dialRaw(t, c.ticket())
	if err := s.WaitLinks(c.ctx, func(l []slacktest.Link) bool { return len(l) == 2 }); err != nil {
		t.Fatal(err)
	}
	if op, _ := raw.read(); op != 0x9 {
		t.Errorf("first frame has opcode %x, want a ping and no hello", op)
	}
	raw.write(0x88, []byte{0x03, 0xE8})
	if err := s.WaitLinks(c.ctx, func(l []slacktest.Link) bool { return l[1].CloseCode == 1000 }); err != nil {
		t.Fatal(err)
	}
	if s.Links()[1].CloseSent {
		t.Error("the close frame was answered")
	}
}

// rawConn is a WebSocket without a library, for what a library does not do.
type rawConn struct {
	t    *testing.T
	conn net.Conn
	br   *bufio.Reader
}

func dialRaw(t *testing.T, wsURL string) *rawConn {
	t.Helper()
	u, err := url.Parse(wsURL)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", u.Host)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
	_, _ = io.WriteString(conn, "GET "+u.RequestURI()+" HTTP/1.1\r\nHost: "+u.Host+"\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"+
		"Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n")
	br := bufio.NewReader(conn)
	resp, err := http.ReadResponse(br, nil)
	if err != nil {
		t.Fatal(err)
	}
	// The example of RFC 6455, section 1.3.
	if resp.StatusCode != http.StatusSwitchingProtocols || resp.Header.Get("Sec-WebSocket-Accept") != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" {
		t.Fatalf("handshake: %v", resp)
	}
	if resp.Header.Get("Sec-WebSocket-Extensions") != "" {
		t.Error("compression was accepted")
	}
	return &rawConn{t, conn, br}
}

// write sends one frame with the given first byte, masked.
func (r *rawConn) write(first byte, payload []byte) {
	r.t.Helper()
	b := []byte{first}
	switch n := len(payload); {
	case n < 126:
		b = append(b, 0x80|byte(n))
	case n <= 0xFFFF:
		b = binary.BigEndian.AppendUint16(append(b, 0x80|126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 0x80|127), uint64(n))
	}
	mask := [4]byte{1, 2, 3, 4}
	b = append(b, mask[:]...)
	for i, c := range payload {
		b = append(b, c^mask[i%4])
	}
	if _, err := r.conn.Write(b); err != nil {
		r.t.Fatal(err)
	}
}

// read is the next frame's opcode and payload.
func (r *rawConn) read() (byte, []byte) {
	r.t.Helper()
	head := make([]byte, 2)
	if _, err := io.ReadFull(r.br, head); err != nil {
		r.t.Fatal(err)
	}
	size := int(head[1])
	switch size {
	case 126:
		ext := make([]byte, 2)
		_, _ = io.ReadFull(r.br, ext)
		size = int(binary.BigEndian.Uint16(ext))
	case 127:
		ext := make([]byte, 8)
		_, _ = io.ReadFull(r.br, ext)
		size = int(binary.BigEndian.Uint64(ext))
	}
	payload := make([]byte, size)
	if _, err := io.ReadFull(r.br, payload); err != nil {
		r.t.Fatal(err)
	}
	return head[0] & 0x0F, payload
}

// text is the next text frame's document.
func (r *rawConn) text() map[string]any {
	r.t.Helper()
	for {
		if op, payload := r.read(); op == 0x1 {
			var m map[string]any
			if err := json.Unmarshal(payload, &m); err != nil {
				r.t.Fatal(err)
			}
			return m
		}
	}
}

// What Slack ignores in silence is not an ack.
func TestAcksThatDoNotCount(t *testing.T) {
	s, c := start(t, slacktest.Options{AckLimit: 300 * time.Millisecond})
	raw := dialRaw(t, c.ticket())
	raw.text()
	big := strings.Repeat("x", 20<<10)
	wrong := map[string]func(id string){
		"in two frames": func(id string) {
			b, _ := json.Marshal(map[string]any{"envelope_id": id})
			raw.write(0x01, b[:5])
			raw.write(0x80, b[5:])
		},
		"above 20 KB": func(id string) {
			b, _ := json.Marshal(map[string]any{"envelope_id": id, "payload": map[string]any{"text": big}})
			raw.write(0x81, b)
		},
		"above 64 KB": func(id string) {
			b, _ := json.Marshal(map[string]any{"envelope_id": id, "payload": map[string]any{"text": big + big + big + big}})
			raw.write(0x81, b)
		},
		"binary":           func(id string) { raw.write(0x82, []byte(`{"envelope_id":"`+id+`"}`)) },
		"not JSON":         func(string) { raw.write(0x81, []byte(`{"envelope_id"`)) },
		"another envelope": func(string) { raw.write(0x81, []byte(`{"envelope_id":"5f0c1d9e"}`)) },
	}
	for name, answer := range wrong {
		before := s.Links()[0].Dropped
		done := make(chan slacktest.ClickResult)
		ts := c.post()
		go func() {
			d, _ := s.Click(c.ctx, slacktest.Click{TS: ts, ActionID: "approve"})
			done <- d
		}()
		answer(raw.text()["envelope_id"].(string))
		if d := <-done; d.Acked || d.Error != slacktest.OperationTimeout {
			t.Errorf("an ack %s: %+v", name, d)
		}
		if got := s.Links()[0].Dropped; got == before {
			t.Errorf("an ack %s was not counted as dropped", name)
		}
	}
	if s.Connections() != 1 {
		t.Error("Slack keeps the connection all the same")
	}
}

// After both close frames TCP stays open, and counts, until the client ends it.
func TestCloseLeavesTCPToTheClient(t *testing.T) {
	s, c := start(t, slacktest.Options{})
	raw := dialRaw(t, c.ticket())
	raw.text()
	raw.write(0x88, []byte{0x03, 0xE8})
	for {
		op, payload := raw.read()
		if op == 0x8 {
			if len(payload) != 2 || payload[0] != 0x03 || payload[1] != 0xE8 {
				t.Errorf("close frame %x", payload)
			}
			break
		}
	}
	_ = raw.conn.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	var timeout net.Error
	if _, err := raw.br.ReadByte(); !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Errorf("TCP ended: %v", err)
	}
	if s.Connections() != 1 {
		t.Error("a leaked socket counts")
	}
	if d, err := s.Click(c.ctx, slacktest.Click{TS: c.post(), ActionID: "approve"}); err != nil || d.Error != slacktest.NoConnection {
		t.Errorf("a closed link gets no taps: %+v %v", d, err)
	}
	_ = raw.conn.Close()
	if err := s.WaitLinks(c.ctx, func(l []slacktest.Link) bool { return !l[0].Closed.IsZero() && l[0].CloseCode == 1000 }); err != nil {
		t.Error(err)
	}
}

func TestFramesThatBreakTheProtocol(t *testing.T) {
	s, c := start(t, slacktest.Options{PingInterval: -1})
	for name, bytes := range map[string][]byte{
		"unmasked":           {0x81, 0x02, '{', '}'},
		"compressed":         {0xC1, 0x80, 0, 0, 0, 0},
		"fragmented ping":    {0x09, 0x80, 0, 0, 0, 0},
		"endless":            {0x81, 0xFF, 0x7F, 0, 0, 0, 0, 0, 0, 0},
		"long control frame": {0x89, 0xFE, 0x00, 0x7E},
	} {
		raw := dialRaw(t, c.ticket())
		raw.text()
		if _, err := raw.conn.Write(bytes); err != nil {
			t.Fatal(err)
		}
		if op, payload := raw.read(); op != 0x8 || binary.BigEndian.Uint16(payload) != 1002 {
			t.Errorf("%s: frame %x %x", name, op, payload)
		}
		_ = raw.conn.Close()
	}
	if err := s.WaitConnections(c.ctx, 0); err != nil {
		t.Error(err)
	}
}

func TestAnAppThatAsksForShortConnectionsIsSeen(t *testing.T) {
	s, c := start(t, slacktest.Options{})
	raw := dialRaw(t, c.ticket()+"&debug_reconnects=true")
	if got := raw.text()["debug_info"].(map[string]any)["approximate_connection_time"]; got != 360.0 || !s.Links()[0].DebugReconnect {
		t.Errorf("%v %+v", got, s.Links()[0])
	}
}

func TestNotAHandshake(t *testing.T) {
	_, c := start(t, slacktest.Options{})
	req, _ := http.NewRequestWithContext(c.ctx, http.MethodGet, strings.Replace(c.ticket(), "ws:", "http:", 1), nil)
	if status, _, _, err := c.send(req); err != nil || status != http.StatusBadRequest {
		t.Errorf("%d %v", status, err)
	}
}

func TestTheServerGoesAndComesBack(t *testing.T) {
	s, c := start(t, slacktest.Options{})
	k := c.dial(nil)
	k.next(t, "hello")
	url := s.URL()
	s.Down()
	s.Down()
	if _, open := <-k.got; open {
		t.Error("the connection outlived the server")
	}
	c.hc.CloseIdleConnections()
	if _, _, _, err := c.do("", "api.test", nil); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("while it is down: %v", err)
	}
	if err := s.Up(); err != nil {
		t.Fatal(err)
	}
	if err := s.Up(); err != nil || s.URL() != url {
		t.Errorf("up twice: %v %s", err, s.URL())
	}
	c.dial(nil).next(t, "hello")
	s.Close()
	s.Close()
	if err := s.Up(); err == nil {
		t.Error("a closed server came up")
	}
}

func TestPortal(t *testing.T) {
	s, c := start(t, slacktest.Options{})
	for _, p := range []slacktest.Portal{{}, {Status: 404, Body: "<h1>?</h1>"}, {Status: 302, Location: "http://127.0.0.1:1/login"}} {
		s.SetPortal(&p)
		status, out, header, err := c.do(s.Options().AppToken, "apps.connections.open", nil)
		if err != nil || status != max(p.Status, 200) || len(out) != 0 || header.Get("Location") != p.Location {
			t.Errorf("%+v: %d %v %v", p, status, out, err)
		}
	}
	s.SetPortal(&slacktest.Portal{Hang: true})
	impatient := *c
	impatient.hc = &http.Client{Timeout: 50 * time.Millisecond, Transport: c.hc.Transport}
	if _, _, _, err := impatient.do("", "api.test", nil); err == nil {
		t.Error("it answered")
	}
	s.SetPortal(nil)
	c.ticket()
}

// Behind TLS and under another name it is the same Slack.
func TestTLSAndAName(t *testing.T) {
	certified := httptest.NewUnstartedServer(nil)
	certified.StartTLS()
	defer certified.Close()
	s, c := start(t, slacktest.Options{Host: "example.com", TLS: certified.TLS})
	if !strings.HasPrefix(s.URL(), "https://example.com:") {
		t.Fatal(s.URL())
	}
	tr := certified.Client().Transport.(*http.Transport).Clone()
	tr.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		_, port, _ := net.SplitHostPort(addr)
		return new(net.Dialer).DialContext(ctx, network, "127.0.0.1:"+port)
	}
	defer tr.CloseIdleConnections()
	c.hc = &http.Client{Transport: tr}
	if ticket := c.ticket(); !strings.HasPrefix(ticket, "wss://example.com:") {
		t.Error(ticket)
	}
	k := c.dial(nil)
	k.next(t, "hello")
	if d, err := s.Click(c.ctx, slacktest.Click{TS: c.post(), ActionID: "approve"}); err != nil || !d.Acked {
		t.Errorf("%+v %v", d, err)
	}
	k.next(t, "interactive")
	s.Reset()
	if _, open := <-k.got; open || !errors.Is(k.ended(), syscall.ECONNRESET) {
		t.Errorf("%v", k.ended())
	}
}

package slacktest_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"claude-permission-daemon/internal/channel/slack/slacktest"
)

// startInMemory is start for use inside a synctest bubble.
func startInMemory(t *testing.T, opt slacktest.Options) (*slacktest.Server, *client) {
	t.Helper()
	network := &slacktest.Memory{}
	opt.Listen = network.Listen
	s, err := slacktest.Start(opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	tr := &http.Transport{DialContext: network.Dial}
	t.Cleanup(tr.CloseIdleConnections)
	return s, &client{t: t, s: s, ctx: t.Context(), hc: &http.Client{Transport: tr}}
}

func TestAConnectionLivesItsLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c := startInMemory(t, slacktest.Options{ConnectionLife: time.Hour})
		began := time.Now()
		k := c.dial(nil)
		hello := k.next(t, "hello")
		if got := hello["debug_info"].(map[string]any)["approximate_connection_time"]; got != 3600.0 {
			t.Errorf("told %v seconds", got)
		}
		for _, want := range []struct {
			reason string
			at     time.Duration
		}{{"warning", time.Hour - 10*time.Second}, {"refresh_requested", time.Hour}} {
			m := <-k.got
			if m["reason"] != want.reason || time.Since(began) != want.at {
				t.Errorf("%v after %v, want %s after %v", m["reason"], time.Since(began), want.reason, want.at)
			}
		}
		// Until the close frame, taps still come by the old connection.
		if d, err := s.Click(c.ctx, slacktest.Click{TS: c.post(), ActionID: "approve"}); err != nil || !d.Acked {
			t.Errorf("a tap before the close frame: %+v %v", d, err)
		}
		k.next(t, "interactive")
		if _, open := <-k.got; open || time.Since(began) != time.Hour+time.Second {
			t.Errorf("closed after %v: %v", time.Since(began), k.ended())
		}
		if l := s.Links()[0]; l.PingsIn != 0 || l.PongsIn < 300 {
			t.Errorf("an hour of pings each ten seconds: %+v", l)
		}
	})
}

func TestAnUnansweredTapTimesOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c := startInMemory(t, slacktest.Options{})
		if d, err := s.Click(c.ctx, slacktest.Click{TS: c.post(), ActionID: "approve"}); err != nil || d.Error != slacktest.NoConnection {
			t.Errorf("no socket: %+v %v", d, err)
		}
		late := make(chan string, 1)
		k := c.dial(func(m map[string]any) any {
			if id, ok := m["envelope_id"].(string); ok {
				late <- id
			}
			return nil
		})
		k.next(t, "hello")
		began := time.Now()
		d, err := s.Click(c.ctx, slacktest.Click{TS: c.post(), ActionID: "approve"})
		if err != nil || d.Acked || d.Error != slacktest.OperationTimeout || time.Since(began) != 3*time.Second {
			t.Errorf("%+v %v after %v", d, err, time.Since(began))
		}
		k.send(c.ctx, map[string]any{"envelope_id": <-late})
		synctest.Wait()
		if e := s.Envelopes()[0]; len(e.Acks) != 1 || !e.Acks[0].Late {
			t.Errorf("an ack after the limit: %+v", e.Acks)
		}
	})
}

func TestTriggersAndResponseURLsAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c := startInMemory(t, slacktest.Options{})
		c.dial(nil).next(t, "hello")
		click := func() slacktest.ClickResult {
			d, err := s.Click(c.ctx, slacktest.Click{TS: c.post(), ActionID: "approve"})
			if err != nil {
				t.Fatal(err)
			}
			return d
		}
		view := map[string]any{"type": "modal", "title": plain("Hi"), "blocks": []any{map[string]any{"type": "divider"}}}
		open := func(trigger string, view map[string]any) any {
			return c.call("views.open", map[string]any{"trigger_id": trigger, "view": view})["error"]
		}
		first, second := click(), click()
		if got := open(first.TriggerID, map[string]any{"type": "modal"}); got != "invalid_arguments" {
			t.Errorf("a refused view: %v", got)
		}
		if got := open(first.TriggerID, view); got != nil {
			t.Errorf("a trigger that is fresh: %v", got)
		}
		if got := open(first.TriggerID, view); got != "exchanged_trigger_id" {
			t.Errorf("a trigger that was used: %v", got)
		}
		time.Sleep(3*time.Second + time.Millisecond)
		if got := open(second.TriggerID, view); got != "expired_trigger_id" {
			t.Errorf("a trigger that is old: %v", got)
		}
		time.Sleep(30 * time.Minute)
		if status, out := c.respond(first.ResponseURL, map[string]any{"text": "x"}); status != 404 || out["error"] != "expired_url" {
			t.Errorf("an old response_url: %d %v", status, out)
		}
	})
}

func TestEventsComeAgainUntilAcked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c := startInMemory(t, slacktest.Options{})
		began := time.Now()
		seen := 0
		k := c.dial(func(m map[string]any) any {
			if m["type"] == "events_api" {
				seen++
			}
			if seen == 4 {
				return ack(m)
			}
			return nil
		})
		k.next(t, "hello")
		_, d, err := s.Say(c.ctx, slacktest.Say{Text: "hello?"})
		if err != nil || !d.Acked {
			t.Fatalf("%+v %v", d, err)
		}
		if got, want := time.Since(began), 6*time.Minute+9*time.Second; got != want {
			t.Errorf("the fourth attempt was acked after %v, want %v", got, want)
		}
		for i := range 4 {
			e := k.next(t, "events_api")
			if e["retry_attempt"] != float64(i) || (e["retry_reason"] == "timeout") != (i > 0) {
				t.Errorf("attempt %d: %v", i, e)
			}
		}
	})
}

func TestTheServerGoesAndComesBackInMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c := startInMemory(t, slacktest.Options{})
		k := c.dial(nil)
		k.next(t, "hello")
		s.Down()
		if _, open := <-k.got; open {
			t.Error("the connection outlived the server")
		}
		if _, _, _, err := c.do("", "api.test", nil); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("while it is down: %v", err)
		}
		time.Sleep(10 * time.Minute)
		if err := s.Up(); err != nil {
			t.Fatal(err)
		}
		c.dial(nil).next(t, "hello")
	})
}

func TestMemoryConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := &slacktest.Memory{}
		l, err := network.Listen()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := network.Listen(); !errors.Is(err, syscall.EADDRINUSE) {
			t.Errorf("a second listener: %v", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := network.Dial(ctx, "tcp", ""); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("nobody accepts: %v", err)
		}
		go func() {
			b, err := l.Accept()
			if err == nil {
				_, _ = b.Write([]byte("hi"))
				_ = b.(interface{ SetLinger(int) error }).SetLinger(0)
				time.Sleep(time.Minute)
				_ = b.Close()
			}
		}()
		a, err := network.Dial(t.Context(), "tcp", "")
		if err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 8)
		if n, err := a.Read(buf); n != 2 || err != nil {
			t.Errorf("%d %v", n, err)
		}
		_ = a.SetDeadline(time.Now().Add(time.Second))
		if _, err := a.Read(buf); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("read past the deadline: %v", err)
		}
		_ = a.SetDeadline(time.Now().Add(time.Second))
		if n, err := a.Write([]byte(strings.Repeat("x", 1<<20))); n == 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("a full window: %d %v", n, err)
		}
		_ = a.SetDeadline(time.Time{})
		if _, err := a.Read(buf); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("after the reset: %v", err)
		}
		if _, err := a.Write(buf); err == nil {
			t.Error("wrote to nobody")
		}
		if a.Close() != nil || a.Close() == nil || a.LocalAddr().String() != a.RemoteAddr().String() {
			t.Error("a connection closes once")
		}
		_ = l.Close()
	})
}

// keepLink keeps a link through refreshes, as one of two kinds of client, until
// ctx ends.
func (c *client) keepLink(ctx context.Context, makeBeforeBreak bool) {
	var wg sync.WaitGroup
	defer wg.Wait()
	next := make(chan struct{}, 100)
	next <- struct{}{}
	for {
		select {
		case <-ctx.Done():
			return
		case <-next:
		}
		wg.Go(func() {
			conn, _, err := websocket.Dial(ctx, c.ticket(), &websocket.DialOptions{HTTPClient: c.hc})
			if err != nil {
				return
			}
			defer conn.CloseNow()
			told := false
			for {
				_, raw, err := conn.Read(ctx)
				if err != nil {
					return
				}
				var m struct {
					ID   string `json:"envelope_id"`
					Type string `json:"type"`
				}
				_ = json.Unmarshal(raw, &m)
				if m.ID != "" {
					_ = conn.Write(ctx, websocket.MessageText, []byte(`{"envelope_id":"`+m.ID+`"}`))
				}
				if m.Type == "disconnect" && !told {
					told = true
					next <- struct{}{}
					if !makeBeforeBreak {
						return
					}
				}
			}
		})
	}
}

// A client that opens the new link first and reads the old one to its end loses
// nothing; one that does not, does. So the Server can tell them apart, and asks
// for nothing impossible.
func TestRefreshesTellClientsApart(t *testing.T) {
	for name, makeBeforeBreak := range map[string]bool{"make before break": true, "break before make": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, c := startInMemory(t, slacktest.Options{
					ConnectionLife: 5 * time.Second, WarningLead: time.Second, CloseLead: 500 * time.Millisecond,
				})
				s.Fail("apps.connections.open", slacktest.Fault{SlowAnswer: 400 * time.Millisecond})
				ctx, cancel := context.WithCancel(t.Context())
				var wg sync.WaitGroup
				wg.Go(func() { c.keepLink(ctx, makeBeforeBreak) })
				if err := s.WaitConnections(t.Context(), 1); err != nil {
					t.Fatal(err)
				}
				ts := c.post()
				var lost atomic.Int32
				for range 600 {
					wg.Go(func() {
						d, err := s.Click(t.Context(), slacktest.Click{TS: ts, ActionID: "approve"})
						if err != nil {
							t.Error(err)
						}
						if !d.Acked {
							lost.Add(1)
						}
					})
					time.Sleep(100 * time.Millisecond)
					synctest.Wait()
				}
				cancel()
				wg.Wait()
				if refreshes := len(s.Links()) - 1; refreshes < 10 || (lost.Load() == 0) != makeBeforeBreak {
					t.Errorf("%d of 600 taps lost over %d refreshes", lost.Load(), refreshes)
				} else {
					t.Logf("%d of 600 taps lost over %d refreshes", lost.Load(), refreshes)
				}
				for _, e := range s.Envelopes() {
					if makeBeforeBreak && (len(e.Acks) != 1 || e.Acks[0].Conn != e.Conns[0]) {
						t.Errorf("acks %+v of an envelope on %v", e.Acks, e.Conns)
					}
				}
			})
		})
	}
}

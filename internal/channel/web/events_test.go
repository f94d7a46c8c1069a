package web

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"claude-permission-daemon/internal/channel"
	"claude-permission-daemon/internal/channel/channeltest"
	"claude-permission-daemon/internal/permit"
)

// event is one server-sent event.
type event struct{ name, id, data string }

// stream is an open page's connection.
type stream struct {
	t      *testing.T
	resp   *http.Response
	events chan event // closed at the end
}

// open opens an event stream from this local address ("" for any).
func open(t *testing.T, link, from string, headers ...string) *stream {
	t.Helper()
	dialer := &net.Dialer{}
	if from != "" {
		dialer.LocalAddr = &net.TCPAddr{IP: net.ParseIP(from)}
	}
	transport := &http.Transport{DialContext: dialer.DialContext}
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	r, err := http.NewRequestWithContext(ctx, "GET", link, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	resp, err := transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	s := &stream{t: t, resp: resp, events: make(chan event)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer close(s.events)
		var e event
		lines := bufio.NewScanner(resp.Body)
		lines.Buffer(nil, 64<<20)
		for lines.Scan() {
			field, value, _ := strings.Cut(lines.Text(), ": ")
			switch field {
			case "event":
				e.name = value
			case "id":
				e.id = value
			case "data":
				e.data = value
			case "":
				select {
				case s.events <- e:
				case <-ctx.Done():
					return
				}
				e = event{}
			}
		}
	}()
	t.Cleanup(func() {
		cancel()
		_ = resp.Body.Close()
		<-done
		transport.CloseIdleConnections()
	})
	return s
}

// next waits for the next event, which must have this name.
func (s *stream) next(name string) event {
	s.t.Helper()
	select {
	case e, ok := <-s.events:
		if !ok {
			s.t.Fatalf("the stream ended before an event %q", name)
		}
		if e.name != name {
			s.t.Fatalf("got the event %+v, want %q", e, name)
		}
		return e
	case <-time.After(20 * time.Second):
		s.t.Fatalf("no event %q came", name)
	}
	return event{}
}

// update waits for an update and what it says.
func (s *stream) update() (update, event) {
	s.t.Helper()
	e := s.next("update")
	var u update
	if err := json.Unmarshal([]byte(e.data), &u); err != nil {
		s.t.Fatal(err)
	}
	return u, e
}

func (s *stream) ends() {
	s.t.Helper()
	select {
	case e, ok := <-s.events:
		if ok {
			s.t.Fatalf("got the event %+v, want the end", e)
		}
	case <-time.After(20 * time.Second):
		s.t.Fatal("the stream does not end")
	}
}

func TestEvents(t *testing.T) {
	away := permit.Presence{State: permit.Present}
	s := serve(t, Config{Listen: "127.0.0.1:0"}, Options{Presence: func() permit.Presence { return away }})
	first := s.show(channeltest.Card("first", "make first"))
	link := s.Status().URL + "events"
	page := open(t, link, "")
	if kind := page.resp.Header.Get("Content-Type"); kind != "text/event-stream" {
		t.Errorf("the events are %s", kind)
	}
	page.next("still")
	u, e := page.update() // one that knows nothing is told everything
	if len(u.Waiting) != 1 || !strings.Contains(u.Cards["first"], "make first") || u.Title != "(1) Permissions" {
		t.Errorf("a new page is told %+v", u)
	}
	if !strings.Contains(u.Presence, "at the keyboard") {
		t.Errorf("presence is told as %q", u.Presence)
	}

	s.show(channeltest.Card("second", "make second"))
	u, _ = page.update()
	if len(u.Waiting) != 2 || len(u.Cards) != 1 || !strings.Contains(u.Cards["second"], "<button") {
		t.Errorf("a new card is told as %+v", u)
	}
	s.show(channeltest.EndedAs(first, permit.Local, ""))
	u, after := page.update()
	if len(u.Waiting) != 1 || len(u.Settled) != 1 || len(u.Cards) != 1 || strings.Contains(u.Cards["first"], "<button") {
		t.Errorf("a settled card is told as %+v", u)
	}
	s.Refresh()
	if u, _ = page.update(); len(u.Cards) != 0 {
		t.Errorf("a change of presence redraws cards: %+v", u)
	}

	// A page that lost its link hears what it missed, and no more.
	again := open(t, link+"?at=nonsense", "", "Last-Event-ID", e.id)
	again.next("still")
	if u, _ := again.update(); len(u.Cards) != 2 || len(u.Waiting) != 1 {
		t.Errorf("a page that missed two changes is told %+v", u)
	}
	drawn := open(t, link+"?at="+after.id, "") // as a page that was just drawn
	drawn.next("still")
	if u, _ := drawn.update(); len(u.Cards) != 0 {
		t.Errorf("a page that knows the cards is told %+v", u)
	}
	// An id of an earlier run means nothing.
	older := open(t, link+"?at=0-99", "")
	older.next("still")
	if u, _ := older.update(); len(u.Cards) != 2 {
		t.Errorf("a page of an earlier run is told %+v", u)
	}

	// On the way out each page gets the last drawing, and its end.
	s.Show(channeltest.EndedAs(channeltest.Card("second", "make second"), permit.HandedBack, "the daemon stops"))
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	for _, p := range []*stream{page, again, drawn, older} {
		if u, _ := p.update(); len(u.Waiting) != 0 || strings.Contains(u.Cards["second"], "<button") {
			t.Errorf("at the end a page is told %+v", u)
		}
		p.ends()
	}
}

// TestEventsSayThatTheyAreLive: the limit of other requests does not end them.
func TestEventsSayThatTheyAreLive(t *testing.T) {
	state := t.TempDir()
	ch, err := New(Config{Listen: "127.0.0.1:0"}, Options{State: state})
	if err != nil {
		t.Fatal(err)
	}
	ch.still, ch.limit = 20*time.Millisecond, 200*time.Millisecond
	if err := ch.Listen(); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- ch.Run(ctx, &channeltest.Desk{}) }()
	page := open(t, ch.Status().URL+"events", "")
	page.next("still")
	page.update()
	for range 20 {
		if e := page.next("still"); e.data == "" || e.id != "" {
			t.Errorf("the sign of life is %+v", e)
		}
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// TestTooManyPages: of one address the oldest page gives way; of all, the new
// one does. The places are free again once the pages are gone.
func TestTooManyPages(t *testing.T) {
	s := serve(t, Config{Listen: "127.0.0.1:0"}, Options{})
	link := s.Status().URL + "events"
	var pages []*stream
	for i := range maxLive {
		p := open(t, link, fmt.Sprintf("127.0.1.%d", 1+i/maxLivePeer))
		p.next("still")
		p.update()
		pages = append(pages, p)
	}
	if p := open(t, link, "127.0.2.1"); p.resp.StatusCode != 503 || p.resp.Header.Get("Retry-After") == "" {
		t.Errorf("page %d gives %s", maxLive+1, p.resp.Status)
	}
	if p := open(t, link, "127.0.1.1"); p.resp.StatusCode != 200 {
		t.Errorf("another page in place of an older one gives %s", p.resp.Status)
	}
	pages[0].next("displaced")
	pages[0].ends()
	pages[4].resp.Body.Close() // of another address
	for range 200 {
		if open(t, link, "127.0.2.1").resp.StatusCode == 200 {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Error("the place of a page that is gone is never free again")
}

// TestSlowPage: a page that takes nothing any more costs the others nothing,
// and does not keep the daemon.
func TestSlowPage(t *testing.T) {
	others := goleak.IgnoreCurrent()
	s := serve(t, Config{Listen: "127.0.0.1:0"}, Options{})
	host, _, _ := strings.Cut(strings.TrimPrefix(s.Status().URL, "http://"), "/")
	slow, err := net.Dial("tcp", host)
	if err != nil {
		t.Fatal(err)
	}
	defer slow.Close()
	fmt.Fprintf(slow, "GET /%s/events HTTP/1.1\r\nHost: %s\r\n\r\n", s.token.Reveal(), host)
	page := open(t, s.Status().URL+"events", "")
	page.next("still")
	page.update()
	for i := range 8 { // more than the sockets' buffers hold
		s.Show(channeltest.Card("big", fmt.Sprintf("echo %d %s", i, strings.Repeat("x", 1<<20))))
		second := channeltest.Card("small", "make small")
		second.Note = fmt.Sprintf("Drawing %d.", i)
		s.Show(second)
		for {
			if u, _ := page.update(); strings.Contains(u.Cards["small"], second.Note) {
				break
			}
		}
	}
	began := time.Now()
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took > channel.Grace+3*time.Second {
		t.Errorf("it took %v to stop", took)
	}
	for range page.events { // to its end
	}
	page.resp.Body.Close()
	slow.Close()
	if err := goleak.Find(others, goleak.IgnoreTopFunction("net/http.(*persistConn).writeLoop"), goleak.IgnoreTopFunction("net/http.(*persistConn).readLoop")); err != nil {
		t.Error(err)
	}
}

package daemon

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"claude-permission-daemon/internal/channel"
	"claude-permission-daemon/internal/channel/slack"
	"claude-permission-daemon/internal/config"
	"claude-permission-daemon/internal/permit"
	"claude-permission-daemon/internal/secret"
	"claude-permission-daemon/internal/wire"
)

// TestMaxOpen: what is beyond the limit is handed back with the reason.
func TestMaxOpen(t *testing.T) {
	r := start(t, func(o *Options) { o.Config.Daemon.MaxOpen = 3 })
	r.setPresence("away")
	first := r.dial().send(enveloped("within-0", ask("s", "x")))
	first.line()
	for i := range 2 {
		r.dial().send(enveloped(fmt.Sprintf("within-%d", i+1), ask("s", "x"))).line()
	}
	r.waitPending(func(p []wire.Pending) bool { return len(p) == 3 })
	const want = `{"action":"passthrough","reason":"Handed back to the terminal: 3 requests are open already"}`
	c := r.dial().send(enveloped("beyond-1", ask("s", "x")))
	c.line()
	if got := c.line(); got != want {
		t.Errorf("got %s", got)
	}
	if got := r.dial().send(bareBash).line(); got != want {
		t.Errorf("bare: got %s", got)
	}
	first.send(`{"closing":"SIGTERM"}`).Close()
	r.waitPending(func(p []wire.Pending) bool { return len(p) == 2 })
	r.dial().send(enveloped("has-room", ask("s", "x"))).line()
	r.waitPending(func(p []wire.Pending) bool { return len(p) == 3 })
}

// TestMaxRequestBytes: one that is too large is handed back, whoever sent it.
func TestMaxRequestBytes(t *testing.T) {
	r := start(t, func(o *Options) { o.Config.Daemon.MaxRequestBytes = 8000 })
	r.setPresence("away")
	long := ask("s", strings.Repeat("x", 9000))
	for name, line := range map[string]string{"bare": long, "enveloped": enveloped("too-long-1", long)} {
		got := r.dial().send(line).line()
		if !strings.Contains(got, `"action":"passthrough"`) || !strings.Contains(got, "the request is line too long: over 8000 bytes") {
			t.Errorf("%s: got %s", name, got)
		}
	}
	r.dial().send(enveloped("that-fits", ask("s", strings.Repeat("x", 7000)))).line()
	r.waitOpen("offered")
}

// TestReattachIsTold: a hook hears how long its daemon would wait for it.
func TestReattachIsTold(t *testing.T) {
	r := start(t, func(o *Options) { o.Config.Daemon.Reattach = config.Duration(90 * time.Second) })
	if got := r.dial().send(enveloped("told-how-long", ask("s", "x"))).line(); got != `{"accepted":true,"reattach_s":90}` {
		t.Errorf("got %s", got)
	}
}

// stuck is a channel with every bug that a channel can have: nothing that it is
// asked to do ever ends, until its Run is told to.
type stuck struct {
	got  chan struct{} // closed with the first card
	once sync.Once
	stop chan struct{}
}

func (s *stuck) Name() string              { return "stuck" }
func (s *stuck) Allows(permit.Person) bool { return true }
func (s *stuck) Status() channel.Status {
	return channel.Status{Name: "stuck", State: channel.Connecting, Detail: "no answer"}
}

// Show breaks the contract: it waits.
func (s *stuck) Show(permit.Card) {
	s.once.Do(func() { close(s.got) })
	<-s.stop
}

func (s *stuck) Run(ctx context.Context, _ channel.Desk) error {
	<-ctx.Done()
	close(s.stop)
	return nil
}

// TestStuckChannels: a channel whose code hangs, and Slack behind a network that
// swallows everything, delay neither the page nor the hook nor the person, nor
// the daemon's end.
func TestStuckChannels(t *testing.T) {
	swallows, err := net.Listen("tcp", "127.0.0.1:0") // takes connections and never says a word
	if err != nil {
		t.Fatal(err)
	}
	defer swallows.Close()
	hangs := &stuck{got: make(chan struct{}), stop: make(chan struct{})}
	r := start(t, func(o *Options) {
		o.Config.Slack = slack.Config{BotToken: secret.Of("xoxb-1-a"), AppToken: secret.Of("xapp-1-a"), Channel: "U0ALICE",
			AllowedUsers: []string{"U0ALICE"}, APIURL: "http://" + swallows.Addr().String() + "/api/"}
		o.more = []channel.Channel{hangs}
	})
	r.setPresence("away")
	for i := range 20 {
		id := fmt.Sprintf("not-delayed-%02d", i)
		begun := time.Now()
		c := r.dial().send(enveloped(id, ask("s", fmt.Sprint("echo ", i))))
		c.line()
		r.waitOpen("offered")
		if i == 0 {
			<-hangs.got
		}
		page := r.page.Status().URL
		var cards []permit.Card
		for len(cards) == 0 || cards[0].Request.ID != id || !cards[0].Live() { // newest first
			cards = fetch(t, page+"cards.json")
		}
		if i%2 == 0 {
			card := cards[0]
			got, err := http.PostForm(page+"answer", url.Values{"request": {id}, "generation": {fmt.Sprint(card.Request.Generation)},
				"digest": {card.Request.Digest}, "verb": {"allow"}})
			if err != nil {
				t.Fatal(err)
			}
			got.Body.Close()
			if line := c.line(); !strings.HasPrefix(line, `{"action":"approve"`) {
				t.Fatalf("%s: %s", id, line)
			}
			c.send(`{"delivered":true}`)
		} else {
			c.send(`{"closing":"SIGTERM"}`) // the person answers in the terminal
		}
		c.Close()
		r.waitPending(func(p []wire.Pending) bool { return len(p) == 0 })
		if took := time.Since(begun); took > 10*time.Second { // the time limits of networks begin there
			t.Errorf("%s took %v", id, took)
		}
	}
	background := r.dial().send(enveloped("blocks-a-dialog", `{"hook_event_name":"PermissionRequest","session_id":"s","agent_id":"a1","tool_name":"Bash","tool_input":{"command":"x"}}`))
	background.line()
	r.waitOpen("offered")
	r.setPresence("here")
	if got := background.line(); !strings.HasPrefix(got, `{"action":"passthrough"`) {
		t.Errorf("back at the keyboard: %s", got)
	}
	begun := time.Now()
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(begun); took > 10*time.Second {
		t.Errorf("the daemon's end took %v", took)
	}
}

func fetch(t *testing.T, address string) (cards []permit.Card) {
	t.Helper()
	got, err := http.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer got.Body.Close()
	if err := json.NewDecoder(got.Body).Decode(&cards); err != nil {
		t.Fatal(err)
	}
	return cards
}

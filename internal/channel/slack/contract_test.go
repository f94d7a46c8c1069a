package slack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"claude-permission-daemon/internal/channel"
	"claude-permission-daemon/internal/channel/channeltest"
	"claude-permission-daemon/internal/channel/slack/slacktest"
	"claude-permission-daemon/internal/permit"
	"claude-permission-daemon/internal/secret"
)

const alice = "U0ALICE"

// reasonAction is the input of the form for a reason.
const reasonAction = "f0"

// machine is the host of the suite's cards.
var machine = permit.Machine{ID: "m1", Host: "desk.example"}

// quick is realPace, some fifty times faster.
func quick() pace {
	return pace{
		link: tempo{
			between: 5 * time.Millisecond, backoff: 10 * time.Millisecond, backoffMax: 200 * time.Millisecond,
			ping: 50 * time.Millisecond, pong: time.Second, probe: time.Second, hello: 5 * time.Second,
			steady: 50 * time.Millisecond, linger: 5 * time.Second, leap: 3 * time.Second,
		},
		update: time.Millisecond, updateBurst: 10, backoff: 10 * time.Millisecond, backoffMax: 200 * time.Millisecond,
		lookAgain: 20 * time.Millisecond, lookFor: 60 * time.Millisecond, waitForTap: 150 * time.Millisecond,
		twinCheck: 200 * time.Millisecond, acceptedLate: 150 * time.Millisecond,
	}
}

// workspace starts a loopback Slack that ends with the test.
func workspace(t testing.TB, opt slacktest.Options) *slacktest.Server {
	t.Helper()
	srv, err := slacktest.Start(opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(srv.Close)
	return srv
}

// configFor is the configuration of a user of srv: direct messages to Alice.
func configFor(srv *slacktest.Server) Config {
	o := srv.Options()
	return Config{BotToken: secret.Of(o.BotToken), AppToken: secret.Of(o.AppToken), Channel: alice, APIURL: srv.URL()}
}

func newChannel(t testing.TB, cfg Config, opt Options) *Channel {
	t.Helper()
	if opt.Machine == (permit.Machine{}) {
		opt.Machine = machine
	}
	if opt.PostEvery == 0 {
		opt.PostEvery = time.Millisecond
	}
	if opt.pace == (pace{}) {
		opt.pace = quick()
	}
	c, err := New(cfg, opt)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestContract(t *testing.T) {
	channeltest.Run(t, func(t *testing.T) channeltest.Harness {
		// Harsh: nothing is as likely to find a tap that is refused because Slack
		// gives a message back a little different from how it was posted.
		srv := workspace(t, slacktest.Options{Harsh: true, Route: slacktest.Last})
		h := &person{srv: srv, seen: map[string]sight{}}
		h.ch = newChannel(t, configFor(srv), Options{})
		return h
	})
}

// person is Alice in front of Slack.
type person struct {
	srv *slacktest.Server
	ch  *Channel

	mu   sync.Mutex
	seen map[string]sight // as last seen live
}

// sight is a message at a moment.
type sight struct {
	ts      string
	version int
}

func (p *person) Channel() channel.Channel { return p.ch }

func (p *person) Restart(t *testing.T) channel.Channel {
	p.ch = newChannel(t, configFor(p.srv), Options{})
	return p.ch
}

func (p *person) Hang() {
	p.srv.SetPortal(&slacktest.Portal{Hang: true})
	p.srv.SetLink(slacktest.LinkFaults{NoPing: true, NoPong: true})
}

// cardsOf are the messages that show a request, oldest first.
func cardsOf(srv *slacktest.Server, request string) []slacktest.Message {
	return allCards(srv)[request]
}

// allCards are the cards to be seen, by request; of a request that came again,
// the newest generation's.
func allCards(srv *slacktest.Server) map[string][]slacktest.Message {
	found, newest := map[string][]slacktest.Message{}, map[string]int{}
	for _, m := range srv.Messages("") {
		var meta struct {
			Payload struct {
				ID         string
				Generation int
			} `json:"event_payload"`
		}
		if m.Deleted || m.EphemeralTo != "" || json.Unmarshal(m.Metadata, &meta) != nil {
			continue
		}
		id, generation := meta.Payload.ID, meta.Payload.Generation
		if generation > newest[id] {
			newest[id], found[id] = generation, nil
		}
		found[id] = append(found[id], m)
	}
	return found
}

// hasButtons reports whether the message can be answered.
func hasButtons(m slacktest.Message) bool {
	return strings.Contains(string(m.Blocks), `"type":"actions"`)
}

func (p *person) Seen(request string) (channeltest.Seen, bool) {
	return p.look(request, cardsOf(p.srv, request))
}

func (p *person) look(request string, cards []slacktest.Message) (channeltest.Seen, bool) {
	if len(cards) == 0 {
		return channeltest.Seen{}, false
	}
	m := cards[len(cards)-1]
	seen := channeltest.Seen{Live: hasButtons(m), Text: readable(m.Blocks), Copies: len(cards)}
	if seen.Live {
		p.mu.Lock()
		p.seen[request] = sight{m.TS, m.Updates + 1}
		p.mu.Unlock()
	}
	return seen, true
}

func (p *person) Glance() map[string]channeltest.Seen {
	all := map[string]channeltest.Seen{}
	for request, cards := range allCards(p.srv) {
		all[request], _ = p.look(request, cards)
	}
	return all
}

// readable is all that can be read in blocks, in their order. Slack gives back
// texts escaped; a person sees them as they are.
func readable(blocks json.RawMessage) string {
	var list []any
	if json.Unmarshal(blocks, &list) != nil {
		return ""
	}
	var b strings.Builder
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case []any:
			for _, e := range v {
				walk(e)
			}
		case map[string]any:
			switch text, isText := v["text"].(string); {
			case isText && v["type"] == "text":
				b.WriteString(text)
			case isText:
				b.WriteString(unescape.Replace(text) + "\n")
			}
			for _, key := range []string{"text", "elements"} {
				walk(v[key])
			}
			if v["type"] != "text" {
				b.WriteString("\n")
			}
		}
	}
	walk(list)
	return b.String()
}

func (p *person) Tap(request string, verb permit.Verb, message string) (string, error) {
	p.mu.Lock()
	at, ok := p.seen[request]
	p.mu.Unlock()
	if !ok {
		return "", fmt.Errorf("cannot tap on %s: it was never seen live", request)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	// A card may be there before the link is.
	if err := p.srv.WaitConnections(ctx, 1); err != nil {
		return "", err
	}
	before := time.Now()
	click := slacktest.Click{Channel: slacktest.DM(alice), TS: at.ts, Version: at.version, ActionID: approveAction}
	if verb == permit.Deny {
		click.ActionID = denyAction
	}
	if message != "" {
		click.ActionID = reasonOpen
	}
	result, err := p.srv.Click(ctx, click)
	if err != nil || result.Error != "" {
		return "", errors.Join(err, errors.New(result.Error))
	}
	if message != "" {
		view, err := p.srv.WaitView(ctx, nil)
		if err != nil {
			return "", err
		}
		sub, err := p.srv.Submit(ctx, slacktest.Submit{ViewID: view.ID, Values: map[string]string{reasonAction: message}})
		if err != nil || !sub.Closed {
			return "", errors.Join(err, errors.New("the form stays open"))
		}
	}
	// Either a note that only this person sees, or the card itself.
	said, err := p.srv.WaitMessage(ctx, func(m slacktest.Message) bool {
		return m.EphemeralTo == alice && m.Posted.After(before) || m.TS == at.ts && !hasButtons(m)
	})
	return readable(said.Blocks), err
}

// contextWithCancel and contextWithTimeout end with the test at the latest, the
// latter long before go test gives up.
func contextWithCancel(t testing.TB) (context.Context, context.CancelFunc) {
	return context.WithCancel(t.Context())
}

func contextWithTimeout(t testing.TB) (context.Context, context.CancelFunc) {
	return context.WithTimeout(t.Context(), 15*time.Second)
}

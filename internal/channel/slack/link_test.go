package slack

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"claude-permission-daemon/internal/channel"
	"claude-permission-daemon/internal/channel/channeltest"
	"claude-permission-daemon/internal/channel/slack/slacktest"
	"claude-permission-daemon/internal/permit"
	"claude-permission-daemon/internal/secret"
)

// world is a channel and its Slack in a bubble where time costs nothing: real
// paces, no kernel.
type world struct {
	t    *testing.T
	srv  *slacktest.Server
	ch   *Channel
	desk *channeltest.Desk
	stop func() // ends the channel and waits for it

	mu     sync.Mutex
	dials  []time.Time
	offset time.Duration // of the wall clock, as after a sleep
	ended  error         // what Run returned
	over   bool
}

// inBubble runs the channel against a loopback Slack with the paces of real
// life. change comes before everything; early cards are shown before it runs.
func inBubble(t *testing.T, opt slacktest.Options, change func(*slacktest.Server, *Config, *Options), test func(*world), early ...permit.Card) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		var network slacktest.Memory
		opt.Listen = network.Listen
		srv, err := slacktest.Start(opt)
		if err != nil {
			t.Fatal(err)
		}
		w := &world{t: t, srv: srv, desk: &channeltest.Desk{}}
		transport := &http.Transport{DialContext: func(ctx context.Context, netw, addr string) (net.Conn, error) {
			w.mu.Lock()
			w.dials = append(w.dials, time.Now())
			w.mu.Unlock()
			return network.Dial(ctx, netw, addr)
		}, IdleConnTimeout: time.Minute}
		cfg, o := configFor(srv), Options{
			Machine: machine, HTTP: &http.Client{Transport: transport}, Now: w.now,
			Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
		}
		if change != nil {
			change(srv, &cfg, &o)
		}
		if w.ch, err = New(cfg, o); err != nil {
			t.Fatal(err)
		}
		for _, card := range early {
			w.ch.Show(card)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			err := w.ch.Run(ctx, w.desk)
			w.mu.Lock()
			w.ended, w.over = err, true
			w.mu.Unlock()
		}()
		w.stop = func() {
			cancel()
			<-done
		}
		defer func() {
			w.stop()
			srv.Close()
			transport.CloseIdleConnections()
		}()
		test(w)
	})
}

func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return time.Now().Add(w.offset)
}

// sleep puts the machine to sleep: the wall clock goes on, nothing else does.
func (w *world) asleep(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.offset += d
}

// pass lets time go by, and what happens in it happen.
func (w *world) pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// state wants the channel to stand like this now, and to say all of words.
func (w *world) state(want channel.State, words ...string) {
	w.t.Helper()
	st := w.ch.Status()
	if st.State != want {
		w.t.Fatalf("the channel is %s (%s), want %s", st.State, st.Detail, want)
	}
	for _, word := range words {
		if !strings.Contains(st.Detail, word) {
			w.t.Errorf("the status says %q, want %q in it", st.Detail, word)
		}
	}
}

// run says whether Run has returned by now, and what.
func (w *world) run() (over bool, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.over, w.ended
}

// opens are the calls of apps.connections.open.
func (w *world) opens() int { return len(w.srv.Calls("apps.connections.open")) }

// tap taps Approve on the request's card and wants the tap acknowledged.
func (w *world) tap(request string) slacktest.ClickResult {
	w.t.Helper()
	cards := cardsOf(w.srv, request)
	if len(cards) == 0 {
		w.t.Fatalf("there is no card of %s", request)
	}
	r, err := w.srv.Click(w.t.Context(), slacktest.Click{Channel: cards[0].Channel, TS: cards[0].TS, ActionID: approveAction})
	if err != nil || r.Error != "" {
		w.t.Fatalf("the tap on %s failed: %v %s", request, err, r.Error)
	}
	return r
}

func TestNoTapIsLostWhenSlackReplacesTheLink(t *testing.T) {
	for _, reason := range []string{slacktest.Warning, slacktest.RefreshRequested} {
		for _, route := range []slacktest.Routing{slacktest.RoundRobin, slacktest.First, slacktest.Last} {
			refreshes := 15
			if reason == slacktest.Warning && route == slacktest.RoundRobin {
				refreshes = 100
			}
			t.Run(fmt.Sprint(reason, route), func(t *testing.T) {
				opt := slacktest.Options{Route: route, WarningLead: 700 * time.Millisecond, CloseLead: 500 * time.Millisecond}
				inBubble(t, opt, nil, func(w *world) {
					w.srv.Fail("apps.connections.open", slacktest.Fault{Delay: 400 * time.Millisecond})
					w.ch.Show(channeltest.Card("tapped", "make tapped"))
					w.pass(2 * time.Second)
					w.state(channel.Ready)
					before := w.opens()
					// A count of payloads, so that neither the desk's nor the card's own
					// care for repeated taps hides a double.
					var mu sync.Mutex
					got := map[string]int{}
					handle := w.ch.link.interactive
					w.ch.link.interactive = func(payload []byte) {
						var p struct{ Actions []struct{ Value string } }
						if err := json.Unmarshal(payload, &p); err != nil || len(p.Actions) != 1 {
							t.Errorf("cannot read a tap: %v", err)
							return
						}
						mu.Lock()
						defer mu.Unlock()
						got[p.Actions[0].Value]++
					}
					card := cardsOf(w.srv, "tapped")[0]
					var taps sync.WaitGroup
					sent := 0
					for range refreshes {
						w.srv.Disconnect(reason, newest(w.srv))
						for range 15 { // 1.5 s, ten a second
							value := fmt.Sprint(sent)
							sent++
							taps.Go(func() {
								r, err := w.srv.Click(w.t.Context(), slacktest.Click{Channel: card.Channel, TS: card.TS, ActionID: denyAction, Value: &value})
								if err != nil || r.Error != "" || r.AckConn != r.Conn {
									t.Errorf("tap %s: %v %s, sent on connection %d, acknowledged on %d", value, err, r.Error, r.Conn, r.AckConn)
								}
							})
							w.pass(100 * time.Millisecond)
						}
					}
					taps.Wait()
					synctest.Wait()
					w.ch.link.interactive = handle
					mu.Lock()
					defer mu.Unlock()
					lost, doubled := 0, 0
					for i := range sent {
						switch n := got[fmt.Sprint(i)]; {
						case n == 0:
							lost++
						case n > 1:
							doubled++
						}
					}
					if lost > 0 || doubled > 0 {
						t.Errorf("of %d taps %d were lost and %d came twice", sent, lost, doubled)
					}
					if n := w.opens() - before; n != refreshes {
						t.Errorf("%d refreshes took %d new links", refreshes, n)
					}
				})
			})
		}
	}
}

// newest is the id of the connection that was opened last.
func newest(srv *slacktest.Server) int {
	links := srv.Links()
	return links[len(links)-1].ID
}

func TestADeadLinkIsFoundWithinTenSeconds(t *testing.T) {
	for name, kill := range map[string]func(*slacktest.Server){
		"frozen":       func(s *slacktest.Server) { s.Freeze() },
		"silent":       func(s *slacktest.Server) { s.SetLink(slacktest.LinkFaults{NoPing: true, NoPong: true}) },
		"reset":        func(s *slacktest.Server) { s.Reset() },
		"ended":        func(s *slacktest.Server) { s.Drop() },
		"closed":       func(s *slacktest.Server) { s.CloseFrame(1011, "internal error") },
		"closed badly": func(s *slacktest.Server) { s.CloseFrame(1000, "") },
	} {
		t.Run(name, func(t *testing.T) {
			// Last, because a tap that Slack sends down a dead link is lost to anybody.
			inBubble(t, slacktest.Options{Route: slacktest.Last}, nil, func(w *world) {
				w.pass(27*time.Second + 300*time.Millisecond) // in the middle of things
				w.state(channel.Ready)
				kill(w.srv)
				w.pass(10 * time.Second)
				if n := w.opens(); n < 2 {
					t.Errorf("the dead link was not replaced within 10 s: %d links", n)
				}
				w.srv.SetLink(slacktest.LinkFaults{}) // or the next one is dead, too
				w.pass(6 * time.Second)
				w.state(channel.Ready)
				w.ch.Show(channeltest.Card("after", "make after"))
				w.pass(2 * time.Second)
				w.tap("after")
				synctest.Wait()
				if got := len(w.desk.Answers()); got != 1 {
					t.Errorf("%d answers came to the desk", got)
				}
			})
		})
	}
}

func TestSlackThatNeverAnswersPingsIsNotDead(t *testing.T) {
	inBubble(t, slacktest.Options{}, func(srv *slacktest.Server, _ *Config, _ *Options) {
		srv.SetLink(slacktest.LinkFaults{NoPong: true}) // but it pings
	}, func(w *world) {
		w.pass(5 * time.Minute)
		w.state(channel.Ready)
		if n := w.opens(); n != 1 {
			t.Errorf("the link was replaced %d times though Slack's pings came", n-1)
		}
	})
}

func TestTooManyWebsocketsForAMinute(t *testing.T) {
	inBubble(t, slacktest.Options{}, nil, func(w *world) {
		w.pass(time.Second)
		w.srv.SetLink(slacktest.LinkFaults{TooMany: true})
		w.srv.Drop()
		before := w.opens()
		for range 60 {
			w.pass(time.Second)
			if st := w.ch.Status(); st.State == channel.Ready {
				t.Fatal("the status says ready while Slack takes no connection")
			}
		}
		w.state(channel.Connecting, "too_many_websockets")
		if n := w.opens() - before; n < 4 || n > 15 {
			t.Errorf("apps.connections.open was called %d times in a minute", n)
		}
		w.srv.SetLink(slacktest.LinkFaults{})
		w.pass(31 * time.Second)
		w.state(channel.Ready)
	})
}

func TestLinkDisabled(t *testing.T) {
	inBubble(t, slacktest.Options{}, nil, func(w *world) {
		w.pass(time.Second)
		w.srv.Fail("apps.connections.open", slacktest.Fault{Error: "socket_mode_disabled"})
		w.srv.Disconnect(slacktest.LinkDisabled)
		synctest.Wait()
		w.state(channel.Down, "link_disabled", "Socket Mode is switched off")
		w.pass(10 * time.Second)
		w.state(channel.Down, "socket_mode_disabled")
		if over, err := w.run(); over {
			t.Fatalf("the channel gave up: %v", err)
		}
		w.srv.Heal()
		w.pass(31 * time.Second)
		w.state(channel.Ready)
	})
}

func TestSlackGoneForTenMinutes(t *testing.T) {
	inBubble(t, slacktest.Options{}, nil, func(w *world) {
		w.pass(time.Second)
		w.srv.Down()
		w.mu.Lock()
		w.dials = nil
		w.mu.Unlock()
		w.ch.Show(channeltest.Card("meanwhile", "make meanwhile"))
		w.pass(10 * time.Minute)
		w.state(channel.Connecting, "connection refused")
		w.mu.Lock()
		tries := len(w.dials)
		w.mu.Unlock()
		// The link and the card, each at most every 15 s once they have slowed down.
		if tries < 40 || tries > 110 {
			t.Errorf("Slack was tried %d times in ten minutes", tries)
		}
		if err := w.srv.Up(); err != nil {
			t.Fatal(err)
		}
		w.pass(31 * time.Second)
		w.state(channel.Ready)
		if n := len(cardsOf(w.srv, "meanwhile")); n != 1 {
			t.Errorf("there are %d cards of what was asked meanwhile", n)
		}
	})
}

func TestANudgeEndsTheWait(t *testing.T) {
	for name, wake := range map[string]func(*world){
		"the daemon says so":        func(w *world) { w.ch.Nudge() },
		"the machine was asleep":    func(w *world) { w.asleep(time.Hour) },
		"the clock was put forward": func(w *world) { w.asleep(10 * time.Second) },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, slacktest.Options{}, nil, func(w *world) {
				w.pass(time.Second)
				w.srv.Down()
				w.pass(10 * time.Minute)
				// At the longest wait; find its beginning.
				w.mu.Lock()
				tries := len(w.dials)
				w.mu.Unlock()
				for {
					w.pass(100 * time.Millisecond)
					w.mu.Lock()
					n := len(w.dials)
					w.mu.Unlock()
					if n > tries {
						break
					}
				}
				if err := w.srv.Up(); err != nil {
					t.Fatal(err)
				}
				wake(w)
				w.pass(5500 * time.Millisecond) // a tick of the clock and a moment
				w.state(channel.Ready)
			})
		})
	}
}

func TestAWokenMachineTestsItsLink(t *testing.T) {
	for name, wake := range map[string]func(*world){
		"the daemon says so":     func(w *world) { w.ch.Nudge() },
		"the machine was asleep": func(w *world) { w.asleep(8 * time.Hour) },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, slacktest.Options{}, nil, func(w *world) {
				w.pass(31 * time.Second) // just after a ping
				w.srv.Freeze()           // as Slack's side of a link that outlived its NAT entry
				w.mu.Lock()
				dials := len(w.dials)
				w.mu.Unlock()
				wake(w)
				w.pass(7500 * time.Millisecond) // at most 5 s to the next tick, 2 s for the pong
				w.state(channel.Ready)
				if n := w.opens(); n != 2 {
					t.Errorf("%d links were opened", n)
				}
				// For the call that asks for a link, too: the old one leads nowhere.
				w.mu.Lock()
				defer w.mu.Unlock()
				if n := len(w.dials) - dials; n != 2 {
					t.Errorf("%d new connections were made, want one for the call and one for the link", n)
				}
			})
		})
	}
}

func TestSlackSaysToWait(t *testing.T) {
	inBubble(t, slacktest.Options{}, nil, func(w *world) {
		w.pass(time.Second)
		w.srv.Fail("apps.connections.open", slacktest.Fault{Status: 429, RetryAfter: 60, Times: 1})
		before := w.opens()
		w.srv.Drop()
		w.pass(2 * time.Second)
		w.ch.Nudge()
		w.pass(55 * time.Second)
		w.state(channel.Connecting, "429")
		if n := w.opens() - before; n != 1 {
			t.Errorf("Slack said to wait a minute and was asked %d times", n)
		}
		w.pass(10 * time.Second)
		w.state(channel.Ready)
	})
}

func TestACaptivePortalIsNotTheEnd(t *testing.T) {
	for name, portal := range map[string]slacktest.Portal{
		"404":          {Status: 404},
		"200":          {},
		"redirect":     {Status: 302, Location: "http://login.example/"},
		"hangs":        {Hang: true},
		"511":          {Status: 511},
		"403 and JSON": {Status: 403, Body: `{"error":"log in first"}`},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, slacktest.Options{}, func(srv *slacktest.Server, _ *Config, o *Options) {
				srv.SetPortal(&portal)
				o.HTTP.CheckRedirect = newHTTPClient().CheckRedirect
			}, func(w *world) {
				w.pass(2 * time.Minute)
				w.state(channel.Connecting)
				w.srv.SetPortal(nil)
				w.pass(45 * time.Second)
				w.state(channel.Ready)
				// And again, once there had been a link.
				w.srv.SetPortal(&portal)
				w.srv.Drop()
				w.pass(2 * time.Minute)
				w.state(channel.Connecting)
				w.srv.SetPortal(nil)
				w.pass(45 * time.Second)
				w.state(channel.Ready)
			})
		})
	}
}

func TestRefusedTokensAreFinal(t *testing.T) {
	for _, test := range []struct {
		name   string
		opt    slacktest.Options
		fail   string
		as     slacktest.Fault
		change func(*Config)
		want   []string
	}{
		{name: "unknown app token", change: func(c *Config) { c.AppToken = secret.Of("xapp-other") },
			want: []string{"slack.app_token", "invalid_auth", "connections:write"}},
		{name: "app token without its scope", opt: slacktest.Options{AppScopes: []string{"authorizations:read"}},
			want: []string{"slack.app_token", "missing_scope", "connections:write", "authorizations:read"}},
		{name: "a bot token in its place", fail: "apps.connections.open", as: slacktest.Fault{Error: "not_allowed_token_type"},
			want: []string{"slack.app_token", "not_allowed_token_type"}},
		{name: "unknown bot token", change: func(c *Config) { c.BotToken = secret.Of("xoxb-other") },
			want: []string{"slack.bot_token", "invalid_auth"}},
		{name: "a revoked bot token", fail: "auth.test", as: slacktest.Fault{Error: "token_revoked"},
			want: []string{"slack.bot_token", "token_revoked"}},
		{name: "bot token without its scope", opt: slacktest.Options{Scopes: []string{"users:read"}},
			want: []string{"slack.bot_token", "chat:write"}},
		{name: "bot token revoked later", fail: "chat.postMessage", as: slacktest.Fault{Error: "account_inactive"},
			want: []string{"slack.bot_token", "account_inactive"}},
		{name: "nobody may decide", change: func(c *Config) { c.Channel = "C0TEAM" },
			want: []string{"slack.allowed_users", "C0TEAM"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			inBubble(t, test.opt, func(srv *slacktest.Server, c *Config, _ *Options) {
				if test.change != nil {
					test.change(c)
				}
				if test.fail != "" {
					srv.Fail(test.fail, test.as)
				}
			}, func(w *world) {
				w.pass(time.Minute)
				over, err := w.run()
				if !over || err == nil {
					t.Fatalf("Run goes on (%v): %+v", err, w.ch.Status())
				}
				w.state(channel.Down, test.want...)
				for _, word := range test.want {
					if !strings.Contains(err.Error(), word) {
						t.Errorf("Run says %q, want %q in it", err, word)
					}
				}
				for _, token := range []string{"xoxb-other", "xapp-other"} {
					if strings.Contains(err.Error(), token) {
						t.Errorf("Run gives away a token: %q", err)
					}
				}
				if n := w.opens(); n > 1 {
					t.Errorf("the link was tried %d times", n)
				}
				if got := w.desk.Failures("asked"); len(got) != 1 {
					t.Errorf("the request that cannot be shown was reported as failed %d times", len(got))
				}
			}, channeltest.Card("asked", "make asked"))
		})
	}
}

func TestOneEnvelopeIsHandledOnce(t *testing.T) {
	inBubble(t, slacktest.Options{}, nil, func(w *world) {
		w.pass(time.Second)
		w.srv.SetLink(slacktest.LinkFaults{Copies: 3, CopiesElsewhere: true})
		w.srv.Disconnect(slacktest.Warning) // two connections for a while
		w.ch.Show(channeltest.Card("tapped", "make tapped"))
		w.pass(3 * time.Second)
		handle, handled := w.ch.link.interactive, 0
		w.ch.link.interactive = func(payload []byte) {
			w.mu.Lock()
			handled++
			w.mu.Unlock()
			handle(payload)
		}
		w.tap("tapped")
		w.pass(time.Second)
		if got := len(w.desk.Answers()); got != 1 || handled != 1 {
			t.Errorf("one tap, sent three times, was handled %d times and made %d answers", handled, got)
		}
		envelopes := w.srv.Envelopes()
		if got := envelopes[len(envelopes)-1]; len(got.Acks) != 3 {
			t.Errorf("of three copies %d were acknowledged", len(got.Acks))
		}
	})
}

// TestEveryShapeIsTaken: what the tests of Slack's own SDKs record, and what
// nobody has recorded yet, is acknowledged and does no harm.
func TestEveryShapeIsTaken(t *testing.T) {
	inBubble(t, slacktest.Options{}, nil, func(w *world) {
		w.pass(time.Second)
		frames := slacktest.Samples()
		for i, odd := range []string{
			`{"envelope_id":"odd1","type":"interactive","payload":"not an object","accepts_response_payload":"false"}`,
			`{"envelope_id":"odd2","type":"something_new","payload":{"a":[1,2]}}`,
			`{"envelope_id":"odd3","type":7,"payload":null,"retry_attempt":"3"}`,
			`{"envelope_id":"odd4","type":"interactive","payload":{"type":"block_actions","user":"U1","team":7,"actions":{"a":1},"message":{"blocks":{"x":1}},"container":[]}}`,
			`{"envelope_id":"odd5","type":"interactive"}`,
			`{"type":"disconnect","reason":{"odd":true}}`,
			`[1,2,3]`, `"text"`, `null`, `{`, ``, `{"type":"hello","num_connections":"2","connection_info":null}`,
			`{"envelope_id":"odd6","type":"interactive","payload":` + strings.Repeat(`{"a":`, 5000) + `1` + strings.Repeat(`}`, 5000) + `}`,
		} {
			frames[fmt.Sprint("odd ", i)] = json.RawMessage(odd)
		}
		for name, frame := range frames {
			r, err := w.srv.SendEnvelope(w.t.Context(), frame)
			if err != nil || r.Error != "" {
				t.Errorf("%s: %v %s", name, err, r.Error)
			}
			w.pass(3 * time.Second)
			w.state(channel.Ready)
		}
		big := `{"envelope_id":"big","type":"interactive","payload":{"pad":"` + strings.Repeat("x", frameLimit) + `"}}`
		go func() { _, _ = w.srv.SendEnvelope(w.t.Context(), json.RawMessage(big)) }()
		w.pass(10 * time.Second)
		w.ch.Show(channeltest.Card("after", "make after"))
		w.pass(2 * time.Second)
		w.tap("after")
		synctest.Wait()
		if got := len(w.desk.Answers()); got != 1 {
			t.Errorf("after all that, one tap made %d answers", got)
		}
	})
}

func TestOthersOnTheSameAppAreSaid(t *testing.T) {
	inBubble(t, slacktest.Options{}, func(srv *slacktest.Server, _ *Config, _ *Options) {
		srv.SetLink(slacktest.LinkFaults{NumConnections: 3})
	}, func(w *world) {
		w.pass(time.Second)
		w.state(channel.Ready, "2 other connections")
		// Our own second link, while one replaces the other, is no stranger.
		w.srv.SetLink(slacktest.LinkFaults{})
		w.srv.Disconnect(slacktest.Warning)
		w.pass(3 * time.Second)
		if st := w.ch.Status(); st.State != channel.Ready || st.Detail != "" {
			t.Errorf("the status is %+v", st)
		}
	})
}

func TestTheOldLinkCountsWhileItIsRead(t *testing.T) {
	inBubble(t, slacktest.Options{}, nil, func(w *world) {
		w.pass(time.Second)
		w.srv.Fail("apps.connections.open", slacktest.Fault{Status: 500})
		w.srv.Disconnect(slacktest.Warning)
		w.pass(5 * time.Second)
		w.state(channel.Ready, "warning", "the old one still works")
		w.pass(10 * time.Second) // Slack has closed it
		w.state(channel.Connecting, "500")
		w.srv.Heal()
		w.pass(31 * time.Second)
		w.state(channel.Ready)
	})
}

func TestASocketWithoutHelloIsNoLink(t *testing.T) {
	inBubble(t, slacktest.Options{}, func(srv *slacktest.Server, _ *Config, _ *Options) {
		srv.SetLink(slacktest.LinkFaults{NoHello: true})
	}, func(w *world) {
		w.pass(15 * time.Second)
		w.state(channel.Connecting, "no hello")
		w.srv.SetLink(slacktest.LinkFaults{RefuseUpgrade: 503})
		w.pass(30 * time.Second)
		w.state(channel.Connecting, "503")
		w.srv.SetLink(slacktest.LinkFaults{})
		w.pass(31 * time.Second)
		w.state(channel.Ready)
		if n := w.srv.Connections(); n != 1 {
			t.Errorf("%d connections are open", n)
		}
	})
}

func TestSlackThatDoesNotCloseTheOldSocket(t *testing.T) {
	inBubble(t, slacktest.Options{CloseLead: time.Hour}, nil, func(w *world) {
		w.pass(time.Second)
		for range 3 {
			w.srv.Disconnect(slacktest.RefreshRequested, newest(w.srv))
			w.pass(2 * time.Second)
		}
		if n := w.srv.Connections(); n != 4 {
			t.Errorf("%d connections are open, want the new one and three that Slack may still use", n)
		}
		w.pass(3 * time.Minute)
		if n := w.srv.Connections(); n != 1 {
			t.Errorf("%d connections are open: old ones count toward Slack's ten", n)
		}
	})
}

func TestStatusSince(t *testing.T) {
	inBubble(t, slacktest.Options{}, nil, func(w *world) {
		w.pass(time.Minute)
		up := w.ch.Status()
		w.pass(time.Minute)
		if got := w.ch.Status().Since; !got.Equal(up.Since) {
			t.Errorf("the status changes its time from %v to %v", up.Since, got)
		}
		w.srv.Down()
		at := w.now()
		w.pass(5 * time.Minute)
		if got := w.ch.Status().Since; got.Before(at) || got.After(at.Add(11*time.Second)) {
			t.Errorf("Slack went at %v, the status says since %v", at, got)
		}
	})
}

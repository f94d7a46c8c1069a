package slack

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"claude-permission-daemon/internal/channel"
	"claude-permission-daemon/internal/channel/channeltest"
	"claude-permission-daemon/internal/channel/slack/slacktest"
	"claude-permission-daemon/internal/permit"
	"claude-permission-daemon/internal/preview"

	"github.com/google/go-cmp/cmp"
)

// click taps, as it says, on the card of "asked", and wants it acknowledged.
func (w *world) click(c slacktest.Click) {
	w.t.Helper()
	if c.TS == "" {
		c.TS = w.one("asked").TS
	}
	if c.ActionID == "" {
		c.ActionID = approveAction
	}
	r, err := w.srv.Click(w.t.Context(), c)
	if err != nil || r.Error != "" {
		w.t.Fatalf("the tap failed: %v %s", err, r.Error)
	}
	synctest.Wait()
}

// edit changes the blocks of a message in place, with the bot's token.
func (w *world) edit(m slacktest.Message, change func(string) string) {
	w.t.Helper()
	if _, err := w.srv.Invoke("chat.update", map[string]any{
		"channel": m.Channel, "ts": m.TS, "text": m.Text, "blocks": json.RawMessage(change(string(m.Blocks))),
	}); err != nil {
		w.t.Fatal(err)
	}
}

func TestWhatATapMustBe(t *testing.T) {
	asked := channeltest.Card("asked", "make asked")
	digest := asked.Request.Digest
	value := func(change func(*tag)) *string {
		t := tagOf(asked.Request, preview.Preview{})
		change(&t)
		s, _ := t.encode()
		return &s
	}
	in := func(edit func(p map[string]any)) slacktest.Click { return slacktest.Click{Edit: edit} }
	user := func(p map[string]any) map[string]any { return p["user"].(map[string]any) }
	for _, test := range []struct {
		name    string
		click   slacktest.Click
		before  func(*world)
		answers int    // that come to the desk
		say     string // told to the person alone; empty: nothing
		accept  bool
	}{
		{name: "as it should be", answers: 1, accept: true},
		{name: "of a stranger of the workspace", click: slacktest.Click{User: "U0BOB", Team: "T0TEST"}, answers: 1, say: "You may not decide here."},
		{name: "of somebody of another workspace with an allowed id", click: slacktest.Click{Team: "T0OTHER"}, answers: 1, say: "You may not decide here."},
		{name: "without a team", click: in(func(p map[string]any) { delete(user(p), "team_id"); delete(p, "team") }), answers: 1, say: "You may not decide here."},
		{name: "with the team at its other place", click: in(func(p map[string]any) { delete(user(p), "team_id") }), answers: 1, accept: true},
		{name: "of nobody", click: in(func(p map[string]any) { p["user"] = map[string]any{"team_id": "T0TEST"} }), answers: 1},
		{name: "of a name that is an allowed id", click: in(func(p map[string]any) {
			p["user"] = map[string]any{"id": "U0EVE", "name": alice, "username": alice, "team_id": "T0TEST"}
		}), answers: 1},
		{name: "of another app", click: in(func(p map[string]any) { p["api_app_id"] = "A0EVIL" })},
		{name: "on a button of another kind", click: in(func(p map[string]any) {
			p["actions"].([]any)[0].(map[string]any)["action_id"] = "approve"
		})},
		{name: "with no value", click: in(func(p map[string]any) { delete(p["actions"].([]any)[0].(map[string]any), "value") }), say: "not one of this program's"},
		{name: "for another machine", click: slacktest.Click{Value: value(func(t *tag) { t.Machine, t.Host = "m2", "attic" })}, say: "from attic, but Slack gave your tap to desk.example"},
		{name: "for an unknown request", click: slacktest.Click{Value: value(func(t *tag) { t.Request = "other" })}, say: "no longer known"},
		{name: "for another generation", click: slacktest.Click{Value: value(func(t *tag) { t.Generation = 2 })}, say: "no longer known"},
		{name: "for another input", click: slacktest.Click{Value: value(func(t *tag) { t.Digest = strings.Repeat("0", len(digest)) })}, say: "does not belong to what is asked"},
		{name: "in another conversation", click: in(func(p map[string]any) {
			p["container"].(map[string]any)["channel_id"] = "C0TEAM"
		}), say: "not the card that was posted"},
		{name: "on another message", click: in(func(p map[string]any) {
			p["container"].(map[string]any)["message_ts"] = "1700000000.000100"
		}), say: "not the card that was posted"},
		{name: "on a message of another bot", click: in(func(p map[string]any) {
			p["message"].(map[string]any)["bot_id"] = "B0EVIL"
		}), say: "not posted by this program"},
		{name: "without the message", click: in(func(p map[string]any) { delete(p, "message") }), answers: 0, say: "does not say what was asked"},
		{name: "with fields that nobody knows", click: in(func(p map[string]any) {
			m := p["message"].(map[string]any)
			m["new_field"], p["newer"] = map[string]any{"a": 1}, []any{1}
			p["enterprise"], p["is_enterprise_install"] = "E1", "false"
			user(p)["text"] = 7
			list, _ := json.Marshal(m["blocks"])
			m["blocks"] = json.RawMessage(strings.ReplaceAll(string(list), `"type":"button"`, `"type":"button","new":{"text":7},"hint":"new"`))
		}), answers: 1, accept: true},
		{name: "on a card whose command was changed", before: func(w *world) {
			w.edit(w.one("asked"), func(s string) string { return strings.ReplaceAll(s, "make asked", "make tea") })
		}, say: "does not say what was asked"},
		{name: "on a card to which was added", before: func(w *world) {
			w.edit(w.one("asked"), func(s string) string {
				return `[{"type":"section","text":{"type":"mrkdwn","text":"This is only a test"}},` + s[1:]
			})
		}, say: "does not say what was asked"},
		{name: "on a card of which a block was replaced", before: func(w *world) {
			w.edit(w.one("asked"), func(s string) string { return strings.ReplaceAll(s, "desk.example", "sandbox") })
		}, say: "does not say what was asked"},
		{name: "on a card whose button leads elsewhere", before: func(w *world) {
			w.edit(w.one("asked"), func(s string) string {
				return strings.ReplaceAll(s, `"style":"primary"`, `"style":"primary","url":"https://evil.example"`)
			})
		}, say: "does not say what was asked"},
		{name: "with something attached", click: in(func(p map[string]any) {
			p["message"].(map[string]any)["attachments"] = []any{map[string]any{"text": "harmless"}}
		}), say: "does not say what was asked"},
	} {
		t.Run(test.name, func(t *testing.T) {
			inBubble(t, slacktest.Options{Harsh: true, Users: []string{alice, "U0BOB"}}, nil, func(w *world) {
				w.rule()
				w.pass(time.Second)
				w.ch.Show(asked)
				w.pass(time.Second)
				if test.before != nil {
					test.before(w)
				}
				w.click(test.click)
				if test.accept {
					w.ch.Show(channeltest.Decided(asked, permit.Allow, permit.Delivered, ""))
				}
				w.pass(10 * time.Second)
				answers := w.desk.Answers()
				if len(answers) != test.answers {
					t.Fatalf("%d answers came to the desk, want %d", len(answers), test.answers)
				}
				for _, a := range answers {
					if a.Digest != digest || a.Generation != 1 || a.Decision.Channel != Name || a.Decision.Verb != permit.Allow {
						t.Errorf("the answer is %+v", a)
					}
				}
				person := first(test.click.User, alice)
				told := strings.Join(w.told(person), "|")
				if test.say == "" && told != "" && test.answers == 0 || !strings.Contains(told, test.say) {
					t.Errorf("the person is told %q, want %q", told, test.say)
				}
				if strings.Count(told, "|") > 0 {
					t.Errorf("the person is told twice: %q", told)
				}
				m := w.one("asked")
				if said := readable(m.Blocks); hasButtons(m) == test.accept || !strings.Contains(said, "make asked") || !strings.Contains(said, "desk.example") || strings.Contains(said, "only a test") {
					t.Errorf("the card is not as it should be afterwards:\n%s", said)
				}
				w.state(channel.Ready)
			})
		})
	}
}

func TestATapForAnotherMachineShowsInStatus(t *testing.T) {
	inBubble(t, slacktest.Options{}, nil, func(w *world) {
		w.pass(time.Second)
		w.ch.Show(channeltest.Card("asked", "make asked"))
		w.pass(time.Second)
		other := tagOf(channeltest.Card("theirs", "make theirs").Request, preview.Preview{})
		other.Machine, other.Host = "m2", "attic"
		value, err := other.encode()
		if err != nil {
			t.Fatal(err)
		}
		w.click(slacktest.Click{Value: &value})
		w.pass(time.Second)
		w.state(channel.Ready, "attic", "an app of its own")
	})
}

func TestALookAlikeWithOurButtons(t *testing.T) {
	// Somebody with the bot's token posts a harmless text with the buttons of a
	// dangerous request.
	inBubble(t, slacktest.Options{}, nil, func(w *world) {
		w.rule()
		w.pass(time.Second)
		asked := channeltest.Card("asked", "rm -rf ~")
		w.ch.Show(asked)
		w.pass(time.Second)
		m := w.one("asked")
		for _, blocks := range []string{strings.ReplaceAll(string(m.Blocks), "rm -rf ~", "ls"), string(m.Blocks)} {
			answer, err := w.srv.Invoke("chat.postMessage", map[string]any{"channel": alice, "text": "x", "blocks": json.RawMessage(blocks)})
			if err != nil {
				t.Fatal(err)
			}
			w.click(slacktest.Click{TS: answer["ts"].(string)})
			w.pass(5 * time.Second)
		}
		if got := w.desk.Answers(); len(got) != 0 {
			t.Errorf("the desk was brought %+v", got)
		}
		for _, m := range w.srv.Messages(slacktest.DM(alice)) {
			if m.EphemeralTo == "" && hasButtons(m) != (m.TS == w.one("asked").TS) {
				t.Errorf("a look-alike keeps its buttons:\n%s", readable(m.Blocks))
			}
		}
	})
}

func TestALateTapIsToldWhatHappened(t *testing.T) {
	inBubble(t, slacktest.Options{Users: []string{alice, "U0BOB"}}, func(_ *slacktest.Server, c *Config, _ *Options) {
		c.AllowedUsers = []string{alice, "U0BOB"}
	}, func(w *world) {
		w.rule()
		w.pass(time.Second)
		asked := channeltest.Card("asked", "make asked")
		w.ch.Show(asked)
		w.pass(time.Second)
		w.click(slacktest.Click{})
		w.ch.Show(channeltest.Decided(asked, permit.Allow, permit.Delivered, ""))
		w.pass(time.Second)
		w.click(slacktest.Click{Version: 1, User: "U0BOB", ActionID: denyAction}) // on a stale screen
		w.pass(time.Second)
		if told := w.told("U0BOB"); len(told) != 1 || told[0] != "Too late: it is decided." {
			t.Errorf("Bob is told %q", told)
		}
		if told := w.told(alice); len(told) != 0 {
			t.Errorf("Alice is told %q, though the card says it", told)
		}
		if hasButtons(w.one("asked")) {
			t.Error("the card has buttons")
		}
	})
}

func TestTheSameTapTwice(t *testing.T) {
	inBubble(t, slacktest.Options{}, nil, func(w *world) {
		w.pass(time.Second)
		w.ch.Show(channeltest.Card("asked", "make asked"))
		w.pass(time.Second)
		same := func(p map[string]any) {
			p["actions"].([]any)[0].(map[string]any)["action_ts"] = "1700000000.000100"
		}
		w.click(slacktest.Click{Edit: same}) // two envelopes
		w.click(slacktest.Click{Edit: same})
		w.click(slacktest.Click{})
		if got := len(w.desk.Answers()); got != 2 {
			t.Errorf("a tap, the same again and another one made %d answers", got)
		}
	})
}

func TestAnAcceptedTapIsSaidWhenTheCardIsSlow(t *testing.T) {
	inBubble(t, slacktest.Options{}, nil, func(w *world) {
		w.rule()
		w.pass(time.Second)
		asked := channeltest.Card("asked", "make asked")
		w.ch.Show(asked)
		w.pass(time.Second)
		w.srv.Fail("chat.update", slacktest.Fault{Delay: 8 * time.Second})
		w.click(slacktest.Click{})
		w.ch.Show(channeltest.Decided(asked, permit.Allow, permit.Sent, ""))
		w.pass(3 * time.Second)
		if told := w.told(alice); len(told) != 1 || told[0] != "Taken." {
			t.Errorf("Alice is told %q", told)
		}
	})
}

func TestTheNoteFindsAnotherWay(t *testing.T) {
	inBubble(t, slacktest.Options{}, nil, func(w *world) {
		w.desk.Judge = func(permit.Answer) permit.Verdict {
			return permit.Verdict{Code: permit.NotRecorded, Text: "The disk is full: <your> tap & *it* does not count."}
		}
		w.pass(time.Second)
		w.ch.Show(channeltest.Card("asked", "make asked"))
		w.pass(time.Second)
		w.srv.Fail("chat.postEphemeral", slacktest.Fault{Error: "user_not_in_channel"})
		w.click(slacktest.Click{})
		w.pass(time.Second)
		if told := w.told(alice); len(told) != 1 || told[0] != "The disk is full: <your> tap & *it* does not count." {
			t.Errorf("Alice is told %q", told)
		}
		if len(w.srv.Calls(slacktest.MethodResponseURL)) != 1 {
			t.Error("it did not go by the response_url")
		}
		// And where that fails, too, nothing worse happens.
		w.srv.Fail(slacktest.MethodResponseURL, slacktest.Fault{Status: 404})
		w.click(slacktest.Click{})
		w.pass(time.Second)
		w.state(channel.Ready)
		if !hasButtons(w.one("asked")) {
			t.Error("the card lost its buttons, and nothing was decided")
		}
	})
}

// openForm taps "Deny with reason…" and gives the form that opens.
func (w *world) openForm(c slacktest.Click) slacktest.View {
	w.t.Helper()
	c.ActionID = reasonOpen
	w.click(c)
	w.pass(100 * time.Millisecond)
	views := w.srv.Views()
	if len(views) != 1 {
		w.t.Fatalf("%d forms are open; %s is told %q", len(views), alice, w.told(alice))
	}
	return views[0]
}

func (w *world) submit(s slacktest.Submit) {
	w.t.Helper()
	r, err := w.srv.Submit(w.t.Context(), s)
	if err != nil || !r.Closed || r.Error != "" {
		w.t.Fatalf("the form stays: %v %+v", err, r)
	}
	synctest.Wait()
}

// reasonIn are the words that an answer brings for Claude.
func reasonIn(a permit.Answer) string { return strings.Join(a.Fields["message"], "") }

func TestDenyWithAReason(t *testing.T) {
	asked := channeltest.Card("asked", "make asked")
	ready := func(w *world) {
		w.rule()
		w.pass(time.Second)
		w.ch.Show(asked)
		w.pass(time.Second)
	}
	users := slacktest.Options{Users: []string{alice, "U0BOB"}}
	t.Run("the reason reaches the desk", func(t *testing.T) {
		inBubble(t, users, nil, func(w *world) {
			ready(w)
			form := w.openForm(slacktest.Click{})
			w.pass(time.Hour)
			if n := len(w.desk.Answers()); n != 0 {
				t.Fatalf("the open form alone made %d answers", n)
			}
			reason := "No: “make” <first> & *then* 100%\nthe rest 🙂"
			w.submit(slacktest.Submit{ViewID: form.ID, Values: map[string]string{reasonAction: reason}})
			got := w.desk.Answers()
			if len(got) != 1 || reasonIn(got[0]) != reason || got[0].Decision.Verb != permit.Deny || got[0].Decision.By.ID != alice || got[0].Digest != asked.Request.Digest {
				t.Errorf("the desk was brought %+v", got)
			}
		})
	})
	t.Run("a stranger gets no form", func(t *testing.T) {
		inBubble(t, users, nil, func(w *world) {
			ready(w)
			w.click(slacktest.Click{ActionID: reasonOpen, User: "U0BOB"})
			w.pass(time.Second)
			if len(w.srv.Views()) != 0 {
				t.Error("a form was opened")
			}
			if told := w.told("U0BOB"); len(told) != 1 || told[0] != "You may not decide here." {
				t.Errorf("Bob is told %q", told)
			}
		})
	})
	t.Run("a stranger submits Alice's form", func(t *testing.T) {
		inBubble(t, users, nil, func(w *world) {
			ready(w)
			form := w.openForm(slacktest.Click{})
			w.submit(slacktest.Submit{ViewID: form.ID, User: "U0BOB", Values: map[string]string{reasonAction: "x"}})
			w.pass(time.Second)
			// Bob is not in Alice's conversation, so Slack shows him nothing there.
			if got := w.desk.Answers(); len(got) != 1 || got[0].Decision.By.ID != "U0BOB" || !hasButtons(w.one("asked")) {
				t.Errorf("the desk was brought %+v", got)
			}
		})
	})
	t.Run("it ended meanwhile", func(t *testing.T) {
		inBubble(t, users, nil, func(w *world) {
			ready(w)
			form := w.openForm(slacktest.Click{})
			w.desk.Judge = func(permit.Answer) permit.Verdict {
				return permit.Verdict{Code: permit.TooLate, Text: "It was answered in the terminal."}
			}
			w.ch.Show(channeltest.EndedAs(asked, permit.Local, ""))
			w.pass(time.Second)
			w.submit(slacktest.Submit{ViewID: form.ID, Values: map[string]string{reasonAction: "x"}})
			w.pass(time.Second)
			if told := w.told(alice); len(told) != 1 || told[0] != "It was answered in the terminal." {
				t.Errorf("Alice is told %q", told)
			}
		})
	})
	t.Run("the form of another machine", func(t *testing.T) {
		inBubble(t, users, nil, func(w *world) {
			ready(w)
			form := w.openForm(slacktest.Click{})
			w.submit(slacktest.Submit{ViewID: form.ID, Values: map[string]string{reasonAction: "x"}, Edit: func(p map[string]any) {
				v := p["view"].(map[string]any)
				v["private_metadata"] = strings.ReplaceAll(v["private_metadata"].(string), `"m":"m1"`, `"m":"m2"`)
			}})
			w.pass(time.Second)
			if told := w.told(alice); len(w.desk.Answers()) != 0 || len(told) != 1 || !strings.Contains(told[0], "another") && !strings.Contains(told[0], "both use") {
				t.Errorf("Alice is told %q, the desk brought %v", told, w.desk.Answers())
			}
		})
	})
	t.Run("a form that carries nothing", func(t *testing.T) {
		inBubble(t, users, nil, func(w *world) {
			ready(w)
			form := w.openForm(slacktest.Click{})
			w.submit(slacktest.Submit{ViewID: form.ID, Values: map[string]string{reasonAction: "x"}, Edit: func(p map[string]any) {
				p["view"].(map[string]any)["private_metadata"] = "?"
			}})
			w.pass(time.Second)
			if n := len(w.desk.Answers()); n != 0 {
				t.Errorf("%d answers", n)
			}
		})
	})
	t.Run("Slack does not open it", func(t *testing.T) {
		inBubble(t, users, nil, func(w *world) {
			ready(w)
			w.srv.Fail("views.open", slacktest.Fault{Delay: 4 * time.Second})
			w.click(slacktest.Click{ActionID: reasonOpen})
			w.pass(6 * time.Second)
			if told := w.told(alice); len(told) != 1 || !strings.Contains(told[0], "expired_trigger_id") {
				t.Errorf("Alice is told %q", told)
			}
			if n := len(w.desk.Answers()); n != 0 {
				t.Errorf("%d answers", n)
			}
		})
	})
}

func TestQuestion(t *testing.T) {
	asked := channeltest.CardOf("asked", "AskUserQuestion", map[string]any{"questions": []any{
		map[string]any{"question": "Which extras?", "multiSelect": true, "options": []any{
			map[string]any{"label": "Lint"}, map[string]any{"label": "CI", "description": strings.Repeat("on each push ", 20)}, map[string]any{"label": "Docs"}}},
		map[string]any{"question": "Which framework?", "options": []any{map[string]any{"label": "React", "preview": "<App/>"}, map[string]any{"label": "Vue"}}},
	}})
	t.Run("answered in its form", func(t *testing.T) {
		inBubble(t, slacktest.Options{}, nil, func(w *world) {
			w.pass(time.Second)
			w.ch.Show(asked)
			w.pass(time.Second)
			if m := w.one("asked"); strings.Contains(string(m.Blocks), approveAction) || !strings.Contains(readable(m.Blocks), "Answer…") {
				t.Errorf("the card says:\n%s", readable(m.Blocks))
			}
			w.click(slacktest.Click{ActionID: "cpd_answer"})
			w.pass(100 * time.Millisecond)
			views := w.srv.Views()
			if len(views) != 1 {
				t.Fatalf("%d forms; told %q", len(views), w.told(alice))
			}
			w.submit(slacktest.Submit{ViewID: views[0].ID, Values: map[string]string{"f0": "0,1", "f1.other": "Svelte"}})
			got := w.desk.Answers()
			want := map[string][]string{"q0": {"0", "1"}, "q1.other": {"Svelte"}}
			if len(got) != 1 || got[0].Way != permit.WayAnswer || cmp.Diff(want, got[0].Fields) != "" {
				t.Errorf("the desk was brought %+v", got)
			}
		})
	})
	t.Run("declined with words", func(t *testing.T) {
		inBubble(t, slacktest.Options{}, nil, func(w *world) {
			w.pass(time.Second)
			w.ch.Show(asked)
			w.pass(time.Second)
			form := w.openForm(slacktest.Click{})
			w.submit(slacktest.Submit{ViewID: form.ID, Values: map[string]string{reasonAction: "The second."}})
			if got := w.desk.Answers(); len(got) != 1 || got[0].Decision.Verb != permit.Deny || reasonIn(got[0]) != "The second." {
				t.Errorf("the desk was brought %+v", got)
			}
		})
	})
}

// A rule for always is confirmed in its own words, and only its own pick goes
// to the desk.
func TestAlways(t *testing.T) {
	inBubble(t, slacktest.Options{}, nil, func(w *world) {
		w.pass(time.Second)
		card := channeltest.Card("asked", "npm run build")
		card.Request.Suggestions = []json.RawMessage{
			json.RawMessage(`{"type":"addRules","rules":[{"toolName":"Bash","ruleContent":"bash"}],"behavior":"allow","destination":"session"}`),
			json.RawMessage(`{"type":"addRules","rules":[{"toolName":"Bash","ruleContent":"npm run *"}],"behavior":"allow","destination":"localSettings"}`),
		}
		w.ch.Show(card)
		w.pass(time.Second)
		m := w.one("asked")
		for _, want := range []string{"Always allow npm run *", "Bash(npm run *)", "settings.local.json", "Very broad: bash runs"} {
			if !strings.Contains(string(m.Blocks), want) {
				t.Errorf("the card does not say %q", want)
			}
		}
		w.click(slacktest.Click{ActionID: "cpd_always.1"})
		w.pass(time.Second)
		if got := w.desk.Answers(); len(got) != 1 || got[0].Way != permit.WayAlways || got[0].Pick != 1 || got[0].Decision.Verb != permit.Allow {
			t.Errorf("the desk was brought %+v", got)
		}
	})
}

// Every character that a card leaves out can be read in pages, by who may
// decide.
func TestWholeText(t *testing.T) {
	inBubble(t, slacktest.Options{}, nil, func(w *world) {
		w.pass(time.Second)
		var script strings.Builder
		for i := range 20_000 {
			fmt.Fprintf(&script, "echo line-%06d\n", i)
		}
		w.ch.Show(channeltest.Card("asked", script.String()))
		w.pass(time.Second)
		w.click(slacktest.Click{ActionID: wholeAction})
		w.pass(time.Second)
		views := w.srv.Views()
		if len(views) != 1 || !strings.Contains(string(views[0].View), "line-000000") || !strings.Contains(string(views[0].View), "SHA-256") {
			t.Fatalf("%d views; told %q", len(views), w.told(alice))
		}
		if len(w.desk.Answers()) != 0 {
			t.Error("reading decides")
		}
	})
}

// Nothing but tool and project leaves where the user wants it so.
func TestWithheld(t *testing.T) {
	card := channeltest.Card("asked", "curl https://secret.example")
	card.Request.Session, card.Request.Branch, card.Request.Cwd, card.Request.Project = "session-secret", "branch-secret", "/home/secret", "shop"
	p := preview.New(preview.Options{Withhold: true}).Of(card.Request)
	d, err := draw(card, p, look{budget: budgets[0], rev: "1"})
	if err != nil {
		t.Fatal(err)
	}
	raw, _ := json.Marshal(d.blocks)
	if text := string(raw) + d.text; strings.Contains(text, "secret") || strings.Contains(text, approveAction) || !strings.Contains(text, "shop") || !strings.Contains(text, denyAction) {
		t.Errorf("it says %s", text)
	}
}

func TestNote(t *testing.T) {
	inBubble(t, slacktest.Options{}, nil, func(w *world) {
		w.pass(time.Second)
		w.ch.Note(permit.Note{Class: permit.NoteIdle, Title: "Claude waits for your input", Text: "<!channel> *done*", Session: "s", Machine: permit.Machine{Host: "laptop"}})
		w.pass(2 * time.Second)
		messages := w.srv.Messages("")
		if len(messages) != 1 || !strings.Contains(readable(messages[0].Blocks), "Claude waits for your input") || strings.Contains(messages[0].Text, "<!channel>") {
			t.Errorf("posted: %+v", messages)
		}
	})
}

func TestWhoMayDecide(t *testing.T) {
	for _, test := range []struct {
		name, channel string
		allowed       []string
		person        permit.Person
		want          bool
	}{
		{"a direct message's own", alice, nil, permit.Person{ID: alice, Team: "T0TEST"}, true},
		{"not on a list that leaves them out", alice, []string{"U0BOB"}, permit.Person{ID: alice, Team: "T0TEST"}, false},
		{"on the list", "C0TEAM", []string{"U0BOB"}, permit.Person{ID: "U0BOB", Team: "T0TEST"}, true},
		{"of another team", "C0TEAM", []string{"U0BOB"}, permit.Person{ID: "U0BOB", Team: "T0OTHER"}, false},
		{"of no team", alice, nil, permit.Person{ID: alice}, false},
		{"nobody", alice, nil, permit.Person{Team: "T0TEST"}, false},
		{"by name", alice, nil, permit.Person{ID: "U0EVE", Name: alice, Team: "T0TEST"}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			var early bool
			inBubble(t, slacktest.Options{}, func(srv *slacktest.Server, c *Config, _ *Options) {
				c.Channel, c.AllowedUsers = test.channel, test.allowed
				srv.Fail("auth.test", slacktest.Fault{Delay: 5 * time.Second})
			}, func(w *world) {
				early = w.ch.Allows(test.person)
				w.pass(10 * time.Second)
				if got := w.ch.Allows(test.person); got != test.want {
					t.Errorf("allowed: %v, want %v", got, test.want)
				}
			})
			if early {
				t.Error("somebody may decide before Slack has said whose the bot is")
			}
		})
	}
}

func TestACardDoesNotOutliveItsRequest(t *testing.T) {
	inBubble(t, slacktest.Options{}, nil, func(w *world) {
		w.desk.Judge = func(permit.Answer) permit.Verdict {
			return permit.Verdict{Code: permit.Unknown, Text: "There is no such request."}
		}
		w.pass(time.Second)
		w.ch.Show(channeltest.Card("asked", "make asked"))
		w.pass(time.Second)
		w.click(slacktest.Click{})
		w.pass(2 * time.Second)
		if hasButtons(w.one("asked")) || strings.Join(w.told(alice), "") != "There is no such request." {
			t.Errorf("Alice is told %q, and the card says:\n%s", w.told(alice), readable(w.one("asked").Blocks))
		}
	})
}

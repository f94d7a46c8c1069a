package slack

import (
	"testing"
	"time"

	"claude-permission-daemon/internal/channel/channeltest"
	"claude-permission-daemon/internal/channel/slack/slacktest"
	"claude-permission-daemon/internal/permit"
	"claude-permission-daemon/internal/preview"
)

// A request that comes back while its card of an earlier process is being taken
// for an old one keeps its buttons: it waits for an answer.
func TestARequestComesBackDuringTheSweep(t *testing.T) {
	card := channeltest.Card("asked", "make asked")
	change := func(srv *slacktest.Server, _ *Config, _ *Options) {
		d, err := draw(card, preview.Of(card.Request), look{budget: budgets[0], rev: "earlier"})
		if err != nil {
			t.Fatal(err)
		}
		answer, err := srv.Invoke("chat.postMessage", m{"channel": alice, "text": d.text, "blocks": d.blocks, "metadata": metadataOf(card.Request)})
		if err != nil {
			t.Fatal(err)
		}
		card.Ref = ref{place: place{slacktest.DM(alice), answer["ts"].(string)}}.String()
		// Slack is slow to take the buttons off.
		srv.Fail("chat.update", slacktest.Fault{Delay: 5 * time.Second, Times: 1})
	}
	inBubble(t, slacktest.Options{}, change, func(w *world) {
		t := w.t
		w.pass(2 * time.Second)
		if n := len(w.srv.Calls("chat.update")); n != 1 {
			t.Fatalf("%d messages are being changed", n)
		}
		card.Note = "The daemon was restarted meanwhile."
		w.ch.Show(card)
		w.pass(30 * time.Second)
		if m := w.one("asked"); !hasButtons(m) {
			t.Fatalf("the card cannot be answered:\n%s", readable(m.Blocks))
		}
		w.click(slacktest.Click{})
		if got := w.desk.Answers(); len(got) != 1 || got[0].Decision.Verb != permit.Allow {
			t.Errorf("the desk was brought %+v; Alice is told %q", got, w.told(alice))
		}
	})
}

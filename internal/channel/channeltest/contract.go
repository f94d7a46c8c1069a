package channeltest

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"claude-permission-daemon/internal/channel"
	"claude-permission-daemon/internal/permit"
)

// script is a command with everything in it that a markup could eat, long
// enough to need more than one screen line and short enough for every channel.
func script(tail string) string {
	var b strings.Builder
	b.WriteString("set -eu <in.txt >out.txt && echo \"a & b\" | tee 'c' # <!here> <@U012AB3CD> *bold* _it_ ~no~ `tick` &amp; <b>&lt;\n")
	for i := range 20 {
		fmt.Fprintf(&b, "\tprintf '%%s\\n' \"line %02d of the script\" https://example.com/?a=1&b=%d\n", i, i)
	}
	return b.String() + "rm -rf ./build-" + tail
}

func namesItself(t *testing.T, make func(*testing.T) Harness) {
	s := start(t, make, nil)
	name := s.Channel().Name()
	if name == "" || strings.ToLower(name) != name || strings.ContainsAny(name, " \t\n") {
		t.Errorf("Name is %q, want one lower-case word", name)
	}
	if got := s.Channel().Status().Name; got != name {
		t.Errorf("Status is of %q, the channel's name is %q", got, name)
	}
	eventually(t, func() string {
		if st := s.Channel().Status(); st.State != channel.Ready {
			return fmt.Sprintf("the channel does not become ready: %+v", st)
		}
		return ""
	})
}

func showsWhole(t *testing.T, make func(*testing.T) Harness) {
	s := start(t, make, nil)
	card := Card("whole", script("whole"))
	card.Note = "The terminal is open too."
	s.Show(card)
	// The whole command, byte for byte, Claude's claim, and the note.
	s.waitFor(t, "whole", true, script("whole"), "Do what whole needs", card.Note)
}

func showsHidden(t *testing.T, make func(*testing.T) Harness) {
	s := start(t, make, nil)
	s.Show(Card("hidden", "echo safe\u202e ; rm -rf x\u200b"))
	s.waitFor(t, "hidden", true, "⟨U+202E⟩", "⟨U+200B⟩")
}

func showsWhatCameBefore(t *testing.T, make func(*testing.T) Harness) {
	s := start(t, make, nil, Card("first", "make first"), Card("second", "make second"))
	for _, id := range []string{"first", "second"} {
		s.waitFor(t, id, true, "make "+id)
		s.waitPosted(t, id)
	}
}

func postsOnce(t *testing.T, make func(*testing.T) Harness) {
	s := start(t, make, nil)
	card := Card("once", "make once")
	s.Show(card)
	ref := s.waitPosted(t, "once")
	if ref == "" {
		t.Error("the ref of a posted card is empty; nothing could find it again")
	}
	card.Ref = ref
	card.Note = "Told again."
	s.Show(card)
	s.waitFor(t, "once", true, "Told again.")
	card.Ref = "" // a redraw that crossed the report
	card.Note = "And again."
	s.Show(card)
	s.waitFor(t, "once", true, "And again.")
	s.Show(Decided(card, permit.Allow, permit.Ran, ""))
	seen := s.waitFor(t, "once", false)
	if seen.Copies != 1 {
		t.Errorf("there are %d cards of one request", seen.Copies)
	}
	if refs := s.desk.Posts("once"); len(refs) != 1 {
		t.Errorf("reported as posted %d times: %q", len(refs), refs)
	}
	if errs := s.desk.Failures("once"); len(errs) != 0 {
		t.Errorf("reported as failed: %v", errs)
	}
}

func drawsNewest(t *testing.T, make func(*testing.T) Harness) {
	s := start(t, make, nil)
	card := Card("newest", "make newest")
	for i := range 50 {
		card.Note = fmt.Sprintf("Drawing number %d.", i)
		s.Show(card)
	}
	seen := s.waitFor(t, "newest", true, "Drawing number 49.")
	if strings.Contains(seen.Text, "Drawing number 48.") || seen.Copies != 1 {
		t.Errorf("an older drawing is still to be seen (%d copies):\n%s", seen.Copies, seen.Text)
	}
}

func settles(t *testing.T, make func(*testing.T) Harness) {
	s := start(t, make, nil)
	for i, end := range []func(permit.Card) permit.Card{
		func(c permit.Card) permit.Card { return Decided(c, permit.Allow, permit.Sent, "") },
		func(c permit.Card) permit.Card { return Decided(c, permit.Allow, permit.Delivered, "") },
		func(c permit.Card) permit.Card {
			return Decided(c, permit.Deny, permit.Delivered, "Use <make> & be *careful*")
		},
		func(c permit.Card) permit.Card { return Decided(c, permit.Allow, permit.NotDelivered, "") },
		func(c permit.Card) permit.Card {
			c = Decided(c, permit.Allow, permit.Ran, "")
			c.Took = 1500 * time.Millisecond
			return c
		},
		func(c permit.Card) permit.Card { return Decided(c, permit.Allow, permit.Failed, "") },
		func(c permit.Card) permit.Card { return EndedAs(c, permit.Local, "") },
		func(c permit.Card) permit.Card { return EndedAs(c, permit.HandedBack, "you came back") },
		func(c permit.Card) permit.Card { return EndedAs(c, permit.Expired, "") },
		func(c permit.Card) permit.Card { return EndedAs(c, permit.Gone, "Claude Code has ended") },
	} {
		id := fmt.Sprintf("end%d", i)
		card := Card(id, "make "+id)
		s.Show(card)
		s.waitFor(t, id, true)
		s.waitPosted(t, id)
		if s.desk.WasSettled(id) {
			t.Errorf("%s was reported as settled while it was open", id)
		}
		settled := end(card)
		s.Show(settled)
		s.waitFor(t, id, false, settled.Headline(), summary(card))
		s.waitSettled(t, id)
	}
}

func neverLive(t *testing.T, make func(*testing.T) Harness) {
	// Settled before anybody could see them: in the queue, and out of nowhere.
	quick := Card("quick", "make quick")
	s := start(t, make, nil,
		quick, EndedAs(quick, permit.Local, ""),
		EndedAs(Card("never", "make never"), permit.Gone, ""))
	s.Show(Decided(Card("late", "make late"), permit.Deny, permit.Delivered, ""))
	s.Show(Card("after", "make after")) // drawn after those
	s.waitFor(t, "after", true)
	for _, id := range []string{"quick", "never", "late"} {
		if seen, ok := s.Seen(id); ok && seen.Live {
			t.Errorf("%s was settled before it was shown and has buttons:\n%s", id, seen.Text)
		}
	}
	s.waitPosted(t, "after")
	if refs := s.desk.Posts("never"); len(refs) != 0 {
		t.Errorf("a request that ended before it was shown was reported as posted: %q", refs)
	}
}

// comesAgain: an id whose request has ended may be used for another one.
func comesAgain(t *testing.T, make func(*testing.T) Harness) {
	s := start(t, make, nil)
	card := Card("again", "make again")
	s.Show(card)
	s.waitFor(t, "again", true)
	s.waitPosted(t, "again")
	s.Show(EndedAs(card, permit.Local, ""))
	s.waitFor(t, "again", false)

	second := Card("again", "make it all again")
	second.Request.Generation = 2
	s.Show(second)
	s.waitFor(t, "again", true, "make it all again")
	eventually(t, func() string {
		if refs := s.desk.Posts("again"); len(refs) != 2 {
			return fmt.Sprintf("the second request of one id was not reported as posted: %q", refs)
		}
		return ""
	})
	if _, err := s.Tap("again", permit.Allow, ""); err != nil {
		t.Fatal(err)
	}
	got := s.desk.Answers()
	if len(got) != 1 || got[0].Generation != 2 || got[0].Digest != second.Request.Digest {
		t.Errorf("the tap on the second request came to the desk as %+v", got)
	}
}

func keepsApart(t *testing.T, make func(*testing.T) Harness) {
	s := start(t, make, nil)
	one, two := Card("twin1", "make twin"), Card("twin2", "make twin")
	s.Show(one)
	s.Show(two)
	s.waitFor(t, "twin1", true)
	s.waitFor(t, "twin2", true)
	s.Show(Decided(one, permit.Allow, permit.Ran, ""))
	s.waitFor(t, "twin1", false)
	s.waitFor(t, "twin2", true)
	if _, err := s.Tap("twin2", permit.Allow, ""); err != nil {
		t.Fatal(err)
	}
	if got := s.desk.Answers(); len(got) != 1 || got[0].Request != "twin2" {
		t.Errorf("the tap on twin2 came to the desk as %+v", got)
	}
}

func bringsTap(t *testing.T, make func(*testing.T) Harness) {
	for _, test := range []struct {
		name    string
		verb    permit.Verb
		message string
	}{
		{"approve", permit.Allow, ""},
		{"deny", permit.Deny, ""},
		{"deny with a reason", permit.Deny, "Use <make> & “be careful”: 100% *not* this\nbut ünïcode 🙂"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := start(t, make, nil)
			card := Card("tapped", "make tapped")
			card.Request.Generation = 3
			s.Show(card)
			s.waitFor(t, "tapped", true)
			if _, err := s.Tap("tapped", test.verb, test.message); err != nil {
				t.Fatal(err)
			}
			answers := s.desk.Answers()
			if len(answers) != 1 {
				t.Fatalf("one tap made %d answers: %+v", len(answers), answers)
			}
			got := answers[0]
			if got.Decision.By.ID == "" {
				t.Error("the answer does not say who gave it")
			}
			if !s.Channel().Allows(got.Decision.By) {
				t.Errorf("%+v may tap, but the channel does not allow their answer", got.Decision.By)
			}
			if s.Channel().Allows(permit.Person{}) {
				t.Error("the channel allows the answers of nobody")
			}
			// A channel may name the way, and then bring the words in its form.
			if got.Way != "" {
				way := map[bool]permit.WayName{true: permit.WayReason, false: permit.WayDeny}[test.message != ""]
				if test.verb == permit.Allow {
					way = permit.WayApprove
				}
				if got.Way != way || got.Pick != 0 {
					t.Errorf("the answer is by the way %q (%d), want %q", got.Way, got.Pick, way)
				}
				if words := got.Fields["message"]; len(words) == 1 {
					got.Decision.Message = words[0]
				}
				got.Way, got.Fields = "", nil
			}
			want := permit.Answer{
				Request:    "tapped",
				Generation: 3,
				Digest:     card.Request.Digest,
				Decision: permit.Decision{
					Verb: test.verb, Message: test.message, Channel: s.Channel().Name(),
					By: got.Decision.By, At: got.Decision.At,
				},
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("the answer is not the tap (-want +got):\n%s", diff)
			}
		})
	}
}

func bringsVerdict(t *testing.T, make func(*testing.T) Harness) {
	s := start(t, make, func(a permit.Answer) permit.Verdict {
		if a.Request == "mine" {
			return permit.Verdict{Code: permit.NotAllowed, Text: "Only <Bob> may decide on “mine” & alike."}
		}
		return permit.Verdict{Code: permit.Accepted, Text: "Approved; sent to Claude Code."}
	})
	for id, want := range map[string]string{
		"mine":  "Only <Bob> may decide on “mine” & alike.",
		"yours": "Approved",
	} {
		s.Show(Card(id, "make "+id))
		s.waitFor(t, id, true)
		says, err := s.Tap(id, permit.Allow, "")
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(says, want) {
			t.Errorf("the person who tapped on %s is told %q, want %q in it", id, says, want)
		}
	}
	// A refused tap settles nothing.
	s.waitFor(t, "mine", true)
}

func tellsLateTap(t *testing.T, make func(*testing.T) Harness) {
	s := start(t, make, refuse)
	card := Card("late", "make late")
	s.Show(card)
	s.waitFor(t, "late", true)
	settled := EndedAs(card, permit.Local, "")
	s.Show(settled)
	s.waitFor(t, "late", false)
	says, err := s.Tap("late", permit.Allow, "")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(says, "Bob approved it first") && !strings.Contains(says, settled.Headline()) {
		t.Errorf("a tap on a card that had ended is told %q, not what happened", says)
	}
	if seen, ok := s.Seen("late"); ok && seen.Live {
		t.Error("a late tap brought the buttons back")
	}
}

func redrawsInPlace(t *testing.T, make func(*testing.T) Harness) {
	s := start(t, make, nil)
	card := Card("kept", "make kept")
	s.Show(card)
	s.waitFor(t, "kept", true)
	card.Ref = s.waitPosted(t, "kept")
	s.end()

	ch := s.Restart(t)
	settled := EndedAs(card, permit.Gone, "the daemon was restarted meanwhile")
	ch.Show(settled)
	s = run(t, s.Harness, ch, nil)
	seen := s.waitFor(t, "kept", false, settled.Headline())
	if seen.Copies != 1 {
		t.Errorf("there are %d cards of one request after a restart", seen.Copies)
	}
	s.waitSettled(t, "kept")
	if refs := s.desk.Posts("kept"); len(refs) > 1 || len(refs) == 1 && refs[0] != card.Ref {
		t.Errorf("the card at %q was reported as posted at %q", card.Ref, refs)
	}
}

func answersAfterRestart(t *testing.T, make func(*testing.T) Harness) {
	s := start(t, make, nil)
	card := Card("open", "make open")
	s.Show(card)
	s.waitFor(t, "open", true)
	card.Ref = s.waitPosted(t, "open")
	s.end()

	ch := s.Restart(t)
	s = run(t, s.Harness, ch, nil)
	card.Note = "The daemon was restarted meanwhile."
	s.Show(card)
	if seen := s.waitFor(t, "open", true, card.Note); seen.Copies != 1 {
		t.Errorf("there are %d cards of one request after a restart", seen.Copies)
	}
	said, err := s.Tap("open", permit.Deny, "no")
	if err != nil {
		t.Fatal(err)
	}
	// What the person is told may be what the start has to say of an old card.
	eventually(t, func() string {
		if got := s.desk.Answers(); len(got) != 1 || got[0].Digest != card.Request.Digest {
			return fmt.Sprintf("the tap after a restart came to the desk as %+v, and the person is told %q", got, said)
		}
		return ""
	})
}

func settlesAtEnd(t *testing.T, make func(*testing.T) Harness) {
	s := start(t, make, nil)
	var cards []permit.Card
	for i := range 10 {
		card := Card(fmt.Sprintf("open%d", i), "make open")
		s.Show(card)
		cards = append(cards, card)
	}
	for _, card := range cards {
		s.waitFor(t, card.Request.ID, true)
	}
	for _, card := range cards {
		s.Show(EndedAs(card, permit.HandedBack, "the daemon stops"))
	}
	s.end()
	for _, card := range cards {
		if seen, ok := s.Seen(card.Request.ID); ok && seen.Live {
			t.Errorf("%s still has buttons after Run returned:\n%s", card.Request.ID, seen.Text)
		}
	}
}

func showsMany(t *testing.T, make func(*testing.T) Harness) {
	const many = 200
	s := start(t, make, nil)
	cards := map[string]permit.Card{}
	for i := range many {
		id := fmt.Sprintf("many%03d", i)
		cards[id] = Card(id, "make "+id+" "+strings.Repeat("x", i))
		s.Show(cards[id])
	}
	// One look at everything where the harness can, as two hundred looks at two
	// hundred cards take long.
	eventually(t, func() string {
		for id, seen := range s.all(cards) {
			if !seen.Live || !strings.Contains(seen.Text, "make "+id+" ") {
				return fmt.Sprintf("%s is not to be seen whole and live; it says:\n%s", id, seen.Text)
			}
		}
		return ""
	})
	for _, card := range cards {
		s.Show(Decided(card, permit.Deny, permit.Delivered, ""))
	}
	eventually(t, func() string {
		for id, seen := range s.all(cards) {
			if seen.Live {
				return id + " keeps its buttons"
			}
		}
		return ""
	})
	for id := range cards {
		s.waitSettled(t, id)
	}
}

func concurrent(t *testing.T, make func(*testing.T) Harness) {
	s := start(t, make, nil)
	var all sync.WaitGroup
	for w := range 8 {
		all.Go(func() {
			for i := range 20 {
				card := Card(fmt.Sprintf("w%d", w), fmt.Sprintf("make w%d", w))
				card.Note = fmt.Sprintf("Drawing %d of w%d.", i, w)
				s.Show(card)
				s.Channel().Status()
			}
		})
	}
	all.Wait()
	for w := range 8 {
		s.waitFor(t, fmt.Sprintf("w%d", w), true, fmt.Sprintf("Drawing 19 of w%d.", w))
	}
	var taps sync.WaitGroup
	for w := range 8 {
		taps.Go(func() {
			if _, err := s.Tap(fmt.Sprintf("w%d", w), permit.Allow, ""); err != nil {
				t.Error(err)
			}
		})
	}
	taps.Wait()
	// What one tap's person is told may be what another tap is told of.
	eventually(t, func() string {
		if got := len(s.desk.Answers()); got != 8 {
			return fmt.Sprintf("8 taps made %d answers", got)
		}
		return ""
	})
}

// showALot calls Show more often than any queue is long, and fails if that does not
// return.
func showALot(t *testing.T, ch channel.Channel) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range 2000 {
			card := Card(fmt.Sprintf("lot%d", i%100), "make a lot")
			card.Note = fmt.Sprintf("Drawing %d.", i)
			ch.Show(card)
			ch.Status()
		}
	}()
	select {
	case <-done:
	case <-time.After(patience):
		t.Fatal("Show blocks")
	}
}

func neverBlocks(t *testing.T, make func(*testing.T) Harness) {
	showALot(t, make(t).Channel()) // which never runs
}

func neverBlocksHung(t *testing.T, make func(*testing.T) Harness) {
	h, ok := make(t).(Hanger)
	if !ok {
		t.Skip("this channel has no network that can hang")
	}
	s := run(t, h, h.Channel(), nil)
	s.Show(Card("before", "make before"))
	s.waitFor(t, "before", true)
	h.Hang()
	showALot(t, s.Channel())
	s.end() // within Grace, hung or not
}

func stopsIdle(t *testing.T, make func(*testing.T) Harness) {
	s := start(t, make, nil)
	s.end()
}

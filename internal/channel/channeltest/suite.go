package channeltest

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"claude-permission-daemon/internal/channel"
	"claude-permission-daemon/internal/permit"
	"claude-permission-daemon/internal/preview"
)

// patience bounds every wait of the suite. It is no promise about speed: it
// only ends a test that would hang.
const patience = 60 * time.Second

// Run holds a channel to its contract. The tests run one after the other, as
// they look for goroutines left running.
func Run(t *testing.T, make func(t *testing.T) Harness) {
	t.Helper()
	for _, test := range []struct {
		name string
		run  func(*testing.T, func(*testing.T) Harness)
	}{
		{"names itself", namesItself},
		{"shows a live card whole", showsWhole},
		{"makes hidden characters visible", showsHidden},
		{"shows what came before Run", showsWhatCameBefore},
		{"reports a card posted once", postsOnce},
		{"draws the newest card", drawsNewest},
		{"settles a card", settles},
		{"never makes a settled card live", neverLive},
		{"shows a request that comes again", comesAgain},
		{"keeps equal requests apart", keepsApart},
		{"brings a tap to the desk", bringsTap},
		{"brings the verdict to the person", bringsVerdict},
		{"tells a late tap what happened", tellsLateTap},
		{"redraws in place after a restart", redrawsInPlace},
		{"answers after a restart", answersAfterRestart},
		{"settles what is in hand when it stops", settlesAtEnd},
		{"shows two hundred cards", showsMany},
		{"is safe for concurrent use", concurrent},
		{"never blocks in Show", neverBlocks},
		{"never blocks while its network hangs", neverBlocksHung},
		{"runs and stops without work", stopsIdle},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, make) })
	}
}

// stand is one channel under test, running.
type stand struct {
	Harness
	desk  *Desk
	shown sync.Map // request → the permit.Card shown last
	end   func()   // ends the channel and checks how it ended; once
}

// Show shows a card on the channel.
func (s *stand) Show(card permit.Card) {
	s.shown.Store(card.Request.ID, card)
	s.Channel().Show(card)
}

// accept is what the desk does where a test does not say: the answer counts,
// and soon after the card says so.
func (s *stand) accept(a permit.Answer) permit.Verdict {
	if card, ok := s.shown.Load(a.Request); ok {
		s.Show(Decided(card.(permit.Card), a.Decision.Verb, permit.Delivered, a.Decision.Message))
	}
	return permit.Verdict{Code: permit.Accepted, Text: "Taken."}
}

// start makes a harness and runs its channel until the test ends, or until
// end is called.
func start(t *testing.T, make func(*testing.T) Harness, judge func(permit.Answer) permit.Verdict, before ...permit.Card) *stand {
	t.Helper()
	h := make(t)
	ch := h.Channel()
	for _, card := range before {
		ch.Show(card)
	}
	return run(t, h, ch, judge)
}

func run(t *testing.T, h Harness, ch channel.Channel, judge func(permit.Answer) permit.Verdict) *stand {
	t.Helper()
	s := &stand{Harness: h}
	if judge == nil {
		judge = s.accept
	}
	s.desk = &Desk{Judge: judge}
	others := goleak.IgnoreCurrent()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- ch.Run(ctx, s.desk) }()
	s.end = sync.OnceFunc(func() {
		t.Helper()
		cancel()
		// Grace is part of the contract; the rest is for a busy machine.
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("Run returned %v after its context ended, want nil", err)
			}
		case <-time.After(channel.Grace + 3*time.Second):
			t.Fatalf("Run has not returned %v after its context ended", channel.Grace+3*time.Second)
		}
		if err := goleak.Find(others); err != nil {
			t.Errorf("Run left something running: %v", err)
		}
	})
	t.Cleanup(s.end)
	return s
}

// eventually waits until look is content; what it says last is the failure.
func eventually(t *testing.T, look func() (problem string)) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for wait := time.Millisecond; ; wait = min(2*wait, 50*time.Millisecond) {
		problem := look()
		if problem == "" {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(problem)
		}
		time.Sleep(wait)
	}
}

// waitFor waits until the person sees the request's card live, or settled, with
// all the words on it, and gives what is seen then.
func (s *stand) waitFor(t *testing.T, request string, live bool, words ...string) Seen {
	t.Helper()
	var seen Seen
	eventually(t, func() string {
		var ok bool
		if seen, ok = s.Seen(request); !ok {
			return fmt.Sprintf("nothing is to be seen of %s", request)
		}
		if seen.Live != live {
			return fmt.Sprintf("%s: live is %v, want %v; the card says:\n%s", request, seen.Live, live, seen.Text)
		}
		for _, word := range words {
			if !strings.Contains(seen.Text, word) {
				return fmt.Sprintf("%s does not say %q; it says:\n%s", request, word, seen.Text)
			}
		}
		return ""
	})
	return seen
}

// waitPosted waits until the request's card was reported as posted, and gives
// its ref.
func (s *stand) waitPosted(t *testing.T, request string) string {
	t.Helper()
	var refs []string
	eventually(t, func() string {
		if refs = s.desk.Posts(request); len(refs) == 0 {
			return fmt.Sprintf("%s was never reported as posted (failures: %v)", request, s.desk.Failures(request))
		}
		return ""
	})
	return refs[0]
}

// waitSettled waits until the request's card was reported as settled.
func (s *stand) waitSettled(t *testing.T, request string) {
	t.Helper()
	eventually(t, func() string {
		if !s.desk.WasSettled(request) {
			return request + " was never reported as settled"
		}
		return ""
	})
}

// all is what is seen of each of these requests.
func (s *stand) all(cards map[string]permit.Card) map[string]Seen {
	if g, ok := s.Harness.(Glancer); ok {
		seen := g.Glance()
		for id := range cards {
			if _, ok := seen[id]; !ok {
				seen[id] = Seen{}
			}
		}
		return seen
	}
	seen := make(map[string]Seen)
	for id := range cards {
		seen[id], _ = s.Seen(id)
	}
	return seen
}

// refuse is a desk that says that Bob was first.
func refuse(permit.Answer) permit.Verdict {
	return permit.Verdict{Code: permit.TooLate, Text: "Too late: Bob approved it first."}
}

// summary is the one line by which a card is known, settled or not.
func summary(card permit.Card) string { return preview.Of(card.Request).Summary }

package faults

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"claude-permission-daemon/internal/permit"
	"claude-permission-daemon/internal/wire"
)

// TestManyHooksOnThePage: so many real hooks as CPD_HOOKS says wait at once, and
// taps come 200 a second. Each gets its own answer. (bench measures it.)
func TestManyHooksOnThePage(t *testing.T) {
	n, err := strconv.Atoi(os.Getenv("CPD_HOOKS"))
	if err != nil {
		n = 100
	}
	h := newHouse(t)
	h.start()
	h.run("away")
	var status wire.Status
	if err := json.Unmarshal([]byte(h.run("status", "--json")), &status); err != nil {
		t.Fatal(err)
	}
	page := status.Channels[0].URL
	hooks := make(map[string]*asking, n)
	for i := range n {
		session := fmt.Sprintf("s%04d", i)
		hooks[session] = h.ask(session)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	var cards []permit.Card
	for len(cards) < n {
		if ctx.Err() != nil {
			t.Fatalf("%d cards of %d are on the page\n%s", len(cards), n, h.log)
		}
		time.Sleep(50 * time.Millisecond)
		response, err := http.Get(page + "cards.json")
		if err != nil {
			t.Fatal(err)
		}
		err = json.NewDecoder(response.Body).Decode(&cards)
		response.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
	}
	var taps sync.WaitGroup
	for i, card := range cards {
		form := url.Values{"request": {card.Request.ID}, "generation": {"1"}, "digest": {card.Request.Digest}, "verb": {"allow"}}
		if i%2 == 1 {
			form.Set("verb", "deny")
			form.Set("message", "not "+card.Request.Session)
		}
		taps.Go(func() {
			request, err := http.NewRequestWithContext(ctx, http.MethodPost, page+"answer", strings.NewReader(form.Encode()))
			if err != nil {
				t.Error(err)
				return
			}
			request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			request.Header.Set("Accept", "application/json") // the verdict alone, not the page with all its cards
			response, err := http.DefaultClient.Do(request)
			if err != nil {
				t.Error(err)
				return
			}
			response.Body.Close()
			if response.StatusCode != http.StatusOK {
				t.Errorf("%s: the page says %s", card.Request.Session, response.Status)
			}
		})
		time.Sleep(5 * time.Millisecond)
	}
	taps.Wait()
	for i, card := range cards {
		session := card.Request.Session
		want := `"behavior":"allow"`
		if i%2 == 1 {
			want = ": not " + session + `"`
		}
		a := hooks[session]
		if out := a.wait(t, time.Minute); !strings.Contains(out, want) {
			t.Errorf("%s was told %q (%s), want %s", session, out, &a.stderr, want)
		}
	}
	h.verify()
	delivered := map[string]int{}
	for _, r := range h.records() {
		if r.Stage == permit.Delivered {
			delivered[r.Request]++
		}
	}
	for _, card := range cards {
		if times := delivered[card.Request.ID]; times != 1 {
			t.Errorf("%s is delivered %d times in the journal", card.Request.Session, times)
		}
	}
}

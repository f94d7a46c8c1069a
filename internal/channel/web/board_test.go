package web

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"claude-permission-daemon/internal/channel/channeltest"
	"claude-permission-daemon/internal/permit"
	"claude-permission-daemon/internal/preview"
)

func ids(entries []entry) []string {
	var list []string
	for _, e := range entries {
		list = append(list, e.card.Request.ID)
	}
	return list
}

func TestBoardOrder(t *testing.T) {
	now := time.Date(2026, 11, 22, 15, 0, 0, 0, time.UTC)
	b := newBoard(func() time.Time { return now }, preview.Of)
	var cards []permit.Card
	for i, asked := range []int{3, 1, 4, 2} {
		card := channeltest.Card(fmt.Sprintf("r%d", asked), "make")
		card.Request.Asked = now.Add(time.Duration(asked) * time.Minute)
		cards = append(cards, card)
		b.show(card)
		if v, _ := b.view(); len(v.waiting) != i+1 {
			t.Fatalf("after %d cards %v wait", i+1, ids(v.waiting))
		}
	}
	v, _ := b.view()
	if diff := cmp.Diff([]string{"r4", "r3", "r2", "r1"}, ids(v.waiting)); diff != "" {
		t.Errorf("open ones, newest first:\n%s", diff)
	}
	for _, i := range []int{2, 0} { // r4, then r3
		now = now.Add(time.Second)
		b.show(channeltest.EndedAs(cards[i], permit.Local, ""))
	}
	now = now.Add(time.Second)
	later := channeltest.EndedAs(cards[2], permit.Local, "")
	later.Note = "Told again." // which does not make it newer
	b.show(later)
	v, _ = b.view()
	if diff := cmp.Diff([]string{"r2", "r1"}, ids(v.waiting)); diff != "" {
		t.Errorf("open ones:\n%s", diff)
	}
	if diff := cmp.Diff([]string{"r3", "r4"}, ids(v.settled)); diff != "" {
		t.Errorf("settled ones, newest first:\n%s", diff)
	}
}

func TestBoardForgets(t *testing.T) {
	now := time.Date(2026, 11, 22, 15, 0, 0, 0, time.UTC)
	b := newBoard(func() time.Time { return now }, preview.Of)
	settle := func(id, command string) {
		card := channeltest.Card(id, command)
		b.show(card)
		now = now.Add(time.Second)
		b.show(channeltest.EndedAs(card, permit.Local, ""))
	}
	b.show(channeltest.Card("open", strings.Repeat("x", keepBytes))) // an open one is never forgotten
	for i := range keepSettled + 10 {
		settle(fmt.Sprintf("s%02d", i), "make")
	}
	v, _ := b.view()
	if got := ids(v.settled); len(got) != keepSettled || got[0] != "s59" || got[keepSettled-1] != "s10" {
		t.Errorf("of 60 settled ones these are kept: %v", got)
	}

	settle("big1", strings.Repeat("x", keepBytes/2))
	settle("big2", strings.Repeat("x", keepBytes/2))
	v, _ = b.view()
	if got := ids(v.settled); !slices.Equal(got, []string{"big2"}) {
		t.Errorf("beside the newest, big one these are kept: %v", got)
	}
	settle("huge", strings.Repeat("x", 2*keepBytes))
	v, _ = b.view()
	if got := ids(v.settled); !slices.Equal(got, []string{"huge"}) {
		t.Errorf("the newest is kept, however big; these are: %v", got)
	}

	now = now.Add(keepFor + time.Second)
	v, _ = b.view()
	if len(v.settled) != 0 || len(v.waiting) != 1 {
		t.Errorf("a day later %v are settled and %v wait", ids(v.settled), ids(v.waiting))
	}
}

func TestBoardGenerations(t *testing.T) {
	b := newBoard(time.Now, preview.Of)
	first := channeltest.Card("r", "make first")
	second := channeltest.Card("r", "make second")
	second.Request.Generation = 2
	b.show(first)
	b.show(second)
	b.show(channeltest.EndedAs(first, permit.Local, "")) // late news of the first
	e, ok, _ := b.find("r")
	if !ok || !e.card.Live() || e.card.Request.Generation != 2 || e.preview().Summary != "make second" {
		t.Errorf("the board has %+v", e.card)
	}
}

// TestBoardReports: what was never shown is neither shown nor reported, and what
// an earlier process has shown is not reported again.
func TestBoardReports(t *testing.T) {
	b := newBoard(time.Now, preview.Of)
	b.show(channeltest.EndedAs(channeltest.Card("never", "make"), permit.Local, ""))
	earlier, gone := channeltest.Card("earlier", "make"), channeltest.Card("gone", "make")
	earlier.Ref, gone.Ref = "#earlier", "#gone"
	b.show(earlier)
	b.show(channeltest.EndedAs(gone, permit.Gone, ""))
	b.show(channeltest.Card("new", "make"))
	want := []report{{request: "gone"}, {request: "new", ref: "#new"}}
	if diff := cmp.Diff(want, b.takeReports(), cmp.AllowUnexported(report{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if again := b.takeReports(); len(again) > 0 {
		t.Errorf("reported twice: %+v", again)
	}
	if v, _ := b.view(); len(v.waiting) != 2 || len(v.settled) != 1 {
		t.Errorf("%v wait and %v are settled", ids(v.waiting), ids(v.settled))
	}
}

// TestBoardKeepsPreview: what was shown stays as it was shown, though the files
// that it tells of have changed since.
func TestBoardKeepsPreview(t *testing.T) {
	made := 0
	b := newBoard(time.Now, func(r permit.Request) preview.Preview {
		made++
		return preview.Preview{Title: fmt.Sprintf("Preview %d", made)}
	})
	card := channeltest.Card("r", "make")
	b.show(card)
	for range 3 {
		if e, _, _ := b.find("r"); e.preview().Title != "Preview 1" {
			t.Errorf("the preview is %q", e.preview().Title)
		}
		card = channeltest.Decided(card, permit.Allow, permit.Ran, "")
		b.show(card)
	}
}

package web

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"claude-permission-daemon/internal/channel/channeltest"
	"claude-permission-daemon/internal/permit"
)

// noon is when the samples are looked at.
var noon = time.Date(2026, 11, 23, 12, 30, 0, 0, time.UTC)

var anew = flag.Bool("update", false, "write the golden files and the pictures anew")

// TestCardsAsDrawn: the HTML of a card of each tool, each kind and each way to
// answer.
func TestCardsAsDrawn(t *testing.T) {
	c, err := New(DefaultConfig(), Options{State: t.TempDir(), Now: func() time.Time { return noon }})
	if err != nil {
		t.Fatal(err)
	}
	p := newPages(c)
	all := channeltest.Samples()
	bash := all["bash"]
	for name, end := range map[string]func(permit.Card) permit.Card{
		"settled-ran": func(c permit.Card) permit.Card { return channeltest.Decided(c, permit.Allow, permit.Ran, "") },
		"settled-denied": func(c permit.Card) permit.Card {
			return channeltest.Decided(c, permit.Deny, permit.Delivered, "Use <make>.")
		},
		"settled-local": func(c permit.Card) permit.Card { return channeltest.EndedAs(c, permit.Local, "") },
	} {
		all[name] = channeltest.Sample{Card: end(bash.Card), Options: bash.Options}
	}
	for name, s := range all {
		t.Run(name, func(t *testing.T) {
			s = s.At(noon.Add(-3 * time.Minute))
			e := entry{card: s.Card, preview: s.Preview}
			var drawn strings.Builder
			if err := p.html.ExecuteTemplate(&drawn, "card", c.cardView(e, false, draft{})); err != nil {
				t.Fatal(err)
			}
			if s.Card.Live() && strings.Count(drawn.String(), "<form") == 0 {
				t.Error("it cannot be answered")
			}
			golden(t, filepath.Join("testdata", "cards", name+".html"), drawn.String()+"\n")
		})
	}
	drawn, err := filepath.Glob("testdata/cards/*.html")
	if err != nil || len(drawn) != len(all) {
		t.Errorf("there are %d golden files for %d samples: %v", len(drawn), len(all), err)
	}
}

// golden compares with a file, or writes it.
func golden(t *testing.T, path, got string) {
	t.Helper()
	if *anew {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s is not as it was (-want +got); with -update it is written anew:\n%s", path, diff)
	}
}

package slack

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"claude-permission-daemon/internal/channel/channeltest"
	"claude-permission-daemon/internal/channel/slack/slacktest"
	"claude-permission-daemon/internal/permit"
	"claude-permission-daemon/internal/preview"
)

type m = map[string]any

// TestKindsAsDrawn draws the card of each sample, and every modal behind it, as
// they are in testdata/kinds, and has the loopback Slack check both.
func TestKindsAsDrawn(t *testing.T) {
	srv := workspace(t, slacktest.Options{})
	all := channeltest.Samples()
	for name, s := range all {
		t.Run(name, func(t *testing.T) {
			s = s.At(noon)
			card, p := s.Card, s.Preview()
			d, err := draw(card, p, look{budget: budgets[0], rev: "1"})
			if err != nil {
				t.Fatal(err)
			}
			for _, problem := range problems(mustJSON(d.blocks), budgets[0]) {
				t.Error(problem)
			}
			if answer, err := srv.Invoke("chat.postMessage", m{"channel": alice, "text": d.text, "blocks": d.blocks}); err != nil {
				t.Errorf("Slack refuses the card: %v: %v", err, answer)
			}
			views := modalsOf(t, card, p, d.cut)
			for at, view := range views {
				if said := srv.CheckView(mustJSON(view)); said != nil {
					t.Errorf("Slack refuses the modal %s: %q", at, said)
				}
			}
			got, err := json.MarshalIndent(m{"text": d.text, "blocks": d.blocks, "modals": views}, "", " ")
			if err != nil {
				t.Fatal(err)
			}
			golden(t, filepath.Join("testdata", "kinds", name+".json"), append(got, '\n'))
		})
	}
	drawn, err := filepath.Glob("testdata/kinds/*.json")
	if err != nil || len(drawn) != len(all) {
		t.Errorf("there are %d golden files for %d samples: %v", len(drawn), len(all), err)
	}
}

// modalsOf are all modals that can be opened from a card.
func modalsOf(t testing.TB, card permit.Card, p preview.Preview, left int) map[string]object {
	t.Helper()
	views := map[string]object{}
	take := func(name string, view object, err error) {
		if err != nil {
			t.Errorf("the modal %s: %v", name, err)
			return
		}
		views[name] = view
	}
	at := place{"D0ALICE", "1700000000.000100"}
	ways, rules := sorted(p.Ways)
	for _, w := range ways {
		if inModal(w) && misfit(w) == "" {
			view, err := wayModal(card, p, w, at, left, nil, "")
			take(actionOf(w), view, err)
		}
	}
	if len(rules) > 0 {
		view, err := rulesModal(card, p, rules, at, left)
		take(rulesAction, view, err)
	}
	if left > 0 {
		for page := range len(pagesOf(sheets(p))) - 1 {
			view, err := wholeModal(card, p, at, page)
			take(fmt.Sprint(wholeAction, ".", page), view, err)
		}
	}
	return views
}

// The pages of the whole text are the text, to the byte, each within Slack's
// limits.
func TestWholeTextIsWhole(t *testing.T) {
	srv := workspace(t, slacktest.Options{})
	for name, content := range map[string]string{
		"a megabyte of lines":   strings.Repeat("0123456789 0123456789 0123456789\n", 1<<20/33),
		"one line":              strings.Repeat("x", 100_000),
		"escapes":               strings.Repeat("<&>", 60_000),
		"what JSON makes large": strings.Repeat("\"\\\n\t", 40_000) + strings.Repeat("\u20ac🎉", 40_000),
		"hidden characters":     strings.Repeat("a\u202eb", 20_000),
		"little":                "x",
		"blank lines":           strings.Repeat("\n\n\nx", 20_000),
	} {
		t.Run(name, func(t *testing.T) {
			r := asking("Write", m{"file_path": "/tmp/x", "content": content})
			p := preview.Of(r)
			card := permit.Card{Request: r, Stage: permit.Open}
			var want, got strings.Builder
			for _, part := range p.Parts {
				want.WriteString(part.Text)
			}
			last := len(pagesOf(sheets(p))) - 2
			for page := 0; page <= last; page++ {
				view, err := wholeModal(card, p, place{"D1", "1.1"}, page)
				if err != nil {
					t.Fatal(err)
				}
				raw := mustJSON(view)
				if said := srv.CheckView(raw); said != nil {
					t.Fatalf("Slack refuses page %d: %q", page, said)
				}
				for action, there := range map[string]bool{"previous": page > 0, "next": page < last, "first": page > 1, "last": page < last-1} {
					if strings.Contains(string(raw), pageAction+"."+action) != there {
						t.Errorf("page %d of %d: the button %s is there: %v", page+1, last+1, action, !there)
					}
				}
				for _, b := range view["blocks"].([]object) {
					for _, e := range b.listOf("elements") {
						if e.str("type") == "rich_text_preformatted" {
							for _, run := range e.listOf("elements") {
								if n := units(run.str("text")); n > 3000 {
									t.Errorf("a text of %d characters", n)
								}
								got.WriteString(run.str("text"))
							}
						}
					}
				}
			}
			if got.String() != want.String() {
				t.Errorf("the pages hold %d bytes of %d", got.Len(), want.Len())
			}
		})
	}
}

// listOf are the objects in a list of one's own drawing.
func (o object) listOf(key string) (all []object) {
	for _, e := range o.list(key) {
		if one, ok := e.(object); ok {
			all = append(all, one)
		}
	}
	return all
}

package slack

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"

	"claude-permission-daemon/internal/channel/channeltest"
	"claude-permission-daemon/internal/channel/channeltest/browsertest"
	"claude-permission-daemon/internal/channel/slack/blockhtml"
	"claude-permission-daemon/internal/permit"
)

// screens are what the pictures of docs/img show of Slack on a phone.
func screens(t *testing.T) map[string][]blockhtml.Drawn {
	t.Helper()
	all := channeltest.Samples()
	at := place{"D0ALICE", "1700000000.000100"}
	sample := func(name string) channeltest.Sample {
		s := all[name].At(noon)
		s.Card.Request.Machine.Host = "thinkpad"
		return s
	}
	form := func(name string, way permit.WayName, values object) []blockhtml.Drawn {
		s := sample(name)
		p := s.Preview()
		for _, w := range p.Ways {
			if w.Name == way {
				view, err := wayModal(s.Card, p, w, at, 0, values, "")
				if err != nil {
					t.Fatal(err)
				}
				return []blockhtml.Drawn{blockhtml.Modal{View: mustJSON(view)}}
			}
		}
		t.Fatalf("the sample %s has no way %s", name, way)
		return nil
	}
	card := func(name string) drawing {
		s := sample(name)
		d, err := draw(s.Card, s.Preview(), look{budget: budgets[0], rev: "1"})
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	message := func(d drawing) blockhtml.Drawn {
		return blockhtml.Message{App: "Claude on thinkpad", Blocks: mustJSON(d.blocks), At: noon}
	}
	picked := func(values ...string) any {
		var options []any
		for _, v := range values {
			options = append(options, map[string]any{"value": v})
		}
		return options
	}
	input := func(id, key string, value any) map[string]any { return map[string]any{id: map[string]any{key: value}} }
	questions := object{
		"f0":       input("f0", "selected_options", picked("0", "1")),
		"f0.other": input("f0.other", "value", "Spelling"),
		"f1":       input("f1", "selected_option", map[string]any{"value": "1"}),
	}
	rule := card("always-four")
	confirm, found := confirmOf(rule, "cpd_always")
	if !found {
		t.Fatal("the rule is not confirmed")
	}
	whole := sample("bash-cut")
	pages, err := wholeModal(whole.Card, whole.Preview(), at, 0)
	if err != nil {
		t.Fatal(err)
	}
	return map[string][]blockhtml.Drawn{
		"question":  form("questions", permit.WayAnswer, questions),
		"reason":    form("bash", permit.WayReason, object{"f0": input("f0", "value", "Not while the release runs. Build it in the staging folder instead.")}),
		"plan-edit": form("plan-long", permit.WayEdit, nil),
		"plan":      {message(card("plan"))},
		"rules":     {message(rule)},
		"always":    {message(rule), blockhtml.Dialog{Confirm: mustJSON(confirm)}},
		"cut":       {message(card("bash-cut"))},
		"whole":     {blockhtml.Modal{View: mustJSON(pages)}},
	}
}

// confirmOf is the dialog of a card's button.
func confirmOf(d drawing, action string) (any, bool) {
	for _, block := range d.blocks {
		for _, e := range block.listOf("elements") {
			if e.str("action_id") == action && e["confirm"] != nil {
				return e["confirm"], true
			}
		}
	}
	return nil, false
}

// A picture has all there is, if that is little more than a screen; or else the
// start of a modal, or the end of a card, where its buttons are.
const screenHigh, mostHigh = 844, 1150

// TestPictures draws the pictures of docs/img; with -update it takes them anew.
// Nothing on them is wider than a phone.
func TestPictures(t *testing.T) {
	tab := browsertest.Chromium(t)
	for name, screen := range screens(t) {
		page, err := blockhtml.Page(390, screen...)
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(t.TempDir(), "page.html")
		if err := os.WriteFile(file, []byte(page), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, scheme := range []string{"light", "dark"} {
			t.Run(name+" "+scheme, func(t *testing.T) {
				ctx := tab(t)
				run := func(height int64) {
					t.Helper()
					if err := chromedp.Do(ctx, chromedp.EmulateViewport(390, height, chromedp.EmulateScale(1.5)), browsertest.InScheme(scheme),
						chromedp.Navigate("file://"+file), chromedp.WaitVisible(".message, .modal")); err != nil {
						t.Fatal(err)
					}
				}
				run(screenHigh)
				size, err := chromedp.Run(ctx, chromedp.Evaluate[[]int64](`[document.documentElement.scrollWidth, document.body.scrollHeight]`))
				if err != nil {
					t.Fatal(err)
				}
				if size[0] > 390 {
					t.Errorf("it is %d pixels wide", size[0])
				}
				if high := max(size[1], screenHigh/2); high <= mostHigh {
					run(high)
				} else if _, err := chromedp.Run(ctx, chromedp.Evaluate[chromedp.Void](`document.querySelector(".modal") || scrollTo(0, document.body.scrollHeight)`)); err != nil {
					t.Fatal(err)
				}
				picture, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
				if err != nil || len(picture) > 220<<10 {
					t.Fatalf("the picture has %d bytes: %v", len(picture), err)
				}
				if *update {
					path := filepath.Join("../../../docs/img", fmt.Sprintf("slack-%s-%s.png", name, scheme))
					if err := os.WriteFile(path, picture, 0o644); err != nil {
						t.Fatal(err)
					}
				}
			})
		}
	}
}

package web

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/google/go-cmp/cmp"

	"claude-permission-daemon/internal/channel/channeltest"
	"claude-permission-daemon/internal/channel/channeltest/browsertest"
	"claude-permission-daemon/internal/permit"
	"claude-permission-daemon/internal/preview"
)

// TestBrowserWays: each kind of answer in a real browser, with scripts and
// without.
func TestBrowserWays(t *testing.T) {
	tab := chromium(t)
	all := channeltest.Samples()
	card := cardSelector("ask")
	for _, test := range []struct {
		name, sample string
		steps        []step
		want         permit.Answer
	}{
		{"picks and words", "questions", []step{
			chromedp.Click(card + ` [name="f.q0"][value="0"]`),
			chromedp.Click(card + ` [name="f.q0"][value="2"]`),
			chromedp.SendKeys(card+` [name="f.q0.other"]`, "Spelling"),
			chromedp.SendKeys(card+` [name="f.q1.other"]`, "On <paper>"),
			chromedp.Click(card + ` button[name=way][value="answer:0"]`),
		}, permit.Answer{Way: "answer", Fields: map[string][]string{"q0": {"0", "2"}, "q0.other": {"Spelling"}, "q1.other": {"On <paper>"}}}},
		{"one tap on a choice", "question", []step{
			chromedp.Click(card + ` button[name=way][value="choose:1"]`),
		}, permit.Answer{Way: "choose", Pick: 1}},
		{"a plan with a change", "plan", []step{
			chromedp.Click(card + ` [data-keep="edit-0"] > summary`),
			chromedp.SendKeys(card+` [name="f.text"]`, "First of all: "),
			chromedp.Click(card + ` [name="f.mode"][value="1"]`),
			chromedp.Click(card + ` button[name=way][value="edit:0"]`),
		}, permit.Answer{Way: "edit", Fields: map[string][]string{"mode": {"1"}, "text": {"First of all: " + channeltest.Plan}}}},
		{"always, confirmed", "bash", []step{
			chromedp.Click(card + ` [data-keep="always-0"] > summary`),
			chromedp.Click(card + ` button[name=way][value="always:0"]`),
		}, permit.Answer{Way: "always"}},
		{"a form", "elicitation", []step{
			chromedp.SendKeys(card+` [name="f.q0"]`, "Jo"),
			chromedp.Click(card + ` [name="f.q1"][value="2"]`),
			chromedp.Click(card + ` [name="f.q2"][value="1"]`),
			chromedp.SendKeys(card+` [name="f.q5"]`, "2.5"),
			chromedp.Click(card + ` [name="f.q6"]`),
			chromedp.Click(card + ` button[name=way][value="answer:0"]`),
		}, permit.Answer{Way: "answer", Fields: map[string][]string{"q0": {"Jo"}, "q1": {"2"}, "q2": {"1"}, "q4": {"1"}, "q5": {"2.5"}}}},
		{"a reply", "finished", []step{
			chromedp.SendKeys(card+` [name="f.message"]`, "Now the docs"),
			chromedp.Click(card + ` button[name=way][value="answer:0"]`),
		}, permit.Answer{Way: "answer", Fields: map[string][]string{"message": {"Now the docs"}}}},
		{"incomplete, then completed", "questions", []step{
			chromedp.Click(card + ` [name="f.q0"][value="1"]`),
			chromedp.Click(card + ` button[name=way][value="answer:0"]`),
			chromedp.WaitVisible(card + ` .field[data-field="f.q1"] .lacks`),
			chromedp.WaitVisible(card + ` [name="f.q0"][value="1"]:checked`),
			chromedp.Click(card + ` [name="f.q1"][value="0"]`),
			chromedp.Click(card + ` button[name=way][value="answer:0"]`),
		}, permit.Answer{Way: "answer", Fields: map[string][]string{"q0": {"1"}, "q1": {"0"}}}},
	} {
		for _, scripts := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, scripts %v", test.name, scripts), func(t *testing.T) {
				t.Parallel()
				s := play(t, all[test.sample])
				ctx := tab(t)
				complained := complaints(ctx, t)
				do(ctx, t, allowScripts(scripts), chromedp.EmulateViewport(390, 844), chromedp.Navigate(s.Status().URL), chromedp.WaitVisible(card))
				if scripts {
					holds(ctx, t, `document.querySelector("#link").innerText === "Live"`)
				}
				do(ctx, t, test.steps...)
				do(ctx, t, chromedp.WaitVisible(card+`[data-stage=delivered]`), chromedp.WaitVisible(`#said p`), chromedp.WaitNotPresent(card+` button`))
				answers := s.desk.Answers()
				got := answers[len(answers)-1]
				for _, values := range got.Fields { // a script sends bare newlines, a form does not
					for i, value := range values {
						values[i] = strings.ReplaceAll(value, "\r\n", "\n")
					}
				}
				if diff := cmp.Diff(test.want, permit.Answer{Way: got.Way, Pick: got.Pick, Fields: got.Fields}); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
				if refused := len(answers) - 1; refused > 0 != strings.HasPrefix(test.name, "incomplete") {
					t.Errorf("%d answers were refused before", refused)
				}
				for _, c := range complained() {
					if !strings.Contains(c, "422") { // the browser notes a refusal, and is right to
						t.Errorf("the browser complains: %s", c)
					}
				}
			})
		}
	}
	t.Run("a redraw while a form is filled in", func(t *testing.T) {
		t.Parallel()
		browserRedraw(t, tab)
	})
	t.Run("a card that settles before its answer is back", func(t *testing.T) {
		t.Parallel()
		browserOvertaken(t, tab)
	})
	t.Run("words left beside another choice", func(t *testing.T) {
		t.Parallel()
		s := play(t, all["questions"])
		ctx := tab(t)
		do(ctx, t, chromedp.Navigate(s.Status().URL), chromedp.WaitVisible(card),
			chromedp.Click(card+` [name="f.q0"][value="0"]`),
			chromedp.SendKeys(card+` [name="f.q1.other"]`, "On paper"))
		holds(ctx, t, `document.querySelector(".else").checked`)
		do(ctx, t, chromedp.Click(card+` [name="f.q1"][value="1"]`), chromedp.Click(card+` button[value="answer:0"]`), chromedp.WaitVisible(card+`[data-stage=delivered]`))
		if diff := cmp.Diff(map[string][]string{"q0": {"0"}, "q1": {"1"}}, s.desk.Answers()[0].Fields); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
	t.Run("what happens is read out", func(t *testing.T) {
		t.Parallel()
		s := play(t, all["bash"])
		ctx := tab(t)
		do(ctx, t, chromedp.Navigate(s.Status().URL), chromedp.WaitVisible(card))
		holds(ctx, t, `document.querySelector("#link").innerText === "Live" && document.querySelector("#heard").innerText === ""`)
		s.Note(permit.Note{ID: "n1", Title: "Claude waits for your input", Project: "shop", At: time.Now()})
		holds(ctx, t, `document.querySelector("#notes .happening").innerText.startsWith("Claude waits for your input in shop") &&
			document.querySelector("#heard[aria-live=polite]").innerText === "Claude waits for your input in shop"`)
		second := channeltest.Card("second", "make second")
		s.show(second)
		holds(ctx, t, `document.querySelector("#heard").innerText === "New question: Run a command: make second"`)
		s.show(channeltest.EndedAs(second, permit.Local, ""))
		holds(ctx, t, `document.querySelectorAll("#settled .card").length === 1 && document.querySelectorAll("#notes .happening").length === 1`)
	})
	t.Run("by keyboard alone", func(t *testing.T) {
		t.Parallel()
		browserKeyboard(t, tab)
	})
}

// browserRedraw: cards come, go and get notes while a form is being filled in;
// nothing of it is lost, and what was not sent is told when the card ends.
func browserRedraw(t *testing.T, tab opener) {
	sample := channeltest.Samples()["questions"]
	s := play(t, sample)
	ctx := tab(t)
	card := cardSelector("ask")
	do(ctx, t, chromedp.EmulateViewport(390, 844), chromedp.Navigate(s.Status().URL), chromedp.WaitVisible(card))
	holds(ctx, t, `document.querySelector("#link").innerText === "Live"`)
	do(ctx, t, chromedp.Click(card+` [name="f.q0"][value="1"]`),
		chromedp.Click(card+` .again > summary`),
		chromedp.SendKeys(card+` [name="f.q1.other"]`, "On pa"))
	again := sample.Card
	again.Note = "The terminal is open too."
	s.show(again)
	other := s.show(channeltest.Card("other", "make other"))
	s.Note(permit.Note{ID: "n", Title: "Something happened", At: time.Now()})
	holds(ctx, t, `document.querySelector(".note").innerText || [...document.querySelectorAll(".note")].some((n) => /terminal is open/.test(n.innerText))`)
	holds(ctx, t, `document.querySelector("[data-request=other]") && document.querySelector("#notes .happening")`)
	s.show(channeltest.EndedAs(other, permit.Local, ""))
	holds(ctx, t, `document.querySelector("#settled [data-request=other]")`)
	do(ctx, t, chromedp.KeyEvent("per"))
	holds(ctx, t, `document.activeElement.name === "f.q1.other" && document.activeElement.value === "On paper" &&
		document.querySelector('[name="f.q0"][value="1"]').checked && document.querySelector(".else").checked &&
		document.querySelector(".again").open`)
	s.show(channeltest.EndedAs(again, permit.Local, ""))
	holds(ctx, t, `/Not sent: On paper/.test(document.querySelector("#settled [data-request=ask]").innerText)`)
}

// browserOvertaken: what was sent is not told as unsent while its answer is on
// the way back; it is where the answer says that it did not count.
func browserOvertaken(t *testing.T, tab opener) {
	for _, first := range []bool{true, false} {
		sample := channeltest.Samples()["finished"]
		s := play(t, sample)
		s.mu.Lock()
		s.hold = make(chan struct{})
		s.mu.Unlock()
		release := sync.OnceFunc(func() { close(s.hold) })
		t.Cleanup(release)
		ctx := tab(t)
		card := cardSelector("ask")
		do(ctx, t, chromedp.Navigate(s.Status().URL), chromedp.WaitVisible(card))
		holds(ctx, t, `document.querySelector("#link").innerText === "Live"`)
		if !first { // somebody else was, and the page has not heard of it
			s.mu.Lock()
			s.cards["ask"] = channeltest.EndedAs(sample.Card, permit.Local, "")
			s.mu.Unlock()
		}
		do(ctx, t, chromedp.SendKeys(card+` [name="f.message"]`, "Now the docs"), chromedp.Click(card+` button[value="answer:0"]`))
		if !first {
			for len(s.desk.Answers()) == 0 {
				time.Sleep(10 * time.Millisecond)
			}
			s.show(channeltest.EndedAs(sample.Card, permit.Local, ""))
		}
		holds(ctx, t, `document.querySelector("#settled [data-request=ask]")`)
		unsent := `/Not sent: Now the docs/.test(document.querySelector("[data-request=ask]").innerText)`
		holds(ctx, t, `!`+unsent)
		release()
		do(ctx, t, chromedp.WaitVisible(`#said p`))
		holds(ctx, t, fmt.Sprintf(`%s === %v`, unsent, !first))
	}
}

// browserKeyboard reaches every control of the page by Tab, sees where it is,
// and answers.
func browserKeyboard(t *testing.T, tab opener) {
	s := play(t, channeltest.Samples()["elicitation"])
	ctx := tab(t)
	do(ctx, t, chromedp.Navigate(s.Status().URL), chromedp.WaitVisible(cardSelector("ask")))
	holds(ctx, t, `document.querySelector("#link").innerText === "Live"`)
	do(ctx, t, chromedp.Evaluate[chromedp.Void](`(() => {
		window.reached = new Set();
		window.unseen = [];
		document.addEventListener("focusin", (e) => {
			reached.add(e.target);
			const box = e.target.closest(".pick") || e.target, style = getComputedStyle(box);
			if (style.outlineStyle === "none" || parseFloat(style.outlineWidth) < 2) unseen.push(e.target.outerHTML.slice(0, 80));
		});
	})()`))
	for range 30 {
		do(ctx, t, chromedp.KeyEvent("\t"))
	}
	missed := read(ctx, t, chromedp.Evaluate[[]string](`[...document.querySelectorAll("main a, main button, main summary, main input:not([type=hidden]), main textarea, main pre[tabindex]")]
		.filter((e) => e.checkVisibility({ visibilityProperty: true }) && !reached.has(e))
		.filter((e) => e.type !== "radio" || ![...document.getElementsByName(e.name)].some((r) => reached.has(r))) // a group is one stop
		.map((e) => e.outerHTML.slice(0, 80))`))
	if len(missed) > 0 {
		t.Errorf("Tab does not reach %q", missed)
	}
	if unseen := read(ctx, t, chromedp.Evaluate[[]string](`[...new Set(unseen)]`)); len(unseen) > 0 {
		t.Errorf("one does not see that the focus is on %q", unseen)
	}
	do(ctx, t, chromedp.Focus(cardSelector("ask")+` [name="f.q0"]`), chromedp.KeyEvent("Jo\r"),
		chromedp.WaitVisible(cardSelector("ask")+`[data-stage=delivered]`))
}

// gallery is what the pictures in docs/img are of, and what axe looks at.
func gallery(t *testing.T, name string) *stage {
	t.Helper()
	all := channeltest.Samples()
	now := time.Now()
	files := all["edit"].Options
	files.Edit = true
	s := serve(t, Config{Listen: "127.0.0.1:0"}, Options{
		Machine: permit.Machine{Host: "thinkpad"}, Preview: preview.New(files).Of,
		Presence: func() permit.Presence {
			return permit.Presence{State: permit.Away, Since: now.Add(-12 * time.Minute), Source: "logind"}
		},
	})
	show := func(id string, ago time.Duration, card permit.Card) permit.Card {
		card.Request.ID, card.Request.Machine.Host = id, "thinkpad"
		card.Request.Asked = now.Add(-ago)
		return s.show(card)
	}
	switch name {
	case "question", "plan", "elicitation", "finished":
		sample := map[string]string{"question": "questions"}[name]
		if sample == "" {
			sample = name
		}
		show("ask", 40*time.Second, all[sample].Card)
	case "diff":
		show("ask", 70*time.Second, all["edit"].Card)
	case "list":
		show("older", 40*time.Minute, channeltest.EndedAs(channeltest.Card("older", "git status --short"), permit.Local, ""))
		for _, done := range []struct {
			id, command string
			end         func(permit.Card) permit.Card
		}{
			{"status", "git status --short", func(c permit.Card) permit.Card { return channeltest.EndedAs(c, permit.Local, "") }},
			{"force", "git push --force origin main", func(c permit.Card) permit.Card {
				return channeltest.Decided(c, permit.Deny, permit.Delivered, "Open a pull request instead.")
			}},
			{"test", "go test ./...", func(c permit.Card) permit.Card {
				c = channeltest.Decided(c, permit.Allow, permit.Ran, "")
				c.Took = 8400 * time.Millisecond
				return c
			}},
		} {
			card := show(done.id, 30*time.Minute, channeltest.Card(done.id, done.command))
			s.show(done.end(card))
		}
		s.Note(permit.Note{ID: "n1", Class: permit.NoteIdle, Title: "Claude waits for your input", Project: "docs", Branch: "main", At: now.Add(-25 * time.Minute)})
		s.Note(permit.Note{ID: "n2", Class: permit.NoteFinished, Title: "Claude has finished", Project: "shop", Branch: "cards", At: now.Add(-8 * time.Minute),
			Text: "All **41 tests** pass, and `cart/total.go` returns an error now."})
		show("fetch", 6*time.Minute, all["webfetch"].Card)
		show("build", 50*time.Second, all["bash-broad"].Card)
		long := channeltest.CardOf("long", "mcp__files__move", map[string]any{
			"from": "/home/alice/" + strings.Repeat("a-very-long-folder-name/", 12) + strings.Repeat("x", 200), "to": "/tmp"})
		show("long", 9*time.Minute, long)
	}
	return s
}

// TestPictures draws the pictures of docs/img; with -update it takes them anew.
// Whatever is on them fits its screen.
func TestPictures(t *testing.T) {
	tab := chromium(t)
	for _, name := range []string{"question", "plan", "diff", "list"} {
		for _, size := range []struct {
			name          string
			width, height int64
			scale         float64
		}{{"phone", 390, 844, 1.5}, {"desktop", 1280, 800, 1}} {
			for _, scheme := range []string{"light", "dark"} {
				t.Run(name+" "+size.name+" "+scheme, func(t *testing.T) {
					t.Parallel()
					s := gallery(t, name)
					ctx := tab(t)
					do(ctx, t, chromedp.EmulateViewport(size.width, size.height, chromedp.EmulateScale(size.scale)), browsertest.InScheme(scheme),
						chromedp.Navigate(s.Status().URL), chromedp.WaitVisible(".card"))
					holds(ctx, t, `document.querySelector("#link").innerText === "Live"`)
					picture := read(ctx, t, chromedp.CaptureScreenshot())
					if len(picture) > 200<<10 {
						t.Errorf("the picture has %d bytes", len(picture))
					}
					if *anew {
						path := filepath.Join("../../../docs/img", fmt.Sprintf("page-%s-%s-%s.png", name, size.name, scheme))
						if err := os.WriteFile(path, picture, 0o644); err != nil {
							t.Fatal(err)
						}
					}
				})
			}
		}
	}
}

// TestAxe has axe-core (dequelabs' checker of accessibility) look at each kind of
// page, everything unfolded too.
func TestAxe(t *testing.T) {
	modules := os.Getenv("CPD_NODE_MODULES")
	if modules == "" {
		modules = "../../../test/e2e/slacksdk/node_modules"
	}
	axe, err := os.ReadFile(filepath.Join(modules, "axe-core", "axe.min.js"))
	if err != nil {
		if os.Getenv("CPD_REQUIRE_PEERS") == "1" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	tab := chromium(t)
	for _, name := range []string{"list", "question", "plan", "elicitation", "finished", "diff", "own page", "incomplete"} {
		for _, look := range []struct {
			width, height int64
			scheme        string
		}{{390, 844, "light"}, {390, 844, "dark"}, {1280, 800, "light"}, {1280, 800, "dark"}} {
			t.Run(fmt.Sprintf("%s %d %s", name, look.width, look.scheme), func(t *testing.T) {
				t.Parallel()
				scene := name
				if of, ok := map[string]string{"own page": "plan", "incomplete": "question"}[name]; ok {
					scene = of
				}
				s := gallery(t, scene)
				link := s.Status().URL
				if name == "own page" {
					link += "card?request=ask&way=edit:0"
				}
				ctx := tab(t)
				do(ctx, t, chromedp.EmulateViewport(look.width, look.height), browsertest.InScheme(look.scheme), chromedp.Navigate(link), chromedp.WaitVisible(".card"))
				if name == "incomplete" {
					do(ctx, t, chromedp.Click(`button[value="answer:0"]`), chromedp.WaitVisible(".lacks"))
				}
				look := func(what string) {
					t.Helper()
					for _, wrong := range axeSays(ctx, t) {
						t.Errorf("%s: %s", what, wrong)
					}
					for _, wrong := range read(ctx, t, chromedp.Evaluate[[]string](looks)) {
						t.Errorf("%s: %s", what, wrong)
					}
				}
				do(ctx, t, chromedp.Evaluate[chromedp.Void](string(axe)))
				look("as it is")
				do(ctx, t, chromedp.Evaluate[chromedp.Void](`document.querySelectorAll("details").forEach((d) => { d.open = true; })`))
				look("unfolded")
			})
		}
	}
}

// axeSays runs axe and gives what it finds wrong.
func axeSays(ctx context.Context, t *testing.T) []string {
	t.Helper()
	do(ctx, t, chromedp.Evaluate[chromedp.Void](`(() => {
		window.axeSays = undefined;
		axe.run().then((r) => { window.axeSays = JSON.stringify(r.violations.map((v) =>
			v.id + " (" + v.impact + "): " + v.nodes.slice(0, 3).map((n) => n.html.slice(0, 160) + " " + n.failureSummary).join("; "))); });
	})()`))
	holds(ctx, t, `window.axeSays`)
	var wrong []string
	if err := json.Unmarshal([]byte(read(ctx, t, chromedp.Evaluate[string](`window.axeSays`))), &wrong); err != nil {
		t.Fatal(err)
	}
	return wrong
}

package web

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/google/go-cmp/cmp"

	"claude-permission-daemon/internal/channel/channeltest"
	"claude-permission-daemon/internal/channel/channeltest/browsertest"
	"claude-permission-daemon/internal/permit"
)

func TestBrowser(t *testing.T) {
	tab := chromium(t)
	for _, test := range []struct {
		name string
		run  func(*testing.T, opener)
	}{
		{"a tap counts, with scripts and without", browserTap},
		{"a question cannot be approved", browserQuestion},
		{"the page is live", browserLive},
		{"a tap right after the page moved does nothing", browserMoved},
		{"an answer that cannot be sent is not told as sent", browserUnreachable},
		{"forms work where the browser trusts nothing", browserUntrusted},
		{"many tabs leave room for an answer", browserTabs},
		{"the page looks right", browserLooks},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			test.run(t, tab)
		})
	}
}

// elsewhere is a name that the browser takes for this machine.
const elsewhere = "desk.example"

type opener = browsertest.Opener

// chromium starts a real browser.
func chromium(t *testing.T) opener {
	t.Helper()
	return browsertest.Chromium(t, chromedp.Flag("host-resolver-rules", "MAP "+elsewhere+" 127.0.0.1"))
}

// step is one thing that is done in a tab.
type step = chromedp.Action[chromedp.Void]

func do(ctx context.Context, t *testing.T, steps ...step) {
	t.Helper()
	if err := chromedp.Do(ctx, steps...); err != nil {
		t.Fatal(err)
	}
}

func read[T any](ctx context.Context, t *testing.T, what chromedp.Action[T]) T {
	t.Helper()
	got, err := chromedp.Run(ctx, what)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// holds waits until the script's expression is true on the page.
func holds(ctx context.Context, t *testing.T, expression string) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		ok, err := chromedp.Run(ctx, chromedp.Evaluate[bool]("!!("+expression+")"))
		if err == nil && ok {
			return
		}
		if time.Now().After(deadline) {
			says, _ := chromedp.Run(ctx, chromedp.Evaluate[string]("document.body.innerText"))
			t.Fatalf("never true: %s (%v); the page says:\n%s", expression, err, says)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func allowScripts(on bool) step {
	return func(ctx context.Context, t *chromedp.Target) (chromedp.Void, error) {
		_, err := cdp.Call(ctx, t, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !on})
		return chromedp.Void{}, err
	}
}

// complaints gathers what the browser has to say against the page: scripts that
// fail, and what the policy forbids.
func complaints(ctx context.Context, t *testing.T) func() []string {
	t.Helper()
	var mu sync.Mutex
	var all []string
	err := chromedp.Listen(ctx, func(event any) {
		mu.Lock()
		defer mu.Unlock()
		switch e := event.(type) {
		case *runtime.EventExceptionThrown:
			all = append(all, e.ExceptionDetails.Text)
		case *log.EventEntryAdded:
			all = append(all, e.Entry.Text+" "+e.Entry.URL)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return func() []string {
		mu.Lock()
		defer mu.Unlock()
		return all
	}
}

func cardSelector(id string) string { return `article[data-request="` + id + `"]` }

func browserTap(t *testing.T, tab opener) {
	for _, scripts := range []bool{true, false} {
		for _, test := range []struct {
			name string
			card permit.Card
			tap  func(card string) []step
			want permit.Decision
		}{
			{"approve", channeltest.Card("ask", "make all"), func(card string) []step {
				return []step{chromedp.Click(card + ` button[name=verb][value=allow]`)}
			}, permit.Decision{Verb: permit.Allow}},
			{"deny", channeltest.Card("ask", "make all"), func(card string) []step {
				return []step{chromedp.Click(card + ` .buttons button[name=verb][value=deny]`)}
			}, permit.Decision{Verb: permit.Deny}},
			{"deny with a reason", channeltest.Card("ask", "make all"), func(card string) []step {
				return []step{
					chromedp.Click(card + ` .reason summary`),
					chromedp.SendKeys(card+` textarea`, "Use ninja <1.11>\n& nothing else"),
					chromedp.Click(card + ` .reason button`),
				}
			}, permit.Decision{Verb: permit.Deny, Message: "Use ninja <1.11>\n& nothing else"}},
			{"reply to a question", channeltest.CardOf("ask", "AskUserQuestion", map[string]any{"questions": []any{}}), func(card string) []step {
				return []step{
					chromedp.Click(card + ` .reason summary`),
					chromedp.SendKeys(card+` textarea`, "Neither."),
					chromedp.Click(card + ` .reason button`),
				}
			}, permit.Decision{Verb: permit.Deny, Message: "Neither."}},
		} {
			t.Run(fmt.Sprintf("%s, scripts %v", test.name, scripts), func(t *testing.T) {
				s := serve(t, Config{Listen: "127.0.0.1:0"}, Options{})
				s.show(test.card)
				ctx := tab(t)
				complained := complaints(ctx, t)
				do(ctx, t, allowScripts(scripts), chromedp.Navigate(s.Status().URL))
				card := cardSelector("ask")
				do(ctx, t, chromedp.WaitVisible(card+`[data-stage=open]`))
				do(ctx, t, test.tap(card)...)
				do(ctx, t,
					chromedp.WaitVisible(card+`[data-stage=delivered]`),
					chromedp.WaitVisible(`#said p`),
					chromedp.WaitNotPresent(card+` button`))
				headline := read(ctx, t, chromedp.Text(card+` .headline`))
				said := read(ctx, t, chromedp.Text(`#said p`))

				answers := s.desk.Answers()
				if len(answers) != 1 {
					t.Fatalf("one tap made %d answers", len(answers))
				}
				got := answers[0].Decision
				if got.Verb != test.want.Verb || got.Message != test.want.Message || got.By != Person {
					t.Errorf("the tap came to the desk as %+v", got)
				}
				want := "Approved by whoever holds the page's link"
				if test.want.Verb == permit.Deny {
					want = "Denied by whoever holds the page's link"
				}
				for _, told := range []string{headline, said} {
					if !strings.Contains(told, want) {
						t.Errorf("the person is told %q", told)
					}
				}
				if c := complained(); len(c) > 0 {
					t.Errorf("the browser complains: %q", c)
				}
			})
		}
	}
}

// browserQuestion answers questions with two picks and with words, with scripts
// on and off; a bare yes is not offered.
func browserQuestion(t *testing.T, tab opener) {
	for _, scripts := range []bool{true, false} {
		s := serve(t, Config{Listen: "127.0.0.1:0"}, Options{})
		s.show(channeltest.CardOf("ask", "AskUserQuestion", map[string]any{"questions": []any{
			map[string]any{"question": "Which extras?", "multiSelect": true, "options": []any{
				map[string]any{"label": "Lint"}, map[string]any{"label": "CI", "description": "on each push"}, map[string]any{"label": "Docs"}}},
			map[string]any{"question": "Which framework?", "options": []any{map[string]any{"label": "React", "preview": "<App/>"}, map[string]any{"label": "Vue"}}},
		}}))
		ctx := tab(t)
		card := cardSelector("ask")
		do(ctx, t, allowScripts(scripts), chromedp.Navigate(s.Status().URL), chromedp.WaitVisible(card),
			chromedp.WaitNotPresent(card+` [value=allow]`),
			chromedp.Click(card+` [name="f.q0"][value="0"]`), chromedp.Click(card+` [name="f.q0"][value="1"]`),
			chromedp.SendKeys(card+` [name="f.q1.other"]`, "Svelte, please"),
			chromedp.Click(card+` button[name=way][value="answer:0"]`),
			chromedp.WaitVisible(`#said p`))
		answers := s.desk.Answers()
		if len(answers) != 1 {
			t.Fatalf("scripts %v: %d answers", scripts, len(answers))
		}
		want := map[string][]string{"q0": {"0", "1"}, "q1.other": {"Svelte, please"}}
		if diff := cmp.Diff(want, answers[0].Fields); diff != "" || answers[0].Way != permit.WayAnswer {
			t.Errorf("scripts %v: way %q, %s", scripts, answers[0].Way, diff)
		}
	}
}

func browserLive(t *testing.T, tab opener) {
	state := t.TempDir()
	s := serve(t, Config{Listen: "127.0.0.1:0"}, Options{State: state})
	ctx := tab(t)
	do(ctx, t, chromedp.EmulateViewport(390, 844), chromedp.Navigate(s.Status().URL), chromedp.WaitVisible(".empty"))
	holds(ctx, t, `document.querySelector("#link").innerText === "Live" && document.title === "Permissions"`)

	first := s.show(channeltest.Card("first", "make first\n"+strings.Repeat("# and so on\n", 100)))
	holds(ctx, t, `document.querySelector("[data-request=first]") && document.title === "(1) Permissions" &&
		getComputedStyle(document.querySelector(".empty")).display === "none"`)

	// What the person has begun stays through redrawings and arrivals.
	do(ctx, t,
		chromedp.Click(`[data-request=first] .reason summary`),
		chromedp.SendKeys(`[data-request=first] textarea`, "Not y"),
		chromedp.Evaluate[chromedp.Void](`(() => {
			document.querySelector("[data-request=first] pre").scrollTop = 77;
			window.was = document.activeElement.getBoundingClientRect().top;
			document.querySelector("[data-request=first]").mine = true;
		})()`))
	first.Note = "The terminal is open too."
	s.show(first)
	second := channeltest.Card("second", "make second")
	second.Request.Asked = time.Now().Add(time.Minute)
	s.show(second)
	holds(ctx, t, `document.querySelector("[data-request=first] .note").innerText === "The terminal is open too."`)
	holds(ctx, t, `document.querySelectorAll("#waiting .card")[0].dataset.request === "second"`)
	holds(ctx, t, `document.querySelector("[data-request=first]").mine &&
		document.activeElement.tagName === "TEXTAREA" && document.activeElement.value === "Not y" &&
		document.querySelector("[data-request=first] pre").scrollTop === 77`)
	// Nothing moved under the finger: the note is above, and so is the new card.
	holds(ctx, t, `Math.abs(document.activeElement.getBoundingClientRect().top - window.was) < 2`)
	holds(ctx, t, `document.querySelector("#newer").innerText === "↑ 1 new question"`)
	do(ctx, t, chromedp.KeyEvent("et."))
	holds(ctx, t, `document.activeElement.value === "Not yet."`)

	// It ends elsewhere: the buttons go, and what was typed is not lost.
	s.show(channeltest.EndedAs(first, permit.Local, ""))
	holds(ctx, t, `document.querySelector("#settled [data-request=first] .headline").innerText === "Answered in the terminal"`)
	holds(ctx, t, `!document.querySelector("[data-request=first] button") &&
		/Not sent: Not yet\./.test(document.querySelector("[data-request=first]").innerText) &&
		document.activeElement.closest("[data-request=first]")`)

	// The daemon goes, and says on the way out what it settled.
	s.show(channeltest.EndedAs(second, permit.HandedBack, "the daemon stops"))
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	holds(ctx, t, `/^Not live/.test(document.querySelector("#link").innerText) && document.querySelector("#link a").innerText === "reload"`)
	holds(ctx, t, `!document.querySelector("button[name=verb]") && document.title === "Permissions"`)

	// It comes back at the same link, and the page with it.
	s = serve(t, Config{Listen: "127.0.0.1:0"}, Options{State: state})
	s.show(channeltest.Card("third", "make third"))
	holds(ctx, t, `document.querySelector("#link").innerText === "Live" && document.querySelectorAll(".card").length === 1 &&
		document.querySelector("[data-request=third] [value=allow]")`)
}

func browserMoved(t *testing.T, tab opener) {
	s := serve(t, Config{Listen: "127.0.0.1:0"}, Options{})
	one := s.show(channeltest.Card("one", "make one"))
	s.show(channeltest.Card("two", "make two"))
	ctx := tab(t)
	do(ctx, t, chromedp.Navigate(s.Status().URL), chromedp.WaitVisible(`[data-request=two] [value=allow]`))
	holds(ctx, t, `document.querySelector("#link").innerText === "Live"`)
	// In the browser, so that it is right after: whatever comes is tapped at once.
	do(ctx, t, chromedp.Evaluate[chromedp.Void](`new MutationObserver((_, me) => {
		me.disconnect();
		Promise.resolve().then(() => document.querySelector("[data-request=two] [value=allow]").click());
	}).observe(document.querySelector("#settled .cards"), { childList: true })`))
	s.show(channeltest.EndedAs(one, permit.Local, ""))
	holds(ctx, t, `/moved under your finger/.test(document.querySelector("[data-request=two] .told").innerText)`)
	if got := s.desk.Answers(); len(got) != 0 {
		t.Errorf("a tap on a page that had just moved came to the desk: %+v", got)
	}
	time.Sleep(600 * time.Millisecond) // the person looks, and taps again
	do(ctx, t, chromedp.Click(`[data-request=two] [value=allow]`), chromedp.WaitVisible(`[data-request=two][data-stage=delivered]`))
}

func browserUnreachable(t *testing.T, tab opener) {
	s := serve(t, Config{Listen: "127.0.0.1:0"}, Options{})
	s.show(channeltest.Card("ask", "make all"))
	ctx := tab(t)
	do(ctx, t, chromedp.Navigate(s.Status().URL), chromedp.WaitVisible(`[value=allow]`))
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	do(ctx, t, chromedp.Click(`[value=allow]`))
	holds(ctx, t, `/Your answer does not count/.test(document.querySelector(".told").innerText)`)
	holds(ctx, t, `!document.querySelector("[value=allow]").disabled`)
}

// browserUntrusted reaches the page by a name and without TLS, as from another
// device. Browsers then leave out what they otherwise say of a request.
func browserUntrusted(t *testing.T, tab opener) {
	s := serve(t, Config{Listen: "127.0.0.1:0", Hosts: []string{elsewhere}}, Options{})
	s.show(channeltest.Card("ask", "make all"))
	ctx := tab(t)
	link := strings.Replace(s.Status().URL, "127.0.0.1", elsewhere, 1)
	do(ctx, t, allowScripts(false), chromedp.Navigate(link),
		chromedp.Click(`[value=allow]`), chromedp.WaitVisible(`[data-stage=delivered]`))
}

func browserTabs(t *testing.T, tab opener) {
	s := serve(t, Config{Listen: "127.0.0.1:0"}, Options{})
	s.show(channeltest.Card("ask", "make all"))
	var first, last context.Context
	for i := range 7 { // a browser has six connections to one server
		last = tab(t)
		if i == 0 {
			first = last
		}
		do(last, t, chromedp.Navigate(s.Status().URL), chromedp.WaitVisible(`[value=allow]`))
		holds(last, t, `document.querySelector("#link").innerText === "Live"`)
	}
	holds(first, t, `/too many pages are open/.test(document.querySelector("#link").innerText)`)
	do(last, t, chromedp.Click(`[value=allow]`), chromedp.WaitVisible(`[data-stage=delivered]`))
}

// looks measures what can be measured of how the page looks. It returns what
// is wrong: text with too little contrast, targets too small to tap, things
// without a name, and a page that scrolls sideways.
const looks = `(() => {
	const wrong = [];
	const root = document.documentElement;
	if (root.scrollWidth > root.clientWidth) wrong.push("the page scrolls sideways: " + root.scrollWidth + " > " + root.clientWidth);
	const rgba = (s) => { const m = s.match(/[\d.]+/g).map(Number); return [m[0], m[1], m[2], m.length > 3 ? m[3] : 1]; };
	const luminance = ([r, g, b]) => [r, g, b].map((v) => (v /= 255) <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
		.reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
	const under = (e) => {
		for (; e; e = e.parentElement) {
			const c = rgba(getComputedStyle(e).backgroundColor);
			if (c[3] === 1) return c;
			if (c[3] !== 0) return wrong.push("a background that is half transparent") && c;
		}
		return [255, 255, 255, 1];
	};
	const shown = (e) => e.checkVisibility({ visibilityProperty: true });
	const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
	while (walk.nextNode()) {
		const e = walk.currentNode.parentElement;
		if (!walk.currentNode.data.trim() || !shown(e) || e.closest("script,noscript")) continue;
		const style = getComputedStyle(e), a = luminance(rgba(style.color)), b = luminance(under(e));
		const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
		if (ratio < 4.5) wrong.push("contrast " + ratio.toFixed(2) + " of " + e.className + ": " + walk.currentNode.data.trim().slice(0, 40));
	}
	for (const e of document.querySelectorAll("button, summary, textarea")) {
		if (!shown(e)) continue;
		const box = e.getBoundingClientRect();
		if (box.height < 44 || box.width < 44) wrong.push("a target of " + box.width + "x" + box.height + ": " + e.innerText);
		if (!(e.innerText || e.labels?.[0]?.innerText || e.getAttribute("aria-label"))) wrong.push("a target without a name: " + e.outerHTML);
		if (box.left < 0 || box.right > root.clientWidth) wrong.push("a target beyond the edge: " + e.innerText);
	}
	for (const e of document.querySelectorAll("pre")) {
		if (shown(e) && e.scrollWidth > e.clientWidth + 1) wrong.push("a block that hides text to the side");
	}
	return wrong;
})()`

// browserLooks draws the page with everything on it. With CPD_SHOTS=folder
// it leaves pictures there.
func browserLooks(t *testing.T, tab opener) {
	now := time.Now()
	s := serve(t, Config{Listen: "127.0.0.1:0"}, Options{
		Machine: permit.Machine{Host: "thinkpad"},
		Presence: func() permit.Presence {
			return permit.Presence{State: permit.Away, Since: now.Add(-12 * time.Minute), Source: "swayidle"}
		},
	})
	scene(s, now)
	for _, look := range []struct {
		name          string
		width, height int64
		scheme        string
		scripts       bool
	}{
		{"phone", 390, 844, "light", true},
		{"phone", 390, 844, "dark", false},
		{"desktop", 1280, 800, "light", false},
		{"desktop", 1280, 800, "dark", true},
		{"small phone", 320, 568, "light", true},
	} {
		t.Run(look.name+", "+look.scheme, func(t *testing.T) {
			ctx := tab(t)
			complained := complaints(ctx, t)
			scale := chromedp.EmulateScale(1)
			if look.width < 500 {
				scale = chromedp.EmulateScale(2)
			}
			do(ctx, t,
				chromedp.EmulateViewport(look.width, look.height, scale),
				browsertest.InScheme(look.scheme),
				allowScripts(look.scripts),
				chromedp.Navigate(s.Status().URL),
				chromedp.WaitVisible(cardSelector("build")))
			if look.scripts {
				holds(ctx, t, `document.querySelector("#link").innerText === "Live"`)
			}
			shoot(ctx, t, look.name+" "+look.scheme+" top", false)
			shoot(ctx, t, look.name+" "+look.scheme+" whole", true)
			do(ctx, t,
				allowScripts(true), // for the measuring only
				chromedp.Evaluate[chromedp.Void](`document.querySelectorAll("details").forEach((d) => { d.open = true; })`))
			wrong := read(ctx, t, chromedp.Evaluate[[]string](looks))
			shoot(ctx, t, look.name+" "+look.scheme+" unfolded", true)
			for _, w := range wrong {
				t.Error(w)
			}
			if c := complained(); len(c) > 0 {
				t.Errorf("the browser complains: %q", c)
			}
		})
	}
	t.Run("empty", func(t *testing.T) {
		s := serve(t, Config{Listen: "127.0.0.1:0"}, Options{Machine: permit.Machine{Host: "thinkpad"}})
		ctx := tab(t)
		do(ctx, t, chromedp.EmulateViewport(390, 844, chromedp.EmulateScale(2)), chromedp.Navigate(s.Status().URL), chromedp.WaitVisible(".empty"))
		shoot(ctx, t, "empty", false)
		for _, w := range read(ctx, t, chromedp.Evaluate[[]string](looks)) {
			t.Error(w)
		}
	})
	t.Run("one card on its own", func(t *testing.T) {
		ctx := tab(t)
		do(ctx, t, chromedp.EmulateViewport(390, 844, chromedp.EmulateScale(2)), chromedp.Navigate(s.Status().URL+"card?request=write"), chromedp.WaitVisible(cardSelector("write")))
		shoot(ctx, t, "single", false)
		for _, w := range read(ctx, t, chromedp.Evaluate[[]string](looks)) {
			t.Error(w)
		}
		do(ctx, t, chromedp.Click(`[value=allow]`), chromedp.WaitVisible(cardSelector("write")+`[data-stage=delivered]`))
	})
}

func shoot(ctx context.Context, t *testing.T, name string, whole bool) {
	t.Helper()
	dir := os.Getenv("CPD_SHOTS")
	if dir == "" {
		return
	}
	take := chromedp.CaptureScreenshot()
	if whole {
		take = chromedp.FullScreenshot(100)
	}
	name = filepath.Join(dir, strings.ReplaceAll(name, " ", "-")+".png")
	if err := os.WriteFile(name, read(ctx, t, take), 0o600); err != nil {
		t.Fatal(err)
	}
}

//go:build linux

package claude

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"claude-permission-daemon/test/e2e/claudetest"

	"github.com/chromedp/chromedp"
)

// page is the daemon's page in a real Chromium.
type page struct {
	t   *testing.T
	ctx context.Context
}

// open opens a link in a browser of its own, which ends with the test.
func open(t *testing.T, link string) *page {
	t.Helper()
	path := os.Getenv("CPD_CHROMIUM")
	if found, err := exec.LookPath("chromium"); path == "" && err == nil {
		path = found
	}
	if path == "" {
		if os.Getenv("CPD_REQUIRE_PEERS") == "1" {
			t.Fatal("there is no chromium here (CPD_CHROMIUM names one)")
		}
		t.Skip("there is no chromium here (CPD_CHROMIUM names one)")
	}
	allocator, stop := chromedp.NewExecAllocator(context.Background(), append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.UserDataDir(t.TempDir()), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.WindowSize(1280, 1000),
		chromedp.Flag("disable-background-networking", true), chromedp.WSURLReadTimeout(time.Minute))...)
	ctx, closeBrowser := chromedp.NewContext(allocator)
	t.Cleanup(func() {
		_ = chromedp.Cancel(ctx) // closes the browser and waits for it
		closeBrowser()
		stop()
	})
	if err := chromedp.Do(ctx); err != nil { // starts it, for as long as ctx lasts
		t.Fatalf("cannot start %s: %v", path, err)
	}
	limited, cancel := context.WithTimeout(ctx, 5*time.Minute)
	t.Cleanup(cancel)
	p := &page{t: t, ctx: limited}
	t.Cleanup(func() {
		if t.Failed() {
			shown, _ := chromedp.Run(limited, chromedp.Evaluate[string](`document.body.innerText`))
			t.Logf("the page shows:\n%s", shown)
		}
	})
	p.do(chromedp.Navigate(link))
	return p
}

func (p *page) do(steps ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	if err := chromedp.Do(p.ctx, steps...); err != nil {
		p.t.Fatalf("cannot use the page: %v", err)
	}
}

// eval is the value of a script on the page.
func eval[T any](p *page, script string) T {
	p.t.Helper()
	value, err := chromedp.Run(p.ctx, chromedp.Evaluate[T](script))
	if err != nil {
		p.t.Fatal(err)
	}
	return value
}

// buttons counts the buttons that a person could press.
func (p *page) buttons() int {
	p.t.Helper()
	return eval[int](p, `document.querySelectorAll("article.card button").length`)
}

// card is a card on the page, and what it said when it was found.
type card struct {
	*page
	id   string // of its request
	text string
}

// card waits for a card in a stage that says all of these texts.
func (p *page) card(stage string, texts ...string) card {
	p.t.Helper()
	return p.find(fmt.Sprintf(`article.card[data-stage="%s"]`, stage), texts)
}

// at is the selector of something on the card.
func (c card) at(selector string) string {
	return fmt.Sprintf(`article.card[data-request="%s"] %s`, c.id, selector)
}

// then waits until the card is in another stage and says all of these texts.
func (c card) then(stage string, texts ...string) card {
	c.t.Helper()
	return c.find(fmt.Sprintf(`article.card[data-request="%s"][data-stage="%s"]`, c.id, stage), texts)
}

func (p *page) find(selector string, texts []string) (found card) {
	p.t.Helper()
	script := fmt.Sprintf(`[...document.querySelectorAll('%s')].map((card) => [card.dataset.request, card.innerText])`, selector)
	claudetest.Wait(p.t, fmt.Sprintf("there is no %s with %q", selector, texts), func() bool {
		for _, one := range eval[[][2]string](p, script) {
			lacks := func(text string) bool { return !strings.Contains(one[1], text) }
			if !slices.ContainsFunc(texts, lacks) {
				found = card{page: p, id: one[0], text: one[1]}
				return true
			}
		}
		return false
	})
	return found
}

// has counts what there is of something on the card.
func (c card) has(selector string) int {
	c.t.Helper()
	return eval[int](c.page, fmt.Sprintf("document.querySelectorAll('%s').length", c.at(selector)))
}

// unfold opens one of the card's folds, by the way that is in it: "edit-0".
func (c card) unfold(way string) {
	c.t.Helper()
	fold := c.at(`details[data-keep="` + way + `"]`)
	c.click(fold+" > summary", fmt.Sprintf("document.querySelector('%s').open", fold))
}

// pick chooses one of a field's choices.
func (c card) pick(field, value string) {
	c.t.Helper()
	choice := c.at(fmt.Sprintf(`input[name="%s"][value="%s"]`, field, value))
	c.click(choice, fmt.Sprintf("document.querySelector('%s').checked", choice))
}

// write has a text in a field, in place of what was there.
func (c card) write(field, text string) {
	c.t.Helper()
	into := c.at(fmt.Sprintf(`:is(textarea, input)[name="%s"]`, field))
	c.do(chromedp.WaitVisible(chromedp.CSS(into)))
	eval[any](c.page, fmt.Sprintf(`document.querySelector('%s').select()`, into))
	c.do(chromedp.KeyEvent(text))
}

// tap taps a button of the open card as a person does: once more where the
// page did not take it, as it does right after it moved. What the page then
// says is closed, since it may lie above the next button.
func (c card) tap(button string) {
	c.t.Helper()
	c.click(c.at(button), fmt.Sprintf(`document.querySelector('article.card[data-request="%s"][data-stage="open"]') === null`, c.id))
	c.do(chromedp.WaitVisible(chromedp.CSS(`#said.good .close`)))
	c.click(`#said .close`, `document.querySelector("#said .close") === null`)
}

// click clicks on something until a script says that it was taken.
func (p *page) click(selector, taken string) {
	p.t.Helper()
	claudetest.Wait(p.t, "the page does not take the click on "+selector, func() bool {
		soon, cancel := context.WithTimeout(p.ctx, 2*time.Second)
		_ = chromedp.Do(soon, chromedp.Click(chromedp.CSS(selector))) // it may be gone: see below
		cancel()
		for range 10 {
			if eval[bool](p, taken) {
				return true
			}
			time.Sleep(50 * time.Millisecond)
		}
		return false
	})
}

// The buttons that every card of a tool has.
const (
	approve = `.buttons button.approve`
	refuse  = `.buttons button.deny`
)

// deny denies with words.
func (c card) deny(words string) {
	c.t.Helper()
	c.unfold("deny_reason-0")
	c.write("message", words)
	c.tap(`details[data-keep="deny_reason-0"] button.deny`)
}

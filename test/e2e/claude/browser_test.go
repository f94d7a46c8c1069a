//go:build linux

package claude

import (
	"context"
	"fmt"
	"os"
	"os/exec"
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
		chromedp.ExecPath(path), chromedp.UserDataDir(t.TempDir()), chromedp.NoSandbox, chromedp.DisableGPU,
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
	limited, cancel := context.WithTimeout(ctx, 2*time.Minute)
	t.Cleanup(cancel)
	p := &page{t: t, ctx: limited}
	p.do(chromedp.Navigate(link))
	return p
}

func (p *page) do(steps ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	if err := chromedp.Do(p.ctx, steps...); err != nil {
		text, _ := chromedp.Run(p.ctx, chromedp.Evaluate[string](`document.body.innerText`))
		p.t.Fatalf("cannot use the page: %v\n%s", err, text)
	}
}

// card waits for a card in a stage, and returns what it says.
func (p *page) card(stage string) (text string) {
	p.t.Helper()
	script := fmt.Sprintf(`(document.querySelector('article.card[data-stage="%s"]') || {innerText: ""}).innerText`, stage)
	claudetest.Wait(p.t, "no card is "+stage, func() bool {
		var err error
		if text, err = chromedp.Run(p.ctx, chromedp.Evaluate[string](script)); err != nil {
			p.t.Fatal(err)
		}
		return text != ""
	})
	return text
}

// buttons counts the buttons that a person could press.
func (p *page) buttons() int {
	p.t.Helper()
	count, err := chromedp.Run(p.ctx, chromedp.Evaluate[int](`document.querySelectorAll("article.card button").length`))
	if err != nil {
		p.t.Fatal(err)
	}
	return count
}

// tap taps a button of the open card as a person does: once more where the
// page did not take it, as it does right after it moved.
func (p *page) tap(button string) {
	p.t.Helper()
	claudetest.Wait(p.t, "the page does not take the tap", func() bool {
		soon, cancel := context.WithTimeout(p.ctx, 2*time.Second)
		_ = chromedp.Do(soon, chromedp.Click(chromedp.CSS(button))) // it may be gone: see below
		cancel()
		time.Sleep(200 * time.Millisecond)
		open, err := chromedp.Run(p.ctx, chromedp.Evaluate[bool](`document.querySelector('article.card[data-stage="open"]') !== null`))
		if err != nil {
			p.t.Fatal(err)
		}
		return !open
	})
}

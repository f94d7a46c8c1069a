// Package browsertest starts a real browser for tests of what a channel draws.
package browsertest

import (
	"context"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// Opener opens a tab, which closes with the test.
type Opener func(t *testing.T) context.Context

// Chromium starts the browser that CPD_CHROMIUM names, or the one in PATH. The
// test is skipped where there is none, unless CPD_REQUIRE_PEERS is 1.
func Chromium(t *testing.T, more ...chromedp.ExecAllocatorOption) Opener {
	t.Helper()
	path := os.Getenv("CPD_CHROMIUM")
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); path == "" && err == nil {
			path = found
		}
	}
	if path == "" {
		if os.Getenv("CPD_REQUIRE_PEERS") == "1" {
			t.Fatal("there is no chromium here (CPD_CHROMIUM names one)")
		}
		t.Skip("there is no chromium here (CPD_CHROMIUM names one)")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path),
		chromedp.UserDataDir(t.TempDir()),
		chromedp.NoSandbox,
		chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.WSURLReadTimeout(60*time.Second),
	)
	allocator, stop := chromedp.NewExecAllocator(context.Background(), append(options, more...)...)
	first, closeFirst := chromedp.NewContext(allocator)
	if err := chromedp.Do(first); err != nil {
		stop()
		t.Fatalf("cannot start %s: %v", path, err)
	}
	t.Cleanup(func() {
		_ = chromedp.Cancel(first) // closes the browser and waits for it
		closeFirst()
		stop()
	})
	return func(t *testing.T) context.Context {
		ctx, closeTab := chromedp.NewContext(first)
		t.Cleanup(closeTab)
		if err := chromedp.Do(ctx); err != nil { // opens it, for as long as ctx lasts
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(ctx, 60*time.Second)
		t.Cleanup(cancel)
		return ctx
	}
}

// InScheme has the page believe that the system is "light" or "dark", and moves
// little.
func InScheme(scheme string) chromedp.Action[chromedp.Void] {
	return func(ctx context.Context, t *chromedp.Target) (chromedp.Void, error) {
		_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
			{Name: "prefers-color-scheme", Value: scheme},
			{Name: "prefers-reduced-motion", Value: "reduce"},
		}})
		return chromedp.Void{}, err
	}
}

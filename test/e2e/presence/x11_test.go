//go:build linux

package presence_test

import (
	"testing"

	"claude-permission-daemon/internal/permit"
	"claude-permission-daemon/internal/presence"
	"claude-permission-daemon/internal/presence/presencetest"
	"claude-permission-daemon/internal/presence/x11"
)

func TestX11(t *testing.T) {
	t.Parallel()
	x := presencetest.StartXvfb(t)
	w := watch(t, presence.Options{Sources: presence.Sources{
		Desktop: []presence.Source{x11.New(env("DISPLAY", x.Display))},
	}})
	w.cycles(presencetest.CycleCount(t), x.Move)

	x.Kill()
	w.until(permit.Unsure)
	x.Start(t)
	w.cycles(1, x.Move)

	// Cards are out: one nudge is a blip, two are a return.
	w.watch.Guard(true)
	x.Move(t)
	w.staysAway(blipTime)
	x.Move(t)
	w.staysAway(blipTime / 4)
	x.Move(t)
	w.until(permit.Present)
}

//go:build linux

package presence_test

import (
	"testing"

	"claude-permission-daemon/internal/permit"
	"claude-permission-daemon/internal/presence"
	"claude-permission-daemon/internal/presence/presencetest"
	"claude-permission-daemon/internal/presence/wayland"
)

func TestWayland(t *testing.T) {
	t.Parallel()
	sway := presencetest.StartSway(t)
	w := watch(t, presence.Options{Sources: presence.Sources{
		Desktop: []presence.Source{wayland.New(env("XDG_RUNTIME_DIR", sway.Dir))}, // a service has no WAYLAND_DISPLAY
	}})
	w.cycles(presencetest.CycleCount(t), sway.Type)

	sway.Kill()
	w.until(permit.Unsure)
	sway.Start(t)
	w.cycles(1, sway.Type)

	// Cards are out: one key is a blip, two are a return.
	w.watch.Guard(true)
	sway.Type(t)
	w.staysAway(blipTime)
	sway.Type(t)
	w.staysAway(blipTime / 4)
	sway.Type(t)
	w.until(permit.Present)
}

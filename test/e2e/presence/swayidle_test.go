//go:build linux

package presence_test

import (
	"testing"

	"claude-permission-daemon/internal/permit"
	"claude-permission-daemon/internal/presence"
	"claude-permission-daemon/internal/presence/presencetest"
	"claude-permission-daemon/internal/presence/swayidle"
)

func TestSwayidle(t *testing.T) {
	t.Parallel()
	presencetest.Need(t, "swayidle")
	sway := presencetest.StartSway(t)
	source := swayidle.New(swayidle.Config{}, append(presencetest.Environ(), "XDG_RUNTIME_DIR="+sway.Dir))
	w := watch(t, presence.Options{
		Config:  presence.Config{Source: "swayidle"},
		Sources: presence.Sources{Named: []presence.Source{source}},
	})
	w.cycles(presencetest.CycleCount(t), sway.Type)

	if err := w.watch.Override(t.Context(), permit.Present, 0); err != nil {
		t.Fatal(err)
	}
	w.until(permit.Present)
	if err := w.watch.Auto(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.until(permit.Away)

	sway.Kill()
	w.until(permit.Unsure)
	sway.Start(t)
	w.cycles(1, sway.Type)
}

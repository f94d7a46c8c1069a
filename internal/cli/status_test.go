package cli

import (
	"strings"
	"testing"

	"claude-permission-daemon/internal/permit"
	"claude-permission-daemon/internal/wire"
)

// TestGlance: the first line says what counts most.
func TestGlance(t *testing.T) {
	page, slack := wire.Channel{Name: "web", State: "ready"}, wire.Channel{Name: "slack", State: "ready"}
	down := wire.Channel{Name: "slack", State: "down", Detail: "the token was revoked"}
	for _, test := range []struct {
		name   string
		status wire.Status
		light  colour
		says   string
	}{
		{"here", wire.Status{Presence: wire.Presence{State: permit.Present}, Channels: []wire.Channel{page, slack}}, green, "You are here"},
		{"away", wire.Status{Presence: wire.Presence{State: permit.Away}, Channels: []wire.Channel{page, slack}}, green, "go to web and slack"},
		{"unknown", wire.Status{Presence: wire.Presence{State: permit.Unsure}, Channels: []wire.Channel{page}}, green, "leaves unanswered"},
		{"waiting", wire.Status{Pending: 2, Channels: []wire.Channel{page}}, yellow, "2 requests are waiting"},
		{"one down", wire.Status{Channels: []wire.Channel{page, down}}, yellow, "go to web only: slack is down"},
		{"all down", wire.Status{Pending: 1, Channels: []wire.Channel{down}}, red, "stay in the terminal: slack is down"},
		{"none", wire.Status{}, yellow, "no channel is set up"},
		{"journal", wire.Status{Journal: "no space", Pending: 3, Channels: []wire.Channel{page}}, red, "handed back"},
	} {
		if light, said := glance(test.status); light != test.light || !strings.Contains(said, test.says) {
			t.Errorf("%s: %s %q", test.name, light, said)
		}
	}
}

// TestPaint: colour is for terminals only, and says nothing of its own.
func TestPaint(t *testing.T) {
	if got := paint(false).in(red, "x"); got != "x" {
		t.Errorf("%q", got)
	}
	if got := paint(true).in(red, "x"); got != "\x1b[31mx\x1b[0m" {
		t.Errorf("%q", got)
	}
	var out strings.Builder
	if c := (&call{Env: Env{Getenv: func(string) string { return "" }}}); c.paint(&out) {
		t.Error("a builder is painted")
	}
}

package presence_test

import (
	"net"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"claude-permission-daemon/internal/presence"
)

func TestPauses(t *testing.T) {
	began := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	at := func(d time.Duration) time.Time { return began.Add(d) }
	start := func() *presence.Pauses {
		return &presence.Pauses{Pause: 2 * time.Second, Began: began, Limits: "l"}
	}

	p := start()
	if r := p.Begin(); r.State != presence.Unsure || r.Limits != "l" {
		t.Errorf("begins with %+v", r)
	}
	if r := p.Idled(at(2050 * time.Millisecond)); r.State != presence.Idle || !r.At.IsZero() {
		t.Errorf("idle since the beginning: %+v, want no time", r)
	}
	if r, news := p.Silence(at(3 * time.Second)); news {
		t.Errorf("silence after a report is news: %+v", r)
	}
	if r := p.Resumed(at(9 * time.Second)); r.State != presence.Active || !r.At.Equal(at(9*time.Second)) {
		t.Errorf("resumed: %+v", r)
	}
	if r := p.Idled(at(20 * time.Second)); !r.At.Equal(at(18 * time.Second)) {
		t.Errorf("idled: last input at %v, want 18 s", r.At.Sub(began))
	}

	p = start()
	if r, news := p.Silence(began.Add(p.Patience())); !news || r.State != presence.Active {
		t.Errorf("a source that does not say idled sees input: %+v, %v", r, news)
	}

	p = start() // the compositor's timer started anew with an input after the beginning
	if r := p.Idled(at(4 * time.Second)); !r.At.Equal(at(2 * time.Second)) {
		t.Errorf("idled: last input at %v, want 2 s", r.At)
	}
}

func TestWaylandSockets(t *testing.T) {
	dir, err := os.MkdirTemp("", "cpd")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	for _, name := range []string{"wayland-1", "wayland-0", "other"} {
		l, err := net.Listen("unix", filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
	}
	if err := os.WriteFile(filepath.Join(dir, "wayland-0.lock"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	in := func(names ...string) []string {
		for i, name := range names {
			names[i] = filepath.Join(dir, name)
		}
		return names
	}
	tests := []struct {
		display string
		want    []string
	}{
		{"", in("wayland-0", "wayland-1")},
		{"wayland-1", in("wayland-1", "wayland-0")},
		{"wayland-9", in("wayland-9", "wayland-0", "wayland-1")},
		{filepath.Join(dir, "wayland-1"), in("wayland-1", "wayland-0")},
		{"/elsewhere/socket", append([]string{"/elsewhere/socket"}, in("wayland-0", "wayland-1")...)},
	}
	for _, test := range tests {
		env := map[string]string{"XDG_RUNTIME_DIR": dir + "/", "WAYLAND_DISPLAY": test.display}
		got := presence.WaylandSockets(func(key string) string { return env[key] })
		if !slices.Equal(got, test.want) {
			t.Errorf("WAYLAND_DISPLAY=%q: %q, want %q", test.display, got, test.want)
		}
	}
	if got := presence.RuntimeDir(func(string) string { return "" }); filepath.Dir(got) != "/run/user" {
		t.Errorf("without XDG_RUNTIME_DIR: %q", got)
	}
}

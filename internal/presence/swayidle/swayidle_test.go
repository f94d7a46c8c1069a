//go:build linux

package swayidle_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"claude-permission-daemon/internal/presence"
	"claude-permission-daemon/internal/presence/presencetest"
	"claude-permission-daemon/internal/presence/swayidle"
)

// Against the real program and a real compositor.
func TestRealSwayidle(t *testing.T) {
	presencetest.Need(t, "swayidle")
	presencetest.Run(t, func(t *testing.T) presencetest.Rig {
		sway := presencetest.StartSway(t)
		// WAYLAND_DISPLAY is left out: a service does not have it.
		environ := append(presencetest.Environ(), "XDG_RUNTIME_DIR="+sway.Dir)
		return presencetest.Rig{
			Source:  swayidle.New(swayidle.Config{}, environ),
			Pause:   time.Second,
			Input:   func(t testing.TB) { sway.Type(t) },
			Lose:    func(testing.TB) { sway.Kill() },
			Restore: func(t testing.TB) { sway.Start(t) },
		}
	})
}

// A stand-in for the program, for what the real one does only in bad weather.
func TestLines(t *testing.T) {
	tests := []struct {
		name   string
		script string
		want   []presence.State
		err    error // wrapped by Run's, nil: any other error
	}{
		{"repeated and missing lines", `echo IDLE; echo IDLE; echo ACTIVE; echo ACTIVE; echo IDLE; exit 0`,
			[]presence.State{presence.Idle, presence.Idle, presence.Active, presence.Active, presence.Idle}, nil},
		{"other lines", `echo; echo idle; echo "IDLE x"; echo " ACTIVE "`, []presence.State{presence.Active}, nil},
		{"half a line at the end", `printf IDLE`, []presence.State{presence.Idle}, nil},
		{"no compositor", `exit 253`, nil, presence.ErrUnavailable},
		{"an endless line", `head -c 100000 /dev/zero | tr '\0' x; sleep 60`, nil, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			source := fake(t, test.script)
			var got []presence.State
			err := source.Run(t.Context(), time.Second, func(r presence.Report) {
				if r.State != presence.Unsure {
					got = append(got, r.State)
				}
			})
			if err == nil {
				t.Error("Run returned nil though its context had not ended")
			}
			if errors.Is(err, presence.ErrUnavailable) != (test.err != nil) {
				t.Errorf("Run returned %v", err)
			}
			if len(got) != len(test.want) {
				t.Fatalf("reports %v, want %v", got, test.want)
			}
			for i := range got {
				if got[i] != test.want[i] {
					t.Errorf("reports %v, want %v", got, test.want)
				}
			}
		})
	}
}

// The arguments are the ones that keep the user's own configuration out.
func TestArguments(t *testing.T) {
	args := filepath.Join(t.TempDir(), "args")
	source := fake(t, `printf '%s|' "$@" > `+args+`; printf "$WAYLAND_DISPLAY" >> `+args)
	_ = source.Run(t.Context(), 1500*time.Millisecond, func(presence.Report) {})
	got, err := os.ReadFile(args)
	if err != nil {
		t.Fatal(err)
	}
	want := "-C|/dev/null|-w|timeout|2|echo IDLE|resume|echo ACTIVE|"
	if len(got) < len(want) || string(got[:len(want)]) != want {
		t.Errorf("swayidle ran with %q, want %q…", got, want)
	}
	if display := string(got[len(want):]); filepath.Base(display) != "wayland-7" {
		t.Errorf("WAYLAND_DISPLAY=%q, want the socket that listens", display)
	}
}

func TestNotInstalled(t *testing.T) {
	source := swayidle.New(swayidle.Config{Binary: "/no/such/swayidle"}, nil)
	err := source.Run(t.Context(), time.Second, func(r presence.Report) { t.Errorf("report %+v", r) })
	if !errors.Is(err, presence.ErrUnavailable) {
		t.Errorf("Run returned %v, want ErrUnavailable", err)
	}
}

func TestNoCompositor(t *testing.T) {
	dir := presencetest.RuntimeDir(t)
	// What a compositor leaves behind when it is killed.
	presencetest.DeadSocket(t, filepath.Join(dir, "wayland-1"))
	for _, display := range []string{"", "wayland-1", "wayland-9", "/no/such/socket"} {
		source := swayidle.New(swayidle.Config{Binary: "true"}, []string{"XDG_RUNTIME_DIR=" + dir, "WAYLAND_DISPLAY=" + display})
		err := source.Run(t.Context(), time.Second, func(r presence.Report) { t.Errorf("report %+v", r) })
		if !errors.Is(err, presence.ErrUnavailable) {
			t.Errorf("WAYLAND_DISPLAY=%q: Run returned %v, want ErrUnavailable", display, err)
		}
	}
}

// fake is a source whose swayidle is a shell script and whose compositor is a
// bare socket.
func fake(t *testing.T, script string) *swayidle.Source {
	t.Helper()
	dir := presencetest.RuntimeDir(t)
	presencetest.DeadSocket(t, filepath.Join(dir, "wayland-1"))
	presencetest.LiveSocket(t, filepath.Join(dir, "wayland-7"))
	binary := filepath.Join(dir, "swayidle")
	if err := os.WriteFile(binary, []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return swayidle.New(swayidle.Config{Binary: binary}, append(presencetest.Environ(), "XDG_RUNTIME_DIR="+dir))
}

package windows

import (
	"errors"
	"math"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"claude-permission-daemon/internal/presence"
	"claude-permission-daemon/internal/presence/presencetest"
)

func TestSince(t *testing.T) {
	tests := []struct {
		name      string
		now, last uint32
		want      time.Duration
	}{
		{"a minute", 90_000, 30_000, time.Minute},
		{"just now", 5, 5, 0},
		{"across the count's new start", 1_000, math.MaxUint32 - 999, 2 * time.Second},
		{"an input between the questions", 30_000, 30_010, 0},
		{"the same at the new start", math.MaxUint32, 4, 0},
		{"three weeks", 1_814_400_000, 0, 21 * 24 * time.Hour},
	}
	for _, test := range tests {
		if got := since(test.now, test.last); got != test.want {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
	}
}

func TestRun(t *testing.T) {
	var idle atomic.Uint32
	idle.Store(60_000)
	var broken atomic.Bool
	s := &Source{ticks: func() (now, last uint32, err error) {
		if broken.Load() {
			return 0, 0, errors.New("no desktop")
		}
		return 500_000, 500_000 - idle.Load(), nil
	}}
	r := presencetest.Start(t, presencetest.Rig{Source: s})
	if first := r.First(); first.State != presence.Idle || time.Since(first.At) < time.Minute {
		t.Errorf("%+v, want idle for a minute", first)
	}
	idle.Store(3)
	r.Until(presence.Active)
	broken.Store(true)
	if err := r.Err(); err == nil || errors.Is(err, presence.ErrUnavailable) {
		t.Errorf("Run returned %v", err)
	}
	if err := s.Run(t.Context(), time.Second, nil); !errors.Is(err, presence.ErrUnavailable) {
		t.Errorf("without a desktop: %v", err)
	}
	if runtime.GOOS != "windows" {
		if err := New().Run(t.Context(), time.Second, nil); !errors.Is(err, presence.ErrUnavailable) {
			t.Errorf("elsewhere: %v", err)
		}
	}
}

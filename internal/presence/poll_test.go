package presence_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"claude-permission-daemon/internal/presence"
)

func TestPoller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const pause = 2 * time.Second
		var mu sync.Mutex  // guards the four that follow
		last := time.Now() // input
		asked, broken := 0, error(nil)
		var got []presence.Report
		set := func(do func()) {
			mu.Lock()
			defer mu.Unlock()
			do()
		}
		p := presence.Poller{
			Idle: func(context.Context) (time.Duration, error) {
				mu.Lock()
				defer mu.Unlock()
				asked++
				return time.Since(last), broken
			},
			Return: time.Second, Why: "w", Limits: "l",
		}
		ended := make(chan error, 1)
		go func() {
			ended <- p.Run(t.Context(), pause, func(r presence.Report) {
				set(func() { got = append(got, r) })
			})
		}()
		expect := func(state presence.State, at time.Time) {
			t.Helper()
			synctest.Wait()
			mu.Lock()
			defer mu.Unlock()
			if len(got) == 0 {
				t.Fatalf("no report, want %s", state)
			}
			if r := got[len(got)-1]; r.State != state || !r.At.Equal(at) || r.Why != "w" || r.Limits != "l" {
				t.Fatalf("%+v, want %s at %v", r, state, at)
			}
		}
		expect(presence.Active, last)
		time.Sleep(10 * time.Second) // seen late, but told exactly
		expect(presence.Idle, last)
		set(func() { asked, got = 0, got[:0] })
		time.Sleep(time.Minute)
		synctest.Wait()
		set(func() {
			if len(got) != 0 || asked != 60 {
				t.Errorf("a minute away: %d reports, asked %d times, want 60", len(got), asked)
			}
			last = time.Now()
		})
		time.Sleep(time.Second)
		expect(presence.Active, last)
		time.Sleep(1100 * time.Millisecond) // nothing followed: told in time
		expect(presence.Idle, last)

		time.Sleep(900 * time.Millisecond)
		for range 300 { // half a minute of input
			set(func() { last = time.Now() })
			time.Sleep(100 * time.Millisecond)
		}
		set(func() { asked = 0 })
		for range 600 {
			set(func() { last = time.Now() })
			time.Sleep(100 * time.Millisecond)
		}
		failure := errors.New("no more")
		set(func() {
			if asked > 6 {
				t.Errorf("asked %d times in a minute of input, want 6", asked)
			}
			broken = failure
		})
		time.Sleep(pollTime)
		if err := <-ended; !errors.Is(err, failure) {
			t.Errorf("Run returned %v", err)
		}
	})
}

const pollTime = 10 * time.Second

package clock

import (
	"testing"
	"testing/synctest"
	"time"
)

// wait waits for a ring, for a long time.
func wait(t *testing.T, a *Alarm) {
	t.Helper()
	select {
	case <-a.C:
		a.Rang()
	case <-time.After(30 * time.Second):
		t.Fatal("the alarm does not ring")
	}
}

func TestRings(t *testing.T) {
	a := New()
	defer a.Close()
	at := time.Now().Add(50 * time.Millisecond)
	a.Set(at)
	wait(t, a)
	if now := time.Now(); now.Before(at) {
		t.Errorf("it rang %v early", at.Sub(now))
	}
	a.Set(time.Now().Add(-time.Hour)) // has passed
	wait(t, a)
	a.Set(time.Unix(0, 0))
	wait(t, a)
	same := time.Now().Add(-time.Second)
	a.Set(same)
	wait(t, a)
	a.Set(same) // again, after it was heard
	wait(t, a)
}

func TestSetInPlaceOfAnother(t *testing.T) {
	a := New()
	defer a.Close()
	a.Set(time.Now().Add(time.Hour))
	a.Set(time.Now().Add(10 * time.Millisecond)) // earlier
	wait(t, a)
	a.Set(time.Now().Add(20 * time.Millisecond))
	a.Set(time.Now().Add(time.Hour)) // later
	select {
	case <-a.C:
		t.Error("it rang for a moment that was taken away")
	case <-time.After(100 * time.Millisecond):
	}
}

func TestStop(t *testing.T) {
	a := New()
	defer a.Close()
	a.Set(time.Now().Add(20 * time.Millisecond))
	a.Stop()
	select {
	case <-a.C:
		t.Error("it rang after it was stopped")
	case <-time.After(100 * time.Millisecond):
	}
	a.Set(time.Now().Add(time.Millisecond))
	wait(t, a)
}

// A coarse alarm looks at the clock again and again, and is not late after a
// sleep by more than that.
func TestCoarse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAlarm(newCoarse)
		defer a.Close()
		begun := time.Now()
		a.Set(begun.Add(40 * time.Second))
		for i, after := range []time.Duration{lookEvery, 2 * lookEvery, 40 * time.Second} {
			<-a.C
			if got := time.Since(begun); got != after {
				t.Errorf("ring %d after %v, want %v", i, got, after)
			}
			a.Rang()
			a.Set(begun.Add(40 * time.Second))
		}
		a.Stop()
		time.Sleep(time.Hour)
		synctest.Wait()
		select {
		case <-a.C: // the last Set above had passed
		default:
			t.Error("a moment that had passed did not ring")
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		select {
		case <-a.C:
			t.Error("an alarm that is not set rings")
		default:
		}
	})
}

// Package clock wakes its owner at a moment of the wall clock. A time.Timer
// counts the time that the machine is awake: after a night's sleep it is a
// night late. An Alarm rings when the moment has come by the clock on the wall,
// at the latest when the machine is awake again, and also when that clock is
// set, so that its owner can look anew.
//
// An Alarm that is not set costs nothing: no timer runs.
package clock

import "time"

// Alarm rings at one moment. Make it with New. Methods are for one goroutine.
type Alarm struct {
	// C gets a token when the alarm rings, at the moment that was set or when the
	// wall clock was set. It may ring early or once too often; it does not ring
	// late. After each ring it is to be set again.
	C <-chan struct{}

	rings chan struct{}
	at    time.Time // what it is set to; zero: nothing
	timer timer
}

// timer is what a system has to offer. It calls ring from a goroutine of its
// own, for which close waits.
type timer interface {
	set(at time.Time)
	stop()
	close()
}

// New returns an alarm that is not set. Close it.
func New() *Alarm { return newAlarm(newTimer) }

func newAlarm(newTimer func(ring func()) timer) *Alarm {
	a := &Alarm{rings: make(chan struct{}, 1)}
	a.C = a.rings
	a.timer = newTimer(func() {
		select {
		case a.rings <- struct{}{}:
		default: // it rings already
		}
	})
	return a
}

// Set sets the alarm to a moment in place of the one before. A moment that has
// passed rings at once. To set it to the same moment again costs nothing.
func (a *Alarm) Set(at time.Time) {
	if at = at.Round(0); !a.at.Equal(at) {
		a.at = at
		a.timer.set(at)
	}
}

// Rang tells the alarm that its ring was heard: the next Set counts whatever it
// was set to before.
func (a *Alarm) Rang() { a.at = time.Time{} }

// Stop takes the moment away.
func (a *Alarm) Stop() {
	if !a.at.IsZero() {
		a.at = time.Time{}
		a.timer.stop()
	}
}

// Close ends the alarm.
func (a *Alarm) Close() { a.timer.close() }

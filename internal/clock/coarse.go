package clock

import "time"

// coarse is for systems that have no timer by the wall clock: while a moment is
// set it looks at the clock at least every lookEvery.
type coarse struct {
	timer *time.Timer
}

// lookEvery is how late a coarse alarm can be after a sleep.
const lookEvery = 15 * time.Second

func newCoarse(ring func()) timer {
	c := &coarse{timer: time.AfterFunc(time.Hour, ring)}
	c.timer.Stop()
	return c
}

// set may ring early: whoever set the alarm finds that nothing is due, and sets
// it again.
func (c *coarse) set(at time.Time) { c.timer.Reset(min(max(0, time.Until(at)), lookEvery)) }
func (c *coarse) stop()            { c.timer.Stop() }
func (c *coarse) close()           { c.timer.Stop() }

package presence

import (
	"context"
	"time"
)

// Poller makes a source of an idle time that can only be asked for.
type Poller struct {
	// Idle is for how long there has been no input.
	Idle func(ctx context.Context) (time.Duration, error)
	// Return is how often to ask while there is no input: how late a return may
	// be seen.
	Return time.Duration
	Why    string
	Limits string
}

// pollActive is how often a Poller asks while there is input, but for the
// first pause after a return, which is looked at in time: it may be a blip.
const pollActive = 10 * time.Second

// Run asks until ctx ends (nil) or Idle fails (its error).
func (p Poller) Run(ctx context.Context, pause time.Duration, report func(Report)) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	var last Report
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		}
		idle, err := p.Idle(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		r := Report{State: Active, At: time.Now().Round(0).Add(-idle), Why: p.Why, Limits: p.Limits}
		if idle >= pause {
			r.State = Idle
		}
		returned := r.State == Active && last.State == Idle
		if r.State != last.State || r.State == Active {
			report(r)
		}
		last = r
		switch {
		case r.State == Idle:
			timer.Reset(p.Return)
		case returned:
			timer.Reset(pause - idle + 10*time.Millisecond)
		default:
			timer.Reset(pollActive)
		}
	}
}

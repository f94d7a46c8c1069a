package presence

import "time"

// Pauses makes reports of a bare "idled" and "resumed", for sources that hear
// no more than that and not what held when they began to look. Its zero value
// is not ready: set Pause and Began.
type Pauses struct {
	Pause  time.Duration // without input for so long, idled is said
	Began  time.Time     // when the source began to look
	Why    string        // goes into every report, as does Limits
	Limits string

	spoke bool // idled or resumed was said before
}

// Begin is the report to start with.
func (p *Pauses) Begin() Report { return Report{State: Unsure, Why: p.Why, Limits: p.Limits} }

// Patience is how long after Began a source that has said nothing must have
// seen input: time then to report Silence.
func (p *Pauses) Patience() time.Duration { return p.Pause + pauseSlack }

// Silence is the report for when nothing was said for Patience.
func (p *Pauses) Silence(now time.Time) (Report, bool) {
	if p.spoke {
		return Report{}, false
	}
	p.spoke = true
	return Report{State: Active, At: now.Round(0), Why: p.Why, Limits: p.Limits}, true
}

// Idled is the report for "no input for Pause".
func (p *Pauses) Idled(now time.Time) Report {
	at := now.Round(0).Add(-p.Pause)
	if !p.spoke && !at.After(p.Began.Add(pauseSlack)) {
		at = time.Time{} // none since it began to look: when before that, it cannot know
	}
	p.spoke = true
	return Report{State: Idle, At: at, Why: p.Why, Limits: p.Limits}
}

// Resumed is the report for input after a pause.
func (p *Pauses) Resumed(now time.Time) Report {
	p.spoke = true
	return Report{State: Active, At: now.Round(0), Why: p.Why, Limits: p.Limits}
}

package presence

import (
	"strings"
	"time"

	"claude-permission-daemon/internal/permit"
)

// The rule for a lone blip: while the judge is on guard, a return counts only
// once there was input at least blipWidth after its first (a nudged mouse or
// one key is several events within that time), and the first is forgotten if
// nothing follows within blipWait.
const (
	blipWidth = 500 * time.Millisecond
	blipWait  = 5 * time.Second
	// pauseSlack is how late a source's Idle may be.
	pauseSlack = 600 * time.Millisecond
)

// memoryHolds is how long nobody may have watched for the last input seen
// before that gap to still count as the last one.
const memoryHolds = 2 * time.Minute

// lastTouch is how long after a lock the last touch of the keyboard that did it
// may come.
const lastTouch = 2 * time.Second

// part is what a view is good for.
type part int

const (
	desktop part = iota // input on the desktop
	beside              // input in terminals
	seat                // locks and sleep
)

// view is what one slot of sources sees at the moment.
type view struct {
	part   part
	name   string // the source that runs, or is being tried
	stand  stand
	reason string // why it is not working

	// While it is working:
	state  State
	at     time.Time // Report.At, of the last report that counted
	why    string
	limits string

	blip   time.Time // input up to here was dismissed
	began  time.Time // when the source that runs began to look
	memory sighting  // what was known before that
}

type stand int

const (
	trying  stand = iota // not known yet; nobody is away by its silence
	working              // its last report counts
	out                  // there is none; the others decide
)

// sighting is a last input, and until when somebody would have seen a later one.
type sighting struct {
	input, until time.Time
}

// none is the name of the source that decides where there is none.
const none = "none"

// judge turns what the sources say into one presence. It has no clock and does
// no I/O: time comes in as a value, and judge.at says what holds then and when
// to ask again.
type judge struct {
	idle  time.Duration // without input for so long: away
	pause time.Duration // the pause that the sources were told
	guard bool
	views []*view // the desktop's (or the one named source's) comes first

	// before is what held when the daemon last ran. It stands in until the
	// sources have found out more than that they work, or until beforeEnds.
	before     *permit.Presence
	beforeEnds time.Time
	said       permit.Presence // the last verdict of the sources
	doubt      *doubt
}

// doubt is a return that may be a lone blip. What is heard meanwhile waits.
type doubt struct {
	first time.Time
	heard []heard
}

type heard struct {
	view   *view
	report Report
}

// begin notes that the view's source started to look at now.
func (j *judge) begin(v *view, name string, now time.Time) {
	v.name, v.stand, v.state = name, working, Unsure
	v.began, v.why, v.limits, v.reason = now, "", "", ""
}

// end notes that the view has no working source any more.
func (j *judge) end(v *view, next stand, name, reason string, now time.Time) {
	if v.stand == working {
		switch v.state {
		case Active:
			v.memory = sighting{now, now}
		case Idle, Gone:
			v.memory = sighting{v.at, now}
		case Unsure:
			// The older memory stands; it grows old.
		}
	}
	v.stand, v.name, v.reason, v.why, v.limits = next, name, reason, "", ""
	if j.doubt != nil {
		kept := j.doubt.heard[:0]
		for _, h := range j.doubt.heard {
			if h.view != v {
				kept = append(kept, h)
			}
		}
		j.doubt.heard = kept
	}
}

// hear takes one report of the view's source.
func (j *judge) hear(v *view, r Report, now time.Time) {
	v.why, v.limits = r.Why, r.Limits
	if r.At.IsZero() {
		r.At = v.firstAt(r.State, now)
	}
	if v.part != seat && r.At.After(now) {
		r.At = now
	}
	input := r.State == Active || r.State == Idle
	switch {
	case input && v.part != seat && !r.At.After(v.blip):
		if v.state == Active {
			v.state = Idle
		}
	case j.doubt != nil && v.part != seat:
		j.doubt.heard = append(j.doubt.heard, heard{v, r})
		if input && !r.At.Before(j.doubt.first.Add(blipWidth)) {
			j.believe()
		}
	case j.guard && v.part != seat && j.said.State == permit.Away &&
		input && r.At.After(v.at) && now.Before(r.At.Add(j.idle)):
		j.doubt = &doubt{first: r.At, heard: []heard{{v, r}}}
	default:
		if v.part == seat && r.State == Active {
			j.believe() // an unlocked screen is no blip
		}
		v.state, v.at = r.State, r.At
	}
}

// firstAt is the best that is known of a report without a time.
func (v *view) firstAt(state State, now time.Time) time.Time {
	if state != Idle && state != Gone {
		return now
	}
	if m := v.memory; !m.input.IsZero() && v.began.Sub(m.until) <= memoryHolds && m.input.Before(v.began) {
		return m.input
	}
	return v.began
}

// believe ends the doubt: it was a return.
func (j *judge) believe() {
	if j.doubt == nil {
		return
	}
	for _, h := range j.doubt.heard {
		h.view.state, h.view.at = h.report.State, h.report.At
	}
	j.doubt = nil
}

// dismiss ends the doubt: it was a blip, and counts as no input at all.
func (j *judge) dismiss() {
	for _, h := range j.doubt.heard {
		switch h.report.State {
		case Active, Idle:
			if h.view.state == Active {
				h.view.state = Idle
			}
			h.view.blip = j.doubt.first.Add(blipWidth)
		case Gone, Unsure:
			h.view.state, h.view.at = h.report.State, h.report.At
		}
	}
	j.doubt = nil
}

// resolve ends a doubt that has lasted long enough, else says when to look.
func (j *judge) resolve(now time.Time) time.Time {
	if j.doubt == nil {
		return time.Time{}
	}
	if !j.guard {
		j.believe()
		return time.Time{}
	}
	// A source that has not said Idle by then saw more input.
	check := j.doubt.first.Add(j.pause + pauseSlack)
	if end := j.doubt.first.Add(blipWait); check.After(end) {
		check = end
	}
	if now.Before(check) {
		return check
	}
	last := map[*view]State{}
	for _, h := range j.doubt.heard {
		last[h.view] = h.report.State
	}
	for _, state := range last {
		if state == Active {
			j.believe()
			return time.Time{}
		}
	}
	if end := j.doubt.first.Add(blipWait); now.Before(end) && len(last) > 0 {
		return end
	}
	j.dismiss()
	return time.Time{}
}

// at returns what the sources together say at now, and when that may change
// without another report (zero: never).
func (j *judge) at(now time.Time) (permit.Presence, time.Time) {
	again := j.resolve(now)
	p, later := j.verdict(now)
	if p.State == permit.Unsure && p.Source != none && j.before != nil && now.Before(j.beforeEnds) {
		p, later = *j.before, j.beforeEnds
	} else {
		j.before = nil
	}
	if p.State == j.said.State && !j.said.Since.IsZero() {
		p.Since = j.said.Since
	}
	j.said = p
	if again.IsZero() || !later.IsZero() && later.Before(again) {
		again = later
	}
	return p, again
}

// verdict weighs the views. Away needs all of them; present needs one.
func (j *judge) verdict(now time.Time) (permit.Presence, time.Time) {
	var (
		here, unsure, left *view // the first of each kind
		hereSince, since   time.Time
		later              time.Time
		over, lock         *view     // the seat: what was before counts no more; nothing counts
		void               time.Time // input up to here does not count
	)
	for _, v := range j.views {
		if v.part == seat && v.stand == working && (v.state == Gone || v.state == Idle) {
			over, void = v, v.at.Add(lastTouch)
			if v.state == Gone {
				lock = v
			}
		}
	}
	isHere := func(v *view) {
		if here == nil {
			here = v
		}
		if v.at.After(hereSince) {
			hereSince = v.at
		}
	}
	isLeft := func(v *view, at time.Time) {
		if left == nil {
			left = v
		}
		if at.After(since) {
			since = at
		}
	}
	for _, v := range j.views {
		switch {
		case v.part == desktop && lock != nil: // whether it can be watched or not
			isLeft(lock, lock.at)
		case v.stand == trying && v.part != seat:
			if unsure == nil {
				unsure = v
			}
		case v.stand != working:
		case v.part == seat && v.state != Active:
			if v == lock {
				isLeft(v, v.at)
			}
		case v.state == Unsure:
			if unsure == nil {
				unsure = v
			}
		case v.state == Gone:
			isLeft(v, v.at)
		case over != nil && !v.at.After(void): // before the lock or the sleep
			isLeft(over, over.at)
		case v.state == Active && v.part != seat:
			isHere(v)
		default:
			end := v.at.Add(j.idle)
			if !now.Before(end) {
				if v.part != seat {
					isLeft(v, v.at)
				}
				break
			}
			isHere(v)
			if later.IsZero() || end.Before(later) {
				later = end
			}
		}
	}
	switch {
	case here != nil:
		return permit.Presence{State: permit.Present, Since: hereSince, Source: here.name, Detail: here.detail()}, later
	case unsure != nil:
		return permit.Presence{State: permit.Unsure, Since: now, Source: unsure.name, Detail: unsure.detail()}, time.Time{}
	case left != nil:
		return permit.Presence{State: permit.Away, Since: since, Source: left.name, Detail: left.detail()}, time.Time{}
	}
	return permit.Presence{State: permit.Unsure, Since: now, Source: none, Detail: j.reasons()}, time.Time{}
}

// detail says what the view's verdict rests on, and what it cannot see.
func (v *view) detail() string {
	why := v.why
	switch {
	case v.stand == trying && v.reason != "":
		why = v.reason
	case v.state == Unsure && v.stand != out && v.part != seat:
		why = "no input seen yet"
	}
	if why != "" && v.limits != "" {
		why += "; "
	}
	return why + v.limits
}

// lastInput is the last input that any view saw; zero if none can tell.
func (j *judge) lastInput(now time.Time) time.Time {
	if j.said.State == permit.Away {
		return j.said.Since
	}
	var last time.Time
	for _, v := range j.views {
		switch {
		case v.stand != working || v.state == Unsure:
		case v.state == Active && v.part != seat:
			return now
		case v.at.After(last):
			last = v.at
		}
	}
	return last
}

// reasons says why nothing is usable.
func (j *judge) reasons() string {
	var why []string
	for _, v := range j.views {
		if v.stand == out && v.part != seat && v.reason != "" {
			why = append(why, v.reason)
		}
	}
	if len(why) == 0 {
		return "no source"
	}
	return strings.Join(why, "; ")
}

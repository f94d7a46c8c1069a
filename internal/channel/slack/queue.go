package slack

// This file says which card is drawn when. The rules are:
//
//   - The newest state of a request wins; what was overtaken is never drawn.
//   - One call at a time for one request; new cards and redrawings go by
//     separate lanes, so that neither starves the other.
//   - New cards: the newest request first, at Slack's pace for a channel. Notes
//     go by the same lane, after the cards.
//     Redrawings: cards that must lose their buttons first, then the newest.
//   - Trouble stops a lane, not a request: the lane waits as long as Slack says,
//     or longer each time.

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"claude-permission-daemon/internal/channel"
	"claude-permission-daemon/internal/permit"
)

// key names a request: an id may come again with the next generation.
type key struct {
	id         string
	generation int
}

// entry is one request's card. Its fields are guarded by Channel.mu.
type entry struct {
	key
	card  permit.Card
	order uint64 // by arrival
	want  uint64 // the Show that is to be seen
	drawn uint64 // the Show that is

	at     place  // where it is; empty: nowhere, or nobody knows
	thread string // the thread it is in
	busy   bool   // a call is under way
	faces  []face // what may be on screens, newest last
	size   int    // the index in budgets
	due    time.Time

	cut      int  // characters that the newest drawing leaves out
	withheld bool // what it shows stays on the machine, and so does its digest

	lost   []time.Time // posts whose answer was lost, by when it was given up
	twins  time.Time   // when to look for copies; zero: no reason to
	copies []place     // copies that taps have shown
	copy   bool        // it was posted anew because of that
	failed bool        // given up; the desk knows
}

// mostFaces is how many drawings of one card a tap may have been made on.
const mostFaces = 4

// remember takes note of what may now be on screens. Called with mu held.
func (e *entry) remember(f face) {
	if len(e.faces) == mostFaces {
		e.faces = slices.Delete(e.faces, 0, 1)
	}
	e.faces = append(e.faces, f)
}

// mostEnded is how many settled cards are remembered, to tell late taps what
// happened.
const mostEnded = 1000

// prune forgets the oldest settled cards. Called with mu held.
func (c *Channel) prune() {
	if len(c.entries) <= 2*mostEnded {
		return
	}
	var ended []*entry
	for _, e := range c.entries {
		if e.over() {
			ended = append(ended, e)
		}
	}
	slices.SortFunc(ended, func(a, b *entry) int { return int(a.order) - int(b.order) })
	for _, e := range ended[:max(0, len(ended)-mostEnded)] {
		delete(c.entries, e.key)
	}
}

// over reports whether nothing is left to do for a settled card.
func (e *entry) over() bool {
	return !e.card.Live() && !e.busy && e.twins.IsZero() && (e.drawn == e.want || e.at.TS == "" && len(e.lost) == 0)
}

// lane is the pace of one kind of call. Its fields are guarded by Channel.mu.
type lane struct {
	every  time.Duration // a token comes back this often
	burst  int           // and so many are kept
	most   int           // calls at once
	pace   pace
	spent  time.Time // when all tokens will be back
	until  time.Time // left alone until then
	firm   bool      // because Slack said so: a nudge does not help
	fails  int
	why    string
	flying int
}

// wait is how long until a call may go; 0: now.
func (l *lane) wait(now time.Time) time.Duration {
	wait := max(l.until.Sub(now), 0)
	if l.burst > 0 {
		wait = max(wait, max(l.spent.Sub(now), 0)-time.Duration(l.burst-1)*l.every)
	}
	return wait
}

// take spends a token.
func (l *lane) take(now time.Time) {
	if l.spent.Before(now) {
		l.spent = now
	}
	l.spent = l.spent.Add(l.every)
	l.flying++
}

// worked ends the lane's trouble.
func (l *lane) worked() { l.fails, l.why, l.until, l.firm = 0, "", time.Time{}, false }

// failed stops the lane for a while, and says for how long.
func (l *lane) failed(now time.Time, err error) time.Duration {
	l.why = err.Error()
	if after := retryAfter(err); after > 0 {
		l.until, l.firm = now.Add(after), true
		return after
	}
	l.fails++
	wait := l.pace.backoff << min(l.fails-1, 20)
	if wait > l.pace.backoffMax || wait <= 0 {
		wait = l.pace.backoffMax
	}
	wait = jitter(wait)
	l.until, l.firm = now.Add(wait), false
	return wait
}

// retryNow ends a wait that is of our own making.
func (l *lane) retryNow(now time.Time) {
	if !l.firm && l.until.After(now) {
		l.until = now
	}
}

// serve draws until ctx ends, then for a moment more what must lose its
// buttons. fail ends the channel for good.
func (c *Channel) serve(ctx context.Context, fail context.CancelCauseFunc) {
	// Calls under way at the end are finished, not torn: a post that is cut off
	// is a card that nobody knows of.
	working, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var jobs sync.WaitGroup
	defer jobs.Wait()
	defer cancel()
	done := make(chan struct{}, 1)
	jobs.Go(func() {
		c.sweep(ctx)
		token(done)
	})
	for ctx.Err() == nil {
		j, wait := c.next(c.opt.Now(), false)
		if j == nil {
			c.sit(ctx, wait, done)
			continue
		}
		jobs.Go(func() { c.perform(working, j, fail, done) })
	}

	grace, stop := context.WithTimeout(working, channel.Grace-200*time.Millisecond)
	defer stop()
	c.mu.Lock()
	c.posts.retryNow(c.opt.Now())
	c.updates.retryNow(c.opt.Now())
	c.updates.fails = 0
	c.mu.Unlock()
	for grace.Err() == nil {
		j, wait := c.next(c.opt.Now(), true)
		if j != nil {
			jobs.Go(func() { c.perform(grace, j, fail, done) })
			continue
		}
		c.mu.Lock()
		idle := c.posts.flying+c.updates.flying == 0
		c.mu.Unlock()
		if idle && wait == 0 {
			return
		}
		c.sit(grace, wait, done)
	}
}

// sit waits for something to change, or for as long as wait (0: no limit).
func (c *Channel) sit(ctx context.Context, wait time.Duration, done <-chan struct{}) {
	var due <-chan time.Time
	if wait > 0 {
		t := time.NewTimer(wait)
		defer t.Stop()
		due = t.C
	}
	select {
	case <-ctx.Done():
	case <-c.wake:
	case <-done:
	case <-due:
	}
}

// job is one thing to do for one card.
type job struct {
	lane *lane
	e    *entry
	do   func(context.Context, *entry) error
}

// next picks what to do now; else it says how long until there may be
// something (0: until something changes). When ending, only cards that must
// lose their buttons are drawn, and no pace is kept.
func (c *Channel) next(now time.Time, ending bool) (*job, time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var post, update *entry
	var wait time.Duration
	sooner := func(d time.Duration) {
		if d > 0 && (wait == 0 || d < wait) {
			wait = d
		}
	}
	for _, e := range c.entries {
		todo := c.todo(e, now, ending)
		if todo == nothing {
			if !ending && !e.busy && e.twins.After(now) {
				sooner(e.twins.Sub(now))
			}
			continue
		}
		if d := e.due.Sub(now); d > 0 {
			sooner(d)
			continue
		}
		if todo == toPost {
			if post == nil || e.order > post.order {
				post = e
			}
		} else if update == nil || e.before(update) {
			update = e
		}
	}
	pick := func(l *lane, e *entry, do func(context.Context, *entry) error) *job {
		if e == nil || l.flying >= l.most {
			return nil
		}
		if d := l.wait(now); d > 0 && (!ending || l.fails > 0 || l.firm) {
			sooner(d)
			return nil
		}
		l.take(now)
		e.busy = true
		return &job{l, e, do}
	}
	if j := pick(&c.updates, update, c.redraw); j != nil {
		return j, 0
	}
	if j := pick(&c.posts, post, c.post); j != nil || post != nil || ending {
		return j, wait
	}
	n, later := c.nextNews(now)
	sooner(later)
	if n == nil {
		return nil, wait
	}
	j := pick(&c.posts, &entry{key: key{id: n.note.ID}}, func(ctx context.Context, _ *entry) error { return c.tellNews(ctx, n) })
	n.busy = j != nil
	return j, wait
}

// What there is to do for a card.
type todo int

const (
	nothing todo = iota
	toPost
	toRedraw
)

// todo says what there is to do for a card. Called with mu held.
func (c *Channel) todo(e *entry, now time.Time, ending bool) todo {
	switch {
	case e.busy:
		return nothing
	case e.at.TS != "" && e.drawn != e.want && (!ending || !e.card.Live()):
		return toRedraw
	case ending:
		return nothing
	case !e.twins.IsZero() && !now.Before(e.twins):
		return toRedraw
	case e.at.TS != "" || e.failed || e.drawn == e.want:
		return nothing
	case e.card.Live() && (c.swept || !e.card.Request.Asked.Before(c.started)):
		return toPost
	case !e.card.Live() && len(e.lost) > 0:
		return toPost // it may be there, and then has to be settled
	}
	return nothing
}

// before orders redrawings: what must lose its buttons first, then the newest.
func (e *entry) before(other *entry) bool {
	if live := e.card.Live(); live != other.card.Live() {
		return !live
	}
	return e.order > other.order
}

// perform does a job and tells done.
func (c *Channel) perform(ctx context.Context, j *job, fail context.CancelCauseFunc, done chan struct{}) {
	err := j.do(ctx, j.e)
	now := c.opt.Now()
	c.mu.Lock()
	j.e.busy = false
	j.lane.flying--
	switch {
	case errors.Is(err, errLater):
	case err == nil:
		j.lane.worked()
	case ctx.Err() == nil && passes(err):
		wait := j.lane.failed(now, err)
		c.log.Warn("Slack does not take a card now", "request", j.e.id, "again_in", wait, "error", err)
	}
	if j.e.over() {
		j.e.strip()
	}
	c.mu.Unlock()
	c.refresh()
	if err != nil && badToken(err) {
		fail(botTokenError(err))
	}
	token(done)
}

// strip lets go of what only drawing needs. Called with mu held.
func (e *entry) strip() {
	e.card.Request.Input, e.card.Request.Suggestions, e.faces = nil, nil, nil
}

package presence

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"
)

const (
	// trialTime is how long a source may take to say that it works, if there is
	// another one to try after it.
	trialTime = 3 * time.Second
	// reprobe is how often sources that were not available are tried again.
	reprobe = time.Minute
	// firstRetry doubles up to reprobe after each loss.
	firstRetry = time.Second
	// settled is how long a source must have run for its loss to be a new one.
	settled = time.Minute
)

// slot runs the first source of its list that works.
type slot struct {
	view    *view
	sources []Source
	again   chan struct{} // a tick of the probe timer

	// Owned by the Watch's loop:
	waiting bool // for again, since none works
	lesser  bool // the last resort works; again looks for a better one
	worked  bool // once
}

// event is what a slot tells the Watch's loop.
type event struct {
	slot   *slot
	kind   eventKind
	name   string
	lesser bool // what began is the last resort
	report Report
	reason string
}

type eventKind int

const (
	began   eventKind = iota // the named source works
	spoke                    // report
	lost                     // it worked and does not any more
	missing                  // none of the sources is available; the slot tries again soon
	absent                   // the same; the slot waits for again
)

// run tries the slot's sources in turn until ctx ends.
func (s *slot) run(ctx context.Context, pause time.Duration, tell func(event)) {
	retry := firstRetry
	for ctx.Err() == nil {
		started := time.Now()
		worked, better, reason := s.tryAll(ctx, pause, tell)
		if ctx.Err() != nil {
			return
		}
		switch {
		case better:
			continue
		case worked:
			if time.Since(started) >= settled {
				retry = firstRetry
			}
			tell(event{slot: s, kind: lost, reason: reason})
		case retry > firstRetry && retry < reprobe:
			// Lost a moment ago: it may be on its way back.
			tell(event{slot: s, kind: missing, reason: reason})
		default:
			retry = firstRetry
			tell(event{slot: s, kind: absent, reason: reason})
			select {
			case <-ctx.Done():
			case <-s.again:
			}
			continue
		}
		wait := retry + rand.N(retry/4) // several daemons may have lost the same compositor
		retry = min(2*retry, reprobe)
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
}

// tryAll runs the sources in order until one has worked, and returns when that
// one is lost, when a better one works (better), or when none is left.
func (s *slot) tryAll(ctx context.Context, pause time.Duration, tell func(event)) (worked, better bool, reason string) {
	var reasons []string
	for i, source := range s.sources {
		worked, err := s.try(ctx, i, pause, tell)
		switch why := source.Name() + ": " + reasonOf(err); {
		case ctx.Err() != nil:
			return false, false, ""
		case errors.Is(err, errBetter):
			return true, true, ""
		case worked:
			return true, false, why
		default:
			reasons = append(reasons, why)
		}
	}
	return false, false, strings.Join(reasons, "; ")
}

var (
	errBetter = errors.New("a better source works")
	errSlow   = fmt.Errorf("did not answer within %s", trialTime)
	errEnded  = errors.New("ended")
)

// try runs one source; its error is never nil. A source that fails without ever
// having reported counts as not available, whatever it calls its error.
func (s *slot) try(ctx context.Context, i int, pause time.Duration, tell func(event)) (worked bool, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	others := i < len(s.sources)-1
	trial := time.AfterFunc(trialTime, func() {
		if others {
			cancel(errSlow)
		}
	})
	defer trial.Stop()
	var promoter sync.WaitGroup
	defer promoter.Wait()
	defer cancel(nil) // ends it
	name := s.sources[i].Name()
	err = s.sources[i].Run(ctx, pause, func(r Report) {
		if !worked {
			worked = trial.Stop() || !others
			if !worked {
				return
			}
			// The last of several is the last resort: an X server may be a stray one,
			// found before the desktop came up.
			lesser := i > 0 && !others
			tell(event{slot: s, kind: began, name: name, lesser: lesser})
			if lesser {
				promoter.Go(func() { s.promote(ctx, s.sources[:i], pause, cancel) })
			}
		}
		tell(event{slot: s, kind: spoke, name: name, report: r})
	})
	if err == nil {
		err = errEnded
		if cause := context.Cause(ctx); errors.Is(cause, errSlow) || errors.Is(cause, errBetter) {
			err = cause
		}
	}
	return worked, err
}

// promote tries better sources at each tick of the probe timer, until one
// works: a daemon may be older than the desktop that it should watch.
func (s *slot) promote(ctx context.Context, better []Source, pause time.Duration, cancel context.CancelCauseFunc) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.again:
		}
		for _, source := range better {
			trial, end := context.WithTimeout(ctx, trialTime)
			works := false
			_ = source.Run(trial, pause, func(Report) { // it only has to speak
				works = true
				end()
			})
			end()
			if works {
				cancel(errBetter)
				return
			}
		}
	}
}

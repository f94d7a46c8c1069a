package presence

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
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
	waiting bool          // for again; owned by the Watch's loop
	worked  bool          // once; owned by the Watch's loop
}

// event is what a slot tells the Watch's loop.
type event struct {
	slot   *slot
	kind   eventKind
	name   string
	report Report
	reason string
}

type eventKind int

const (
	began  eventKind = iota // the named source is being tried
	spoke                   // report
	lost                    // it worked and does not any more
	absent                  // none of the sources is available; the slot waits for again
)

// run tries the slot's sources in turn until ctx ends.
func (s *slot) run(ctx context.Context, pause time.Duration, tell func(event)) {
	retry := firstRetry
	for ctx.Err() == nil {
		started := time.Now()
		worked, reason := s.tryAll(ctx, pause, tell)
		if ctx.Err() != nil {
			return
		}
		switch {
		case worked:
			if time.Since(started) >= settled {
				retry = firstRetry
			}
			tell(event{slot: s, kind: lost, reason: reason})
		case retry > firstRetry && retry < reprobe:
			// Lost a moment ago: it may be on its way back.
			tell(event{slot: s, kind: lost, reason: reason})
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
// one is lost or none is left.
func (s *slot) tryAll(ctx context.Context, pause time.Duration, tell func(event)) (worked bool, reason string) {
	var reasons []string
	for i, source := range s.sources {
		worked, err := s.try(ctx, source, pause, i < len(s.sources)-1, tell)
		if ctx.Err() != nil {
			return false, ""
		}
		err = fmt.Errorf("%s: %w", source.Name(), err)
		if worked {
			return true, err.Error()
		}
		reasons = append(reasons, err.Error())
	}
	return false, strings.Join(reasons, "; ")
}

// try runs one source. A source that fails without ever having reported counts
// as not available, whatever it calls its error.
func (s *slot) try(ctx context.Context, source Source, pause time.Duration, others bool, tell func(event)) (worked bool, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	slow := fmt.Errorf("did not answer within %s", trialTime)
	trial := time.AfterFunc(trialTime, func() {
		if others {
			cancel(slow)
		}
	})
	defer trial.Stop()
	name := source.Name()
	err = source.Run(ctx, pause, func(r Report) {
		if !worked {
			worked = trial.Stop() || !others
			if !worked {
				return
			}
			tell(event{slot: s, kind: began, name: name})
		}
		tell(event{slot: s, kind: spoke, name: name, report: r})
	})
	switch {
	case err == nil && errors.Is(context.Cause(ctx), slow):
		err = slow
	case err == nil:
		err = errors.New("ended")
	}
	return worked, err
}

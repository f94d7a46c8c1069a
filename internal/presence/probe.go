package presence

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// ProbeResult is what one source had to say when it was tried.
type ProbeResult struct {
	Source string `json:"source"`
	// Works: it is here, whatever it sees.
	Works bool `json:"works"`
	// Sees is its state's word: active, idle, gone, or unsure.
	Sees   string    `json:"sees,omitempty"`
	Since  time.Time `json:"since,omitzero"` // of Sees, where it is known
	Detail string    `json:"detail"`         // why it works or not, and what it cannot see
}

// probePause is the pause that a probe asks for: a source that only tells of
// changes has told of one soon after.
const probePause = time.Second

// Probe tries every source, all at once, and waits until each has said what it
// sees, a few seconds at most. The results are in the order of Sources.All.
func Probe(ctx context.Context, sources Sources) []ProbeResult {
	all := sources.All()
	results := make([]ProbeResult, len(all))
	var probing sync.WaitGroup
	for i, source := range all {
		probing.Go(func() { results[i] = probe(ctx, source, source == sources.Seat) })
	}
	probing.Wait()
	return results
}

// probe tries one source. A seat has said all it can with its first report.
func probe(ctx context.Context, source Source, first bool) ProbeResult {
	ctx, cancel := context.WithTimeout(ctx, trialTime)
	defer cancel()
	result := ProbeResult{Source: source.Name(), Detail: fmt.Sprintf("did not answer within %s", trialTime)}
	err := source.Run(ctx, probePause, func(r Report) {
		if ctx.Err() != nil {
			return
		}
		result.Works, result.Sees, result.Since = true, r.State.String(), r.At
		v := view{stand: working, state: r.State, why: r.Why, limits: r.Limits}
		if first {
			v.part = seat
		}
		result.Detail = v.detail()
		if first || r.State != Unsure {
			cancel()
		}
	})
	if err != nil && !result.Works {
		result.Detail = reasonOf(err)
	}
	return result
}

// reasonOf is an error without the words that every unavailable source has.
func reasonOf(err error) string {
	text := err.Error()
	if !errors.Is(err, ErrUnavailable) {
		return text
	}
	if prefix := ErrUnavailable.Error() + ": "; len(text) > len(prefix) && text[:len(prefix)] == prefix {
		return text[len(prefix):]
	}
	return text
}

package channeltest

import (
	"context"
	"slices"
	"sync"

	"claude-permission-daemon/internal/permit"
)

// Desk is a small real desk: it judges answers with a function and keeps what
// it was told. Its zero value accepts everything.
type Desk struct {
	// Judge makes the verdict; nil accepts. It is called without a lock held,
	// perhaps by several goroutines at once.
	Judge func(permit.Answer) permit.Verdict

	mu      sync.Mutex
	answers []permit.Answer
	posted  map[string][]string
	settled map[string]int
	failed  map[string][]error
}

// Answer implements channel.Desk.
func (d *Desk) Answer(ctx context.Context, a permit.Answer) permit.Verdict {
	if ctx.Err() != nil {
		return permit.Verdict{Code: permit.NotRecorded, Text: "The answer came while the daemon was stopping; it does not count."}
	}
	d.mu.Lock()
	d.answers = append(d.answers, a)
	d.mu.Unlock()
	if d.Judge == nil {
		return permit.Verdict{Code: permit.Accepted, Text: "Taken."}
	}
	return d.Judge(a)
}

// Posted implements channel.Desk.
func (d *Desk) Posted(request, ref string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.posted == nil {
		d.posted = make(map[string][]string)
	}
	d.posted[request] = append(d.posted[request], ref)
}

// Settled implements channel.Desk.
func (d *Desk) Settled(request string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.settled == nil {
		d.settled = make(map[string]int)
	}
	d.settled[request]++
}

// Failed implements channel.Desk.
func (d *Desk) Failed(request string, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.failed == nil {
		d.failed = make(map[string][]error)
	}
	d.failed[request] = append(d.failed[request], err)
}

// Answers are the answers that came, in order.
func (d *Desk) Answers() []permit.Answer {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.answers)
}

// Posts are the refs under which the request was reported as posted.
func (d *Desk) Posts(request string) []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.posted[request])
}

// WasSettled reports whether the request's card was reported as settled.
func (d *Desk) WasSettled(request string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.settled[request] > 0
}

// Failures are the errors with which the request was given up.
func (d *Desk) Failures(request string) []error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.failed[request])
}

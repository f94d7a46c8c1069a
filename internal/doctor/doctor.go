// Package doctor looks at everything that lies between Claude Code's question
// and a person's tap, and says of each thing how it stands, why it matters and
// which command mends it.
//
// checks lists them all, in the order in which they are shown. A check is a
// small function over a [facts], which finds out once what several of them
// need. They run at the same time, each within a limit of its own, so that one
// that hangs neither holds up the others nor the answer.
//
// A check never changes anything, with two exceptions that clean up after
// themselves: it may start Claude Code with a home of its own against an API
// of ours on loopback (fires.go), and [Live] sends one request, marked as a
// test, the whole way.
package doctor

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync"
	"time"

	"claude-permission-daemon/internal/config"
	"claude-permission-daemon/internal/presence"
)

// Result is how a check came out.
type Result string

// The results. Only Fail means that something is broken; Warn is what a person
// should know; Skip says that there was nothing to check, and why.
const (
	OK   Result = "ok"
	Warn Result = "warn"
	Fail Result = "fail"
	Skip Result = "skip"
)

// Check is one thing that was looked at.
type Check struct {
	ID     string `json:"id"`
	Title  string `json:"title"`
	Result Result `json:"result"`
	Detail string `json:"detail"` // what was found
	Why    string `json:"why"`    // why it matters
	Fix    string `json:"fix"`    // what mends it, a command wherever there is one; empty with OK
}

// Options say what to look at. Getenv and Version are required.
type Options struct {
	Getenv  func(string) string
	Version string // of this program
	Config  string // the configuration file (--config); empty: the usual place
	Socket  string // the daemon's socket (--socket); empty: the usual place
	Dir     string // the project whose .claude is looked at; empty: the current folder
	// Sources lists the daemon's presence sources, which are tried where no
	// daemon runs; nil: none are.
	Sources func(config.Config) presence.Sources
	// Only are the ids of the checks to make; nil: all.
	Only []string
	// Quick leaves Claude Code alone: the hook is fed a sample event instead.
	Quick bool
	// NoNetwork leaves Slack alone.
	NoNetwork bool
	Log       *slog.Logger // nil: none

	// Tests look elsewhere than at the whole system.
	managed string           // folder of Claude Code's managed settings
	path    []string         // where programs are looked for; nil: $PATH
	now     func() time.Time // nil: time.Now
	limit   time.Duration    // of every check; 0: its own
}

// Limits of a check's time. What asks nobody but this machine has quickly;
// what asks Slack or starts Claude Code has patiently.
const (
	quickly   = 1500 * time.Millisecond
	patiently = 10 * time.Second
)

// check is one row of the table.
type check struct {
	id, title, why string
	limit          time.Duration
	look           func(context.Context, *facts) finding
}

// finding is what a check found. The zero value is OK with nothing to say.
type finding struct {
	result Result
	detail string
	fix    string
}

func fine(format string, args ...any) finding { return finding{OK, fmt.Sprintf(format, args...), ""} }
func skip(format string, args ...any) finding {
	return finding{Skip, fmt.Sprintf(format, args...), ""}
}
func warn(fix, format string, args ...any) finding {
	return finding{Warn, fmt.Sprintf(format, args...), fix}
}
func fail(fix, format string, args ...any) finding {
	return finding{Fail, fmt.Sprintf(format, args...), fix}
}

// Run makes every check, all at once, and returns them in the table's order. A
// check that does not end within its limit is a Warn that says so. Run returns
// when everything that it started has ended.
func Run(ctx context.Context, o Options) []Check {
	f := newFacts(ctx, o)
	defer f.close()
	table := slices.DeleteFunc(checks(), func(c check) bool { return o.Only != nil && !slices.Contains(o.Only, c.id) })
	done := make([]Check, len(table))
	var all sync.WaitGroup
	for i, c := range table {
		all.Go(func() { done[i] = c.run(ctx, f) })
	}
	all.Wait()
	return done
}

func (c check) run(ctx context.Context, f *facts) Check {
	limit := c.limit
	if f.limit > 0 {
		limit = f.limit
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	found := c.look(ctx, f)
	if ctx.Err() != nil && found.result != OK && found.result != Fail {
		found = warn("claude-permission-daemon doctor", "it took longer than %v", limit)
	}
	if found.result == "" {
		found.result = OK
	}
	return Check{ID: c.id, Title: c.title, Result: found.result, Detail: found.detail, Why: c.why, Fix: found.fix}
}

// IDs are the ids of all checks, in the table's order.
func IDs() []string {
	var ids []string
	for _, c := range checks() {
		ids = append(ids, c.id)
	}
	return ids
}

// Failed reports whether any check failed.
func Failed(all []Check) bool {
	for _, c := range all {
		if c.Result == Fail {
			return true
		}
	}
	return false
}

func (o Options) withDefaults() Options {
	if o.now == nil {
		o.now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Dir == "" {
		o.Dir, _ = os.Getwd() // without one, no project is looked at
	}
	return o
}

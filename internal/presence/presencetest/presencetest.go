// Package presencetest is the suite that every presence source passes, against
// a counterpart that is as real as the machine allows.
package presencetest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"claude-permission-daemon/internal/presence"
)

// Rig is a source with the counterpart that it watches. Functions may block
// until what they say has happened; they fail the test if it cannot.
type Rig struct {
	Source presence.Source
	// Pause is the pause that the source is asked to report: the shortest that
	// the counterpart can do.
	Pause time.Duration
	// Away is the state by which the source says that nothing happens; Idle
	// unless the source knows only Gone.
	Away presence.State
	// Input makes one input, now.
	Input func(t testing.TB)
	// Quiet makes a pause come about; it waits for the source to be listening.
	// nil: a pause comes by itself when there is no Input.
	Quiet func(t testing.TB)
	// Repeat says the state that holds once more. nil: the counterpart never does.
	Repeat func(t testing.TB)
	// Lose takes the counterpart away. nil: it cannot be lost.
	Lose func(t testing.TB)
	// Restore brings it back. nil: not possible in this rig.
	Restore func(t testing.TB)
}

// tolerance is for clocks that count in milliseconds, and timers that are early.
const tolerance = 50 * time.Millisecond

// patience is how long the suite waits for anything before it fails.
const patience = 15 * time.Second

// Run runs the suite. start makes a fresh rig and registers its end with
// t.Cleanup.
func Run(t *testing.T, start func(t *testing.T) Rig) {
	t.Run("cycles", func(t *testing.T) { Cycles(t, start(t), CycleCount(t)) })
	t.Run("repeats are harmless", func(t *testing.T) {
		rig := start(t)
		if rig.Repeat == nil {
			t.Skip("this counterpart never repeats itself")
		}
		repeats(t, rig)
	})
	t.Run("lost", func(t *testing.T) {
		rig := start(t)
		if rig.Lose == nil {
			t.Skip("this counterpart cannot be lost")
		}
		lost(t, rig)
	})
	t.Run("ends with its context", func(t *testing.T) { ends(t, start(t)) })
	t.Run("never begins under an ended context", func(t *testing.T) {
		rig := start(t)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := rig.Source.Run(ctx, rig.pause(), func(presence.Report) {}); err != nil {
			t.Errorf("Run under an ended context: %v, want nil", err)
		}
	})
}

// CycleCount is how many idle/return cycles to run: CPD_CYCLES, else 3.
func CycleCount(t testing.TB) int {
	t.Helper()
	text := os.Getenv("CPD_CYCLES")
	if text == "" {
		return 3
	}
	var n int
	if _, err := fmt.Sscan(text, &n); err != nil || n < 1 {
		t.Fatalf("CPD_CYCLES=%q is not a count", text)
	}
	return n
}

// Cycles lets the person leave and return n times, and counts.
func Cycles(t *testing.T, rig Rig, n int) {
	run := Start(t, rig)
	good := 0
	run.quiet()
	if idle, ok := run.until(rig.away()); ok && idle.At.After(time.Now()) {
		t.Errorf("%s with a time that is still to come: %v", idle.State, idle.At)
	}
	for range n {
		before := time.Now().Add(-tolerance)
		rig.Input(t)
		active, ok := run.until(presence.Active)
		if !ok {
			break
		}
		if active.At.Before(before) || active.At.After(time.Now()) {
			t.Errorf("input after %v, and the source says %v", before, active.At)
		}
		run.quiet()
		idle, ok := run.until(rig.away())
		if !ok {
			break
		}
		// However late a busy machine brings it, an Idle tells of a whole pause.
		latest := time.Now().Add(tolerance)
		if rig.Quiet == nil {
			latest = latest.Add(-rig.pause())
		}
		if idle.At.Before(before) || idle.At.After(latest) {
			t.Errorf("last input between %v and %v, and the source says %v", before, latest, idle.At)
		}
		good++
	}
	t.Logf("%d of %d cycles", good, n)
	if good < n {
		t.Errorf("only %d of %d cycles", good, n)
	}
	run.Stop()
}

func repeats(t *testing.T, rig Rig) {
	run := Start(t, rig)
	run.quiet()
	run.until(rig.away())
	rig.Repeat(t)
	rig.Repeat(t)
	rig.Input(t)
	run.until(presence.Active)
	rig.Repeat(t)
	run.quiet()
	run.until(rig.away())
	run.Stop()
}

func lost(t *testing.T, rig Rig) {
	run := Start(t, rig)
	run.quiet()
	run.until(rig.away())
	rig.Lose(t)
	err := run.Err()
	if err == nil || errors.Is(err, presence.ErrUnavailable) {
		t.Fatalf("a source that was lost returned %v; want an error that is not ErrUnavailable", err)
	}
	t.Logf("lost: %v", err)
	run.none()
	again := rig.Source.Run(t.Context(), rig.pause(), func(r presence.Report) {
		if r.State != presence.Unsure {
			t.Errorf("a source without a counterpart reports %+v", r)
		}
	})
	if again == nil {
		t.Error("a source without a counterpart returned nil before its context ended")
	}
	if rig.Restore == nil {
		return
	}
	rig.Restore(t)
	run = Start(t, rig)
	run.quiet()
	run.until(rig.away())
	rig.Input(t)
	run.until(presence.Active)
	run.Stop()
}

func ends(t *testing.T, rig Rig) {
	before := children(t)
	goroutines := runtime.NumGoroutine()
	for _, quiet := range []bool{false, true} {
		run := Start(t, rig)
		if quiet {
			run.quiet()
			run.until(rig.away())
		} else {
			time.Sleep(50 * time.Millisecond) // somewhere in the middle of its start
		}
		began := time.Now()
		run.Stop()
		if took := time.Since(began); took > time.Second {
			t.Errorf("Run took %s to end with its context", took)
		}
		if quiet {
			run.none()
		}
	}
	for deadline := time.Now().Add(2 * time.Second); ; {
		if runtime.NumGoroutine() <= goroutines {
			break
		}
		if time.Now().After(deadline) {
			stacks := make([]byte, 1<<20)
			t.Errorf("goroutines are left:\n%s", stacks[:runtime.Stack(stacks, true)])
			break
		}
		runtime.Gosched()
		time.Sleep(10 * time.Millisecond)
	}
	for pid := range children(t) {
		if !before[pid] {
			t.Errorf("a child process is left: %s", pid)
		}
	}
}

// children are the processes that this one started (Linux; else none).
func children(t testing.TB) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return found
	}
	for _, task := range tasks {
		text, err := os.ReadFile("/proc/self/task/" + task.Name() + "/children")
		if err != nil {
			continue // the thread has ended
		}
		for pid := range strings.FieldsSeq(string(text)) {
			found[pid] = true
		}
	}
	return found
}

func (r Rig) away() presence.State {
	if r.Away == presence.Unsure {
		return presence.Idle
	}
	return r.Away
}

func (r Rig) pause() time.Duration {
	if r.Pause == 0 {
		return time.Second
	}
	return r.Pause
}

// Running is a source that runs under a test.
type Running struct {
	t       testing.TB
	rig     Rig
	cancel  context.CancelFunc
	reports chan presence.Report
	err     chan error
}

// Start runs the rig's source.
func Start(t testing.TB, rig Rig) *Running {
	ctx, cancel := context.WithCancel(t.Context())
	run := &Running{
		t: t, rig: rig, cancel: cancel,
		reports: make(chan presence.Report, 1000), err: make(chan error, 1),
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		err := rig.Source.Run(ctx, rig.pause(), func(r presence.Report) { run.reports <- r })
		close(run.reports)
		run.err <- err
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
	return run
}

// First is the source's first report.
func (r *Running) First() presence.Report {
	r.t.Helper()
	report, ok := r.next(time.After(patience))
	if !ok {
		r.t.Fatal("the source reports nothing")
	}
	return report
}

func (r *Running) next(deadline <-chan time.Time) (presence.Report, bool) {
	select {
	case report, ok := <-r.reports:
		return report, ok
	case <-deadline:
		return presence.Report{}, false
	}
}

// until drops reports up to one of the given state.
func (r *Running) until(state presence.State) (presence.Report, bool) {
	r.t.Helper()
	deadline := time.After(patience)
	for {
		report, ok := r.next(deadline)
		if !ok {
			select {
			case err := <-r.err:
				r.t.Errorf("waiting for %q: the source ended: %v", state, err)
			default:
				r.t.Errorf("no report of %q within %s", state, patience)
			}
			return report, false
		}
		if report.State == state {
			return report, true
		}
	}
}

// Until is the next report of the given state; the test ends without it.
func (r *Running) Until(state presence.State) presence.Report {
	r.t.Helper()
	report, ok := r.until(state)
	if !ok {
		r.t.FailNow()
	}
	return report
}

// Nothing fails the test if the source reports anything within d.
func (r *Running) Nothing(d time.Duration) {
	r.t.Helper()
	if report, ok := r.next(time.After(d)); ok {
		r.t.Errorf("unexpected report: %+v", report)
	}
}

func (r *Running) quiet() {
	r.t.Helper()
	if r.rig.Quiet != nil {
		r.rig.Quiet(r.t)
	}
}

// none fails the test on a late Active after the source's end: a source that
// dies must not make its person present.
func (r *Running) none() {
	r.t.Helper()
	for report := range r.reports {
		if report.State == presence.Active {
			r.t.Errorf("the source's end made it report input: %+v", report)
		}
	}
}

// Stop ends the source's context and waits for Run, which must return nil.
func (r *Running) Stop() {
	r.t.Helper()
	r.cancel()
	if err := r.Err(); err != nil {
		r.t.Errorf("Run returned %v when its context ended", err)
	}
}

// Err waits for Run to return and is what it returned.
func (r *Running) Err() error {
	r.t.Helper()
	select {
	case err := <-r.err:
		return err
	case <-time.After(patience):
		r.t.Fatal("Run does not return")
		return nil
	}
}

package broker

import (
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"claude-permission-daemon/internal/permit"
)

// schedules is how many the simulation runs: CPD_SCHEDULES, or a handful.
func schedules(t *testing.T, otherwise int) int {
	t.Helper()
	if n, err := strconv.Atoi(os.Getenv("CPD_SCHEDULES")); err == nil {
		return n
	}
	return otherwise
}

func firstSeed() uint64 {
	if n, err := strconv.ParseUint(os.Getenv("CPD_SEED"), 10, 64); err == nil {
		return n
	}
	return 1
}

func sound(*Broker) {}

func runSeed(seed uint64, mutate func(*Broker), blur func(Event) Event) (taken []uint32, failed string) {
	c := &choices{rng: rand.New(rand.NewPCG(seed, 0))}
	failed = newWorld(c, mutate, blur).run()
	return c.taken, failed
}

// TestSimulation lives through many schedules. A failure prints its seed
// (CPD_SEED=… CPD_SCHEDULES=1 runs it alone) and the smallest world that still
// shows it.
func TestSimulation(t *testing.T) {
	n, first := schedules(t, 5_000), firstSeed()
	var next atomic.Uint64
	var workers sync.WaitGroup
	var failures atomic.Int32
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for failures.Load() < 3 {
				seed := first + next.Add(1) - 1
				if seed >= first+uint64(n) {
					return
				}
				taken, failed := runSeed(seed, sound, nil)
				if failed == "" {
					continue
				}
				failures.Add(1)
				small, why := shrink(taken, sound, nil)
				w := newWorld(&choices{replay: small}, sound, nil)
				w.run()
				t.Errorf("CPD_SEED=%d CPD_SCHEDULES=1: %s\nshrunk from %d choices to %d: %s\n%s",
					seed, failed, len(taken), len(small), why, strings.Join(w.trace, "\n"))
			}
		})
	}
	workers.Wait()
	t.Logf("%d schedules from seed %d", n, first)
}

// shrink makes a failing stream of choices shorter and calmer while it fails.
func shrink(taken []uint32, mutate func(*Broker), blur func(Event) Event) (small []uint32, why string) {
	fails := func(stream []uint32) string { return newWorld(&choices{replay: stream}, mutate, blur).run() }
	small = append([]uint32(nil), taken...)
	why = fails(small)
	for again := true; again; {
		again = false
		for size := len(small); size > 0; size /= 2 { // leave out
			for at := 0; at+size <= len(small); {
				shorter := append(append([]uint32(nil), small[:at]...), small[at+size:]...)
				if f := fails(shorter); f != "" {
					small, why, again = shorter, f, true
				} else {
					at += size
				}
			}
		}
		for i, v := range small { // calm down
			if v == 0 {
				continue
			}
			small[i] = 0
			if f := fails(small); f != "" {
				why, again = f, true
			} else {
				small[i] = v
			}
		}
	}
	return small, why
}

// TestPlantedBugs: each of these is a bug that somebody could write. The
// simulation must find every one.
func TestPlantedBugs(t *testing.T) {
	set := func(change func(t *[phases][triggers]transition)) func(*Broker) {
		return func(b *Broker) { change(&b.table) }
	}
	bugs := []struct {
		name   string
		mutate func(*Broker)
		blur   func(Event) Event
	}{
		{name: "draw before the hook is told", mutate: set(func(t *[phases][triggers]transition) {
			old := t[deciding][recorded]
			t[deciding][recorded] = func(s *step, r *request) {
				r.phase, r.stage = sent, permit.Sent
				s.draw(r)
				r.phase = deciding
				old(s, r)
			}
		})},
		{name: "tell the hook before the journal has it", mutate: set(func(t *[phases][triggers]transition) {
			t[offered][answered] = func(s *step, r *request) { decide(s, r); tell(s, r) }
		})},
		{name: "forget the digest", mutate: sound, blur: func(e Event) Event {
			if a, ok := e.(Answered); ok {
				a.Answer.Digest, a.Answer.Generation = "", 0
				return a
			}
			return e
		}},
		{name: "forget who may decide", mutate: func(b *Broker) {
			b.cfg.Allowed = func(string, permit.Person) bool { return true }
		}},
		{name: "the last answer wins", mutate: set(func(t *[phases][triggers]transition) {
			t[deciding][answered], t[telling][answered] = decide, decide
		})},
		{name: "an approval that could not be recorded counts", mutate: set(func(t *[phases][triggers]transition) {
			t[deciding][unrecorded] = tell
		})},
		{name: "drop the acknowledgement", mutate: set(func(t *[phases][triggers]transition) {
			t[sent][delivered], t[telling][delivered] = none, none
		})},
		{name: "say delivered when it was only written", mutate: set(func(t *[phases][triggers]transition) {
			t[telling][told] = func(s *step, r *request) { s.over(r, permit.Delivered) }
		})},
		{name: "do not settle the card", mutate: set(func(t *[phases][triggers]transition) {
			t[telling][told] = func(s *step, r *request) {
				shown := r.shown
				r.shown = false
				wasTold(s, r)
				r.shown = shown
			}
		})},
		{name: "keep the person from the terminal", mutate: set(func(t *[phases][triggers]transition) {
			t[offered][presence], t[held][presence] = none, none
		})},
		{name: "wait for the journal for ever", mutate: set(func(t *[phases][triggers]transition) {
			t[deciding][due] = none
			t[deciding][unrecorded] = none
		})},
		{name: "a hook that vanished is never given up", mutate: set(func(t *[phases][triggers]transition) {
			for p := range phases {
				t[p][strayed] = func(_ *step, r *request) { r.link = 0 }
			}
		})},
		{name: "give a late hook its decision again", mutate: set(func(t *[phases][triggers]transition) {
			t[over][attached] = retell
		})},
		{name: "ignore what the terminal answered", mutate: set(func(t *[phases][triggers]transition) {
			for p := range phases {
				t[p][closing] = none
			}
		})},
		{name: "call a vanished hook an answer", mutate: set(func(t *[phases][triggers]transition) {
			t[offered][strayed] = func(s *step, r *request) { s.reason = "SIGTERM"; closed(s, r) }
		})},
		{name: "keep a session that has ended its turn from whoever is back", mutate: set(func(t *[phases][triggers]transition) {
			for _, p := range []phase{opening, held, offered} {
				t[p][presence] = func(s *step, r *request) {
					if r.Kind != permit.Finished {
						reconsider(s, r)
					}
				}
			}
		})},
		{name: "go on waiting for a reply when a prompt was typed", mutate: set(func(t *[phases][triggers]transition) {
			for _, p := range []phase{opening, held, offered} {
				t[p][local] = func(s *step, r *request) {
					if r.Kind != permit.Finished {
						localAnswer(s, r)
					}
				}
			}
		})},
		{name: "take the end of a turn for an answer to it", mutate: sound, blur: func(e Event) Event {
			if seen, ok := e.(Seen); ok && seen.Signal.Kind == permit.TurnEnded {
				seen.Signal.Kind = permit.Prompted
				return seen
			}
			return e
		}},
		{name: "let a refusal wait like any request", mutate: func(b *Broker) { b.cfg.RetryFor = 0 }},
		{name: "take whatever an answer says of itself", mutate: func(b *Broker) {
			b.cfg.Resolve = func(_ permit.Request, a permit.Answer) (permit.Decision, string) {
				if a.Decision.Verb == "" {
					a.Decision.Verb = permit.Allow
				}
				return a.Decision, ""
			}
		}},
		{name: "make an answer of what the journal has of the request", mutate: func(b *Broker) {
			b.cfg.Resolve = func(r permit.Request, a permit.Answer) (permit.Decision, string) {
				b.requests[r.ID].Masked = false
				return resolved(r, a)
			}
		}},
		{name: "give Claude Code what the journal has of the answer", mutate: set(func(t *[phases][triggers]transition) {
			for _, p := range []phase{telling, sent} {
				t[p][attached] = func(s *step, r *request) {
					if r.outcome.Decision != nil {
						r.outcome.Decision.Masked = false
					}
					retell(s, r)
				}
			}
		})},
		{name: "tell a note as soon as a request comes", mutate: set(func(t *[phases][triggers]transition) {
			t[opening][recorded] = func(s *step, r *request) {
				wait(s, r)
				for _, n := range s.b.notes.waiting {
					s.notify(n.Note)
				}
			}
		})},
		{name: "take a note told again for another", mutate: sound, blur: func(e Event) Event {
			if h, ok := e.(Happened); ok {
				h.Note.Text += h.Note.ID
				return h
			}
			return e
		}},
		{name: "forget what happened while the person was there", mutate: set(func(t *[phases][triggers]transition) {
			for _, p := range []phase{opening, held, offered, over} {
				old := t[p][presence]
				t[p][presence] = func(s *step, r *request) { old(s, r); clear(s.b.notes.waiting) }
			}
		})},
	}
	for _, bug := range bugs {
		t.Run(bug.name, func(t *testing.T) {
			for seed := range uint64(schedules(t, 20_000)) {
				taken, failed := runSeed(seed+1, bug.mutate, bug.blur)
				if failed != "" {
					small, why := shrink(taken, bug.mutate, bug.blur)
					t.Logf("found by seed %d, %d choices: %s", seed+1, len(small), why)
					return
				}
			}
			t.Error("not found")
		})
	}
}

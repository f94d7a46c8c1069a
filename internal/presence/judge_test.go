package presence

import (
	"testing"
	"time"

	"claude-permission-daemon/internal/permit"
)

// A step is one thing that happens at a second, and what holds after it.
type step struct {
	at    float64 // seconds
	do    func(b *bench)
	state permit.PresenceState
	since float64 // seconds; below zero: not looked at
	by    string
}

// bench is a judge with three views and an idle timeout of 60 s.
type bench struct {
	j              judge
	desk, tty, lid *view
	now            time.Time
}

var start = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)

func second(s float64) time.Time { return start.Add(time.Duration(s * float64(time.Second))) }

func newBench() *bench {
	b := &bench{
		desk: &view{part: desktop, name: "wayland"},
		tty:  &view{part: beside, name: "terminals", stand: out, reason: "terminals: none"},
		lid:  &view{part: seat, name: "logind", stand: out, reason: "logind: none"},
	}
	b.j = judge{idle: time.Minute, pause: 2 * time.Second, views: []*view{b.desk, b.tty, b.lid}}
	return b
}

// unknown is the time of a report that has none.
const unknown = -1e6

func desk(state State, at float64) func(*bench) {
	return func(b *bench) { b.hear(b.desk, state, at) }
}
func tty(state State, at float64) func(*bench) { return func(b *bench) { b.hear(b.tty, state, at) } }
func lid(state State, at float64) func(*bench) { return func(b *bench) { b.hear(b.lid, state, at) } }

func (b *bench) hear(v *view, state State, at float64) {
	if v.stand != working {
		b.j.begin(v, v.name, b.now)
	}
	r := Report{State: state}
	if at != unknown {
		r.At = second(at)
	}
	b.j.hear(v, r, b.now)
}

func guard(on bool) func(*bench) { return func(b *bench) { b.j.guard = on } }
func nothing(*bench)             {}
func loseDesk(b *bench)          { b.j.end(b.desk, trying, "wayland", "wayland: lost", b.now) }
func noDesk(b *bench)            { b.j.end(b.desk, out, "wayland", "wayland: no compositor", b.now) }

const (
	present = permit.Present
	away    = permit.Away
	unsure  = permit.Unsure
)

func TestJudge(t *testing.T) {
	tests := []struct {
		name  string
		steps []step
	}{
		{"leaving and coming back", []step{
			{0, nothing, unsure, 0, "wayland"},
			{1, desk(Active, 1), present, 1, "wayland"},
			{5, desk(Idle, 3), present, 1, "wayland"},
			{62.9, nothing, present, 1, "wayland"},
			{63, nothing, away, 3, "wayland"},
			{100, desk(Active, 100), present, 100, "wayland"},
		}},
		{"repeated and missing reports", []step{
			{1, desk(Idle, 0), present, 0, "wayland"},
			{2, desk(Idle, 0), present, 0, "wayland"},
			{61, desk(Idle, 0), away, 0, "wayland"},
			{70, desk(Idle, 0), away, 0, "wayland"},
			{80, desk(Idle, 78), present, 78, "wayland"}, // its Active got lost
			{81, desk(Active, 81), present, 78, "wayland"},
			{82, desk(Active, 82), present, 78, "wayland"},
			{90, desk(Idle, 85), present, 78, "wayland"},
			{145, nothing, away, 85, "wayland"},
		}},
		{"a source that begins while nobody is there says only: not since I look", []step{
			{10, desk(Unsure, unknown), unsure, 10, "wayland"},
			{12, desk(Idle, unknown), present, 10, "wayland"},
			{70, nothing, away, 10, "wayland"},
		}},
		{"a source that knows the idle time at its start", []step{
			{10, desk(Idle, -300), away, -300, "wayland"},
		}},
		{"away needs both, present needs one", []step{
			{0, desk(Idle, 0), present, 0, "wayland"},
			{1, tty(Idle, -60), present, 0, "wayland"},
			{60, nothing, away, 0, "wayland"},
			{70, tty(Active, 70), present, 70, "terminals"},
			{73, tty(Idle, 71), present, 70, "terminals"},
			{131, nothing, away, 71, "wayland"},
			{140, desk(Active, 140), present, 140, "wayland"},
		}},
		{"no human terminal is no reason to be away from the desktop", []step{
			{0, desk(Active, 0), present, 0, "wayland"},
			{1, tty(Gone, 1), present, 0, "wayland"},
			{2, desk(Idle, 0), present, 0, "wayland"},
			{60, nothing, away, 1, "wayland"},
		}},
		{"without a desktop the terminals decide", []step{
			{0, tty(Gone, 0), unsure, 0, "wayland"}, // the desktop is still being tried
			{1, noDesk, away, 0, "terminals"},
			{9, tty(Active, 9), present, 9, "terminals"},
			{10, tty(Gone, 10), away, 10, "terminals"},
		}},
		{"a lost source says nothing any more", []step{
			{0, desk(Active, 0), present, 0, "wayland"},
			{5, loseDesk, unsure, 5, "wayland"},
			{65, nothing, unsure, 5, "wayland"},
			{66, noDesk, unsure, 5, "none"},
			{70, desk(Active, 70), present, 70, "wayland"},
		}},
		{"the last input survives a short loss", []step{
			{0, desk(Active, 0), present, 0, "wayland"},
			{10, desk(Idle, 8), present, 0, "wayland"},
			{68, nothing, away, 8, "wayland"},
			{70, loseDesk, unsure, 70, "wayland"},
			{75, desk(Unsure, unknown), unsure, 70, "wayland"},
			{77, desk(Idle, unknown), away, 8, "wayland"},
		}},
		{"but not a long one", []step{
			{10, desk(Idle, 8), present, 8, "wayland"},
			{70, loseDesk, unsure, 70, "wayland"},
			{200, desk(Unsure, unknown), unsure, 70, "wayland"},
			{202, desk(Idle, unknown), present, 200, "wayland"},
		}},
		{"locking is leaving, unlocking is coming back", []step{
			{0, desk(Active, 0), present, 0, "wayland"},
			{5, lid(Gone, 5), away, 5, "logind"},
			{6, desk(Idle, 5.5), away, 5, "logind"},
			{7, desk(Active, 7), away, 5, "logind"}, // at the lock screen
			{9, lid(Active, 9), present, 9, "wayland"},
			{11, desk(Idle, 9.1), present, 9, "wayland"},
			{70, nothing, away, 9.1, "wayland"},
		}},
		{"a locked desktop does not hide a person who comes by SSH", []step{
			{0, desk(Active, 0), present, 0, "wayland"},
			{1, tty(Active, 1), present, 0, "wayland"},
			{5, lid(Gone, 5), away, 5, "logind"},   // what was typed before does not count
			{6, tty(Active, 6), away, 5, "logind"}, // nor the last touch
			{8, tty(Active, 8), present, 8, "terminals"},
			{10, tty(Idle, 8), present, 8, "terminals"},
			{68, nothing, away, 8, "logind"},
		}},
		{"a lock that is only asked for: later input is a return", []step{
			{0, desk(Active, 0), present, 0, "wayland"},
			{5, lid(Idle, 5), away, 5, "logind"},
			{7, desk(Idle, 5.1), away, 5, "logind"}, // the key that asked for it
			{60, desk(Active, 60), present, 60, "wayland"},
		}},
		{"the lock alone is enough to know", []step{
			{0, noDesk, unsure, 0, "none"},
			{5, lid(Gone, 5), away, 5, "logind"},
			{6, lid(Unsure, unknown), unsure, 6, "none"},
			{7, lid(Gone, 7), away, 7, "logind"},
			{8, desk(Active, 8), away, 7, "logind"},
			{9, loseDesk, away, 7, "logind"},
		}},
		{"waking up is no input", []step{
			{0, desk(Active, 0), present, 0, "wayland"},
			{5, lid(Gone, 5), away, 5, "logind"},
			{900, lid(Idle, 900), away, 5, "logind"},
			{901, desk(Idle, 899), away, 5, "logind"}, // the compositor's late timer
			{950, desk(Active, 950), present, 950, "wayland"},
		}},
		{"cards are out: a lone blip is forgotten", []step{
			{1, desk(Idle, 0), present, 0, "wayland"},
			{60, guard(true), away, 0, "wayland"},
			{100, desk(Active, 100), away, 0, "wayland"},
			{102, desk(Idle, 100.1), away, 0, "wayland"},
			{104.9, nothing, away, 0, "wayland"},
			{105, nothing, away, 0, "wayland"},
			{106, guard(false), away, 0, "wayland"},
			{107, desk(Idle, 100.1), away, 0, "wayland"}, // repeated: old news of a dismissed input
		}},
		{"cards are out: a second input makes it a return", []step{
			{60, desk(Idle, 0), away, 0, "wayland"},
			{60, guard(true), away, 0, "wayland"},
			{100, desk(Active, 100), away, 0, "wayland"},
			{102, desk(Idle, 100.1), away, 0, "wayland"},
			{104, desk(Active, 104), present, 104, "wayland"},
		}},
		{"cards are out: input that goes on is a return", []step{
			{60, desk(Idle, 0), away, 0, "wayland"},
			{60, guard(true), away, 0, "wayland"},
			{100, desk(Active, 100), away, 0, "wayland"},
			{102.5, nothing, away, 0, "wayland"},
			{102.6, nothing, present, 100, "wayland"},
		}},
		{"cards are out: input that went on for a moment is a return", []step{
			{60, desk(Idle, 0), away, 0, "wayland"},
			{60, guard(true), away, 0, "wayland"},
			{100, desk(Active, 100), away, 0, "wayland"},
			{102.5, desk(Idle, 100.5), present, 100.5, "wayland"},
		}},
		{"cards are out: one key seen by two sources is one blip", []step{
			{60, desk(Idle, 0), away, 0, "wayland"},
			{60, tty(Idle, 0), away, 0, "wayland"},
			{60, guard(true), away, 0, "wayland"},
			{100, desk(Active, 100), away, 0, "wayland"},
			{100, tty(Active, 100), away, 0, "wayland"},
			{102, desk(Idle, 100), away, 0, "wayland"},
			{102, tty(Idle, 100), away, 0, "wayland"},
			{105, nothing, away, 0, "wayland"},
			{110, tty(Active, 110), away, 0, "wayland"},
			{111, tty(Active, 111), present, 111, "terminals"},
		}},
		{"the cards are answered meanwhile", []step{
			{60, desk(Idle, 0), away, 0, "wayland"},
			{60, guard(true), away, 0, "wayland"},
			{100, desk(Active, 100), away, 0, "wayland"},
			{101, guard(false), present, 100, "wayland"},
		}},
		{"a source lost in doubt", []step{
			{60, desk(Idle, 0), away, 0, "wayland"},
			{60, guard(true), away, 0, "wayland"},
			{100, desk(Active, 100), away, 0, "wayland"},
			{101, loseDesk, unsure, 101, "wayland"},
			{106, nothing, unsure, 101, "wayland"},
		}},
		{"unlocking is no blip", []step{
			{60, desk(Idle, 0), away, 0, "wayland"},
			{60, guard(true), away, 0, "wayland"},
			{61, lid(Gone, 61), away, 0, "logind"},
			{100, desk(Active, 100), away, 0, "logind"},
			{101, lid(Active, 101), present, 101, "wayland"},
		}},
		{"a blip keeps a program's word that nobody is there", []step{
			{60, desk(Gone, 50), away, 50, "wayland"},
			{60, guard(true), away, 50, "wayland"},
			{70, desk(Active, 70), away, 50, "wayland"},
			{70.1, desk(Idle, 70), away, 50, "wayland"},
			{75, nothing, away, 50, "wayland"},
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b := newBench()
			for _, s := range test.steps {
				b.now = second(s.at)
				s.do(b)
				p, again := b.j.at(b.now)
				if p.State != s.state || p.Source != s.by {
					t.Fatalf("at %v s: %q by %q, want %q by %q", s.at, p.State, p.Source, s.state, s.by)
				}
				if want := second(s.since); !p.Since.Equal(want) {
					t.Fatalf("at %v s: %s since %v s, want %v s", s.at, p.State, p.Since.Sub(start).Seconds(), s.since)
				}
				if !again.IsZero() && !again.After(b.now) {
					t.Fatalf("at %v s: wants to look again at %v s: that would never end", s.at, again.Sub(start).Seconds())
				}
			}
		})
	}
}

// The judge must ask for a look at every moment at which its verdict changes
// without a report; whoever follows it misses nothing.
func TestJudgeAsksInTime(t *testing.T) {
	b := newBench()
	b.now = second(0)
	desk(Idle, 0)(b)
	tty(Idle, -10)(b)
	for at, looks := b.now, 0; ; looks++ {
		p, again := b.j.at(at)
		if p.State == away {
			if want := second(60); !at.Equal(want) {
				t.Errorf("away at %v, want %v", at, want)
			}
			if !again.IsZero() {
				t.Errorf("wakes up at %v though nobody is there", again)
			}
			return
		}
		if again.IsZero() || looks > 5 {
			t.Fatalf("after %d looks: %+v, again at %v", looks, p, again)
		}
		at = again
	}
}

func TestMemoryRecall(t *testing.T) {
	input, now := second(0), second(1000)
	tests := []struct {
		name string
		m    memory
		last bool
		away bool
	}{
		{"stopped a moment ago, away", memory{LastInput: input, Away: true, Written: second(990), Clean: true}, true, true},
		{"stopped a moment ago, a pause", memory{LastInput: input, Written: second(990), Clean: true}, true, false},
		{"stopped long ago", memory{LastInput: input, Away: true, Written: second(800), Clean: true}, false, false},
		{"killed while away", memory{LastInput: input, Away: true, Written: second(60)}, true, true},
		{"killed while there", memory{LastInput: input, Written: second(60)}, false, false},
		{"another boot", memory{LastInput: input, Away: true, Written: second(990), Clean: true, Boot: "b"}, false, false},
		{"written in the future", memory{LastInput: input, Away: true, Written: second(2000)}, false, false},
		{"nothing known", memory{Away: true, Written: second(990)}, false, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			last, before := test.m.recall(now, "")
			if got := !last.input.IsZero(); got != test.last {
				t.Errorf("knows the last input: %v, want %v", got, test.last)
			}
			if (before != nil) != test.away {
				t.Errorf("begins with %+v", before)
			}
		})
	}
}

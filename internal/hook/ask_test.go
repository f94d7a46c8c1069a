package hook

import (
	"bufio"
	"errors"
	"net"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"claude-permission-daemon/internal/wire/limits"
)

// These tests let a question wait for hours, in a bubble where time is cheap.
// What real sockets and processes do is tested in hook_test.go.

// scripted is a daemon that does, at its nth connection, what the nth of its
// scripts says; a nil script, and every connection after the last, is refused.
type scripted struct {
	t       *testing.T
	scripts []func(*peer)
	dialled int
	running []chan struct{}
}

func (s *scripted) dial() (conn, error) {
	s.dialled++
	if s.dialled > len(s.scripts) || s.scripts[s.dialled-1] == nil {
		return nil, errors.New("cannot connect: nobody there")
	}
	script := s.scripts[s.dialled-1]
	here, there := net.Pipe()
	ended := make(chan struct{})
	s.running = append(s.running, ended)
	go func() {
		defer close(ended)
		defer there.Close()
		script(&peer{t: s.t, conn: there, lines: bufio.NewReader(there)})
	}()
	return here, nil
}

func (s *scripted) wait() {
	for _, ended := range s.running {
		<-ended
	}
}

// peer is the daemon's end of a connection.
type peer struct {
	t     *testing.T
	conn  net.Conn
	lines *bufio.Reader
}

// line is the next line from the hook; "" at the end.
func (p *peer) line() string {
	line, _ := p.lines.ReadString('\n')
	return strings.TrimSuffix(line, "\n")
}

// expect reads a line, which must be this one.
func (p *peer) expect(want string) {
	if got := p.line(); got != want {
		p.t.Errorf("the hook sends %.200q, want %q", got, want)
	}
}

// last makes this the daemon's last connection: its socket is gone.
func (p *peer) last() { _ = os.Remove(p.conn.LocalAddr().String()) }

func (p *peer) say(text string) { _, _ = p.conn.Write([]byte(text)) }

// accept takes the request.
func (p *peer) accept() {
	p.expect("the request")
	p.say(accepted)
}

const (
	accepted = `{"accepted":true}` + "\n"
	approved = `{"action":"approve","reason":"r","output":` + allowing + "}\n"
	denied   = `{"action":"deny","reason":"r","output":` + denying + "}\n"
	handed   = `{"action":"passthrough","reason":"r"}` + "\n"
)

// waited is how a question ended.
type waited struct {
	answer *message
	err    error
	after  time.Duration
}

// wait asks the question of a scripted daemon, in a bubble.
func wait(t *testing.T, signals <-chan os.Signal, gone <-chan struct{}, scripts ...func(*peer)) (ended waited) {
	t.Helper()
	daemon := &scripted{t: t, scripts: scripts}
	q := &question{dial: daemon.dial, asked: event{name: permissionRequest}, line: []byte("the request\n"), within: limits.AcceptParallel, reattach: limits.Reattach}
	start := time.Now()
	if ended.err = q.attach(); ended.err == nil {
		ended.answer, ended.err = q.quick()
		if ended.answer == nil && ended.err == nil {
			ended.answer, ended.err = q.wait(signals, gone)
		}
	}
	ended.after = time.Since(start)
	if q.link != nil {
		q.link.close()
	}
	daemon.wait()
	return ended
}

// freeze neither reads nor writes any more, for longer than any hook waits.
func freeze(*peer) { time.Sleep(time.Hour) }

func TestWait(t *testing.T) {
	for _, test := range []struct {
		name    string
		scripts []func(*peer)
		answer  string // the action; empty: an error
		failure string // part of the error
		from    time.Duration
		to      time.Duration
	}{
		{
			name:    "answered at once",
			scripts: []func(*peer){func(p *peer) { p.accept(); p.say(approved) }},
			answer:  "approve",
		}, {
			name: "answered after an hour",
			scripts: []func(*peer){func(p *peer) {
				p.accept()
				for range 360 {
					p.expect(`{"ping":true}`)
					p.say(accepted)
				}
				p.say(denied)
			}},
			answer: "deny", from: time.Hour, to: time.Hour,
		}, {
			name:    "answered instead of a ping's answer",
			scripts: []func(*peer){func(p *peer) { p.accept(); p.expect(`{"ping":true}`); p.say(approved) }},
			answer:  "approve", from: limits.PingAfter, to: limits.PingAfter,
		}, {
			name:    "accepted late",
			scripts: []func(*peer){func(p *peer) { p.line(); time.Sleep(1900 * time.Millisecond); p.say(accepted + approved) }},
			answer:  "approve", from: 1900 * time.Millisecond, to: 1900 * time.Millisecond,
		}, {
			name:    "accepted too late",
			scripts: []func(*peer){func(p *peer) { p.line(); time.Sleep(5100 * time.Millisecond); p.say(accepted + approved) }},
			failure: "did not accept the request within 5s", from: limits.AcceptParallel, to: limits.AcceptParallel,
		}, {
			name:    "frozen before it reads",
			scripts: []func(*peer){freeze},
			failure: "cannot write to the daemon", from: limits.AcceptParallel, to: limits.AcceptParallel,
		}, {
			name:    "closed before accepted, and the next daemon takes it",
			scripts: []func(*peer){func(p *peer) { p.line(); time.Sleep(time.Second) }, func(p *peer) { p.accept(); p.say(approved) }},
			answer:  "approve", from: time.Second, to: 1100 * time.Millisecond,
		}, {
			name:    "closed before accepted, and nobody is there any more",
			scripts: []func(*peer){func(p *peer) { p.line(); time.Sleep(time.Second) }},
			failure: "closed the connection, and then: cannot connect", from: time.Second, to: 1100 * time.Millisecond,
		}, {
			name:    "closed before accepted, again and again",
			scripts: slices.Repeat([]func(*peer){func(p *peer) { p.line() }}, 100),
			failure: "closed the connection", from: limits.AcceptParallel - 2*lastPause, to: limits.AcceptParallel,
		}, {
			name:    "closed before accepted, and then too late",
			scripts: []func(*peer){func(p *peer) { p.line(); time.Sleep(4 * time.Second) }, func(p *peer) { p.line(); time.Sleep(2 * time.Second); p.say(accepted + approved) }},
			failure: "did not accept the request within 5s", from: limits.AcceptParallel, to: limits.AcceptParallel,
		}, {
			name:    "half a line, and closed, before accepted",
			scripts: []func(*peer){func(p *peer) { p.line(); p.say(`{"accepted":true}`) }},
			failure: "within a line",
			to:      100 * time.Millisecond,
		}, {
			name:    "frozen while it waits",
			scripts: []func(*peer){func(p *peer) { p.accept(); freeze(p) }, freeze, freeze, freeze, freeze, freeze, freeze, freeze, freeze, freeze, freeze},
			failure: "cannot come back to the daemon: cannot write", from: limits.Reattach, to: limits.Reattach + limits.AcceptParallel,
		}, {
			name:    "gone while it waits",
			scripts: []func(*peer){func(p *peer) { p.accept(); p.expect(`{"ping":true}`); p.say(accepted); time.Sleep(9 * time.Second) }},
			failure: "cannot come back to the daemon: cannot connect", from: 49 * time.Second, to: 49 * time.Second,
		}, {
			name:    "gone while it waits, and the daemon had said for how long to look for it",
			scripts: []func(*peer){func(p *peer) { p.expect("the request"); p.say(`{"accepted":true,"reattach_s":90}` + "\n") }},
			failure: "cannot come back to the daemon: cannot connect", from: 90 * time.Second, to: 90 * time.Second,
		}, {
			name: "back after 20 seconds, with the same request",
			scripts: []func(*peer){
				func(p *peer) { p.accept(); time.Sleep(5 * time.Second) },
				nil, nil, nil, nil, nil, nil, // refused
				func(p *peer) { p.line(); time.Sleep(20 * time.Second) }, // takes the line and is slow
				func(p *peer) {
					p.accept()
					p.expect(`{"ping":true}`)
					p.say(accepted)
					time.Sleep(time.Second)
					p.say(approved)
				},
			},
			answer: "approve", from: 18 * time.Second, to: 35 * time.Second,
		}, {
			name: "restarted again and again",
			scripts: []func(*peer){
				func(p *peer) { p.accept(); time.Sleep(5 * time.Second); p.say(`{"acc`) },
				func(p *peer) { p.accept() }, func(p *peer) { p.accept() }, nil, nil, func(p *peer) { p.accept() },
				func(p *peer) { p.accept(); p.say(handed) },
			},
			answer: "passthrough", from: 5 * time.Second, to: 6 * time.Second,
		}, {
			name: "restarted, and it takes everything and accepts nothing",
			scripts: append([]func(*peer){func(p *peer) { p.accept() }}, func() (scripts []func(*peer)) {
				for range 100 {
					scripts = append(scripts, func(p *peer) { p.line() })
				}
				return scripts
			}()...),
			failure: "cannot come back to the daemon: the daemon closed", from: limits.Reattach, to: limits.Reattach + limits.AcceptParallel,
		}, {
			name:    "restarted, and it refuses",
			scripts: []func(*peer){func(p *peer) { p.accept() }, func(p *peer) { p.line(); p.say(`{"error":"cannot take it"}` + "\n") }},
			failure: "cannot take it", to: time.Second,
		}, {
			name:    "an odd answer",
			scripts: []func(*peer){func(p *peer) { p.accept(); time.Sleep(time.Second); p.say("yes\n") }},
			failure: "cannot read the daemon's answer", from: time.Second, to: time.Second,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				got := wait(t, nil, nil, test.scripts...)
				switch {
				case test.answer != "" && (got.err != nil || got.answer == nil || got.answer.action != test.answer):
					t.Errorf("answer = %+v, error = %v; want %s", got.answer, got.err, test.answer)
				case test.answer == "" && (got.err == nil || !strings.Contains(got.err.Error(), test.failure)):
					t.Errorf("answer = %+v, error = %v; want %q", got.answer, got.err, test.failure)
				}
				if got.after < test.from || got.after > test.to {
					t.Errorf("it took %v, want %v to %v", got.after, test.from, test.to)
				}
			})
		})
	}
}

func TestWaitLeaves(t *testing.T) {
	for _, test := range []struct {
		name    string
		leave   func(signals chan<- os.Signal, gone chan struct{})
		closing string
	}{
		{"at SIGTERM", func(signals chan<- os.Signal, _ chan struct{}) { signals <- syscall.SIGTERM }, "SIGTERM"},
		{"at SIGINT", func(signals chan<- os.Signal, _ chan struct{}) { signals <- syscall.SIGINT }, "SIGINT"},
		{"at SIGHUP", func(signals chan<- os.Signal, _ chan struct{}) { signals <- syscall.SIGHUP }, "SIGHUP"},
		{"without a reader", func(_ chan<- os.Signal, gone chan struct{}) { close(gone) }, "stdout closed"},
	} {
		for _, state := range []struct {
			name    string
			scripts []func(*peer)
		}{
			{"while it waits", []func(*peer){func(p *peer) { p.accept(); p.expect(`{"closing":"` + test.closing + `"}`); p.expect("") }}},
			{"before accepted", []func(*peer){func(p *peer) { p.line(); p.expect(`{"closing":"` + test.closing + `"}`); p.expect("") }}},
			{"while nobody is there", []func(*peer){func(p *peer) { p.accept(); time.Sleep(10 * time.Millisecond) }}},
			{"while the daemon is frozen", []func(*peer){func(p *peer) { p.accept(); time.Sleep(5 * time.Second) }}},
		} {
			t.Run(test.name+" "+state.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					signals, gone := make(chan os.Signal, 1), make(chan struct{})
					time.AfterFunc(time.Second, func() { test.leave(signals, gone) })
					got := wait(t, signals, gone, state.scripts...)
					if got.err == nil || !strings.Contains(got.err.Error(), test.closing) {
						t.Errorf("error = %v", got.err)
					}
					if got.after < time.Second || got.after > time.Second+lastWords {
						t.Errorf("it left after %v", got.after)
					}
				})
			})
		}
	}
}

// A signal says that the question was answered in the terminal, so an answer
// that comes with it is too late.
func TestSignalBeatsAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		signals := make(chan os.Signal, 1)
		got := wait(t, signals, nil, func(p *peer) {
			p.accept()
			time.Sleep(time.Second)
			signals <- syscall.SIGTERM
			p.say(approved)
		})
		if got.answer != nil || got.err == nil {
			t.Errorf("answer = %+v, error = %v", got.answer, got.err)
		}
	})
}

package hook

import (
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
	"syscall"
	"time"

	"claude-permission-daemon/internal/wire/limits"
)

const (
	// soon is how long the daemon's next line may take before the hook prepares
	// for a long wait. A daemon that asks nobody answers at once.
	soon = 5 * time.Millisecond
	// firstPause and lastPause bound the pauses between attempts to come back.
	firstPause = 50 * time.Millisecond
	lastPause  = 2 * time.Second
	// lastWords is how long a line may take that nobody waits for.
	lastWords = 100 * time.Millisecond
)

// question is a request on its way to the daemon and back. It has two halves.
// Until the daemon has accepted it, where there is no daemon the hook hands back
// at once; a connection that the daemon took, or the queue of a socket that
// systemd holds, and that is lost may be a daemon that is being restarted: it is
// tried again in what is left of the time for "accepted". From then on a lost
// connection is taken up again, for a while, with the same id.
type question struct {
	dial   func() (conn, error)
	asked  event
	line   []byte        // the envelope
	within time.Duration // for "accepted"
	until  time.Time     // the end of it, for the first "accepted"

	link      *link         // nil while there is none
	accepted  bool          // by this daemon or one before it
	expecting bool          // "accepted" has to come until due
	due       time.Time     // of the next step: see step
	reattach  time.Duration // for how long it tries to come back
	heard     time.Time     // when the daemon was last heard of, its end included
	pause     time.Duration
	lost      error // why there is no link
}

// ask puts the question to the daemon and prints the answer.
func (q *question) ask(stdout *os.File) error {
	if err := q.attach(); err != nil {
		return err
	}
	answer, err := q.quick()
	if answer == nil && err == nil {
		answer, err = q.patient(stdout)
	}
	if err == nil {
		err = q.print(answer, stdout)
	}
	if q.link != nil {
		q.link.close()
	}
	return err
}

// attach connects and sends the request.
func (q *question) attach() error {
	if q.until.IsZero() {
		q.until, q.pause = time.Now().Add(q.within), firstPause
	}
	to, err := q.dial()
	if err != nil {
		return err
	}
	due := time.Now().Add(q.within)
	if !q.accepted {
		due = q.until
	}
	if err := send(to, q.line, time.Until(due)); err != nil {
		_ = to.Close()
		return err
	}
	q.link, q.expecting, q.due = newLink(to), true, due
	return nil
}

// quick waits for an answer that is as good as there. It returns neither an
// answer nor an error where it takes longer.
func (q *question) quick() (*message, error) {
	for q.link != nil {
		line, err := q.link.read(soon)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			break
		}
		if answer, err := q.take(line, err); answer != nil || err != nil {
			return answer, err
		}
	}
	return nil, nil
}

// patient prepares for a long wait, and waits.
func (q *question) patient(stdout *os.File) (*message, error) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	defer signal.Stop(signals)
	gone, stop := watchReader(stdout)
	defer stop()
	return q.wait(signals, gone)
}

// wait waits for the answer, whatever becomes of the daemon, until a signal
// comes or nobody can read the answer any more.
func (q *question) wait(signals <-chan os.Signal, gone <-chan struct{}) (*message, error) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		var incoming <-chan incoming
		if q.link != nil {
			q.link.follow()
			incoming = q.link.incoming
		}
		timer.Reset(time.Until(q.due))
		select {
		case got := <-signals:
			return nil, q.leave(nameOf(got))
		case <-gone:
			return nil, q.leave(stdoutClosed)
		case got := <-incoming:
			answer, err := q.take(got.line, got.err)
			if err != nil {
				return nil, err
			}
			if answer == nil {
				continue
			}
			select { // Claude Code ends a hook whose question was answered
			case got := <-signals:
				return nil, q.leave(nameOf(got))
			default:
				return answer, nil
			}
		case <-timer.C:
			if err := q.step(); err != nil {
				return nil, err
			}
		}
	}
}

// take digests what came over the link. An error ends the wait, and so does an
// answer.
func (q *question) take(line []byte, err error) (*message, error) {
	if q.link.accepted {
		q.heard = time.Now()
	}
	switch {
	case errors.Is(err, errTooLong):
		return nil, errors.New("cannot read the daemon's answer: " + err.Error())
	case errors.Is(err, io.EOF):
		return nil, q.lose(errors.New("the daemon closed the connection"))
	case errors.Is(err, io.ErrUnexpectedEOF):
		return nil, q.lose(errors.New("the daemon closed the connection within a line"))
	case err != nil:
		return nil, q.lose(errors.New("the connection broke: " + cause(err)))
	}
	got, err := parseMessage(line)
	if err != nil {
		return nil, err
	}
	if !got.accepted {
		return &got, nil
	}
	q.accepted, q.link.accepted, q.expecting = true, true, false
	q.heard, q.pause = time.Now(), firstPause
	if got.reattach > 0 {
		q.reattach = got.reattach
	}
	q.due = q.heard.Add(limits.PingAfter)
	return nil, nil
}

// step does what is due: it gives up a silent daemon, asks for a sign of life,
// or tries to come back.
func (q *question) step() error {
	switch now := time.Now(); {
	case q.link != nil && q.expecting && !q.accepted:
		return errors.New("cannot get an answer: the daemon did not accept the request within " + q.within.String())
	case q.link != nil && q.expecting:
		return q.lose(errors.New("the daemon does not answer"))
	case q.link != nil:
		q.expecting, q.due = true, now.Add(limits.PingAnswer)
		q.link.say([]byte(pingLine))
	case !q.accepted:
		if err := q.attach(); err != nil {
			return errors.New("cannot get an answer: " + q.lost.Error() + ", and then: " + err.Error())
		}
	case now.Sub(q.heard) >= q.reattach:
		return errors.New("cannot come back to the daemon: " + q.lost.Error())
	default:
		if err := q.attach(); err != nil {
			return q.lose(err)
		}
	}
	return nil
}

// lose ends a link that is of no use, or notes that there was none to be had. It
// returns an error where that ends the wait: where the request was not accepted
// in its time.
func (q *question) lose(why error) error {
	end := q.heard.Add(q.reattach)
	if !q.accepted {
		if end = q.until; time.Until(end) <= q.pause {
			return errors.New("cannot get an answer: " + why.Error())
		}
	}
	if q.link != nil {
		q.link.close()
		q.link = nil
	}
	q.lost = why
	// With jitter, so that many hooks do not come to a new daemon at once.
	q.due = time.Now().Add(q.pause/2 + rand.N(q.pause))
	if q.due.After(end) {
		q.due = end
	}
	q.pause = min(2*q.pause, lastPause)
	return nil
}

// leave tells the daemon why the hook ends without an answer.
func (q *question) leave(reason string) error {
	if q.link != nil {
		q.link.say(closingLine(reason))
	}
	return errors.New("cannot wait for the answer: " + reason)
}

// print writes the answer to stdout, and tells the daemon so.
func (q *question) print(answer *message, stdout *os.File) error {
	if answer.action == "passthrough" {
		return nil
	}
	if err := checkOutput(q.asked, *answer); err != nil {
		q.link.say(closingLine("odd answer"))
		return errors.New("cannot use the daemon's answer: " + err.Error())
	}
	err := write(stdout, append(answer.output, '\n'))
	if err == nil && discarded(stdout) {
		err = errors.New("nobody reads stdout")
	}
	if err != nil {
		q.link.say(closingLine(stdoutClosed))
		return errors.New("cannot write the answer: " + cause(err))
	}
	q.link.say([]byte(deliveredLine))
	return nil
}

const stdoutClosed = "stdout closed"

// discarded reports whether a stream is the null device. It is that, too, where
// the process was started without the stream: the runtime sees to it.
func discarded(stream *os.File) bool {
	is, err := stream.Stat()
	if err != nil {
		return false
	}
	null, err := os.Stat(os.DevNull)
	return err == nil && os.SameFile(is, null)
}

// nameOf is the name that a signal has in the protocol.
func nameOf(got os.Signal) string {
	switch got {
	case syscall.SIGTERM:
		return "SIGTERM"
	case syscall.SIGINT:
		return "SIGINT"
	case syscall.SIGHUP:
		return "SIGHUP"
	}
	return got.String()
}

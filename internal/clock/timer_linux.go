package clock

import (
	"errors"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// timerfd is Linux's timer by the wall clock, timerfd_create(2). Reading it
// fails with ECANCELED when that clock is set, as it is, too, when the machine
// wakes up.
type timerfd struct {
	fd      int
	file    *os.File
	reading sync.WaitGroup
}

func newTimer(ring func()) timer {
	fd, err := unix.TimerfdCreate(unix.CLOCK_REALTIME, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil { // no file descriptor is free
		return newCoarse(ring)
	}
	t := &timerfd{fd: fd, file: os.NewFile(uintptr(fd), "timerfd")}
	t.reading.Go(func() { follow(t.file, ring) })
	return t
}

// follow rings for each expiry, and for each time that the clock was set, until
// the timer is closed.
func follow(expiries io.Reader, ring func()) {
	var count [8]byte
	for {
		if _, err := expiries.Read(count[:]); err != nil && !errors.Is(err, unix.ECANCELED) {
			return
		}
		ring()
	}
}

func (t *timerfd) set(at time.Time) {
	when := unix.NsecToTimespec(max(1, at.UnixNano())) // 0 would stop it
	t.settime(unix.ItimerSpec{Value: when})
}

func (t *timerfd) stop() { t.settime(unix.ItimerSpec{}) }

func (t *timerfd) settime(spec unix.ItimerSpec) {
	// It cannot fail: the descriptor is a timer's and the time is valid.
	_ = unix.TimerfdSettime(t.fd, unix.TFD_TIMER_ABSTIME|unix.TFD_TIMER_CANCEL_ON_SET, &spec, nil)
}

func (t *timerfd) close() {
	_ = t.file.Close() // ends the reading
	t.reading.Wait()
}

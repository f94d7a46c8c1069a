package clock

import (
	"fmt"
	"io"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// fakeReads are what reading a timer gives, one after the other. (A test must
// not set the machine's clock.)
type fakeReads []error

func (r *fakeReads) Read([]byte) (int, error) {
	err := (*r)[0]
	*r = (*r)[1:]
	return 8, err
}

// When the clock is set, whoever waits for a moment of it hears of that.
func TestClockWasSet(t *testing.T) {
	cancelled := &os.PathError{Op: "read", Path: "timerfd", Err: unix.ECANCELED}
	rings := 0
	follow(&fakeReads{cancelled, nil, fmt.Errorf("again: %w", cancelled), io.EOF, nil}, func() { rings++ })
	if rings != 3 {
		t.Errorf("%d rings, want 3: one for each time the clock was set or the moment came", rings)
	}
}

// The kernel must take the flags: it is asked to tell when the clock is set.
func TestKernelTellsOfJumps(t *testing.T) {
	timer, ok := newTimer(func() {}).(*timerfd)
	if !ok {
		t.Fatal("no timerfd here")
	}
	defer timer.close()
	spec := unix.ItimerSpec{Value: unix.Timespec{Sec: 1 << 33}}
	if err := unix.TimerfdSettime(timer.fd, unix.TFD_TIMER_ABSTIME|unix.TFD_TIMER_CANCEL_ON_SET, &spec, nil); err != nil {
		t.Error(err)
	}
}

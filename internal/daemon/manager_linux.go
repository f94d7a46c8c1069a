package daemon

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// monotonic is the time by which systemd orders a reload's messages.
func monotonic() []string {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return nil
	}
	return []string{fmt.Sprintf("MONOTONIC_USEC=%d", now.Nano()/1000)}
}

package socket

import (
	"context"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Lost waits until the socket's file was removed or replaced, and returns nil
// then, or until ctx ends. The kernel tells (inotify(7) on the file itself), so
// nothing wakes up meanwhile. An error says that it cannot be watched.
func (l *Listener) Lost(ctx context.Context) error {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return fmt.Errorf("cannot watch the socket: %w", err)
	}
	// The last link's end is a change of an attribute: the socket is open still.
	_, err = unix.InotifyAddWatch(fd, l.path, unix.IN_ATTRIB|unix.IN_DELETE_SELF|unix.IN_MOVE_SELF|unix.IN_DONT_FOLLOW)
	notices := os.NewFile(uintptr(fd), "inotify")
	defer notices.Close() //nolint:errcheck // only read
	if err != nil && l.ours() {
		return fmt.Errorf("cannot watch the socket: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { _ = notices.Close() })
	defer stop()
	buffer := make([]byte, unix.SizeofInotifyEvent+unix.NAME_MAX+1)
	for l.ours() {
		if _, err := notices.Read(buffer); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return fmt.Errorf("cannot watch the socket: %w", err)
		}
	}
	return nil
}

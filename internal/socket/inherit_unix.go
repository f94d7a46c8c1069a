//go:build unix

package socket

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// firstHanded is the first file descriptor that systemd hands over; see
// sd_listen_fds(3).
const firstHanded = 3

// handedOver returns the listening socket that a service manager opened for this
// process, by the variables of sd_listen_fds(3): LISTEN_PID, LISTEN_FDS and
// LISTEN_FDNAMES. nil: there is none. None of what was handed over is passed on
// to children.
func handedOver(getenv func(string) string) (*net.UnixListener, error) {
	if pid, err := strconv.Atoi(getenv("LISTEN_PID")); err != nil || pid != os.Getpid() {
		return nil, nil // it is meant for somebody else, or there is none
	}
	n, err := strconv.Atoi(getenv("LISTEN_FDS"))
	if err != nil || n < 0 || n > 1000 {
		return nil, fmt.Errorf("cannot take the socket that was handed over: LISTEN_FDS is %q", getenv("LISTEN_FDS"))
	}
	names := strings.Split(getenv("LISTEN_FDNAMES"), ":")
	ours := -1
	for fd := firstHanded; fd < firstHanded+n; fd++ {
		unix.CloseOnExec(fd)
		named := fd-firstHanded < len(names) && strings.HasPrefix(names[fd-firstHanded], "claude-permission")
		if n == 1 || named && ours < 0 {
			ours = fd
		}
	}
	switch {
	case n == 0:
		return nil, nil
	case ours < 0:
		return nil, fmt.Errorf("cannot tell which of the %d sockets that were handed over is meant: none has a name that begins with claude-permission (FileDescriptorName=)", n)
	}
	if kind, err := unix.GetsockoptInt(ours, unix.SOL_SOCKET, unix.SO_TYPE); err != nil || kind != unix.SOCK_STREAM {
		return nil, errors.New("cannot take what was handed over: it is no stream socket")
	}
	if listens, err := unix.GetsockoptInt(ours, unix.SOL_SOCKET, unix.SO_ACCEPTCONN); err != nil || listens == 0 {
		return nil, errors.New("cannot take the socket that was handed over: it does not listen (Accept=no is needed)")
	}
	file := os.NewFile(uintptr(ours), "handed over")
	defer file.Close() //nolint:errcheck // the listener has a copy
	l, err := net.FileListener(file)
	if err != nil {
		return nil, fmt.Errorf("cannot take the socket that was handed over: %w", err)
	}
	unixListener, ok := l.(*net.UnixListener)
	if !ok {
		_ = l.Close()
		return nil, errors.New("cannot take the socket that was handed over: it is no unix socket")
	}
	unixListener.SetUnlinkOnClose(false)
	return unixListener, nil
}

package socket

import (
	"fmt"
	"net"

	"golang.org/x/sys/unix"
)

// PeerOf asks the kernel who is at the other end. (Cross-compiled only: no
// such machine was at hand.)
func PeerOf(conn *net.UnixConn) (Peer, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return Peer{}, fmt.Errorf("cannot ask for the peer: %w", err)
	}
	var cred *unix.Xucred
	var pid int
	var asked error
	if err := raw.Control(func(fd uintptr) {
		if cred, asked = unix.GetsockoptXucred(int(fd), unix.SOL_LOCAL, unix.LOCAL_PEERCRED); asked == nil {
			pid, asked = unix.GetsockoptInt(int(fd), unix.SOL_LOCAL, unix.LOCAL_PEERPID)
		}
	}); err != nil {
		return Peer{}, fmt.Errorf("cannot ask for the peer: %w", err)
	}
	if asked != nil {
		return Peer{}, fmt.Errorf("cannot ask for the peer: %w", asked)
	}
	return Peer{PID: pid, UID: int(cred.Uid)}, nil
}

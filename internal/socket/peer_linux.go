package socket

import (
	"fmt"
	"net"

	"golang.org/x/sys/unix"
)

// PeerOf asks the kernel who is at the other end.
func PeerOf(conn *net.UnixConn) (Peer, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return Peer{}, fmt.Errorf("cannot ask for the peer: %w", err)
	}
	var cred *unix.Ucred
	var asked error
	if err := raw.Control(func(fd uintptr) {
		cred, asked = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	}); err != nil {
		return Peer{}, fmt.Errorf("cannot ask for the peer: %w", err)
	}
	if asked != nil {
		return Peer{}, fmt.Errorf("cannot ask for the peer: %w", asked)
	}
	return Peer{PID: int(cred.Pid), UID: int(cred.Uid)}, nil
}

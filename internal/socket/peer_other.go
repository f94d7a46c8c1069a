//go:build !linux && !darwin

package socket

import (
	"net"
	"os"
)

// PeerOf cannot ask on this system: the file's access rights alone keep other
// users out.
func PeerOf(*net.UnixConn) (Peer, error) { return Peer{UID: os.Getuid()}, nil }

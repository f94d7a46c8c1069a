package hook

import (
	"os"
	"syscall"
)

// checkPeer checks that the daemon is the user's own. In a folder for everybody
// anyone could listen at the daemon's path and approve whatever comes.
func checkPeer(fd int, _ string) error {
	peer, err := syscall.GetsockoptUcred(fd, syscall.SOL_SOCKET, syscall.SO_PEERCRED)
	if err != nil {
		return err
	}
	if int(peer.Uid) != os.Geteuid() {
		return errForeign
	}
	return nil
}

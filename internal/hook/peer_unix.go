//go:build unix && !linux

package hook

import (
	"os"
	"syscall"
)

// checkPeer checks that the socket is the user's own. In a folder for
// everybody anyone could listen at the daemon's path and approve whatever
// comes. The standard library cannot ask for the peer here, so the file's owner
// stands for it.
func checkPeer(_ int, path string) error {
	var file syscall.Stat_t
	if err := syscall.Lstat(path, &file); err != nil {
		return err
	}
	if int(file.Uid) != os.Geteuid() {
		return errForeign
	}
	return nil
}

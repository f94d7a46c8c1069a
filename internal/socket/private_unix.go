//go:build unix

package socket

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"syscall"
)

// trustFolder refuses a folder in which another user could put a socket of
// their own in the place of ours.
func trustFolder(dir string) error {
	info, err := os.Stat(dir)
	if err != nil {
		return fmt.Errorf("cannot look at the socket's folder: %w", err)
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if ok && owner.Uid != 0 && int(owner.Uid) != os.Getuid() {
		return fmt.Errorf("cannot listen in %s: it belongs to another user (uid %d)", dir, owner.Uid)
	}
	if info.Mode().Perm()&0o022 != 0 && info.Mode()&os.ModeSticky == 0 {
		return fmt.Errorf("cannot listen in %s: other users may write there", dir)
	}
	return nil
}

// listenPrivately makes the socket inside a folder that only this user can
// enter and moves it into place, so that no moment exists at which another
// user could connect to it. (A umask would be the whole process's.)
func listenPrivately(path string) (*net.UnixListener, error) {
	dir, err := os.MkdirTemp(filepath.Dir(path), ".cp-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // empty by then
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(dir, "s"), Net: "unix"})
	if err != nil {
		return nil, err
	}
	l.SetUnlinkOnClose(false)
	if err := os.Chmod(filepath.Join(dir, "s"), 0o600); err != nil {
		_ = l.Close()
		return nil, err
	}
	if err := os.Rename(filepath.Join(dir, "s"), path); err != nil {
		_ = l.Close()
		return nil, err
	}
	return l, nil
}

package socket

import (
	"fmt"
	"os"
)

// ours reports whether the file at the path is still the one that leads to us.
func (l *Listener) ours() bool {
	info, err := os.Lstat(l.path)
	return err == nil && l.made != nil && os.SameFile(info, l.made)
}

// Renew makes the socket's file anew after it was lost. Connections that were
// accepted go on; those that were not are closed with the old socket. It returns
// a *HeldError where another program listens there now.
func (l *Listener) Renew() error {
	_ = l.UnixListener.Close() // its file is not there to be removed
	unix, err := listen(l.path)
	if err != nil {
		return err
	}
	made, err := os.Lstat(l.path)
	if err != nil {
		_ = unix.Close()
		return fmt.Errorf("cannot look at the socket: %w", err)
	}
	l.UnixListener, l.made, l.lent = unix, made, false
	return nil
}

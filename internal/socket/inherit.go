package socket

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
)

// Take takes the socket as Listen does, but where a service manager such as
// systemd opened it for this process already, that one is served. It outlives
// this process: whoever connects while no daemon runs waits in its queue, so its
// file is left alone in the end. One daemon serves it all the same.
func Take(path string, getenv func(string) string) (*Listener, error) {
	handed, err := handedOver(getenv)
	if err != nil {
		return nil, err
	}
	l, err := take(path, func() (*net.UnixListener, bool, error) {
		switch at := addressOf(handed); {
		case handed == nil:
		case at != path && !sameFile(at, path):
			_ = handed.Close()
			return nil, false, fmt.Errorf("cannot serve the socket that was handed over: it is %s, and hooks connect to %s; claude-permission-daemon service install brings both together", at, path)
		case !exists(path):
			_ = handed.Close() // somebody removed its file: nobody can come that way
		default:
			return handed, true, nil
		}
		l, err := listen(path)
		return l, false, err
	})
	if err != nil && handed != nil {
		_ = handed.Close() // the manager has its own
	}
	return l, err
}

func addressOf(l *net.UnixListener) string {
	if l == nil {
		return ""
	}
	return l.Addr().String()
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return !errors.Is(err, fs.ErrNotExist)
}

func sameFile(a, b string) bool {
	first, err := os.Stat(a)
	if err != nil {
		return false
	}
	second, err := os.Stat(b)
	return err == nil && os.SameFile(first, second)
}

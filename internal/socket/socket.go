// Package socket listens on and dials the daemon's unix socket, and trusts
// neither the file that it finds there nor the process that calls.
package socket

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/gofrs/flock"
)

// HeldError says that another daemon serves the socket.
type HeldError struct {
	Path string
	PID  int // 0: not known
}

func (e *HeldError) Error() string {
	if e.PID == 0 {
		return fmt.Sprintf("another program is listening on %s", e.Path)
	}
	return fmt.Sprintf("the daemon with pid %d is listening on %s", e.PID, e.Path)
}

// Listener accepts connections of the same user only.
type Listener struct {
	*net.UnixListener
	path string
	made os.FileInfo // the file at path that leads to us
	lent bool        // the file is a service manager's, and stays
	lock *flock.Flock
}

// Listen takes the socket: at most one daemon holds it (by a lock beside it),
// one that answers is never replaced, one that does not is. The file is
// reachable by this user only. It returns a *HeldError where another serves it.
func Listen(path string) (*Listener, error) {
	return take(path, func() (*net.UnixListener, bool, error) { l, err := listen(path); return l, false, err })
}

// take takes the lock, and then the socket by open, which says whether its file
// is somebody else's.
func take(path string, open func() (*net.UnixListener, bool, error)) (*Listener, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("cannot make the socket's folder: %w", err)
	}
	if err := trustFolder(filepath.Dir(path)); err != nil {
		return nil, err
	}
	lock := flock.New(path+".lock", flock.SetPermissions(0o600))
	switch got, err := lock.TryLock(); {
	case err != nil:
		return nil, fmt.Errorf("cannot lock %s: %w", path, err)
	case !got:
		return nil, &HeldError{Path: path, PID: pidIn(path + ".lock")}
	}
	l, lent, err := open()
	if err != nil {
		return nil, errors.Join(err, lock.Unlock())
	}
	if err := os.WriteFile(path+".lock", []byte(strconv.Itoa(os.Getpid())+"\n"), 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("cannot note our pid: %w", err), l.Close(), lock.Unlock())
	}
	made, err := os.Lstat(path)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("cannot look at the socket: %w", err), l.Close(), lock.Unlock())
	}
	return &Listener{UnixListener: l, path: path, made: made, lent: lent, lock: lock}, nil
}

func listen(path string) (*net.UnixListener, error) {
	switch info, err := os.Lstat(path); {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, fmt.Errorf("cannot look at the socket: %w", err)
	case info.Mode()&fs.ModeSocket == 0:
		return nil, fmt.Errorf("cannot listen on %s: it is there and is not a socket", path)
	default:
		if held := answers(path); held != nil { // a daemon that takes no lock, such as the Python one
			return nil, held
		}
		if err := os.Remove(path); err != nil {
			return nil, fmt.Errorf("cannot remove the stale socket: %w", err)
		}
	}
	l, err := listenPrivately(path)
	if err != nil {
		return nil, fmt.Errorf("cannot listen: %w", err)
	}
	return l, nil
}

// answers dials the socket; nil: nobody is there.
func answers(path string) *HeldError {
	conn, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil
	}
	defer conn.Close() //nolint:errcheck // only asked
	held := &HeldError{Path: path}
	if peer, err := PeerOf(conn); err == nil {
		held.PID = peer.PID
	}
	return held
}

func pidIn(path string) int {
	content, err := os.ReadFile(path)
	if err != nil {
		return 0
	}
	pid, _ := strconv.Atoi(strings.TrimSpace(string(content))) // 0 where it is none
	return pid
}

// AcceptOwn waits for the next connection of this user; one of another user is
// closed.
func (l *Listener) AcceptOwn() (*net.UnixConn, Peer, error) {
	for {
		conn, err := l.AcceptUnix()
		if err != nil {
			return nil, Peer{}, err
		}
		peer, err := PeerOf(conn)
		if err == nil && peer.UID == os.Getuid() {
			return conn, peer, nil
		}
		_ = conn.Close() // there is nobody to tell
	}
}

// Close stops listening, removes the socket, if it is ours still and was not
// lent, and lets go of the lock.
func (l *Listener) Close() error {
	var err error
	if !l.lent && l.ours() {
		err = os.Remove(l.path)
	}
	closed := l.UnixListener.Close()
	if errors.Is(closed, net.ErrClosed) {
		closed = nil // whoever accepted has closed it to stop
	}
	return errors.Join(err, closed, l.lock.Unlock())
}

// Peer is the process at the other end of a connection, as the kernel says.
type Peer struct{ PID, UID int }

// Dial connects to the daemon.
func Dial(path string) (*net.UnixConn, error) {
	return net.DialUnix("unix", nil, &net.UnixAddr{Name: path, Net: "unix"})
}

//go:build unix

package hook

import (
	"errors"
	"os"
	"syscall"
)

// dial connects to the daemon's socket. It takes the system calls themselves:
// package net costs a third of the hook's start, and a plain connect would
// block where the daemon no longer takes its connections.
func dial(path string) (conn, error) {
	fd, err := connect(path)
	if err != nil {
		return nil, errors.New("cannot connect to " + path + ": " + err.Error())
	}
	// A file that does not block goes to the runtime's poller: it has deadlines.
	return os.NewFile(uintptr(fd), path), nil
}

func connect(path string) (int, error) {
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		return -1, err
	}
	syscall.CloseOnExec(fd)
	if err = syscall.SetNonblock(fd, true); err == nil {
		err = syscall.Connect(fd, &syscall.SockaddrUnix{Name: path})
	}
	if err == nil {
		err = checkPeer(fd, path)
	}
	if err == nil {
		return fd, nil
	}
	_ = syscall.Close(fd) // it was of no use
	switch {
	case errors.Is(err, syscall.EAGAIN):
		err = errors.New("the daemon no longer takes connections")
	case errors.Is(err, syscall.EINVAL):
		err = errors.New("the path is too long for a socket, or empty")
	}
	return -1, err
}

var errForeign = errors.New("the socket is another user's")

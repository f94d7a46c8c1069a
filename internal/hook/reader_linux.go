package hook

import (
	"os"
	"syscall"
	"unsafe"
)

// watchReader returns a channel that is closed when nobody can read any more
// what is written to stdout: Claude Code was killed and left the hook behind.
// stop ends the watch and waits for it.
//
// The runtime's poller cannot tell this of a descriptor that blocks, and one
// shared with others must not be made to stop blocking; so one thread sleeps in
// ppoll.
func watchReader(stdout *os.File) (gone <-chan struct{}, stop func()) {
	closed, ended := make(chan struct{}), make(chan struct{})
	quitRead, quitWrite, err := os.Pipe()
	if err != nil {
		return closed, func() {}
	}
	watched := [2]struct {
		fd              int32
		events, revents int16
	}{
		{fd: int32(stdout.Fd())}, // errors and hang-ups are reported unasked
		{fd: int32(quitRead.Fd())},
	}
	go func() {
		defer close(ended)
		for {
			_, _, errno := syscall.Syscall6(syscall.SYS_PPOLL, uintptr(unsafe.Pointer(&watched)), uintptr(len(watched)), 0, 0, 0, 0)
			if errno == syscall.EINTR {
				continue
			}
			const pollErr, pollHup = 0x8, 0x10
			if errno == 0 && watched[0].revents&(pollErr|pollHup) != 0 {
				close(closed)
			}
			return
		}
	}()
	return closed, func() {
		_ = quitWrite.Close() // closed is closed, also with an error
		<-ended
		_ = quitRead.Close()
	}
}

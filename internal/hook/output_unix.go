//go:build unix

package hook

import (
	"errors"
	"os"
	"syscall"
)

// write writes data to a standard stream of the process. It writes through a
// duplicate: a failed write to descriptors 1 and 2 themselves would end a Go
// program with SIGPIPE, and the hook has to exit with 0.
func write(stream *os.File, data []byte) error {
	fd, err := syscall.Dup(int(stream.Fd()))
	if err != nil {
		return err
	}
	duplicate := os.NewFile(uintptr(fd), stream.Name())
	_, err = duplicate.Write(data)
	return errors.Join(err, duplicate.Close())
}

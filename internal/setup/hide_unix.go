//go:build unix

package setup

import (
	"os"

	"golang.org/x/sys/unix"
)

// hideInput stops a terminal from showing what is typed, and returns what lets
// it again. Lines and Ctrl-C stay as they are.
func hideInput(f *os.File) (show func() error, err error) {
	before, err := unix.IoctlGetTermios(int(f.Fd()), getTermios)
	if err != nil {
		return nil, err
	}
	hidden := *before
	hidden.Lflag &^= unix.ECHO
	if err := unix.IoctlSetTermios(int(f.Fd()), setTermios, &hidden); err != nil {
		return nil, err
	}
	return func() error { return unix.IoctlSetTermios(int(f.Fd()), setTermios, before) }, nil
}

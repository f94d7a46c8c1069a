package setup

import (
	"os"

	"golang.org/x/sys/windows"
)

// hideInput stops a console from showing what is typed, and returns what lets it
// again.
func hideInput(f *os.File) (show func() error, err error) {
	console := windows.Handle(f.Fd())
	var before uint32
	if err := windows.GetConsoleMode(console, &before); err != nil {
		return nil, err
	}
	if err := windows.SetConsoleMode(console, before&^windows.ENABLE_ECHO_INPUT); err != nil {
		return nil, err
	}
	return func() error { return windows.SetConsoleMode(console, before) }, nil
}

package windows

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/windows"
)

// lastInputInfo is the structure LASTINPUTINFO.
type lastInputInfo struct {
	size uint32
	time uint32
}

// ticks asks for the milliseconds since the system's start, and those at the
// last input.
func ticks() (now, last uint32, err error) {
	ask := windows.NewLazySystemDLL("user32.dll").NewProc("GetLastInputInfo")
	clock := windows.NewLazySystemDLL("kernel32.dll").NewProc("GetTickCount")
	for _, proc := range []*windows.LazyProc{ask, clock} {
		if err := proc.Find(); err != nil {
			return 0, 0, fmt.Errorf("cannot ask for the last input: %w", err)
		}
	}
	info := lastInputInfo{size: uint32(unsafe.Sizeof(lastInputInfo{}))}
	if ok, _, err := ask.Call(uintptr(unsafe.Pointer(&info))); ok == 0 {
		return 0, 0, fmt.Errorf("cannot ask for the last input: %w", err)
	}
	count, _, _ := clock.Call()
	return uint32(count), info.time, nil
}

package terminals

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// notice is one event of the kernel's.
type notice struct {
	watch int
	mask  uint32
	name  string // of the file in a watched folder
}

// inotify is one inotify instance.
type inotify struct {
	file *os.File
}

func newInotify() (*inotify, error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("cannot watch terminals: %w", err)
	}
	return &inotify{file: os.NewFile(uintptr(fd), "inotify")}, nil
}

func (n *inotify) Close() error { return n.file.Close() }

// add watches a path and returns the watch's number.
func (n *inotify) add(path string, mask uint32) (watch int, err error) {
	raw, err := n.file.SyscallConn()
	if err != nil {
		return 0, err
	}
	if e := raw.Control(func(fd uintptr) { watch, err = unix.InotifyAddWatch(int(fd), path, mask) }); e != nil {
		err = e
	}
	return watch, err
}

// remove ends a watch; one that has ended by itself is no error.
func (n *inotify) remove(watch int) {
	raw, err := n.file.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) { _, _ = unix.InotifyRmWatch(int(fd), uint32(watch)) })
}

// read waits for events.
func (n *inotify) read(buf []byte) ([]notice, error) {
	size, err := n.file.Read(buf)
	if err != nil {
		return nil, err
	}
	return parseNotices(buf[:size])
}

// parseNotices reads events as inotify(7) lays them out.
func parseNotices(b []byte) ([]notice, error) {
	var all []notice
	for len(b) > 0 {
		if len(b) < unix.SizeofInotifyEvent {
			return nil, errors.New("an inotify event is too short")
		}
		size := unix.SizeofInotifyEvent + int(binary.NativeEndian.Uint32(b[12:]))
		if size > len(b) {
			return nil, errors.New("an inotify event is cut off")
		}
		name := string(b[unix.SizeofInotifyEvent:size])
		if i := strings.IndexByte(name, 0); i >= 0 {
			name = name[:i]
		}
		all = append(all, notice{
			watch: int(int32(binary.NativeEndian.Uint32(b))),
			mask:  binary.NativeEndian.Uint32(b[4:]),
			name:  name,
		})
		b = b[size:]
	}
	return all, nil
}

// kernelTells reports whether this kernel tells of input on a terminal: it
// makes a terminal of its own, types into it and looks.
func kernelTells() bool {
	master, slave, err := openTerminal()
	if err != nil {
		return false
	}
	defer func() { _ = master.Close() }()
	defer func() { _ = slave.Close() }()
	n, err := newInotify()
	if err != nil {
		return false
	}
	defer func() { _ = n.Close() }()
	if _, err := n.add(slave.Name(), unix.IN_ACCESS); err != nil {
		return false
	}
	deadline := time.Now().Add(500 * time.Millisecond)
	if n.file.SetReadDeadline(deadline) != nil {
		return false
	}
	if _, err := master.WriteString("\n"); err != nil {
		return false
	}
	var line [16]byte
	if _, err := slave.Read(line[:]); err != nil { // the line discipline has it at once
		return false
	}
	var buf [512]byte
	got, err := n.read(buf[:])
	return err == nil && len(got) > 0 && got[0].mask&unix.IN_ACCESS != 0
}

// openTerminal makes a pseudo-terminal.
func openTerminal() (master, slave *os.File, err error) {
	master, err = os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, nil, err
	}
	var number int
	raw, err := master.SyscallConn()
	if err == nil {
		e := raw.Control(func(fd uintptr) {
			if number, err = unix.IoctlGetInt(int(fd), unix.TIOCGPTN); err == nil {
				err = unix.IoctlSetPointerInt(int(fd), unix.TIOCSPTLCK, 0)
			}
		})
		if err == nil {
			err = e
		}
	}
	if err == nil {
		slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	}
	if err != nil {
		_ = master.Close()
		return nil, nil, err
	}
	return master, slave, nil
}

package preview

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// Files is the disk as a preview needs it: what a change is compared with.
type Files interface {
	// Read gives the file at an absolute path. It never blocks on what is no
	// regular file and never reads more than a bounded part.
	Read(path string) File
	// Resolve follows the symbolic links of an absolute path as far as the
	// path exists.
	Resolve(path string) string
}

// File is what was found at a path.
type File struct {
	State   FileState
	Content string // of a Regular file
	Size    int64
	Why     string // what was found or failed, where State is Unreadable
}

// FileState says what is at a path.
type FileState int

// What can be at a path. NotRead is the zero value: nobody looked.
const (
	NotRead FileState = iota
	Missing
	Regular
	TooLarge
	Unreadable
)

// MaxFile is the size of the largest file that Disk reads, in bytes.
const MaxFile = 4 << 20

// Disk reads the files of this machine with the rights of this process.
type Disk struct{}

// Read opens path without blocking, makes sure that it is a regular file, and
// reads it unless it is larger than MaxFile.
func (Disk) Read(path string) File {
	// Opening a device may do something, so it is looked at first. What
	// changes in between is met by O_NONBLOCK and the second look.
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return File{State: Missing}
	case err != nil:
		return File{State: Unreadable, Why: cause(err)}
	case !info.Mode().IsRegular():
		return File{State: Unreadable, Why: kindOf(info.Mode())}
	}
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return File{State: Unreadable, Why: cause(err)}
	}
	defer func() { _ = f.Close() }() // only read from
	if info, err = f.Stat(); err != nil {
		return File{State: Unreadable, Why: cause(err)}
	}
	if !info.Mode().IsRegular() {
		return File{State: Unreadable, Why: kindOf(info.Mode())}
	}
	if info.Size() > MaxFile {
		return File{State: TooLarge, Size: info.Size()}
	}
	var b strings.Builder
	b.Grow(int(info.Size()))
	n, err := io.Copy(&b, io.LimitReader(f, MaxFile+1))
	switch {
	case err != nil:
		return File{State: Unreadable, Why: cause(err)}
	case n > MaxFile:
		return File{State: TooLarge, Size: n}
	}
	return File{State: Regular, Content: b.String(), Size: n}
}

// cause is the system's reason without the path, which the card shows already.
func cause(err error) string {
	if pathErr, ok := errors.AsType[*fs.PathError](err); ok {
		return pathErr.Err.Error()
	}
	return err.Error()
}

func kindOf(mode fs.FileMode) string {
	switch {
	case mode.IsDir():
		return "a folder"
	case mode&fs.ModeNamedPipe != 0:
		return "a named pipe"
	case mode&fs.ModeSocket != 0:
		return "a socket"
	case mode&fs.ModeDevice != 0:
		return "a device"
	}
	return "not a regular file"
}

// maxLinks is how many links in a row that lead to nothing are followed, as
// the kernel does.
const maxLinks = 40

// Resolve resolves the longest part of path that exists. A link to nothing is
// still a link, and leads to where it would be made.
func (Disk) Resolve(path string) string {
	path = filepath.Clean(path)
	for range maxLinks {
		next, again := resolveOnce(path)
		if !again {
			return next
		}
		path = next
	}
	return path
}

// resolveOnce follows links up to the first that leads to nothing, and that
// one; again says that it did.
func resolveOnce(path string) (next string, again bool) {
	rest := ""
	for dir := path; ; dir = filepath.Dir(dir) {
		if real, err := filepath.EvalSymlinks(dir); err == nil {
			return filepath.Join(real, rest), false
		}
		if target, err := os.Readlink(dir); err == nil {
			if !filepath.IsAbs(target) {
				from := filepath.Dir(dir)
				if real, err := filepath.EvalSymlinks(from); err == nil {
					from = real
				}
				target = filepath.Join(from, target)
			}
			return filepath.Join(target, rest), true
		}
		if dir == filepath.Dir(dir) {
			return path, false
		}
		rest = filepath.Join(filepath.Base(dir), rest)
	}
}

package settings

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// This file reads and writes settings beside Claude Code, which does it so
// (measured on 2.1.330): it makes the folder "<path>.lock" while it reads,
// changes and writes, tries for half a second if somebody else has it, writes a
// temporary file in the real file's folder and renames it. We do the same, and
// look once more, right before the rename, whether the file is still as it was.

// ErrReadOnly: the file's mode does not let anybody write it. That somebody
// wanted it so is more than that its folder would let us replace it.
var ErrReadOnly = errors.New("the file is read-only")

// file is the state of a settings file.
type file struct {
	exists   bool
	noFolder bool // there is not even a folder for it
	text     []byte
	mode     fs.FileMode
}

const (
	fileMode   = 0o600
	folderMode = 0o700
	// attempts is how often an edit begins anew because the file was changed
	// meanwhile.
	attempts = 20
)

// edit replaces a settings file with what change makes of it. change may be
// called several times, and must not keep anything but of its last call.
// before, if it is given, is called with what is about to be replaced.
func edit(path string, change func(file) (file, error), before func(file) error) error {
	real, err := follow(path)
	if err != nil {
		return wrap(path, err)
	}
	now, err := read(real)
	if err != nil {
		return wrap(path, err)
	}
	wanted, err := change(now)
	if err != nil || same(now, wanted) {
		return wrap(path, err)
	}
	noFolder := now.noFolder
	if noFolder { // the lock is beside the file
		if err := makeFolders(path, real); err != nil {
			return wrap(path, err)
		}
	}
	unlock, err := lock(path)
	if err != nil {
		return wrap(path, err)
	}
	defer unlock()
	for range attempts {
		if now, err = read(real); err != nil {
			return wrap(path, err)
		}
		now.noFolder = noFolder
		wanted, err := change(now)
		if err != nil {
			return wrap(path, err)
		}
		if same(now, wanted) {
			return nil
		}
		if before != nil {
			if err := before(now); err != nil {
				return wrap(path, err)
			}
		}
		done, err := replace(real, now, wanted)
		if err != nil {
			return wrap(path, err)
		}
		if done {
			return nil
		}
	}
	return fmt.Errorf("cannot change %s: somebody else writes it again and again", path)
}

// same reports whether two states have the same text, or both none.
func same(a, b file) bool { return a.exists == b.exists && bytes.Equal(a.text, b.text) }

func wrap(path string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("cannot change %s: %w", path, err)
}

// follow is the file that a path stands for, at the end of its symbolic links,
// whether or not it is there.
func follow(path string) (string, error) {
	for range 40 {
		to, err := os.Readlink(path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return path, nil
		case err != nil: // no link; where it is something else, reading it will tell
			return path, nil //nolint:nilerr // see above
		case filepath.IsAbs(to):
			path = to
		default:
			path = filepath.Join(filepath.Dir(path), to)
		}
	}
	return "", errors.New("too many symbolic links")
}

func read(real string) (file, error) {
	info, err := os.Stat(real)
	if errors.Is(err, fs.ErrNotExist) {
		_, err := os.Stat(filepath.Dir(real))
		return file{noFolder: errors.Is(err, fs.ErrNotExist), mode: fileMode}, nil
	}
	if err != nil {
		return file{}, err
	}
	if !info.Mode().IsRegular() {
		return file{}, errors.New("it is no regular file")
	}
	text, err := os.ReadFile(real)
	if err != nil {
		return file{}, err
	}
	return file{exists: true, text: text, mode: info.Mode().Perm()}, nil
}

// makeFolders makes the folders of the path, where the lock and the backup
// are, and of the real file.
func makeFolders(path, real string) error {
	if err := os.MkdirAll(filepath.Dir(path), folderMode); err != nil {
		return err
	}
	return os.MkdirAll(filepath.Dir(real), folderMode)
}

const (
	// staleAfter is the age from which a lock is nobody's any more: it is held for
	// milliseconds.
	staleAfter = 10 * time.Second
	// lockFor is how long a lock is waited for, where it does not grow old.
	lockFor = 15 * time.Second
)

// lock takes Claude Code's own lock of a settings file. Where nobody gives it
// up, the edit goes on without: what it would have prevented is noticed.
func lock(path string) (unlock func(), err error) {
	name := path + ".lock"
	for deadline := time.Now().Add(lockFor); ; time.Sleep(10 * time.Millisecond) {
		err := os.Mkdir(name, folderMode)
		if err == nil {
			return func() { _ = os.Remove(name) }, nil // as good as gone when stale
		}
		if !errors.Is(err, fs.ErrExist) {
			return nil, err
		}
		if info, err := os.Stat(name); err == nil && time.Since(info.ModTime()) > staleAfter {
			_ = os.Remove(name) // whoever had it did not end well
			continue
		}
		if time.Now().After(deadline) {
			return func() {}, nil
		}
	}
}

// replace puts wanted in the place of a file that is as now; done is false
// where it is not so any more.
func replace(real string, now, wanted file) (done bool, err error) {
	if now.exists {
		err := writable(real, now)
		if errors.Is(err, fs.ErrNotExist) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
	}
	var temporary string
	if wanted.exists {
		if temporary, err = writeBeside(real, real, wanted); err != nil {
			return false, err
		}
		defer os.Remove(temporary) //nolint:errcheck // renamed, as a rule
	}
	again, err := read(real)
	if err != nil {
		return false, err
	}
	if !same(now, again) {
		return false, nil
	}
	if wanted.exists {
		err = os.Rename(temporary, real)
	} else {
		err = os.Remove(real)
	}
	if err != nil {
		return false, err
	}
	syncFolder(filepath.Dir(real))
	return true, nil
}

// writable checks that the file itself may be written, though a rename does not
// need that.
func writable(real string, now file) error {
	if now.mode&0o222 == 0 {
		return ErrReadOnly
	}
	f, err := os.OpenFile(real, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	return f.Close()
}

// writeBeside writes a temporary file beside another, with the mode that is
// wanted, and the owner of a third, if that is there.
func writeBeside(beside, owned string, wanted file) (name string, err error) {
	f, err := os.CreateTemp(filepath.Dir(beside), filepath.Base(beside)+".tmp.*")
	if err != nil {
		return "", err
	}
	name = f.Name()
	_, err = f.Write(wanted.text)
	if err == nil {
		if err = keepOwner(f, owned); errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
	}
	if err == nil {
		err = f.Chmod(wanted.mode) // after the owner, which would clear bits of it
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		_ = os.Remove(name)
		return "", err
	}
	return name, nil
}

// syncFolder makes a rename last. Where a file system cannot, nothing is lost
// but the change.
func syncFolder(name string) {
	if f, err := os.Open(name); err == nil {
		_ = f.Sync()
		_ = f.Close()
	}
}

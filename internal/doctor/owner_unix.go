//go:build unix

package doctor

import (
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// isOurs reports whether a file is this user's. Root owns what it looks at.
func isOurs(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return !ok || int(stat.Uid) == os.Getuid()
}

// room is how much an ordinary user can still write at a path.
func room(path string) (bytes, files uint64, err error) {
	var s unix.Statfs_t
	if err := unix.Statfs(path, &s); err != nil {
		return 0, 0, err
	}
	files = uint64(s.Ffree) //nolint:unconvert,nolintlint // its type differs between systems
	if s.Files == 0 {
		files = 1 << 40 // a file system that has no such limit
	}
	return uint64(s.Bavail) * uint64(s.Bsize), files, nil //nolint:gosec,unconvert,nolintlint // neither is negative
}

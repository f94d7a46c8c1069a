//go:build !unix

package doctor

import (
	"errors"
	"io/fs"
)

// isOurs cannot tell here.
func isOurs(fs.FileInfo) bool { return true }

// room cannot tell here.
func room(string) (bytes, files uint64, err error) {
	return 0, 0, errors.New("not known on this system")
}

package sandbox

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/landlock-lsm/go-landlock/landlock"
	"github.com/landlock-lsm/go-landlock/landlock/syscall"
)

const (
	// writes is every change of a file or folder that Landlock knows since its
	// third version; what is not in it is not restricted.
	writes = syscall.AccessFSWriteFile | syscall.AccessFSTruncate | syscall.AccessFSRemoveDir | syscall.AccessFSRemoveFile |
		syscall.AccessFSMakeChar | syscall.AccessFSMakeDir | syscall.AccessFSMakeReg | syscall.AccessFSMakeSock |
		syscall.AccessFSMakeFifo | syscall.AccessFSMakeBlock | syscall.AccessFSMakeSym | syscall.AccessFSRefer
	// sockets is what socket.Listen does when it makes its socket anew.
	sockets = syscall.AccessFSMakeDir | syscall.AccessFSMakeSock | syscall.AccessFSRefer | syscall.AccessFSRemoveFile | syscall.AccessFSRemoveDir
	// devices are written to by everybody: /dev/null, terminals.
	devices = syscall.AccessFSWriteFile | syscall.AccessFSTruncate
)

// Enter takes the rights away, from all threads and for good. It reports whether
// the kernel could; an error is one of the rules.
func Enter(r Rules) (entered bool, err error) {
	if abi, err := syscall.LandlockGetABIVersion(); err != nil || abi < 2 {
		return false, nil // none, or one that forbids every move between folders
	}
	config, err := landlock.NewConfig(landlock.AccessFSSet(writes))
	if err != nil {
		return false, fmt.Errorf("cannot describe the sandbox: %w", err)
	}
	rules := []landlock.Rule{landlock.PathAccess(devices, "/dev")}
	for access, folders := range map[landlock.AccessFSSet][]string{writes: r.Folders, sockets: r.SocketFolders} {
		for _, folder := range folders {
			switch _, err := os.Stat(folder); {
			case errors.Is(err, fs.ErrNotExist):
				continue // what is not there cannot be written in
			case err != nil:
				return false, fmt.Errorf("cannot describe the sandbox: %w", err)
			}
			rules = append(rules, landlock.PathAccess(access, folder))
		}
	}
	if err := config.BestEffort().RestrictPaths(rules...); err != nil {
		return false, fmt.Errorf("cannot enter the sandbox: %w", err)
	}
	return true, nil
}

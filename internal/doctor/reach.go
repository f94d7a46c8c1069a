package doctor

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"claude-permission-daemon/internal/socket"
)

// startDaemon is the command that starts a daemon where none runs.
func (f *facts) startDaemon() string {
	if f.service().installed {
		return daemonProgram + " service restart"
	}
	return daemonProgram + " service install"
}

// daemonAnswers: a daemon runs and answers. Where no service is installed the
// person starts it when they like.
func daemonAnswers(_ context.Context, f *facts) finding {
	s, err := f.status()
	if err == nil {
		if s.Journal != "" {
			return fail("mend what stands there, then "+f.restart(), "it hands everything back, because its journal cannot be written: %s", s.Journal)
		}
		if len(s.Config) > 0 {
			return warn(daemonProgram+" status", "pid %d; it warns: %s", s.PID, s.Config[0])
		}
		return fine("pid %d answers on %s", s.PID, s.Socket)
	}
	path := f.socketPath()
	switch _, there := os.Lstat(path); {
	case there == nil:
		return fail(f.startDaemon(), "%s is there, but %v", path, err)
	case f.service().installed:
		return fail(f.startDaemon(), "the service is installed, but no daemon runs")
	}
	return warn(f.startDaemon(), "no daemon runs (there is no %s)", path)
}

// socketFile: the socket is one, and nobody else can reach or replace it.
func socketFile(_ context.Context, f *facts) finding {
	path := f.socketPath()
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return skip("there is none: no daemon runs")
	case err != nil:
		return fail("ls -l "+path, "cannot look at it: %v", err)
	case info.Mode()&fs.ModeSocket == 0:
		return fail("rm "+path, "%s is not a socket", path)
	case runtime.GOOS == "windows":
		return fine("%s", path)
	case info.Mode().Perm()&0o077 != 0:
		return fail("chmod 600 "+path, "%s has mode %04o, so other users can reach it", path, info.Mode().Perm())
	case !isOurs(info):
		return fail(f.startDaemon(), "%s belongs to another user", path)
	}
	dir, err := os.Stat(filepath.Dir(path))
	if err == nil && dir.Mode().Perm()&0o022 != 0 && dir.Mode()&os.ModeSticky == 0 {
		return fail("chmod go-w "+filepath.Dir(path), "other users may write to %s and put their own socket there", filepath.Dir(path))
	}
	return fine("%s, mode %04o", path, info.Mode().Perm())
}

// peer: the process at the other end is this user's.
func peer(_ context.Context, f *facts) finding {
	conn, err := socket.Dial(f.socketPath())
	if err != nil {
		return skip("nobody answers")
	}
	defer conn.Close() //nolint:errcheck // only asked
	other, err := socket.PeerOf(conn)
	switch {
	case err != nil:
		return warn(daemonProgram+" status", "the system does not say: %v", err)
	case other.UID != os.Getuid():
		return fail("ls -l "+f.socketPath(), "the daemon runs as uid %d, and you are uid %d", other.UID, os.Getuid())
	}
	return fine("a process of yours (uid %d, pid %d)", other.UID, other.PID)
}

package doctor

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"claude-permission-daemon/internal/journal"
	"claude-permission-daemon/internal/paths"
)

// largeJournal is more than is read within a check's time.
const largeJournal = 64 << 20

// journalChain: the journal can be written, and nobody changed it.
func journalChain(_ context.Context, f *facts) finding {
	if s, err := f.status(); err == nil && s.Journal != "" {
		return fail(f.restart(), "the daemon cannot write it: %s", s.Journal)
	}
	dir, err := paths.StateDir(f.Getenv)
	if err != nil {
		return fail("export HOME=/home/you", "%v", err)
	}
	files, err := journal.Files(dir)
	if err != nil {
		return fail("ls -l "+dir, "%v", err)
	}
	if len(files) == 0 {
		return skip("there is none yet")
	}
	var size int64
	for _, file := range files {
		if info, err := os.Stat(file); err == nil {
			size += info.Size()
		}
	}
	if size > largeJournal {
		return skip("%d MiB are too much for now: %s log verify", size>>20, daemonProgram)
	}
	report, err := journal.Verify(dir)
	if err != nil {
		return fail(daemonProgram+" log verify", "%v", err)
	}
	return fine("%d lines, and the chain is whole", report.Lines)
}

// How much room is little, and how much is too little.
const (
	littleRoom  = 200 << 20
	tooLittle   = 10 << 20
	littleFiles = 1000
)

// disk: there is room where the journal is.
func disk(_ context.Context, f *facts) finding {
	dir, err := paths.StateDir(f.Getenv)
	if err != nil {
		return fail("export HOME=/home/you", "%v", err)
	}
	for { // the nearest folder that there is
		if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) || filepath.Dir(dir) == dir {
			break
		}
		dir = filepath.Dir(dir)
	}
	bytes, files, err := room(dir)
	switch {
	case err != nil:
		return skip("%v", err)
	case bytes < tooLittle || files < littleFiles/10:
		return fail("df -h "+dir, "%d MiB and %d files are free at %s: the journal cannot be written for long", bytes>>20, files, dir)
	case bytes < littleRoom || files < littleFiles:
		return warn("df -h "+dir, "only %d MiB and %d files are free at %s", bytes>>20, files, dir)
	}
	return fine("%.1f GiB free at %s", float64(bytes)/(1<<30), dir)
}

// clock: it is right, as far as this machine, Slack and the journal know.
func clock(_ context.Context, f *facts) finding {
	now := f.now()
	if at, ok := f.lastRecord(); ok && at.After(now.Add(time.Hour)) {
		return warn("timedatectl", "the journal's last line is from %s, which is in the future: the clock was, or is, wrong", at.Local().Format("2006-01-02 15:04"))
	}
	if r, err := f.online(); err == nil && r.known {
		if r.off.Abs() > 30*time.Second {
			return warn("timedatectl set-ntp true", "it differs from Slack's by %v", r.off.Abs().Round(time.Second))
		}
		return fine("it agrees with Slack's")
	}
	switch yes, known := synchronised(); {
	case !known:
		return skip("nobody here says whether it is right: %s", now.Format(time.RFC1123))
	case !yes:
		return warn("timedatectl set-ntp true", "the kernel does not know it to be synchronised: %s", now.Format(time.RFC1123))
	}
	return fine("synchronised: %s", now.Format(time.RFC1123))
}

// lastRecord is the time of the newest journal file's last change by a daemon.
func (f *facts) lastRecord() (time.Time, bool) {
	dir, err := paths.StateDir(f.Getenv)
	if err != nil {
		return time.Time{}, false
	}
	files, err := journal.Files(dir)
	if err != nil || len(files) == 0 {
		return time.Time{}, false
	}
	return lastLineAt(files[len(files)-1])
}

// lastLineAt is the time of the last whole line of a journal file.
func lastLineAt(path string) (time.Time, bool) {
	file, err := os.Open(path)
	if err != nil {
		return time.Time{}, false
	}
	defer file.Close() //nolint:errcheck // only read
	info, err := file.Stat()
	if err != nil {
		return time.Time{}, false
	}
	tail := make([]byte, min(info.Size(), 1<<20))
	if _, err := file.ReadAt(tail, info.Size()-int64(len(tail))); err != nil {
		return time.Time{}, false
	}
	lines := bytes.Split(bytes.TrimSpace(tail), []byte("\n"))
	var last struct {
		At time.Time `json:"at"`
	}
	err = json.Unmarshal(lines[len(lines)-1], &last)
	return last.At, err == nil && !last.At.IsZero()
}

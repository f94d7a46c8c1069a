package journal

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// Files are the journal's files in dir, oldest first, as paths.
func Files(dir string) ([]string, error) {
	files, err := rotatedFiles(dir)
	if err != nil {
		return nil, err
	}
	last := filepath.Join(dir, current)
	if _, err := os.Stat(last); err == nil {
		files = append(files, last)
	}
	return files, nil
}

// rotatedFiles are the files in dir that are full, oldest first, as paths.
func rotatedFiles(dir string) ([]string, error) {
	files, err := filepath.Glob(filepath.Join(dir, "journal-*.jsonl"))
	if err != nil {
		return nil, fmt.Errorf("cannot list the journal: %w", err)
	}
	slices.Sort(files)
	return files, nil
}

// Changed returns a value that is another one whenever lines have been added to
// the journal in dir. It costs one look at a file.
func Changed(dir string) (any, error) {
	info, err := os.Stat(filepath.Join(dir, current))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("cannot look at the journal: %w", err)
	}
	return [2]int64{info.Size(), info.ModTime().UnixNano()}, nil
}

// Read calls f with each line of the journal in dir, oldest first, until f
// returns false. A daemon may be writing meanwhile. A line that cannot be read
// ends it with an error that names the place.
func Read(dir string, f func(Line) bool) error {
	return each(dir, func(at place, raw []byte) error {
		var l Line
		if err := json.Unmarshal(raw, &l); err != nil {
			return fmt.Errorf("cannot read %v: %w", at, err)
		}
		if !f(l) {
			return errEnough
		}
		return nil
	})
}

var errEnough = errors.New("enough")

// place is where a line is.
type place struct {
	file   string
	line   int   // from 1
	offset int64 // of its first byte
}

func (p place) String() string {
	return fmt.Sprintf("%s line %d (byte %d)", filepath.Base(p.file), p.line, p.offset)
}

// each calls f with each whole line of the journal as it was when it began. A
// last line of the newest file without its newline is being written, or was torn
// by a crash, and is left out.
func each(dir string, f func(place, []byte) error) error {
	older, newest, err := snapshot(dir)
	if err != nil {
		return err
	}
	if newest != nil {
		defer newest.Close() //nolint:errcheck // only read
	}
	for _, name := range older {
		file, err := os.Open(name)
		if err != nil {
			return fmt.Errorf("cannot open the journal: %w", err)
		}
		err = eachIn(file, false, f)
		_ = file.Close() // only read
		if err != nil {
			return stopped(err)
		}
	}
	if newest == nil {
		return nil
	}
	return stopped(eachIn(newest, true, f))
}

// snapshot lists the full files and opens the current one, so that they belong
// together although a daemon may rename it at any moment. newest is nil where
// there is none.
func snapshot(dir string) (older []string, newest *os.File, err error) {
	before, err := rotatedFiles(dir)
	if err != nil {
		return nil, nil, err
	}
	for {
		newest, err = os.Open(filepath.Join(dir, current))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, nil, fmt.Errorf("cannot open the journal: %w", err)
		}
		older, err = rotatedFiles(dir)
		if err == nil && slices.Equal(before, older) {
			return older, newest, nil
		}
		if newest != nil {
			_ = newest.Close() // only looked at
		}
		if err != nil {
			return nil, nil, err
		}
		before = older
	}
}

func stopped(err error) error {
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

func eachIn(file *os.File, newest bool, f func(place, []byte) error) error {
	reader := bufio.NewReader(file)
	at := place{file: file.Name()}
	for {
		raw, err := reader.ReadBytes('\n')
		at.line++
		switch {
		case err == nil:
		case errors.Is(err, io.EOF) && (newest || len(raw) == 0):
			return nil
		case errors.Is(err, io.EOF):
			return fmt.Errorf("the chain is broken at %v: the line has no end", at)
		default:
			return fmt.Errorf("cannot read %v: %w", at, err)
		}
		if err := f(at, raw); err != nil {
			return err
		}
		at.offset += int64(len(raw))
	}
}

// Report is what Verify found.
type Report struct {
	Lines    uint64
	FirstSeq uint64 // above 1: older files have been taken away
}

// Verify holds every line against its hash and against the line before it. The
// error names the first place at which the chain is broken. It cannot see that
// whole lines were cut off at the end.
func Verify(dir string) (Report, error) {
	var report Report
	var seq uint64
	var hash string
	err := each(dir, func(at place, raw []byte) error {
		var l Line
		if err := json.Unmarshal(raw, &l); err != nil {
			return fmt.Errorf("the chain is broken at %v: it is not a line of the journal: %w", at, err)
		}
		fail := func(what string) error {
			return fmt.Errorf("the chain is broken at %v, sequence number %d: %s", at, l.Seq, what)
		}
		bare, ok := bytes.CutSuffix(raw, []byte(`,"hash":"`+l.Hash+"\"}\n"))
		switch {
		case l.V != Version:
			return fail(fmt.Sprintf("it is of version %d", l.V))
		case !ok || digest(append(slices.Clip(bare), '}')) != l.Hash:
			return fail("it was changed")
		case report.Lines == 0:
			report.FirstSeq = l.Seq
		case l.Seq != seq+1:
			return fail(fmt.Sprintf("it follows number %d", seq))
		case l.Prev != hash:
			return fail("the line before it was changed")
		}
		if l.Seq == 1 && l.Prev != "" {
			return fail("the first line has one before it")
		}
		seq, hash = l.Seq, l.Hash
		report.Lines++
		return nil
	})
	return report, err
}

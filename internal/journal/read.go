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
	files, err := filepath.Glob(filepath.Join(dir, "journal-*.jsonl"))
	if err != nil {
		return nil, fmt.Errorf("cannot list the journal: %w", err)
	}
	slices.Sort(files)
	last := filepath.Join(dir, current)
	if _, err := os.Stat(last); err == nil {
		files = append(files, last)
	}
	return files, nil
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

// each calls f with each whole line. A last line of the newest file without
// its newline is being written, or was torn by a crash, and is left out.
func each(dir string, f func(place, []byte) error) error {
	files, err := Files(dir)
	if err != nil {
		return err
	}
	for i, name := range files {
		err := eachIn(name, i == len(files)-1, f)
		if errors.Is(err, errEnough) {
			return nil
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // it was rotated away under us
			return err
		}
	}
	return nil
}

func eachIn(name string, newest bool, f func(place, []byte) error) error {
	file, err := os.Open(name)
	if err != nil {
		return fmt.Errorf("cannot open the journal: %w", err)
	}
	defer file.Close() //nolint:errcheck // only read
	reader := bufio.NewReader(file)
	at := place{file: name}
	for {
		raw, err := reader.ReadBytes('\n')
		at.line++
		switch {
		case err == nil:
		case errors.Is(err, io.EOF) && (newest || len(raw) == 0):
			return nil
		case errors.Is(err, io.EOF):
			return fmt.Errorf("%v has no end", at)
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

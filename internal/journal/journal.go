// Package journal is the append-only record of what was asked, decided and
// told: JSON lines in one folder, one writer, each line chained to the one
// before it by a hash. docs/journal.md is the manual.
//
// It serves two readers: a daemon that starts, which finds the requests that
// were open, and a person who asks later who allowed what.
package journal

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"

	"claude-permission-daemon/internal/permit"
)

// Version is the "v" of every line.
const Version = 1

// name is the journal's file in its folder.
const name = "journal.jsonl"

// Line is one line of the journal.
type Line struct {
	V   int    `json:"v"`
	Seq uint64 `json:"seq"` // from 1, without gaps
	permit.Record
	// Prev is the Hash of the line before; empty on the first.
	Prev string `json:"prev"`
	// Hash is the SHA-256, in hex, of the line without its hash field.
	Hash string `json:"hash,omitempty"`
}

// Journal appends records. It is the only writer of its folder while it is
// open. Methods are safe for concurrent use.
type Journal struct {
	mu   sync.Mutex
	path string
	file *os.File // nil after a failure, until the next try
	size int64    // of what is whole in the file
	seq  uint64
	hash string
	err  error // of the last Append; nil once one has succeeded
}

// Open opens the journal in dir (made with mode 0700 if it is not there) and
// returns what it holds. A torn last line, the mark of a crash while writing,
// is cut off; repaired says so in words. A journal whose chain is broken is
// still opened: what can be read is used, and Verify names the place.
func Open(dir string) (j *Journal, records []permit.Record, repaired string, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, nil, "", fmt.Errorf("cannot make the journal's folder: %w", err)
	}
	j = &Journal{path: filepath.Join(dir, name)}
	if err := j.open(); err != nil {
		return nil, nil, "", err
	}
	content, err := os.ReadFile(j.path)
	if err != nil {
		return nil, nil, "", errors.Join(fmt.Errorf("cannot read the journal: %w", err), j.file.Close())
	}
	whole := content[:bytes.LastIndexByte(content, '\n')+1]
	if torn := len(content) - len(whole); torn > 0 {
		if err := j.file.Truncate(int64(len(whole))); err != nil {
			return nil, nil, "", errors.Join(fmt.Errorf("cannot repair the journal: %w", err), j.file.Close())
		}
		repaired = fmt.Sprintf("cut off a torn last line of %d bytes at byte %d", torn, len(whole))
	}
	j.size = int64(len(whole))
	for line := range bytes.Lines(whole) {
		var l Line
		if json.Unmarshal(line, &l) != nil {
			continue // Verify tells where
		}
		j.seq, j.hash = l.Seq, l.Hash
		records = append(records, l.Record)
	}
	return j, records, repaired, nil
}

func (j *Journal) open() error {
	file, err := os.OpenFile(j.path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("cannot open the journal: %w", err)
	}
	j.file = file
	return nil
}

// Append adds the records in one write, and with sync set returns only once
// they are on the disk. After an error nothing of them counts: what was half
// written is taken back here or by the next Append, which starts afresh.
func (j *Journal) Append(records []permit.Record, sync bool) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.err = j.append(records, sync)
	return j.err
}

func (j *Journal) append(records []permit.Record, sync bool) error {
	if j.file == nil {
		if err := j.open(); err != nil {
			return fmt.Errorf("cannot write the journal: %w", cause(err))
		}
		if err := j.file.Truncate(j.size); err != nil {
			err = errors.Join(cause(err), j.file.Close())
			j.file = nil
			return fmt.Errorf("cannot write the journal: %w", err)
		}
	}
	seq, hash := j.seq, j.hash
	var lines []byte
	for _, record := range records {
		line, sum, err := seal(Line{V: Version, Seq: seq + 1, Record: record, Prev: hash})
		if err != nil {
			return err
		}
		seq, hash = seq+1, sum
		lines = append(lines, line...)
	}
	_, err := j.file.Write(lines)
	if err == nil && sync {
		err = j.file.Sync()
	}
	if err != nil {
		// What the file holds past size is unknown: cut it off, and start the next
		// Append with a fresh file handle (a failed fsync is not to be retried).
		err = errors.Join(cause(err), j.file.Truncate(j.size), j.file.Close())
		j.file = nil
		return fmt.Errorf("cannot write the journal: %w", err)
	}
	j.seq, j.hash, j.size = seq, hash, j.size+int64(len(lines))
	return nil
}

// cause is the system's own word for what went wrong, without our path.
func cause(err error) error {
	if path, ok := errors.AsType[*os.PathError](err); ok {
		return path.Err
	}
	return err
}

// seal encodes a line with its hash.
func seal(l Line) (line []byte, hash string, err error) {
	l.Hash = ""
	body, err := json.Marshal(l)
	if err != nil {
		return nil, "", fmt.Errorf("cannot encode a record: %w", err)
	}
	sum := sha256.Sum256(body)
	hash = hex.EncodeToString(sum[:])
	body = append(body[:len(body)-1], `,"hash":"`+hash+"\"}\n"...)
	return body, hash, nil
}

// Err is why the last Append failed; nil when it did not.
func (j *Journal) Err() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.err
}

// Close closes the file.
func (j *Journal) Close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.file == nil {
		return nil
	}
	return j.file.Close()
}

// Read calls f with each line of the journal in dir, oldest first, until f
// returns false. A daemon may be writing meanwhile.
func Read(dir string, f func(Line) bool) error {
	file, err := os.Open(filepath.Join(dir, name))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("cannot open the journal: %w", err)
	}
	defer file.Close() //nolint:errcheck // only read
	decoder := json.NewDecoder(file)
	for {
		var l Line
		err := decoder.Decode(&l)
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil // the last line is being written
		}
		if err != nil {
			return fmt.Errorf("cannot read the journal after line %d: %w", l.Seq, err)
		}
		if !f(l) {
			return nil
		}
	}
}

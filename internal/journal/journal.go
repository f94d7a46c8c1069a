// Package journal is the append-only record of what was asked, decided and
// told: JSON lines in one folder, one writer, each line chained to the one
// before it by a hash. docs/journal.md is the manual.
//
// It serves two readers: a daemon that starts, which finds the requests that
// were open, and a person who asks later who allowed what. read.go is theirs.
package journal

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"github.com/gofrs/flock"

	"claude-permission-daemon/internal/permit"
)

// Version is the "v" of every line.
const Version = 1

// MaxSize is how large the current file may become, in bytes, before the next
// one is begun. Open reads at most two files of about this size.
const MaxSize = 8 << 20

// current is the file that is written; older ones are named by rotated.
const current = "journal.jsonl"

// Line is one line of the journal.
type Line struct {
	V   int    `json:"v"`
	Seq uint64 `json:"seq"` // from 1, without gaps, across files
	permit.Record
	// Prev is the Hash of the line before; empty on the very first.
	Prev string `json:"prev"`
	// Hash is the SHA-256, in hex, of the line without its hash field.
	Hash string `json:"hash,omitempty"`
}

// Journal appends records. It is the only writer of its folder while it is
// open. Methods are safe for concurrent use.
type Journal struct {
	mu   sync.Mutex
	dir  string
	max  int64
	lock *flock.Flock
	file *os.File // nil after a failure, until the next try
	size int64    // of what is whole in the file
	seq  uint64
	hash string
}

// Opened is what Open found.
type Opened struct {
	*Journal
	// Records are those of the current file and the one before it.
	Records []permit.Record
	// Repaired says in words what was mended; empty: nothing was.
	Repaired string
}

// HeldError says that another daemon writes the journal.
type HeldError struct{ Dir string }

func (e *HeldError) Error() string {
	return fmt.Sprintf("cannot open the journal in %s: another daemon writes it", e.Dir)
}

// Open opens the journal in dir (made with mode 0700 if it is not there) for
// writing, and reads what the newest files hold. A torn last line, the mark of
// a crash while writing, is cut off. A journal whose chain is broken is still
// opened: what can be read is used, and Verify names the place. Where
// another daemon has the journal open the error is a *HeldError; any other may
// pass.
func Open(dir string) (Opened, error) { return open(dir, MaxSize) }

func open(dir string, maxSize int64) (o Opened, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return Opened{}, fmt.Errorf("cannot make the journal's folder: %w", err)
	}
	j := &Journal{dir: dir, max: maxSize, lock: flock.New(filepath.Join(dir, current+".lock"), flock.SetPermissions(0o600))}
	switch got, err := j.lock.TryLock(); {
	case err != nil:
		return Opened{}, fmt.Errorf("cannot lock the journal: %w", err)
	case !got:
		return Opened{}, &HeldError{Dir: dir}
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, j.Close())
		}
	}()
	if err := j.openFile(); err != nil {
		return Opened{}, err
	}
	o = Opened{Journal: j}
	if files, err := rotatedFiles(dir); err != nil {
		return Opened{}, err
	} else if len(files) > 0 {
		older, err := os.ReadFile(files[len(files)-1])
		if err != nil {
			return Opened{}, fmt.Errorf("cannot read the journal: %w", err)
		}
		o.take(older)
	}
	content, err := os.ReadFile(j.path())
	if err != nil {
		return Opened{}, fmt.Errorf("cannot read the journal: %w", err)
	}
	whole := content[:bytes.LastIndexByte(content, '\n')+1]
	if torn := len(content) - len(whole); torn > 0 {
		if err := j.file.Truncate(int64(len(whole))); err != nil {
			return Opened{}, fmt.Errorf("cannot repair the journal: %w", err)
		}
		o.Repaired = fmt.Sprintf("cut off a torn last line of %d bytes at byte %d", torn, len(whole))
	}
	j.size = int64(len(whole))
	o.take(whole)
	return o, nil
}

// take reads whole lines. One that cannot be read is passed over: Verify names
// its place.
func (o *Opened) take(content []byte) {
	for raw := range bytes.Lines(content) {
		var l Line
		if json.Unmarshal(raw, &l) != nil {
			continue
		}
		o.seq, o.hash = l.Seq, l.Hash
		o.Records = append(o.Records, l.Record)
	}
}

func (j *Journal) path() string { return filepath.Join(j.dir, current) }

func (j *Journal) openFile() error {
	file, err := os.OpenFile(j.path(), os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("cannot open the journal: %w", err)
	}
	j.file = file
	return nil
}

// Append adds the records in one write, and with sync set returns only once
// they are on the disk. After an error none of them counts: what was half
// written is cut off here, or by the next Append, which starts afresh.
func (j *Journal) Append(records []permit.Record, sync bool) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := j.append(records, sync); err != nil {
		return fmt.Errorf("cannot write the journal: %w", cause(err))
	}
	return nil
}

func (j *Journal) append(records []permit.Record, sync bool) error {
	if err := j.ready(); err != nil {
		return err
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
		// What the file holds past size is unknown. Cut it off, and let the next
		// Append begin with a fresh file: a failed fsync is not to be retried.
		return j.abandon(err)
	}
	j.seq, j.hash, j.size = seq, hash, j.size+int64(len(lines))
	return nil
}

// ready makes sure that there is a file to append to, at its end.
func (j *Journal) ready() error {
	if j.file == nil {
		if err := j.openFile(); err != nil {
			return err
		}
		if err := j.file.Truncate(j.size); err != nil {
			return j.abandon(err)
		}
	}
	if j.size < j.max {
		return nil
	}
	if err := os.Rename(j.path(), filepath.Join(j.dir, rotated(j.seq))); err != nil {
		return err
	}
	closed := j.file.Close()
	j.file, j.size = nil, 0
	return errors.Join(closed, j.openFile())
}

// abandon lets go of the file after an error, which it returns.
func (j *Journal) abandon(err error) error {
	_ = j.file.Truncate(j.size) // ready tries again
	_ = j.file.Close()
	j.file = nil
	return err
}

// rotated is the name of a file that is full, by the number of its last line.
func rotated(seq uint64) string { return fmt.Sprintf("journal-%012d.jsonl", seq) }

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
	hash = digest(body)
	return append(body[:len(body)-1], `,"hash":"`+hash+"\"}\n"...), hash, nil
}

func digest(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}

// Close closes the file and lets go of the folder.
func (j *Journal) Close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	var err error
	if j.file != nil {
		err = j.file.Close()
		j.file = nil
	}
	return errors.Join(err, j.lock.Unlock())
}

package wire

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// ErrTooLong is returned by Reader.Line for a line over the limit. The
// connection is of no use afterwards.
var ErrTooLong = errors.New("line too long")

// Reader reads lines of limited length.
type Reader struct {
	buffered *bufio.Reader
	limit    int
}

// NewReader reads lines of at most limit bytes, newline included.
func NewReader(r io.Reader, limit int) *Reader {
	return &Reader{buffered: bufio.NewReaderSize(r, 4096), limit: limit}
}

// Line returns the next line without its newline; the slice is the caller's.
// At the end of input it returns io.EOF, and io.ErrUnexpectedEOF for a last
// line without a newline.
func (r *Reader) Line() ([]byte, error) {
	var line []byte
	for {
		part, err := r.buffered.ReadSlice('\n')
		if len(line)+len(part) > r.limit {
			return nil, fmt.Errorf("%w: over %d bytes", ErrTooLong, r.limit)
		}
		line = append(line, part...)
		switch {
		case err == nil:
			return line[:len(line)-1], nil
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case errors.Is(err, io.EOF) && len(line) > 0:
			return nil, io.ErrUnexpectedEOF
		default:
			return nil, err
		}
	}
}

// Write writes v as one line, in one call to w.
func Write(w io.Writer, v any) error {
	line, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("cannot encode a line: %w", err)
	}
	_, err = w.Write(append(line, '\n'))
	return err
}

// ParseFromHook reads a line that a waiting hook sent.
func ParseFromHook(line []byte) (FromHook, error) {
	var said FromHook
	if err := json.Unmarshal(line, &said); err != nil {
		return FromHook{}, fmt.Errorf("cannot read the line: %w", err)
	}
	return said, nil
}

// ParseEnvelope reads the first line of a connection. V is 0 and Op empty where
// the line is a bare one.
func ParseEnvelope(line []byte) (Envelope, error) {
	var kind struct {
		V  json.RawMessage `json:"v"`
		Op json.RawMessage `json:"op"`
	}
	if err := json.Unmarshal(line, &kind); err != nil {
		return Envelope{}, fmt.Errorf("cannot read the line: %w", err)
	}
	if kind.V == nil && kind.Op == nil {
		return Envelope{}, nil
	}
	var e Envelope
	if err := json.Unmarshal(line, &e); err != nil {
		return Envelope{}, fmt.Errorf("cannot read the line: %w", err)
	}
	switch {
	case e.V != Version:
		return Envelope{}, fmt.Errorf("cannot speak version %d of the protocol, only %d", e.V, Version)
	case e.Op == "":
		return Envelope{}, errors.New("cannot serve the line: op is missing")
	}
	return e, nil
}

package hook

import (
	"errors"
	"io"
)

var errTooLong = errors.New("a line over 16 MiB")

// lines reads lines of limited length. A read that failed with a time-out can
// be taken up again.
type lines struct {
	from  io.Reader
	limit int // newline included
	// buffered holds what was read; what comes before start has been handed
	// out, and from start to scanned there is no newline.
	buffered       []byte
	start, scanned int
}

// next returns the next line without its newline; the slice is the caller's.
// It returns io.ErrUnexpectedEOF where the input ends within a line.
func (l *lines) next() ([]byte, error) {
	for {
		for l.scanned < len(l.buffered) {
			if l.buffered[l.scanned] == '\n' {
				if l.scanned+1-l.start > l.limit {
					return nil, errTooLong
				}
				line := append([]byte(nil), l.buffered[l.start:l.scanned]...)
				l.scanned++
				l.start = l.scanned
				return line, nil
			}
			l.scanned++
		}
		if l.start > 0 {
			kept := copy(l.buffered, l.buffered[l.start:])
			l.buffered, l.start, l.scanned = l.buffered[:kept], 0, kept
		}
		if len(l.buffered) >= l.limit {
			return nil, errTooLong
		}
		if len(l.buffered) == cap(l.buffered) {
			grown := make([]byte, len(l.buffered), max(4096, 2*cap(l.buffered)))
			copy(grown, l.buffered)
			l.buffered = grown
		}
		n, err := l.from.Read(l.buffered[len(l.buffered):cap(l.buffered)])
		l.buffered = l.buffered[:len(l.buffered)+n]
		switch {
		case n > 0: // an error comes again with the next read
		case err == io.EOF && len(l.buffered) > 0:
			return nil, io.ErrUnexpectedEOF
		case err != nil:
			return nil, err
		}
	}
}

package hook

import (
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

func TestLines(t *testing.T) {
	long := strings.Repeat("x", 10_000)
	for _, test := range []struct {
		name, input string
		limit       int
		want        []string
		end         error
	}{
		{"nothing", "", 100, nil, io.EOF},
		{"two lines", "a\n\nb\n", 100, []string{"a", "", "b"}, io.EOF},
		{"half a line", "a\nb", 100, []string{"a"}, io.ErrUnexpectedEOF},
		{"longer than the buffer", long + "\nb\n", 20_000, []string{long, "b"}, io.EOF},
		{"as long as allowed", "123\n", 4, []string{"123"}, io.EOF},
		{"a byte too long", "a\n1234\n", 4, []string{"a"}, errTooLong},
		{"without an end", long, 5000, nil, errTooLong},
	} {
		for _, reader := range []struct {
			name string
			wrap func(io.Reader) io.Reader
		}{
			{"at once", func(r io.Reader) io.Reader { return r }},
			{"byte by byte", iotest.OneByteReader},
			{"with the error", iotest.DataErrReader},
		} {
			t.Run(test.name+", "+reader.name, func(t *testing.T) {
				l := &lines{from: reader.wrap(strings.NewReader(test.input)), limit: test.limit}
				for _, want := range test.want {
					if got, err := l.next(); err != nil || string(got) != want {
						t.Fatalf("next = %.20q, %v; want %.20q", got, err, want)
					}
				}
				if got, err := l.next(); !errors.Is(err, test.end) {
					t.Errorf("at the end: %.20q, %v; want %v", got, err, test.end)
				}
			})
		}
	}
}

func TestLinesAfterTimeout(t *testing.T) {
	here, there := net.Pipe()
	defer here.Close()
	l := &lines{from: here, limit: 100}
	go func() { _, _ = there.Write([]byte("half ")) }()
	for {
		_ = here.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
		if _, err := l.next(); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("half a line: %v", err)
		}
		if len(l.buffered) > 0 {
			break
		}
	}
	_ = here.SetReadDeadline(time.Time{})
	go func() { _, _ = there.Write([]byte("a line\n")) }()
	if got, err := l.next(); err != nil || string(got) != "half a line" {
		t.Errorf("next = %q, %v", got, err)
	}
}

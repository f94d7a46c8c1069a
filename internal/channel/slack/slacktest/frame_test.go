package slacktest

import (
	"bufio"
	"bytes"
	"testing"
)

// Whatever bytes come, a frame is read or refused; and what is read was there.
func FuzzReadFrame(f *testing.F) {
	f.Add([]byte{0x81, 0x82, 1, 2, 3, 4, '{' ^ 1, '}' ^ 2})
	f.Add([]byte{0x81, 0xFE, 0, 3, 0, 0, 0, 0, 'a', 'b', 'c'})
	f.Add([]byte{0x88, 0x82, 0, 0, 0, 0, 3, 0xE8})
	f.Add([]byte{0x81, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF})
	f.Fuzz(func(t *testing.T, in []byte) {
		got, err := readFrame(bufio.NewReader(bytes.NewReader(in)))
		if err != nil {
			return
		}
		if len(got.payload) > len(in)-6 {
			t.Fatalf("%d bytes of payload from %d bytes", len(got.payload), len(in))
		}
		if got.op == opClose {
			closeCode(got.payload)
		}
	})
}

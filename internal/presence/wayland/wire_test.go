package wayland

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"
)

// The bytes of a bind, as libwayland sends them on a little-endian machine.
func TestRequestBytes(t *testing.T) {
	if binary.NativeEndian.Uint16([]byte{1, 0}) != 1 {
		t.Skip("the bytes below are little-endian")
	}
	got := request(2, 0, uint32(7), "wl_seat", uint32(1), uint32(4))
	want := []byte{
		2, 0, 0, 0, 0, 0, 32, 0,
		7, 0, 0, 0,
		8, 0, 0, 0, 'w', 'l', '_', 's', 'e', 'a', 't', 0,
		1, 0, 0, 0, 4, 0, 0, 0,
	}
	if !slices.Equal(got, want) {
		t.Errorf("% x, want % x", got, want)
	}
}

func FuzzReadMessage(f *testing.F) {
	f.Add(request(2, 0, uint32(7), "wl_seat", uint32(1)))
	f.Add(request(1, 0, uint32(3), uint32(1), "invalid method"))
	f.Add(request(2, 0, uint32(7), "", uint32(1)))
	f.Add([]byte{1, 0, 0, 0, 0, 0, 4, 0})
	f.Add(append(request(2, 0, uint32(1)), 0xff, 0xff, 0xff, 0xff))
	f.Fuzz(func(t *testing.T, data []byte) {
		r := bytes.NewReader(data)
		for {
			m, err := readMessage(r)
			if err != nil {
				return
			}
			if len(m.args)%4 != 0 {
				t.Fatalf("%d bytes of arguments", len(m.args))
			}
			_, _, _ = offered(m)
			if protocolError(m) == nil {
				t.Fatal("an error event is no error")
			}
		}
	})
}

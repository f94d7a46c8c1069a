package wayland

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// The wire is the one of the Wayland book, chapter "Wire Protocol": words of 32
// bits in the machine's own byte order; a message is the object's id, then
// size<<16 | opcode, then the arguments.

const headerSize = 8

// message is one event as it came, or one request as it goes.
type message struct {
	object uint32
	opcode uint16
	args   []byte
}

var errShort = errors.New("a message is too short")

// request builds a message; an argument is a uint32 or a string.
func request(object uint32, opcode uint16, args ...any) []byte {
	b := make([]byte, headerSize, 64)
	for _, arg := range args {
		switch arg := arg.(type) {
		case uint32:
			b = binary.NativeEndian.AppendUint32(b, arg)
		case string:
			b = binary.NativeEndian.AppendUint32(b, uint32(len(arg)+1)) // with its NUL
			b = append(b, arg...)
			for b = append(b, 0); len(b)%4 != 0; {
				b = append(b, 0)
			}
		default:
			panic(fmt.Sprintf("no such argument on the wire: %T", arg))
		}
	}
	binary.NativeEndian.PutUint32(b, object)
	binary.NativeEndian.PutUint32(b[4:], uint32(len(b))<<16|uint32(opcode))
	return b
}

// readMessage reads one message; at most 64 KiB by the format.
func readMessage(r io.Reader) (message, error) {
	var head [headerSize]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return message{}, err
	}
	word := binary.NativeEndian.Uint32(head[4:])
	m := message{object: binary.NativeEndian.Uint32(head[:]), opcode: uint16(word)}
	size := int(word >> 16)
	if size < headerSize || size%4 != 0 {
		return message{}, fmt.Errorf("a message claims to have %d bytes", size)
	}
	m.args = make([]byte, size-headerSize)
	_, err := io.ReadFull(r, m.args)
	return m, err
}

// uint takes the next argument off the message.
func (m *message) uint() (uint32, error) {
	if len(m.args) < 4 {
		return 0, errShort
	}
	v := binary.NativeEndian.Uint32(m.args)
	m.args = m.args[4:]
	return v, nil
}

// string takes the next argument off the message.
func (m *message) string() (string, error) {
	size, err := m.uint()
	if err != nil {
		return "", err
	}
	padded := (uint64(size) + 3) &^ 3
	if padded > uint64(len(m.args)) {
		return "", errShort
	}
	text := m.args[:size]
	m.args = m.args[padded:]
	if size == 0 {
		return "", nil
	}
	return string(text[:size-1]), nil
}

package x11

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

// The wire is the one of the X Window System Protocol, appendix B, and of the
// X Synchronization Extension. The client chooses the byte order: ours is
// little-endian, everywhere.
var order = binary.LittleEndian

const (
	protocolMajor = 11
	cookieAuth    = "MIT-MAGIC-COOKIE-1"
	packetSize    = 32 // of every event and error, and of a reply's first part

	packetError = 0
	packetReply = 1
	sentEvent   = 0x80 // set in the type of an event that another client made up

	// maxReply is the longest reply that is believed; the list of system
	// counters, the longest that is asked for, has some hundred bytes.
	maxReply = 1 << 16
)

// packet is a reply with all its bytes, an error or an event.
type packet []byte

func (p packet) kind() byte { return p[0] &^ sentEvent }

// pad is n rounded up to whole words.
func pad(n int) int { return (n + 3) &^ 3 }

// setupRequest opens a connection; an empty cookie asks to be let in without.
func setupRequest(cookie []byte) []byte {
	name := ""
	if len(cookie) > 0 {
		name = cookieAuth
	}
	b := []byte{'l', 0}
	for _, v := range []int{protocolMajor, 0, len(name), len(cookie), 0} {
		b = order.AppendUint16(b, uint16(v))
	}
	b = append(b, name...)
	b = append(b, make([]byte, pad(len(name))-len(name))...)
	b = append(b, cookie...)
	return append(b, make([]byte, pad(len(cookie))-len(cookie))...)
}

// readSetup reads the server's answer and returns the first id that this
// connection may give to things.
func readSetup(r io.Reader) (firstID uint32, err error) {
	head := make([]byte, 8)
	if _, err := io.ReadFull(r, head); err != nil {
		return 0, fmt.Errorf("cannot read its greeting: %w", err)
	}
	body := make([]byte, 4*int(order.Uint16(head[6:])))
	if _, err := io.ReadFull(r, body); err != nil {
		return 0, fmt.Errorf("cannot read its greeting: %w", err)
	}
	switch {
	case head[0] != 1:
		reason := body[:min(int(head[1]), len(body))]
		return 0, fmt.Errorf("it lets nobody in: %q", reason)
	case order.Uint16(head[2:]) != protocolMajor || len(body) < 12:
		return 0, errors.New("it speaks another protocol")
	}
	return order.Uint32(body[4:]) + 1, nil
}

// request builds a request of whole words.
func request(opcode, minor byte, words ...uint32) []byte {
	b := []byte{opcode, minor, 0, 0}
	order.PutUint16(b[2:], uint16(1+len(words)))
	for _, w := range words {
		b = order.AppendUint32(b, w)
	}
	return b
}

// queryExtension asks by what numbers the server knows an extension.
func queryExtension(name string) []byte {
	b := []byte{98, 0, 0, 0}
	order.PutUint16(b[2:], uint16(2+pad(len(name))/4))
	b = order.AppendUint16(b, uint16(len(name)))
	b = append(b, 0, 0)
	b = append(b, name...)
	return append(b, make([]byte, pad(len(name))-len(name))...)
}

// readPacket reads whatever the server sends next.
func readPacket(r *bufio.Reader) (packet, error) {
	p := make(packet, packetSize)
	if _, err := io.ReadFull(r, p); err != nil {
		return nil, err
	}
	if p[0] != packetReply {
		return p, nil
	}
	more := uint64(order.Uint32(p[4:])) * 4
	if more > maxReply {
		return nil, fmt.Errorf("a reply claims to have %d bytes", more)
	}
	p = append(p, make([]byte, more)...)
	_, err := io.ReadFull(r, p[packetSize:])
	return p, err
}

// counterNamed finds a counter in the reply of ListSystemCounters.
func counterNamed(p packet, name string) (id uint32, ok bool) {
	n := order.Uint32(p[8:])
	list := p[packetSize:]
	const fixed = 14 // id, resolution, length of the name
	for ; n > 0 && len(list) >= fixed; n-- {
		length := int(order.Uint16(list[12:]))
		if len(list) < fixed+length {
			break
		}
		if string(list[fixed:fixed+length]) == name {
			return order.Uint32(list), true
		}
		list = list[min(pad(fixed+length), len(list)):]
	}
	return 0, false
}

// value64 reads a 64-bit value, high word first.
func value64(b []byte) int64 {
	return int64(order.Uint32(b))<<32 | int64(order.Uint32(b[4:]))
}

// send writes with a time limit.
func send(conn net.Conn, b []byte) error {
	if err := conn.SetWriteDeadline(time.Now().Add(answerTime)); err != nil {
		return err
	}
	_, err := conn.Write(b)
	return err
}

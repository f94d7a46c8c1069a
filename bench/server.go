package main

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"sync"
)

// serve answers every request at once: it hands back, as the daemon does where
// the person is present, and costs as little as a server can. It speaks the
// bare protocol and, for our hook, the enveloped one. stop ends it and waits.
func serve(socket string) (stop func(), err error) {
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return nil, err
	}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := listener.Accept()
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err != nil {
				continue
			}
			running.Go(func() { answer(conn) })
		}
	})
	return func() { _ = listener.Close(); running.Wait() }, nil
}

func answer(conn net.Conn) {
	defer conn.Close() //nolint:errcheck // the other end sees what matters
	lines := bufio.NewReader(conn)
	line, err := lines.ReadBytes('\n')
	if err != nil {
		return
	}
	if bytes.HasPrefix(line, []byte(`{"v":1`)) {
		if _, err := io.WriteString(conn, `{"accepted":true}`+"\n"); err != nil {
			return
		}
	}
	if _, err := io.WriteString(conn, `{"action":"passthrough","reason":"you are at the keyboard"}`+"\n"); err != nil {
		return
	}
	_, _ = lines.ReadByte() // its end
}

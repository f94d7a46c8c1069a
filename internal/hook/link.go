package hook

import (
	"time"

	"claude-permission-daemon/internal/wire/limits"
)

// link is one connection to the daemon. It is read either by read, or by a
// goroutine of its own once follow was called.
type link struct {
	conn     conn
	lines    *lines
	accepted bool // the request, by the daemon at its other end

	incoming chan incoming // nil before follow
	quit     chan struct{}
	ended    chan struct{}
}

type incoming struct {
	line []byte
	err  error
}

func newLink(to conn) *link {
	return &link{conn: to, lines: &lines{from: to, limit: limits.MaxLine}}
}

// read reads the next line here and now.
func (l *link) read(within time.Duration) ([]byte, error) {
	if err := l.conn.SetReadDeadline(time.Now().Add(within)); err != nil {
		return nil, err
	}
	return l.lines.next()
}

// follow begins to send what comes to incoming, once: lines, and one error at
// last.
func (l *link) follow() {
	if l.incoming != nil {
		return
	}
	_ = l.conn.SetReadDeadline(time.Time{}) // where this fails, reading does
	l.incoming, l.quit, l.ended = make(chan incoming), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(l.ended)
		for {
			line, err := l.lines.next()
			select {
			case l.incoming <- incoming{line, err}:
			case <-l.quit:
				return
			}
			if err != nil {
				return
			}
		}
	}()
}

// say writes a line that nobody waits for.
func (l *link) say(line []byte) {
	_ = send(l.conn, line, lastWords)
}

// close closes the connection and waits for the goroutine that follows it.
func (l *link) close() {
	_ = l.conn.Close()
	if l.incoming != nil {
		close(l.quit)
		<-l.ended
	}
}

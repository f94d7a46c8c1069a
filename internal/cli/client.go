package cli

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"time"

	"claude-permission-daemon/internal/config"
	"claude-permission-daemon/internal/paths"
	"claude-permission-daemon/internal/permit"
	"claude-permission-daemon/internal/socket"
	"claude-permission-daemon/internal/wire"
)

// answerFor is how long the daemon may take to answer a control line.
const answerFor = 15 * time.Second

// connection is a client's conversation with the daemon.
type connection struct {
	conn  net.Conn
	lines *wire.Reader
}

// dial connects to the daemon.
func (c *call) dial() (*connection, error) {
	conn, err := socket.Dial(c.socketPath())
	if err != nil {
		return nil, &failure{code: exitNoDaemon, err: fmt.Errorf("cannot reach the daemon: %w", err),
			hint: "start it with: claude-permission-daemon"}
	}
	return &connection{conn: conn, lines: wire.NewReader(conn, wire.MaxLine)}, nil
}

// socketPath is where the daemon listens: --socket, the environment, the
// configuration, the usual place. A configuration that cannot be read is the
// daemon's to complain of.
func (c *call) socketPath() string {
	where := c.socket
	if where == "" && c.Getenv(paths.EnvSocket) == "" {
		path := c.config
		if path == "" {
			path, _ = paths.ConfigFile(c.Getenv)
		}
		if text, err := os.ReadFile(path); err == nil {
			cfg, _ := config.Parse(string(text))
			where = cfg.Daemon.SocketPath
		}
	}
	return paths.Socket(where, c.Getenv)
}

func (n *connection) close() { _ = n.conn.Close() }

// next reads one line into answer; an error line is returned as an error.
func (n *connection) next(answer any) error {
	line, err := n.lines.Line()
	if err != nil {
		return fmt.Errorf("cannot read the daemon's answer: %w", err)
	}
	var refused wire.Verdict
	if json.Unmarshal(line, &refused) == nil && refused.Error != "" {
		return &refusal{refused}
	}
	if err := json.Unmarshal(line, answer); err != nil {
		return fmt.Errorf("cannot read the daemon's answer: %w", err)
	}
	return nil
}

// refusal is the daemon's error line.
type refusal struct{ verdict wire.Verdict }

func (r *refusal) Error() string { return r.verdict.Error }

// notOpen reports whether the answer came for a request that is not open.
func (r *refusal) notOpen() bool {
	return r.verdict.Code == permit.Unknown || r.verdict.Code == permit.TooLate
}

// control sends one line and reads the one that answers it.
func (c *call) control(e wire.Envelope, answer any) error {
	n, err := c.dial()
	if err != nil {
		return err
	}
	defer n.close()
	_ = n.conn.SetDeadline(time.Now().Add(answerFor))
	e.V = wire.Version
	if err := wire.Write(n.conn, e); err != nil {
		return fmt.Errorf("cannot ask the daemon: %w", err)
	}
	return n.next(answer)
}

// printJSON writes v for programs.
func (c *call) printJSON(v any) error {
	encoder := json.NewEncoder(c.Stdout)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(v)
}

// Package hook is what Claude Code starts: it brings one event from stdin to
// the daemon and, for a question, the daemon's answer to stdout.
//
// It hands back wherever it cannot do that: nothing on stdout, so that Claude
// Code's own dialog decides, one line on stderr that says why, and exit code 0.
// Any other code means something to Claude Code; 2 would block the call.
//
// Claude Code starts the hook at every tool call and waits for it, so start-up
// time is the measure here (docs/performance.md). The package links neither net
// nor encoding/json nor fmt; signals are caught, and goroutines started, only
// once there is something to wait for.
package hook

import (
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"claude-permission-daemon/internal/paths"
	"claude-permission-daemon/internal/wire/limits"
)

const usage = `Usage: claude-permission-hook [--socket PATH]

Reads one hook event of Claude Code from stdin, brings it to
claude-permission-daemon, and prints the answer for Claude Code, or nothing.
Claude Code runs it: name it as a hook in Claude Code's settings.json.

  --socket PATH  the daemon's socket (else $CLAUDE_PERM_SOCKET_PATH, else the default)
  --version      print the version
  --help         print this text

The exit code is always 0. Where it prints nothing, Claude Code asks in the terminal.
`

// conn is a connection to the daemon: a file on unix, a net.Conn elsewhere.
type conn interface {
	io.ReadWriteCloser
	SetReadDeadline(time.Time) error
	SetWriteDeadline(time.Time) error
}

// Run is the whole program; args are those after its name. The exit code that
// it returns is always 0.
func Run(version string, args []string, getenv func(string) string, stdin io.Reader, stdout, stderr *os.File) (code int) {
	defer func() {
		if cause := recover(); cause != nil {
			handBack(stderr, errors.New("cannot go on: a bug in the hook"))
		}
	}()
	flags, err := parseFlags(args)
	switch {
	case err != nil:
	case flags.help:
		err = write(stdout, []byte(usage))
	case flags.version:
		err = write(stdout, []byte("claude-permission-hook "+version+"\n"))
	default:
		socket := paths.Socket(flags.socket, getenv)
		err = carry(func() (conn, error) { return dial(socket) }, getenv, stdin, stdout)
	}
	if err != nil {
		handBack(stderr, err)
	}
	return 0
}

// handBack says why there is no answer. Whether anybody reads it does not matter.
func handBack(stderr *os.File, why error) {
	_ = write(stderr, []byte("claude-permission-hook: handed back: "+why.Error()+"\n"))
}

type flags struct {
	socket        string
	help, version bool
}

// parseFlags does what package flag does, which would bring reflection along.
func parseFlags(args []string) (flags, error) {
	var f flags
	for i := 0; i < len(args); i++ {
		name, value, joined := strings.Cut(args[i], "=")
		switch {
		case (name == "--socket" || name == "-socket") && joined:
			f.socket = value
		case (name == "--socket" || name == "-socket") && i+1 < len(args):
			i++
			f.socket = args[i]
		case name == "--socket" || name == "-socket":
			return f, errors.New("cannot read the arguments: --socket needs a path")
		case args[i] == "--help" || args[i] == "-help" || args[i] == "-h":
			f.help = true
		case args[i] == "--version" || args[i] == "-version":
			f.version = true
		default:
			return f, errors.New("cannot read the arguments: unknown " + strconv.Quote(args[i]))
		}
	}
	return f, nil
}

// carry brings the event to the daemon and the answer back.
func carry(dial func() (conn, error), getenv func(string) string, stdin io.Reader, stdout *os.File) error {
	raw, err := readAll(stdin)
	if err != nil {
		return errors.New("cannot read the event: " + cause(err))
	}
	asked, err := parseEvent(raw)
	if err != nil {
		return errors.New("cannot read the event: " + err.Error())
	}
	from := surroundings(getenv, asked.waits())
	if !asked.waits() {
		return tell(dial, asked, from)
	}
	line, err := envelope(newID(), asked, from)
	if err != nil {
		return errors.New("cannot send the event: " + err.Error())
	}
	within := limits.AcceptParallel
	if asked.blocks(from) {
		within = limits.AcceptBlocking
	}
	q := question{dial: dial, asked: asked, line: line, within: within, reattach: limits.Reattach}
	return q.ask(stdout)
}

// newsFor is how long news may take: Claude Code waits meanwhile.
const newsFor = 2 * time.Second

// tell sends news: one line, and nobody waits for an answer.
func tell(dial func() (conn, error), news event, from client) error {
	line, err := envelope("", news, from)
	if err != nil {
		return errors.New("cannot send the event: " + err.Error())
	}
	to, err := dial()
	if err != nil {
		return err
	}
	err = send(to, line, newsFor)
	_ = to.Close() // what was sent stays sent
	return err
}

// send writes a line within a time.
func send(to conn, line []byte, within time.Duration) error {
	err := to.SetWriteDeadline(time.Now().Add(within))
	if err == nil {
		_, err = to.Write(line)
	}
	if err != nil {
		return errors.New("cannot write to the daemon: " + cause(err))
	}
	return nil
}

// readAll reads to the end of what fits the protocol.
func readAll(from io.Reader) ([]byte, error) {
	read := make([]byte, 0, 8192)
	for {
		n, err := from.Read(read[len(read):cap(read)])
		read = read[:len(read)+n]
		switch {
		case err == io.EOF && len(read) == 0:
			return nil, errors.New("it is empty")
		case err == io.EOF:
			return read, nil
		case err != nil:
			return nil, err
		case len(read) > limits.MaxLine:
			return nil, errTooLong
		case len(read) == cap(read):
			read = append(read, make([]byte, len(read))...)[:len(read)]
		}
	}
}

// surroundings is what the environment says of the session that asks. Where
// there is no question, only what news need.
func surroundings(getenv func(string) string, asking bool) client {
	from := client{
		pid:        os.Getpid(),
		entrypoint: getenv("CLAUDE_CODE_ENTRYPOINT"),
		attended:   getenv("CLAUDE_CODE_SESSION_ATTENDED") == "1",
	}
	if pid, err := strconv.Atoi(getenv("CLAUDE_PID")); err == nil && pid > 0 {
		from.claudePID = pid
	}
	if !asking {
		return from
	}
	if from.claudePID > 0 {
		// The hook has no terminal of its own; Claude Code's stdin is one.
		from.tty, _ = os.Readlink("/proc/" + strconv.Itoa(from.claudePID) + "/fd/0")
		if !strings.HasPrefix(from.tty, "/dev/") || from.tty == os.DevNull {
			from.tty = ""
		}
	}
	if socket, _, inside := strings.Cut(getenv("TMUX"), ","); inside {
		from.tmux = socket + "," + getenv("TMUX_PANE")
	}
	if dir, err := paths.ClaudeDir(getenv); err == nil {
		from.sessions = filepath.Join(dir, "sessions")
	}
	return from
}

// newID is 128 random bits in hexadecimal. The id is a name and no secret, so
// the runtime's generator, which the kernel seeds, will do.
func newID() string {
	const hex = "0123456789abcdef"
	id := make([]byte, 0, 32)
	for range 2 {
		bits := rand.Uint64()
		for range 16 {
			id = append(id, hex[bits&15])
			bits >>= 4
		}
	}
	return string(id)
}

// cause is the text of err without the operation and path that os adds.
func cause(err error) string {
	if wrapped, ok := errors.AsType[*os.PathError](err); ok {
		err = wrapped.Err
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return "it does not answer"
	}
	return err.Error()
}

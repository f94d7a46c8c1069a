package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"claude-permission-daemon/internal/channel/slack"
	"claude-permission-daemon/internal/config"
	"claude-permission-daemon/internal/paths"
	"claude-permission-daemon/internal/socket"
	"claude-permission-daemon/internal/wire"
)

// facts finds out once what several checks need. Its funcs may be called by all
// of them at once.
type facts struct {
	Options
	configured func() configuration
	status     func() (wire.Status, error)   // of the daemon that runs
	settings   func() []settingsFile         // of Claude Code
	hooks      func() []entry                // ours among them
	online     func() (reached, error)       // whether Slack can be asked
	bot        func() (slack.BotInfo, error) // what it says of the bot token
	service    func() service
	end        context.CancelFunc
}

// configuration is what can be known of it, however wrong it is.
type configuration struct {
	path   string
	exists bool
	config config.Config
	err    error
}

func newFacts(ctx context.Context, o Options) *facts {
	f := &facts{Options: o.withDefaults()}
	ctx, f.end = context.WithCancel(ctx)
	f.configured = sync.OnceValue(f.readConfig)
	f.status = sync.OnceValues(func() (wire.Status, error) { return f.askStatus(ctx) })
	f.settings = sync.OnceValue(f.readSettings)
	f.hooks = sync.OnceValue(func() []entry { return ours(f.settings()) })
	f.online = sync.OnceValues(func() (reached, error) { return f.reachable(ctx) })
	f.bot = sync.OnceValues(func() (slack.BotInfo, error) { return f.askBot(ctx) })
	f.service = sync.OnceValue(f.lookForService)
	return f
}

func (f *facts) close() { f.end() }

func (f *facts) readConfig() configuration {
	c := configuration{path: f.Config}
	if c.path == "" {
		if c.path, c.err = paths.ConfigFile(f.Getenv); c.err != nil {
			c.config = config.Default()
			return c
		}
	}
	_, err := os.Stat(c.path)
	c.exists = !errors.Is(err, fs.ErrNotExist)
	c.config, _, c.err = config.Load(c.path, f.Config != "", f.Getenv)
	return c
}

// socketPath is where the daemon listens.
func (f *facts) socketPath() string {
	where := f.Socket
	if where == "" {
		where = f.configured().config.Daemon.SocketPath
	}
	return paths.Socket(where, f.Getenv)
}

// askStatus asks the daemon that runs how it stands.
func (f *facts) askStatus(ctx context.Context) (wire.Status, error) {
	var s wire.Status
	conn, err := socket.Dial(f.socketPath())
	if err != nil {
		return s, err
	}
	defer conn.Close() //nolint:errcheck // only asked
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	_ = conn.SetDeadline(time.Now().Add(quickly - 200*time.Millisecond))
	if err := wire.Write(conn, wire.Envelope{V: wire.Version, Op: wire.OpStatus}); err != nil {
		return s, fmt.Errorf("cannot ask: %w", err)
	}
	line, err := wire.NewReader(conn, wire.MaxLine).Line()
	if err != nil {
		return s, fmt.Errorf("it does not answer: %w", err)
	}
	if err := json.Unmarshal(line, &s); err != nil || s.PID == 0 {
		return s, errors.New("what answers is not this program's daemon")
	}
	return s, nil
}

// channel is one channel of the daemon that runs; false: it has none so named.
func channelOf(s wire.Status, name string) (wire.Channel, bool) {
	for _, c := range s.Channels {
		if c.Name == name {
			return c, true
		}
	}
	return wire.Channel{}, false
}

// find looks for a program as a shell would; empty: there is none.
func (f *facts) find(name string) string {
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	dirs := f.path
	if dirs == nil {
		dirs = filepath.SplitList(f.Getenv("PATH"))
	}
	for _, dir := range dirs {
		if path := filepath.Join(dir, name); filepath.IsAbs(dir) && runnable(path) == nil {
			return path
		}
	}
	return ""
}

// runnable says why a file cannot be run; nil: it can.
func runnable(path string) error {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return errors.New("it is not there")
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return errors.New("it is not a program")
	case info.Mode().Perm()&0o111 == 0 && runtime.GOOS != "windows":
		return errors.New("it may not be run")
	}
	return nil
}

// release is a version without the commit that a build may add.
func release(version string) string {
	number, _, _ := strings.Cut(version, "+")
	return number
}

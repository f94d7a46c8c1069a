//go:build unix

package doctor

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"claude-permission-daemon/internal/channel/slack/slacktest"
	"claude-permission-daemon/internal/config"
	"claude-permission-daemon/internal/daemon"
	thehook "claude-permission-daemon/internal/hook"
	"claude-permission-daemon/internal/socket"
	"claude-permission-daemon/internal/version"
	"claude-permission-daemon/internal/wire"
)

// TestMain makes the test binary the programs too, by the name it is called by.
func TestMain(m *testing.M) {
	switch filepath.Base(os.Args[0]) {
	case hookProgram:
		os.Exit(thehook.Run(version.Number, os.Args[1:], os.Getenv, os.Stdin, os.Stdout, os.Stderr))
	case strangerProgram: // says when it listens, and does so until its stdin ends
		l, err := net.Listen("unix", os.Args[1])
		if err == nil {
			err = os.Chmod(os.Args[1], 0o666)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		defer l.Close()
		fmt.Println("ready")
		_, _ = io.Copy(io.Discard, os.Stdin)
		return
	case daemonProgram:
		fmt.Printf("%s %s (test)\n", daemonProgram, version.Number)
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

const strangerProgram = "stranger"

// rig is a home in which everything is in order: both programs on the PATH, a
// configuration with Slack, Claude Code's settings with our entries, a service,
// and a daemon that runs. A fault is planted in it before or after the daemon
// starts.
type rig struct {
	t     *testing.T
	home  string
	bin   string
	run   string // XDG_RUNTIME_DIR
	state string
	slack *slacktest.Server
	env   map[string]string
	o     Options
	stop  func()
}

func newRig(t *testing.T) *rig {
	t.Helper()
	dir, err := os.MkdirTemp("", "dr") // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	r := &rig{t: t, home: filepath.Join(dir, "home"), bin: filepath.Join(dir, "bin"), run: filepath.Join(dir, "run"), stop: func() {}}
	r.state = filepath.Join(r.home, ".local", "state", daemonProgram)
	for _, d := range []string{r.bin, r.run, r.path(".claude"), r.path(".config", daemonProgram), r.path("project", ".claude"), filepath.Join(dir, "managed")} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{daemonProgram, hookProgram} {
		if err := os.Symlink(self, filepath.Join(r.bin, name)); err != nil {
			t.Fatal(err)
		}
	}
	if r.slack, err = slacktest.Start(slacktest.Options{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.slack.Close)
	r.env = map[string]string{"HOME": r.home, "XDG_RUNTIME_DIR": r.run, "PATH": r.bin}
	r.o = Options{Getenv: func(k string) string { return r.env[k] }, Version: version.Number, Dir: r.path("project"),
		managed: filepath.Join(dir, "managed"), path: []string{r.bin}, limit: 30 * time.Second}
	r.configure("")
	r.settings(nil)
	unit := r.write(".config/systemd/user/"+daemonProgram+".service", "[Service]\n")
	if err := os.MkdirAll(r.path(".config/systemd/user/default.target.wants"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(unit, r.path(".config/systemd/user/default.target.wants", filepath.Base(unit))); err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *rig) path(parts ...string) string {
	return filepath.Join(append([]string{r.home}, parts...)...)
}

// write writes a file below the home folder.
func (r *rig) write(name, text string) string {
	r.t.Helper()
	path := r.path(name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		r.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		r.t.Fatal(err)
	}
	return path
}

// script puts a shell script in the place of a program.
func (r *rig) script(name, text string) {
	r.t.Helper()
	path := filepath.Join(r.bin, name)
	_ = os.Remove(path) // not what it links to
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o700); err != nil {
		r.t.Fatal(err)
	}
}

// configure writes a configuration with Slack on loopback and with more.
func (r *rig) configure(more string) {
	o := r.slack.Options()
	r.write(".config/"+daemonProgram+"/config.toml", fmt.Sprintf(`%s
[slack]
bot_token = %q
app_token = %q
channel = "U0ALICE"
api_url = %q
[presence]
source = "manual"
[web]
listen = "127.0.0.1:0"
`, more, o.BotToken, o.AppToken, r.slack.URL()))
}

// change edits the configuration.
func (r *rig) change(from, to string) {
	r.t.Helper()
	path := r.path(".config", daemonProgram, "config.toml")
	text, err := os.ReadFile(path)
	if err != nil {
		r.t.Fatal(err)
	}
	if !strings.Contains(string(text), from) {
		r.t.Fatalf("there is no %q in the configuration", from)
	}
	r.write(".config/"+daemonProgram+"/config.toml", strings.Replace(string(text), from, to, 1))
}

// entries are hooks as installing writes them.
func (r *rig) entries(events ...string) map[string]any {
	hooks := map[string]any{}
	for _, event := range events {
		hooks[event] = []any{map[string]any{"matcher": "*", "hooks": []any{
			map[string]any{"type": "command", "command": filepath.Join(r.bin, hookProgram), "args": []string{}, "timeout": 86400},
		}}}
	}
	return hooks
}

// settings writes the user's settings of Claude Code, with changes.
func (r *rig) settings(change func(map[string]any)) {
	r.t.Helper()
	all := map[string]any{"permissions": map[string]any{"defaultMode": "default"}, "hooks": r.entries(append(settling(), question)...)}
	if change != nil {
		change(all)
	}
	r.json(r.path(".claude", "settings.json"), all)
}

func (r *rig) json(path string, value any) {
	r.t.Helper()
	text, err := json.MarshalIndent(value, "", "  ")
	if err == nil {
		err = os.MkdirAll(filepath.Dir(path), 0o700)
	}
	if err == nil {
		err = os.WriteFile(path, text, 0o600)
	}
	if err != nil {
		r.t.Fatal(err)
	}
}

// asking is the handler of the PermissionRequest entry, to be changed.
func asking(all map[string]any) (matcher, handler map[string]any) {
	matcher = all["hooks"].(map[string]any)[question].([]any)[0].(map[string]any)
	return matcher, matcher["hooks"].([]any)[0].(map[string]any)
}

func (r *rig) socketPath() string { return filepath.Join(r.run, "claude-permissions.sock") }

// start runs the daemon until the test ends, and waits until its channels are
// ready or cannot become so.
func (r *rig) start(version string) {
	r.t.Helper()
	cfg, _, err := config.Load(r.path(".config", daemonProgram, "config.toml"), true, r.o.Getenv)
	if err != nil {
		r.t.Fatal(err)
	}
	d, err := daemon.New(daemon.Options{Config: cfg, Socket: r.socketPath(), StateDir: r.state, Version: version,
		Log: slog.New(slog.DiscardHandler), Getenv: r.o.Getenv})
	if err != nil {
		r.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx) }()
	ended := false
	r.stop = func() {
		if ended {
			return
		}
		ended = true
		cancel()
		if err := <-done; err != nil {
			r.t.Errorf("the daemon ended with %v", err)
		}
	}
	r.t.Cleanup(r.stop)
	var s wire.Status
	r.control(wire.Envelope{Op: wire.OpPresence, Presence: "auto"}, nil)
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		r.control(wire.Envelope{Op: wire.OpStatus}, &s)
		if !slices.ContainsFunc(s.Channels, func(c wire.Channel) bool { return c.State == "connecting" }) {
			return
		}
	}
	r.t.Fatalf("the channels are not ready: %+v", s.Channels)
}

// control sends the daemon one control line, as soon as it listens.
func (r *rig) control(e wire.Envelope, answer any) {
	r.t.Helper()
	e.V = wire.Version
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		err := func() error {
			conn, err := socket.Dial(r.socketPath())
			if err != nil {
				return err
			}
			defer conn.Close()
			if err := wire.Write(conn, e); err != nil {
				return err
			}
			line, err := wire.NewReader(conn, wire.MaxLine).Line()
			if err != nil || answer == nil {
				return err
			}
			return json.Unmarshal(line, answer)
		}()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			r.t.Fatalf("the daemon does not answer: %v", err)
		}
	}
}

// look runs every check.
func (r *rig) look() []Check { return Run(r.t.Context(), r.o) }

// one is the check with that id.
func one(t *testing.T, all []Check, id string) Check {
	t.Helper()
	i := slices.IndexFunc(all, func(c Check) bool { return c.ID == id })
	if i < 0 {
		t.Fatalf("there is no check %q", id)
	}
	return all[i]
}

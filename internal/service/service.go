// Package service makes the daemon a service of the user: systemd units, a
// launchd agent, or a Windows task. It writes their files, calls the system's
// own programs by name, and says in sentences what it did.
//
// systemd.go runs under a real user manager in the tests. The other two are
// built and their texts and calls tested; no such machine was at hand.
package service

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"claude-permission-daemon/internal/paths"
)

// name is what the service is called everywhere.
const name = "claude-permission-daemon"

// Options says which daemon becomes a service, and on what system.
type Options struct {
	Getenv func(string) string // required
	// Program is the daemon's absolute path; empty: this program's.
	Program string
	// Config and Socket are --config and --socket for the daemon; empty: it finds
	// them itself. Socket is to be the configured path where one is configured.
	Config, Socket string
	// NoStart installs it for the next login and starts nothing now.
	NoStart bool
	// System is a GOOS; empty: this one. Run is how programs are run; nil: for
	// real. Tests set them.
	System string
	Run    Runner

	packages string // where a package's units are; empty: /usr/lib/systemd/user
}

// Runner runs a program with these variables added to the environment, and
// returns what it printed. The error has what it said on standard error.
type Runner func(ctx context.Context, env []string, program string, args ...string) (string, error)

// Report is what Install and Remove did, in sentences for the person.
type Report struct {
	Done     []string `json:"done"`
	Left     []string `json:"left,omitempty"` // what is still there, and whose it is
	Warnings []string `json:"warnings,omitempty"`
}

func (r *Report) did(format string, args ...any) {
	r.Done = append(r.Done, fmt.Sprintf(format, args...))
}
func (r *Report) left(format string, args ...any) {
	r.Left = append(r.Left, fmt.Sprintf(format, args...))
}
func (r *Report) warn(format string, args ...any) {
	r.Warnings = append(r.Warnings, fmt.Sprintf(format, args...))
}

// State is how the service stands.
type State struct {
	Kind      string   `json:"kind"`      // "systemd", "launchd" or "task"
	Installed bool     `json:"installed"` // its files are there
	Enabled   bool     `json:"enabled"`   // it starts at login
	Running   bool     `json:"running"`
	PID       int      `json:"pid,omitempty"`
	Socket    string   `json:"socket,omitempty"` // the socket unit's state: "listening", …
	Detail    string   `json:"detail,omitempty"` // the manager's own words: "failed (exit-code)", …
	Program   string   `json:"program,omitempty"`
	Files     []string `json:"files,omitempty"`
}

// Error is an error with what to do about it.
type Error struct {
	Err  error
	Hint string
}

func (e *Error) Error() string { return e.Err.Error() }
func (e *Error) Unwrap() error { return e.Err }

func hinted(hint, format string, args ...any) error {
	return &Error{Err: fmt.Errorf(format, args...), Hint: hint}
}

// ErrNone says that this system has no service manager that this package knows
// or can reach. The *Error around it says why and what to do.
var ErrNone = errors.New("there is no service manager here")

// manager is one system's way.
type manager interface {
	install(ctx context.Context, r *Report) error
	remove(ctx context.Context, r *Report) error
	state(ctx context.Context) (State, error)
	restart(ctx context.Context) error
	logs(follow bool, lines int) []string
}

// Install makes the daemon a service that starts at login, and starts it
// unless NoStart is set. Installing again brings it up to date. Where it
// fails, the report says what was done until then.
func Install(ctx context.Context, o Options) (Report, error) {
	var r Report
	m, err := o.manager()
	if err != nil {
		return r, err
	}
	return r, m.install(ctx, &r)
}

// Remove stops the service and takes away what Install wrote. The report says
// what it left, and why.
func Remove(ctx context.Context, o Options) (Report, error) {
	var r Report
	m, err := o.manager()
	if err != nil {
		return r, err
	}
	return r, m.remove(ctx, &r)
}

// Status says how the service stands. It is no error that there is none: then
// Installed is false.
func Status(ctx context.Context, o Options) (State, error) {
	m, err := o.manager()
	if err != nil {
		return State{}, err
	}
	return m.state(ctx)
}

// Restart starts the service anew, with the program and configuration that are
// there now. Under systemd, the requests that are open go on.
func Restart(ctx context.Context, o Options) error {
	m, err := o.manager()
	if err != nil {
		return err
	}
	return m.restart(ctx)
}

// LogCommand is the command that shows the service's log.
func LogCommand(o Options, follow bool, lines int) ([]string, error) {
	m, err := o.manager()
	if err != nil {
		return nil, err
	}
	return m.logs(follow, lines), nil
}

// manager makes the options whole and picks the system's way.
func (o Options) manager() (manager, error) {
	if o.Run == nil {
		o.Run = run
	}
	if o.System == "" {
		o.System = runtime.GOOS
	}
	if o.Program == "" {
		program, err := thisProgram(o.Getenv("PATH"))
		if err != nil {
			return nil, err
		}
		o.Program = program
	}
	switch o.System {
	case "linux":
		return newSystemd(o)
	case "darwin":
		return newLaunchd(o)
	case "windows":
		return &task{o}, nil
	}
	return nil, hinted("run claude-permission-daemon by what starts your programs at login", "cannot manage a service on %s: %w", o.System, ErrNone)
}

// args are those of the daemon.
func (o Options) args() []string {
	var args []string
	if o.Config != "" {
		args = append(args, "--config", o.Config)
	}
	if o.Socket != "" {
		args = append(args, "--socket", o.Socket)
	}
	return args
}

// checkProgram refuses a program that will not be there at the next login.
func (o Options) checkProgram() error {
	switch info, err := os.Stat(o.Program); {
	case err != nil:
		return fmt.Errorf("cannot use the program: %w", err)
	case !info.Mode().IsRegular():
		return fmt.Errorf("cannot use the program: %s is not a file", o.Program)
	case strings.Contains(filepath.ToSlash(o.Program), "/go-build"):
		return hinted("go build -o ~/.local/bin/ ./cmd/... makes both programs; then run that one",
			"cannot make %s a service: \"go run\" removes it when it ends", o.Program)
	}
	return nil
}

// thisProgram is this program's path: the one on PATH where that is the same
// file, since it is a link that outlives an upgrade as often as not.
func thisProgram(path string) (string, error) {
	own, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("cannot find this program: %w", err)
	}
	ownInfo, err := os.Stat(own)
	if err != nil {
		return own, nil // it was replaced while it ran; install will say so
	}
	for _, dir := range filepath.SplitList(path) {
		if !filepath.IsAbs(dir) {
			continue
		}
		there := filepath.Join(dir, filepath.Base(own))
		if info, err := os.Stat(there); err == nil && os.SameFile(info, ownInfo) {
			return there, nil
		}
	}
	return own, nil
}

// run is the Runner for real.
func run(ctx context.Context, env []string, program string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = append(os.Environ(), env...)
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if said := strings.TrimSpace(stderr.String()); err != nil && said != "" {
		err = fmt.Errorf("%s: %w", said, err)
	}
	return stdout.String(), err
}

// write puts a file in place at once or not at all. It reports whether that
// changed anything.
func write(path string, content []byte, mode fs.FileMode) (changed bool, err error) {
	if old, err := os.ReadFile(path); err == nil && string(old) == string(content) {
		return false, nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return false, fmt.Errorf("cannot make the folder: %w", err)
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".claude-permission-*")
	if err != nil {
		return false, fmt.Errorf("cannot write %s: %w", path, err)
	}
	defer os.Remove(f.Name()) //nolint:errcheck // gone where all went well
	_, err = f.Write(content)
	err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return false, fmt.Errorf("cannot write %s: %w", path, err)
	}
	return true, nil
}

// unseen warns of settings that are in this shell's environment only: a service
// does not see them.
func unseen(getenv func(string) string, r *Report) {
	for _, key := range []string{"SLACK_BOT_TOKEN", "SLACK_APP_TOKEN", "SLACK_CHANNEL", "IDLE_TIMEOUT", "REQUEST_TIMEOUT", "SWAYIDLE_BINARY"} {
		if variable := "CLAUDE_PERM_" + key; getenv(variable) != "" {
			r.warn("%s is set in this shell, where the service does not see it: put it into config.toml", variable)
		}
	}
}

// defaultSocket reports whether the daemon finds this socket by itself where it
// runs as a service: there, nothing but the runtime folder is set.
func defaultSocket(o Options, runtimeDir string) bool {
	only := func(key string) string {
		if key == "XDG_RUNTIME_DIR" {
			return runtimeDir
		}
		return ""
	}
	return o.Socket == "" || o.Socket == paths.Socket("", only)
}

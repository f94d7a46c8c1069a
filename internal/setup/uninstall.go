package setup

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/gofrs/flock"

	"claude-permission-daemon/internal/config"
	"claude-permission-daemon/internal/socket"
	"claude-permission-daemon/internal/wire"
)

// Removable is something that setup put in place besides files of our own.
type Removable interface {
	// Remove takes it away, and says in a line each what it removed and what it
	// left. Nothing there is no error.
	Remove(context.Context) (removed, left []string, err error)
}

// Kept are the flags of uninstall.
type Kept struct {
	Yes, Purge, Config, Journal bool
}

// DeclareUninstall declares the flags of uninstall.
func DeclareUninstall(flags *flag.FlagSet) *Kept {
	k := &Kept{}
	flags.BoolVar(&k.Yes, "yes", false, "ask nothing; configuration and journal are kept, unless --purge")
	flags.BoolVar(&k.Purge, "purge", false, "remove configuration, tokens and journal too")
	flags.BoolVar(&k.Config, "keep-config", false, "keep the configuration and the tokens, and do not ask")
	flags.BoolVar(&k.Journal, "keep-journal", false, "keep the journal, and do not ask")
	return k
}

// Uninstalling is what an uninstall needs to know.
type Uninstalling struct {
	In         io.Reader
	Out        io.Writer
	ConfigFile string
	StateDir   string
	Socket     string
	Programs   []string // which it leaves: their paths
	Kept       *Kept
	Hooks      Removable
	Service    Removable
}

// removal is one run of uninstall.
type removal struct {
	Uninstalling
	*talk
	config, journal bool // whether they go
	removed, left   []string
	errs            []error
}

// Uninstall takes away what setup and the daemon have put on the machine, and
// says what it removed and what it left. What cannot be removed does not keep
// the rest; a second run finds nothing to do.
func Uninstall(ctx context.Context, o Uninstalling) error {
	r := &removal{Uninstalling: o, talk: newTalk(o.In, o.Out)}
	if err := r.ask(ctx); err != nil {
		return err
	}
	// The hooks first: without a daemon behind them they would do nothing, but
	// there is no need for Claude Code to find that out.
	for _, part := range []Removable{r.Hooks, r.Service} {
		removed, left, err := part.Remove(ctx)
		r.removed, r.left, r.errs = append(r.removed, removed...), append(r.left, left...), append(r.errs, err)
	}
	if err := r.stopDaemon(ctx); err != nil {
		r.errs = append(r.errs, err)
		r.left = append(r.left, r.Socket, r.StateDir+": the daemon that runs uses it")
	} else {
		folders := notedFolders(r.StateDir) // before the note goes
		r.keyring()
		r.files()
		r.folders(folders)
	}
	r.report()
	return errors.Join(r.errs...)
}

// ask finds out whether configuration and journal go too.
func (r *removal) ask(ctx context.Context) error {
	for _, q := range []struct {
		there  bool
		keep   bool
		prompt string
		goes   *bool
	}{
		{len(r.journalFiles()) > 0, r.Kept.Journal, "Remove the journal too, the record of what was asked and decided?", &r.journal},
		{len(r.configFiles()) > 0, r.Kept.Config, "Remove the configuration and the Slack tokens too?", &r.config},
	} {
		switch {
		case q.keep || !q.there:
		case r.Kept.Purge:
			*q.goes = true
		case !r.Kept.Yes:
			var err error
			if *q.goes, err = r.yes(ctx, q.prompt, false); err != nil {
				return err
			}
		}
	}
	if r.Kept.Yes {
		return nil
	}
	ok, err := r.yes(ctx, "Remove the hooks, the service, the socket and the daemon's state?", true)
	if err == nil && !ok {
		return errors.New("stopped as you wished: nothing was changed")
	}
	return err
}

func (r *removal) journalFiles() []string { return matching(r.StateDir, "journal*.jsonl") }

// configFiles are the configuration and what setup put beside it.
func (r *removal) configFiles() []string {
	dir, name := filepath.Dir(r.ConfigFile), filepath.Base(r.ConfigFile)
	var all []string
	for _, pattern := range []string{name, botTokenFile, appTokenFile, "." + name + ".*", "." + botTokenFile + ".*", "." + appTokenFile + ".*"} {
		all = append(all, matching(dir, pattern)...)
	}
	return all
}

// matching are the entries of a folder whose names match.
func matching(dir, pattern string) []string {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	var all []string
	for _, e := range entries {
		if ok, err := filepath.Match(pattern, e.Name()); ok && err == nil {
			all = append(all, filepath.Join(dir, e.Name()))
		}
	}
	return all
}

// files removes our own.
func (r *removal) files() {
	r.remove(r.Socket, r.Socket+".lock")
	journal := r.journalFiles()
	for _, path := range matching(r.StateDir, "*") {
		switch {
		case !slices.Contains(journal, path) || r.journal:
			r.remove(path)
		default:
			r.left = append(r.left, path+" (the journal)")
		}
	}
	for _, path := range r.configFiles() {
		if r.config {
			r.remove(path)
			continue
		}
		what := " (the configuration)"
		if filepath.Base(path) != filepath.Base(r.ConfigFile) {
			what = " (a Slack token)"
		}
		r.left = append(r.left, path+what)
	}
}

// keyring says what is left there, where the configuration has its tokens from
// it: others may use them.
func (r *removal) keyring() {
	text, err := os.ReadFile(r.ConfigFile)
	if err != nil {
		return
	}
	c, _ := config.Parse(string(text)) // a broken one may say it all the same
	if k, known := keyringOn(runtime.GOOS, botTokenName); known && slices.Equal(c.Slack.BotTokenCommand, k.lookup) {
		r.left = append(r.left, "the Slack tokens in the keyring: "+k.clear)
	}
}

// folders removes our own, and those that setup made, where they are empty.
func (r *removal) folders(made []string) {
	folders := append(slices.Clone(made), r.StateDir, filepath.Dir(r.ConfigFile))
	if dir := filepath.Dir(r.Socket); strings.HasPrefix(filepath.Base(dir), "claude-permissions-") { // see paths.Socket
		folders = append(folders, dir)
	}
	slices.Sort(folders)
	for _, dir := range slices.Backward(slices.Compact(folders)) { // the inner before the outer
		if err := os.Remove(dir); err == nil {
			r.removed = append(r.removed, dir)
		}
	}
}

func (r *removal) remove(paths ...string) {
	for _, path := range paths {
		if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err := os.RemoveAll(path); err != nil {
			r.errs = append(r.errs, fmt.Errorf("cannot remove %s: %w", path, err))
			r.left = append(r.left, path)
			continue
		}
		r.removed = append(r.removed, path)
	}
}

// stopFor is how long a daemon may take to end; it promises three seconds.
const stopFor = 30 * time.Second

// stopDaemon ends a daemon that is still running, one that no service owns.
func (r *removal) stopDaemon(ctx context.Context) error {
	conn, err := socket.Dial(r.Socket)
	if err != nil {
		return nil // nobody is there
	}
	pid, err := daemonBehind(conn)
	_ = conn.Close()
	if err != nil {
		return &Hinted{fmt.Errorf("cannot end what listens on %s: %w", r.Socket, err), "end it yourself, and run uninstall again"}
	}
	process, err := os.FindProcess(pid)
	if err == nil {
		err = process.Signal(syscall.SIGTERM)
	}
	if err != nil {
		return fmt.Errorf("cannot end the daemon, pid %d: %w", pid, err)
	}
	ctx, cancel := context.WithTimeout(ctx, stopFor)
	defer cancel()
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for {
		conn, err := socket.Dial(r.Socket)
		if err != nil && free(filepath.Join(r.StateDir, "journal.jsonl.lock")) {
			r.removed = append(r.removed, fmt.Sprintf("the daemon, pid %d: ended", pid))
			return nil
		}
		if err == nil {
			_ = conn.Close()
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			return fmt.Errorf("cannot end the daemon, pid %d: it does not end", pid)
		}
	}
}

// daemonBehind is the pid of our daemon at the other end. The kernel says who
// made the socket, the daemon who it is: where they differ, the socket is a
// service manager's, which must not be ended, and starts the daemon again.
func daemonBehind(conn *net.UnixConn) (pid int, err error) {
	peer, err := socket.PeerOf(conn)
	if err != nil {
		return 0, err
	}
	_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
	if err := wire.Write(conn, wire.Envelope{V: wire.Version, Op: wire.OpStatus}); err != nil {
		return 0, err
	}
	line, err := wire.NewReader(conn, wire.MaxLine).Line()
	if err != nil {
		return 0, err
	}
	var s wire.Status
	switch err := json.Unmarshal(line, &s); {
	case err != nil || s.PID <= 1 || s.PID == os.Getpid():
		return 0, errors.New("it is not this program's daemon")
	case peer.PID != s.PID && peer.PID != 0 || peer.UID != os.Getuid():
		return 0, fmt.Errorf("the socket belongs to pid %d, and the daemon has pid %d", peer.PID, s.PID)
	}
	return s.PID, nil
}

// free reports whether nobody holds a lock. The journal's is the last that a
// daemon lets go of.
func free(path string) bool {
	if _, err := os.Stat(path); err != nil {
		return true
	}
	lock := flock.New(path)
	got, err := lock.TryLock()
	return err != nil || got && lock.Unlock() == nil
}

func (r *removal) report() {
	r.left = append(r.left, r.Programs...)
	for _, list := range []struct {
		title string
		lines []string
	}{{"Removed:", r.removed}, {"Left:", r.left}} {
		if len(list.lines) > 0 {
			r.say("%s\n%s", list.title, indented(list.lines))
		}
	}
	if len(r.removed) == 0 && errors.Join(r.errs...) == nil {
		r.say("There was nothing to remove.")
	}
}

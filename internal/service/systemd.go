package service

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"claude-permission-daemon/internal/paths"
	"claude-permission-daemon/internal/socket"
)

const (
	serviceUnit = name + ".service"
	socketUnit  = name + ".socket"
)

// systemd is the user's systemd manager.
type systemd struct {
	Options
	dir     string // where a user's own units are
	runtime string // $XDG_RUNTIME_DIR, or where it is for this user
	env     []string
}

func newSystemd(o Options) (*systemd, error) {
	if o.packages == "" {
		o.packages = "/usr/lib/systemd/user"
	}
	config, err := paths.ConfigFile(o.Getenv) // …/claude-permission-daemon/config.toml
	if err != nil {
		return nil, err
	}
	s := &systemd{Options: o, dir: filepath.Join(filepath.Dir(filepath.Dir(config)), "systemd", "user"), runtime: o.Getenv("XDG_RUNTIME_DIR")}
	if s.runtime == "" {
		// A shell of su or sudo lacks the variable that pam_systemd sets; the
		// manager is there all the same where the user is logged in or lingers.
		s.runtime = "/run/user/" + strconv.Itoa(os.Getuid())
		s.env = []string{"XDG_RUNTIME_DIR=" + s.runtime}
	}
	return s, nil
}

// systemctl asks the user's manager.
func (s *systemd) systemctl(ctx context.Context, args ...string) (string, error) {
	out, err := s.Run(ctx, s.env, "systemctl", append([]string{"--user"}, args...)...)
	if err != nil {
		return out, fmt.Errorf("systemctl --user %s: %w", args[0], err)
	}
	return out, nil
}

// reach says whether the user's manager is there, and if not, why.
func (s *systemd) reach(ctx context.Context) error {
	_, err := s.systemctl(ctx, "show", "--property=Version")
	switch {
	case err == nil:
		return nil
	case errors.Is(err, exec.ErrNotFound):
		return hinted("run claude-permission-daemon by what starts your programs at login", "cannot reach systemd: %w: systemctl is not installed", ErrNone)
	case s.Getenv("XDG_RUNTIME_DIR") == "" && !isDir(s.runtime):
		return hinted("log in over ssh or at the console (su and sudo open no session), or have root run: loginctl enable-linger "+s.user(),
			"cannot reach your systemd manager: %w: XDG_RUNTIME_DIR is not set and %s is not there, so this user has no session", ErrNone, s.runtime)
	}
	return hinted("systemctl --user status shows whether it runs; where there is none, run claude-permission-daemon by what starts your programs at login",
		"cannot reach your systemd manager: %w: %w", ErrNone, err)
}

func (s *systemd) user() string {
	if name := s.Getenv("USER"); name != "" {
		return name
	}
	return strconv.Itoa(os.Getuid())
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// units are the texts by the names of their files, in the order of writing.
func (s *systemd) units() (names, texts []string, err error) {
	u := Unit{Program: s.Program, Args: s.args(), Marker: marker}
	if !defaultSocket(s.Options, s.runtime) {
		u.Socket = s.Socket
	} else if len(u.Args) > 0 && s.Socket != "" {
		u.Args = u.Args[:len(u.Args)-2] // it finds this one itself
	}
	for _, key := range []string{"XDG_CONFIG_HOME", "XDG_STATE_HOME", "CLAUDE_CONFIG_DIR"} {
		if value := s.Getenv(key); filepath.IsAbs(value) && plain(value) == nil {
			u.Env = append(u.Env, key+"="+value)
		}
	}
	socketText, err := u.SocketUnit()
	if err != nil {
		return nil, nil, err
	}
	serviceText, err := u.ServiceUnit()
	if err != nil {
		return nil, nil, err
	}
	return []string{socketUnit, serviceUnit}, []string{socketText, serviceText}, nil
}

// props are the properties of both units.
type props struct{ service, socket map[string]string }

func (s *systemd) show(ctx context.Context) (props, error) {
	read := func(unit string) (map[string]string, error) {
		out, err := s.systemctl(ctx, "show", unit, "--property=ActiveState,SubState,Result,UnitFileState,MainPID,FragmentPath,NeedDaemonReload")
		all := make(map[string]string)
		for line := range strings.Lines(out) {
			if key, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok {
				all[key] = value
			}
		}
		return all, err
	}
	var p props
	var err error
	if p.service, err = read(serviceUnit); err == nil {
		p.socket, err = read(socketUnit)
	}
	return p, err
}

func active(unit map[string]string) bool {
	return unit["ActiveState"] == "active" || unit["ActiveState"] == "activating" || unit["ActiveState"] == "reloading"
}

func (s *systemd) install(ctx context.Context, r *Report) error {
	if err := s.checkProgram(); err != nil {
		return err
	}
	names, texts, err := s.units()
	if err != nil {
		return err
	}
	if err := s.reach(ctx); err != nil {
		return err
	}
	before, err := s.show(ctx)
	if err != nil {
		return fmt.Errorf("cannot install the service: %w", err)
	}
	if err := s.alone(before); err != nil && !s.NoStart {
		return err
	}
	unseen(s.Getenv, r)
	changed, err := s.writeUnits(names, texts, r)
	if err != nil {
		return err
	}
	if _, err := s.systemctl(ctx, "daemon-reload"); err != nil {
		return fmt.Errorf("cannot install the service: %w", err)
	}
	if err := s.sees(ctx); err != nil {
		return err
	}
	if _, err := s.systemctl(ctx, "enable", socketUnit, serviceUnit); err != nil {
		return fmt.Errorf("cannot install the service: %w", err)
	}
	r.did("enabled it: it starts when you log in")
	if s.NoStart {
		return nil
	}
	return s.start(ctx, before, changed, r)
}

// writeUnits puts the units in place, unless a package's say the same already. It
// returns which were changed.
func (s *systemd) writeUnits(names, texts []string, r *Report) (changed map[string]bool, err error) {
	changed = make(map[string]bool)
	if s.packaged(names, texts) {
		r.did("the package's units in %s do", s.packages)
		return changed, nil
	}
	for i, unit := range names {
		path := filepath.Join(s.dir, unit)
		if err := keepOthers(path, r); err != nil {
			return nil, err
		}
		if changed[unit], err = write(path, []byte(texts[i]), 0o644); err != nil {
			return nil, err
		}
		if changed[unit] {
			r.did("wrote %s", path)
		} else {
			r.did("%s is as it should be", path)
		}
	}
	return changed, nil
}

// packaged reports whether a package has the same units and the user has none.
// Their first lines, which say whose they are, differ.
func (s *systemd) packaged(names, texts []string) bool {
	for i, unit := range names {
		if _, err := os.Lstat(filepath.Join(s.dir, unit)); err == nil {
			return false
		}
		there, err := os.ReadFile(filepath.Join(s.packages, unit))
		if err != nil {
			return false
		}
		_, theirs, _ := strings.Cut(string(there), "\n")
		_, ours, _ := strings.Cut(texts[i], "\n")
		if theirs != ours {
			return false
		}
	}
	return true
}

// alone refuses where a daemon that is no service has the socket: both would
// want it.
func (s *systemd) alone(before props) error {
	if active(before.service) || active(before.socket) {
		return nil // the socket is systemd's, or its service's
	}
	at := s.Socket
	if at == "" {
		at = paths.Socket("", func(key string) string {
			if key == "XDG_RUNTIME_DIR" {
				return s.runtime
			}
			return ""
		})
	}
	conn, err := socket.Dial(at)
	if err != nil {
		return nil
	}
	defer conn.Close() //nolint:errcheck // only asked
	who, stop := "a daemon", "stop it"
	if peer, err := socket.PeerOf(conn); err == nil && peer.PID > 0 {
		who, stop = fmt.Sprintf("a daemon with pid %d", peer.PID), fmt.Sprintf("stop it (kill %d)", peer.PID)
	}
	return hinted(stop+" and run this again; or use --no-start", "cannot start the service: %s that is no service already listens on %s", who, at)
}

// keepOthers puts a unit aside that somebody wrote by hand.
func keepOthers(path string, r *Report) error {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && strings.HasPrefix(string(text), marker) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("cannot look at the unit that is there: %w", err)
	}
	if _, err := write(path+".before", text, 0o644); err != nil {
		return err
	}
	r.warn("%s was there, not written by this program: its text is now in %s.before", path, path)
	return nil
}

// sees makes sure that the manager reads units where they were written: its
// environment may name another folder than this shell's.
func (s *systemd) sees(ctx context.Context) error {
	now, err := s.show(ctx)
	if err != nil {
		return fmt.Errorf("cannot install the service: %w", err)
	}
	want := filepath.Join(s.dir, serviceUnit)
	if _, err := os.Lstat(want); err != nil {
		want = filepath.Join(s.packages, serviceUnit)
	}
	if got := now.service["FragmentPath"]; !sameFile(got, want) {
		if got == "" {
			got = "none"
		}
		return hinted("XDG_CONFIG_HOME is likely set in this shell only: systemctl --user import-environment XDG_CONFIG_HOME",
			"cannot install the service: systemd does not read %s (it has %s)", want, got)
	}
	return nil
}

func sameFile(a, b string) bool {
	first, err := os.Stat(a)
	if err != nil {
		return false
	}
	second, err := os.Stat(b)
	return err == nil && os.SameFile(first, second)
}

// start brings what runs in line with what was written.
func (s *systemd) start(ctx context.Context, before props, changed map[string]bool, r *Report) error {
	// A socket unit neither starts beside a service that runs nor changes its
	// address while it listens.
	if active(before.service) && !active(before.socket) || active(before.socket) && changed[socketUnit] {
		if _, err := s.systemctl(ctx, "stop", serviceUnit, socketUnit); err != nil {
			return fmt.Errorf("cannot start the service: %w", err)
		}
	}
	verb := "start"
	if active(before.service) && changed[serviceUnit] {
		verb = "restart"
	}
	_, err := s.systemctl(ctx, "start", socketUnit)
	if err == nil {
		_, err = s.systemctl(ctx, verb, serviceUnit)
	}
	if err != nil {
		return hinted(name+" service logs shows what it said; it stays installed", "cannot start the service: %w", err)
	}
	now, err := s.show(ctx)
	if err != nil {
		return fmt.Errorf("cannot look at the service: %w", err)
	}
	r.did("it runs, with pid %s", now.service["MainPID"])
	return nil
}

func (s *systemd) remove(ctx context.Context, r *Report) error {
	names := []string{serviceUnit, socketUnit}
	unreachable := s.reach(ctx)
	if unreachable == nil {
		before, err := s.show(ctx)
		if err != nil {
			return fmt.Errorf("cannot remove the service: %w", err)
		}
		for _, unit := range []struct {
			name string
			is   map[string]string
		}{{serviceUnit, before.service}, {socketUnit, before.socket}} {
			if unit.is["FragmentPath"] == "" && !active(unit.is) {
				continue // there is no such unit
			}
			if _, err := s.systemctl(ctx, "stop", unit.name); err != nil {
				return fmt.Errorf("cannot remove the service: %w", err)
			}
			if active(unit.is) {
				r.did("stopped %s", unit.name)
			}
		}
		if before.service["FragmentPath"] != "" || before.socket["FragmentPath"] != "" {
			if _, err := s.systemctl(ctx, "disable", serviceUnit, socketUnit); err != nil {
				return fmt.Errorf("cannot remove the service: %w", err)
			}
		}
	} else {
		r.warn("%v: its files go, but nothing could be stopped", unreachable)
	}
	if err := s.removeFiles(names, r); err != nil {
		return err
	}
	if unreachable == nil {
		if _, err := s.systemctl(ctx, "daemon-reload"); err != nil {
			return fmt.Errorf("cannot remove the service: %w", err)
		}
		_, _ = s.systemctl(ctx, "reset-failed", serviceUnit, socketUnit) // fails where nothing had
		after, err := s.show(ctx)
		if err != nil {
			return fmt.Errorf("cannot look at the service: %w", err)
		}
		if path := after.service["FragmentPath"]; path != "" && !strings.HasPrefix(path, s.dir) {
			r.left("%s belongs to a package; it is off for you", path)
		}
	}
	return nil
}

// removeFiles takes away the units that Install wrote, and the links to them.
func (s *systemd) removeFiles(names []string, r *Report) error {
	wants := map[string]string{serviceUnit: "default.target.wants", socketUnit: "sockets.target.wants"}
	for _, unit := range names {
		path := filepath.Join(s.dir, unit)
		switch text, err := os.ReadFile(path); {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return fmt.Errorf("cannot look at the unit: %w", err)
		case !strings.HasPrefix(string(text), marker):
			r.left("%s was not written by this program", path)
		default:
			if err := os.Remove(path); err != nil {
				return fmt.Errorf("cannot remove the unit: %w", err)
			}
			r.did("removed %s", path)
		}
		link := filepath.Join(s.dir, wants[unit], unit)
		if _, err := os.Lstat(link); err == nil {
			if _, err := os.Stat(link); errors.Is(err, fs.ErrNotExist) { // it leads nowhere now
				if err := os.Remove(link); err != nil {
					return fmt.Errorf("cannot remove the link: %w", err)
				}
			}
		}
		_ = os.Remove(filepath.Join(s.dir, wants[unit])) // where nothing else is in it
		for _, kept := range []string{path + ".before", path + ".d"} {
			if _, err := os.Lstat(kept); err == nil {
				r.left("%s is yours", kept)
			}
		}
	}
	_ = os.Remove(s.dir)               // likewise
	_ = os.Remove(filepath.Dir(s.dir)) // likewise
	return nil
}

func (s *systemd) state(ctx context.Context) (State, error) {
	if err := s.reach(ctx); err != nil {
		return State{Kind: "systemd"}, err
	}
	p, err := s.show(ctx)
	if err != nil {
		return State{Kind: "systemd"}, fmt.Errorf("cannot look at the service: %w", err)
	}
	pid, _ := strconv.Atoi(p.service["MainPID"]) // 0 where there is none
	state := State{
		Kind:      "systemd",
		Installed: p.service["FragmentPath"] != "",
		Enabled:   p.service["UnitFileState"] == "enabled",
		Running:   p.service["ActiveState"] == "active" || p.service["ActiveState"] == "reloading",
		PID:       pid,
		Socket:    p.socket["SubState"],
		Detail:    p.service["ActiveState"] + " (" + p.service["SubState"] + ")",
	}
	if result := p.service["Result"]; result != "" && result != "success" {
		state.Detail += ", " + result
	}
	for _, unit := range []map[string]string{p.service, p.socket} {
		if path := unit["FragmentPath"]; path != "" {
			state.Files = append(state.Files, path)
		}
	}
	if pid > 0 {
		state.Program, _ = os.Readlink(fmt.Sprintf("/proc/%d/exe", pid)) // empty where it has just ended
	}
	return state, nil
}

func (s *systemd) restart(ctx context.Context) error {
	if err := s.reach(ctx); err != nil {
		return err
	}
	p, err := s.show(ctx)
	switch {
	case err != nil:
		return fmt.Errorf("cannot restart the service: %w", err)
	case p.service["FragmentPath"] == "":
		return hinted(name+" service install makes it one", "cannot restart the service: it is not installed")
	}
	if _, err := s.systemctl(ctx, "restart", serviceUnit); err != nil {
		return hinted(name+" service logs shows what it said", "cannot restart the service: %w", err)
	}
	return nil
}

func (s *systemd) logs(follow bool, lines int) []string {
	command := []string{"journalctl", "--user", "--unit=" + name, "--lines=" + strconv.Itoa(lines)}
	if follow {
		command = append(command, "--follow")
	}
	return command
}

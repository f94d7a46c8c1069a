//go:build linux

package service

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"claude-permission-daemon/internal/service"
	"claude-permission-daemon/internal/wire"
)

// nobody is the user whose manager the test starts: the program must live with
// what a user's manager, without root's rights, can do.
const nobody = 65534

// bootManager starts a user manager as it runs on a machine that systemd booted:
// in a mount namespace of its own where /run/systemd/system is there, in a cgroup
// of its own. It needs root, to become somebody else.
const bootManager = `
mount --make-rprivate / && mount -t tmpfs none /run && mkdir -p /run/systemd/system || exit 97
for tree in /sys/fs/cgroup/systemd /sys/fs/cgroup/unified /sys/fs/cgroup; do
	[ -e $tree/cgroup.procs ] || continue
	mkdir -p $tree/$GROUP && echo $$ > $tree/$GROUP/cgroup.procs && chown -R $OWNER:$OWNER $tree/$GROUP
done
exec setpriv --reuid=$OWNER --regid=$OWNER --clear-groups /lib/systemd/systemd --user
`

// user is somebody with a systemd manager of their own.
type user struct {
	t       *testing.T
	dir     string
	manager *exec.Cmd
}

func unavailable(t *testing.T, format string, args ...any) {
	t.Helper()
	if os.Getenv("CPD_REQUIRE_PEERS") == "1" {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}

func newUser(t *testing.T) *user {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("only root can start the manager of another user")
	}
	for _, program := range []string{"/lib/systemd/systemd", "systemctl", "unshare", "setpriv"} {
		if _, err := exec.LookPath(program); err != nil {
			unavailable(t, "%s is not installed", program)
		}
	}
	dir, err := os.MkdirTemp("", "cpd")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	u := &user{t: t, dir: dir}
	for _, sub := range []string{"", "run", "home", "home/pro grams"} {
		path := filepath.Join(dir, sub)
		if err := os.MkdirAll(path, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Chown(path, nobody, nobody); err != nil {
			t.Fatal(err)
		}
	}
	group := fmt.Sprintf("cpd-test-%d", os.Getpid())
	t.Cleanup(func() {
		for _, tree := range []string{"/sys/fs/cgroup/systemd", "/sys/fs/cgroup/unified", "/sys/fs/cgroup"} {
			_ = exec.Command("find", filepath.Join(tree, group), "-depth", "-type", "d", "-delete").Run()
		}
	})
	u.manager = exec.Command("unshare", "--mount", "sh", "-c", bootManager)
	u.manager.Env = append(u.env(), "GROUP="+group, "OWNER="+strconv.Itoa(nobody))
	said := &logged{}
	u.manager.Stdout, u.manager.Stderr = said, said
	if err := u.manager.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = u.manager.Process.Signal(syscall.SIGTERM) // it ends its services
		late := time.AfterFunc(patience, func() { _ = u.manager.Process.Kill() })
		_ = u.manager.Wait()
		late.Stop()
	})
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		if _, err := u.try("systemctl", "--user", "show", "--property=Version"); err == nil {
			return u
		} else if time.Now().After(deadline) || u.manager.ProcessState != nil {
			unavailable(t, "no user manager can be started here: %v\n%s", err, said)
		}
	}
}

func (u *user) env() []string {
	return []string{"HOME=" + filepath.Join(u.dir, "home"), "XDG_RUNTIME_DIR=" + filepath.Join(u.dir, "run"), "PATH=" + os.Getenv("PATH")}
}

// try runs a program as that user.
func (u *user) try(program string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env, cmd.Dir = u.env(), "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	out, err := cmd.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%s %s: %w: %s", program, strings.Join(args, " "), err, out)
	}
	return string(out), err
}

func (u *user) run(program string, args ...string) string {
	u.t.Helper()
	out, err := u.try(program, args...)
	if err != nil {
		status, _ := u.try("systemctl", "--user", "status", "claude-permission-daemon.service", "claude-permission-daemon.socket")
		u.t.Fatalf("%v\n%s", err, status)
	}
	return out
}

func (u *user) state(program string) service.State {
	u.t.Helper()
	var s service.State
	out, _ := u.try(program, "service", "status", "--json") // exit code 1 says that it does not run
	text, _, _ := strings.Cut(out, "\nerror:")
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		u.t.Fatalf("cannot read %q: %v", out, err)
	}
	return s
}

// TestUserManager takes the service through its life under a real systemd user
// manager of somebody who is not root: installed, seen in the status, restarted
// under a waiting hook, killed, hung, removed.
func TestUserManager(t *testing.T) {
	u := newUser(t)
	// A path with a space, a percent sign and a dollar sign.
	daemon := filepath.Join(u.dir, "home", "pro grams", "claude-permission-daemon")
	for _, name := range []string{"claude-permission-daemon", "claude-permission-hook"} {
		if out, err := exec.CommandContext(t.Context(), "cp", filepath.Join(binaries, name), filepath.Dir(daemon)).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	config := filepath.Join(u.dir, "home", "100% $HOME;.toml")
	text := "[web]\nlisten = \"127.0.0.1:0\"\n[presence]\nsource = \"manual\"\n"
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(config, nobody, nobody); err != nil {
		t.Fatal(err)
	}

	out := u.run(daemon, "service", "install", "--config", config)
	if !strings.Contains(out, "it runs, with pid ") {
		t.Errorf("install says %s", out)
	}
	s := u.state(daemon)
	if !s.Installed || !s.Enabled || !s.Running || s.PID == 0 || s.Socket != "running" && s.Socket != "listening" {
		t.Errorf("status %+v", s)
	}
	first := s.PID
	if got := u.run(daemon, "status"); !strings.Contains(got, strconv.Itoa(first)) {
		t.Errorf("the daemon says %s", got)
	}
	hardened(t, first)
	if again := u.run(daemon, "service", "install", "--config", config); strings.Contains(again, "wrote") || u.state(daemon).PID != first {
		t.Errorf("installing again says %s", again)
	}

	// A restart while a hook waits: the request goes on.
	u.run(daemon, "away")
	ask := func(session string) *asked {
		a := &asked{cmd: exec.Command(filepath.Join(filepath.Dir(daemon), "claude-permission-hook"))}
		a.cmd.Env, a.cmd.Dir = u.env(), "/"
		a.cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		a.cmd.Stdin = strings.NewReader(fmt.Sprintf(`{"hook_event_name":"PermissionRequest","session_id":%q,"tool_name":"Bash","tool_input":{"command":"make"},"cwd":"/"}`, session))
		a.cmd.Stdout, a.cmd.Stderr = &a.stdout, &a.stderr
		if err := a.cmd.Start(); err != nil {
			t.Fatal(err)
		}
		return a
	}
	pending := func() []wire.Pending {
		var list []wire.Pending
		out, err := u.try(daemon, "pending", "--json")
		if err == nil && json.Unmarshal([]byte(out), &list) != nil {
			t.Fatalf("pending says %s", out)
		}
		return list
	}
	opened := func() string {
		t.Helper()
		for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
			if list := pending(); len(list) == 1 {
				return list[0].ID
			}
		}
		t.Fatal("no request is open")
		return ""
	}
	approved := func(a *asked) {
		t.Helper()
		u.run(daemon, "approve", opened())
		if out, said := a.end(t); !strings.Contains(out, `"allow"`) {
			t.Errorf("the hook printed %q and said %s", out, said)
		}
	}
	a := ask("s1")
	id := opened()
	u.run(daemon, "service", "restart")
	second := u.state(daemon).PID
	if second == first || second == 0 {
		t.Errorf("restarted from %d to %d", first, second)
	}
	if now := opened(); now != id {
		t.Errorf("the request was %s and is %s", id, now)
	}
	approved(a)

	// A kill: systemd starts another, and a hook that comes at once waits for it.
	if err := syscall.Kill(second, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	approved(ask("s2"))
	if third := u.state(daemon).PID; third == second || third == 0 {
		t.Errorf("killed: %d, then %d", second, third)
	}

	// Stopped by hand, the next hook starts it again, through the socket.
	u.run("systemctl", "--user", "stop", "claude-permission-daemon.service")
	if u.state(daemon).Running {
		t.Error("it still runs")
	}
	approved(ask("s3"))

	// One that hangs is ended by the watchdog, whose time the test shortens.
	dropIn := filepath.Join(u.dir, "home", ".config", "systemd", "user", "claude-permission-daemon.service.d")
	u.run("sh", "-c", `mkdir -p "$0" && printf '[Service]\nWatchdogSec=1s\nTimeoutAbortSec=1s\n' > "$0/test.conf"`, dropIn)
	u.run("systemctl", "--user", "daemon-reload")
	u.run(daemon, "service", "restart")
	hung := u.state(daemon).PID
	if err := syscall.Kill(hung, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(2 * patience); ; time.Sleep(50 * time.Millisecond) {
		if s := u.state(daemon); s.Running && s.PID != hung {
			break
		} else if time.Now().After(deadline) {
			t.Fatalf("the watchdog did nothing: %+v", s)
		}
	}
	u.run("rm", "-r", dropIn)

	out = u.run(daemon, "service", "remove")
	if !strings.Contains(out, "removed ") {
		t.Errorf("remove says %s", out)
	}
	if left := u.run("find", filepath.Join(u.dir, "home", ".config"), "-type", "f", "-o", "-type", "l"); left != "" {
		t.Errorf("left behind: %s", left)
	}
	if _, err := os.Lstat(filepath.Join(u.dir, "run", "claude-permissions.sock")); err == nil {
		t.Error("the socket is still there")
	}
	if s := u.state(daemon); s.Installed || s.Running {
		t.Errorf("status %+v", s)
	}
}

// hardened looks at what the kernel says of the process.
func hardened(t *testing.T, pid int) {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"NoNewPrivs:\t1", "Seccomp:\t2", "CapEff:\t0000000000000000", "Umask:\t0077"} {
		if !strings.Contains(string(text), line+"\n") {
			t.Errorf("the daemon's status lacks %q:\n%s", line, text)
		}
	}
}

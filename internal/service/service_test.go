package service

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// machine is a home with a program, and a folder on PATH for the system's own
// programs, which the tests write as scripts. Each call of one is a line in log.
type machine struct {
	t            *testing.T
	dir          string
	env          map[string]string
	program, log string
}

func newMachine(t *testing.T) *machine {
	t.Helper()
	dir, err := os.MkdirTemp("", "cpd") // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	m := &machine{t: t, dir: dir, program: filepath.Join(dir, "bin", name), log: filepath.Join(dir, "log")}
	for _, sub := range []string{"bin", "home", "run", "state"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	m.write(m.program, "#!/bin/sh\n", 0o755)
	m.env = map[string]string{"HOME": filepath.Join(dir, "home"), "XDG_RUNTIME_DIR": filepath.Join(dir, "run"), "PATH": os.Getenv("PATH")}
	t.Setenv("PATH", filepath.Join(dir, "bin")+":"+os.Getenv("PATH"))
	t.Setenv("FAKE", dir)
	return m
}

func (m *machine) write(path, text string, mode os.FileMode) {
	m.t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		m.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		m.t.Fatal(err)
	}
}

func (m *machine) options(system string) Options {
	return Options{System: system, Program: m.program, Getenv: func(key string) string { return m.env[key] }}
}

func (m *machine) calls() []string {
	text, err := os.ReadFile(m.log)
	if err != nil {
		return nil
	}
	_ = os.Remove(m.log)
	return strings.Split(strings.TrimSpace(strings.ReplaceAll(string(text), m.dir, "DIR")), "\n")
}

func (m *machine) files() []string {
	var files []string
	root := filepath.Join(m.dir, "home")
	err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			rel, _ := filepath.Rel(root, path)
			files = append(files, rel)
		}
		return err
	})
	if err != nil {
		m.t.Fatal(err)
	}
	return files
}

// systemctl stands in for systemd: it keeps which units are active in files,
// links enabled ones as systemd does, and knows only units that it can read.
const systemctl = `#!/bin/sh
echo "systemctl $*" >> "$FAKE/log"
units="${UNITS:-$FAKE/home/.config/systemd/user}"
[ "$1" = --user ] || exit 9
shift
verb=$1; shift
if [ -e "$FAKE/refuse-$verb" ]; then cat "$FAKE/refuse-$verb" >&2; exit 1; fi
case $verb in
show)
	case $1 in --property=Version) echo Version=252; exit;; esac
	active=inactive; [ ! -e "$FAKE/state/$1" ] || active=active
	echo ActiveState=$active
	case $1-$active in *socket-active) echo SubState=listening;; *-active) echo SubState=running; echo MainPID=4711;; *) echo SubState=dead; echo MainPID=0;; esac
	echo Result=success
	if [ -e "$units/$1" ]; then echo FragmentPath="$units/$1"; fi
	for link in "$units"/*.wants/$1; do [ ! -L "$link" ] || echo UnitFileState=enabled; done
	;;
enable)
	mkdir -p "$units/default.target.wants" "$units/sockets.target.wants"
	ln -sf "$units/claude-permission-daemon.service" "$units/default.target.wants/"
	ln -sf "$units/claude-permission-daemon.socket" "$units/sockets.target.wants/" ;;
disable) rm -f "$units"/*.wants/claude-permission-daemon.*; rmdir "$units"/*.wants ;;
start|restart) for unit; do : > "$FAKE/state/$unit"; done ;;
stop) for unit; do rm -f "$FAKE/state/$unit"; done ;;
esac
`

func (m *machine) withSystemctl() *machine {
	m.write(filepath.Join(m.dir, "bin", "systemctl"), systemctl, 0o755)
	return m
}

// did is what systemctl was told to do, without what it was asked.
func did(calls []string) []string {
	return slices.DeleteFunc(calls, func(call string) bool { return strings.Contains(call, "--user show") })
}

func TestInstallAndRemove(t *testing.T) {
	m := newMachine(t).withSystemctl()
	o := m.options("linux")
	report, err := Install(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"systemctl --user daemon-reload",
		"systemctl --user enable claude-permission-daemon.socket claude-permission-daemon.service",
		"systemctl --user start claude-permission-daemon.socket",
		"systemctl --user start claude-permission-daemon.service",
	}
	if diff := cmp.Diff(want, did(m.calls())); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
	if got := strings.Join(report.Done, "\n"); !strings.Contains(got, "pid 4711") || strings.Count(got, "wrote ") != 2 {
		t.Errorf("it says:\n%s", got)
	}
	state, err := Status(t.Context(), o)
	if err != nil || !state.Installed || !state.Enabled || !state.Running || state.PID != 4711 || state.Socket != "listening" {
		t.Errorf("status %+v, %v", state, err)
	}
	m.calls()

	if _, err := Install(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	if got := did(m.calls()); slices.ContainsFunc(got, func(c string) bool { return strings.Contains(c, "stop") || strings.Contains(c, "restart") }) {
		t.Errorf("installing again, unchanged, did %v", got)
	}

	if report, err = Remove(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	if got := m.files(); len(got) > 0 {
		t.Errorf("left behind: %v", got)
	}
	if _, err := os.Stat(filepath.Join(m.dir, "home", ".config")); err != nil {
		t.Errorf("the folder .config: %v", err) // not ours to remove
	}
	if state, err = Status(t.Context(), o); err != nil || state.Installed || state.Running {
		t.Errorf("status %+v, %v", state, err)
	}
	if len(report.Left) > 0 {
		t.Errorf("it says it left %v", report.Left)
	}
	if report, err = Remove(t.Context(), o); err != nil || len(report.Done) > 0 {
		t.Errorf("removing again: %+v, %v", report, err)
	}
}

func TestInstallChanged(t *testing.T) {
	m := newMachine(t).withSystemctl()
	o := m.options("linux")
	if _, err := Install(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	m.calls()
	o.Config = "/etc/c.toml"
	if _, err := Install(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	if got := m.calls(); !slices.Contains(got, "systemctl --user restart claude-permission-daemon.service") {
		t.Errorf("another configuration: %v", got)
	}
	o.Socket = filepath.Join(m.dir, "run", "other.sock")
	if _, err := Install(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	if got := m.calls(); !slices.Contains(got, "systemctl --user stop claude-permission-daemon.service claude-permission-daemon.socket") {
		t.Errorf("another socket: %v", got)
	}
	text, err := os.ReadFile(filepath.Join(m.dir, "home", ".config", "systemd", "user", socketUnit))
	if err != nil || !strings.Contains(string(text), "\nListenStream="+o.Socket+"\n") {
		t.Errorf("the socket unit is %s, %v", text, err)
	}
}

func TestNoStart(t *testing.T) {
	m := newMachine(t).withSystemctl()
	o := m.options("linux")
	o.NoStart = true
	if _, err := Install(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	if got := m.calls(); slices.ContainsFunc(got, func(c string) bool { return strings.Contains(c, "start") }) {
		t.Errorf("it did %v", got)
	}
	if state, err := Status(t.Context(), o); err != nil || state.Running || !state.Enabled {
		t.Errorf("status %+v, %v", state, err)
	}
}

func TestInstallRefusals(t *testing.T) {
	for _, test := range []struct {
		name, want, hint string
		none             bool
		prepare          func(*machine, *Options)
	}{
		{"no systemd", "systemctl is not installed", "what starts your programs", true, func(m *machine, o *Options) {
			_ = os.Remove(filepath.Join(m.dir, "bin", "systemctl"))
			m.t.Setenv("PATH", filepath.Join(m.dir, "bin"))
		}},
		{"no manager", "Failed to connect to bus", "systemctl --user status", true, func(m *machine, o *Options) {
			m.write(filepath.Join(m.dir, "refuse-show"), "Failed to connect to bus: No such file or directory\n", 0o644)
		}},
		{"no session", "XDG_RUNTIME_DIR is not set", "enable-linger alice", true, func(m *machine, o *Options) {
			if isDir(fmt.Sprintf("/run/user/%d", os.Getuid())) {
				m.t.Skip("this user has a session")
			}
			m.env["XDG_RUNTIME_DIR"], m.env["USER"] = "", "alice"
			m.write(filepath.Join(m.dir, "refuse-show"), "Failed to connect to bus: No medium found\n", 0o644)
		}},
		{"another XDG_CONFIG_HOME", "systemd does not read", "import-environment XDG_CONFIG_HOME", false, func(m *machine, o *Options) {
			m.t.Setenv("UNITS", filepath.Join(m.dir, "elsewhere"))
		}},
		{"it does not start", "bad setting", "service logs", false, func(m *machine, o *Options) {
			m.write(filepath.Join(m.dir, "refuse-start"), "Job failed: bad setting\n", 0o644)
		}},
		{"a daemon by hand", "is no service", "--no-start", false, func(m *machine, o *Options) {
			l, err := net.Listen("unix", filepath.Join(m.dir, "run", "claude-permissions.sock"))
			if err != nil {
				m.t.Fatal(err)
			}
			m.t.Cleanup(func() { _ = l.Close() })
		}},
		{"go run", "go run", "go build", false, func(m *machine, o *Options) {
			o.Program = filepath.Join(m.dir, "go-build123", "exe", name)
			m.write(o.Program, "", 0o755)
		}},
		{"no program", "cannot use the program", "", false, func(m *machine, o *Options) { o.Program = filepath.Join(m.dir, "none") }},
		{"a folder", "is not a file", "", false, func(m *machine, o *Options) { o.Program = m.dir }},
		{"a quote in the program's path", "quotes", "elsewhere", false, func(m *machine, o *Options) {
			o.Program = filepath.Join(m.dir, `a"b`)
			m.write(o.Program, "", 0o755)
		}},
		{"a line break in an argument", "control characters", "", false, func(m *machine, o *Options) { o.Config = "/a\nExecStartPre=/bin/x" }},
		{"a line break in the socket", "cannot let systemd listen", "", false, func(m *machine, o *Options) { o.Socket = "/a\nListenStream=/b" }},
		{"an unknown system", "cannot manage a service on plan9", "login", true, func(m *machine, o *Options) { o.System = "plan9" }},
		{"no home", "home folder", "", false, func(m *machine, o *Options) { m.env["HOME"] = "" }},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := newMachine(t).withSystemctl()
			o := m.options("linux")
			test.prepare(m, &o)
			_, err := Install(t.Context(), o)
			if err == nil || !strings.Contains(err.Error(), test.want) || errors.Is(err, ErrNone) != test.none {
				t.Fatalf("error %v, want one with %q", err, test.want)
			}
			hint := ""
			if with, ok := errors.AsType[*Error](err); ok {
				hint = with.Hint
			}
			if !strings.Contains(hint, test.hint) || (hint == "") != (test.hint == "") {
				t.Errorf("hint %q, want one with %q", hint, test.hint)
			}
		})
	}
}

// Where nothing can be reached, nothing is written either.
func TestRefusalLeavesNothing(t *testing.T) {
	m := newMachine(t).withSystemctl()
	m.write(filepath.Join(m.dir, "refuse-show"), "Failed to connect to bus\n", 0o644)
	if _, err := Install(t.Context(), m.options("linux")); err == nil {
		t.Fatal("no error")
	}
	if got := m.files(); len(got) > 0 {
		t.Errorf("it left %v", got)
	}
}

// A unit that somebody wrote by hand is kept, and removal says so. Removal works
// without a manager, too, and leaves other people's units alone.
func TestOthersUnits(t *testing.T) {
	m := newMachine(t).withSystemctl()
	units := filepath.Join(m.dir, "home", ".config", "systemd", "user")
	m.write(filepath.Join(units, serviceUnit), "[Service]\nExecStart=/mine\n", 0o644)
	m.write(filepath.Join(units, "default.target.wants", "other.service"), "[Unit]\n", 0o644)
	m.write(filepath.Join(units, serviceUnit+".d", "mine.conf"), "[Service]\n", 0o644)
	report, err := Install(t.Context(), m.options("linux"))
	if err != nil || len(report.Warnings) != 1 || !strings.Contains(report.Warnings[0], ".before") {
		t.Errorf("report %+v, %v", report, err)
	}
	m.write(filepath.Join(m.dir, "refuse-show"), "Failed to connect to bus\n", 0o644)
	report, err = Remove(t.Context(), m.options("linux"))
	if err != nil || len(report.Left) != 2 || len(report.Warnings) != 1 {
		t.Errorf("report %+v, %v", report, err)
	}
	want := []string{
		".config/systemd/user/claude-permission-daemon.service.before",
		".config/systemd/user/claude-permission-daemon.service.d/mine.conf",
		".config/systemd/user/default.target.wants/other.service",
	}
	if diff := cmp.Diff(want, m.files()); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	text, err := os.ReadFile(filepath.Join(units, serviceUnit+".before"))
	if err != nil || !strings.Contains(string(text), "/mine") {
		t.Errorf("kept: %s, %v", text, err)
	}
}

// A package's units are used where they say the same; else the user's come before
// them.
func TestPackagesUnits(t *testing.T) {
	m := newMachine(t).withSystemctl()
	o := m.options("linux")
	o.packages = filepath.Join(m.dir, "package")
	u := Unit{Program: m.program, Marker: "# Of the package."}
	service, err := u.ServiceUnit()
	if err != nil {
		t.Fatal(err)
	}
	socket, err := u.SocketUnit()
	if err != nil {
		t.Fatal(err)
	}
	m.write(filepath.Join(o.packages, serviceUnit), service, 0o644)
	m.write(filepath.Join(o.packages, socketUnit), socket, 0o644)
	t.Setenv("UNITS", o.packages) // where systemd finds them
	report, err := Install(t.Context(), o)
	if err != nil || !strings.Contains(report.Done[0], "the package's units") || len(m.files()) > 0 {
		t.Errorf("report %+v, %v; files %v", report, err, m.files())
	}
	report, err = Remove(t.Context(), o)
	if err != nil || len(report.Left) != 1 || !strings.Contains(report.Left[0], "belongs to a package") {
		t.Errorf("report %+v, %v", report, err)
	}
	o.Config = "/other.toml"
	t.Setenv("UNITS", filepath.Join(m.dir, "home", ".config", "systemd", "user"))
	if report, err = Install(t.Context(), o); err != nil || !strings.Contains(report.Done[0], "wrote ") {
		t.Errorf("report %+v, %v", report, err)
	}
}

func TestRestart(t *testing.T) {
	m := newMachine(t).withSystemctl()
	o := m.options("linux")
	if err := Restart(t.Context(), o); err == nil || !strings.Contains(err.Error(), "not installed") {
		t.Errorf("error %v", err)
	}
	if _, err := Install(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	m.calls()
	if err := Restart(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	if got := did(m.calls()); !slices.Equal(got, []string{"systemctl --user restart claude-permission-daemon.service"}) {
		t.Errorf("it did %v", got)
	}
}

func TestSettingsOfThisShellOnly(t *testing.T) {
	m := newMachine(t).withSystemctl()
	m.env["CLAUDE_PERM_SLACK_BOT_TOKEN"] = "xoxb-secret"
	report, err := Install(t.Context(), m.options("linux"))
	if err != nil || len(report.Warnings) != 1 || !strings.Contains(report.Warnings[0], "CLAUDE_PERM_SLACK_BOT_TOKEN") || strings.Contains(report.Warnings[0], "xoxb") {
		t.Errorf("warnings %v, %v", report.Warnings, err)
	}
	for _, file := range m.files() {
		if text, _ := os.ReadFile(filepath.Join(m.dir, "home", file)); strings.Contains(string(text), "xoxb") {
			t.Errorf("the token is in %s", file)
		}
	}
}

func TestServiceUnit(t *testing.T) {
	text, err := Unit{Program: "/home/a b/100%/daemon", Args: []string{"--config", `/c/"x" $y;`}, Env: []string{"XDG_STATE_HOME=/s t/50%"}, Marker: marker}.ServiceUnit()
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		`ExecStart=:"/home/a b/100%%/daemon" --config "/c/\"x\" $y;"`,
		`Environment="XDG_STATE_HOME=/s t/50%%"`,
		"Type=notify", "WatchdogSec=30s", "NoNewPrivileges=yes", "RestartKillSignal=SIGUSR2",
	} {
		if !strings.Contains(text, "\n"+line+"\n") {
			t.Errorf("no line %q in\n%s", line, text)
		}
	}
	if strings.Contains(text, "WAYLAND") || strings.Contains(text, "DISPLAY") {
		t.Errorf("a display is set in\n%s", text)
	}
	if _, err := (Unit{Program: "daemon"}).ServiceUnit(); err == nil {
		t.Error("a relative program is taken")
	}
}

func TestSocketUnit(t *testing.T) {
	for path, want := range map[string]string{
		"":            "%t/claude-permissions.sock",
		"/a b/50%/s":  "/a b/50%%/s",
		"relative":    "",
		"/a/s ":       "",
		`/a\`:         "",
		"/a\x00b":     "",
		"/a\nMode=0b": "",
	} {
		text, err := Unit{Socket: path}.SocketUnit()
		if want == "" {
			if err == nil {
				t.Errorf("%q is taken: %s", path, text)
			}
			continue
		}
		if err != nil || !strings.Contains(text, "\nListenStream="+want+"\n") || !strings.Contains(text, "\nSocketMode=0600\n") {
			t.Errorf("%q gives %s, %v", path, text, err)
		}
	}
}

const launchctl = `#!/bin/sh
echo "launchctl $*" >> "$FAKE/log"
case $1 in
print) [ -e "$FAKE/state/agent" ] || { echo "Could not find service" >&2; exit 113; }
	printf 'gui/501/claude-permission-daemon = {\n\tstate = running\n\tprogram = /x/daemon\n\tpid = 99\n}\n' ;;
bootstrap) : > "$FAKE/state/agent" ;;
bootout) rm "$FAKE/state/agent" ;;
esac
`

func TestLaunchd(t *testing.T) {
	m := newMachine(t)
	m.write(filepath.Join(m.dir, "bin", "launchctl"), launchctl, 0o755)
	o := m.options("darwin")
	o.Config = `/Users/a & b/<c>.toml`
	if _, err := Install(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	domain := fmt.Sprintf("gui/%d", os.Getuid())
	plist := "home/Library/LaunchAgents/claude-permission-daemon.plist"
	want := []string{"launchctl print " + domain + "/claude-permission-daemon", "launchctl bootstrap " + domain + " DIR/" + plist}
	if diff := cmp.Diff(want, m.calls()); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
	text, err := os.ReadFile(filepath.Join(m.dir, plist))
	if err != nil || !strings.Contains(string(text), "<string>--config</string>\n\t\t<string>/Users/a &amp; b/&lt;c&gt;.toml</string>") {
		t.Errorf("the agent is %s, %v", text, err)
	}
	if _, err := exec.LookPath("python3"); err == nil {
		out, err := exec.CommandContext(t.Context(), "python3", "-c", "import plistlib,sys; print(plistlib.load(open(sys.argv[1],'rb'))['ProgramArguments'])", filepath.Join(m.dir, plist)).CombinedOutput()
		if err != nil || !strings.Contains(string(out), "/Users/a & b/<c>.toml") {
			t.Errorf("a reader of property lists says %s, %v", out, err)
		}
	}
	state, err := Status(t.Context(), o)
	if err != nil || !state.Running || state.PID != 99 || !state.Installed || state.Program != "/x/daemon" {
		t.Errorf("state %+v, %v", state, err)
	}
	m.calls()
	o.Config = ""
	if _, err := Install(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	if got := m.calls(); len(got) != 3 || !strings.Contains(got[1], "bootout") {
		t.Errorf("changed: %v", got)
	}
	if err := Restart(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	if _, err := Remove(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	if got := m.files(); len(got) > 0 {
		t.Errorf("left behind: %v", got)
	}
	if state, err = Status(t.Context(), o); err != nil || state.Installed || state.Running {
		t.Errorf("state %+v, %v", state, err)
	}
}

const schtasks = `#!/bin/sh
echo "schtasks $*" >> "$FAKE/log"
case $1 in
/Query) [ -e "$FAKE/state/task" ] || { echo "ERROR: The system cannot find the file specified." >&2; exit 1; }
	printf '"\\claude-permission-daemon","N/A","Running"\r\n' ;;
/Create) cp "$4" "$FAKE/state/task" ;;
/Delete) rm "$FAKE/state/task" ;;
esac
`

func TestTask(t *testing.T) {
	m := newMachine(t)
	m.write(filepath.Join(m.dir, "bin", "schtasks"), schtasks, 0o755)
	o := m.options("windows")
	o.Config = `C:\Users\a & b\c.toml`
	if _, err := Install(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(m.dir, "state", "task"))
	if err != nil || len(text) < 2 || text[0] != 0xff || text[1] != 0xfe {
		t.Fatalf("the task is no UTF-16: %v, %v", text[:2], err)
	}
	plain := strings.ReplaceAll(string(text[2:]), "\x00", "")
	if !strings.Contains(plain, `<Arguments>--config &#34;C:\Users\a &amp; b\c.toml&#34;</Arguments>`) {
		t.Errorf("the task is %s", plain)
	}
	state, err := Status(t.Context(), o)
	if err != nil || !state.Installed || !state.Running {
		t.Errorf("state %+v, %v", state, err)
	}
	if err := Restart(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	m.calls()
	if _, err := Remove(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"schtasks /Query /FO CSV /NH /TN claude-permission-daemon",
		"schtasks /End /TN claude-permission-daemon",
		"schtasks /Delete /F /TN claude-permission-daemon",
	}
	if diff := cmp.Diff(want, m.calls()); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
	if state, err = Status(t.Context(), o); err != nil || state.Installed {
		t.Errorf("state %+v, %v", state, err)
	}
}

func TestWindowsWords(t *testing.T) {
	for word, want := range map[string]string{
		`plain`: `plain`, ``: `""`, `a b`: `"a b"`, `a"b`: `"a\"b"`, `a b\`: `"a b\\"`, `a\"b c`: `"a\\\"b c"`, `C:\x\y`: `C:\x\y`,
	} {
		if got := windowsWord(word); got != want {
			t.Errorf("%s becomes %s, want %s", word, got, want)
		}
	}
}

func TestLogCommands(t *testing.T) {
	m := newMachine(t)
	for system, want := range map[string]string{
		"linux":   "journalctl --user --unit=claude-permission-daemon --lines=7 --follow",
		"darwin":  "tail -n 7 -F " + m.env["HOME"] + "/Library/Logs/claude-permission-daemon.log",
		"windows": "",
	} {
		command, err := LogCommand(m.options(system), true, 7)
		if got := strings.Join(command, " "); err != nil || got != want {
			t.Errorf("%s: %s, %v", system, got, err)
		}
	}
}

// The program on PATH is named where it is this one: it may be a link that
// outlives an upgrade.
func TestThisProgram(t *testing.T) {
	own, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	link := filepath.Join(dir, filepath.Base(own))
	if err := os.Symlink(own, link); err != nil {
		t.Fatal(err)
	}
	if got, err := thisProgram("relative:" + dir); err != nil || got != link {
		t.Errorf("got %s, %v; want %s", got, err, link)
	}
	if got, err := thisProgram("/nowhere"); err != nil || got != own {
		t.Errorf("got %s, %v; want %s", got, err, own)
	}
}

func TestRunSaysWhatTheProgramSaid(t *testing.T) {
	_, err := run(context.Background(), []string{"A=b"}, "sh", "-c", `echo "no $A" >&2; exit 3`)
	if err == nil || !strings.Contains(err.Error(), "no b") {
		t.Errorf("error %v", err)
	}
}

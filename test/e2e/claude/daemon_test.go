//go:build linux

package claude

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"claude-permission-daemon/internal/claude/settings"
	"claude-permission-daemon/internal/permit"
	"claude-permission-daemon/internal/wire"
	"claude-permission-daemon/test/e2e/claudetest"
)

// binaries builds the program, once, into a folder that TestMain removes.
var binaries = sync.OnceValues(func() (dir string, err error) {
	if dir, err = os.MkdirTemp("", "cpd"); err != nil {
		return "", err
	}
	built = dir
	said, err := exec.Command("go", "build", "-o", dir, "../../../cmd/...").CombinedOutput()
	if err != nil {
		err = fmt.Errorf("cannot build the program: %w\n%s", err, said)
	}
	return dir, err
})

// built is that folder; empty before.
var built string

// program is our program, set up in a person's home: the hook in Claude Code's
// settings, and the daemon running.
type program struct {
	t      *testing.T
	home   *claudetest.Home
	socket string
	link   string // the page
	dir    string // of the binaries
	cmd    *exec.Cmd
	log    bytes.Buffer // what the daemon prints, to be read after its end
}

// install sets the program up in a home, with more of a configuration. Presence
// is set by hand; at first the person is away.
func install(t *testing.T, home *claudetest.Home, more ...string) *program {
	t.Helper()
	p := serve(t, home, more...)
	home.Hooks(settings.Events(), filepath.Join(p.dir, "claude-permission-hook"), "--socket", p.socket)
	return p
}

// serve is install without the hooks.
func serve(t *testing.T, home *claudetest.Home, more ...string) *program {
	t.Helper()
	dir, err := binaries()
	if err != nil {
		t.Fatal(err)
	}
	p := &program{t: t, home: home, dir: dir, socket: filepath.Join(home.Dir, "socket")}
	if err := os.WriteFile(filepath.Join(home.Dir, "config.toml"), []byte("[presence]\nsource = \"manual\"\n[web]\nlisten = \"127.0.0.1:0\"\n"+strings.Join(more, "")), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = p.cmd.Process.Signal(syscall.SIGTERM)
		if err := p.cmd.Wait(); err != nil {
			t.Errorf("the daemon ends with %v", err)
		}
		if t.Failed() {
			t.Logf("the daemon's log:\n%s", p.log.String())
		}
	})
	p.start()
	return p
}

// start starts the daemon and waits until it serves.
func (p *program) start() {
	p.t.Helper()
	p.cmd = exec.Command(filepath.Join(p.dir, "claude-permission-daemon"),
		"--config", filepath.Join(p.home.Dir, "config.toml"), "--socket", p.socket, "--debug")
	p.cmd.Env = []string{"HOME=" + p.home.Dir, "PATH=" + os.Getenv("PATH")}
	p.cmd.Stdout, p.cmd.Stderr = &p.log, &p.log
	if err := p.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	claudetest.Wait(p.t, "the daemon does not serve its socket", func() bool {
		return p.command("away").Run() == nil
	})
	p.link = ""
	for _, channel := range p.status().Channels {
		if channel.URL != "" {
			p.link = channel.URL
		}
	}
	if p.link == "" {
		p.t.Fatal("the daemon has no page")
	}
}

// kill ends it as nobody should.
func (p *program) kill() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait() // "signal: killed"
}

// command is a command of the program's command line.
func (p *program) command(args ...string) *exec.Cmd {
	return exec.Command(filepath.Join(p.dir, "claude-permission-daemon"), append([]string{"--socket", p.socket}, args...)...)
}

// do runs one, which must succeed, and returns what it prints.
func (p *program) do(args ...string) []byte {
	p.t.Helper()
	cmd := p.command(args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	stdout, err := cmd.Output()
	if err != nil {
		p.t.Fatalf("%v: %v\n%s", args, err, stderr.String())
	}
	return stdout
}

func (p *program) status() (status wire.Status) {
	p.t.Helper()
	if err := json.Unmarshal(p.do("status", "--json"), &status); err != nil {
		p.t.Fatal(err)
	}
	return status
}

func (p *program) pending() (pending []wire.Pending) {
	p.t.Helper()
	if err := json.Unmarshal(p.do("pending", "--json"), &pending); err != nil {
		p.t.Fatal(err)
	}
	return pending
}

// settles waits until no request is open. The daemon hears a moment later of what
// the client has taken, and its disk may be slow.
func (p *program) settles() {
	p.t.Helper()
	claudetest.Wait(p.t, "a request stays open", func() bool { return len(p.pending()) == 0 })
}

// logged is the daemon's journal, as a table.
func (p *program) logged() string {
	p.t.Helper()
	cmd := p.command("log", "--csv")
	cmd.Env = []string{"HOME=" + p.home.Dir}
	out, err := cmd.Output()
	if err != nil {
		p.t.Fatal(err)
	}
	return string(out)
}

// records are the journal's records of a kind, as the command line prints them.
func (p *program) records(kind permit.RecordKind) (found []permit.Record) {
	p.t.Helper()
	cmd := p.command("log", "--json", "-n", "0")
	cmd.Env = []string{"HOME=" + p.home.Dir}
	out, err := cmd.Output()
	if err != nil {
		p.t.Fatal(err)
	}
	for line := range bytes.Lines(out) {
		var record permit.Record
		if err := json.Unmarshal(line, &record); err != nil {
			p.t.Fatal(err)
		}
		if record.Kind == kind {
			found = append(found, record)
		}
	}
	return found
}

//go:build linux

package claude

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"claude-permission-daemon/internal/permit"
	"claude-permission-daemon/test/e2e/claudetest"
)

// These tests enter the hook as a person does, with the command line or as a
// plugin, and have the real client pick it up.

// hooks runs `hooks` of the command line in the home, as whoever lives there.
func (p *program) hooks(verb ...string) (said string, err error) {
	cmd := p.command(append([]string{"hooks"}, verb...)...)
	cmd.Env = []string{"HOME=" + p.home.Dir, "PATH=" + os.Getenv("PATH")}
	cmd.Dir = p.home.Work
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// asked runs the client headless with one call; the daemon is asked, and
// approves it. The news of the call's end come by the other entries.
func (p *program) asked(file string) {
	p.t.Helper()
	ran := strings.Count(p.logged(), ",ran,")
	wait := p.home.StartHeadless("make " + file)
	claudetest.Wait(p.t, "the request does not reach the daemon", func() bool { return len(p.pending()) > 0 })
	if open := p.pending(); len(open) != 1 {
		p.t.Fatalf("open: %+v", open)
	}
	p.do("approve", p.pending()[0].ID)
	wait()
	if !p.home.Exists(file) {
		p.t.Error("the command did not run")
	}
	claudetest.Wait(p.t, "the daemon does not hear that the command ran", func() bool {
		return strings.Count(p.logged(), ",ran,") > ran
	})
}

func (p *program) settings() string { return filepath.Join(p.home.Dir, ".claude", "settings.json") }

func (p *program) read() string {
	p.t.Helper()
	text, err := os.ReadFile(p.settings())
	if err != nil {
		p.t.Fatal(err)
	}
	return string(text)
}

func TestHooksInstalled(t *testing.T) {
	api := claudetest.NewAPI(t, claudetest.Script(touch("x"), claudetest.Say("Done."), touch("y")))
	home := claudetest.NewHome(t, api)
	p := serve(t, home)
	before := "{\r\n\t\"permissions\": { \"defaultMode\": \"default\" }\r\n}"
	if err := os.WriteFile(p.settings(), []byte(before), 0o600); err != nil {
		t.Fatal(err)
	}
	if said, err := p.hooks("install"); err != nil {
		t.Fatalf("hooks install: %v\n%s", err, said)
	}
	if said, err := p.hooks("status"); err != nil {
		t.Errorf("hooks status: %v\n%s", err, said)
	}
	p.asked("x")

	if said, err := p.hooks("remove"); err != nil {
		t.Fatalf("hooks remove: %v\n%s", err, said)
	}
	if after := p.read(); after != before {
		t.Errorf("the settings are %q", after)
	}
	home.Headless("make y") // without the hook nobody is asked, and it is denied
	if asked := p.records(permit.RecordOpened); home.Exists("y") || len(asked) != 1 {
		t.Errorf("the hook is still there: %+v", asked)
	}
}

// A session that runs takes the hook up. Until it has, its own dialog asks.
func TestHooksInARunningSession(t *testing.T) {
	api := claudetest.NewAPI(t, func(asked claudetest.Request) claudetest.Answer {
		for _, result := range asked.Results() {
			if !result.IsError { // not the end of a call that was interrupted
				return claudetest.Say("Done.")
			}
		}
		return touch("x")
	})
	home := claudetest.NewHome(t, api, "tmux")
	p := serve(t, home)
	terminal := home.Start()
	if said, err := p.hooks("install"); err != nil {
		t.Fatalf("hooks install: %v\n%s", err, said)
	}
	for try := 1; len(p.pending()) == 0; try++ {
		if try > 10 {
			t.Fatal("the session does not take the hook up")
		}
		terminal.Prompt(fmt.Sprintf("make x please, number %d", try))
		terminal.See(dialog)
		for i := 0; i < 200 && len(p.pending()) == 0; i++ {
			time.Sleep(50 * time.Millisecond)
		}
		if len(p.pending()) == 0 {
			terminal.Answer(dialog, "Escape")
			terminal.See("What should Claude do instead?")
		}
	}
	p.do("approve", p.pending()[0].ID)
	claudetest.Wait(t, "the command does not run", func() bool { return home.Exists("x") })
	terminal.Gone(dialog)
}

// repository is the root of this one, which is the marketplace.
func repository(t *testing.T) string {
	t.Helper()
	root, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// plugged gives the client what the plugin needs: the hook on the PATH.
func (p *program) plugged() {
	p.home.Env["PATH"] = p.dir + ":" + os.Getenv("PATH")
	p.home.Env["CLAUDE_PERM_SOCKET_PATH"] = p.socket
}

func TestPluginValidates(t *testing.T) {
	home := claudetest.NewHome(t, claudetest.NewAPI(t, claudetest.Script()))
	for _, args := range [][]string{{"--strict", repository(t)}, {"--strict", filepath.Join(repository(t), "plugin")},
		{"--profile", "directory", filepath.Join(repository(t), "plugin")}} {
		if said, err := home.Command(append([]string{"plugin", "validate"}, args...)...).CombinedOutput(); err != nil {
			t.Errorf("claude plugin validate %v: %v\n%s", args, err, said)
		}
	}
}

func TestPluginDir(t *testing.T) {
	api := claudetest.NewAPI(t, claudetest.Script(touch("x")))
	home := claudetest.NewHome(t, api)
	p := serve(t, home)
	p.plugged()
	home.Args = []string{"--plugin-dir", filepath.Join(repository(t), "plugin")}
	p.asked("x")
}

// The plugin is installed from this repository as a marketplace; the settings
// do not take the hook a second time until it is off.
func TestPluginInstalled(t *testing.T) {
	api := claudetest.NewAPI(t, claudetest.Script(touch("x"), claudetest.Say("Done."), touch("y")))
	home := claudetest.NewHome(t, api)
	p := serve(t, home)
	p.plugged()
	client := func(args ...string) {
		t.Helper()
		if said, err := home.Command(append([]string{"plugin"}, args...)...).CombinedOutput(); err != nil {
			t.Fatalf("claude plugin %v: %v\n%s", args, err, said)
		}
	}
	const id = "permission-daemon@permission-daemon"
	client("marketplace", "add", repository(t))
	client("install", id)
	if said, err := p.hooks("install"); err == nil || !strings.Contains(said, "the plugin "+id) {
		t.Errorf("hooks install beside the plugin: %v\n%s", err, said)
	}
	p.asked("x")

	client("disable", id)
	if said, err := p.hooks("install"); err != nil {
		t.Fatalf("hooks install: %v\n%s", err, said)
	}
	client("enable", id)
	if said, err := p.hooks("status"); err == nil || !strings.Contains(said, "asked twice") {
		t.Errorf("hooks status with both: %v\n%s", err, said)
	}
	client("disable", id)
	p.asked("y")
}

// The client and the command line write the settings at the same moment, and
// neither loses what it wrote.
func TestHooksBesideTheClient(t *testing.T) {
	home := claudetest.NewHome(t, claudetest.NewAPI(t, claudetest.Script()))
	p := serve(t, home)
	var want map[string]any
	if err := json.Unmarshal([]byte(p.read()), &want); err != nil {
		t.Fatal(err)
	}
	root := repository(t)
	const rounds = 3
	done := make(chan error, 1)
	go func() {
		var err error
		for i := 0; i < 2*rounds && err == nil; i++ {
			change := []string{"plugin", "marketplace", "add", root}
			if i%2 == 1 {
				change = []string{"plugin", "marketplace", "remove", "permission-daemon"}
			}
			err = home.Command(change...).Run()
		}
		done <- err
	}()
	for writing, n := true, 0; writing; n++ {
		for _, verb := range []string{"install", "remove"} {
			if said, err := p.hooks(verb); err != nil {
				t.Errorf("hooks %s: %v\n%s", verb, err, said)
				writing = false
			}
		}
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("the client: %v", err)
			}
			t.Logf("%d rounds of install and remove beside %d of the client", n, rounds)
			writing = false
		default:
		}
	}
	// A client that waited too long for our lock has gone on without, and may
	// have written again what it had read.
	if said, err := p.hooks("remove"); err != nil {
		t.Errorf("hooks remove: %v\n%s", err, said)
	}
	var got map[string]any
	if err := json.Unmarshal([]byte(p.read()), &got); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"extraKnownMarketplaces", "enabledPlugins"} {
		if m, ok := got[key].(map[string]any); ok && len(m) == 0 {
			delete(got, key)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the settings at the end (-want +got):\n%s", diff)
	}
}

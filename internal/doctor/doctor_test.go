//go:build unix

package doctor

import (
	"context"
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"

	"claude-permission-daemon/internal/channel/slack/slacktest"
	"claude-permission-daemon/internal/version"
	"claude-permission-daemon/internal/wire"
)

// TestHealthy: where all is in order nothing fails, and what can be shown to be
// good is.
func TestHealthy(t *testing.T) {
	r := newRig(t)
	r.start(version.Number)
	r.control(wire.Envelope{Op: wire.OpPresence}, nil)
	all := r.look()
	if len(all) < 20 {
		t.Errorf("there are %d checks", len(all))
	}
	// Set by hand, as configured, presence is not known until something is said.
	mayWarn := map[string]bool{"presence": true, "clock": true}
	for _, c := range all {
		switch {
		case c.Result == OK && c.Fix != "", c.Detail == "", c.Why == "", c.Title == "", c.ID == "":
			t.Errorf("badly put: %+v", c)
		case c.Result == OK, c.Result == Skip && c.ID == "claude", c.Result == Warn && mayWarn[c.ID]:
		default:
			t.Errorf("%s: %s: %s", c.ID, c.Result, c.Detail)
		}
		if (c.Result == Warn || c.Result == Fail) && c.Fix == "" {
			t.Errorf("%s does not say what mends it", c.ID)
		}
	}
	if Failed(all) {
		t.Error("it counts as failed")
	}
	if got := one(t, all, "hook-fires"); !strings.Contains(got.Detail, "carried a sample question") {
		t.Errorf("the hook was not fed: %s", got.Detail)
	}
}

// TestNothingThere: in an empty home nothing breaks, and only what is needed
// for any question at all fails.
func TestNothingThere(t *testing.T) {
	home := t.TempDir()
	env := map[string]string{"HOME": home, "XDG_RUNTIME_DIR": home, "PATH": ""}
	began := time.Now()
	all := Run(t.Context(), Options{Getenv: func(k string) string { return env[k] }, Version: "1", Dir: home, managed: home, path: []string{}})
	for _, c := range all {
		failed := c.ID == "hook-binary" || c.ID == "hook-entry"
		if (c.Result == Fail) != failed {
			t.Errorf("%s: %s: %s", c.ID, c.Result, c.Detail)
		}
		if strings.HasPrefix(c.ID, "slack-") && c.Result != Skip {
			t.Errorf("%s: %s: %s", c.ID, c.Result, c.Detail)
		}
	}
	for _, id := range []string{"service", "daemon"} {
		if c := one(t, all, id); c.Result != Warn {
			t.Errorf("%s: %s: %s", id, c.Result, c.Detail)
		}
	}
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("it took %v", took)
	}
}

// fault is one thing that is wrong.
type fault struct {
	name   string
	before func(*testing.T, *rig) // is planted before the daemon starts
	after  func(*testing.T, *rig) // is planted while it runs
	none   bool                   // no daemon runs
	id     string                 // the check that finds it
	want   Result
	says   string // part of what it says
}

// TestFaults plants one fault at a time in a home that is in order.
func TestFaults(t *testing.T) {
	socket := func(r *rig) string { return r.socketPath() }
	config := func(text string) func(*testing.T, *rig) {
		return func(_ *testing.T, r *rig) { r.configure(text) }
	}
	settings := func(change func(map[string]any)) func(*testing.T, *rig) {
		return func(_ *testing.T, r *rig) { r.settings(change) }
	}
	for _, f := range []fault{
		{name: "not on the PATH", before: func(t *testing.T, r *rig) { remove(t, filepath.Join(r.bin, daemonProgram)) }, id: "binary", want: Warn, says: "no folder of the PATH"},
		{name: "another version on the PATH", before: func(_ *testing.T, r *rig) { r.script(daemonProgram, "echo claude-permission-daemon 0.0.1") }, id: "binary", want: Warn, says: "version 0.0.1"},
		{name: "a program that does not run", before: func(_ *testing.T, r *rig) { r.script(daemonProgram, "exit 7") }, id: "binary", want: Fail, says: "exit status 7"},
		{name: "an old daemon", before: func(_ *testing.T, r *rig) { r.o.Version = "9.9.9" }, id: "version", want: Warn, says: "and this is 9.9.9"},
		{name: "no hook", before: func(t *testing.T, r *rig) { remove(t, filepath.Join(r.bin, hookProgram)) }, id: "hook-binary", want: Fail, says: "not there"},
		{name: "an entry for a hook that is gone", before: func(t *testing.T, r *rig) { remove(t, filepath.Join(r.bin, hookProgram)) }, id: "hook-entry", want: Fail, says: "not there"},
		{name: "a hook that may not be run", before: func(t *testing.T, r *rig) {
			r.script(hookProgram, "")
			chmod(t, filepath.Join(r.bin, hookProgram), 0o600)
		}, id: "hook-binary", want: Fail, says: "may not be run"},
		{name: "another program as the hook", before: func(_ *testing.T, r *rig) { r.script(hookProgram, "echo usage: seed") }, id: "hook-binary", want: Fail, says: "another program"},
		{name: "an old hook", before: func(_ *testing.T, r *rig) { r.script(hookProgram, "echo claude-permission-hook 0.0.1") }, id: "hook-binary", want: Warn, says: "0.0.1"},
		{name: "a hook that says nothing", before: func(_ *testing.T, r *rig) {
			r.script(hookProgram, `[ "$1" = --version ] && echo claude-permission-hook `+version.Number+`; cat >/dev/null`)
		}, id: "hook-fires", want: Fail, says: "did not come to the socket"},
		{name: "a hook that crashes", before: func(_ *testing.T, r *rig) {
			r.script(hookProgram, `[ "$1" = --version ] && { echo claude-permission-hook `+version.Number+`; exit 0; }; echo "cannot load" >&2; exit 3`)
		}, id: "hook-fires", want: Fail, says: "cannot load"},

		{name: "a socket that nobody serves", none: true, before: deadSocket, id: "daemon", want: Fail, says: "is there, but"},
		{name: "a service, and no daemon", none: true, id: "daemon", want: Fail, says: "the service is installed"},
		{name: "a service that is not enabled", before: func(t *testing.T, r *rig) {
			if err := os.RemoveAll(r.path(".config/systemd/user/default.target.wants")); err != nil {
				t.Fatal(err)
			}
		}, id: "service", want: Warn, says: "does not start by itself"},
		{name: "a socket for everybody", after: func(t *testing.T, r *rig) { chmod(t, socket(r), 0o666) }, id: "socket", want: Fail, says: "mode 0666"},
		{name: "a folder for everybody", after: func(t *testing.T, r *rig) { chmod(t, r.run, 0o777) }, id: "socket", want: Fail, says: "may write to"},
		{name: "a file in the socket's place", none: true, before: func(t *testing.T, r *rig) {
			if err := os.WriteFile(socket(r), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}, id: "socket", want: Fail, says: "not a socket"},
		{name: "another user's daemon", none: true, before: strangersDaemon, id: "peer", want: Fail, says: "runs as uid 65534"},
		{name: "a daemon that hangs", none: true, before: hangingDaemon, id: "daemon", want: Fail, says: "does not answer"},

		{name: "an unknown key", after: config("[daemon]\nidle_timout = 5"), id: "config", want: Fail, says: "daemon.idle_timout: did you mean daemon.idle_timeout?"},
		{name: "a wrong value", after: config("[privacy]\nlock_screen = \"maybe\""), id: "config", want: Fail, says: "privacy.lock_screen"},
		{name: "broken TOML", after: config("[daemon"), id: "config", want: Fail, says: "line 2"},
		{name: "tokens that others can read", after: func(t *testing.T, r *rig) { chmod(t, r.path(".config", daemonProgram, "config.toml"), 0o644) },
			id: "config-mode", want: Fail, says: "other users can read the tokens"},
		{name: "a state folder for everybody", after: func(t *testing.T, r *rig) { chmod(t, r.state, 0o755) }, id: "state", want: Warn, says: "other users"},
		{name: "a changed journal", after: func(t *testing.T, r *rig) { edit(t, filepath.Join(r.state, "journal.jsonl"), "started", "stopped") },
			id: "journal", want: Fail, says: "chain is broken"},
		{name: "no room on the disk", none: true, before: fullDisk, id: "disk", want: Fail, says: "cannot be written for long"},
		{name: "a clock that is wrong", before: func(_ *testing.T, r *rig) { r.o.now = func() time.Time { return time.Now().Add(10 * time.Minute) } },
			id: "clock", want: Warn, says: "differs from Slack's by 10m"},
		{name: "a journal from the future", before: func(_ *testing.T, r *rig) { r.o.now = func() time.Time { return time.Now().Add(-48 * time.Hour) } },
			id: "clock", want: Warn, says: "in the future"},

		{name: "broken settings", after: func(_ *testing.T, r *rig) { r.write(".claude/settings.json", "{\n  \"hooks\": {\n") }, id: "settings", want: Fail, says: "line 3"},
		{name: "no entry", after: settings(func(all map[string]any) { delete(all, "hooks") }), id: "hook-entry", want: Fail, says: "no settings file"},
		{name: "an entry for one tool", after: settings(func(all map[string]any) { m, _ := asking(all); m["matcher"] = "Bash" }), id: "hook-entry", want: Warn, says: `"Bash" alone`},
		{name: "an entry that does not wait", after: settings(func(all map[string]any) { _, h := asking(all); h["async"] = true }), id: "hook-entry", want: Fail, says: "async"},
		{name: "an entry without a path", after: settings(func(all map[string]any) { _, h := asking(all); h["command"] = hookProgram }), id: "hook-entry", want: Warn, says: "no absolute path"},
		{name: "no settling entries", after: func(_ *testing.T, r *rig) {
			r.settings(func(all map[string]any) { all["hooks"] = r.entries(question, "Stop") })
		},
			id: "hook-settle", want: Warn, says: "PostToolUse, PostToolUseFailure"},
		{name: "a short timeout", after: settings(func(all map[string]any) { _, h := asking(all); h["timeout"] = 30 }), id: "hook-timeout", want: Warn, says: "30s"},
		{name: "a timeout below the daemon's", before: config("[daemon]\nrequest_timeout = \"2h\""),
			after: settings(func(all map[string]any) { _, h := asking(all); h["timeout"] = 3600 }), id: "hook-timeout", want: Fail, says: "request_timeout"},
		{name: "another socket", after: settings(func(all map[string]any) { _, h := asking(all); h["args"] = []string{"--socket", "/nowhere/s"} }),
			id: "hook-socket", want: Fail, says: "/nowhere/s"},
		{name: "in the user's settings and in the project's", after: func(_ *testing.T, r *rig) {
			twin := r.entries(question)
			twin[question].([]any)[0].(map[string]any)["hooks"].([]any)[0].(map[string]any)["args"] = []string{"--socket", r.socketPath()}
			r.json(r.path("project", ".claude", "settings.json"), map[string]any{"hooks": twin})
		}, id: "hook-once", want: Warn, says: "2 times"},
		{name: "as settings and as a plugin", after: settings(func(all map[string]any) {
			all["enabledPlugins"] = map[string]any{"permission-daemon@here": true}
		}), id: "hook-once", want: Warn, says: "the plugin permission-daemon@here"},
		{name: "hooks switched off", after: settings(func(all map[string]any) { all["disableAllHooks"] = true }), id: "hooks-allowed", want: Fail, says: "disableAllHooks"},
		{name: "hooks switched off for everybody", after: func(_ *testing.T, r *rig) {
			r.json(filepath.Join(r.o.managed, "managed-settings.json"), map[string]any{"disableAllHooks": true})
		}, id: "hooks-allowed", want: Fail, says: "managed-settings.json switches all hooks off"},
		{name: "only an administrator's hooks", after: func(_ *testing.T, r *rig) {
			r.json(filepath.Join(r.o.managed, "managed-settings.d", "10-hooks.json"), map[string]any{"allowManagedHooksOnly": true})
		}, id: "hooks-allowed", want: Fail, says: "allowManagedHooksOnly"},
		{name: "auto mode", after: settings(func(all map[string]any) { all["permissions"] = map[string]any{"defaultMode": "auto"} }), id: "default-mode", want: Warn, says: "auto"},
		{name: "no mode", after: settings(func(all map[string]any) { delete(all, "permissions") }), id: "default-mode", want: Warn, says: "none is set"},
		{name: "an editor's extension", after: func(t *testing.T, r *rig) {
			if err := os.MkdirAll(r.path(".vscode/extensions/anthropic.claude-code-2.1.330"), 0o700); err != nil {
				t.Fatal(err)
			}
		}, id: "surfaces", want: Warn, says: "VS Code"},
		{name: "an old Claude Code", before: func(_ *testing.T, r *rig) { r.script("claude", `echo "2.0.30 (Claude Code)"`) }, id: "claude", want: Fail, says: "2.0.30"},

		{name: "presence set by hand", after: func(_ *testing.T, r *rig) { r.control(wire.Envelope{Op: wire.OpPresence, Presence: "here"}, nil) },
			id: "presence", want: Warn, says: "because you said so"},
		{name: "presence not known", id: "presence", want: Warn, says: "not known"},
		{name: "no channel", before: func(_ *testing.T, r *rig) {
			r.write(".config/"+daemonProgram+"/config.toml", "[web]\nlisten = \"off\"\n")
		}, id: "channels", want: Warn, says: "none"},
		{name: "the page's port is taken", none: true, before: func(t *testing.T, r *rig) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { l.Close() })
			r.change(`"127.0.0.1:0"`, `"`+l.Addr().String()+`"`)
		}, id: "page", want: Fail, says: "another program has the port"},
		{name: "the page for everybody", none: true, before: func(_ *testing.T, r *rig) { r.change(`"127.0.0.1:0"`, `"0.0.0.0:0"`) }, id: "page", want: Warn, says: "others can reach"},

		{name: "nobody may decide", before: func(_ *testing.T, r *rig) { r.change("U0ALICE", "C0TEAM") }, id: "slack-users", want: Fail, says: "slack.allowed_users is not set"},
		{name: "a revoked bot token", after: func(_ *testing.T, r *rig) { r.slack.Fail("auth.test", slacktest.Fault{Error: "token_revoked"}) },
			id: "slack-bot-token", want: Fail, says: "slack.bot_token"},
		{name: "a wrong app token", before: func(_ *testing.T, r *rig) { r.change("xapp-1-test-0000000000-loopback", "xapp-1-wrong") }, id: "slack-app-token", want: Fail, says: "slack.app_token"},
		{name: "a link that is down", before: func(_ *testing.T, r *rig) { r.change("xapp-1-test-0000000000-loopback", "xapp-1-wrong") }, id: "slack-link", want: Fail, says: "app_token"},
		{name: "no scope to post", after: func(_ *testing.T, r *rig) { r.slack.SetScopes("im:history") }, id: "slack-scopes", want: Fail, says: "chat:write"},
		{name: "no scope to look", after: func(_ *testing.T, r *rig) { r.slack.SetScopes("chat:write") }, id: "slack-scopes", want: Warn, says: "im:history"},
		{name: "Slack out of reach", after: func(_ *testing.T, r *rig) { r.slack.Down() }, id: "slack-bot-token", want: Warn, says: "cannot be asked"},
		{name: "a Slack that does not answer", none: true, before: func(t *testing.T, r *rig) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { l.Close() })
			r.change(r.slack.URL(), "http://"+l.Addr().String()+"/api/")
		}, id: "slack-app-token", want: Warn, says: "cannot be asked about the app token now"},
		{name: "a daemon without Slack", before: func(t *testing.T, r *rig) {
			r.write(".config/"+daemonProgram+"/config.toml", "[web]\nlisten = \"127.0.0.1:0\"\n[presence]\nsource = \"manual\"\n")
		}, after: config(""), id: "slack-link", want: Fail, says: "started without it"},
		{name: "another machine on the app", before: func(_ *testing.T, r *rig) { r.slack.SetLink(slacktest.LinkFaults{NumConnections: 2}) }, id: "slack-machines", want: Warn, says: "another machine"},
	} {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			if f.before != nil {
				f.before(t, r)
			}
			if !f.none {
				r.start(version.Number)
			}
			if f.after != nil {
				f.after(t, r)
			}
			r.o.Only = []string{f.id}
			all := r.look()
			got := one(t, all, f.id)
			if got.Result != f.want || !strings.Contains(got.Detail, f.says) {
				t.Errorf("%s is %s: %s; want %s and %q", f.id, got.Result, got.Detail, f.want, f.says)
			}
			if got.Fix == "" {
				t.Error("it does not say what mends it")
			}
			if Failed(all) != (f.want == Fail) && f.want == Fail {
				t.Error("it does not count as failed")
			}
		})
	}
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

func chmod(t *testing.T, path string, mode os.FileMode) {
	t.Helper()
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

func edit(t *testing.T, path, from, to string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil || !strings.Contains(string(text), from) {
		t.Fatalf("no %q in %s: %v", from, path, err)
	}
	if err := os.WriteFile(path, []byte(strings.Replace(string(text), from, to, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
}

// deadSocket leaves what a daemon leaves that was killed.
func deadSocket(t *testing.T, r *rig) {
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: r.socketPath(), Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	_ = l.Close()
	chmod(t, r.socketPath(), 0o600)
}

// hangingDaemon takes connections and says nothing.
func hangingDaemon(t *testing.T, r *rig) {
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: r.socketPath(), Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
}

// strangersDaemon has another user listen on the socket.
func strangersDaemon(t *testing.T, r *rig) {
	if os.Getuid() != 0 {
		t.Skip("needs root to be somebody else")
	}
	chmod(t, filepath.Dir(r.home), 0o755)
	chmod(t, r.run, 0o777)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(filepath.Dir(r.home), strangerProgram)
	if err := os.WriteFile(program, text, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, r.socketPath())
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stdin.Close(); _ = cmd.Wait() })
	if _, err := stdout.Read(make([]byte, 8)); err != nil {
		t.Fatal(err)
	}
}

// fullDisk puts the state folder on a file system with hardly any room.
func fullDisk(t *testing.T, r *rig) {
	if err := os.MkdirAll(r.state, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := exec.Command("mount", "-t", "tmpfs", "-o", "size=1m,mode=0700", "tmpfs", r.state).Run(); err != nil {
		t.Skipf("cannot mount a small file system: %v", err)
	}
	t.Cleanup(func() {
		if err := exec.Command("umount", r.state).Run(); err != nil {
			t.Error(err)
		}
	})
}

// TestJSON: programs depend on exactly this.
func TestJSON(t *testing.T) {
	text, err := json.Marshal(Check{"a", "b", OK, "c", "d", "e"})
	if want := `{"id":"a","title":"b","result":"ok","detail":"c","why":"d","fix":"e"}`; err != nil || string(text) != want {
		t.Errorf("got %s, want %s", text, want)
	}
}

// TestTable: ids are distinct words, and every row says what it is for.
func TestTable(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range checks() {
		if seen[c.id] || c.id == "" || strings.ContainsAny(c.id, " _") || c.title == "" || !strings.HasSuffix(c.why, ".") || c.limit == 0 {
			t.Errorf("%+v", c)
		}
		seen[c.id] = true
	}
}

// TestLimit: a check that hangs holds up nothing.
func TestLimit(t *testing.T) {
	c := check{"x", "x", "x.", time.Millisecond, func(ctx context.Context, _ *facts) finding { <-ctx.Done(); return skip("interrupted") }}
	f := newFacts(t.Context(), Options{Getenv: func(string) string { return "" }})
	defer f.close()
	if got := c.run(t.Context(), f); got.Result != Warn || !strings.Contains(got.Detail, "longer than 1ms") {
		t.Errorf("%+v", got)
	}
}

func TestOlder(t *testing.T) {
	for _, test := range []struct {
		version string
		want    bool
	}{{"2.0.44", true}, {"2.0.45", false}, {"1.9.99", true}, {"2.1.0", false}, {"3", false}, {"2.0", false}, {"", false}, {"next", false}, {"2.0.44-beta", true}} {
		if got := older(test.version, oldestClaude); got != test.want {
			t.Errorf("%s: %v", test.version, got)
		}
	}
}

func TestProgramOf(t *testing.T) {
	for _, test := range []struct {
		hook hook
		want string
	}{
		{hook{Command: "/a/claude-permission-hook", Args: []string{}}, "/a/claude-permission-hook"},
		{hook{Command: "/a/claude-permission-hook --socket /s"}, "/a/claude-permission-hook"},
		{hook{Command: `"/a/claude-permission-hook" || true`}, "/a/claude-permission-hook"},
		{hook{Command: "claude-permission-hook.exe", Args: []string{}}, "claude-permission-hook.exe"},
		{hook{Command: "/a/other", Args: []string{"claude-permission-hook"}}, ""},
		{hook{Command: "/a/claude-permission-hook-wrapper"}, ""},
	} {
		if got := programOf(test.hook); got != test.want {
			t.Errorf("%+v: %q, want %q", test.hook, got, test.want)
		}
	}
}

func TestEntrySocket(t *testing.T) {
	for _, test := range []struct {
		hook hook
		want string
	}{
		{hook{Command: "h", Args: []string{}}, ""},
		{hook{Command: "h", Args: []string{"--socket", "/s"}}, "/s"},
		{hook{Command: "h", Args: []string{"--socket=/s"}}, "/s"},
		{hook{Command: "h --socket /s"}, "/s"},
		{hook{Command: "h", Args: []string{"--socket"}}, ""},
	} {
		e := entry{hook: test.hook}
		if got := e.socket(); got != test.want {
			t.Errorf("%+v: %q", test.hook, got)
		}
		// With the trial's socket in its place the rest is as it was.
		r := entry{hook: e.redirected("/t")}
		if want := strings.Replace(test.want, "/s", "/t", 1); r.socket() != want || (r.Args == nil) != (test.hook.Args == nil) {
			t.Errorf("redirected: %+v", r.hook)
		}
		r.Timeout, r.Command, r.Args = nil, test.hook.Command, test.hook.Args
		if !reflect.DeepEqual(r.hook, test.hook) {
			t.Errorf("%+v is not %+v", r.hook, test.hook)
		}
	}
}

// FuzzSettings: no settings file, however odd, breaks a check.
func FuzzSettings(f *testing.F) {
	f.Add(`{"hooks":{"PermissionRequest":[{"matcher":"*","hooks":[{"type":"command","command":"/x/claude-permission-hook","args":[],"timeout":5}]}]}}`)
	f.Add("\ufeff{\"disableAllHooks\": true}")
	f.Add("")
	f.Add(`{"hooks":[]}`)
	f.Fuzz(func(_ *testing.T, text string) {
		s, err := parseSettings([]byte(text))
		for _, e := range ours([]settingsFile{{path: "x", scope: user, said: s, err: err}}) {
			_, _, _ = e.socket(), e.timeout(), e.redirected("/t")
		}
	})
}

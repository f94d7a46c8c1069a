package cli_test

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"claude-permission-daemon/internal/channel/slack/slacktest"
	"claude-permission-daemon/internal/cli"
	"claude-permission-daemon/internal/hook"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"claude-permission-daemon": func() {
			os.Exit(cli.Run(context.Background(), os.Args[1:], cli.Env{
				Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Getenv: os.Getenv}))
		},
		"claude-permission-hook": func() {
			os.Exit(hook.Run("test", os.Args[1:], os.Getenv, os.Stdin, os.Stdout, os.Stderr))
		},
	})
}

// TestScripts runs the sessions in testdata. Each has a home, a runtime folder
// and a state folder of its own.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		Setup: func(e *testscript.Env) error {
			run, err := os.MkdirTemp("", "cpd") // a socket's path must be short
			if err != nil {
				return err
			}
			e.Defer(func() { _ = os.RemoveAll(run) })
			home := filepath.Join(e.WorkDir, "home")
			e.Setenv("HOME", home)
			// Under the race detector each program would sleep a second at its end.
			e.Setenv("GORACE", "atexit_sleep_ms=0")
			e.Setenv("XDG_CONFIG_HOME", filepath.Join(home, ".config"))
			e.Setenv("XDG_STATE_HOME", filepath.Join(home, ".local", "state"))
			e.Setenv("XDG_RUNTIME_DIR", run)
			e.Setenv("SOCK", filepath.Join(run, "claude-permissions.sock"))
			e.Setenv("CONFIG", filepath.Join(home, ".config", "claude-permission-daemon"))
			e.Setenv("STATE", filepath.Join(home, ".local", "state", "claude-permission-daemon"))
			return os.MkdirAll(filepath.Join(home, ".config", "claude-permission-daemon"), 0o700)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			// listening waits until a daemon answers on the socket.
			"listening": func(ts *testscript.TestScript, neg bool, args []string) {
				for range 1500 {
					conn, err := net.Dial("unix", ts.Getenv("SOCK"))
					if err == nil {
						_ = conn.Close()
					}
					if (err == nil) != neg {
						return
					}
					time.Sleep(20 * time.Millisecond)
				}
				ts.Fatalf("the daemon is not as wanted")
			},
			// done runs a setup that is to succeed: done --yes
			"done": func(ts *testscript.TestScript, _ bool, args []string) {
				if err := ts.Exec("claude-permission-daemon", append([]string{"setup"}, args...)...); err != nil && !onlyLate(ts.ReadFile("stdout")) {
					ts.Fatalf("%v", err)
				}
			},
			// slack starts a loopback Slack at $SLACK_URL, whose bot token has the
			// scopes that are named; "none": it has none.
			"slack": func(ts *testscript.TestScript, _ bool, args []string) {
				o := slacktest.Options{BotToken: rightBot, AppToken: rightApp}
				if len(args) > 0 {
					o.Scopes = slices.DeleteFunc(args, func(scope string) bool { return scope == "none" })
				}
				s, err := slacktest.Start(o)
				ts.Check(err)
				ts.Defer(s.Close)
				ts.Setenv("SLACK_URL", s.URL())
			},
			// waiting waits until so many requests are open and offered: waiting 1
			"waiting": func(ts *testscript.TestScript, _ bool, args []string) {
				for range 1500 {
					if err := ts.Exec("claude-permission-daemon", "pending"); err == nil {
						if n := countOffered(ts.ReadFile("stdout")); args[0] == n {
							return
						}
					}
					time.Sleep(20 * time.Millisecond)
				}
				ts.Fatalf("there are not %s offered requests", args[0])
			},
			// holds waits until a file has a text: holds FILE TEXT
			"holds": func(ts *testscript.TestScript, _ bool, args []string) {
				for range 1500 {
					if raw, err := os.ReadFile(ts.MkAbs(args[0])); err == nil && strings.Contains(string(raw), args[1]) {
						return
					}
					time.Sleep(20 * time.Millisecond)
				}
				ts.Fatalf("%s never has %q", args[0], args[1])
			},
		},
	})
}

// onlyLate reports whether all that doctor called broken was only too slow, as
// on a machine that has much else to do.
func onlyLate(shown string) bool {
	failed := regexp.MustCompile(`(?m)^FAIL .*$`).FindAllString(shown, -1)
	late := regexp.MustCompile(`signal: killed|i/o timeout|deadline|does not answer`)
	return len(failed) > 0 && !slices.ContainsFunc(failed, func(line string) bool { return !late.MatchString(line) })
}

func countOffered(out string) string {
	n := 0
	for i := 0; i+9 <= len(out); i++ {
		if out[i:i+9] == "  offered" {
			n++
		}
	}
	return string(rune('0' + n))
}

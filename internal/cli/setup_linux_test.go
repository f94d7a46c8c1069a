package cli_test

import (
	"context"
	"fmt"
	"html"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"claude-permission-daemon/internal/channel/slack/blockhtml"
	"claude-permission-daemon/internal/channel/slack/slacktest"
)

// home is somebody's home folder, with things of their own in it.
type home struct {
	t   *testing.T
	dir string
	env []string
}

func newHome(t *testing.T) *home {
	t.Helper()
	run, err := os.MkdirTemp("", "cpd") // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(run) })
	h := &home{t: t, dir: t.TempDir()}
	hook, err := exec.LookPath("claude-permission-hook")
	if err != nil {
		t.Fatal(err)
	}
	// Of programs there are only ours: no service manager, no Claude Code. Under
	// the race detector each would sleep a second at its end.
	h.env = []string{"HOME=" + h.dir, "XDG_RUNTIME_DIR=" + run, "PATH=" + filepath.Dir(hook), "TERM=dumb", "GORACE=atexit_sleep_ms=0"}
	h.write(".claude/settings.json", "{\n  \"model\": \"opus\",\n  \"permissions\": {\"defaultMode\": \"default\"}\n}\n")
	h.write(".profile", "# mine\n")
	return h
}

func (h *home) path(name string) string { return filepath.Join(h.dir, name) }

func (h *home) write(name, text string) {
	h.t.Helper()
	if err := os.MkdirAll(filepath.Dir(h.path(name)), 0o755); err != nil {
		h.t.Fatal(err)
	}
	if err := os.WriteFile(h.path(name), []byte(text), 0o600); err != nil {
		h.t.Fatal(err)
	}
}

func (h *home) read(name string) string {
	h.t.Helper()
	text, err := os.ReadFile(h.path(name))
	if err != nil {
		h.t.Fatal(err)
	}
	return string(text)
}

// tree is everything in the home folder: modes and contents, by path.
func (h *home) tree() map[string]string {
	h.t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(h.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		text := ""
		if info.Mode().IsRegular() {
			content, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			text = string(content)
		}
		name, _ := filepath.Rel(h.dir, path)
		all[name] = fmt.Sprintf("%v %s", info.Mode(), text)
		return nil
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return all
}

func (h *home) same(before map[string]string, when string) {
	h.t.Helper()
	if diff := cmp.Diff(before, h.tree()); diff != "" {
		h.t.Errorf("%s, the home folder is another:\n%s", when, diff)
	}
}

// turn is a prompt of the conversation and its answer.
type turn struct{ prompt, answer string }

// turns is the whole way for Slack.
func turns(s *slacktest.Server) []turn {
	return []turn{
		{"Channel [web]: ", "slack"},
		{"Bot token (xoxb-…), or the path of a file with it: ", s.Options().BotToken},
		{"App token (xapp-…), or the path of a file with it: ", s.Options().AppToken},
		{"Cards go to: ", "U0ALICE"},
		{"May decide [U0ALICE]: ", ""},
		{"Presence [auto]: ", "manual"},
		{"Do that? (yes, no) [yes]: ", ""},
		{"Send one? (yes, no) [yes]: ", "no"},
		{"Go on? [Y/n]: ", ""},
	}
}

// noTokens: neither the screen nor the arguments of anything show a token.
func noTokens(t *testing.T, shown string) {
	t.Helper()
	for _, token := range []string{rightBot, rightApp, "-wrong"} {
		if strings.Contains(shown, token) {
			t.Errorf("a token is shown:\n%s", shown)
		}
	}
}

func TestSetupOnATerminal(t *testing.T) {
	s := peer(t)
	h := newHome(t)
	before := h.tree()

	c := sit(t, h.env, "setup", "--api-url", s.URL())
	c.expect("nothing is changed before the last")
	way := turns(s)
	for _, turn := range way[:7] {
		if strings.HasPrefix(turn.prompt, "Bot token") {
			c.expect("https://api.slack.com/apps?") // the link that makes the app
		}
		c.answer(turn.prompt, turn.answer)
	}
	c.answer("Send one? (yes, no) [yes]: ", "")
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	card, err := s.WaitMessage(ctx, func(m slacktest.Message) bool { return strings.Contains(string(m.Blocks), `"Approve"`) })
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Click(ctx, slacktest.Click{Channel: card.Channel, TS: card.TS, ActionID: "cpd_approve", User: "U0ALICE"}); err != nil {
		t.Fatal(err)
	}
	c.expect("the card arrived, and your tap came back")
	h.same(before, "before the last question")
	c.answer("Go on? [Y/n]: ", "")
	c.expect("Is everything well?")
	c.done()
	noTokens(t, c.shown())
	if !c.echoes() {
		t.Error("the terminal does not show what is typed any more")
	}
	pictures(t, s, h, c, card)
	after := h.tree()
	const dir = ".config/claude-permission-daemon/"
	want := fmt.Sprintf(`[slack]
api_url = %q
bot_token_file = %q
app_token_file = %q
channel = "U0ALICE"
allowed_users = ["U0ALICE"]
`, s.URL(), h.path(dir+"slack-bot-token"), h.path(dir+"slack-app-token"))
	got := h.read(dir + "config.toml")
	for line := range strings.Lines(want) {
		if !strings.Contains(got, line) {
			t.Errorf("the configuration lacks %s:\n%s", line, got)
		}
	}
	if h.read(dir+"slack-bot-token") != rightBot+"\n" || h.read(dir+"slack-app-token") != rightApp+"\n" {
		t.Error("the token files hold something else")
	}
	for _, name := range []string{"config.toml", "slack-bot-token", "slack-app-token"} {
		if !strings.HasPrefix(after[dir+name], "-rw------- ") {
			t.Errorf("%s has the mode %.10s", name, after[dir+name])
		}
	}
	if !strings.Contains(h.read(".claude/settings.json"), "claude-permission-hook") {
		t.Error("the hooks are not there")
	}

	// Again, with Enter everywhere: nothing is to be done.
	c = sit(t, h.env, "setup", "--no-test-card")
	c.answer("Channel [slack]: ", "")
	c.answer("Bot token (xoxb-…), or the path of a file with it [keep the present one]: ", "")
	c.answer("App token (xapp-…), or the path of a file with it [keep the present one]: ", "")
	c.answer("Cards go to [U0ALICE]: ", "")
	c.answer("May decide [U0ALICE]: ", "")
	c.answer("Presence [manual]: ", "")
	c.expect("Everything is in place")
	c.done()
	h.same(after, "after a second setup without news")

	// One thing is changed, and only that; the rest of the file stays.
	h.write(dir+"config.toml", strings.Replace(got, "[slack]\n", "[slack] # mine\nthreads = true # both\n", 1))
	c = sit(t, h.env, "setup", "--yes", "--no-service", "--presence", "terminals")
	c.expect("-source = \"manual\"")
	c.expect("+source = \"terminals\"")
	c.done()
	changed := h.read(dir + "config.toml")
	if want := strings.NewReplacer("[slack]\n", "[slack] # mine\nthreads = true # both\n", `source = "manual"`, `source = "terminals"`).Replace(got); changed != want {
		t.Error(cmp.Diff(want, changed))
	}

	// And away with it.
	c = sit(t, h.env, "uninstall")
	c.answer("Remove the configuration and the Slack tokens too? [y/N]: ", "y")
	c.answer("Remove the hooks, the service, the socket and the daemon's state? [Y/n]: ", "")
	c.expect("Removed:")
	if code := c.code(); code != 0 {
		t.Errorf("exit code %d\n%s", code, c.shown())
	}
	h.same(before, "after uninstall")
	c = sit(t, h.env, "uninstall", "--yes")
	c.expect("There was nothing to remove.")
	if code := c.code(); code != 0 {
		t.Errorf("exit code %d\n%s", code, c.shown())
	}
}

// TestSetupAsksAgain: what Slack refuses is named at once, and asked again.
func TestSetupAsksAgain(t *testing.T) {
	s := peer(t)
	h := newHome(t)
	before := h.tree()
	c := sit(t, h.env, "setup", "--api-url", s.URL(), "--no-hooks", "--no-test-card", "--channel", "both")
	c.answer("Bot token (", rightApp)
	c.expect("no, the bot token cannot be used: this is the app token (xapp-…): the two are swapped")
	c.answer("Bot token (", "xoxb-1-wrong")
	c.expect("no, the bot token cannot be used: Slack does not know it (invalid_auth)")
	s.SetScopes("im:history")
	c.answer("Bot token (", rightBot)
	c.expect("no, the bot token cannot be used: it lacks the scope chat:write")
	s.SetScopes("chat:write", "im:write")
	s.Down()
	c.answer("Bot token (", rightBot)
	c.expect("the bot token cannot be checked")
	if err := s.Up(); err != nil {
		t.Fatal(err)
	}
	c.answer("Try again? [Y/n]: ", "perhaps")
	c.answer("Try again? [Y/n]: ", "y")
	c.expect("ok: workspace test (T0TEST)")
	c.expect("it lacks im:history")
	c.answer("App token (", rightBot)
	c.expect("no, the app token cannot be used: this is the bot token (xoxb-…): the two are swapped")
	c.answer("App token (", h.path("nothing/here"))
	c.expect("no, the app token cannot be used: cannot read the file: no such file")
	if strings.Contains(c.shown(), "nothing/here") {
		t.Error("what was typed out of sight is shown")
	}
	h.write("token", rightApp+"\n")
	c.answer("App token (", "~/token")
	c.expect("ok: it opens the link for taps")
	if err := os.Remove(h.path("token")); err != nil {
		t.Fatal(err)
	}
	c.answer("Cards go to: ", "alice@example.com")
	c.expect("no, the Slack channel cannot be used: slack.channel must be an id")
	c.answer("Cards go to: ", "U0NOBODY")
	c.expect("there is no U0NOBODY in this workspace")
	c.answer("Cards go to: ", "C0TEAM")
	c.answer("May decide: ", "") // a channel's readers are not asked for by themselves
	c.answer("May decide: ", "alice")
	c.expect("no, the allowed users cannot be used: \"alice\" is not a member id")
	c.answer("May decide: ", "U0BOT U0ALICE")
	c.answer("May decide: ", "U0ALICE")
	c.answer("Presence [auto]: ", "radar")
	c.expect("no, the presence source cannot be used")
	c.answer("Presence [auto]: ", "manual")
	c.answer("Go on? [Y/n]: ", "n")
	c.expect("stopped as you wished: nothing was changed")
	if code := c.code(); code != 1 {
		t.Errorf("exit code %d\n%s", code, c.shown())
	}
	noTokens(t, c.shown())
	h.same(before, "after a setup that was not wanted")
}

// TestSetupBrokenOff: whoever stops at any question has changed nothing.
func TestSetupBrokenOff(t *testing.T) {
	s := peer(t)
	way := turns(s)
	for _, end := range []struct {
		name string
		how  func(*console)
		code int
	}{
		{"Ctrl-C", func(c *console) { c.send("\x03") }, 1},
		{"Ctrl-D", func(c *console) { c.send("\x04") }, 1},
		{"killed", func(c *console) { _ = c.cmd.Process.Kill() }, -1},
		{"the line is dropped", func(c *console) { _ = c.cmd.Process.Signal(syscall.SIGHUP) }, 1},
	} {
		t.Run(end.name, func(t *testing.T) {
			t.Parallel()
			h := newHome(t)
			before := h.tree()
			for at, last := range way {
				c := sit(t, h.env, "setup", "--api-url", s.URL())
				for _, turn := range way[:at] {
					c.answer(turn.prompt, turn.answer)
				}
				c.expect(last.prompt)
				end.how(c)
				if code := c.code(); code != end.code {
					t.Errorf("at %q: exit code %d\n%s", last.prompt, code, c.shown())
				}
				h.same(before, "at "+last.prompt)
				noTokens(t, c.shown())
				if end.code >= 0 && !c.echoes() {
					t.Errorf("at %q: the terminal does not show what is typed any more", last.prompt)
				}
				if end.code >= 0 && !strings.Contains(c.shown(), "nothing was changed") {
					t.Errorf("at %q it does not say that nothing was changed:\n%s", last.prompt, c.shown())
				}
			}
		})
	}
}

// pictures writes the pages that docs/img/setup.png and slack-test-card.png are
// pictures of, where CPD_SHOTS names a folder.
func pictures(t *testing.T, s *slacktest.Server, h *home, c *console, card slacktest.Message) {
	t.Helper()
	dir := os.Getenv("CPD_SHOTS")
	if dir == "" {
		return
	}
	text := strings.NewReplacer("\r", "", h.dir, "/home/you", " --api-url "+s.URL(), "").Replace(c.shown())
	text = regexp.MustCompile(`There can be no service.*\n\n`).ReplaceAllString(text, "")
	text = regexp.MustCompile(`\S*/bin/claude-permission-hook`).ReplaceAllString(text, "/usr/bin/claude-permission-hook")
	text = regexp.MustCompile(`(manifest_json=.{40})\S*`).ReplaceAllString(text, "$1…")
	text, _, _ = strings.Cut(text, "Is everything well?")
	page := `<!doctype html><meta charset=utf-8><style>body{margin:0;padding:16px 20px;background:#1e1e24;color:#e6e6e6;width:900px;` +
		`font:13px/1.5 "DejaVu Sans Mono",monospace;white-space:pre-wrap;overflow-wrap:anywhere}b{color:#8fd694}</style><b>$ claude-permission-daemon setup</b>` + "\n" + html.EscapeString(text)
	if err := os.WriteFile(filepath.Join(dir, "setup.html"), []byte(page), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	settled, err := s.WaitMessage(ctx, func(m slacktest.Message) bool { return m.TS == card.TS && m.Updates > 0 })
	if err != nil {
		t.Fatal(err)
	}
	cards, err := blockhtml.Page(560, blockhtml.Message{App: "Claude approvals", Blocks: card.Blocks, At: time.Date(2026, 11, 22, 14, 3, 0, 0, time.UTC)},
		blockhtml.Message{App: "Claude approvals", Blocks: settled.Blocks, At: time.Date(2026, 11, 22, 14, 3, 0, 0, time.UTC)})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "slack-test-card.html"), []byte(cards), 0o600); err != nil {
		t.Fatal(err)
	}
}

// systemctl stands in for systemd, which runs no user's manager in a test: it
// knows the units that were written, and starts and ends the real daemon.
const systemctl = `#!/bin/sh
PATH=/usr/bin:/bin
units=$HOME/.config/systemd/user
pid=$XDG_RUNTIME_DIR/pid
up() {
	setsid sh -c 'echo $$ > "$0"; exec "$1"' "$pid" "$DAEMON" >/dev/null 2>&1 </dev/null &
	for i in $(seq 600); do [ -S "$XDG_RUNTIME_DIR/claude-permissions.sock" ] && return; sleep 0.1; done
}
down() {
	[ -e "$pid" ] || return
	kill "$(cat "$pid")" 2>/dev/null
	for i in $(seq 600); do [ -S "$XDG_RUNTIME_DIR/claude-permissions.sock" ] || break; sleep 0.1; done
	rm -f "$pid"
}
shift # --user
verb=$1; shift
case $verb in
show)
	[ "$1" != --property=Version ] || { echo Version=252; exit; }
	[ ! -e "$units/$1" ] || echo "FragmentPath=$units/$1"
	[ ! -e "$XDG_RUNTIME_DIR/enabled" ] || echo UnitFileState=enabled
	if [ -e "$pid" ]; then echo ActiveState=active; else echo ActiveState=inactive; fi
	case $1 in *.service) [ ! -e "$pid" ] || echo "MainPID=$(cat "$pid")" ;; esac ;;
enable) : > "$XDG_RUNTIME_DIR/enabled" ;;
disable) rm -f "$XDG_RUNTIME_DIR/enabled" ;;
start) case $1 in *.service) up ;; esac ;;
restart) case $1 in *.service) down; up ;; esac ;;
stop) case $1 in *.service) down ;; esac ;;
esac
exit 0
`

// TestSetupStartsTheService: at the end the daemon runs, with what was answered;
// a change restarts it, and uninstall ends it.
func TestSetupStartsTheService(t *testing.T) {
	h := newHome(t)
	bin := t.TempDir()
	if err := os.WriteFile(filepath.Join(bin, "systemctl"), []byte(systemctl), 0o755); err != nil {
		t.Fatal(err)
	}
	daemon, err := exec.LookPath("claude-permission-daemon")
	if err != nil {
		t.Fatal(err)
	}
	h.env = append(h.env, "DAEMON="+daemon)
	for i, v := range h.env {
		if strings.HasPrefix(v, "PATH=") {
			h.env[i] = v + ":" + bin
		}
	}
	t.Cleanup(func() { // where the test ended early
		stop := exec.Command(filepath.Join(bin, "systemctl"), "--user", "stop", "x.service")
		stop.Env = h.env
		_ = stop.Run()
	})
	if err := os.Mkdir(h.path(".config"), 0o755); err != nil {
		t.Fatal(err)
	}
	before := h.tree()
	h.write(".config/claude-permission-daemon/config.toml", "[web]\nlisten = \"127.0.0.1:0\"\n")

	c := sit(t, h.env, "setup")
	c.answer("Channel [web]: ", "")
	c.answer("Presence [auto]: ", "manual")
	c.answer("Do that? (yes, no) [yes]: ", "")
	c.expect("install the service (systemd) and start it")
	c.answer("Do that? (yes, no) [yes]: ", "")
	c.answer("Go on? [Y/n]: ", "")
	c.expect("installed and started the service")
	if c.done() && !strings.Contains(c.shown(), "It runs.\r\nThe page: http://127.0.0.1:") {
		t.Errorf("it does not say where the page is:\n%s", c.shown())
	}
	// The same again has nothing to do; a change restarts it.
	c = sit(t, h.env, "setup", "--yes")
	c.expect("Everything is in place")
	c.done()
	c = sit(t, h.env, "setup", "--yes", "--presence", "terminals")
	c.expect("restart the service")
	c.expect("restarted the service")
	c.done()
	c = sit(t, h.env, "uninstall", "--yes", "--purge")
	c.expect("Removed:")
	if code := c.code(); code != 0 {
		t.Fatalf("exit code %d\n%s", code, c.shown())
	}
	h.same(before, "after uninstall")
	c = sit(t, h.env, "status")
	if code := c.code(); code != 4 {
		t.Errorf("the daemon still runs: exit code %d\n%s", code, c.shown())
	}
}

// TestTestCard: a tap that does not come does not hold up, and Ctrl-C while the
// card waits takes its buttons away.
func TestTestCard(t *testing.T) {
	s := peer(t)
	h := newHome(t)
	before := h.tree()
	way := turns(s)
	start := func(wait string) *console {
		c := sit(t, h.env, "setup", "--api-url", s.URL(), "--test-wait", wait)
		for _, turn := range way[:7] {
			c.answer(turn.prompt, turn.answer)
		}
		c.answer("Send one? (yes, no) [yes]: ", "")
		return c
	}
	c := start("1s")
	c.expect("no tap came within 1s")
	c.answer("Go on without? [y/N]: ", "n")
	c.answer("Send one? (yes, no) [yes]: ", "no")
	c.answer("Go on? [Y/n]: ", "n")
	if code := c.code(); code != 1 {
		t.Errorf("exit code %d\n%s", code, c.shown())
	}
	c = start("10m")
	c.expect("tap a button on it")
	c.send("\x03")
	c.expect("interrupted: nothing was changed")
	if code := c.code(); code != 1 {
		t.Errorf("exit code %d\n%s", code, c.shown())
	}
	h.same(before, "after two test cards")
	for _, m := range s.Messages(slacktest.DM("U0ALICE")) {
		if strings.Contains(string(m.Blocks), `"Approve"`) {
			t.Errorf("a card still has its buttons: %s", m.Blocks)
		}
	}
}

package setup

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"claude-permission-daemon/internal/channel/slack"
	"claude-permission-daemon/internal/channel/slack/slacktest"
)

// part is a Part of a test: it does what it is told, and notes that it was.
type part struct {
	plan    Plan
	planErr error
	install func() error // nil: it works
	did     []string
}

func (p *part) Plan() (Plan, error) {
	if p.planErr != nil {
		return Plan{}, p.planErr
	}
	return p.plan, nil
}

func (p *part) Install(context.Context) (func(context.Context) error, error) {
	p.did = append(p.did, "install")
	if p.install != nil {
		if err := p.install(); err != nil {
			return nil, err
		}
	}
	return func(context.Context) error { p.did = append(p.did, "undo"); return nil }, nil
}

func (p *part) Restart(context.Context) error {
	p.did = append(p.did, "restart")
	if p.install != nil {
		return p.install()
	}
	return nil
}

// run is one setup in a folder of its own.
type run struct {
	dir            string
	hooks, service *part
	in             string
	judged         int
	running        bool
}

func (r *run) config() string { return filepath.Join(r.dir, "config", "cpd", "config.toml") }

// do runs setup with these flags.
func (r *run) do(ctx context.Context, t *testing.T, args ...string) (string, error) {
	t.Helper()
	flags := flag.NewFlagSet("setup", flag.ContinueOnError)
	given := Declare(flags)
	if err := flags.Parse(args); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	err := Run(ctx, Options{
		In: strings.NewReader(r.in), Out: &out, ConfigFile: r.config(), StateDir: filepath.Join(r.dir, "state", "cpd"), Host: "desk",
		Given: given, Hooks: r.hooks, Service: r.service, Running: func() bool { return r.running },
		Verdict: func(context.Context) error { r.judged++; return nil },
	})
	return out.String(), err
}

func newRun(t *testing.T) *run {
	return &run{dir: t.TempDir(), hooks: &part{plan: Plan{Changes: []string{"enter the hook"}}},
		service: &part{plan: Plan{Changes: []string{"install the service"}}}}
}

func (r *run) write(t *testing.T, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(r.config()), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(r.config(), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// tree is every file and folder below a folder, with modes and contents.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		all[path] = info.Mode().String()
		if info.Mode().IsRegular() {
			text, err := os.ReadFile(path)
			all[path] += " " + string(text)
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestUndo: whatever step fails, or is when the person stops, everything is as
// it was before.
func TestUndo(t *testing.T) {
	s, err := slacktest.Start(slacktest.Options{BotToken: "xoxb-1", AppToken: "xapp-1"})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	broken := errors.New("it is broken")
	for _, test := range []struct {
		name   string
		before string // the configuration; empty: none
		fail   func(*run, context.CancelFunc)
		want   error
		did    [2][]string // of hooks and service
	}{
		{"the service fails", "", func(r *run, _ context.CancelFunc) { r.service.install = func() error { return broken } }, broken,
			[2][]string{{"install", "undo"}, {"install"}}},
		{"the hooks fail", "# mine\n[slack]\nbot_token = \"xoxb-old\"\n", func(r *run, _ context.CancelFunc) { r.hooks.install = func() error { return broken } }, broken,
			[2][]string{{"install"}, nil}},
		{"Ctrl-C while the hooks are entered", "", func(r *run, stop context.CancelFunc) { r.hooks.install = func() error { stop(); return nil } }, ErrInterrupted,
			[2][]string{{"install", "undo"}, nil}},
		{"Ctrl-C while the service starts", "[web]\nlisten = \"127.0.0.1:0\"\n", func(r *run, stop context.CancelFunc) { r.service.install = func() error { stop(); return nil } }, ErrInterrupted,
			[2][]string{{"install", "undo"}, {"install", "undo"}}},
		{"the service does not restart", "[web]\nlisten = \"127.0.0.1:0\"\n", func(r *run, _ context.CancelFunc) {
			r.service.plan = Plan{Restarts: true}
			r.service.install = func() error { return broken }
		}, broken, [2][]string{{"install", "undo"}, {"restart", "restart"}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newRun(t)
			for _, token := range []string{"xoxb-1", "xapp-1"} {
				if err := os.WriteFile(filepath.Join(r.dir, token), []byte(token), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if test.before != "" {
				r.write(t, test.before)
			}
			before := tree(t, r.dir)
			ctx, stop := context.WithCancel(context.Background())
			defer stop()
			test.fail(r, stop)
			out, err := r.do(ctx, t, "--yes", "--api-url", s.URL(), "--bot-token-file", filepath.Join(r.dir, "xoxb-1"), "--app-token-file", filepath.Join(r.dir, "xapp-1"), "--slack-channel", "U0ALICE")
			if !errors.Is(err, test.want) {
				t.Fatalf("%v, want %v\n%s", err, test.want, out)
			}
			if diff := cmp.Diff(before, tree(t, r.dir)); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(test.did, [2][]string{r.hooks.did, r.service.did}); diff != "" {
				t.Error(diff)
			}
			if r.judged > 0 {
				t.Error("it was judged all the same")
			}
		})
	}
}

// TestKeepsTheRest: of a file that people have written, only what was asked is
// another afterwards, and no token is shown with the difference.
func TestKeepsTheRest(t *testing.T) {
	s, err := slacktest.Start(slacktest.Options{BotToken: "xoxb-1-new", AppToken: "xapp-1"})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	r := newRun(t)
	r.write(t, `# mine
[daemon]
idle_timeout = 90 # seconds

[slack]
# bot_token = "xoxb-1-oldest"
bot_token = "xoxb-1-old"   # of last year
app_token = 'xapp-1'
channel = "U0ALICE"
api_url = "`+s.URL()+`"

[web]
listen = "127.0.0.1:0"
`)
	bot := filepath.Join(r.dir, "bot")
	if err := os.WriteFile(bot, []byte(" xoxb-1-new\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := r.do(context.Background(), t, "--yes", "--no-service", "--bot-token-file", bot)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(filepath.Dir(r.config()), botTokenFile)
	want := `# mine
[daemon]
idle_timeout = 90 # seconds

[slack]
# bot_token = "xoxb-1-oldest"
app_token = 'xapp-1'
channel = "U0ALICE"
api_url = "` + s.URL() + `"
bot_token_file = "` + path + `"

[web]
listen = "127.0.0.1:0"
`
	text, err := os.ReadFile(r.config())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(text)); diff != "" {
		t.Error(diff)
	}
	if info, err := os.Stat(r.config()); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the configuration has the mode %v (%v)", info.Mode(), err)
	}
	if token, err := os.ReadFile(path); err != nil || string(token) != "xoxb-1-new\n" {
		t.Errorf("the token file has %q (%v)", token, err)
	}
	if strings.Contains(out, "xoxb-1") || strings.Contains(out, "xapp-1") || !strings.Contains(out, `-bot_token = "<secret>"   # of last year`) {
		t.Errorf("it shows\n%s", out)
	}
	if len(r.service.did) > 0 || !slices.Equal(r.hooks.did, []string{"install"}) || r.judged != 1 {
		t.Errorf("service %v, hooks %v, judged %d times", r.service.did, r.hooks.did, r.judged)
	}
}

// TestFollowsLinks: a configuration that is kept elsewhere stays a link.
func TestFollowsLinks(t *testing.T) {
	r := newRun(t)
	kept := filepath.Join(r.dir, "dotfiles.toml")
	if err := os.WriteFile(kept, []byte("[web]\nlisten = \"off\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(r.config()), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(kept, r.config()); err != nil {
		t.Fatal(err)
	}
	if out, err := r.do(context.Background(), t, "--yes", "--channel", "web", "--no-hooks", "--no-service"); err != nil {
		t.Fatal(err, out)
	}
	if target, err := os.Readlink(r.config()); err != nil || target != kept {
		t.Errorf("the link is %q (%v)", target, err)
	}
	if text, err := os.ReadFile(kept); err != nil || string(text) != "[web]\nlisten = \"127.0.0.1:7717\"\n" {
		t.Errorf("it has %q (%v)", text, err)
	}
}

// TestChangedMeanwhile: what another wrote while the questions were asked is not
// overwritten.
func TestChangedMeanwhile(t *testing.T) {
	r := newRun(t)
	r.write(t, "[presence]\nsource = \"auto\"\n")
	s := &session{Options: Options{ConfigFile: r.config(), StateDir: filepath.Join(r.dir, "state")}, talk: newTalk(strings.NewReader(""), &bytes.Buffer{})}
	s.Running = func() bool { return false }
	s.Given, s.Hooks, s.Service = &Given{NoHooks: true, NoService: true}, r.hooks, r.service
	if err := s.look(); err != nil {
		t.Fatal(err)
	}
	s.channel, s.want.Presence.Source = onWeb, "manual"
	c, err := s.plan()
	if err != nil {
		t.Fatal(err)
	}
	r.write(t, "[presence]\nsource = \"x11\"\n")
	before := tree(t, r.dir)
	if err := s.apply(context.Background(), c); err == nil || !strings.Contains(err.Error(), "changed meanwhile") {
		t.Errorf("it says %v", err)
	}
	if diff := cmp.Diff(before, tree(t, r.dir)); diff != "" {
		t.Error(diff)
	}
}

// TestPiped: plain lines on a pipe do as well as a terminal; and what there
// cannot be is said.
func TestPiped(t *testing.T) {
	r := newRun(t)
	r.service.planErr = errors.New("no service manager")
	r.in = "fax\nweb\n\nno\n\n"
	out, err := r.do(context.Background(), t)
	if err != nil {
		t.Fatal(err, out)
	}
	for _, want := range []string{"There can be no service", `"fax" is none of web, slack and both`, "+listen"} {
		if !strings.Contains(out, want) {
			t.Errorf("it does not say %q:\n%s", want, out)
		}
	}
	if len(r.hooks.did)+len(r.service.did) > 0 {
		t.Errorf("it did %v and %v", r.hooks.did, r.service.did)
	}
	if _, err := r.do(context.Background(), t, "--yes"); err == nil {
		t.Error("with --yes nobody could be told, and it went on")
	}
}

// TestMasked: tokens are masked wherever they stand.
func TestMasked(t *testing.T) {
	for text, want := range map[string]string{
		`bot_token = "xoxb-12-34-aB"`:  `bot_token = "<secret>"`,
		"xapp-1-A0-1-ff and xoxp-1, x": "<secret> and <secret>, x",
		"xoxe.xoxb-1-abc":              "<secret>",
		"xoxb-… (the bot token)":       "xoxb-… (the bot token)",
	} {
		if got := masked(text); got != want {
			t.Errorf("%s became %s", text, got)
		}
	}
}

// TestPresetAllowed: who may decide follows the cards, and nobody is forgotten.
func TestPresetAllowed(t *testing.T) {
	for _, test := range []struct {
		was  slack.Config
		now  string
		want string
	}{
		{slack.Config{}, "U01", "U01"},
		{slack.Config{}, "C01", ""},
		{slack.Config{Channel: "U01"}, "U01", "U01"},
		{slack.Config{Channel: "U01"}, "U02", "U02"},
		{slack.Config{Channel: "U01", AllowedUsers: []string{"U01"}}, "U02", "U02"},
		{slack.Config{Channel: "U01", AllowedUsers: []string{"U01", "U03"}}, "U02", "U01, U03, U02"},
		{slack.Config{Channel: "U01", AllowedUsers: []string{"U01"}}, "C01", "U01"},
		{slack.Config{Channel: "C01", AllowedUsers: []string{"U01", "U02"}}, "C02", "U01, U02"},
		{slack.Config{Channel: "C01", AllowedUsers: []string{"U01", "U02"}}, "U02", "U01, U02"},
	} {
		s := &session{}
		s.was.Slack, s.want.Slack.Channel = test.was, test.now
		if got := presetAllowed(s); got != test.want {
			t.Errorf("from %s %v to %s: %q, want %q", test.was.Channel, test.was.AllowedUsers, test.now, got, test.want)
		}
	}
}

// TestFromPersonToChannel: the person whom the cards went to may still decide
// where several can read them, and the file says so.
func TestFromPersonToChannel(t *testing.T) {
	r := newRun(t)
	r.write(t, "[slack]\nbot_token = \"xoxb-1\"\napp_token = \"xapp-1\"\nchannel = \"U0ALICE\"\n")
	r.running = true
	if out, err := r.do(t.Context(), t, "--yes", "--no-hooks", "--no-service", "--slack-channel", "C0TEAM"); err != nil || !strings.Contains(out, "end it and start it again") {
		t.Fatal(err, out)
	}
	want := "[slack]\nbot_token = \"xoxb-1\"\napp_token = \"xapp-1\"\nchannel = \"C0TEAM\"\nallowed_users = [\"U0ALICE\"]\n"
	if text, err := os.ReadFile(r.config()); err != nil || string(text) != want {
		t.Errorf("%v\n%s", err, text)
	}
}

// TestPipedSlack: the whole way for Slack, with a card and a tap. Then again
// beside a daemon that runs with the same app: no card is sent by itself, and
// what cannot be checked for want of a network is kept.
func TestPipedSlack(t *testing.T) {
	s, err := slacktest.Start(slacktest.Options{BotToken: "xoxb-1-right", AppToken: "xapp-1-right", Users: []string{"U0ALICE", "U0BOB"}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	r := newRun(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	tapped := make(chan error, 1)
	go func() {
		m, err := s.WaitMessage(ctx, func(m slacktest.Message) bool { return strings.Contains(string(m.Blocks), `"Approve"`) })
		if err == nil {
			_, err = s.Click(ctx, slacktest.Click{Channel: m.Channel, TS: m.TS, ActionID: "cpd_deny", User: "U0ALICE"})
		}
		tapped <- err
	}()
	r.in = "slack\nxoxb-1-right\nxapp-1-right\nU0ALICE\nU0ALICE, U0BOB\n\n\n\nyes\nyes\n"
	out, err := r.do(ctx, t, "--api-url", s.URL())
	if err := <-tapped; err != nil {
		t.Error(err)
	}
	if err != nil || !strings.Contains(out, "ok: the card arrived, and your tap came back") || !strings.Contains(out, "ok: U0BOB is bob") {
		t.Fatalf("%v\n%s", err, out)
	}
	text, err := os.ReadFile(r.config())
	if err != nil || !strings.Contains(string(text), `allowed_users = ["U0ALICE", "U0BOB"]`) || strings.Contains(string(text), "xoxb") {
		t.Errorf("%v\n%s", err, text)
	}

	s.Down()
	r.running, r.in = true, "\n\n\n\n\nterminals\n\n\n\n\n\n\n"
	out, err = r.do(ctx, t)
	if err != nil || !strings.Contains(out, "kept; it could not be checked") || !strings.Contains(out, "may get the tap in its place") || !strings.Contains(out, "Send one? (yes, no) [no]: ") {
		t.Errorf("%v\n%s", err, out)
	}
	if changed, err := os.ReadFile(r.config()); err != nil || string(changed) != strings.Replace(string(text), `"auto"`, `"terminals"`, 1) {
		t.Errorf("%v\n%s", err, changed)
	}
}

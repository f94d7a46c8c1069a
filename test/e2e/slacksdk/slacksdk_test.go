// Package slacksdk runs Slack's official JavaScript clients against the
// loopback Slack of package slacktest. They are the witness that it is honest:
// where it strays from what they expect of Slack, they break.
//
// The clients come from npm, at the versions of package-lock.json. CI installs
// them with
//
//	npm ci --prefix test/e2e/slacksdk --ignore-scripts
//
// or runs npm ci in a copy of package.json and package-lock.json elsewhere and
// names that folder's node_modules in CPD_NODE_MODULES. Without them the tests
// are skipped, unless CPD_REQUIRE_PEERS=1 says that they must be there.
package slacksdk

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"claude-permission-daemon/internal/channel/slack/slacktest"
)

// event is a line that a client program writes.
type event struct {
	Event, Channel, TS, View, Why, Value, Text, User, Error, Team, Bot, Message string
	ChannelType                                                                 string `json:"channel_type"`
	Note                                                                        int
	OK                                                                          bool
	Metadata, Scopes, Texts                                                     []string
}

// app is one client program as a process.
type app struct {
	t      *testing.T
	stdin  io.Closer
	events chan event
}

func missing(t *testing.T, why string) {
	t.Helper()
	if os.Getenv("CPD_REQUIRE_PEERS") == "1" {
		t.Fatal(why)
	}
	t.Skip(why)
}

// launch starts a program of this folder beside a node_modules: Node finds
// packages by the place of the file that imports them.
func launch(ctx context.Context, t *testing.T, s *slacktest.Server, program string) *app {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		missing(t, "node is not installed")
	}
	modules := os.Getenv("CPD_NODE_MODULES")
	if modules == "" {
		modules = "node_modules"
	}
	if filepath.Base(modules) != "node_modules" {
		modules = filepath.Join(modules, "node_modules")
	}
	modules, err = filepath.Abs(modules)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(modules, "@slack", "bolt")); err != nil {
		missing(t, "the Slack clients are not installed (see the package comment): "+err.Error())
	}
	dir := t.TempDir()
	if err := os.Symlink(modules, filepath.Join(dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"card.mjs", program} {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}

	opt := s.Options()
	cmd := exec.CommandContext(ctx, node, program)
	cmd.Dir = dir
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "NO_PROXY=127.0.0.1", "SLACK_API_URL=" + s.URL(),
		"SLACK_BOT_TOKEN=" + opt.BotToken, "SLACK_APP_TOKEN=" + opt.AppToken, "SLACK_USER=" + opt.Users[0],
	}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var stderr strings.Builder
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	a := &app{t: t, stdin: stdin, events: make(chan event, 100)}
	read := make(chan struct{})
	go func() {
		defer close(read)
		defer close(a.events)
		lines := bufio.NewScanner(stdout)
		for lines.Scan() {
			var e event
			if json.Unmarshal(lines.Bytes(), &e) == nil && e.Event != "" {
				a.events <- e
			}
		}
	}()
	t.Cleanup(func() {
		_ = stdin.Close()
		for range a.events {
			// Let it say the rest and end.
		}
		<-read
		if err := cmd.Wait(); err != nil {
			t.Errorf("%s: %v\n%s", program, err, stderr.String())
		}
	})
	return a
}

// next is the next event of the name; those before it are passed over.
func (a *app) next(ctx context.Context, name string) event {
	a.t.Helper()
	for {
		select {
		case e, ok := <-a.events:
			switch {
			case !ok:
				a.t.Fatalf("the client ended before it said %q", name)
			case e.Event == name:
				return e
			case e.Event == "error":
				a.t.Fatalf("the client says: %+v", e)
			}
		case <-ctx.Done():
			a.t.Fatalf("the client did not say %q in time", name)
		}
	}
}

func begin(t *testing.T, program string) (context.Context, *slacktest.Server, *app) {
	t.Helper()
	s, err := slacktest.Start(slacktest.Options{PingInterval: time.Second, WarningLead: 200 * time.Millisecond, CloseLead: 100 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	// Not t.Context(): the client is to outlive the test's last line and end by itself.
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	t.Cleanup(cancel)
	return ctx, s, launch(ctx, t, s, program)
}

// story taps through both cards: approve one, deny the other with a reason
// that is at first too short, then write a message.
func story(ctx context.Context, t *testing.T, s *slacktest.Server, a *app) {
	t.Helper()
	first, second := a.next(ctx, "posted"), a.next(ctx, "posted")
	a.next(ctx, "ready")
	if first.Channel != slacktest.DM("U0ALICE") {
		t.Errorf("posted to %s", first.Channel)
	}

	tap, err := s.Click(ctx, slacktest.Click{Channel: first.Channel, TS: first.TS, ActionID: "approve"})
	if err != nil || !tap.Acked {
		t.Fatalf("approve: %+v %v", tap, err)
	}
	if e := a.next(ctx, "approved"); e.Value != "r1" || e.Note != 200 {
		t.Errorf("approved: %+v", e)
	}
	wantText(t, s, first.TS, "Approved")
	if _, err := s.WaitMessage(ctx, func(m slacktest.Message) bool { return m.EphemeralTo == "U0ALICE" && m.Text == "Noted" }); err != nil {
		t.Error(err)
	}

	tap, err = s.Click(ctx, slacktest.Click{Channel: second.Channel, TS: second.TS, ActionID: "reason"})
	if err != nil || !tap.Acked {
		t.Fatalf("reason: %+v %v", tap, err)
	}
	opened := a.next(ctx, "opened")
	short, err := s.Submit(ctx, slacktest.Submit{ViewID: opened.View, Values: map[string]string{"text": "no"}})
	if err != nil || !short.Acked || short.Closed || short.Errors["why"] == "" {
		t.Fatalf("submission that is too short: %+v %v", short, err)
	}
	long, err := s.Submit(ctx, slacktest.Submit{ViewID: opened.View, Values: map[string]string{"text": "not in this tree"}})
	if err != nil || !long.Acked || !long.Closed {
		t.Fatalf("submission: %+v %v", long, err)
	}
	if e := a.next(ctx, "denied"); e.Why != "not in this tree" {
		t.Errorf("denied: %+v", e)
	}
	wantText(t, s, second.TS, "Denied: not in this tree")

	_, said, err := s.Say(ctx, slacktest.Say{Text: "is <it> done & dusted?"})
	if err != nil || !said.Acked {
		t.Fatalf("message: %+v %v", said, err)
	}
	if e := a.next(ctx, "message"); e.Text != "is &lt;it&gt; done &amp; dusted?" || e.User != "U0ALICE" || e.ChannelType != "im" {
		t.Errorf("message: %+v", e)
	}
}

// wantText expects that the card was settled: one update, no buttons.
func wantText(t *testing.T, s *slacktest.Server, ts, text string) {
	t.Helper()
	for _, m := range s.Messages("") {
		if m.TS == ts && m.Text == text && m.Updates == 1 && !strings.Contains(string(m.Blocks), "button") {
			return
		}
	}
	t.Errorf("no message %s that says %q: %+v", ts, text, s.Messages(""))
}

// wantAcks expects every envelope acked once, in time, where it was sent.
func wantAcks(t *testing.T, s *slacktest.Server, n int) {
	t.Helper()
	sent := s.Envelopes()
	if len(sent) != n {
		t.Errorf("%d envelopes, want %d", len(sent), n)
	}
	for _, e := range sent {
		if len(e.Acks) != 1 || e.Acks[0].Late || e.Acks[0].Conn != e.Conns[0] {
			t.Errorf("%s: acks %+v on %v", e.Type, e.Acks, e.Conns)
		}
	}
}

func TestSocketModeAndWebAPI(t *testing.T) {
	t.Parallel()
	ctx, s, a := begin(t, "socket-mode.mjs")
	auth := a.next(ctx, "auth")
	if auth.Team != "T0TEST" || auth.Bot != "U0BOT" {
		t.Errorf("auth.test: %+v", auth)
	}
	if diff := cmp.Diff(s.Options().Scopes, auth.Scopes); diff != "" {
		t.Errorf("scopes of the header (-want +got):\n%s", diff)
	}
	a.next(ctx, "connected")
	story(ctx, t, s, a)
	wantAcks(t, s, 5)

	err := s.WaitLinks(ctx, func(l []slacktest.Link) bool { return l[0].PingsIn > 0 && l[0].PongsIn > 0 })
	if err != nil {
		t.Error(err)
	}

	// The client acts on the warning, as it would on Slack, and taps work again.
	s.Disconnect(slacktest.Warning)
	a.next(ctx, "connected")
	if err := s.WaitConnections(ctx, 1); err != nil {
		t.Fatal(err)
	}
	_, said, err := s.Say(ctx, slacktest.Say{Text: "still there?"})
	if err != nil || !said.Acked || said.Conn == s.Links()[0].ID {
		t.Errorf("message after the refresh: %+v %v", said, err)
	}
	if l := s.Links()[0]; l.CloseCode != 1000 {
		t.Errorf("the first connection: %+v", l)
	}
}

func TestWebAPIReadsAndRefusals(t *testing.T) {
	t.Parallel()
	ctx, s, a := begin(t, "socket-mode.mjs")
	if e := a.next(ctx, "history"); !cmp.Equal(e.Metadata, []string{"r1", "r1"}) {
		t.Errorf("history: %+v", e)
	}
	if e := a.next(ctx, "uploaded"); !e.OK {
		t.Errorf("upload: %+v", e)
	}
	if files := s.Files(); len(files) != 1 || files[0].Content != "the whole input" || files[0].Channel != "D0ALICE" {
		t.Errorf("files: %+v", files)
	}
	if e := a.next(ctx, "refused"); e.Error != "invalid_blocks" {
		t.Errorf("refused: %+v", e)
	}
}

func TestBolt(t *testing.T) {
	t.Parallel()
	ctx, s, a := begin(t, "bolt.mjs")
	a.next(ctx, "connected")
	story(ctx, t, s, a)
	wantAcks(t, s, 5)
}

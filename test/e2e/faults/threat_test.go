package faults

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"

	"claude-permission-daemon/internal/channel/slack/slacktest"
	"claude-permission-daemon/internal/permit"
)

// These tests are what docs/security.md points to where an attacker meets the
// whole program.

// TestStolenAppToken: whoever holds it can open a link of their own, gets taps
// that were meant for us, and can send what looks like one. Nothing is decided
// by that.
func TestStolenAppToken(t *testing.T) {
	h := newHouse(t)
	h.start()
	h.run("away")
	ctx, cancel := context.WithTimeout(context.Background(), 90*time.Second)
	defer cancel()
	a := h.ask("s000")
	card, err := h.card(ctx, "s000", true)
	if err != nil {
		t.Fatal(err)
	}
	thief := h.openLink(ctx)

	// A tap of the person's goes to the thief, who acknowledges and keeps it.
	stolen := make(chan []byte, 1)
	go func() {
		for {
			_, raw, err := thief.Read(ctx)
			if err != nil {
				return
			}
			var envelope struct {
				ID   string `json:"envelope_id"`
				Type string `json:"type"`
			}
			if json.Unmarshal(raw, &envelope) == nil && envelope.Type == "interactive" {
				_ = thief.Write(ctx, websocket.MessageText, []byte(`{"envelope_id":"`+envelope.ID+`"}`))
				stolen <- raw
			}
		}
	}()
	links := h.slack.Links()
	result, err := h.slack.Click(ctx, slacktest.Click{Channel: card.Channel, TS: card.TS, ActionID: "cpd_approve", User: "U0ALICE", Conn: links[len(links)-1].ID})
	if err != nil || !result.Acked {
		t.Fatalf("the thief gets no tap: %+v, %v", result, err)
	}
	// What the thief makes of it goes to Slack, and to nobody else.
	raw := <-stolen
	for range 3 {
		if err := thief.Write(ctx, websocket.MessageText, raw); err != nil {
			t.Fatal(err)
		}
	}
	if _, live, _ := h.look("s000"); !live {
		t.Error("the card was settled by a stolen tap")
	}
	_ = thief.CloseNow()

	// The question is open still, and a tap that reaches us counts.
	if err := h.tap(ctx, "s000", "cpd_deny"); err != nil {
		t.Fatalf("%v\n%s", err, h.log)
	}
	if out := a.wait(t, 30*time.Second); !strings.Contains(out, `"behavior":"deny"`) {
		t.Errorf("the hook printed %q", out)
	}
	h.wantOnly(permit.Denied)
}

// openLink opens a Socket Mode link with the app's token, as anybody who has it
// can.
func (h *house) openLink(ctx context.Context) *websocket.Conn {
	h.t.Helper()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, h.slack.URL()+"apps.connections.open", nil)
	if err != nil {
		h.t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer xapp-1-a")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		h.t.Fatal(err)
	}
	defer response.Body.Close()
	var opened struct {
		URL string `json:"url"`
	}
	if err := json.NewDecoder(response.Body).Decode(&opened); err != nil || opened.URL == "" {
		h.t.Fatalf("no link with the app's token: %v", err)
	}
	link, _, err := websocket.Dial(ctx, opened.URL, nil) //nolint:bodyclose // it has none
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { _ = link.CloseNow() })
	if err := h.slack.WaitConnections(ctx, 2); err != nil {
		h.t.Fatal(err)
	}
	return link
}

// look is the card of a session as it is now.
func (h *house) look(session string) (m slacktest.Message, live, ok bool) {
	for _, m := range h.slack.Messages("") {
		if strings.Contains(string(m.Blocks), "echo "+session) {
			return m, strings.Contains(string(m.Blocks), "cpd_approve"), true
		}
	}
	return m, false, false
}

func (h *house) wantOnly(kind permit.OutcomeKind) {
	h.t.Helper()
	for id, got := range h.outcomes() {
		if got != kind {
			h.t.Errorf("%s ended as %s, want %s", id, got, kind)
		}
	}
}

// TestStolenBotToken: whoever holds it can change what our card shows, and post
// one that looks like it. A tap on either decides nothing.
func TestStolenBotToken(t *testing.T) {
	h := newHouse(t)
	h.start()
	h.run("away")
	ctx, cancel := context.WithTimeout(context.Background(), 90*time.Second)
	defer cancel()
	a := h.ask("s000")
	card, err := h.card(ctx, "s000", true)
	if err != nil {
		t.Fatal(err)
	}
	harmless := strings.ReplaceAll(string(card.Blocks), "echo s000", "echo harmless")
	click := func(ts string) {
		t.Helper()
		if _, err := h.slack.Click(ctx, slacktest.Click{Channel: card.Channel, TS: ts, ActionID: "cpd_approve", User: "U0ALICE"}); err != nil {
			t.Fatal(err)
		}
	}
	posted, err := h.slack.Invoke("chat.postMessage", map[string]any{"channel": card.Channel, "text": card.Text, "blocks": harmless})
	if err != nil {
		t.Fatal(err)
	}
	twin, _ := posted["ts"].(string)
	click(twin)
	if _, err := h.slack.Invoke("chat.update", map[string]any{"channel": card.Channel, "ts": card.TS, "text": card.Text, "blocks": harmless}); err != nil {
		t.Fatal(err)
	}
	click(card.TS)
	select {
	case <-a.done:
		t.Errorf("the hook ended with %q", a.stdout.String())
	case <-time.After(time.Second):
	}
	// In the terminal it can be answered all the same.
	h.run("deny", h.only(), "-m", "not like this")
	if out := a.wait(t, 30*time.Second); !strings.Contains(out, "not like this") {
		t.Errorf("the hook printed %q", out)
	}
	h.wantOnly(permit.Denied)
}

// only is the id of the one open request.
func (h *house) only() string {
	h.t.Helper()
	var open []struct {
		ID string `json:"id"`
	}
	if err := json.Unmarshal([]byte(h.run("pending", "--json")), &open); err != nil || len(open) != 1 {
		h.t.Fatalf("open: %v, %v", open, err)
	}
	return open[0].ID
}

// TestAnotherUser: a process of another user reads nothing and decides nothing,
// even where the socket and its folder were opened to all the world.
func TestAnotherUser(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can be somebody else")
	}
	const nobody = 65534
	h := newHouse(t)
	h.start()
	h.run("away")
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	a := h.ask("s000")
	if _, err := h.card(ctx, "s000", true); err != nil {
		t.Fatal(err)
	}
	id := h.only()
	if err := os.Chmod(binaries, 0o755); err != nil {
		t.Fatal(err)
	}
	try := func(name string, args ...string) string {
		t.Helper()
		cmd := exec.Command(name, args...)
		cmd.Env = h.env()
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		out, err := cmd.CombinedOutput()
		if err == nil {
			t.Errorf("as another user, %s %v worked:\n%s", filepath.Base(name), args, out)
		}
		return string(out)
	}
	program := filepath.Join(binaries, "claude-permission-daemon")
	for _, path := range []string{filepath.Join(h.dir, "config.toml"), filepath.Join(h.state(), "journal.jsonl"), filepath.Join(h.state(), "web-token")} {
		try("/bin/cat", path)
	}
	try(program, "approve", id)
	for _, path := range []string{h.dir, h.sock()} { // as a careless person might
		if err := os.Chmod(path, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	if said := try(program, "approve", id); strings.Contains(said, "permission denied") {
		t.Errorf("the test shows nothing: %s", said)
	}
	for _, path := range []string{filepath.Join(h.dir, "config.toml"), filepath.Join(h.state(), "journal.jsonl"), filepath.Join(h.state(), "web-token")} {
		try("/bin/cat", path)
	}
	if err := os.Chmod(h.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := h.tap(ctx, "s000", "cpd_deny"); err != nil {
		t.Fatal(err)
	}
	if out := a.wait(t, 30*time.Second); !strings.Contains(out, `"deny"`) {
		t.Errorf("the hook printed %q", out)
	}
	h.wantOnly(permit.Denied)
}

package slacktest_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"claude-permission-daemon/internal/channel/slack/slacktest"
)

// client is a small Slack app: the tests' own, so that it can be as wrong as a
// test needs.
type client struct {
	t   *testing.T
	s   *slacktest.Server
	hc  *http.Client
	ctx context.Context
}

func start(t *testing.T, opt slacktest.Options) (*slacktest.Server, *client) {
	t.Helper()
	s, err := slacktest.Start(opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	tr := &http.Transport{}
	t.Cleanup(tr.CloseIdleConnections)
	return s, &client{t: t, s: s, ctx: ctx, hc: &http.Client{
		Transport: tr, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// do sends a call as JSON and returns the status, the answer and its headers.
func (c *client) do(token, method string, args map[string]any) (int, map[string]any, http.Header, error) {
	body, _ := json.Marshal(args)
	req, err := http.NewRequestWithContext(c.ctx, http.MethodPost, c.s.URL()+method, strings.NewReader(string(body)))
	if err != nil {
		return 0, nil, nil, err
	}
	req.Header.Set("Content-Type", "application/json; charset=utf-8")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	return c.send(req)
}

func (c *client) send(req *http.Request) (int, map[string]any, http.Header, error) {
	resp, err := c.hc.Do(req)
	if err != nil {
		return 0, nil, nil, err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, nil, nil, err
	}
	out := map[string]any{}
	_ = json.Unmarshal(raw, &out)
	return resp.StatusCode, out, resp.Header, nil
}

// call is do with the bot token; the test ends if there is no answer.
func (c *client) call(method string, args map[string]any) map[string]any {
	c.t.Helper()
	_, out, _, err := c.do(c.s.Options().BotToken, method, args)
	if err != nil {
		c.t.Fatalf("%s: %v", method, err)
	}
	return out
}

// form is a call whose arguments are a form, the token among them.
func (c *client) form(method string, args url.Values) map[string]any {
	c.t.Helper()
	args.Set("token", c.s.Options().BotToken)
	req, err := http.NewRequestWithContext(c.ctx, http.MethodPost, c.s.URL()+method, strings.NewReader(args.Encode()))
	if err != nil {
		c.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	_, out, _, err := c.send(req)
	if err != nil {
		c.t.Fatalf("%s: %v", method, err)
	}
	return out
}

// ticket asks for a Socket Mode URL.
func (c *client) ticket() string {
	c.t.Helper()
	_, out, _, err := c.do(c.s.Options().AppToken, "apps.connections.open", nil)
	if err != nil || out["ok"] != true {
		c.t.Fatalf("apps.connections.open: %v %v", out, err)
	}
	return out["url"].(string)
}

// socket is one connection that keeps what it reads.
type socket struct {
	conn *websocket.Conn
	got  chan map[string]any
	wg   sync.WaitGroup
	mu   sync.Mutex
	err  error
}

// dial opens a connection. answer is called for each message and what it
// returns, if anything, is sent back; nil acks every envelope.
func (c *client) dial(answer func(map[string]any) any) *socket {
	c.t.Helper()
	conn, resp, err := websocket.Dial(c.ctx, c.ticket(), &websocket.DialOptions{HTTPClient: c.hc})
	if err != nil {
		c.t.Fatal(err)
	}
	if resp.Body != nil {
		_ = resp.Body.Close()
	}
	if answer == nil {
		answer = ack
	}
	k := &socket{conn: conn, got: make(chan map[string]any, 1000)}
	k.wg.Go(func() {
		defer close(k.got)
		for {
			_, raw, err := conn.Read(c.ctx)
			if err != nil {
				k.mu.Lock()
				k.err = err
				k.mu.Unlock()
				return
			}
			m := map[string]any{}
			_ = json.Unmarshal(raw, &m)
			if reply := answer(m); reply != nil {
				b, _ := json.Marshal(reply)
				_ = conn.Write(c.ctx, websocket.MessageText, b)
			}
			k.got <- m
		}
	})
	c.t.Cleanup(func() { _ = conn.CloseNow(); k.wg.Wait() })
	return k
}

func ack(m map[string]any) any {
	if id, ok := m["envelope_id"]; ok {
		return map[string]any{"envelope_id": id}
	}
	return nil
}

// next is the next message of the type.
func (k *socket) next(t *testing.T, typ string) map[string]any {
	t.Helper()
	for {
		select {
		case m, ok := <-k.got:
			if !ok {
				t.Fatalf("the connection ended before a %s came: %v", typ, k.ended())
			}
			if m["type"] == typ {
				return m
			}
		case <-time.After(30 * time.Second):
			t.Fatalf("no %s came", typ)
		}
	}
}

func (k *socket) ended() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.err
}

// card is a message as an approval daemon posts it.
func card() []map[string]any {
	return []map[string]any{
		{"type": "section", "text": map[string]any{"type": "mrkdwn", "text": "*Bash* on laptop"}},
		{"type": "rich_text", "elements": []any{map[string]any{
			"type": "rich_text_preformatted", "elements": []any{map[string]any{"type": "text", "text": "rm -rf build"}},
		}}},
		{"type": "actions", "block_id": "decide-1", "elements": []any{
			map[string]any{"type": "button", "action_id": "approve", "style": "primary", "value": "r1", "text": map[string]any{"type": "plain_text", "text": "Approve"}},
			map[string]any{"type": "button", "action_id": "deny", "value": "r1", "text": map[string]any{"type": "plain_text", "text": "Deny", "emoji": false}},
		}},
	}
}

// post posts the card to Alice's DM and returns its ts.
func (c *client) post() string {
	c.t.Helper()
	out := c.call("chat.postMessage", map[string]any{"channel": "U0ALICE", "text": "Bash on laptop: rm -rf build", "blocks": card()})
	if out["ok"] != true {
		c.t.Fatalf("chat.postMessage: %v", out)
	}
	return out["ts"].(string)
}

// send writes a document on the connection.
func (k *socket) send(ctx context.Context, doc any) {
	b, _ := json.Marshal(doc)
	_ = k.conn.Write(ctx, websocket.MessageText, b)
}

// respond uses a response_url.
func (c *client) respond(hook string, args map[string]any) (int, map[string]any) {
	c.t.Helper()
	body, _ := json.Marshal(args)
	req, err := http.NewRequestWithContext(c.ctx, http.MethodPost, hook, strings.NewReader(string(body)))
	if err != nil {
		c.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	status, out, _, err := c.send(req)
	if err != nil {
		c.t.Fatal(err)
	}
	return status, out
}

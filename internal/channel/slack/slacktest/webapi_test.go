package slacktest_test

import (
	"bytes"
	"context"
	"errors"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"claude-permission-daemon/internal/channel/slack/slacktest"
)

func TestTokensAndScopes(t *testing.T) {
	s, c := start(t, slacktest.Options{})
	opt := s.Options()
	tests := []struct {
		token, method string
		want          any
	}{
		{"", "auth.test", "not_authed"},
		{"xoxb-somebody-else", "auth.test", "invalid_auth"},
		{opt.AppToken, "chat.postMessage", "not_allowed_token_type"},
		{opt.BotToken, "apps.connections.open", "not_allowed_token_type"},
		{opt.BotToken, "no.such.method", "unknown_method"},
		{opt.BotToken, "auth.test", nil},
		{opt.AppToken, "auth.test", nil},
	}
	for _, tt := range tests {
		status, out, header, err := c.do(tt.token, tt.method, nil)
		if err != nil || status != http.StatusOK || out["error"] != tt.want || out["ok"] != (tt.want == nil) {
			t.Errorf("%s with %q: %d %v %v", tt.method, tt.token, status, out, err)
		}
		if tt.token == opt.BotToken && header.Get("X-OAuth-Scopes") != strings.Join(opt.Scopes, ",") {
			t.Errorf("%s: scopes %q", tt.method, header.Get("X-OAuth-Scopes"))
		}
	}
	s.SetScopes("im:history")
	_, out, _, _ := c.do(opt.BotToken, "chat.postMessage", map[string]any{"channel": "U0ALICE", "text": "x"})
	if diff := cmp.Diff(map[string]any{"ok": false, "error": "missing_scope", "needed": "chat:write", "provided": "im:history"}, out); diff != "" {
		t.Errorf("missing scope (-want +got):\n%s", diff)
	}
}

func TestConnectionsOpenWantsItsTokenInTheHeader(t *testing.T) {
	s, c := start(t, slacktest.Options{})
	body := url.Values{"token": {s.Options().AppToken}}.Encode()
	req, _ := http.NewRequestWithContext(c.ctx, http.MethodPost, s.URL()+"apps.connections.open", strings.NewReader(body))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if _, out, _, err := c.send(req); err != nil || out["error"] != "not_authed" {
		t.Errorf("%v %v", out, err)
	}
}

// The same call in the four forms that clients use means the same.
func TestArgumentsInEveryEncoding(t *testing.T) {
	s, c := start(t, slacktest.Options{})
	opt := s.Options()
	post := func(contentType, body string) *http.Request {
		req, _ := http.NewRequestWithContext(c.ctx, http.MethodPost, s.URL()+"chat.postMessage", strings.NewReader(body))
		req.Header.Set("Content-Type", contentType)
		return req
	}
	blocks := `[{"type":"divider","block_id":"d"}]`
	form := url.Values{"token": {opt.BotToken}, "channel": {"U0ALICE"}, "text": {"a & b"}, "blocks": {blocks}, "unfurl_links": {"0"}}.Encode()
	var multi bytes.Buffer
	w := multipart.NewWriter(&multi)
	for k, v := range map[string]string{"token": opt.BotToken, "channel": "U0ALICE", "text": "a & b", "blocks": blocks, "unfurl_links": "false"} {
		_ = w.WriteField(k, v)
	}
	_ = w.Close()
	header := func(req *http.Request) *http.Request {
		req.Header.Set("Authorization", "Bearer "+opt.BotToken)
		return req
	}
	for name, req := range map[string]*http.Request{
		"form":      post("application/x-www-form-urlencoded", form),
		"multipart": post(w.FormDataContentType(), multi.String()),
		"json":      header(post("application/json", `{"channel":"U0ALICE","text":"a & b","blocks":`+blocks+`,"unfurl_links":false,"thread_ts":null}`)),
		"query": header(func() *http.Request {
			r := post("", "")
			r.URL.RawQuery = url.Values{"channel": {"U0ALICE"}, "text": {"a & b"}, "blocks": {blocks}, "unfurl_links": {"false"}}.Encode()
			return r
		}()),
	} {
		if _, out, _, err := c.send(req); err != nil || out["ok"] != true {
			t.Errorf("%s: %v %v", name, out, err)
			continue
		}
		all := s.Messages("D0ALICE")
		m := all[len(all)-1]
		if m.Text != "a & b" || string(m.Blocks) != blocks2(blocks) || m.UnfurlLinks || !m.UnfurlMedia {
			t.Errorf("%s: %+v", name, m)
		}
		calls := s.Calls("chat.postMessage")
		call := calls[len(calls)-1]
		if call.Encoding != name || call.Token != slacktest.BotToken || call.Args["token"] != "" || !call.Performed {
			t.Errorf("%s: %+v", name, call)
		}
	}
	if _, out, _, err := c.send(header(post("application/json", `{"channel":`))); err != nil || out["error"] != "invalid_json" {
		t.Errorf("half a document: %v %v", out, err)
	}
}

// blocks2 is the document with its fields in the order the Server writes them.
func blocks2(string) string { return `[{"block_id":"d","type":"divider"}]` }

func TestWhereOneMayPost(t *testing.T) {
	_, c := start(t, slacktest.Options{})
	for channel, want := range map[string]string{
		"U0ALICE": "", "D0ALICE": "", "C0TEAM": "",
		"": "channel_not_found", "U0NOBODY": "channel_not_found", "C0NONE": "channel_not_found",
		"C0OTHER": "not_in_channel", "U0BOT": "cannot_dm_bot",
	} {
		out := c.call("chat.postMessage", map[string]any{"channel": channel, "text": "x"})
		if got, _ := out["error"].(string); got != want {
			t.Errorf("%q: %v, want %q", channel, out, want)
		}
	}
	_, c = start(t, slacktest.Options{NoMessagesTab: true})
	if out := c.call("chat.postMessage", map[string]any{"channel": "U0ALICE", "text": "x"}); out["error"] != "messages_tab_disabled" {
		t.Errorf("without the messages tab: %v", out)
	}
	for _, args := range []map[string]any{{}, {"blocks": "[]"}} {
		args["channel"] = "C0TEAM"
		if out := c.call("chat.postMessage", args); out["error"] != "no_text" {
			t.Errorf("nothing to say: %v", out)
		}
	}
	out := c.call("chat.postMessage", map[string]any{"channel": "C0TEAM", "text": strings.Repeat("x", 40010)})
	if got := len(out["message"].(map[string]any)["text"].(string)); got != 40000 {
		t.Errorf("a long text is kept with %d characters", got)
	}
}

func TestUpdate(t *testing.T) {
	s, c := start(t, slacktest.Options{EventRetries: []time.Duration{}})
	out := c.call("chat.postMessage", map[string]any{
		"channel": "U0ALICE", "text": "first", "blocks": card(),
		"metadata": map[string]any{"event_type": "approval_request", "event_payload": map[string]any{"id": "r1"}},
	})
	ts := out["ts"]
	update := func(args map[string]any) map[string]any {
		args["channel"], args["ts"] = "D0ALICE", ts
		return c.call("chat.update", args)
	}
	last := func() slacktest.Message { return s.Messages("D0ALICE")[0] }

	update(map[string]any{"text": "second", "blocks": card()})
	if m := last(); m.Text != "second" || m.Blocks == nil || m.Metadata == nil {
		t.Errorf("both, and metadata not mentioned: %+v", m)
	}
	update(map[string]any{"blocks": card()[:1]})
	if m := last(); m.Text != "This content can't be displayed." || strings.Contains(string(m.Blocks), "button") {
		t.Errorf("blocks alone: %+v", m)
	}
	update(map[string]any{"text": "third", "metadata": map[string]any{}})
	if m := last(); m.Text != "third" || m.Blocks != nil || m.Metadata != nil {
		t.Errorf("text alone removes the blocks, metadata={} the metadata: %+v", m)
	}
	if m := last(); m.Updates != 3 || len(m.Versions) != 4 || m.Versions[0].Text != "first" || m.Versions[3].Via != "chat.update" {
		t.Errorf("versions: %+v", m.Versions)
	}
	for want, args := range map[string]map[string]any{
		"no_text":            {},
		"msg_too_long":       {"text": strings.Repeat("x", 4001)},
		"invalid_blocks":     {"blocks": []any{map[string]any{"type": "nonsense"}}},
		"metadata_too_large": {"text": "x", "metadata": map[string]any{"event_type": strings.Repeat("x", 9000)}},
	} {
		if out := update(args); out["error"] != want {
			t.Errorf("%v, want %s", out, want)
		}
	}
	if m := last(); m.Updates != 3 {
		t.Errorf("a refused update changed the message: %+v", m)
	}
	for want, args := range map[string]map[string]any{
		"message_not_found": {"channel": "D0ALICE", "ts": "1.000000", "text": "x"},
		"channel_not_found": {"channel": "U0ALICE", "ts": ts, "text": "x"},
	} {
		if out := c.call("chat.update", args); out["error"] != want {
			t.Errorf("%v, want %s", out, want)
		}
	}
	said, _, err := s.Say(c.ctx, slacktest.Say{Text: "mine"})
	if err != nil {
		t.Fatal(err)
	}
	if out := c.call("chat.update", map[string]any{"channel": "D0ALICE", "ts": said.TS, "text": "x"}); out["error"] != "cant_update_message" {
		t.Errorf("another's message: %v", out)
	}
	if out := c.call("chat.delete", map[string]any{"channel": "D0ALICE", "ts": ts}); out["ok"] != true || !last().Deleted {
		t.Errorf("delete: %v", out)
	}
	if out := update(map[string]any{"text": "x"}); out["error"] != "message_not_found" {
		t.Errorf("update of a deleted message: %v", out)
	}
}

func TestHistoryFindsAPostAgain(t *testing.T) {
	s, c := start(t, slacktest.Options{})
	meta := map[string]any{"event_type": "approval_request", "event_payload": map[string]any{"id": "r1"}}
	first := c.call("chat.postMessage", map[string]any{"channel": "U0ALICE", "text": "one", "metadata": meta})["ts"].(string)
	c.call("chat.postMessage", map[string]any{"channel": "D0ALICE", "text": "a reply", "thread_ts": first})
	c.call("chat.postMessage", map[string]any{"channel": "D0ALICE", "text": "two"})
	c.call("chat.postEphemeral", map[string]any{"channel": "D0ALICE", "user": "U0ALICE", "text": "hush"})

	texts := func(out map[string]any) []string {
		var all []string
		list, _ := out["messages"].([]any)
		for _, m := range list {
			all = append(all, m.(map[string]any)["text"].(string))
		}
		return all
	}
	out := c.call("conversations.history", map[string]any{"channel": "D0ALICE", "limit": 10})
	if diff := cmp.Diff([]string{"two", "one"}, texts(out)); diff != "" {
		t.Errorf("newest first, no replies, nothing ephemeral (-want +got):\n%s", diff)
	}
	oldest := out["messages"].([]any)[1].(map[string]any)
	if oldest["metadata"] != nil || oldest["reply_count"] != 1.0 {
		t.Errorf("metadata comes only when asked for: %v", oldest)
	}
	out = c.form("conversations.history", url.Values{"channel": {"D0ALICE"}, "limit": {"1"}, "include_all_metadata": {"1"}})
	if diff := cmp.Diff([]string{"two"}, texts(out)); diff != "" || out["has_more"] != true {
		t.Errorf("first page: %s %v", diff, out)
	}
	cursor := out["response_metadata"].(map[string]any)["next_cursor"].(string)
	out = c.form("conversations.history", url.Values{"channel": {"D0ALICE"}, "limit": {"1"}, "cursor": {cursor}, "include_all_metadata": {"true"}})
	if diff := cmp.Diff(meta, out["messages"].([]any)[0].(map[string]any)["metadata"]); diff != "" {
		t.Errorf("metadata (-posted +found):\n%s", diff)
	}
	out = c.call("conversations.replies", map[string]any{"channel": "D0ALICE", "ts": first})
	if diff := cmp.Diff([]string{"one", "a reply"}, texts(out)); diff != "" {
		t.Errorf("thread (-want +got):\n%s", diff)
	}
	out = c.call("conversations.history", map[string]any{"channel": "D0ALICE", "oldest": first})
	if diff := cmp.Diff([]string{"two"}, texts(out)); diff != "" {
		t.Errorf("oldest is exclusive (-want +got):\n%s", diff)
	}
	out = c.call("conversations.history", map[string]any{"channel": "D0ALICE", "latest": first, "inclusive": true})
	if diff := cmp.Diff([]string{"one"}, texts(out)); diff != "" {
		t.Errorf("inclusive latest (-want +got):\n%s", diff)
	}
	for want, args := range map[string]map[string]any{
		"channel_not_found": {"channel": "U0ALICE"},
		"missing_scope":     {"channel": "C0TEAM"},
		"invalid_limit":     {"channel": "D0ALICE", "limit": 0},
		"invalid_cursor":    {"channel": "D0ALICE", "cursor": "next:99"},
	} {
		if out := c.call("conversations.history", args); out["error"] != want {
			t.Errorf("%v, want %s", out, want)
		}
	}
	s.SetScopes("channels:history")
	if out := c.call("conversations.history", map[string]any{"channel": "C0OTHER"}); out["error"] != "not_in_channel" {
		t.Errorf("a channel without the bot: %v", out)
	}
	if out := c.call("conversations.replies", map[string]any{"channel": "C0TEAM", "ts": "1.000000"}); out["error"] != "thread_not_found" {
		t.Errorf("no such thread: %v", out)
	}
}

func TestPeople(t *testing.T) {
	_, c := start(t, slacktest.Options{Users: []string{"U0ALICE", "U0BOB"}})
	if out := c.call("users.lookupByEmail", map[string]any{"email": slacktest.Email("U0BOB")}); out["user"].(map[string]any)["id"] != "U0BOB" {
		t.Errorf("lookup: %v", out)
	}
	out := c.call("users.info", map[string]any{"user": "U0ALICE"})
	if u := out["user"].(map[string]any); u["name"] != "alice" || u["team_id"] != "T0TEST" {
		t.Errorf("info: %v", out)
	}
	opened := c.call("conversations.open", map[string]any{"users": "U0ALICE"})
	if opened["channel"].(map[string]any)["id"] != slacktest.DM("U0ALICE") || opened["already_open"] != false {
		t.Errorf("open: %v", opened)
	}
	for want, call := range map[string][2]string{
		"users_not_found":                       {"users.lookupByEmail", "email=nobody@example.com"},
		"user_not_found":                        {"users.info", "user=U0NOBODY"},
		"users_list_not_supplied":               {"conversations.open", ""},
		"method_not_supported_for_channel_type": {"conversations.open", "users=U0ALICE,U0BOB"},
		"cannot_dm_bot":                         {"conversations.open", "users=U0BOT"},
		"user_not_in_channel":                   {"chat.postEphemeral", "channel=D0ALICE&user=U0BOB&text=x"},
		"invalid_thread_ts":                     {"chat.postMessage", "channel=C0TEAM&text=x&thread_ts=nonsense"},
		"invalid_trigger_id":                    {"views.open", "trigger_id=1.2.3&view={}"},
		"file_not_found":                        {"files.completeUploadExternal", `files=[{"id":"F1"}]`},
		"invalid_arguments":                     {"files.getUploadURLExternal", "length=0&filename=x"},
		"":                                      {"users.getPresence", "user=U0ALICE"},
	} {
		args, _ := url.ParseQuery(call[1])
		if out := c.form(call[0], args); out["error"] != nil && out["error"] != want || (out["error"] == nil) != (want == "") {
			t.Errorf("%v: %v, want %q", call, out, want)
		}
	}
}

func TestUpload(t *testing.T) {
	s, c := start(t, slacktest.Options{})
	c.post()
	out := c.call("files.getUploadURLExternal", map[string]any{"filename": "input.txt", "length": 5})
	put := func(body string) int {
		req, _ := http.NewRequestWithContext(c.ctx, http.MethodPost, out["upload_url"].(string), strings.NewReader(body))
		status, _, _, err := c.send(req)
		if err != nil {
			t.Fatal(err)
		}
		return status
	}
	files := []any{map[string]any{"id": out["file_id"], "title": "The input"}}
	if got := c.call("files.completeUploadExternal", map[string]any{"files": files}); got["error"] != "file_not_found" {
		t.Errorf("completed before the bytes: %v", got)
	}
	if put("too long") != http.StatusBadRequest || put("whole") != http.StatusOK {
		t.Error("the announced length is the length")
	}
	if got := c.call("files.completeUploadExternal", map[string]any{"files": files, "channel_id": "U0ALICE"}); got["error"] != "channel_not_found" {
		t.Errorf("a person's id is no channel here: %v", got)
	}
	c.call("files.completeUploadExternal", map[string]any{"files": files, "channel_id": "D0ALICE", "thread_ts": "1.000000"})
	want := []slacktest.File{{ID: out["file_id"].(string), Name: "input.txt", Title: "The input", Content: "whole", Channel: "D0ALICE"}}
	if diff := cmp.Diff(want, s.Files()); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	if m := s.Messages("D0ALICE"); len(m) != 2 || len(m[1].Files) != 1 {
		t.Errorf("the file's message: %+v", m)
	}
}

func TestRateLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c := startInMemory(t, slacktest.Options{RateLimit: true})
		post := func(channel string) (int, string) {
			status, _, header, err := c.do(s.Options().BotToken, "chat.postMessage", map[string]any{"channel": channel, "text": "x"})
			if err != nil {
				t.Fatal(err)
			}
			return status, header.Get("Retry-After")
		}
		if status, _ := post("C0TEAM"); status != http.StatusOK {
			t.Fatal("the first message was refused")
		}
		if status, after := post("C0TEAM"); status != http.StatusTooManyRequests || after != "1" {
			t.Errorf("a second at once: %d, retry after %q", status, after)
		}
		if status, _ := post("U0ALICE"); status != http.StatusOK {
			t.Error("another channel is not held up")
		}
		time.Sleep(time.Second)
		if status, _ := post("C0TEAM"); status != http.StatusOK {
			t.Error("a second later it is free again")
		}
		refused := 0
		for range 30 {
			if status, _, _, err := c.do(s.Options().BotToken, "conversations.history", map[string]any{"channel": "D0ALICE"}); err != nil || status == http.StatusTooManyRequests {
				refused++
			}
		}
		if refused != 20 {
			t.Errorf("%d of 30 calls at once were refused by tier 3, want 20", refused)
		}
	})
}

func TestFaults(t *testing.T) {
	s, c := start(t, slacktest.Options{})
	token := s.Options().BotToken
	args := map[string]any{"channel": "U0ALICE", "text": "x"}
	tests := []struct {
		name      string
		fault     slacktest.Fault
		status    int
		code      any
		lost      bool
		performed bool
	}{
		{name: "status", fault: slacktest.Fault{Status: 500}, status: 500},
		{name: "busy", fault: slacktest.Fault{Status: 429, RetryAfter: 7}, status: 429, code: "ratelimited"},
		{name: "error", fault: slacktest.Fault{Error: "token_expired"}, status: 200, code: "token_expired"},
		{name: "cut", fault: slacktest.Fault{Cut: true}, lost: true},
		{name: "lost answer", fault: slacktest.Fault{Lost: true}, lost: true, performed: true},
		{name: "slow", fault: slacktest.Fault{Delay: time.Millisecond, SlowAnswer: time.Millisecond}, status: 200, performed: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			before := len(s.Messages("D0ALICE"))
			tt.fault.Times = 1
			s.Fail("chat.postMessage", tt.fault)
			status, out, header, err := c.do(token, "chat.postMessage", args)
			if (err != nil) != tt.lost || status != tt.status || out["error"] != tt.code {
				t.Errorf("%d %v %v", status, out, err)
			}
			if tt.fault.RetryAfter > 0 && header.Get("Retry-After") != "7" {
				t.Errorf("Retry-After: %q", header.Get("Retry-After"))
			}
			if got := len(s.Messages("D0ALICE")) - before; (got == 1) != tt.performed {
				t.Errorf("%d messages came of it", got)
			}
			call, err := s.WaitCall(c.ctx, "chat.postMessage", func(call slacktest.Call) bool { return call.Done && call.Seq == len(s.Calls("")) })
			if err != nil || call.Performed != tt.performed || call.Status != tt.status {
				t.Errorf("%+v %v", call, err)
			}
			if out := c.call("chat.postMessage", args); out["ok"] != true {
				t.Errorf("once only: %v", out)
			}
		})
	}

	s.Fail("*", slacktest.Fault{Error: "internal_error", If: func(call slacktest.Call) bool { return call.Args["text"] == "bad" }})
	if out := c.call("chat.postMessage", args); out["ok"] != true {
		t.Errorf("a fault for other calls: %v", out)
	}
	if out := c.call("chat.postMessage", map[string]any{"channel": "U0ALICE", "text": "bad"}); out["error"] != "internal_error" {
		t.Errorf("a fault for this call: %v", out)
	}
	s.Heal()
	if out := c.call("chat.postMessage", map[string]any{"channel": "U0ALICE", "text": "bad"}); out["ok"] != true {
		t.Errorf("healed: %v", out)
	}
	s.Fail(slacktest.MethodUpload, slacktest.Fault{Status: 503})
	out := c.call("files.getUploadURLExternal", map[string]any{"filename": "f", "length": 1})
	req, _ := http.NewRequestWithContext(c.ctx, http.MethodPost, out["upload_url"].(string), strings.NewReader("x"))
	if status, _, _, err := c.send(req); err != nil || status != 503 {
		t.Errorf("upload: %d %v", status, err)
	}
}

// A call whose client has given up is performed all the same: that is why a
// lost answer is not a lost message.
func TestASlowCallIsPerformedThoughItsClientHungUp(t *testing.T) {
	s, c := start(t, slacktest.Options{})
	s.Fail("chat.postMessage", slacktest.Fault{Delay: 50 * time.Millisecond})
	ctx, cancel := context.WithCancel(c.ctx)
	hasty := *c
	hasty.ctx = ctx
	go func() {
		_, _ = s.WaitCall(c.ctx, "chat.postMessage", nil)
		cancel()
	}()
	if _, _, _, err := hasty.do(s.Options().BotToken, "chat.postMessage", map[string]any{"channel": "C0TEAM", "text": "x"}); !errors.Is(err, context.Canceled) {
		t.Fatalf("%v", err)
	}
	if _, err := s.WaitMessage(c.ctx, func(m slacktest.Message) bool { return m.Text == "x" }); err != nil {
		t.Error(err)
	}
}

func TestWaitsEndWithTheirContext(t *testing.T) {
	s, _ := start(t, slacktest.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	never := func() error {
		_, err := s.WaitMessage(ctx, nil)
		_, err2 := s.WaitCall(ctx, "chat.update", nil)
		_, err3 := s.WaitView(ctx, nil)
		return errors.Join(err, err2, err3, s.WaitConnections(ctx, 1), s.WaitLinks(ctx, func(l []slacktest.Link) bool { return len(l) > 0 }))
	}
	if err := never(); strings.Count(err.Error(), "context canceled") != 5 {
		t.Errorf("%v", err)
	}
	s.Close()
	if _, err := s.WaitMessage(t.Context(), nil); err == nil {
		t.Error("a wait outlived the server")
	}
}

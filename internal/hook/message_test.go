package hook

import (
	"bytes"
	"encoding/json"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"claude-permission-daemon/internal/permit"
	"claude-permission-daemon/internal/wire"
	"claude-permission-daemon/internal/wire/limits"

	"github.com/google/go-cmp/cmp"
)

const (
	asking    = `{"session_id":"s","hook_event_name":"PermissionRequest","tool_name":"Bash","tool_input":{"command":"ls"}}`
	eliciting = `{"hook_event_name":"Elicitation","mcp_server_name":"demo"}`
	allowing  = `{"hookSpecificOutput":{"hookEventName":"PermissionRequest","decision":{"behavior":"allow"}}}`
	denying   = `{"hookSpecificOutput":{"hookEventName":"PermissionRequest","decision":{"behavior":"deny","message":"no"}}}`
)

func TestParseEvent(t *testing.T) {
	for _, test := range []struct {
		name, raw  string
		want       string // the event's name; empty: an error
		waits      bool
		blocks     bool // in an attended session
		unattended bool
	}{
		{name: "a permission request", raw: asking, want: "PermissionRequest", waits: true},
		{name: "of a subagent", raw: `{"hook_event_name":"PermissionRequest","agent_id":"a1"}`, want: "PermissionRequest", waits: true, blocks: true},
		{name: "with an empty agent", raw: `{"hook_event_name":"PermissionRequest","agent_id":""}`, want: "PermissionRequest", waits: true},
		{name: "with no agent", raw: `{"hook_event_name":"PermissionRequest","agent_id":null}`, want: "PermissionRequest", waits: true},
		{name: "an elicitation", raw: eliciting, want: "Elicitation", waits: true, blocks: true},
		{name: "news", raw: `{"hook_event_name":"PostToolUse"}`, want: "PostToolUse"},
		{name: "unknown news", raw: `{"hook_event_name":"NextYear"}`, want: "NextYear"},
		{name: "no name", raw: `{"tool_name":"Bash"}`},
		{name: "an empty name", raw: `{"hook_event_name":""}`},
		{name: "an odd name", raw: `{"hook_event_name":7}`},
		{name: "an escaped name", raw: `{"hook_event_name":"Permission\u0052equest"}`},
		{name: "two names", raw: `{"hook_event_name":"PermissionRequest","hook_event_name":"Stop"}`},
		{name: "a name further in", raw: `{"tool_input":{"hook_event_name":"PermissionRequest"}}`},
		{name: "not JSON", raw: `hello`},
		{name: "a list", raw: `[]`},
		{name: "two documents", raw: asking + "\n" + asking},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := parseEvent([]byte(test.raw))
			if (err != nil) != (test.want == "") {
				t.Fatalf("error = %v", err)
			}
			if got.name != test.want || got.waits() != test.waits {
				t.Errorf("name = %q, waits = %v", got.name, got.waits())
			}
			if got.blocks(client{attended: true}) != test.blocks {
				t.Errorf("blocks = %v", !test.blocks)
			}
		})
	}
	if e, _ := parseEvent([]byte(`{"hook_event_name":"PermissionRequest","agent_id":"a1"}`)); e.blocks(client{}) {
		t.Error("a subagent's request blocks no dialog where nobody attends")
	}
}

// TestTimeouts: Claude Code gives the hook the time that a person needs at every
// event at which it waits for one, and at no other. (The plugin's entries are
// those of `hooks install`, which a test of theirs holds.)
func TestTimeouts(t *testing.T) {
	raw, err := os.ReadFile("../../plugin/hooks/hooks.json")
	if err != nil {
		t.Fatal(err)
	}
	var plugin struct {
		Hooks map[string][]struct{ Hooks []struct{ Timeout int } }
	}
	if err := json.Unmarshal(raw, &plugin); err != nil {
		t.Fatal(err)
	}
	waiting := 0
	for name, groups := range plugin.Hooks {
		waits := event{name: name}.waits()
		if seconds := groups[0].Hooks[0].Timeout; (seconds >= 3600) != waits {
			t.Errorf("%s: waits %v, for %d s", name, waits, seconds)
		}
		if waits {
			waiting++
		}
	}
	if waiting != 4 {
		t.Errorf("%d of the events wait", waiting)
	}
}

// TestEnvelope reads what the hook writes with the types of the protocol.
func TestEnvelope(t *testing.T) {
	pretty := "{\n  \"hook_event_name\": \"PermissionRequest\",\r\n  \"tool_input\": {\"command\": \"echo \\\"a\\nb\\\"\"}\n}\n"
	from := client{pid: 7, claudePID: 8, entrypoint: "cli", attended: true, tty: "/dev/pts/3", tmux: `/tmp/"odd"` + "\n,%1", sessions: `/h/.claude\sessions`}
	asked, err := parseEvent([]byte(pretty))
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name, id string
		from     client
		want     permit.Client
	}{
		{"everything", "0123", from, permit.Client{PID: 7, ClaudePID: 8, Entrypoint: "cli", Attended: true, TTY: "/dev/pts/3", Tmux: from.tmux, Sessions: from.sessions}},
		{"nothing", "", client{}, permit.Client{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			line, err := envelope(test.id, asked, test.from)
			if err != nil {
				t.Fatal(err)
			}
			if bytes.Count(line, []byte("\n")) != 1 || line[len(line)-1] != '\n' || bytes.ContainsRune(line, '\r') {
				t.Errorf("not one line: %q", line)
			}
			var got wire.Envelope
			strict := json.NewDecoder(bytes.NewReader(line))
			strict.DisallowUnknownFields()
			if err := strict.Decode(&got); err != nil {
				t.Fatal(err)
			}
			var sent, was any
			if json.Unmarshal(got.Event, &sent) != nil || json.Unmarshal([]byte(pretty), &was) != nil {
				t.Fatalf("the event arrives as %s", got.Event)
			}
			if diff := cmp.Diff(was, sent); diff != "" {
				t.Errorf("the event changed (-was +sent):\n%s", diff)
			}
			got.Event = nil
			want := wire.Envelope{V: wire.Version, Op: wire.OpHook, ID: test.id, Client: &test.want}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("envelope (-want +got):\n%s", diff)
			}
		})
	}
}

func TestEnvelopeFitsTheProtocol(t *testing.T) {
	asked := event{name: permissionRequest, raw: bytes.Repeat([]byte(" "), limits.MaxLine-100)}
	if _, err := envelope("id", asked, client{sessions: strings.Repeat("x", 100)}); err == nil {
		t.Error("a line over the limit is sent")
	}
}

// TestOwnLines reads the hook's other lines with the types of the protocol.
func TestOwnLines(t *testing.T) {
	for _, test := range []struct {
		line string
		want wire.FromHook
	}{
		{pingLine, wire.FromHook{Ping: true}},
		{deliveredLine, wire.FromHook{Delivered: true}},
		{string(closingLine(`a "reason"`)), wire.FromHook{Closing: `a "reason"`}},
	} {
		got, err := wire.ParseFromHook([]byte(strings.TrimSuffix(test.line, "\n")))
		if err != nil || got != test.want {
			t.Errorf("%q reads %+v, %v", test.line, got, err)
		}
	}
}

func TestParseMessage(t *testing.T) {
	line := func(v any) string {
		raw, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return string(raw)
	}
	for _, test := range []struct {
		name, line string
		want       message
		failure    string // part of the error
	}{
		{name: "accepted", line: line(wire.Accepted{Accepted: true}), want: message{accepted: true}},
		{name: "accepted, with a time", line: line(wire.Accepted{Accepted: true, ReattachS: 90}), want: message{accepted: true, reattach: 90 * time.Second}},
		{name: "accepted, with too long a time", line: `{"accepted":true,"reattach_s":99999999}`, want: message{accepted: true, reattach: limits.MaxReattach}},
		{name: "accepted, with an odd time", line: `{"accepted":true,"reattach_s":"long"}`, want: message{accepted: true}},
		{name: "approved", line: line(wire.Reply{Action: wire.Approve, Reason: "r", Output: json.RawMessage(allowing)}), want: message{action: "approve", output: []byte(allowing)}},
		{name: "denied", line: line(wire.Reply{Action: wire.Deny, Output: json.RawMessage(denying)}), want: message{action: "deny", output: []byte(denying)}},
		{name: "handed back", line: line(wire.Reply{Action: wire.Passthrough, Reason: "r"}), want: message{action: "passthrough"}},
		{name: "with a field of next year's", line: `{"accepted":true,"since":7}`, want: message{accepted: true}},
		{name: "an error", line: line(wire.Error{Error: "cannot \"this\"\nor that"}), failure: `the daemon says "cannot \"this\"\nor that"`},
		{name: "a long error", line: line(wire.Error{Error: strings.Repeat("x", 1000)}), failure: "xxx…"},
		{name: "not accepted", line: line(wire.Accepted{}), failure: "does not accept"},
		{name: "accepted, oddly", line: `{"accepted":"true"}`, failure: "does not accept"},
		{name: "an unknown action", line: `{"action":"allow"}`, failure: "unknown action"},
		{name: "an odd action", line: `{"action":true}`, failure: "unknown action"},
		{name: "two actions", line: `{"action":"deny","action":"approve"}`, failure: "twice"},
		{name: "both", line: `{"accepted":true,"action":"approve"}`, failure: "neither"},
		{name: "neither", line: `{}`, failure: "neither"},
		{name: "not JSON", line: `approve`, failure: "not a JSON object"},
		{name: "an empty line", line: ``, failure: "not a JSON object"},
		{name: "half a line", line: `{"action":"approve"`, failure: "too early"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := parseMessage([]byte(test.line))
			if test.failure == "" != (err == nil) || err != nil && !strings.Contains(err.Error(), test.failure) {
				t.Fatalf("error = %v, want one with %q", err, test.failure)
			}
			if diff := cmp.Diff(test.want, got, cmp.AllowUnexported(message{})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if err != nil && strings.ContainsAny(err.Error(), "\n\r") {
				t.Errorf("the error is more than one line: %q", err)
			}
		})
	}
}

func TestCheckOutput(t *testing.T) {
	accept := `{"hookSpecificOutput":{"hookEventName":"Elicitation","action":"accept","content":{}}}`
	for _, test := range []struct {
		name, event, action, output string
		fine                        bool
	}{
		{"approve", asking, "approve", allowing, true},
		{"deny", asking, "deny", denying, true},
		{"accept", eliciting, "approve", accept, true},
		{"decline", eliciting, "deny", strings.Replace(accept, "accept", "decline", 1), true},
		{"cancel", eliciting, "deny", strings.Replace(accept, "accept", "cancel", 1), true},
		{"deny that allows", asking, "deny", allowing, false},
		{"approve that denies", asking, "approve", denying, false},
		{"deny that accepts", eliciting, "deny", accept, false},
		{"another event's", asking, "approve", accept, false},
		{"another event's, the other way", eliciting, "approve", allowing, false},
		{"no output", asking, "approve", ``, false},
		{"null", asking, "approve", `null`, false},
		{"a list", asking, "approve", `[` + allowing + `]`, false},
		{"an empty object", asking, "approve", `{}`, false},
		{"no event", asking, "approve", `{"hookSpecificOutput":{"decision":{"behavior":"allow"}}}`, false},
		{"no decision", asking, "approve", `{"hookSpecificOutput":{"hookEventName":"PermissionRequest"}}`, false},
		{"no behavior", asking, "approve", `{"hookSpecificOutput":{"hookEventName":"PermissionRequest","decision":{}}}`, false},
		{"behavior ask", asking, "approve", strings.Replace(allowing, "allow", "ask", 1), false},
		{"two behaviors", asking, "deny", strings.Replace(denying, `"behavior"`, `"behavior":"allow","behavior"`, 1), false},
		{"two decisions", asking, "deny", strings.Replace(denying, `"decision"`, `"decision":{"behavior":"allow"},"decision"`, 1), false},
		{"a hidden behavior", asking, "deny", strings.Replace(denying, `"behavior"`, `"beh\u0061vior":"allow","behavior"`, 1), false},
		{"two outputs", asking, "approve", `{"hookSpecificOutput":{},` + allowing[1:], false},
	} {
		t.Run(test.name, func(t *testing.T) {
			asked, err := parseEvent([]byte(test.event))
			if err != nil {
				t.Fatal(err)
			}
			err = checkOutput(asked, message{action: test.action, output: []byte(test.output)})
			if (err == nil) != test.fine {
				t.Errorf("error = %v", err)
			}
		})
	}
}

// FuzzAnswer lets the daemon say anything: nothing that Claude Code takes for
// an approval may pass unless the daemon said approve.
func FuzzAnswer(f *testing.F) {
	for _, sample := range samples {
		f.Add([]byte(sample))
	}
	for _, output := range []string{allowing, denying, `{}`, `null`} {
		for _, action := range []string{"approve", "deny", "passthrough"} {
			f.Add([]byte(`{"action":"` + action + `","reason":"r","output":` + output + `}`))
		}
	}
	asked := event{name: permissionRequest}
	f.Fuzz(func(t *testing.T, line []byte) {
		answer, err := parseMessage(line)
		if err != nil || answer.accepted || answer.action == "passthrough" {
			return
		}
		if checkOutput(asked, answer) != nil {
			return
		}
		if told := inside(t, line); string(told["action"]) != strconv.Quote(answer.action) {
			t.Fatalf("%q passes with action %s", line, answer.action)
		}
		// By maps, as JavaScript reads it: a struct would take other cases, too.
		document := inside(t, inside(t, answer.output)["hookSpecificOutput"])
		behavior := string(inside(t, document["decision"])["behavior"])
		want := map[string]string{"approve": "allow", "deny": "deny"}[answer.action]
		if behavior != strconv.Quote(want) || string(document["hookEventName"]) != `"PermissionRequest"` {
			t.Fatalf("%q passes with action %s", line, answer.action)
		}
	})
}

func inside(t *testing.T, raw []byte) (members map[string]json.RawMessage) {
	t.Helper()
	if err := json.Unmarshal(raw, &members); err != nil {
		t.Fatalf("%q is no object: %v", raw, err)
	}
	return members
}

package claude

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"claude-permission-daemon/internal/permit"
)

// load reads a payload that the real client (2.1.330) sent.
func load(t *testing.T, name string) Event {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	e, err := Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestRequestsOfTheRealClient(t *testing.T) {
	tests := []struct {
		file, tool, inInput string
		agent               bool
		suggestions         int
	}{
		{"PermissionRequest.Bash", "Bash", `"command"`, false, 2},
		{"PermissionRequest.Bash-npm", "Bash", "npm", false, 1},
		{"PermissionRequest.Bash-compound", "Bash", "&&", false, 1},
		{"PermissionRequest.Bash-subagent", "Bash", `"command"`, true, -1},
		{"PermissionRequest.Bash-auto", "Bash", "curl", false, 2},
		{"PermissionRequest.Write", "Write", `"content"`, false, 1},
		{"PermissionRequest.Edit", "Edit", `"old_string"`, false, 1},
		{"PermissionRequest.Read", "Read", `"file_path"`, false, 1},
		{"PermissionRequest.WebFetch", "WebFetch", `"url"`, false, 1},
		{"PermissionRequest.MCP", "mcp__", "", false, 1},
		{"PermissionRequest.AskUserQuestion", "AskUserQuestion", `"questions"`, false, 0},
		{"PermissionRequest.AskUserQuestion-several", "AskUserQuestion", `"multiSelect": true`, false, 0},
		{"PermissionRequest.ExitPlanMode", "ExitPlanMode", `"plan"`, false, 0},
	}
	for _, tt := range tests {
		t.Run(tt.file, func(t *testing.T) {
			e := load(t, tt.file)
			if e.Name != PermissionRequest {
				t.Fatalf("event %q", e.Name)
			}
			r, err := e.Request()
			if err != nil {
				t.Fatal(err)
			}
			if !strings.HasPrefix(r.Tool, tt.tool) || !strings.Contains(string(r.Input), tt.inInput) {
				t.Errorf("tool %s, input %s", r.Tool, r.Input)
			}
			if r.Session == "" || r.Cwd == "" || r.Prompt == "" || r.Mode == "" || r.Digest != permit.DigestOf(r.Tool, r.Input) {
				t.Errorf("request %+v", r)
			}
			if (r.Agent != "") != tt.agent {
				t.Errorf("agent %q", r.Agent)
			}
			if tt.suggestions >= 0 && len(r.Suggestions) != tt.suggestions {
				t.Errorf("%d suggestions, want %d", len(r.Suggestions), tt.suggestions)
			}
		})
	}
}

// What auto mode refused may be asked about, or told.
func TestRefusalOfTheRealClient(t *testing.T) {
	e := load(t, "PermissionDenied.Bash")
	r, err := e.Request()
	if err != nil {
		t.Fatal(err)
	}
	if r.Kind != permit.Refused || r.Tool != "Bash" || !strings.Contains(string(r.Input), "touch x") || r.Why != "It makes a file" ||
		r.Mode != "auto" || r.Session == "" || e.ContractOf(permit.Client{Attended: true}) != permit.Blocking {
		t.Errorf("request %+v", r)
	}
	want := permit.Note{Class: permit.NoteRefused, Session: e.SessionID, Cwd: e.Cwd, Title: "Auto mode refused a call of Bash", Text: "It makes a file"}
	if n, ok := e.Note(); !ok || n != want {
		t.Errorf("note %+v", n)
	}
	// The third refusal in a row is a request, with a rule for whatever is run by sh.
	if r, err = load(t, "PermissionRequest.Bash-auto").Request(); err != nil {
		t.Fatal(err)
	}
	r.Contract = permit.Parallel
	var broad []string
	for _, way := range Ways(r, false) {
		if way.Warning != "" {
			broad = append(broad, way.Label)
		}
	}
	if diff := cmp.Diff([]string{"Always allow sh"}, broad); diff != "" {
		t.Errorf("rules that are called broad (-want +got):\n%s", diff)
	}
}

func TestRequestNeedsATool(t *testing.T) {
	if _, err := (Event{}).Request(); err == nil || !strings.Contains(err.Error(), "tool_name is missing") {
		t.Errorf("error %v", err)
	}
	if _, err := Parse([]byte("nonsense")); err == nil {
		t.Error("nonsense is no event")
	}
}

func TestSignalsOfTheRealClient(t *testing.T) {
	tests := []struct {
		file  string
		want  permit.SignalKind
		calls int
	}{
		{"PostToolUse.Bash", permit.ToolRan, 1},
		{"PostToolUse.Write", permit.ToolRan, 1},
		{"PostToolUse.Edit", permit.ToolRan, 1},
		{"PostToolUse.AskUserQuestion", permit.ToolRan, 1},
		{"PostToolUseFailure.Bash", permit.ToolFailed, 1},
		{"PostToolBatch", permit.BatchDone, 1},
		{"UserPromptSubmit", permit.Prompted, 0},
		{"Stop", permit.TurnEnded, 0},
		{"SubagentStop", permit.TurnEnded, 0},
		{"SessionEnd", permit.SessionEnded, 0},
		{"SessionStart", "", 0},
		{"PreToolUse.Bash", "", 0},
		{"Notification.permission_prompt", "", 0},
		{"Elicitation", "", 0},
		{"ElicitationResult", "", 0},
		{"PermissionDenied.Bash", "", 0},
	}
	for _, tt := range tests {
		t.Run(tt.file, func(t *testing.T) {
			s, ok := load(t, tt.file).Signal()
			if ok != (tt.want != "") || s.Kind != tt.want {
				t.Fatalf("signal %+v, %v; want %q", s, ok, tt.want)
			}
			if ok && (s.Session == "" || len(s.Calls) != tt.calls) {
				t.Errorf("signal %+v", s)
			}
			if tt.file == "SubagentStop" && s.Agent == "" {
				t.Error("a subagent's end does not say whose")
			}
		})
	}
}

// What ran is recognised as what was asked, with the real client's payloads.
func TestTheToolThatRanIsTheOneAsked(t *testing.T) {
	for _, tool := range []string{"Bash", "Write", "Edit"} {
		asked, err := load(t, "PermissionRequest."+tool).Request()
		if err != nil {
			t.Fatal(err)
		}
		ran, _ := load(t, "PostToolUse."+tool).Signal()
		if ran.Calls[0].Tool != asked.Tool {
			t.Fatalf("%s: %+v", tool, ran)
		}
		var a, b map[string]any
		if json.Unmarshal(asked.Input, &a) != nil {
			t.Fatal(tool)
		}
		raw, err := os.ReadFile(filepath.Join("testdata", "PostToolUse."+tool+".json"))
		if err != nil {
			t.Fatal(err)
		}
		var post struct {
			Input json.RawMessage `json:"tool_input"`
		}
		if json.Unmarshal(raw, &post) != nil || json.Unmarshal(post.Input, &b) != nil {
			t.Fatal(tool)
		}
		if cmp.Equal(a, b) && ran.Calls[0].Digest != asked.Digest {
			t.Errorf("%s: the same input has two digests", tool)
		}
	}
}

func TestContract(t *testing.T) {
	tests := []struct {
		name   string
		event  Event
		client permit.Client
		want   permit.Contract
	}{
		{"main session", Event{}, permit.Client{Attended: true, Entrypoint: "cli"}, permit.Parallel},
		{"background subagent", Event{AgentID: "a"}, permit.Client{Attended: true, Entrypoint: "cli"}, permit.Blocking},
		{"claude -p", Event{}, permit.Client{Entrypoint: "sdk-cli"}, permit.Headless},
		{"a trial", Event{}, permit.Client{Entrypoint: TrialEntrypoint, Attended: true}, permit.Trial},
		{"subagent of claude -p", Event{AgentID: "a"}, permit.Client{Entrypoint: "sdk-cli"}, permit.Headless},
		{"claude --bg", Event{}, permit.Client{Entrypoint: "cli"}, permit.Parallel},
		{"an editor", Event{}, permit.Client{Entrypoint: "claude-vscode"}, permit.Parallel},
	}
	for _, tt := range tests {
		if got := tt.event.ContractOf(tt.client); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

func TestOutput(t *testing.T) {
	alice := permit.Person{ID: "U1", Name: "Alice"}
	decided := func(kind permit.OutcomeKind, d permit.Decision) permit.Outcome {
		d.By, d.Channel = alice, "slack"
		return permit.Outcome{Kind: kind, Decision: &d}
	}
	plan := permit.Request{Tool: "ExitPlanMode", Input: json.RawMessage(`{"plan":"1. do"}`)}
	bash := permit.Request{Tool: "Bash", Input: json.RawMessage(`{"command":"x"}`)}
	tests := []struct {
		name    string
		request permit.Request
		outcome permit.Outcome
		want    string
	}{
		{"allow", bash, decided(permit.Approved, permit.Decision{}), `{"hookSpecificOutput":{"hookEventName":"PermissionRequest","decision":{"behavior":"allow"}}}`},
		{"allow a plan", plan, decided(permit.Approved, permit.Decision{}), `{"hookSpecificOutput":{"hookEventName":"PermissionRequest","decision":{"behavior":"allow","updatedInput":{"plan":"1. do"}}}}`},
		{"allow as edited, with a rule", bash, decided(permit.Approved, permit.Decision{Input: json.RawMessage(`{"command":"y"}`), Permissions: []json.RawMessage{json.RawMessage(`{"type":"addRules"}`)}}),
			`{"hookSpecificOutput":{"hookEventName":"PermissionRequest","decision":{"behavior":"allow","updatedInput":{"command":"y"},"updatedPermissions":[{"type":"addRules"}]}}}`},
		{"deny", bash, decided(permit.Denied, permit.Decision{Message: "use mkdir"}), `{"hookSpecificOutput":{"hookEventName":"PermissionRequest","decision":{"behavior":"deny","message":"Denied by Alice via slack: use mkdir","interrupt":false}}}`},
		{"deny and stop", bash, decided(permit.Denied, permit.Decision{Interrupt: true}), `{"hookSpecificOutput":{"hookEventName":"PermissionRequest","decision":{"behavior":"deny","message":"Denied by Alice via slack","interrupt":true}}}`},
		{"hand back", bash, permit.Outcome{Kind: permit.HandedBack}, ""},
		{"expired", bash, permit.Outcome{Kind: permit.Expired}, ""},
		{"gone", bash, permit.Outcome{Kind: permit.Gone}, ""},
		{"local", bash, permit.Outcome{Kind: permit.Local}, ""},
		{"approved by nobody", bash, permit.Outcome{Kind: permit.Approved}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Output(tt.request, tt.outcome)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, string(got)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestLongMessageIsCutWhereClaudeCodeWould(t *testing.T) {
	got := denial(permit.Decision{By: permit.Person{ID: "a"}, Channel: "web", Message: strings.Repeat("é", 20_000)})
	if n := len([]rune(got)); n != maxMessage || !strings.HasSuffix(got, "…") {
		t.Errorf("%d characters", n)
	}
}

func FuzzEvent(f *testing.F) {
	files, _ := filepath.Glob("testdata/*.json")
	for _, name := range files {
		if raw, err := os.ReadFile(name); err == nil {
			f.Add(raw)
		}
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		e, err := Parse(raw)
		if err != nil {
			return
		}
		e.Signal()
		if r, err := e.Request(); err == nil {
			document, err := Output(r, permit.Outcome{Kind: permit.Approved, Decision: &permit.Decision{Verb: permit.Allow}})
			if err != nil || !json.Valid(document) {
				t.Errorf("output %s, %v", document, err)
			}
		}
	})
}

// A turn that ends has not finished where the session goes on by itself, and one
// that an error ended stands still.
func TestEndedTurns(t *testing.T) {
	for _, tt := range []struct{ event, goesOn, title string }{
		{`{"hook_event_name":"Stop","background_tasks":[],"session_crons":[]}`, "", "Claude has finished"},
		{`{"hook_event_name":"Stop"}`, "", "Claude has finished"},
		{`{"hook_event_name":"Stop","background_tasks":"none","session_crons":7}`, "", "Claude has finished"},
		{`{"hook_event_name":"Stop","background_tasks":[{"id":"a","status":"completed"}]}`, "", "Claude has finished"},
		{`{"hook_event_name":"Stop","background_tasks":[{"id":"a","type":"subagent","status":"running"}]}`,
			"a background task is still running", "Claude has ended its turn, and a background task is still running"},
		{`{"hook_event_name":"Stop","background_tasks":[{"status":"running"},{"status":"running"}]}`,
			"2 background tasks are still running", "Claude has ended its turn, and 2 background tasks are still running"},
		{`{"hook_event_name":"Stop","session_crons":[{"id":"c"}]}`, "a prompt is scheduled", "Claude has ended its turn, and a prompt is scheduled"},
		{`{"hook_event_name":"StopFailure","error":"rate_limit"}`, "", "Claude was stopped by an error: rate limit"},
		{`{"hook_event_name":"StopFailure","error":{"type":"new"}}`, "", "Claude was stopped by an error"},
	} {
		e, err := Parse([]byte(tt.event))
		if err != nil {
			t.Fatal(err)
		}
		if on := e.GoesOn(); on != tt.goesOn {
			t.Errorf("%s goes on with %q", tt.event, on)
		}
		if n, ok := e.Note(); !ok || n.Title != tt.title {
			t.Errorf("%s is told as %q", tt.event, n.Title)
		}
	}
}

// A client of the bare protocol is told yes or no, so no more than that is
// offered, and nothing more counts.
func TestBareClientsGetYesOrNo(t *testing.T) {
	suggestion := json.RawMessage(`{"type":"addRules","rules":[{"toolName":"Bash","ruleContent":"npm run *"}],"behavior":"allow","destination":"localSettings"}`)
	for _, tt := range []struct{ tool, input, want string }{
		{"Bash", `{"command":"npm run build"}`, "approve deny deny_reason"},
		{"ExitPlanMode", `{"plan":"1. Say hello"}`, "deny deny_reason"},
		{"AskUserQuestion", `{"questions":[{"question":"Which?","options":[{"label":"A"},{"label":"B"}]}]}`, "deny deny_reason"},
	} {
		r := permit.Request{Contract: permit.Bare, Tool: tt.tool, Input: json.RawMessage(tt.input), Suggestions: []json.RawMessage{suggestion}}
		var names []string
		for _, way := range Ways(r, true) {
			names = append(names, string(way.Name))
		}
		if got := strings.Join(names, " "); got != tt.want {
			t.Errorf("%s is answered by %s, want %s", tt.tool, got, tt.want)
		}
		if why := Unanswerable(r); (why != "") != !strings.Contains(tt.want, "approve") {
			t.Errorf("%s: %q", tt.tool, why)
		}
		for _, a := range []permit.Answer{
			{Way: permit.WayEdit, Fields: map[string][]string{"text": {"rm -rf build"}}}, {Way: permit.WayAlways}, {Way: permit.WayEdits}, {Way: permit.WayChoose},
		} {
			if d, lacks := Resolve(r, a, true); lacks == "" {
				t.Errorf("%s answered by %s: %+v", tt.tool, a.Way, d)
			}
		}
	}
}

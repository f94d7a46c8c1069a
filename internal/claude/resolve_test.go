package claude

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"claude-permission-daemon/internal/permit"
)

func asking(questions string) permit.Request {
	return permit.Request{Tool: "AskUserQuestion", Input: json.RawMessage(`{"questions":` + questions + `,"metadata":{"source":"x"}}`)}
}

func TestQuestions(t *testing.T) {
	const (
		simple = `[{"question":"Which?","header":"H","options":[{"label":"Vue","description":"d"},{"label":"React, or so","preview":"<p>"}],"multiSelect":false}]`
		multi  = `[{"question":"Which extras?","options":[{"label":"Lint"},{"label":"CI, nightly"},{"label":"Docs"}],"multiSelect":true}]`
		twice  = `[{"question":"Sure?","options":[{"label":"Yes"},{"label":"No"}]},{"question":"Sure?","options":[{"label":"Of course"},{"label":"No"}]}]`
		free   = `[{"question":"Why?","options":[]},{"question":"How?","options":[{"label":"So"}],"multiSelect":true}]`
		five   = `[{"question":"Which?","options":[{"label":"1"},{"label":"2"},{"label":"3"},{"label":"4"},{"label":"5"}]}]`
		odd    = `[{"question":"A","Question":"B","options":[{"label":"real","Label":"shown"}],"Options":[]}]`
	)
	form := func(kv ...string) permit.Answer {
		a := permit.Answer{Way: permit.WayAnswer, Fields: map[string][]string{}}
		for i := 0; i < len(kv); i += 2 {
			a.Fields[kv[i]] = append(a.Fields[kv[i]], kv[i+1])
		}
		return a
	}
	choose := func(n int) permit.Answer { return permit.Answer{Way: permit.WayChoose, Pick: n} }
	answers := func(kv ...string) map[string]string {
		m := make(map[string]string)
		for i := 0; i < len(kv); i += 2 {
			m[kv[i]] = kv[i+1]
		}
		return m
	}
	tests := []struct {
		name, questions string
		answer          permit.Answer
		want            map[string]string
		says            string // what was answered; where nothing is wanted, what lacks
	}{
		{"a button", simple, choose(0), answers("Which?", "Vue"), "Vue"},
		{"a label with a comma", simple, choose(1), answers("Which?", "React, or so"), "React, or so"},
		{"a button that is not there", simple, choose(2), nil, "cannot be answered so"},
		{"a button before the first", simple, choose(-1), nil, "cannot be answered so"},
		{"the form", simple, form("q0", "1"), answers("Which?", "React, or so"), "React, or so"},
		{"words instead", simple, form("q0.other", " Svelte\r\n "), answers("Which?", "Svelte"), "Svelte"},
		{"words win over a choice of one", simple, form("q0", "0", "q0.other", "Svelte"), answers("Which?", "Svelte"), "Svelte"},
		{"two of one", simple, form("q0", "0", "q0", "1"), nil, "only one can be chosen"},
		{"the same twice", simple, form("q0", "0", "q0", "0"), answers("Which?", "Vue"), "Vue"},
		{"a choice that is not there", simple, form("q0", "2"), nil, "no such choice"},
		{"a label for its place", simple, form("q0", "Vue"), nil, "no such choice"},
		{"nothing", simple, form(), nil, "an answer is missing"},
		{"other fields", simple, form("q1", "0", "Which?", "Vue", "message", "x"), nil, "an answer is missing"},
		{"a field too many does no harm", simple, form("q0", "0", "q1", "7", "answers", "x"), answers("Which?", "Vue"), "Vue"},
		{"too many words", simple, form("q0.other", strings.Repeat("é", maxMessage+1)), nil, "at most 10000 characters"},
		{"a bare yes", simple, permit.Answer{Decision: permit.Decision{Verb: permit.Allow}}, nil, "bare yes"},
		{"several", multi, form("q0", "2", "q0", "0"), answers("Which extras?", "Lint, Docs"), "Lint, Docs"},
		{"several and words", multi, form("q0", "1", "q0.other", "Tests"), answers("Which extras?", "CI, nightly, Tests"), "CI, nightly, Tests"},
		{"several have no buttons", multi, choose(0), nil, "cannot be answered so"},
		{"none of several", multi, form("q0.other", "  "), nil, "an answer is missing"},
		{"two that ask the same", twice, form("q0", "0", "q1", "1"), answers("Sure?", "Yes; No"), "Yes; No"},
		{"two that ask the same, answered alike", twice, form("q0", "1", "q1", "1"), answers("Sure?", "No"), "No; No"},
		{"one of two", twice, form("q0", "0"), nil, "an answer is missing"},
		{"no options", free, form("q0", "because", "q1", "0"), answers("Why?", "because", "How?", "So"), "because; So"},
		{"five have no buttons", five, choose(0), nil, "cannot be answered so"},
		{"five have a form", five, form("q0", "4"), answers("Which?", "5"), "5"},
		{"names in other letters", odd, choose(0), answers("A", "real"), "real"},
		{"unreadable", `[{"question":7}]`, form("q0", "0"), nil, "cannot be answered so"},
		{"none", `[]`, form(), nil, "cannot be answered so"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := asking(tt.questions)
			d, lacks := Resolve(r, tt.answer, true)
			if tt.want == nil {
				if !strings.Contains(lacks, tt.says) || lacks == "" {
					t.Errorf("lacks %q, want %q; %+v", lacks, tt.says, d)
				}
				return
			}
			var in struct {
				Questions json.RawMessage   `json:"questions"`
				Metadata  json.RawMessage   `json:"metadata"`
				Answers   map[string]string `json:"answers"`
			}
			if err := json.Unmarshal(d.Input, &in); err != nil || lacks != "" {
				t.Fatalf("%s, %v, %s", d.Input, err, lacks)
			}
			if diff := cmp.Diff(tt.want, in.Answers); diff != "" || d.Says != tt.says || d.Verb != permit.Allow {
				t.Errorf("says %q, want %q%s", d.Says, tt.says, diff)
			}
			if string(in.Questions)+string(in.Metadata) != plainJSON(t, tt.questions)+`{"source":"x"}` {
				t.Errorf("the rest of the input is %s", d.Input)
			}
		})
	}
	for _, unreadable := range []string{`[{"question":7}]`, `[]`, `"x"`, `[{"question":"q","options":[1]}]`} {
		if r := asking(unreadable); Unanswerable(r) == "" || slices.ContainsFunc(Ways(r, true), func(w permit.Way) bool { return w.Verb == permit.Allow }) {
			t.Errorf("%s can be answered, or nobody is told that it cannot", unreadable)
		}
	}
}

// plainJSON is a document as encoding/json writes it.
func plainJSON(t *testing.T, s string) string {
	t.Helper()
	raw, err := json.Marshal(json.RawMessage(s))
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// Nothing but what is offered counts, whatever an answer says of itself.
func TestResolve(t *testing.T) {
	bash := permit.Request{Tool: "Bash", Input: json.RawMessage(`{"command":"x <y","timeout":5}`)}
	other := permit.Request{Tool: "Odd", Input: json.RawMessage(`{"a":1}`)}
	plan := permit.Request{Tool: "ExitPlanMode", Input: json.RawMessage(`{"plan":"1. do","Plan":"other","planFilePath":"/p"}`)}
	noPlan := permit.Request{Tool: "ExitPlanMode", Input: json.RawMessage(`{}`)}
	refused := permit.Request{Kind: permit.Refused, Tool: "Bash", Input: bash.Input}
	finished := permit.Request{Kind: permit.Finished, Tool: Stop, Input: json.RawMessage(`{}`)}
	form := elicitation(`{"properties":{"p":{"type":"string"}}}`)
	said := func(kv ...string) map[string][]string {
		m := make(map[string][]string)
		for i := 0; i < len(kv); i += 2 {
			m[kv[i]] = append(m[kv[i]], kv[i+1])
		}
		return m
	}
	long := strings.Repeat("é", mostWords)
	const no, later = "It does not count: ", "It does not count yet: "
	tests := []struct {
		name    string
		request permit.Request
		answer  permit.Answer
		edit    bool
		want    permit.Decision
		lacks   string
	}{
		{"yes", bash, permit.Answer{Decision: permit.Decision{Verb: permit.Allow}}, false, permit.Decision{Verb: permit.Allow, Way: permit.WayApprove}, ""},
		{"approve", bash, permit.Answer{Way: permit.WayApprove, Decision: permit.Decision{Verb: permit.Deny}}, false, permit.Decision{Verb: permit.Allow, Way: permit.WayApprove}, ""},
		{"what an answer may not bring", bash, permit.Answer{Way: permit.WayApprove, Fields: said("text", "rm -rf /", "message", "m"),
			Decision: permit.Decision{Verb: permit.Allow, Way: "x", Says: "s", Message: "m", Interrupt: true, Input: json.RawMessage(`{}`), Permissions: []json.RawMessage{acceptEdits}}},
			false, permit.Decision{Verb: permit.Allow, Way: permit.WayApprove}, ""},
		{"no", bash, permit.Answer{Decision: permit.Decision{Verb: permit.Deny, Message: "m", Interrupt: true}}, false, permit.Decision{Verb: permit.Deny, Way: permit.WayDeny, Message: "m", Interrupt: true}, ""},
		{"no, with words", bash, permit.Answer{Way: permit.WayReason, Fields: said("message", " use mkdir\r\n")}, false, permit.Decision{Verb: permit.Deny, Way: permit.WayReason, Message: "use mkdir"}, ""},
		{"no, without the words", bash, permit.Answer{Way: permit.WayReason, Fields: said("message", "  ")}, false, permit.Decision{}, later + "an answer is missing (Why, or what to do instead)."},
		{"no, with as many words as there may be", bash, permit.Answer{Way: permit.WayReason, Fields: said("message", long)}, false, permit.Decision{Verb: permit.Deny, Way: permit.WayReason, Message: long}, ""},
		{"no, with too many words", bash, permit.Answer{Way: permit.WayReason, Fields: said("message", long+"é")}, false, permit.Decision{}, later + "at most 9000 characters (Why, or what to do instead)."},
		{"no, with too many words of the terminal", bash, permit.Answer{Decision: permit.Decision{Verb: permit.Deny, Message: long + "é"}}, false, permit.Decision{}, tooManyWords},
		{"neither", bash, permit.Answer{Decision: permit.Decision{Verb: "Allow"}}, false, permit.Decision{}, no + "it is neither allow nor deny."},
		{"nothing", bash, permit.Answer{}, false, permit.Decision{}, no + "it is neither allow nor deny."},
		{"edits accepted from a command on", bash, permit.Answer{Way: permit.WayEdits}, true, permit.Decision{}, no + "this request cannot be answered so."},
		{"an answer to a command", bash, permit.Answer{Way: permit.WayAnswer}, true, permit.Decision{}, no + "this request cannot be answered so."},
		{"a retry of a command", bash, permit.Answer{Way: permit.WayRetry}, true, permit.Decision{}, no + "this request cannot be answered so."},
		{"cancelling a command", bash, permit.Answer{Way: permit.WayCancel}, true, permit.Decision{}, no + "this request cannot be answered so."},
		{"another approval than the first", bash, permit.Answer{Way: permit.WayApprove, Pick: 1}, true, permit.Decision{}, no + "this request cannot be answered so."},
		{"no suggestion", bash, permit.Answer{Way: permit.WayAlways}, true, permit.Decision{}, no + "this request cannot be answered so."},

		{"an edit that is not offered", bash, permit.Answer{Way: permit.WayEdit, Fields: said("text", "y")}, false, permit.Decision{}, no + "this request cannot be answered so."},
		{"an edit", bash, permit.Answer{Way: permit.WayEdit, Fields: said("text", "y\r\nz ")}, true,
			permit.Decision{Verb: permit.Allow, Way: permit.WayEdit, Says: "with edits", Input: json.RawMessage(`{"command":"y\nz ","timeout":5}`)}, ""},
		{"an edit that changes nothing", bash, permit.Answer{Way: permit.WayEdit, Fields: said("text", "x <y")}, true,
			permit.Decision{Verb: permit.Allow, Way: permit.WayEdit, Says: "unchanged", Input: json.RawMessage(`{"command":"x \u003cy","timeout":5}`)}, ""},
		{"an edit that leaves nothing", bash, permit.Answer{Way: permit.WayEdit, Fields: said("text", " \n")}, true, permit.Decision{}, later + "there is nothing left of it. Deny it instead."},
		{"an edit without its text", bash, permit.Answer{Way: permit.WayEdit, Fields: said("command", "y")}, true, permit.Decision{}, later + "there is nothing left of it. Deny it instead."},
		{"an edit of an unknown tool", other, permit.Answer{Way: permit.WayEdit, Fields: said("text", `{"b": 2}`)}, true,
			permit.Decision{Verb: permit.Allow, Way: permit.WayEdit, Says: "with edits", Input: json.RawMessage(`{"b": 2}`)}, ""},
		{"an edit to no object", other, permit.Answer{Way: permit.WayEdit, Fields: said("text", `[1]`)}, true, permit.Decision{}, later + "the changed input is no JSON object."},
		{"an edit to null", other, permit.Answer{Way: permit.WayEdit, Fields: said("text", `null`)}, true, permit.Decision{}, later + "the changed input is no JSON object."},
		{"an edit to two documents", other, permit.Answer{Way: permit.WayEdit, Fields: said("text", `{} {}`)}, true, permit.Decision{}, later + "the changed input is no JSON object."},

		{"a plan", plan, permit.Answer{Decision: permit.Decision{Verb: permit.Allow}}, false, permit.Decision{Verb: permit.Allow, Way: permit.WayApprove}, ""},
		{"a plan, with edits from there on", plan, permit.Answer{Way: permit.WayEdits}, false,
			permit.Decision{Verb: permit.Allow, Way: permit.WayEdits, Says: "edits are accepted from here on", Permissions: []json.RawMessage{acceptEdits}}, ""},
		{"a plan that is changed", plan, permit.Answer{Way: permit.WayEdit, Fields: said("text", "2. do")}, false,
			permit.Decision{Verb: permit.Allow, Way: permit.WayEdit, Says: "with edits", Input: json.RawMessage(`{"Plan":"other","plan":"2. do","planFilePath":"/p"}`)}, ""},
		{"a plan that is changed, with edits from there on", plan, permit.Answer{Way: permit.WayEdit, Fields: said("text", "1. do", "mode", "1")}, false,
			permit.Decision{Verb: permit.Allow, Way: permit.WayEdit, Says: "unchanged", Input: json.RawMessage(`{"Plan":"other","plan":"1. do","planFilePath":"/p"}`), Permissions: []json.RawMessage{acceptEdits}}, ""},
		{"a plan that is changed, and asking", plan, permit.Answer{Way: permit.WayEdit, Fields: said("text", "1. do", "mode", "0")}, false,
			permit.Decision{Verb: permit.Allow, Way: permit.WayEdit, Says: "unchanged", Input: json.RawMessage(`{"Plan":"other","plan":"1. do","planFilePath":"/p"}`)}, ""},
		{"a plan that is followed by no such thing", plan, permit.Answer{Way: permit.WayEdit, Fields: said("text", "x", "mode", "2")}, false, permit.Decision{}, later + "there is no such choice (Afterwards)."},
		{"a plan that is followed by both", plan, permit.Answer{Way: permit.WayEdit, Fields: said("text", "x", "mode", "0", "mode", "1")}, false, permit.Decision{}, later + "only one can be chosen (Afterwards)."},
		{"a plan with feedback", plan, permit.Answer{Way: permit.WayReason, Fields: said("message", "smaller")}, false, permit.Decision{Verb: permit.Deny, Way: permit.WayReason, Message: "smaller"}, ""},
		{"a plan that is not there", noPlan, permit.Answer{Decision: permit.Decision{Verb: permit.Allow}}, true, permit.Decision{}, "A bare yes is no answer to this: choose one of its answers, fill in its form on the page or in Slack, or answer in Claude Code's own dialog."},
		{"edits to a plan that is not there", noPlan, permit.Answer{Way: permit.WayEdits}, true, permit.Decision{}, no + "this request cannot be answered so."},
		{"no to a plan that is not there", noPlan, permit.Answer{Decision: permit.Decision{Verb: permit.Deny}}, true, permit.Decision{Verb: permit.Deny, Way: permit.WayDeny}, ""},

		{"another try", refused, permit.Answer{Decision: permit.Decision{Verb: permit.Allow}}, true, permit.Decision{Verb: permit.Allow, Way: permit.WayRetry}, ""},
		{"no other try", refused, permit.Answer{Decision: permit.Decision{Verb: permit.Deny}}, true, permit.Decision{Verb: permit.Deny, Way: permit.WayDeny}, ""},
		{"an edit of what was refused", refused, permit.Answer{Way: permit.WayEdit, Fields: said("text", "y")}, true, permit.Decision{}, no + "this request cannot be answered so."},
		{"a reply", finished, permit.Answer{Way: permit.WayAnswer, Fields: said("message", "go on")}, true, permit.Decision{Verb: permit.Allow, Way: permit.WayAnswer, Message: "go on"}, ""},
		{"a reply of the terminal", finished, permit.Answer{Way: permit.WayAnswer, Decision: permit.Decision{Message: "go on"}}, true, permit.Decision{Verb: permit.Allow, Way: permit.WayAnswer, Message: "go on"}, ""},
		{"an empty reply", finished, permit.Answer{Way: permit.WayAnswer, Decision: permit.Decision{Message: " "}}, true, permit.Decision{}, later + "an answer is missing (What Claude should do next)."},
		{"too long a reply", finished, permit.Answer{Way: permit.WayAnswer, Decision: permit.Decision{Message: long + "é"}}, true, permit.Decision{}, tooManyWords},
		{"a bare yes to the end of a turn", finished, permit.Answer{Decision: permit.Decision{Verb: permit.Allow}}, true, permit.Decision{}, "A bare yes is no answer to this: choose one of its answers, fill in its form on the page or in Slack, or answer in Claude Code's own dialog."},
		{"a no to the end of a turn", finished, permit.Answer{Decision: permit.Decision{Verb: permit.Deny}}, true, permit.Decision{Verb: permit.Deny, Way: permit.WayDeny}, ""},
		{"a form", form, permit.Answer{Way: permit.WayAnswer, Fields: said("q0", "x")}, true, permit.Decision{Verb: permit.Allow, Way: permit.WayAnswer, Input: json.RawMessage(`{"p":"x"}`)}, ""},
		{"a form that is declined", form, permit.Answer{Decision: permit.Decision{Verb: permit.Deny}}, true, permit.Decision{Verb: permit.Deny, Way: permit.WayDeny}, ""},
		{"a form that is declined with words", form, permit.Answer{Decision: permit.Decision{Verb: permit.Deny, Message: "not now"}}, true, permit.Decision{}, "It does not count yet: no words go with it. Claude Code takes them with the denial of a permission only."},
		{"a form that is cancelled", form, permit.Answer{Way: permit.WayCancel}, true, permit.Decision{Verb: permit.Deny, Way: permit.WayCancel}, ""},
		{"a bare yes to a form", form, permit.Answer{Decision: permit.Decision{Verb: permit.Allow}}, true, permit.Decision{}, "A bare yes is no answer to this: choose one of its answers, fill in its form on the page or in Slack, or answer in Claude Code's own dialog."},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, lacks := Resolve(tt.request, tt.answer, tt.edit)
			if lacks != tt.lacks {
				t.Fatalf("lacks %q, want %q", lacks, tt.lacks)
			}
			if lacks != "" {
				return
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
			out, err := Output(tt.request, permit.Outcome{Kind: map[permit.Verb]permit.OutcomeKind{permit.Allow: permit.Approved, permit.Deny: permit.Denied}[got.Verb], Decision: &got})
			ended := tt.request.Kind == permit.Finished && got.Verb == permit.Deny // without a word, as if nobody had been asked
			if err != nil || json.Valid(out) == ended || strings.Contains(string(out), "…") {
				t.Errorf("Claude Code is told %s, %v", out, err)
			}
		})
	}
}

// FuzzResolve: whatever is asked and answered, what counts is what was offered.
func FuzzResolve(f *testing.F) {
	files, _ := filepath.Glob("testdata/*.json")
	for _, name := range files {
		raw, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		e, err := Parse(raw)
		if err != nil {
			f.Fatal(err)
		}
		if r, err := e.Request(); err == nil {
			suggestions, _ := json.Marshal(r.Suggestions)
			for _, way := range []permit.WayName{"", permit.WayApprove, permit.WayEdits, permit.WayEdit, permit.WayAlways, permit.WayChoose, permit.WayAnswer} {
				f.Add(string(r.Kind), r.Tool, string(r.Input), string(suggestions), "allow", string(way), 0, `{"q0":["0"],"q1":["0"],"text":["{}"],"mode":["1"]}`, true)
			}
		}
	}
	f.Add("elicitation", "Elicitation", `{"requested_schema":{"properties":{"a":{"type":"integer"},"b":{"type":"array","items":{"enum":[1]}},"c":{"enum":["x"]}}}}`, `[]`, "", "answer", 0, `{"q0":["3.0"],"q1":["0"],"q2":["0"]}`, false)
	f.Fuzz(func(t *testing.T, kind, tool, input, suggestions, verb, way string, pick int, fields string, edit bool) {
		if !slices.Contains([]permit.Kind{permit.Permission, permit.Elicitation, permit.Finished, permit.Refused}, permit.Kind(kind)) {
			t.Skip("there are four kinds")
		}
		r := permit.Request{Kind: permit.Kind(kind), Tool: tool, Input: json.RawMessage(input)}
		a := permit.Answer{Way: permit.WayName(way), Pick: pick, Decision: permit.Decision{Verb: permit.Verb(verb), Message: fields,
			Input: json.RawMessage(`smuggled`), Permissions: []json.RawMessage{json.RawMessage(`smuggled`)}}}
		_ = json.Unmarshal([]byte(suggestions), &r.Suggestions)
		_ = json.Unmarshal([]byte(fields), &a.Fields)
		d, lacks := Resolve(r, a, edit)
		Unanswerable(r)
		Untold(r)
		if lacks != "" {
			return
		}
		if d.Verb != permit.Allow && d.Verb != permit.Deny || !slices.ContainsFunc(Ways(r, edit), func(w permit.Way) bool { return w.Name == d.Way && w.Verb == d.Verb }) {
			t.Fatalf("a decision that was not offered: %+v", d)
		}
		if d.Input != nil && (!json.Valid(d.Input) || d.Verb == permit.Deny) {
			t.Fatalf("input %s", d.Input)
		}
		outcome := permit.Outcome{Kind: permit.Denied, Decision: &d}
		if d.Verb == permit.Allow {
			outcome.Kind = permit.Approved
		}
		out, err := Output(r, outcome)
		if err != nil || out != nil && !json.Valid(out) {
			t.Fatalf("output %s, %v", out, err)
		}
		for _, p := range d.Permissions {
			offered := slices.ContainsFunc(r.Suggestions, func(s json.RawMessage) bool { return string(s) == string(p) })
			if len(d.Permissions) > 1 || d.Verb == permit.Deny || !offered && string(p) != string(acceptEdits) || r.Kind != permit.Permission {
				t.Fatalf("permissions %s", d.Permissions)
			}
		}
		if r.Kind == permit.Permission && d.Verb == permit.Allow && needsInput(tool) {
			var said struct {
				Out struct {
					Decision struct {
						Input map[string]json.RawMessage `json:"updatedInput"`
					} `json:"decision"`
				} `json:"hookSpecificOutput"`
			}
			if err := json.Unmarshal(out, &said); err != nil || said.Out.Decision.Input == nil {
				t.Fatalf("an approval that Claude Code ignores: %s, %v", out, err)
			}
			if tool == "AskUserQuestion" {
				var answers map[string]string
				if err := json.Unmarshal(said.Out.Decision.Input["answers"], &answers); err != nil {
					t.Fatalf("answers %s", out)
				}
				for _, q := range questionsOf(r.Input) {
					if _, ok := answers[q.Question]; !ok {
						t.Fatalf("%q has no answer among %q", q.Question, slices.Collect(maps.Keys(answers)))
					}
				}
			}
		}
	})
}

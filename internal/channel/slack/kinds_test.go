package slack

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"claude-permission-daemon/internal/channel/slack/slacktest"
	"claude-permission-daemon/internal/permit"
	"claude-permission-daemon/internal/preview"
)

// rule is a suggestion of Claude Code to add a rule.
func rule(tool, content, destination string) json.RawMessage {
	return mustJSON(map[string]any{"type": "addRules", "behavior": "allow", "destination": destination,
		"rules": []any{map[string]any{"toolName": tool, "ruleContent": content}}})
}

type m = map[string]any

// kind is a request of some kind, and what its previewer is set to.
type kind struct {
	request permit.Request
	options preview.Options
}

// kinds are one request of each kind that Claude Code makes.
func kinds() map[string]kind {
	all := map[string]kind{}
	add := func(name, tool string, input any) *permit.Request {
		all[name] = kind{request: asking(tool, input)}
		r := all[name].request
		return &r
	}
	add("bash", "Bash", m{"command": "npm run build && npm test", "description": "Build and test"})
	add("edit", "Edit", m{"file_path": "/home/alice/src/shop/checkout.go", "old_string": "math.Round(x)", "new_string": "math.RoundToEven(x)"})
	add("write", "Write", m{"file_path": "/home/alice/src/shop/prices.csv", "content": "a,b\n1,2\n"})
	add("write-cut", "Write", m{"file_path": "/home/alice/src/shop/prices.csv", "content": many("4711,19.99,EUR", 55000)})
	add("notebook", "NotebookEdit", m{"notebook_path": "/home/alice/src/shop/a.ipynb", "cell_id": "c1", "new_source": "print(1)", "edit_mode": "replace"})
	add("webfetch", "WebFetch", m{"url": "https://example.com/?a=1&b=<2>", "prompt": "What does it say?"})
	add("websearch", "WebSearch", m{"query": "rounding half to even"})
	add("read", "Read", m{"file_path": "/etc/hosts"})
	add("mcp", "mcp__github__create_issue", m{"title": "Rounding", "labels": []any{"bug"}})
	add("agent", "Agent", m{"description": "Review", "prompt": "Review the rounding", "subagent_type": "code-reviewer"})
	add("skill", "Skill", m{"skill": "release", "args": "patch"})
	add("unknown", "Teleport", m{"to": "the moon", "with": m{"whom": []any{1, 2}}})

	option := func(label, help, look string) m { return m{"label": label, "description": help, "preview": look} }
	question := func(q string, multi bool, options ...any) m {
		return m{"question": q, "header": "Rounding", "multiSelect": multi, "options": options}
	}
	one := question("Which rounding shall the checkout use?", false,
		option("Half up", "as schools teach it", ""), option("Half to even", "as banks do it", ""))
	several := question("Which of these shall be tested too?", true, option("Discounts", "", ""), option("Taxes", strings.Repeat("each country by itself, ", 8), ""))
	looks := question("Which layout?", false, option("Two columns", "", "+----+----+\n| a  | b  |\n+----+----+"), option("One column", "", "+---------+\n| a       |\n+---------+"))
	add("question", "AskUserQuestion", m{"questions": []any{one}})
	add("question-multi", "AskUserQuestion", m{"questions": []any{several}})
	add("question-looks", "AskUserQuestion", m{"questions": []any{looks}})
	add("question-several", "AskUserQuestion", m{"questions": []any{one, several, looks}})
	add("plan", "ExitPlanMode", m{"plan": "# Rounding\n\n1. Round half to even.\n2. Add a test for 0.125 €."})
	add("plan-long", "ExitPlanMode", m{"plan": strings.Repeat("1. Round half to even, everywhere.\n", 120)})

	form := m{"mcp_server_name": "booking", "message": "When do you travel?", "mode": "form", "requested_schema": m{
		"type": "object", "required": []any{"name", "seats", "class"}, "properties": json.RawMessage(`{
			"name":{"type":"string","title":"Name","maxLength":40,"default":"Alice"},
			"seats":{"type":"integer","title":"Seats","minimum":1,"default":2},
			"price":{"type":"number","title":"At most"},
			"window":{"type":"boolean","title":"At the window","default":true},
			"class":{"type":"string","title":"Class","enum":["1","2"],"enumNames":["First","Second"],"default":"2"},
			"meals":{"type":"array","title":"Meals","items":{"enum":["lunch","dinner"]}}}`)}}
	set := func(name string, change func(*kind)) {
		k := all[name]
		change(&k)
		all[name] = k
	}
	of := func(kind permit.Kind, tool string) func(*permit.Request) {
		return func(r *permit.Request) { r.Kind, r.Tool = kind, tool }
	}
	request := func(name string, change func(*permit.Request)) { set(name, func(k *kind) { change(&k.request) }) }
	add("elicitation", "Elicitation", form)
	request("elicitation", of(permit.Elicitation, "Elicitation"))
	add("elicitation-url", "Elicitation", m{"mcp_server_name": "booking", "message": "Sign in", "mode": "url", "url": "https://booking.example/sign-in?x=1"})
	request("elicitation-url", of(permit.Elicitation, "Elicitation"))
	add("finished", "Stop", m{"last_assistant_message": "All **done**: the tests pass."})
	request("finished", of(permit.Finished, "Stop"))
	add("refused", "Bash", m{"command": "git push --force"})
	request("refused", func(r *permit.Request) { r.Kind, r.Why = permit.Refused, "It rewrites what others have" })

	add("agent-second", "Bash", m{"command": "make"})
	request("agent-second", func(r *permit.Request) { r.Agent, r.AgentType, r.Ordinal = "a1", "code-reviewer", 2 })
	for name, rules := range map[string][]json.RawMessage{
		"always-one":  {rule("Bash", "npm run *", "localSettings")},
		"always-two":  {rule("Bash", "npm run *", "localSettings"), rule("Bash", "bash", "session")},
		"always-four": {rule("Bash", "bash", "session"), rule("Bash", "npm run *", "localSettings"), rule("Bash", "npm run build", "session"), rule("Bash", "npm *", "projectSettings")},
		"always-five": {rule("Bash", "npm run *", "localSettings"), rule("Bash", "npm *", "projectSettings"), rule("Bash", "bash", "session"),
			rule("Bash", "*", "userSettings"), mustJSON(m{"type": "setMode", "mode": "acceptEdits", "destination": "session"})},
		"always-long": {rule("Bash", "npm run "+strings.Repeat("very-long-name-of-a-script ", 20), "localSettings")},
	} {
		add(name, "Bash", m{"command": "npm run build"})
		request(name, func(r *permit.Request) { r.Suggestions = rules })
	}
	policy := func(p preview.Policy) func(*kind) {
		return func(k *kind) { k.options.Policy = func(permit.Request) preview.Policy { return p } }
	}
	add("confirm-rule", "Bash", m{"command": "git push"})
	set("confirm-rule", policy(preview.Policy{Confirm: "[approve] confirm has the rule Bash(git push *)."}))
	add("held", "Bash", m{"command": "terraform apply"})
	set("held", policy(preview.Policy{Terminal: "[approve] never_remote has the rule Bash(terraform *): answer in the terminal."}))
	add("editable", "Bash", m{"command": "make all"})
	set("editable", func(k *kind) { k.options.Edit = true })
	add("uneditable", "Write", m{"file_path": "/tmp/a", "content": "a\u202eb"})
	set("uneditable", func(k *kind) { k.options.Edit = true })
	add("withheld", "Bash", m{"command": "make all"})
	set("withheld", func(k *kind) { k.options.Withhold = true })
	return all
}

// TestKindsAsDrawn draws each kind of card, and every modal behind it, as they
// are in testdata/kinds, and has the loopback Slack check both.
func TestKindsAsDrawn(t *testing.T) {
	srv := workspace(t, slacktest.Options{})
	for name, k := range kinds() {
		t.Run(name, func(t *testing.T) {
			p := preview.New(k.options).Of(k.request)
			card := permit.Card{Request: k.request, Stage: permit.Open}
			d, err := draw(card, p, look{budget: budgets[0], rev: "1"})
			if err != nil {
				t.Fatal(err)
			}
			for _, problem := range problems(mustJSON(d.blocks), budgets[0]) {
				t.Error(problem)
			}
			if answer, err := srv.Invoke("chat.postMessage", m{"channel": alice, "text": d.text, "blocks": d.blocks}); err != nil {
				t.Errorf("Slack refuses the card: %v: %v", err, answer)
			}
			views := modalsOf(t, card, p, d.cut)
			for at, view := range views {
				if said := srv.CheckView(mustJSON(view)); said != nil {
					t.Errorf("Slack refuses the modal %s: %q", at, said)
				}
			}
			if name == "write-cut" {
				views = map[string]object{"0": views[wholeAction+".0"]}
				blocks := views["0"]["blocks"].([]object)
				views["0"]["blocks"] = append(blocks[:3:3], blocks[len(blocks)-1]) // a golden file of 40 KB says nothing
			}
			got, err := json.MarshalIndent(m{"text": d.text, "blocks": d.blocks, "modals": views}, "", " ")
			if err != nil {
				t.Fatal(err)
			}
			golden(t, filepath.Join("testdata", "kinds", name+".json"), append(got, '\n'))
		})
	}
}

// modalsOf are all modals that can be opened from a card.
func modalsOf(t testing.TB, card permit.Card, p preview.Preview, left int) map[string]object {
	t.Helper()
	views := map[string]object{}
	take := func(name string, view object, err error) {
		if err != nil {
			t.Errorf("the modal %s: %v", name, err)
			return
		}
		views[name] = view
	}
	at := place{"D0ALICE", "1700000000.000100"}
	ways, rules := sorted(p.Ways)
	for _, w := range ways {
		if inModal(w) && misfit(w) == "" {
			view, err := wayModal(card, p, w, at, left, nil, "")
			take(actionOf(w), view, err)
		}
	}
	if len(rules) > 0 {
		view, err := rulesModal(card, p, rules, at, left)
		take(rulesAction, view, err)
	}
	if left > 0 {
		for page := range len(pagesOf(sheets(p))) - 1 {
			view, err := wholeModal(card, p, at, page)
			take(fmt.Sprint(wholeAction, ".", page), view, err)
		}
	}
	return views
}

// The pages of the whole text are the text, to the byte, each within Slack's
// limits.
func TestWholeTextIsWhole(t *testing.T) {
	srv := workspace(t, slacktest.Options{})
	for name, content := range map[string]string{
		"a megabyte of lines":   strings.Repeat("0123456789 0123456789 0123456789\n", 1<<20/33),
		"one line":              strings.Repeat("x", 100_000),
		"escapes":               strings.Repeat("<&>", 60_000),
		"what JSON makes large": strings.Repeat("\"\\\n\t", 40_000) + strings.Repeat("\u20ac🎉", 40_000),
		"hidden characters":     strings.Repeat("a\u202eb", 20_000),
		"little":                "x",
		"blank lines":           strings.Repeat("\n\n\nx", 20_000),
	} {
		t.Run(name, func(t *testing.T) {
			r := asking("Write", m{"file_path": "/tmp/x", "content": content})
			p := preview.Of(r)
			card := permit.Card{Request: r, Stage: permit.Open}
			var want, got strings.Builder
			for _, part := range p.Parts {
				want.WriteString(part.Text)
			}
			last := len(pagesOf(sheets(p))) - 2
			for page := 0; page <= last; page++ {
				view, err := wholeModal(card, p, place{"D1", "1.1"}, page)
				if err != nil {
					t.Fatal(err)
				}
				raw := mustJSON(view)
				if said := srv.CheckView(raw); said != nil {
					t.Fatalf("Slack refuses page %d: %q", page, said)
				}
				for action, there := range map[string]bool{"previous": page > 0, "next": page < last, "first": page > 1, "last": page < last-1} {
					if strings.Contains(string(raw), pageAction+"."+action) != there {
						t.Errorf("page %d of %d: the button %s is there: %v", page+1, last+1, action, !there)
					}
				}
				for _, b := range view["blocks"].([]object) {
					for _, e := range b.listOf("elements") {
						if e.str("type") == "rich_text_preformatted" {
							for _, run := range e.listOf("elements") {
								if n := units(run.str("text")); n > 3000 {
									t.Errorf("a text of %d characters", n)
								}
								got.WriteString(run.str("text"))
							}
						}
					}
				}
			}
			if got.String() != want.String() {
				t.Errorf("the pages hold %d bytes of %d", got.Len(), want.Len())
			}
		})
	}
}

// listOf are the objects in a list of one's own drawing.
func (o object) listOf(key string) (all []object) {
	for _, e := range o.list(key) {
		if one, ok := e.(object); ok {
			all = append(all, one)
		}
	}
	return all
}

package daemon

import (
	"strings"
	"testing"

	"claude-permission-daemon/internal/permit"
	"claude-permission-daemon/internal/preview"
)

// What the user lets only the terminal allow, no channel can: neither as it was
// asked, nor as it was changed, nor by another try or a form.
func TestRules(t *testing.T) {
	r := start(t, func(o *Options) {
		o.Config.Approve.Edit = true
		o.Config.Approve.Confirm = []string{"Bash(git tag *)"}
		o.Config.Approve.NeverRemote = []string{"Bash(git push *)", "mcp__billing", "Edit(/migrations/**)"}
	})
	bash := func(command string) permit.Request {
		return permit.Request{Tool: "Bash", Input: []byte(`{"command":"` + command + `"}`)}
	}
	refused := bash("git push origin")
	refused.Kind = permit.Refused
	form := func(server string) permit.Request {
		return permit.Request{Kind: permit.Elicitation, Tool: "Elicitation",
			Input: []byte(`{"mcp_server_name":"` + server + `","message":"Sure?","mode":"form","requested_schema":{"properties":{}}}`)}
	}
	edit := func(to string) permit.Answer {
		return permit.Answer{Way: permit.WayEdit, Fields: map[string][]string{"text": {to}}}
	}
	suggests := func(entries ...string) permit.Request {
		r := bash("git status")
		for _, entry := range entries {
			r.Suggestions = append(r.Suggestions, []byte(entry))
		}
		return r
	}
	rule := func(content string) string {
		return `{"type":"addRules","rules":[{"toolName":"Bash","ruleContent":"` + content + `"}],"behavior":"allow","destination":"session"}`
	}
	mode := func(mode string) string { return `{"type":"setMode","mode":"` + mode + `","destination":"session"}` }
	always := permit.Answer{Way: permit.WayAlways}
	plan := permit.Request{Tool: "ExitPlanMode", Input: []byte(`{"plan":"1. Say hello"}`)}
	allow, answer := permit.Answer{Decision: permit.Decision{Verb: permit.Allow}}, permit.Answer{Way: permit.WayAnswer}
	for _, tt := range []struct {
		name    string
		request permit.Request
		answer  permit.Answer
		counts  bool // outside the terminal
	}{
		{"a command of the rule", bash("cd x && git push origin"), allow, false},
		{"another command", bash("git status"), allow, true},
		{"one changed into the rule's", bash("git status"), edit("git push --force"), false},
		{"one changed out of the rule's", bash("git push"), edit("git status"), false},
		{"one changed into what is to be confirmed", bash("git status"), edit("git tag v1"), false},
		{"one that was confirmed, and changed", bash("git tag v1"), edit("git tag v2"), true},
		{"one changed into another", bash("git status"), edit("git log"), true},
		{"another try", refused, allow, false},
		{"a form of the server", form("billing"), answer, false},
		{"a form of another server", form("mail"), answer, true},
		{"always, beside the rule", suggests(rule("npm run *")), always, true},
		{"always, what the rule names", suggests(rule("git push *")), always, false},
		{"always, and the rule's too", suggests(rule("git *")), always, false},
		{"always, any command", suggests(rule("bash")), always, false},
		{"no more questions", suggests(mode("bypassPermissions")), always, false},
		{"edits without asking", suggests(mode("acceptEdits")), always, false},
		{"a plan", plan, allow, true},
		{"a plan, and edits without asking", plan, permit.Answer{Way: permit.WayEdits}, false},
		{"a plan that is changed, and edits without asking", plan, permit.Answer{Way: permit.WayEdit, Fields: map[string][]string{"text": {"2."}, "mode": {"1"}}}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, channel := range []string{"web", "slack", terminalChannel} {
				tt.answer.Decision.Channel = channel
				want := tt.counts || channel == terminalChannel
				if d, lacks := r.policy.resolve(tt.request, tt.answer); (lacks == "") != want {
					t.Errorf("%s: %q, %+v", channel, lacks, d)
				}
				if _, lacks := r.policy.resolve(tt.request, permit.Answer{Decision: permit.Decision{Verb: permit.Deny, Channel: channel}}); lacks != "" {
					t.Errorf("%s may not deny: %q", channel, lacks)
				}
			}
		})
	}
}

// The terminal itself is offered what only it can allow.
func TestTheTerminalMayAllow(t *testing.T) {
	r := start(t, func(o *Options) { o.Config.Approve.NeverRemote = []string{"Bash(git push *)"} })
	r.setPresence("away")
	r.dial().send(enveloped("only-here", ask("s", "git push"))).line()
	open := r.waitOpen("offered")
	if len(open.Ways) == 0 || open.Ways[0].Name != permit.WayApprove || open.Held != "" {
		t.Errorf("the terminal is offered %+v, held %q", open.Ways, open.Held)
	}
	r.waitPage("lets this be allowed in the terminal only", `value="allow"`)
	r.control(`{"v":1,"op":"answer","id":"only-here","decision":"deny"}`)

	wide := strings.Replace(ask("s", "git status"), `"tool_name"`, `"permission_suggestions":[{"type":"addRules","rules":[{"toolName":"Bash","ruleContent":"git *"}],"behavior":"allow","destination":"session"}],"tool_name"`, 1)
	r.dial().send(enveloped("too-wide", wide)).line()
	r.waitPage("“Always allow git * in this session” is not offered here.", `value="always:0"`)
}

// A person's words reach the model as they are, and the cards masked: they may
// be typed on the page and shown in Slack.
func TestWordsAreMaskedOnTheCards(t *testing.T) {
	const token = "ghp_16C7e42F292c6912E7710c838347Ae178B4a"
	r := start(t)
	request := permit.Request{Tool: "Bash", Input: []byte(`{"command":"gh auth login"}`)}
	decision, lacks := r.policy.resolve(request, permit.Answer{
		Decision: permit.Decision{Verb: permit.Deny, Message: "log in with " + token, By: permit.Person{ID: "jo"}, Channel: "web"}})
	if lacks != "" {
		t.Fatal(lacks)
	}
	outcome := permit.Outcome{Kind: permit.Denied, Decision: &decision}
	card := shown(r.masker, permit.Card{Request: request, Stage: permit.Delivered, Outcome: &outcome})
	if said := preview.Headline(card, preview.Preview{}); strings.Contains(said, token) || !strings.Contains(said, "log in with ⟨masked: 40 chars⟩") {
		t.Errorf("a card says %q", said)
	}
	for _, bare := range []bool{true, false} {
		told := reply(request, outcome, bare)
		if !strings.Contains(told.Reason+string(told.Output), token) {
			t.Errorf("bare %v: the model is told %+v", bare, told)
		}
	}
}

//go:build linux

package claude

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"claude-permission-daemon/internal/channel/slack/slacktest"
	"claude-permission-daemon/test/e2e/claudetest"
)

// These tests go the whole way by Slack: the real client, hook and daemon, and
// a person at the loopback Slack, who knows buttons and inputs by what is
// written on them.

// person is Alice, who may decide, in a workspace of her own.
type person struct {
	t     *testing.T
	slack *slacktest.Server
}

// withSlack gives a workspace to a home's daemon, with more of a configuration.
// The hooks are as they are installed.
func withSlack(t *testing.T, home *claudetest.Home, more string) (*person, *program) {
	t.Helper()
	slack, err := slacktest.Start(slacktest.Options{BotToken: "xoxb-1-a", AppToken: "xapp-1-a", Users: []string{"U0ALICE"}, Harsh: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(slack.Close)
	daemon := serve(t, home, fmt.Sprintf(
		"[slack]\nbot_token = \"xoxb-1-a\"\napp_token = \"xapp-1-a\"\nchannel = \"U0ALICE\"\napi_url = %q\n", slack.URL()), more)
	if said, err := daemon.hooks("install"); err != nil {
		t.Fatalf("hooks install: %v\n%s", err, said)
	}
	return &person{t: t, slack: slack}, daemon
}

// soon is how long she waits for Slack.
func (a *person) soon() context.Context {
	ctx, cancel := context.WithTimeout(a.t.Context(), time.Minute)
	a.t.Cleanup(cancel)
	return ctx
}

// sees waits for a message with all these texts on it.
func (a *person) sees(texts ...string) slacktest.Message {
	a.t.Helper()
	return a.finds(texts, func(slacktest.Message) bool { return true })
}

func (a *person) finds(texts []string, is func(slacktest.Message) bool) slacktest.Message {
	a.t.Helper()
	m, err := a.slack.WaitMessage(a.soon(), func(m slacktest.Message) bool {
		shown := readable(m.Blocks)
		return !m.Deleted && !slices.ContainsFunc(texts, func(text string) bool { return !strings.Contains(shown, text) }) && is(m)
	})
	if err != nil {
		var shown []string
		for _, m := range a.slack.Messages("") {
			shown = append(shown, readable(m.Blocks))
		}
		a.t.Fatalf("no message says %q (%v), but:\n%s", texts, err, strings.Join(shown, "\n---\n"))
	}
	return m
}

// tap taps a button of the message that has it and says all these texts. It
// returns what she has to confirm for it to count; empty: nothing.
func (a *person) tap(button string, texts ...string) (confirmed string) {
	a.t.Helper()
	var b map[string]any
	m := a.finds(append(texts, button), func(m slacktest.Message) bool {
		b = find(m.Blocks, func(o map[string]any) bool { return o["type"] == "button" && readable(o["text"]) == button+"\n" })
		return b != nil
	})
	tapped, err := a.slack.Click(a.soon(), slacktest.Click{Channel: m.Channel, TS: m.TS, ActionID: b["action_id"].(string)})
	if err != nil || !tapped.Acked {
		a.t.Fatalf("Slack could not pass the tap on %q on: %+v, %v", button, tapped, err)
	}
	return readable(b["confirm"])
}

// input is what she puts into the input of that name: words, or choices by
// what is written beside them.
type input struct {
	label string
	words []string
}

// fills fills the inputs of the modal that is open, in their order, leaves the
// others as they are, and sends it off. It returns what the modal said.
func (a *person) fills(inputs ...input) (said string) {
	a.t.Helper()
	v, err := a.slack.WaitView(a.soon(), nil)
	if err != nil {
		a.t.Fatalf("no modal opens: %v", err)
	}
	values := map[string]string{}
	find(v.View, func(block map[string]any) bool {
		if block["type"] != "input" || len(inputs) == 0 || readable(block["label"]) != inputs[0].label+"\n" {
			return false
		}
		element := block["element"].(map[string]any)
		var value []string
		for _, word := range inputs[0].words {
			if options, choice := element["options"]; choice {
				option := find(options, func(o map[string]any) bool { return readable(o["text"]) == word+"\n" })
				if option == nil {
					a.t.Fatalf("there is no choice %q", word)
				}
				word = option["value"].(string)
			}
			value = append(value, word)
		}
		values[block["block_id"].(string)], inputs = strings.Join(value, ","), inputs[1:]
		return false
	})
	if len(inputs) > 0 {
		a.t.Fatalf("the modal has no %q: %s", inputs[0].label, v.View)
	}
	sent, err := a.slack.Submit(a.soon(), slacktest.Submit{ViewID: v.ID, Values: values})
	if err != nil || !sent.Acked || !sent.Closed {
		a.t.Fatalf("the modal does not take %v: %+v, %v", values, sent, err)
	}
	return string(v.View)
}

// find goes through every object of a document, in order, to the first for
// which is holds.
func find(document any, is func(map[string]any) bool) map[string]any {
	switch v := document.(type) {
	case json.RawMessage:
		var parsed any
		if json.Unmarshal(v, &parsed) != nil {
			return nil
		}
		return find(parsed, is)
	case []any:
		for _, e := range v {
			if found := find(e, is); found != nil {
				return found
			}
		}
	case map[string]any:
		if is(v) {
			return v
		}
		for _, key := range []string{"blocks", "elements", "text", "title"} {
			if found := find(v[key], is); found != nil {
				return found
			}
		}
	}
	return nil
}

// readable is every text of a document, one a line.
func readable(document any) string {
	var b strings.Builder
	find(document, func(o map[string]any) bool {
		if text, ok := o["text"].(string); ok {
			b.WriteString(text + "\n")
		}
		return false
	})
	return b.String()
}

// modelTold is the one tool result that a request tells the model.
func modelTold(t *testing.T, asked claudetest.Request) string {
	t.Helper()
	results := asked.Results()
	if len(results) != 1 {
		t.Fatalf("the model is told %+v", results)
	}
	return results[0].Text
}

// Questions are answered in a modal, a command is denied with words, and a rule
// is allowed for good.
func TestAnsweredInSlack(t *testing.T) {
	t.Parallel()
	question := func(text string, several bool, labels ...string) any {
		var options []any
		for _, label := range labels {
			options = append(options, map[string]any{"label": label, "description": "It is " + label})
		}
		return map[string]any{"question": text, "header": "Setup", "multiSelect": several, "options": options}
	}
	npm := func(script string) claudetest.Answer {
		return claudetest.Use("Bash", map[string]any{"command": "npm run " + script, "description": "Run " + script})
	}
	api := claudetest.NewAPI(t, claudetest.Script(
		claudetest.Use("AskUserQuestion", map[string]any{"questions": []any{
			question("Which framework?", false, "React", "Vue"),
			question("Which extras?", true, "Lint", "CI", "Docs"),
			question("Which licence?", false, "MIT", "BSD"),
		}}),
		touch("x"), npm("build"), npm("test"),
	))
	home := claudetest.NewHome(t, api, "tmux")
	if err := os.WriteFile(home.Path("package.json"), []byte(`{"scripts":{"build":"touch built","test":"touch tested"}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	alice, daemon := withSlack(t, home, "")
	terminal := home.Start()
	terminal.Prompt("set it up please")

	alice.tap("Answer…", "Which framework?")
	alice.fills(
		input{"Which framework?", []string{"Vue"}},
		input{"Which extras?", []string{"Lint", "Docs"}},
		input{"Which licence?", nil},
		input{"Something else", []string{"the one of our lawyers"}},
	)
	said := modelTold(t, api.Asked(2))
	for _, answer := range []string{`"Which framework?"="Vue"`, `"Which extras?"="Lint, Docs"`, `"Which licence?"="the one of our lawyers"`} {
		if !strings.Contains(said, answer) {
			t.Errorf("the model is told %q, without %s", said, answer)
		}
	}

	alice.tap("Deny with reason…", "touch x")
	alice.fills(input{"Why, or what to do instead", []string{"call it y instead"}})
	if said := modelTold(t, api.Asked(3)); !strings.Contains(said, "Denied by") || !strings.Contains(said, "via slack: call it y instead") {
		t.Errorf("the model is told %q", said)
	}
	alice.sees("Denied by", "call it y instead")

	if asked := alice.tap("Always allow npm run *", "npm run build"); !strings.Contains(asked, "Bash(npm run *)") ||
		!strings.Contains(asked, ".claude/settings.local.json") {
		t.Errorf("she confirms %q", asked)
	}
	alice.sees("Approved by", "npm run build")
	api.Asked(5) // the second script ran without a question
	rules, err := os.ReadFile(home.Path(".claude/settings.local.json"))
	if err != nil || !strings.Contains(string(rules), `"Bash(npm run *)"`) {
		t.Errorf("the rules are %s (%v)", rules, err)
	}
	terminal.See("Done.")
	if home.Exists("x") || !home.Exists("built") || !home.Exists("tested") {
		t.Errorf("denied ran: %v, built: %v, tested: %v", home.Exists("x"), home.Exists("built"), home.Exists("tested"))
	}
	daemon.settles()
}

// A plan is approved as it was changed in Slack, and so it is carried out.
func TestPlanEditedInSlack(t *testing.T) {
	t.Parallel()
	api := claudetest.NewAPI(t, plan(leave))
	home := claudetest.NewHome(t, api, "tmux")
	alice, _ := withSlack(t, home, "")
	terminal := home.Start("--permission-mode", "plan")
	terminal.Prompt("plan it please")
	alice.tap("Approve with edits…", "Say hello")
	const better = "## Plan\n1. Say good night\n"
	if asked := alice.fills(input{"The plan", []string{better}}, input{"Afterwards", []string{"Accept edits without asking, in this session"}}); !strings.Contains(asked, "Say hello") {
		t.Errorf("the modal does not begin with the plan: %s", asked)
	}
	terminal.See("accept edits on")
	terminal.See("Done.")
	if said := modelTold(t, api.Asked(3)); !strings.Contains(said, "Say good night") || strings.Contains(said, "Say hello") {
		t.Errorf("the model is told %q", said)
	}
	plans, _ := filepath.Glob(filepath.Join(home.Dir, ".claude", "plans", "*.md"))
	if len(plans) != 1 {
		t.Fatalf("the plans on the disk: %v", plans)
	}
	if text, err := os.ReadFile(plans[0]); err != nil || strings.TrimSpace(string(text)) != strings.TrimSpace(better) {
		t.Errorf("the plan on the disk is %q (%v)", text, err)
	}
	alice.sees("Approved by", "with edits")
}

// Whoever leaves is told in Slack what has ended meanwhile. Whoever is away
// answers what ends, and the session goes on with that.
func TestTurnAnsweredInSlack(t *testing.T) {
	t.Parallel()
	api := claudetest.NewAPI(t, claudetest.Script(claudetest.Say("First."), claudetest.Say("Second."), claudetest.Say("Third.")))
	home := claudetest.NewHome(t, api, "tmux")
	alice, daemon := withSlack(t, home, "[notify]\nreplies = true\n")
	daemon.do("here")
	terminal := home.Start()
	terminal.Prompt("say something")
	terminal.See("First.")
	daemon.do("away")
	alice.sees("Claude has finished", "First.")

	terminal.Prompt("say more")
	alice.tap("Answer…", "Second.")
	alice.fills(input{"What Claude should do next", []string{"now count to three"}})
	if asked := api.Asked(3); !asked.Says("replies via slack") || !asked.Says("now count to three") {
		t.Errorf("the model is asked %+v", asked.Messages)
	}
	terminal.See("Third.")
	alice.sees("Answer…", "Third.")
	daemon.do("here") // and the terminal is free again
	daemon.settles()
	terminal.Prompt("thanks")
	terminal.See("Done.")
}

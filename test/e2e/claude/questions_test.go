//go:build linux

package claude

import (
	"strings"
	"testing"

	"claude-permission-daemon/test/e2e/claudetest"
)

// ask is a call of AskUserQuestion.
func ask(questions ...any) claudetest.Answer {
	return claudetest.Use("AskUserQuestion", map[string]any{"questions": questions})
}

// question is one question of such a call; its choices have no descriptions
// worth reading.
func question(text, header string, several bool, choices ...string) map[string]any {
	var options []any
	for _, choice := range choices {
		options = append(options, map[string]any{"label": choice, "description": "That is " + choice})
	}
	return map[string]any{"question": text, "header": header, "multiSelect": several, "options": options}
}

// told checks that the model was told one result, which holds all of texts.
func told(t *testing.T, asked claudetest.Request, texts ...string) {
	t.Helper()
	results := asked.Results()
	if len(results) != 1 {
		t.Fatalf("the model is told %+v", results)
	}
	for _, text := range texts {
		if !strings.Contains(results[0].Text, text) {
			t.Errorf("the model is told %q, and not %q", results[0].Text, text)
		}
	}
}

// Questions are answered on the page with several picks, with a pick and words
// besides, with words in place of a pick, with one tap, and by declining to.
func TestQuestionsOnThePage(t *testing.T) {
	framework := question("Which framework?", "Framework", false, "React", "Vue")
	api := claudetest.NewAPI(t, claudetest.Script(
		ask(question("Which extras?", "Extras", true, "Lint", "CI", "Docs"), question("Which checks?", "Checks", true, "Types", "Spelling"), framework),
		ask(framework),
		ask(framework),
	))
	home := claudetest.NewHome(t, api, "tmux")
	daemon := install(t, home)
	page := open(t, daemon.link)
	terminal := home.Start()
	terminal.Prompt("ask me")

	card := page.card("open", "Which extras?", "Which checks?", "Which framework?")
	card.pick("f.q0", "0")
	card.pick("f.q0", "2")
	card.pick("f.q1", "1")
	card.write("f.q1.other", `Links, with "quotes"`)
	card.write("f.q2.other", "neither, plain HTML")
	card.tap(`button[value="answer:0"]`)
	card.then("ran", "Answered by", "Lint, Docs", "neither, plain HTML")
	told(t, api.Asked(2), `"Which extras?"="Lint, Docs"`, `Which checks?`, `Spelling, Links, with "quotes"`, `"Which framework?"="neither, plain HTML"`)

	card = page.card("open", "Which framework?")
	card.tap(`button[value="choose:1"]`)
	card.then("ran", "Answered by", "Vue")
	told(t, api.Asked(3), `"Which framework?"="Vue"`)

	card = page.card("open", "Which framework?")
	card.deny("ask me tomorrow")
	card.then("delivered", "Denied by", "ask me tomorrow")
	told(t, api.Asked(4), "ask me tomorrow")
	terminal.See("Done.")
	if shown := terminal.Screen(); strings.Contains(shown, "That is Vue") {
		t.Error("the dialog is still open")
	}
}

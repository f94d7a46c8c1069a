//go:build linux

package claude

import (
	"testing"

	"claude-permission-daemon/internal/permit"
	"claude-permission-daemon/test/e2e/claudetest"
)

// [approve] has its say: a command is changed before it is allowed, one is
// confirmed first, and one is allowed in the terminal only.
func TestApproveRules(t *testing.T) {
	api := claudetest.NewAPI(t, claudetest.Script(touch("x"), touch("twice"), touch("secret")))
	home := claudetest.NewHome(t, api, "tmux")
	daemon := install(t, home, "[approve]\nedit = true\nconfirm = [\"Bash(touch twice)\"]\nnever_remote = [\"Bash(touch secret)\"]\n")
	page := open(t, daemon.link)
	terminal := home.Start()
	terminal.Prompt("make them please")

	card := page.card("open", "touch x")
	card.unfold("edit-0")
	card.write("f.text", "touch y")
	card.tap(`button[value="edit:0"]`)
	card.then("ran", "Approved by", "with edits")
	if !home.Exists("y") || home.Exists("x") {
		t.Errorf("y was made: %v, x was made: %v", home.Exists("y"), home.Exists("x"))
	}
	opened, ended := daemon.records(permit.RecordOpened), daemon.records(permit.RecordEnded)
	const asked, changed = `{"command":"touch x","description":"Create x"}`, `{"command":"touch y","description":"Create x"}`
	if got := string(opened[0].Opened.Input); got != asked {
		t.Errorf("the journal says that this was asked: %s", got)
	}
	if got := string(ended[0].Outcome.Decision.Input); got != changed {
		t.Errorf("the journal says that this was allowed: %s", got)
	}

	card = page.card("open", "touch twice")
	if card.has(approve) != 0 {
		t.Error("it can be approved with one tap")
	}
	card.unfold("approve-0")
	page.card("open", "Your rule Bash(touch twice) wants this confirmed.")
	card.tap(`details[data-keep="approve-0"] button.approve`)
	card.then("ran", "Approved by")

	card = page.card("open", "Your rule Bash(touch secret) lets this be allowed in the terminal only.")
	if card.has("button.approve") != 0 || card.has(refuse) != 1 {
		t.Errorf("%d ways to allow it, %d to deny it", card.has("button.approve"), card.has(refuse))
	}
	terminal.Answer(dialog, "1")
	card.then("ended", "nswered in the terminal") // at times only probably
	terminal.See("Done.")
	if !home.Exists("twice") || !home.Exists("secret") {
		t.Error("a command did not run")
	}
}

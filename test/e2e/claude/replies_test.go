//go:build linux

package claude

import (
	"strings"
	"testing"

	"claude-permission-daemon/test/e2e/claudetest"
)

// Whoever is away answers the end of a turn, and the session goes on with their
// words. Whoever comes back has the session to themselves at once.
func TestReplyOnThePage(t *testing.T) {
	api := claudetest.NewAPI(t, claudetest.Script(
		claudetest.Say("All 41 tests pass."), claudetest.Say("The docs are written."), claudetest.Say("You are welcome.")))
	home := claudetest.NewHome(t, api, "tmux")
	daemon := install(t, home, "[notify]\nfinished = true\nreplies = true\n")
	page := open(t, daemon.link)
	terminal := home.Start()
	terminal.Prompt("run the tests")

	card := page.card("open", "All 41 tests pass.")
	card.write("f.message", "Now write the docs, please")
	card.tap(`button[value="answer:0"]`)
	card.then("delivered", "Answered by", "Now write the docs, please")
	if said := api.Asked(2).Last(); !strings.Contains(said, "replies via web") || !strings.Contains(said, "Now write the docs, please") {
		t.Errorf("the model is told %q", said)
	}

	card = page.card("open", "The docs are written.")
	terminal.See("The docs are written.")
	daemon.do("here")
	card.then("ended", "Handed back to the terminal: the person is back")
	terminal.Prompt("thank you")
	if said := api.Asked(3).Last(); !strings.Contains(said, "thank you") {
		t.Errorf("the model is told %q", said)
	}
	terminal.See("You are welcome.")
	if n := page.buttons(); n != 0 {
		t.Errorf("the page has %d buttons", n)
	}
}

//go:build linux

package claude

import (
	"testing"

	"claude-permission-daemon/internal/permit"
	"claude-permission-daemon/test/e2e/claudetest"
)

// Claude Code holds the dialog of a background subagent back until the hook
// has ended. Whoever is at the keyboard gets it at once; whoever is away gets a
// card, and the dialog as soon as they are back.
func TestSubagent(t *testing.T) {
	for _, test := range []struct {
		name     string
		presence string
		answer   func(t *testing.T, daemon *program, page *page, terminal *claudetest.TUI)
		runs     bool
	}{
		{"present", "here", func(t *testing.T, daemon *program, page *page, terminal *claudetest.TUI) {
			terminal.Answer(dialog, "1")
			if offered := daemon.records(permit.RecordOffered); len(offered) != 0 || page.buttons() != 0 {
				t.Errorf("it was asked elsewhere too: %+v", offered)
			}
		}, true},
		{"away", "away", func(t *testing.T, daemon *program, page *page, _ *claudetest.TUI) {
			card := page.card("open", "general-purpose subagent in", "touch x")
			if open := daemon.pending(); len(open) != 1 || open[0].Agent == "" || open[0].Contract != "blocking" {
				t.Errorf("open: %+v", open)
			}
			card.tap(approve)
			card.then("ran", "Approved by", "general-purpose subagent in")
		}, true},
		{"back again", "away", func(_ *testing.T, daemon *program, page *page, terminal *claudetest.TUI) {
			card := page.card("open", "general-purpose subagent in")
			daemon.do("here")
			card.then("ended", "Handed back to the terminal: the person is back")
			terminal.Answer(dialog, "4")
		}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			api := claudetest.NewAPI(t, errand)
			home := claudetest.NewHome(t, api, "tmux")
			daemon := install(t, home)
			daemon.do(test.presence)
			page := open(t, daemon.link)
			terminal := home.Start()
			terminal.Prompt("make x please")
			test.answer(t, daemon, page, terminal)
			if test.runs {
				claudetest.Wait(t, "the command does not run", func() bool { return home.Exists("x") })
			} else if home.Exists("x") {
				t.Error("the command ran")
			}
		})
	}
}

//go:build linux

package claude

import (
	"strings"
	"testing"

	"claude-permission-daemon/test/e2e/claudetest"

	"github.com/chromedp/chromedp"
)

// These tests go the whole way: the real client asks, the real hook and daemon
// carry it to the page, and a real browser answers.

// A person away taps Approve, and the command runs.
func TestApprovedOnThePage(t *testing.T) {
	api := claudetest.NewAPI(t, claudetest.Script(touch("x")))
	home := claudetest.NewHome(t, api, "tmux")
	daemon := install(t, home)
	page := open(t, daemon.link)
	terminal := home.Start()
	terminal.Prompt("make x please")

	if card := page.card("open"); !strings.Contains(card, "touch x") {
		t.Errorf("the card says %q", card)
	}
	terminal.See(dialog) // open in parallel
	page.tap(`article.card button.approve`)
	claudetest.Wait(t, "the command does not run", func() bool { return home.Exists("x") })
	terminal.See("Done.")
	terminal.Gone(dialog)

	if card := page.card("ran"); !strings.Contains(card, "Approved by") || page.buttons() != 0 {
		t.Errorf("the settled card says %q, with %d buttons", card, page.buttons())
	}
	if open := daemon.pending(); len(open) != 0 {
		t.Errorf("still open: %+v", open)
	}
}

// A person away denies with a reason, and the model is told that reason.
func TestDeniedOnThePage(t *testing.T) {
	api := claudetest.NewAPI(t, claudetest.Script(touch("x")))
	home := claudetest.NewHome(t, api, "tmux")
	daemon := install(t, home)
	page := open(t, daemon.link)
	terminal := home.Start()
	terminal.Prompt("make x please")

	page.card("open")
	page.do(
		chromedp.Click(chromedp.CSS(`article.card details.reason summary`)),
		chromedp.SendKeys(chromedp.CSS(`article.card textarea[name=message]`), `call it "y" instead`),
	)
	page.tap(`article.card details.reason button.deny`)
	terminal.See("Done.")
	results := api.Asked(2).Results()
	if len(results) != 1 || !results[0].IsError || !strings.Contains(results[0].Text, `call it "y" instead`) {
		t.Errorf("the model is told %+v", results)
	}
	if home.Exists("x") {
		t.Error("the command ran")
	}
	if card := page.card("delivered"); !strings.Contains(card, "Denied by") || page.buttons() != 0 {
		t.Errorf("the settled card says %q, with %d buttons", card, page.buttons())
	}
}

// Whatever is answered in the terminal while the card is up settles the card.
func TestAnsweredInTheTerminal(t *testing.T) {
	for _, test := range []struct {
		name string
		keys []string
		runs bool
	}{
		{"yes", []string{"1"}, true},
		{"no", []string{"4"}, false},
		{"escape", []string{"Escape"}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			api := claudetest.NewAPI(t, claudetest.Script(touch("x")))
			home := claudetest.NewHome(t, api, "tmux")
			daemon := install(t, home)
			page := open(t, daemon.link)
			terminal := home.Start()
			terminal.Prompt("make x please")
			page.card("open")
			terminal.Answer(dialog, test.keys...)

			if card := page.card("ended"); !strings.Contains(strings.ToLower(card), "answered in the terminal") || page.buttons() != 0 {
				t.Errorf("the settled card says %q, with %d buttons", card, page.buttons())
			}
			if test.runs {
				terminal.See("Done.")
			}
			if home.Exists("x") != test.runs {
				t.Errorf("the command ran: %v", !test.runs)
			}
			claudetest.Wait(t, "the request stays open", func() bool { return len(daemon.pending()) == 0 })
		})
	}
}

// A plan that is approved on the page ends plan mode.
func TestPlanOnThePage(t *testing.T) {
	api := claudetest.NewAPI(t, plan)
	home := claudetest.NewHome(t, api, "tmux")
	daemon := install(t, home)
	page := open(t, daemon.link)
	terminal := home.Start("--permission-mode", "plan")
	terminal.Prompt("plan it please")
	if card := page.card("open"); !strings.Contains(card, "Say hello") {
		t.Errorf("the card says %q", card)
	}
	page.tap(`article.card button.approve`)
	terminal.See("Done.")
	terminal.Gone("plan mode on")
	page.card("ran")
}

// A question is answered in words by denying it with them.
func TestQuestionOnThePage(t *testing.T) {
	api := claudetest.NewAPI(t, claudetest.Script(claudetest.Use("AskUserQuestion", map[string]any{"questions": []any{
		map[string]any{"question": "Which framework?", "header": "Framework", "multiSelect": false, "options": []any{
			map[string]any{"label": "React", "description": "The usual one"}, map[string]any{"label": "Vue", "description": "The other one"},
		}},
	}})))
	home := claudetest.NewHome(t, api, "tmux")
	daemon := install(t, home)
	page := open(t, daemon.link)
	terminal := home.Start()
	terminal.Prompt("ask me")
	if card := page.card("open"); !strings.Contains(card, "Which framework?") {
		t.Errorf("the card says %q", card)
	}
	page.do(
		chromedp.Click(chromedp.CSS(`article.card details.reason summary`)),
		chromedp.SendKeys(chromedp.CSS(`article.card textarea[name=message]`), `neither, plain HTML`),
	)
	page.tap(`article.card details.reason button.deny`)
	terminal.See("Done.")
	results := api.Asked(2).Results()
	if len(results) != 1 || !strings.Contains(results[0].Text, "neither, plain HTML") {
		t.Errorf("the model is told %+v", results)
	}
}

// claude -p has no dialog: whoever is away is asked, and the answer counts.
func TestHeadlessOnThePage(t *testing.T) {
	for _, test := range []struct {
		button string
		runs   bool
	}{{"approve", true}, {"deny", false}} {
		t.Run(test.button, func(t *testing.T) {
			api := claudetest.NewAPI(t, claudetest.Script(touch("x")))
			home := claudetest.NewHome(t, api)
			daemon := install(t, home)
			page := open(t, daemon.link)
			wait := home.StartHeadless("make x")
			page.card("open")
			page.tap(`article.card .buttons button.` + test.button)
			if result := wait(); !strings.Contains(result, `"result":"Done."`) {
				t.Errorf("it ends with %s", result)
			}
			if home.Exists("x") != test.runs {
				t.Errorf("the command ran: %v", !test.runs)
			}
		})
	}
}

// Whoever is at the keyboard sees nothing but the dialog; whoever leaves it
// unanswered is asked elsewhere.
func TestLeavingTheKeyboard(t *testing.T) {
	api := claudetest.NewAPI(t, claudetest.Script(touch("x")))
	home := claudetest.NewHome(t, api, "tmux")
	daemon := install(t, home)
	daemon.do("here")
	page := open(t, daemon.link)
	terminal := home.Start()
	terminal.Prompt("make x please")
	terminal.See(dialog)
	claudetest.Wait(t, "the request does not reach the daemon", func() bool { return len(daemon.pending()) == 1 })
	if held := daemon.pending()[0]; held.State != "held" || page.buttons() != 0 {
		t.Errorf("with the person there it is %+v, with %d buttons", held, page.buttons())
	}
	daemon.do("away")
	page.card("open")
	page.tap(`article.card button.approve`)
	claudetest.Wait(t, "the command does not run", func() bool { return home.Exists("x") })
	page.card("ran")
}

// A daemon that is killed and started again finds the hook that waits, and the
// answer still reaches it.
func TestDaemonKilled(t *testing.T) {
	api := claudetest.NewAPI(t, claudetest.Script(touch("x")))
	home := claudetest.NewHome(t, api, "tmux")
	daemon := install(t, home)
	terminal := home.Start()
	terminal.Prompt("make x please")
	claudetest.Wait(t, "the request does not reach the daemon", func() bool { return len(daemon.pending()) == 1 })
	before := daemon.pending()[0]
	daemon.kill()
	daemon.start()
	page := open(t, daemon.link)
	page.card("open")
	if after := daemon.pending(); len(after) != 1 || after[0].ID != before.ID {
		t.Errorf("before: %+v, after: %+v", before, after)
	}
	page.tap(`article.card button.approve`)
	claudetest.Wait(t, "the command does not run", func() bool { return home.Exists("x") })
	page.card("ran")
}

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
		{"present", "here", func(_ *testing.T, _ *program, _ *page, terminal *claudetest.TUI) {
			terminal.Answer(dialog, "1")
		}, true},
		{"away", "away", func(t *testing.T, daemon *program, page *page, _ *claudetest.TUI) {
			page.card("open")
			if open := daemon.pending(); len(open) != 1 || open[0].Agent == "" || open[0].Contract != "blocking" {
				t.Errorf("open: %+v", open)
			}
			page.tap(`article.card button.approve`)
		}, true},
		{"back again", "away", func(_ *testing.T, daemon *program, page *page, terminal *claudetest.TUI) {
			page.card("open")
			daemon.do("here")
			page.card("ended")
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

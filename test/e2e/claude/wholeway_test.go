//go:build linux

package claude

import (
	"strings"
	"testing"

	"claude-permission-daemon/test/e2e/claudetest"
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

	card := page.card("open", "touch x")
	terminal.See(dialog) // open in parallel
	card.tap(approve)
	claudetest.Wait(t, "the command does not run", func() bool { return home.Exists("x") })
	terminal.See("Done.")
	terminal.Gone(dialog)

	card.then("ran", "Approved by")
	if n := page.buttons(); n != 0 {
		t.Errorf("the settled card has %d buttons", n)
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

	card := page.card("open")
	card.deny(`call it "y" instead`)
	terminal.See("Done.")
	results := api.Asked(2).Results()
	if len(results) != 1 || !results[0].IsError || !strings.Contains(results[0].Text, `call it "y" instead`) {
		t.Errorf("the model is told %+v", results)
	}
	if home.Exists("x") {
		t.Error("the command ran")
	}
	card.then("delivered", "Denied by")
	if n := page.buttons(); n != 0 {
		t.Errorf("the settled card has %d buttons", n)
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
			card := page.card("open")
			terminal.Answer(dialog, test.keys...)

			card.then("ended", "nswered in the terminal") // at times only probably
			if n := page.buttons(); n != 0 {
				t.Errorf("the settled card has %d buttons", n)
			}
			if test.runs {
				terminal.See("Done.")
			}
			if home.Exists("x") != test.runs {
				t.Errorf("the command ran: %v", !test.runs)
			}
			daemon.settles()
		})
	}
}

// claude -p has no dialog: whoever is away is asked, and the answer counts.
func TestHeadlessOnThePage(t *testing.T) {
	for _, test := range []struct {
		name, button string
		runs         bool
	}{{"approve", approve, true}, {"deny", refuse, false}} {
		t.Run(test.name, func(t *testing.T) {
			api := claudetest.NewAPI(t, claudetest.Script(touch("x")))
			home := claudetest.NewHome(t, api)
			daemon := install(t, home)
			page := open(t, daemon.link)
			wait := home.StartHeadless("make x")
			page.card("open").tap(test.button)
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
	card := page.card("open")
	card.tap(approve)
	claudetest.Wait(t, "the command does not run", func() bool { return home.Exists("x") })
	card.then("ran")
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
	card := page.card("open")
	if after := daemon.pending(); len(after) != 1 || after[0].ID != before.ID {
		t.Errorf("before: %+v, after: %+v", before, after)
	}
	card.tap(approve)
	claudetest.Wait(t, "the command does not run", func() bool { return home.Exists("x") })
	card.then("ran")
}

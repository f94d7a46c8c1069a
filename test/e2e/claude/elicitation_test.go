//go:build linux

package claude

import (
	"testing"

	"claude-permission-daemon/internal/permit"
	"claude-permission-daemon/test/e2e/claudetest"
)

// decline declines the form of an MCP server in the terminal.
func decline(terminal *claudetest.TUI) {
	terminal.See("requests your input")
	terminal.Move("❯ Accept", "Down")
	terminal.Move("❯ Decline", "Right")
	terminal.Answer("❯ Decline", "Enter")
}

// An MCP server's tool is asked about like any other. Its form is filled in,
// declined or cancelled on the page, and the server gets just that. It is open
// in the terminal only once the hook has ended: for whoever is at the keyboard
// that is at once.
func TestElicitationOnThePage(t *testing.T) {
	name := claudetest.Use("mcp__demo__ask_name", map[string]any{})
	api := claudetest.NewAPI(t, claudetest.Script(
		claudetest.Use("mcp__demo__send_mail", map[string]any{"to": "jo@example.org"}), name, name, name, name, name))
	home := claudetest.NewHome(t, api, "tmux")
	withMCP(t, home)
	home.Args = append(home.Args, "--allowed-tools", "mcp__demo__ask_name")
	daemon := install(t, home)
	page := open(t, daemon.link)
	terminal := home.Start()
	terminal.Prompt("write to me")

	card := page.card("open", "send_mail", "jo@example.org")
	card.tap(approve)
	card.then("ran", "Approved by")
	told(t, api.Asked(2), "Sent.")

	card = page.card("open", "Your name?")
	card.write("f.q0", "Jo")
	card.tap(`button[value="answer:0"]`)
	card.then("delivered", "Answered by")
	told(t, api.Asked(3), `The person said {"action":"accept","content":{"name":"Jo"}}`)

	card = page.card("open", "Your name?")
	card.tap(refuse)
	card.then("delivered", "Denied by")
	told(t, api.Asked(4), `The person said {"action":"decline"}`)

	card = page.card("open", "Your name?")
	card.tap(`button[value="cancel:0"]`)
	card.then("delivered", "Cancelled by")
	told(t, api.Asked(5), `The person said {"action":"cancel"`)

	card = page.card("open", "Your name?")
	daemon.do("here")
	card.then("ended", "Handed back to the terminal: the person is back")
	decline(terminal)
	told(t, api.Asked(6), `The person said {"action":"decline"}`)
	offered := len(daemon.records(permit.RecordOffered))
	decline(terminal)
	told(t, api.Asked(7), `The person said {"action":"decline"}`)
	terminal.See("Done.")
	if n := len(daemon.records(permit.RecordOffered)); n != offered || page.buttons() != 0 {
		t.Errorf("whoever is there was asked elsewhere too, with %d buttons", page.buttons())
	}
}

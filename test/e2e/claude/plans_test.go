//go:build linux

package claude

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"claude-permission-daemon/internal/permit"
	"claude-permission-daemon/test/e2e/claudetest"
)

// plan writes a plan to the file that the client names in its first request,
// and goes on with these answers.
func plan(then ...claudetest.Answer) func(claudetest.Request) claudetest.Answer {
	rest := claudetest.Script(then...)
	return func(asked claudetest.Request) claudetest.Answer {
		if asked.Called("Write") {
			return rest(asked)
		}
		raw, err := json.Marshal(asked)
		if err != nil {
			panic(err) // it was read as JSON
		}
		return claudetest.Use("Write", map[string]any{"file_path": string(planFile.Find(raw)), "content": "## Plan\n1. Say hello\n"})
	}
}

// leave asks to leave plan mode, and notes writes a file.
var (
	leave = claudetest.Use("ExitPlanMode", map[string]any{})
	notes = claudetest.Use("Write", map[string]any{"file_path": "notes.txt", "content": "hello\n"})
)

// written is the plan's file, as it is on the disk.
func written(t *testing.T, home *claudetest.Home) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(home.Dir, ".claude", "plans", "*.md"))
	if err != nil || len(files) != 1 {
		t.Fatalf("plans: %v, %v", files, err)
	}
	text, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// A plan that is rejected comes back with the words in mind; one that is
// changed is carried out as changed. Each edit is still asked about.
func TestPlanRejectedThenChanged(t *testing.T) {
	api := claudetest.NewAPI(t, plan(leave, leave, notes))
	home := claudetest.NewHome(t, api, "tmux")
	daemon := install(t, home)
	page := open(t, daemon.link)
	terminal := home.Start("--permission-mode", "plan")
	terminal.Prompt("plan it please")

	card := page.card("open", "Say hello")
	card.deny("say it in French")
	card.then("delivered", "Denied by", "say it in French")
	told(t, api.Asked(3), "say it in French")

	card = page.card("open", "Say hello")
	if again := daemon.records(permit.RecordOpened)[1].Opened; again.Mode != "plan" {
		t.Errorf("it is asked again in the mode %s", again.Mode)
	}
	card.unfold("edit-0")
	card.write("f.text", "## Plan\n1. Say bonjour\n")
	card.tap(`button[value="edit:0"]`)
	card.then("ran", "Approved by", "with edits")
	told(t, api.Asked(4), "Say bonjour")
	if plan := written(t, home); !strings.Contains(plan, "Say bonjour") || strings.Contains(plan, "Say hello") {
		t.Errorf("the plan's file says %q", plan)
	}
	terminal.Gone("plan mode on")

	card = page.card("open", "notes.txt")
	card.tap(refuse)
	terminal.See("Done.")
	if home.Exists("notes.txt") {
		t.Error("the file was written")
	}
}

// A plan that is approved as it is ends plan mode. With "accept edits" the
// files that it needs are written without asking.
func TestPlanApproved(t *testing.T) {
	for _, test := range []struct {
		name  string
		tap   func(card)
		says  string
		asked bool // about the first file
	}{
		{"as it is", func(c card) { c.tap(approve) }, "Approved by", true},
		{"accept edits", func(c card) { c.unfold("accept_edits-0"); c.tap(`button[value="accept_edits:0"]`) }, "edits are accepted from here on", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			api := claudetest.NewAPI(t, plan(leave, notes))
			home := claudetest.NewHome(t, api, "tmux")
			daemon := install(t, home)
			page := open(t, daemon.link)
			terminal := home.Start("--permission-mode", "plan")
			terminal.Prompt("plan it please")

			card := page.card("open", "Say hello")
			test.tap(card)
			card.then("ran", test.says)
			told(t, api.Asked(3), "Say hello")
			if test.asked {
				file := page.card("open", "notes.txt")
				terminal.Gone("plan mode on")
				file.tap(approve)
				file.then("ran")
			}
			terminal.See("Done.")
			if !home.Exists("notes.txt") {
				t.Error("the file was not written")
			}
			if !test.asked {
				terminal.See("accept edits on")
			}
		})
	}
}

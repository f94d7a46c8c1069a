//go:build linux

package claude

import (
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"claude-permission-daemon/internal/claude/settings"
	"claude-permission-daemon/internal/permit"
	"claude-permission-daemon/test/e2e/claudetest"

	"github.com/chromedp/chromedp"
	"github.com/google/go-cmp/cmp"
)

// These tests are about what a person is told of and cannot answer. Beside our
// hook the client runs a recorder: it shows that Claude Code did send what the
// person is not told of, as it sends a notification for each dialog six seconds
// after that has opened, and one when a turn has ended for a while.

// notes are what the person was told so far, oldest first: class and text.
func (p *program) notes() (told [][2]string) {
	p.t.Helper()
	response, err := http.Get(p.link + "notes.json")
	if err != nil {
		p.t.Fatal(err)
	}
	defer response.Body.Close()
	var notes []permit.Note // newest first
	if err := json.NewDecoder(response.Body).Decode(&notes); err != nil {
		p.t.Fatal(err)
	}
	for _, n := range slices.Backward(notes) {
		told = append(told, [2]string{string(n.Class), n.Text})
	}
	return told
}

// told waits until the person was told as much, and compares it.
func (p *program) told(want ...[2]string) {
	p.t.Helper()
	claudetest.Wait(p.t, "the person is not told", func() bool { return len(p.notes()) >= len(want) })
	if diff := cmp.Diff(want, p.notes()); diff != "" {
		p.t.Errorf("what the person is told (-want +got):\n%s", diff)
	}
}

// request waits for the one open request, which must be in a state.
func (p *program) request(state string) string {
	p.t.Helper()
	claudetest.Wait(p.t, "there is no request that is "+state, func() bool {
		open := p.pending()
		return len(open) == 1 && open[0].State == state
	})
	return p.pending()[0].ID
}

// shows waits until a part of the page says all these texts.
func (p *page) shows(part string, texts ...string) {
	p.t.Helper()
	claudetest.Wait(p.t, fmt.Sprintf("%s does not say %q", part, texts), func() bool {
		shown, err := chromedp.Run(p.ctx, chromedp.Evaluate[string](fmt.Sprintf("(document.querySelector('%s') || {innerText: ''}).innerText", part)))
		if err != nil {
			p.t.Fatal(err)
		}
		return !slices.ContainsFunc(texts, func(text string) bool { return !strings.Contains(shown, text) })
	})
}

func TestNotes(t *testing.T) {
	t.Parallel()
	// begin has a client with our hook and the recorder, whose session is idle
	// half a second after a turn.
	begin := func(t *testing.T, events []string, notify string, answers ...claudetest.Answer) (*program, *claudetest.Recorder, *claudetest.TUI) {
		t.Helper()
		t.Parallel() // they wait for Claude Code, most of the time
		home, beside := recorded(t, claudetest.Script(answers...))
		home.State(map[string]any{"messageIdleNotifThresholdMs": 500})
		home.ProjectHooks([]string{"Notification", "Elicitation"}, beside.Command)
		daemon := serve(t, home, notify)
		home.Hooks(events, filepath.Join(daemon.dir, "claude-permission-hook"), "--socket", daemon.socket)
		return daemon, beside, home.Start()
	}
	const finished = "[notify]\nfinished = true\n"
	say := claudetest.Say

	// The end of a turn is told once, with the last words, and what a card shows
	// is told by that alone.
	t.Run("away", func(t *testing.T) {
		daemon, beside, terminal := begin(t, settings.Events(), finished, say("First."), touch("x"), say("Second."))
		page := open(t, daemon.link)
		terminal.Prompt("say something")
		beside.Await("idle_prompt")
		terminal.Prompt("make x please")
		id := daemon.request("offered")
		beside.Await("permission_prompt")
		daemon.do("approve", id)
		terminal.See("Second.")
		daemon.told([2]string{"finished", "First."}, [2]string{"finished", "Second."})
		page.shows("#notes", "Claude has finished", "First.", "Second.")
	})

	// Where the end of a turn is not told, the notification is; and so is a
	// dialog that no hook was asked about.
	t.Run("nothing else tells it", func(t *testing.T) {
		daemon, _, terminal := begin(t, []string{"Notification"}, "", say("First."), touch("x"))
		terminal.Prompt("say something")
		daemon.told([2]string{"idle", ""})
		terminal.Prompt("make x please")
		terminal.See(dialog)
		daemon.told([2]string{"idle", ""}, [2]string{"permission", ""})
	})

	// Whoever is there is told nothing. Whoever leaves is told what is still so.
	t.Run("present", func(t *testing.T) {
		daemon, beside, terminal := begin(t, settings.Events(), finished, say("First."), say("Second."), touch("x"), say("Third."))
		daemon.do("here")
		terminal.Prompt("say something")
		beside.Await("idle_prompt")
		daemon.told()
		daemon.do("away")
		daemon.told([2]string{"finished", "First."})

		daemon.do("here")
		terminal.Prompt("say more")
		terminal.See("Second.")
		terminal.Prompt("make x please")
		id := daemon.request("held")
		daemon.do("away")
		daemon.request("offered")
		daemon.do("approve", id)
		terminal.See("Third.")
		daemon.told([2]string{"finished", "First."}, [2]string{"finished", "Third."})
	})

	// A form's card goes as soon as the person is back, and the dialog comes. If
	// they leave it open and go, they are told.
	t.Run("form", func(t *testing.T) {
		const form = "requests your input"
		daemon, beside, terminal := begin(t, settings.Events(), finished, claudetest.Use("mcp__demo__ask_name", map[string]any{}))
		terminal.Prompt("ask me")
		daemon.do("approve", daemon.request("offered"))
		beside.Await(`"Elicitation"`)
		daemon.request("offered")
		daemon.told()
		daemon.do("here")
		terminal.See(form)
		beside.Await("elicitation_dialog")
		daemon.told()
		daemon.do("away")
		daemon.told([2]string{"elicitation", ""})
		terminal.Answer(form, "Escape")
		terminal.See("Done.")
		daemon.told([2]string{"elicitation", ""}, [2]string{"finished", "Done."})
	})
}

//go:build linux

package claude

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"claude-permission-daemon/internal/channel/slack/slacktest"
	"claude-permission-daemon/internal/journal"
	"claude-permission-daemon/internal/permit"
	"claude-permission-daemon/test/e2e/claudetest"
)

// rounds is how often something is killed: CPD_ROUNDS, or a few times.
func rounds() int {
	if n, err := strconv.Atoi(os.Getenv("CPD_ROUNDS")); err == nil {
		return n
	}
	return 6
}

var roundName = regexp.MustCompile(`r\d{3}x`)

// errands has the client run one command a prompt, each of which leaves a line
// in a file of its own.
func errands(asked claudetest.Request) claudetest.Answer {
	name := "" // of the newest prompt
	for _, m := range asked.Messages {
		for _, b := range m.Content {
			if found := roundName.FindString(b.Text); found != "" && m.Role == "user" {
				name = found
			}
		}
	}
	if len(asked.Results()) > 0 || name == "" {
		return claudetest.Say("Finished " + name + ".")
	}
	return claudetest.Use("Bash", map[string]any{"command": "echo done >> " + name, "description": "Leave a line"})
}

// killing is a client with our program and the loopback Slack.
type killing struct {
	t        *testing.T
	home     *claudetest.Home
	program  *program
	slack    *slacktest.Server
	terminal *claudetest.TUI
}

// card is the message about a round that was not deleted; ok: there is one.
func (k *killing) card(name string) (found slacktest.Message, live, ok bool) {
	for _, m := range k.slack.Messages("") {
		if !m.Deleted && strings.Contains(string(m.Blocks), name) {
			found, ok = m, true
			live = live || strings.Contains(string(m.Blocks), "cpd_approve")
		}
	}
	return found, live, ok
}

// tap presses Approve on a round's card until it has lost its buttons, and
// reports whether it was pressed at all. It gives up where no card appears.
func (k *killing) tap(ctx context.Context, name string) (pressed bool) {
	appears := time.Now().Add(8 * time.Second)
	for ctx.Err() == nil {
		m, live, ok := k.card(name)
		switch {
		case live:
			// Slack shows an error while no daemon is linked; then one presses again.
			if _, err := k.slack.Click(ctx, slacktest.Click{Channel: m.Channel, TS: m.TS, ActionID: "cpd_approve", User: "U0ALICE"}); err == nil {
				pressed = true
			}
		case ok, time.Now().After(appears):
			return pressed
		}
		time.Sleep(100 * time.Millisecond)
	}
	return pressed
}

// hook is a hook that the client runs now; 0: it runs none.
func hook(client int) int {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		stat, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		before, after, _ := strings.Cut(string(stat), ") ")
		if fields := strings.Fields(after); strings.Contains(before, "(claude-permissi") && len(fields) > 1 && fields[1] == strconv.Itoa(client) {
			pid, _ := strconv.Atoi(strings.Fields(before)[0])
			return pid
		}
	}
	return 0
}

// TestKilledAtRandom kills the daemon, the hook or Claude Code itself at a
// random moment between a prompt and the tap on its card. Whatever comes of it:
// no command runs twice, none without a tap, none is lost that was said to be
// delivered, and no card keeps its buttons.
func TestKilledAtRandom(t *testing.T) {
	api := claudetest.NewAPI(t, errands)
	home := claudetest.NewHome(t, api, "tmux")
	slack, err := slacktest.Start(slacktest.Options{BotToken: "xoxb-1-a", AppToken: "xapp-1-a", Users: []string{"U0ALICE"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(slack.Close)
	k := &killing{t: t, home: home, slack: slack}
	k.program = install(t, home, fmt.Sprintf("[slack]\nbot_token = \"xoxb-1-a\"\napp_token = \"xapp-1-a\"\nchannel = \"U0ALICE\"\napi_url = %q\n", slack.URL()))
	k.terminal = home.Start()
	rng := rand.New(rand.NewPCG(6, uint64(rounds())))
	tapped := make(map[string]bool)
	for i := range rounds() {
		name := fmt.Sprintf("r%03dx", i)
		tapped[name] = k.round(name, i%3, rng)
	}
	claudetest.Wait(t, "a card keeps its buttons", func() bool {
		for _, m := range slack.Messages("") {
			if !m.Deleted && strings.Contains(string(m.Blocks), "cpd_approve") {
				return false
			}
		}
		return true
	})
	k.judge(tapped)
}

// round lives through one prompt and reports whether Approve was pressed.
func (k *killing) round(name string, victim int, rng *rand.Rand) (pressed bool) {
	k.t.Helper()
	ctx, cancel := context.WithTimeout(k.t.Context(), time.Minute)
	defer cancel()
	k.terminal.Prompt("please do " + name)
	result := make(chan bool, 1)
	if rng.IntN(4) > 0 {
		go func() { result <- k.tap(ctx, name) }()
	} else {
		result <- false
	}
	time.Sleep(time.Duration(rng.IntN(900)) * time.Millisecond) // the random moment
	switch victim {
	case 0:
		k.program.kill()
		time.Sleep(time.Duration(rng.IntN(300)) * time.Millisecond)
		k.program.start()
	case 1:
		if pid := hook(k.terminal.PID()); pid != 0 {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	case 2:
		k.terminal.Kill()
		cancel() // whoever taps now taps on what is being settled
		pressed = <-result
		k.terminal = k.home.Start()
		return pressed
	}
	pressed = <-result
	// The person is back at the terminal, where the question is open, or was
	// answered.
	claudetest.Wait(k.t, "the round does not end", func() bool {
		screen := k.terminal.Screen()
		if strings.Contains(screen, dialog) || strings.Contains(screen, rewind) {
			k.terminal.Keys("Escape")
			time.Sleep(100 * time.Millisecond)
			return false
		}
		_, since, _ := strings.Cut(screen, "please do "+name) // of this round
		return strings.Contains(since, "Finished "+name) || strings.Contains(since, "Interrupted") && k.idle()
	})
	return pressed
}

// rewind is a line of the menu that a second Escape opens, where the first was
// slow to close the dialog.
const rewind = "Restore the code and/or conversation"

// idle reports whether the client has nothing to do for a moment.
func (k *killing) idle() bool {
	for range 5 {
		time.Sleep(50 * time.Millisecond)
		screen := k.terminal.Screen()
		for _, busy := range []string{dialog, rewind, "esc to interrupt"} {
			if strings.Contains(screen, busy) {
				return false
			}
		}
	}
	return true
}

// judge holds what ran against what was tapped and what the journal says.
func (k *killing) judge(tapped map[string]bool) {
	k.t.Helper()
	state := filepath.Join(k.home.Dir, ".local", "state", "claude-permission-daemon")
	if _, err := journal.Verify(state); err != nil {
		k.t.Error(err)
	}
	type told struct {
		outcome permit.OutcomeKind
		stage   permit.Stage
	}
	names, said := map[string]string{}, map[string]told{}
	if err := journal.Read(state, func(l journal.Line) bool {
		if l.Opened != nil {
			names[l.Request] = roundName.FindString(string(l.Opened.Input))
		}
		name := names[l.Request]
		now := said[name]
		if l.Outcome != nil {
			now.outcome = l.Outcome.Kind
		}
		if l.Stage != "" {
			now.stage = l.Stage
		}
		said[name] = now
		return true
	}); err != nil {
		k.t.Fatal(err)
	}
	ran, approved := 0, 0
	for name, pressed := range tapped {
		raw, _ := os.ReadFile(k.home.Path(name))
		lines := strings.Count(string(raw), "\n")
		journal := said[name]
		ran += lines
		if journal.outcome == permit.Approved {
			approved++
		}
		switch {
		case lines > 1:
			k.t.Errorf("%s ran %d times", name, lines)
		case lines == 1 && (!pressed || journal.outcome != permit.Approved):
			k.t.Errorf("%s ran; tapped: %v, journal: %+v", name, pressed, journal)
		case lines == 0 && journal.stage == permit.Ran:
			k.t.Errorf("%s did not run, and the journal says %+v", name, journal)
		}
	}
	k.t.Logf("%d rounds, %d commands ran, %d approvals on record", len(tapped), ran, approved)
	if ran == 0 {
		k.t.Error("nothing ran at all: the test shows nothing")
	}
}

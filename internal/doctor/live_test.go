//go:build unix

package doctor

import (
	"slices"
	"strings"
	"testing"
	"time"

	"claude-permission-daemon/internal/channel/slack/slacktest"
	"claude-permission-daemon/internal/version"
	"claude-permission-daemon/internal/wire"
)

// ids are the steps' ids with their results.
func ids(steps []Check) (said []string) {
	for _, s := range steps {
		said = append(said, s.ID+" "+string(s.Result))
	}
	return said
}

func TestLiveAnswersItself(t *testing.T) {
	r := newRig(t)
	r.start(version.Number)
	r.control(wire.Envelope{Op: wire.OpPresence, Presence: "here"}, nil) // where a real question would be held back
	var reported []Check
	steps := Live(t.Context(), r.o, 0, func(c Check) { reported = append(reported, c) })
	want := []string{"live-hook ok", "live-web ok", "live-slack ok", "live-tap ok", "live-answer ok"}
	if got := ids(steps); !slices.Equal(got, want) || !slices.Equal(ids(reported), want) {
		t.Fatalf("steps %q, reported %q: %+v", got, ids(reported), steps)
	}
	if last := steps[len(steps)-1]; !strings.Contains(last.Detail, `"allow"`) || !strings.Contains(last.Detail, " ms after the answer") {
		t.Errorf("the end: %s", last.Detail)
	}
	for _, s := range steps[:3] {
		if !strings.Contains(s.Detail, " ms") {
			t.Errorf("%s tells no time: %s", s.ID, s.Detail)
		}
	}
	r.nothingOpen()
}

// A tap on the card in Slack answers it too.
func TestLiveTapped(t *testing.T) {
	r := newRig(t)
	r.start(version.Number)
	tapped := make(chan error, 1)
	steps := Live(t.Context(), r.o, time.Minute, func(c Check) {
		if c.ID != "live-slack" {
			return
		}
		if !strings.Contains(c.Detail, "tap it within 1m") {
			t.Errorf("nobody is told to tap: %s", c.Detail)
		}
		go func() { tapped <- r.tap("deny") }()
	})
	if err := <-tapped; err != nil {
		t.Fatal(err)
	}
	if got, want := ids(steps), []string{"live-hook ok", "live-web ok", "live-slack ok", "live-tap ok", "live-answer ok"}; !slices.Equal(got, want) {
		t.Fatalf("steps %q: %+v", got, steps)
	}
	if last := steps[len(steps)-1]; !strings.Contains(last.Detail, `"deny"`) {
		t.Errorf("the end: %s", last.Detail)
	}
	r.nothingOpen()
}

// Nobody taps: the program answers, and does not call it a tap.
func TestLiveNobodyTaps(t *testing.T) {
	r := newRig(t)
	r.start(version.Number)
	steps := Live(t.Context(), r.o, 50*time.Millisecond, func(Check) {})
	tap := one(t, steps, "live-tap")
	if tap.Result != Warn || !strings.Contains(tap.Detail, "nobody tapped") || one(t, steps, "live-answer").Result != OK {
		t.Errorf("steps %+v", steps)
	}
	r.nothingOpen()
}

func TestLiveFailures(t *testing.T) {
	t.Run("no daemon", func(t *testing.T) {
		r := newRig(t)
		if got := ids(Live(t.Context(), r.o, 0, func(Check) {})); !slices.Equal(got, []string{"live-daemon fail"}) {
			t.Errorf("steps %q", got)
		}
	})
	t.Run("no hook", func(t *testing.T) {
		r := newRig(t)
		r.script(hookProgram, "echo it cannot >&2; exit 1")
		r.start(version.Number)
		steps := Live(t.Context(), r.o, 0, func(Check) {})
		if got := ids(steps); !slices.Equal(got, []string{"live-hook fail"}) || !strings.Contains(steps[0].Detail, "it cannot") {
			t.Errorf("steps %+v", steps)
		}
	})
	t.Run("Slack refuses the card", func(t *testing.T) {
		r := newRig(t)
		r.slack.Fail("chat.postMessage", slacktest.Fault{Error: "not_in_channel"})
		r.start(version.Number)
		steps := Live(t.Context(), r.o, 0, func(Check) {})
		if c := one(t, steps, "live-slack"); c.Result != Warn || !strings.Contains(c.Detail, "not_in_channel") {
			t.Errorf("steps %+v", steps)
		}
		if one(t, steps, "live-answer").Result != OK {
			t.Errorf("the page would have done: %+v", steps)
		}
	})
}

// tap taps a button of the card in Slack.
func (r *rig) tap(verb string) error {
	action := "cpd_" + verb
	m, err := r.slack.WaitMessage(r.t.Context(), func(m slacktest.Message) bool { return strings.Contains(string(m.Blocks), `"`+action+`"`) })
	if err != nil {
		return err
	}
	_, err = r.slack.Click(r.t.Context(), slacktest.Click{User: "U0ALICE", Channel: m.Channel, TS: m.TS, ActionID: action})
	return err
}

// nothingOpen: the trial leaves no request behind.
func (r *rig) nothingOpen() {
	r.t.Helper()
	var open []wire.Pending
	r.control(wire.Envelope{Op: wire.OpPending}, &open)
	if len(open) != 0 {
		r.t.Errorf("still open: %+v", open)
	}
}

package faults

import (
	"context"
	"strings"
	"syscall"
	"testing"
	"time"

	"claude-permission-daemon/internal/channel/slack/slacktest"
	"claude-permission-daemon/internal/permit"
)

// TestHookGoneMeanwhile: the hook dies while there is no daemon. The next one
// waits for it as long as [daemon] reattach says, and settles its card; a tap in
// between approves nothing.
func TestHookGoneMeanwhile(t *testing.T) {
	for _, tapped := range []bool{false, true} {
		h := newHouse(t)
		h.config("[daemon]\nreattach = 3\n")
		h.start()
		h.run("away")
		ctx, cancel := context.WithTimeout(context.Background(), 90*time.Second)
		defer cancel()
		a := h.ask("s000")
		if _, err := h.card(ctx, "s000", true); err != nil {
			t.Fatalf("%v\n%s", err, h.log)
		}
		h.kill()
		_ = a.cmd.Process.Kill()
		<-a.done
		h.start()
		if tapped {
			if err := h.tap(ctx, "s000", "cpd_approve"); err != nil {
				t.Fatalf("%v\n%s", err, h.log)
			}
		}
		card, err := h.slack.WaitMessage(ctx, func(m slacktest.Message) bool {
			return strings.Contains(string(m.Blocks), "echo s000") && strings.Contains(string(m.Blocks), "look at the terminal") && !strings.Contains(string(m.Blocks), "cpd_approve")
		})
		if err != nil {
			t.Fatalf("tapped %v: the card does not say so: %v\n%s", tapped, err, h.log)
		}
		if strings.Contains(string(card.Blocks), "delivered to Claude Code") {
			t.Errorf("tapped %v: the card says %s", tapped, card.Blocks)
		}
		if out := a.stdout.String(); out != "" {
			t.Errorf("a dead hook printed %q", out)
		}
		want := permit.Gone
		if tapped {
			want = permit.Approved // and not delivered
		}
		for _, got := range h.outcomes() {
			if got != want {
				t.Errorf("tapped %v: outcome %s, want %s", tapped, got, want)
			}
		}
		h.wantNoLiveCards()
		h.verify()
		h.kill()
	}
}

// TestHookFrozen: a hook that cannot move gets its answer when it can, and the
// card does not say delivered before.
func TestHookFrozen(t *testing.T) {
	h := newHouse(t)
	h.start()
	h.run("away")
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	a := h.ask("s000")
	if _, err := h.card(ctx, "s000", true); err != nil {
		t.Fatal(err)
	}
	if err := a.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	if err := h.tap(ctx, "s000", "cpd_approve"); err != nil {
		t.Fatal(err)
	}
	card, err := h.card(ctx, "s000", false)
	if err != nil {
		t.Fatal(err)
	}
	if text := string(card.Blocks); !strings.Contains(text, "waiting for Claude Code to take it") || strings.Contains(text, "delivered to Claude Code") {
		t.Errorf("with the hook frozen, the card says %s", text)
	}
	if err := a.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	if out := a.wait(t, 30*time.Second); !strings.Contains(out, `"allow"`) {
		t.Errorf("the thawed hook printed %q", out)
	}
	if _, err := h.slack.WaitMessage(ctx, func(m slacktest.Message) bool {
		return strings.Contains(string(m.Blocks), "echo s000") && strings.Contains(string(m.Blocks), "delivered to Claude Code")
	}); err != nil {
		t.Errorf("the card never says delivered: %v", err)
	}
	h.wantNoLiveCards()
	h.verify()
}

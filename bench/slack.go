package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"claude-permission-daemon/internal/channel/slack/slacktest"
)

// slackRounds is how many cards are posted and tapped, slackPause apart: the
// channel posts one a second, as Slack demands.
const (
	slackRounds = 60
	slackPause  = 1100 * time.Millisecond
)

// throughSlack times the whole way with the loopback Slack: from the hook's
// start to the card on the wire, and from a tap to the hook's end.
func throughSlack(ctx context.Context, b *bench) (err error) {
	peer, err := slacktest.Start(slacktest.Options{BotToken: "xoxb-1-bench", AppToken: "xapp-1-bench", Users: []string{"U0BENCH"}})
	if err != nil {
		return err
	}
	defer peer.Close()
	d, err := startDaemon(ctx, b, slackConfig(peer))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.stop()) }()
	if _, err := output(ctx, d.binary, "--socket", d.socket, "away"); err != nil {
		return err
	}
	var posted, answered []time.Duration
	for i := range slackRounds {
		if err := sleep(ctx, slackPause); err != nil {
			return err
		}
		toCard, toEnd, err := slackRound(ctx, b, d, peer, fmt.Sprintf("round-%d", i))
		if err != nil {
			return err
		}
		if i > 0 { // the first one opens connections
			posted, answered = append(posted, toCard), append(answered, toEnd)
		}
	}
	slices.Sort(posted)
	slices.Sort(answered)
	row := func(what string, times []time.Duration, goal string) {
		fmt.Fprintf(b.stdout, "  %-44s p50 %6s   p90 %6s   p99 %6s   (goal: p99 at most %s)\n", what, ms(at(times, 50)), ms(at(times, 90)), ms(at(times, 99)), goal)
	}
	row("hook started → chat.postMessage has arrived", posted, "20")
	row("tap sent → hook ended", answered, "10")
	if _, resident, err := look(d.cmd.Process.Pid); err == nil {
		fmt.Fprintf(b.stdout, "  the daemon with Slack connected: %.1f MiB resident (goal: at most 25)\n", float64(resident)/1024)
	}
	return nil
}

func slackConfig(peer *slacktest.Server) string {
	return fmt.Sprintf("[slack]\nbot_token = \"xoxb-1-bench\"\napp_token = \"xapp-1-bench\"\nchannel = \"U0BENCH\"\napi_url = %q\n", peer.URL())
}

func slackRound(ctx context.Context, b *bench, d *theDaemon, peer *slacktest.Server, session string) (toCard, toEnd time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	event, err := json.Marshal(map[string]any{"hook_event_name": "PermissionRequest", "session_id": session, "cwd": "/", "tool_name": "Bash",
		"tool_input": map[string]string{"command": "echo " + session + "."}})
	if err != nil {
		return 0, 0, err
	}
	hook := exec.CommandContext(ctx, filepath.Join(b.dir, "hook-"+ours), "--socket", d.socket)
	var out bytes.Buffer
	hook.Stdin, hook.Stdout, hook.Env = bytes.NewReader(event), &out, append(os.Environ(), "CLAUDE_CODE_SESSION_ATTENDED=1")
	start := time.Now()
	if err := hook.Start(); err != nil {
		return 0, 0, err
	}
	call, err := peer.WaitCall(ctx, "chat.postMessage", func(c slacktest.Call) bool { return strings.Contains(c.Args["blocks"], "echo "+session+".") })
	if err != nil {
		return 0, 0, errors.Join(err, hook.Wait())
	}
	card, err := peer.WaitMessage(ctx, func(m slacktest.Message) bool { return strings.Contains(string(m.Blocks), "echo "+session+".") })
	if err != nil {
		return 0, 0, errors.Join(err, hook.Wait())
	}
	ended := make(chan time.Time, 1)
	var waited error
	go func() { waited = hook.Wait(); ended <- time.Now() }()
	tapped := time.Now()
	_, err = peer.Click(ctx, slacktest.Click{Channel: card.Channel, TS: card.TS, ActionID: "cpd_approve", User: "U0BENCH"})
	end := <-ended
	switch {
	case err != nil || waited != nil:
		return 0, 0, errors.Join(err, waited)
	case !strings.Contains(out.String(), `"allow"`):
		return 0, 0, fmt.Errorf("the hook printed %q", out.String())
	}
	return call.At.Sub(start), end.Sub(tapped), nil
}

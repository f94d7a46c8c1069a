package slacktest_test

import (
	"testing"

	"claude-permission-daemon/internal/channel/slack/slacktest"
)

func TestClickReachesTheAppAndItsAckComesBack(t *testing.T) {
	s, c := start(t, slacktest.Options{})
	k := c.dial(nil)
	hello := k.next(t, "hello")
	if hello["num_connections"] != 1.0 {
		t.Errorf("hello: %v", hello)
	}
	ts := c.post()
	got, err := s.Click(c.ctx, slacktest.Click{Channel: "D0ALICE", TS: ts, ActionID: "approve"})
	if err != nil || !got.Acked || got.Conn != got.AckConn {
		t.Fatalf("click: %+v %v", got, err)
	}
	env := k.next(t, "interactive")
	payload := env["payload"].(map[string]any)
	action := payload["actions"].([]any)[0].(map[string]any)
	if action["value"] != "r1" || action["block_id"] != "decide-1" {
		t.Errorf("action: %v", action)
	}
	if channel := payload["channel"].(map[string]any); channel["id"] != "D0ALICE" || channel["name"] != "directmessage" {
		t.Errorf("channel: %v", channel)
	}
}

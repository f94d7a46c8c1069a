package slacktest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"
)

// Say is a message that a person writes.
type Say struct {
	Channel, ThreadTS string // Channel is by default the person's DM
	User, Team        string
	Text              string
}

// Say writes a message; the app gets it as an event. An event that is not acked
// comes again after each of Options.EventRetries, and Say waits for that: the
// Delivery is that of the last attempt.
func (s *Server) Say(ctx context.Context, say Say) (Message, Delivery, error) {
	s.mu.Lock()
	user, team := s.person(say.User, say.Team)
	if say.Channel == "" {
		say.Channel = DM(user)
	}
	where := s.store.open(say.Channel)
	if where == nil {
		s.mu.Unlock()
		return Message{}, Delivery{}, errors.New("cannot say: no such channel")
	}
	m := &Message{Channel: where.id, ThreadTS: say.ThreadTS, User: user, Text: escape(say.Text)}
	m.Blocks = mustJSON([]any{map[string]any{"type": "rich_text", "block_id": hexes(3)[:5], "elements": []any{
		map[string]any{"type": "rich_text_section", "elements": []any{map[string]any{"type": "text", "text": say.Text}}},
	}}})
	s.add(m, "say")
	kind := "channel"
	if where.dm != "" {
		kind = "im"
	}
	event := s.messageJSON(m, false)
	event["team"] = team
	maps.Copy(event, map[string]any{
		"channel": where.id, "channel_type": kind, "event_ts": m.TS, "client_msg_id": uuid(),
	})
	s.serial++
	payload := mustJSON(map[string]any{
		"token": "loopback-verification", "team_id": s.opt.Team, "api_app_id": s.opt.AppID, "event": event,
		"type": "event_callback", "event_id": fmt.Sprintf("Ev%09d", s.serial), "event_time": time.Now().Unix(),
		"authorizations": []any{map[string]any{
			"enterprise_id": nil, "team_id": s.opt.Team, "user_id": s.opt.BotUser, "is_bot": true, "is_enterprise_install": false,
		}},
		"is_ext_shared_channel": false, "event_context": "4-" + hexes(8),
	})
	said := m.copy()
	s.mu.Unlock()

	var d Delivery
	for attempt := 0; ; attempt++ {
		env := map[string]any{
			"envelope_id": uuid(), "payload": payload, "type": "events_api", "accepts_response_payload": false,
			"retry_attempt": attempt, "retry_reason": map[bool]string{true: "timeout"}[attempt > 0],
		}
		var err error
		d, err = s.deliver(ctx, mustJSON(env), 0)
		if err != nil || d.Acked || attempt == len(s.opt.EventRetries) {
			return said, d, err
		}
		t := time.NewTimer(s.opt.EventRetries[attempt])
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return said, d, context.Cause(ctx)
		case <-s.done:
			t.Stop()
			return said, d, errors.New("cannot say: the server closed")
		}
	}
}

func escape(text string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(text)
}

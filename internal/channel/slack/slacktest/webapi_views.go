package slacktest

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// View is an open modal.
type View struct {
	ID, Hash        string
	User            string // whose screen it is on
	CallbackID      string
	PrivateMetadata string
	View            json.RawMessage // as Slack returns it
	Opened          time.Time
	Updates         int
}

type view struct {
	View
	doc  map[string]any
	team string
}

// trigger is a trigger_id: it opens one modal, soon.
type trigger struct {
	born       time.Time
	user, team string
	used       bool
}

// newTrigger is called with mu held.
func (s *Server) newTrigger(user, team string) string {
	s.serial++
	id := fmt.Sprintf("%d.%d.%s", 1000000+s.serial, 2000000, hexes(16))
	s.triggers[id] = &trigger{born: time.Now(), user: user, team: team}
	return id
}

func (s *Server) viewsOpen(req *request) reply {
	t := s.triggers[req.arg("trigger_id")]
	switch {
	case t == nil:
		return refuse("invalid_trigger_id")
	case t.used:
		return refuse("exchanged_trigger_id")
	case time.Since(t.born) > s.opt.TriggerLife:
		return refuse("expired_trigger_id")
	}
	doc, r := s.checkView(req.arg("view"))
	if r != nil {
		return r // a refused view does not use the trigger up
	}
	t.used = true
	s.serial++
	v := &view{View: View{ID: fmt.Sprintf("V%09d", s.serial), User: t.user, Opened: time.Now()}, team: t.team}
	s.redraw(v, doc)
	s.views = append(s.views, v)
	return reply{"view": v.View.View}
}

func (s *Server) viewsUpdate(req *request) reply {
	var found *view
	for _, v := range s.views {
		external, _ := v.doc["external_id"].(string)
		if v.ID == req.arg("view_id") || external != "" && external == req.arg("external_id") {
			found = v
		}
	}
	if found == nil {
		return refuse("not_found")
	}
	if h := req.arg("hash"); h != "" && h != found.Hash {
		return refuse("hash_conflict")
	}
	doc, r := s.checkView(req.arg("view"))
	if r != nil {
		return r
	}
	found.Updates++
	s.redraw(found, doc)
	return reply{"view": found.View.View}
}

// redraw gives the view its content and everything that Slack adds.
func (s *Server) redraw(v *view, doc map[string]any) {
	text := func(key string) string { t, _ := doc[key].(string); return t }
	flag := func(key string) bool { t, _ := doc[key].(bool); return t }
	v.Hash = fmt.Sprintf("%d.%s", time.Now().Unix(), hexes(4))
	v.CallbackID, v.PrivateMetadata = text("callback_id"), text("private_metadata")
	v.doc = map[string]any{
		"id": v.ID, "team_id": v.team, "type": "modal", "blocks": doc["blocks"], "private_metadata": v.PrivateMetadata,
		"callback_id": v.CallbackID, "state": map[string]any{"values": map[string]any{}}, "hash": v.Hash,
		"title": doc["title"], "clear_on_close": flag("clear_on_close"), "notify_on_close": flag("notify_on_close"),
		"close": doc["close"], "submit": doc["submit"], "previous_view_id": nil, "root_view_id": v.ID,
		"app_id": s.opt.AppID, "external_id": text("external_id"), "app_installed_team_id": s.opt.Team, "bot_id": s.opt.BotID,
	}
	v.View.View = mustJSON(v.doc)
	s.bump()
}

func (s *Server) checkView(raw string) (map[string]any, reply) {
	var doc map[string]any
	if unmarshal([]byte(raw), &doc) != nil || doc == nil {
		return nil, refuse("invalid_arguments", "failed to match all allowed schemas [json-pointer:/view]")
	}
	if len(raw) > 250<<10 {
		return nil, refuse("view_too_large")
	}
	if problems := s.checkModal(doc); len(problems) > 0 {
		return nil, refuse("invalid_arguments", problems...)
	}
	return doc, nil
}

// Views are the modals that are open, oldest first.
func (s *Server) Views() []View {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]View, len(s.views))
	for i, v := range s.views {
		out[i] = v.View
	}
	return out
}

// WaitView waits for an open modal that satisfies want (nil: any).
func (s *Server) WaitView(ctx context.Context, want func(View) bool) (View, error) {
	v, err := await(ctx, s, func(int) (View, bool) {
		for _, v := range s.Views() {
			if want == nil || want(v) {
				return v, true
			}
		}
		return View{}, false
	})
	if err != nil {
		return v, fmt.Errorf("cannot find the modal waited for: %w", err)
	}
	return v, nil
}

// CheckView says what Slack would refuse of a modal; nil: nothing.
func (s *Server) CheckView(view json.RawMessage) []string {
	_, r := s.checkView(string(view))
	if r == nil {
		return nil
	}
	said, _ := r["response_metadata"].(map[string]any)
	return []string{fmt.Sprint(r["error"], " ", said["messages"])}
}

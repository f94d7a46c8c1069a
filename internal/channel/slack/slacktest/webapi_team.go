package slacktest

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// This file has the methods about the workspace: who am I, the socket's ticket,
// people, conversations.

func (s *Server) authTest(req *request) reply {
	if req.Token == AppToken {
		return reply{"app_name": "Claude approvals", "app_id": s.opt.AppID}
	}
	return reply{
		"url": "https://" + s.opt.TeamDomain + ".slack.com/", "team": s.opt.TeamDomain, "user": "claude",
		"team_id": s.opt.Team, "user_id": s.opt.BotUser, "bot_id": s.opt.BotID, "is_enterprise_install": false,
	}
}

func (s *Server) connectionsOpen(*request) reply {
	ticket := uuid()
	s.tickets[ticket] = time.Now()
	return reply{"url": s.base("ws") + "/link/?ticket=" + ticket + "&app_id=" + hexes(32)}
}

// userName is what a person is called.
func userName(id string) string { return strings.ToLower(strings.TrimLeft(id, "UW0123456789")) }

func (s *Server) userJSON(id string) map[string]any {
	name := userName(id)
	profile := map[string]any{"real_name": name, "display_name": name}
	if slices.Contains(s.scopes, "users:read.email") {
		profile["email"] = Email(id)
	}
	return map[string]any{
		"id": id, "team_id": s.store.people[id], "name": name, "real_name": name, "deleted": false,
		"is_bot": id == s.opt.BotUser, "tz": "Etc/UTC", "tz_offset": 0, "profile": profile,
	}
}

// Email is the address of a person of the workspace.
func Email(user string) string { return userName(user) + "@example.com" }

func (s *Server) usersInfo(req *request) reply {
	if s.store.people[req.arg("user")] == "" {
		return refuse("user_not_found")
	}
	return reply{"user": s.userJSON(req.arg("user"))}
}

func (s *Server) usersLookupByEmail(req *request) reply {
	for id := range s.store.people {
		if id != s.opt.BotUser && strings.EqualFold(Email(id), req.arg("email")) {
			return reply{"user": s.userJSON(id)}
		}
	}
	return refuse("users_not_found")
}

func (s *Server) usersGetPresence(req *request) reply {
	if s.store.people[req.arg("user")] == "" {
		return refuse("user_not_found")
	}
	return reply{"presence": "active"}
}

func (s *Server) conversationsOpen(req *request) reply {
	users := strings.Split(req.arg("users"), ",")
	switch {
	case req.arg("users") == "":
		return refuse("users_list_not_supplied")
	case len(users) > 1:
		return refuse("method_not_supported_for_channel_type") // this workspace has no group DMs
	case s.store.people[users[0]] == "":
		return refuse("user_not_found")
	case users[0] == s.opt.BotUser:
		return refuse("cannot_dm_bot")
	}
	had := s.store.channels[DM(users[0])] != nil
	c := s.store.open(users[0])
	return reply{"no_op": had, "already_open": had, "channel": map[string]any{"id": c.id}}
}

// history picks messages of a conversation, in the order they came.
func (s *Server) history(req *request, in func(*Message) bool) ([]*Message, reply) {
	c := s.store.open(req.arg("channel"))
	if c == nil || c.id != req.arg("channel") { // a person's id does not do here
		return nil, refuse("channel_not_found")
	}
	scope := "channels:history"
	switch c.id[0] {
	case 'D':
		scope = "im:history"
	case 'G':
		scope = "groups:history"
	}
	if r := s.need(req, scope); r != nil {
		return nil, r
	}
	if !c.member {
		return nil, refuse("not_in_channel")
	}
	oldest, latest := req.arg("oldest"), req.arg("latest")
	var out []*Message
	for _, m := range s.store.all {
		if m.Channel != c.id || m.Deleted || m.EphemeralTo != "" || !in(m) {
			continue
		}
		after := oldest == "" || tsLess(oldest, m.TS) || req.yes("inclusive", false) && oldest == m.TS
		before := latest == "" || tsLess(m.TS, latest) || req.yes("inclusive", false) && latest == m.TS
		if after && before {
			out = append(out, m)
		}
	}
	return out, nil
}

// page cuts a list by limit and cursor and makes the answer.
func (s *Server) page(req *request, all []*Message) reply {
	start := 0
	if cursor := req.arg("cursor"); cursor != "" {
		n, err := strconv.Atoi(strings.TrimPrefix(cursor, "next:"))
		if err != nil || n < 0 || n > len(all) {
			return refuse("invalid_cursor")
		}
		start = n
	}
	limit := 100
	if l := req.arg("limit"); l != "" {
		n, err := strconv.Atoi(l)
		if err != nil || n < 1 || n > 999 {
			return refuse("invalid_limit")
		}
		limit = n
	}
	end := min(start+limit, len(all))
	messages := []map[string]any{}
	for _, m := range all[start:end] {
		j := s.messageJSON(m, req.yes("include_all_metadata", false))
		if replies := s.replies(m); len(replies) > 0 {
			j["thread_ts"], j["reply_count"] = m.TS, len(replies)
			j["latest_reply"] = replies[len(replies)-1].TS
		}
		messages = append(messages, j)
	}
	r := reply{"messages": messages, "has_more": end < len(all)}
	if end < len(all) {
		r["response_metadata"] = map[string]any{"next_cursor": "next:" + strconv.Itoa(end)}
	}
	return r
}

func (s *Server) replies(parent *Message) []*Message {
	var out []*Message
	for _, m := range s.store.all {
		if m.Channel == parent.Channel && m.ThreadTS == parent.TS && m.TS != parent.TS && !m.Deleted && m.EphemeralTo == "" {
			out = append(out, m)
		}
	}
	return out
}

// conversationsHistory is newest first and without the replies in threads.
func (s *Server) conversationsHistory(req *request) reply {
	all, r := s.history(req, func(m *Message) bool { return m.ThreadTS == "" || m.ThreadTS == m.TS })
	if r != nil {
		return r
	}
	slices.Reverse(all)
	return s.page(req, all)
}

// conversationsReplies is the parent and then its replies, oldest first.
func (s *Server) conversationsReplies(req *request) reply {
	ts := req.arg("ts")
	all, r := s.history(req, func(m *Message) bool { return m.TS == ts || m.ThreadTS == ts })
	if r != nil {
		return r
	}
	if len(all) == 0 {
		return refuse("thread_not_found")
	}
	return s.page(req, all)
}

func wellFormedTS(ts string) bool {
	whole, frac, ok := strings.Cut(ts, ".")
	digits := strings.Trim(whole+frac, "0123456789") == ""
	return ok && digits && whole != "" && len(frac) == 6
}

// tsLess compares as numbers: a bare "1700000000" is a ts too.
func tsLess(a, b string) bool {
	x, _ := strconv.ParseFloat(a, 64)
	y, _ := strconv.ParseFloat(b, 64)
	return x < y
}

package slacktest

import (
	"encoding/json"
	"time"
)

// content is what a message says: the arguments text, blocks and metadata, as
// chat.postMessage, chat.postEphemeral, chat.update and response_url take them.
type content struct {
	text     string
	blocks   json.RawMessage // normalised; nil for none
	metadata json.RawMessage // nil for none
	hasMeta  bool            // metadata was mentioned
}

// maxUpdateText is from field reports of msg_too_long on chat.update;
// maxPostText is where chat.postMessage truncates by its manual.
const (
	maxUpdateText = 4000
	maxPostText   = 40000
)

// unseen is the text Slack gives a message that has blocks and no text.
const unseen = "This content can't be displayed."

// content reads and checks. A nil reply means that all is well.
func (s *Server) content(req *request) (content, reply) {
	c := content{text: req.arg("text")}
	if raw := req.arg("blocks"); raw != "" {
		blocks, r := s.checkBlocks([]byte(raw), inMessage)
		if r != nil {
			return c, r
		}
		if len(blocks) > 0 {
			c.blocks = mustJSON(blocks)
		}
	}
	if raw := req.arg("metadata"); raw != "" {
		meta, r := checkMetadata([]byte(raw))
		if r != nil {
			return c, r
		}
		c.metadata, c.hasMeta = meta, true
	}
	if s.opt.Harsh {
		c.text = harshText(c.text, true, true)
	}
	return c, nil
}

// place finds where to post.
func (s *Server) place(id string) (*conversation, reply) {
	if id == "" {
		return nil, refuse("channel_not_found")
	}
	c := s.store.open(id)
	switch {
	case c == nil:
		return nil, refuse("channel_not_found")
	case !c.member:
		return nil, refuse("not_in_channel")
	case c.dm != "" && s.opt.NoMessagesTab:
		return nil, refuse("messages_tab_disabled")
	case c.dm == s.opt.BotUser:
		return nil, refuse("cannot_dm_bot")
	}
	return c, nil
}

// post is what chat.postMessage and chat.postEphemeral have in common: all but
// adding the message.
func (s *Server) post(req *request, where *conversation) (*Message, reply) {
	if r := s.limit(req, "post "+where.id, time.Second, 1); r != nil {
		return nil, r
	}
	c, r := s.content(req)
	if r != nil {
		return nil, r
	}
	if c.text == "" && c.blocks == nil {
		return nil, refuse("no_text")
	}
	thread := req.arg("thread_ts")
	if thread != "" && !wellFormedTS(thread) {
		return nil, refuse("invalid_thread_ts") // one that nobody knows is taken
	}
	if runes := []rune(c.text); len(runes) > maxPostText {
		c.text = string(runes[:maxPostText])
	}
	if c.text == "" {
		c.text = unseen
	}
	return &Message{
		Channel: where.id, ThreadTS: thread, User: s.opt.BotUser, BotID: s.opt.BotID,
		Text: c.text, Blocks: c.blocks, Metadata: c.metadata,
		UnfurlLinks: req.yes("unfurl_links", true), UnfurlMedia: req.yes("unfurl_media", true),
	}, nil
}

func (s *Server) chatPostMessage(req *request) reply {
	where, r := s.place(req.arg("channel"))
	if r != nil {
		return r
	}
	m, r := s.post(req, where)
	if r != nil {
		return r
	}
	s.add(m, req.Method)
	return reply{"channel": where.id, "ts": m.TS, "message": s.messageJSON(m, true)}
}

func (s *Server) chatPostEphemeral(req *request) reply {
	where, r := s.place(req.arg("channel"))
	if r != nil {
		return r
	}
	user := req.arg("user")
	if s.store.people[user] == "" || where.dm != "" && where.dm != user {
		return refuse("user_not_in_channel")
	}
	m, r := s.post(req, where)
	if r != nil {
		return r
	}
	m.EphemeralTo, m.Metadata = user, nil
	s.add(m, req.Method)
	return reply{"message_ts": m.TS}
}

// own finds a message that the bot may change.
func (s *Server) own(req *request, otherwise string) (*Message, reply) {
	id := req.arg("channel")
	if s.store.channels[id] == nil {
		return nil, refuse("channel_not_found") // a person's id does not do here
	}
	m := s.store.byTS[id+"|"+req.arg("ts")]
	if m == nil || m.Deleted || m.EphemeralTo != "" {
		return nil, refuse("message_not_found")
	}
	if m.BotID != s.opt.BotID {
		return nil, refuse(otherwise)
	}
	return m, nil
}

// chatUpdate keeps blocks only if neither blocks nor text is given, and text
// without blocks removes them, as the chat.update page has it. Metadata that is
// not mentioned stays.
func (s *Server) chatUpdate(req *request) reply {
	m, r := s.own(req, "cant_update_message")
	if r != nil {
		return r
	}
	c, r := s.content(req)
	if r != nil {
		return r
	}
	if c.text == "" && c.blocks == nil {
		return refuse("no_text")
	}
	if units(c.text) > maxUpdateText {
		return refuse("msg_too_long")
	}
	if c.text == "" {
		c.text = unseen
	}
	m.Text, m.Blocks = c.text, c.blocks
	if c.hasMeta {
		m.Metadata = c.metadata
	}
	s.changedMessage(m, req.Method)
	return reply{"channel": m.Channel, "ts": m.TS, "text": m.Text, "message": s.messageJSON(m, true)}
}

func (s *Server) chatDelete(req *request) reply {
	m, r := s.own(req, "cant_delete_message")
	if r != nil {
		return r
	}
	m.Deleted = true
	m.rev = s.bump()
	return reply{"channel": m.Channel, "ts": m.TS}
}

// messageJSON is a message as Slack returns it.
func (s *Server) messageJSON(m *Message, metadata bool) map[string]any {
	out := map[string]any{
		"type": "message", "user": m.User, "ts": m.TS, "text": m.Text, "team": s.opt.Team,
	}
	if m.BotID != "" {
		out["bot_id"], out["app_id"] = m.BotID, s.opt.AppID
	}
	if m.Blocks != nil {
		out["blocks"] = m.Blocks
	}
	if m.ThreadTS != "" {
		out["thread_ts"] = m.ThreadTS
	}
	if m.Updates > 0 {
		last := m.Versions[len(m.Versions)-1].At
		out["edited"] = map[string]any{"user": m.BotID, "ts": formatTS(last.UnixMicro())}
	}
	if metadata && m.Metadata != nil {
		out["metadata"] = m.Metadata
	}
	if len(m.Files) > 0 {
		var files []map[string]any
		for _, id := range m.Files {
			files = append(files, s.fileJSON(id))
		}
		out["files"] = files
	}
	return out
}

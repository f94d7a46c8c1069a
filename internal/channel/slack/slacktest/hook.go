package slacktest

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"
)

// hook is a response_url: five uses within half an hour, no token.
type hook struct {
	born time.Time
	uses int
	m    *Message
	user string
}

const hookUses = 5

// newHook is called with mu held.
func (s *Server) newHook(m *Message, user string) string {
	secret := hexes(12)
	s.hooks[secret] = &hook{born: time.Now(), m: m, user: user}
	return s.base("http") + "/actions/" + s.opt.Team + "/" + m.TS + "/" + secret
}

func (s *Server) serveHook(w http.ResponseWriter, r *http.Request) {
	req, err := s.receive(r, MethodResponseURL)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	secret := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
	s.answer(w, req, func() reply { return s.respond(req, s.hooks[secret]) })
}

func (s *Server) respond(req *request, h *hook) reply {
	switch {
	case h == nil:
		return refuse("invalid_url")
	case h.uses >= hookUses:
		return refuse("used_url")
	case time.Since(h.born) > s.opt.ResponseURLLife:
		return refuse("expired_url")
	}
	h.uses++
	if req.yes("delete_original", false) {
		h.m.Deleted = true
		h.m.rev = s.bump()
		return reply{}
	}
	c, r := s.content(req)
	if r != nil {
		return r
	}
	if c.text == "" && c.blocks == nil {
		return refuse("no_text")
	}
	if req.yes("replace_original", false) {
		h.m.Text, h.m.Blocks = c.text, c.blocks
		s.changedMessage(h.m, req.Method)
		return reply{}
	}
	m := &Message{
		Channel: h.m.Channel, ThreadTS: req.arg("thread_ts"), User: s.opt.BotUser, BotID: s.opt.BotID,
		Text: c.text, Blocks: c.blocks,
	}
	if req.arg("response_type") != "in_channel" {
		m.EphemeralTo = h.user
	}
	s.add(m, req.Method)
	return reply{}
}

// unmarshal keeps numbers as they were written.
func unmarshal(b []byte, v any) error {
	d := json.NewDecoder(strings.NewReader(string(b)))
	d.UseNumber()
	return d.Decode(v)
}

package slacktest

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// This file is what all Web API methods have in common: arguments, tokens,
// scopes, faults and the answer. The methods themselves run under Server.mu and
// never block.

// request is one call on its way through.
type request struct {
	*record
	malformed bool          // a JSON body that is none
	wait      time.Duration // until the rate limit lets it through
}

func (r *request) arg(name string) string { return r.Args[name] }

func (r *request) yes(name string, otherwise bool) bool {
	switch r.arg(name) {
	case "true", "1":
		return true
	case "false", "0":
		return false
	}
	return otherwise
}

// reply is the JSON document of an answer.
type reply map[string]any

// refuse is ok:false, with what is wrong in detail.
func refuse(code string, details ...string) reply {
	r := reply{"ok": false, "error": code}
	if len(details) > 0 {
		marked := make([]string, len(details))
		for i, d := range details {
			marked[i] = "[ERROR] " + d
		}
		r["errors"] = details
		r["response_metadata"] = map[string]any{"messages": marked}
	}
	return r
}

type method struct {
	token TokenKind // the kind it takes; empty for any of the two
	scope string
	tier  int // calls a minute; 0 for no limit
	run   func(*Server, *request) reply
}

// methods is the Web API. chat.postMessage and chat.postEphemeral are limited by
// channel, see post.
var methods = map[string]method{
	"api.test":                     {run: func(*Server, *request) reply { return reply{} }},
	"auth.test":                    {run: (*Server).authTest},
	"apps.connections.open":        {AppToken, "connections:write", 50, (*Server).connectionsOpen},
	"chat.postMessage":             {BotToken, "chat:write", 0, (*Server).chatPostMessage},
	"chat.postEphemeral":           {BotToken, "chat:write", 0, (*Server).chatPostEphemeral},
	"chat.update":                  {BotToken, "chat:write", 50, (*Server).chatUpdate},
	"chat.delete":                  {BotToken, "chat:write", 50, (*Server).chatDelete},
	"conversations.open":           {BotToken, "im:write", 50, (*Server).conversationsOpen},
	"conversations.history":        {BotToken, "", 50, (*Server).conversationsHistory},
	"conversations.replies":        {BotToken, "", 50, (*Server).conversationsReplies},
	"users.info":                   {BotToken, "users:read", 100, (*Server).usersInfo},
	"users.lookupByEmail":          {BotToken, "users:read.email", 50, (*Server).usersLookupByEmail},
	"users.getPresence":            {BotToken, "users:read", 50, (*Server).usersGetPresence},
	"views.open":                   {BotToken, "", 100, (*Server).viewsOpen},
	"views.update":                 {BotToken, "", 100, (*Server).viewsUpdate},
	"files.getUploadURLExternal":   {BotToken, "files:write", 100, (*Server).filesGetUploadURL},
	"files.completeUploadExternal": {BotToken, "files:write", 100, (*Server).filesComplete},
}

func (s *Server) serveAPI(w http.ResponseWriter, r *http.Request, name string) {
	req, err := s.receive(r, name)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.answer(w, req, func() reply { return s.perform(req) })
}

// answer applies the method's fault around perform and writes what is left.
func (s *Server) answer(w http.ResponseWriter, req *request, perform func() reply) {
	f := s.fault(req)
	if s.failBefore(w, req, f) {
		return
	}
	out := refuse(f.Error)
	if f.Error == "" {
		s.mu.Lock()
		out = perform()
		s.mu.Unlock()
	}
	maps.Copy(out, f.Extra)
	code, _ := out["error"].(string)
	s.failAfter(req, f, code)

	h := w.Header()
	status := http.StatusOK
	switch {
	case code == "":
		out["ok"] = true
	case req.wait > 0:
		status = http.StatusTooManyRequests
		h.Set("Retry-After", strconv.Itoa(int((req.wait+time.Second-1)/time.Second)))
	case code == "invalid_url", code == "used_url", code == "expired_url":
		status = http.StatusNotFound
	}
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("X-Slack-Req-Id", hexes(16))
	if scopes := s.scopesOf(req.Token); len(scopes) > 0 {
		h.Set("X-OAuth-Scopes", strings.Join(scopes, ","))
	}
	w.WriteHeader(status)
	// Before the last byte is out: whoever has the answer finds the call Done.
	s.finish(req, status, code, code == "")
	_, _ = w.Write(mustJSON(out))
}

// failBefore is the part of a fault that comes before the call is performed. If
// it is true the call was answered and is not performed.
func (s *Server) failBefore(w http.ResponseWriter, req *request, f Fault) bool {
	if !s.sleep(f.Delay) {
		panic(http.ErrAbortHandler)
	}
	if f.Cut {
		s.finish(req, 0, "", false)
		panic(http.ErrAbortHandler)
	}
	if f.Status == 0 {
		return false
	}
	body := f.Body
	if body == "" && f.Status == http.StatusTooManyRequests {
		body = `{"ok":false,"error":"ratelimited"}`
	}
	if strings.HasPrefix(body, "{") {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
	}
	if f.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(f.RetryAfter))
	}
	w.WriteHeader(f.Status)
	s.finish(req, f.Status, "", false)
	_, _ = io.WriteString(w, body)
	return true
}

// failAfter is the part of a fault that comes between the deed and its answer.
func (s *Server) failAfter(req *request, f Fault, code string) {
	if !s.sleep(f.SlowAnswer) {
		panic(http.ErrAbortHandler)
	}
	if f.Lost {
		s.finish(req, 0, code, code == "")
		panic(http.ErrAbortHandler)
	}
}

// perform checks what Slack checks for every method, then runs it. Called with
// mu held.
func (s *Server) perform(req *request) reply {
	m, ok := methods[req.Method]
	if !ok {
		r := refuse("unknown_method")
		r["req_method"] = req.Method
		return r
	}
	switch req.Token {
	case NoToken:
		return refuse("not_authed")
	case UnknownToken:
		return refuse("invalid_auth")
	}
	if m.token != "" && req.Token != m.token {
		return refuse("not_allowed_token_type")
	}
	if req.Method == "apps.connections.open" && req.TokenIn != "header" {
		return refuse("not_authed")
	}
	if m.scope != "" {
		if r := s.need(req, m.scope); r != nil {
			return r
		}
	}
	if req.malformed {
		return refuse("invalid_json")
	}
	if m.tier > 0 {
		if r := s.limit(req, req.Method, time.Minute/time.Duration(m.tier), m.tier/5); r != nil {
			return r
		}
	}
	return m.run(s, req)
}

// need is nil if the token has the scope.
func (s *Server) need(req *request, scope string) reply {
	have := s.opt.AppScopes
	if req.Token == BotToken {
		have = s.scopes
	}
	if slices.Contains(have, scope) {
		return nil
	}
	r := refuse("missing_scope")
	r["needed"] = scope
	r["provided"] = strings.Join(have, ",")
	return r
}

func (s *Server) scopesOf(kind TokenKind) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch kind {
	case BotToken:
		return s.scopes
	case AppToken:
		return s.opt.AppScopes
	case NoToken, UnknownToken:
	}
	return nil
}

// limit is a token bucket: one each interval, at most burst at once. Nil unless
// the RateLimit option is on and the bucket empty. Called with mu held.
func (s *Server) limit(req *request, key string, interval time.Duration, burst int) reply {
	if !s.opt.RateLimit {
		return nil
	}
	now := time.Now()
	next := s.rates[key]
	if next.Before(now) {
		next = now
	}
	if wait := next.Sub(now) - time.Duration(burst-1)*interval; wait > 0 {
		req.wait = wait
		return refuse("ratelimited")
	}
	s.rates[key] = next.Add(interval)
	return nil
}

// receive reads the request whole and keeps it.
func (s *Server) receive(r *http.Request, name string) (*request, error) {
	c, malformed := Call{Method: name, Args: map[string]string{}}, false
	body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, 32<<20))
	if err != nil {
		return nil, err
	}
	form := func(values url.Values) {
		for k, v := range values {
			c.Args[k] = v[0]
		}
	}
	form(r.URL.Query())
	switch ct := r.Header.Get("Content-Type"); {
	case strings.HasPrefix(ct, "application/json"):
		c.Encoding = "json"
		var doc map[string]json.RawMessage
		if len(bytes.TrimSpace(body)) > 0 {
			malformed = json.Unmarshal(body, &doc) != nil
		}
		for k, v := range doc {
			var text string
			switch {
			case string(v) == "null":
			case json.Unmarshal(v, &text) == nil:
				c.Args[k] = text
			default:
				c.Args[k] = string(v)
			}
		}
	case strings.HasPrefix(ct, "application/x-www-form-urlencoded"):
		c.Encoding = "form"
		values, err := url.ParseQuery(string(body))
		if err != nil {
			return nil, err
		}
		form(values)
	case strings.HasPrefix(ct, "multipart/form-data"):
		c.Encoding = "multipart"
		again := &http.Request{Header: r.Header, Body: io.NopCloser(bytes.NewReader(body)), Method: r.Method}
		if err := again.ParseMultipartForm(32 << 20); err != nil {
			return nil, err
		}
		form(again.MultipartForm.Value)
		for k, files := range again.MultipartForm.File {
			if f, err := files[0].Open(); err == nil {
				b, _ := io.ReadAll(f)
				_ = f.Close()
				c.Args[k] = string(b)
			}
		}
	case len(body) > 0:
		c.Encoding = "raw"
		c.Args["body"] = string(body)
	case len(r.URL.Query()) > 0:
		c.Encoding = "query"
	}
	token, inHeader := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if inHeader {
		c.TokenIn = "header"
	} else if t, ok := c.Args["token"]; ok {
		token, c.TokenIn = t, "body"
	}
	delete(c.Args, "token")
	switch token {
	case "":
		c.Token, c.TokenIn = NoToken, ""
	case s.opt.BotToken:
		c.Token = BotToken
	case s.opt.AppToken:
		c.Token = AppToken
	default:
		c.Token = UnknownToken
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	c.Seq, c.At = len(s.calls)+1, time.Now()
	rec := &record{Call: c}
	s.calls = append(s.calls, rec)
	rec.rev = s.bump()
	return &request{record: rec, malformed: malformed}, nil
}

// finish notes how the call was answered.
func (s *Server) finish(req *request, status int, code string, performed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	req.Done, req.Status, req.Error, req.Performed = true, status, code, performed
	req.rev = s.bump()
}

// marshal is JSON as Slack writes it: < > & as they are.
func marshal(v any) (json.RawMessage, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

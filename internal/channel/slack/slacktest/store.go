package slacktest

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// Message is one message as the Server keeps it. Deleted ones are kept too.
type Message struct {
	Channel, TS, ThreadTS string
	User, BotID           string // BotID is empty for a person's message
	EphemeralTo           string // the only person who sees it; empty for all
	Text                  string
	Blocks                json.RawMessage // as Slack returns them; nil for none
	Metadata              json.RawMessage // nil for none
	// UnfurlLinks and UnfurlMedia are what the post asked for; Slack fetches the
	// URLs of a message unless both are false.
	UnfurlLinks, UnfurlMedia bool
	Files                    []string // file ids
	Posted                   time.Time
	Updates                  int // edits so far
	Deleted                  bool
	Versions                 []Version // every state it was in, oldest first

	rev int
}

// Version is one state of a message.
type Version struct {
	At       time.Time
	Via      string // the method that made it
	Text     string
	Blocks   json.RawMessage
	Metadata json.RawMessage
}

// store keeps people, conversations and messages. All of it is guarded by
// Server.mu.
type store struct {
	channels map[string]*conversation
	people   map[string]string // user id → team id
	all      []*Message        // in the order they came
	byTS     map[string]*Message
	lastTS   int64 // microseconds
}

type conversation struct {
	id, name string
	dm       string // the person, for a DM
	member   bool   // whether the bot is in it
}

func (st *store) init(opt Options) {
	st.channels = map[string]*conversation{}
	st.people = map[string]string{opt.BotUser: opt.Team}
	st.byTS = map[string]*Message{}
	for i, c := range opt.Channels {
		st.channels[c] = &conversation{id: c, name: fmt.Sprintf("channel-%d", i+1), member: true}
	}
	for i, c := range opt.Outside {
		st.channels[c] = &conversation{id: c, name: fmt.Sprintf("outside-%d", i+1)}
	}
	for _, u := range opt.Users {
		st.people[u] = opt.Team
	}
}

// open finds a conversation by its id, or the DM of a person by theirs. A DM
// exists from the first time it is asked for.
func (st *store) open(id string) *conversation {
	if c := st.channels[id]; c != nil {
		return c
	}
	for user := range st.people {
		if id == user || id == DM(user) {
			c := &conversation{id: DM(user), name: "directmessage", dm: user, member: true}
			if st.channels[c.id] == nil {
				st.channels[c.id] = c
			}
			return st.channels[c.id]
		}
	}
	return nil
}

// stamp is the next message ts: unique, growing, in Slack's form.
func (st *store) stamp() string {
	st.lastTS = max(time.Now().UnixMicro(), st.lastTS+100)
	return formatTS(st.lastTS)
}

func formatTS(micro int64) string { return fmt.Sprintf("%d.%06d", micro/1e6, micro%1e6) }

func (s *Server) add(m *Message, via string) {
	st := &s.store
	m.TS = st.stamp()
	m.Posted = time.Now()
	st.all = append(st.all, m)
	st.byTS[m.Channel+"|"+m.TS] = m
	s.changedMessage(m, via)
}

// changedMessage keeps the message's present state as a version.
func (s *Server) changedMessage(m *Message, via string) {
	m.Versions = append(m.Versions, Version{At: time.Now(), Via: via, Text: m.Text, Blocks: m.Blocks, Metadata: m.Metadata})
	m.Updates = len(m.Versions) - 1
	m.rev = s.bump()
}

func (m *Message) copy() Message {
	c := *m
	c.Versions = slices.Clone(m.Versions)
	c.Files = slices.Clone(m.Files)
	return c
}

// Messages are those of a channel ("" for all), oldest first, deleted and
// ephemeral ones included.
func (s *Server) Messages(channel string) []Message {
	return s.messagesSince(channel, -1)
}

func (s *Server) messagesSince(channel string, rev int) []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Message
	for _, m := range s.store.all {
		if m.rev > rev && (channel == "" || m.Channel == channel) {
			out = append(out, m.copy())
		}
	}
	return out
}

// WaitMessage waits for a message that satisfies want (nil: any), old ones
// included. want sees a message again after each change of it.
func (s *Server) WaitMessage(ctx context.Context, want func(Message) bool) (Message, error) {
	m, err := await(ctx, s, func(seen int) (Message, bool) {
		for _, m := range s.messagesSince("", seen) {
			if want == nil || want(m) {
				return m, true
			}
		}
		return Message{}, false
	})
	if err != nil {
		return m, fmt.Errorf("cannot find the message waited for: %w", err)
	}
	return m, nil
}

// TokenKind is which token a call carried.
type TokenKind string

// The kinds: none at all, one that is neither of the workspace's, and the two.
const (
	NoToken      TokenKind = "none"
	UnknownToken TokenKind = "unknown"
	BotToken     TokenKind = "bot"
	AppToken     TokenKind = "app"
)

// The Methods that calls outside the Web API proper are kept under.
const (
	MethodResponseURL = "response_url"
	MethodUpload      = "upload"
)

// Call is one request to the Web API, a response_url or an upload URL.
type Call struct {
	Seq    int // 1, 2, …
	Method string
	At     time.Time // when it had arrived whole
	Token  TokenKind
	// TokenIn is "header" or "body"; Encoding is "form", "json", "multipart", "raw" or "query".
	TokenIn, Encoding string
	// Args are the arguments but the token. What is not a string is its JSON.
	Args map[string]string

	// Done tells that the rest is set: the call was answered (or cut off).
	Done   bool
	Status int    // HTTP status; 0 for a connection that was cut
	Error  string // the error of ok:false
	// Performed is whether it took effect, seen or unseen by the client.
	Performed bool
}

type record struct {
	Call
	rev int
}

// Calls are those of a method ("" for all), oldest first.
func (s *Server) Calls(method string) []Call { return s.callsSince(method, -1) }

func (s *Server) callsSince(method string, rev int) []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Call
	for _, c := range s.calls {
		if c.rev > rev && (method == "" || c.Method == method) {
			out = append(out, c.Call)
		}
	}
	return out
}

// WaitCall waits for a call of the method ("" for any) that satisfies want
// (nil: any), old ones included. want sees each call twice: when it arrived, and
// when it is Done.
func (s *Server) WaitCall(ctx context.Context, method string, want func(Call) bool) (Call, error) {
	c, err := await(ctx, s, func(seen int) (Call, bool) {
		for _, c := range s.callsSince(method, seen) {
			if want == nil || want(c) {
				return c, true
			}
		}
		return Call{}, false
	})
	if err != nil {
		return c, fmt.Errorf("cannot find the %s call waited for: %w", method, err)
	}
	return c, nil
}

// WaitLinks waits until want is content with the connections, see [Server.Links].
func (s *Server) WaitLinks(ctx context.Context, want func([]Link) bool) error {
	_, err := await(ctx, s, func(int) (bool, bool) { return true, want(s.Links()) })
	if err != nil {
		return fmt.Errorf("cannot find the connections waited for: %w", err)
	}
	return nil
}

// WaitConnections waits until n connections are open and have been greeted.
func (s *Server) WaitConnections(ctx context.Context, n int) error {
	_, err := await(ctx, s, func(int) (bool, bool) {
		s.mu.Lock()
		defer s.mu.Unlock()
		ready := 0
		for _, l := range s.links {
			if l.ready && !l.dead {
				ready++
			}
		}
		return true, ready == n && s.connections() == n
	})
	if err != nil {
		return fmt.Errorf("cannot see %d connections (there are %d): %w", n, s.Connections(), err)
	}
	return nil
}

//go:build linux

package claudetest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// API is a Messages API on loopback that answers with a script. Only requests
// that offer tools are part of the conversation; whatever else the client asks
// of a model (a title, a summary) gets a short text.
type API struct {
	URL string

	t      *testing.T
	mu     sync.Mutex
	script func(Request) Answer
	asked  []Request
	grown  chan struct{} // closed, and made anew, with every request
}

// Request is one request of the conversation.
type Request struct {
	Model    string            `json:"model"`
	System   json.RawMessage   `json:"system"`
	Messages []Message         `json:"messages"`
	Tools    []json.RawMessage `json:"tools"`
	// Safeguards ask for checks of the answer: in auto mode, of its calls.
	Safeguards []json.RawMessage `json:"safeguards"`
}

// Message is one message of a request.
type Message struct {
	Role    string  `json:"role"`
	Content content `json:"content"`
}

// Block is one block of a message's content, of which only this is read.
type Block struct {
	Type      string          `json:"type"` // text, tool_use, tool_result
	Text      string          `json:"text"`
	Name      string          `json:"name"`        // of a tool_use
	Input     json.RawMessage `json:"input"`       // of a tool_use
	ToolUseID string          `json:"tool_use_id"` // of a tool_result
	IsError   bool            `json:"is_error"`    // of a tool_result
	Content   content         `json:"content"`     // of a tool_result
}

// content is a list of blocks, or a text instead of one.
type content []Block

func (c *content) UnmarshalJSON(raw []byte) error {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		*c = content{{Type: "text", Text: text}}
		return nil
	}
	return json.Unmarshal(raw, (*[]Block)(c))
}

// Says reports whether any message of the request has this text in it, or any
// call of a tool.
func (r Request) Says(text string) bool {
	for _, message := range r.Messages {
		for _, block := range message.Content {
			if strings.Contains(block.Text, text) || strings.Contains(string(block.Input), text) {
				return true
			}
		}
	}
	return false
}

// Called reports whether the conversation so far has a call of this tool.
func (r Request) Called(tool string) bool {
	for _, message := range r.Messages {
		for _, block := range message.Content {
			if block.Type == "tool_use" && block.Name == tool {
				return true
			}
		}
	}
	return false
}

// last is the request's last message of the user. The client may add one of the
// system after it.
func (r Request) last() (last Message) {
	for _, message := range r.Messages {
		if message.Role == "user" {
			last = message
		}
	}
	return last
}

// Last is what the user, or the client for them, said last.
func (r Request) Last() string {
	var said []string
	for _, block := range r.last().Content {
		said = append(said, block.Text)
	}
	return strings.Join(said, "\n")
}

// Results returns the tool results since the model spoke last: what it is told
// of the calls that it made then. The client may add words of its own.
func (r Request) Results() (results []Result) {
	for _, message := range r.Messages {
		if message.Role == "assistant" {
			results = nil
		}
		for _, block := range message.Content {
			if block.Type != "tool_result" {
				continue
			}
			var said strings.Builder
			for _, part := range block.Content {
				said.WriteString(part.Text)
			}
			results = append(results, Result{ID: block.ToolUseID, Text: said.String(), IsError: block.IsError})
		}
	}
	return results
}

// Result is a tool's result as the model gets it.
type Result struct {
	ID, Text string
	IsError  bool
}

// Answer is what the model says: a text, or calls of tools, or both.
type Answer struct {
	Text  string
	Calls []Call
}

// Call is one tool_use.
type Call struct {
	Tool  string
	Input any
	// Flagged is why auto mode's check finds the call dangerous; empty: it does not.
	Flagged string
}

// Use is an answer that calls one tool.
func Use(tool string, input any) Answer { return Answer{Calls: []Call{{Tool: tool, Input: input}}} }

// Say is an answer in words.
func Say(text string) Answer { return Answer{Text: text} }

// Script gives these answers, one a request; when they are used up, "Done."
func Script(answers ...Answer) func(Request) Answer {
	var mu sync.Mutex
	return func(Request) Answer {
		mu.Lock()
		defer mu.Unlock()
		if len(answers) == 0 {
			return Say("Done.")
		}
		next := answers[0]
		answers = answers[1:]
		return next
	}
}

// NewAPI starts the API; it ends with the test.
func NewAPI(t *testing.T, script func(Request) Answer) *API {
	t.Helper()
	a := &API{t: t, script: script, grown: make(chan struct{})}
	server := httptest.NewServer(http.HandlerFunc(a.serve))
	a.URL = server.URL
	t.Cleanup(func() { server.CloseClientConnections(); server.Close() })
	return a
}

// Asked waits until there were n requests of the conversation, and returns the nth.
func (a *API) Asked(n int) Request {
	a.t.Helper()
	timeout := time.After(patience)
	for {
		a.mu.Lock()
		asked, grown := a.asked, a.grown
		a.mu.Unlock()
		if len(asked) >= n {
			return asked[n-1]
		}
		select {
		case <-grown:
		case <-timeout:
			a.t.Fatalf("the client asked the model %d times in %v, not %d", len(asked), patience, n)
		}
	}
}

func (a *API) serve(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost || !strings.HasSuffix(r.URL.Path, "/v1/messages") {
		http.Error(w, `{"type":"error","error":{"type":"not_found_error","message":"not here"}}`, http.StatusNotFound)
		return
	}
	var asked Request
	if err := json.NewDecoder(r.Body).Decode(&asked); err != nil {
		a.t.Errorf("the client asks what cannot be read: %v", err)
		http.Error(w, "{}", http.StatusBadRequest)
		return
	}
	if len(asked.Tools) == 0 {
		stream(w, asked, Say("A test"), 0)
		return
	}
	a.mu.Lock()
	a.asked = append(a.asked, asked)
	number := len(a.asked)
	close(a.grown)
	a.grown = make(chan struct{})
	a.mu.Unlock()
	stream(w, asked, a.script(asked), number)
}

// stream writes an answer as the events of a streamed message.
func stream(w http.ResponseWriter, asked Request, answer Answer, number int) {
	w.Header().Set("Content-Type", "text/event-stream")
	send := func(kind string, fields map[string]any) {
		fields["type"] = kind
		raw, err := json.Marshal(fields)
		if err != nil {
			panic(err) // a test's input that is no JSON
		}
		fmt.Fprintf(w, "event: %s\ndata: %s\n\n", kind, raw)
	}
	stop, index := "end_turn", 0
	send("message_start", map[string]any{"message": map[string]any{
		"id": fmt.Sprintf("msg_%04d", number), "type": "message", "role": "assistant", "model": asked.Model, "content": []any{},
		"stop_reason": nil, "stop_sequence": nil, "usage": map[string]any{"input_tokens": 10, "output_tokens": 1},
	}})
	block := func(start, delta map[string]any) {
		send("content_block_start", map[string]any{"index": index, "content_block": start})
		send("content_block_delta", map[string]any{"index": index, "delta": delta})
		send("content_block_stop", map[string]any{"index": index})
		index++
	}
	if answer.Text != "" {
		block(map[string]any{"type": "text", "text": ""}, map[string]any{"type": "text_delta", "text": answer.Text})
	}
	checked := map[string]any{}
	for i, call := range answer.Calls {
		stop = "tool_use"
		id := fmt.Sprintf("toolu_%04d_%d", number, i)
		checked[id] = check(call)
		input, err := json.Marshal(call.Input)
		if err != nil {
			panic(err)
		}
		block(map[string]any{"type": "tool_use", "id": id, "name": call.Tool, "input": map[string]any{}},
			map[string]any{"type": "input_json_delta", "partial_json": string(input)})
	}
	end := map[string]any{"stop_reason": stop, "stop_sequence": nil}
	if len(asked.Safeguards) > 0 {
		end["safeguard_results"] = []any{map[string]any{"type": "dangerous_tool_use", "status": map[string]any{"type": "available", "tool_uses": checked}}}
	}
	send("message_delta", map[string]any{"delta": end, "usage": map[string]any{"output_tokens": 10}})
	send("message_stop", map[string]any{})
}

// check is what auto mode's check says of a call.
func check(call Call) map[string]any {
	if call.Flagged == "" {
		return map[string]any{"type": "evaluated", "outcome": "not_flagged"}
	}
	return map[string]any{"type": "evaluated", "outcome": "flagged", "explanation": call.Flagged}
}

package doctor

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
)

// api is a Messages API on loopback for one trial. To the first request of the
// conversation it answers with a call of Bash, to what follows with "Done.",
// and it keeps what the client told of the call. Everything else, and every
// attempt to use it as a proxy, is refused.
type api struct {
	url    string
	server http.Server
	done   sync.WaitGroup

	mu      sync.Mutex
	results string
}

func serveAPI(ctx context.Context) (*api, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	a := &api{url: "http://" + l.Addr().String()}
	a.server.Handler = http.HandlerFunc(a.serve)
	a.server.ReadHeaderTimeout = patiently
	a.done.Go(func() { _ = a.server.Serve(l) })
	return a, nil
}

func (a *api) close() {
	_ = a.server.Close()
	a.done.Wait()
}

// told is what the client told the model of its call; empty: it did not come
// to that.
func (a *api) told() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.results
}

func (a *api) serve(w http.ResponseWriter, r *http.Request) {
	var asked struct {
		Model    string            `json:"model"`
		Tools    []json.RawMessage `json:"tools"`
		Messages []struct {
			Content json.RawMessage `json:"content"`
		} `json:"messages"`
	}
	if r.Method != http.MethodPost || r.URL.Host != "" || !strings.HasSuffix(r.URL.Path, "/v1/messages") ||
		json.NewDecoder(http.MaxBytesReader(w, r.Body, 16<<20)).Decode(&asked) != nil {
		http.Error(w, `{"type":"error","error":{"type":"not_found_error","message":"not here"}}`, http.StatusNotFound)
		return
	}
	call := len(asked.Tools) > 0
	for _, m := range asked.Messages {
		if strings.Contains(string(m.Content), `"tool_result"`) {
			call = false
			a.mu.Lock()
			a.results = string(m.Content)
			a.mu.Unlock()
		}
	}
	stream(w, asked.Model, call)
}

// stream writes a message as the events of a streamed one: a call of Bash, or
// a word.
func stream(w http.ResponseWriter, model string, call bool) {
	w.Header().Set("Content-Type", "text/event-stream")
	send := func(kind string, fields map[string]any) {
		fields["type"] = kind
		raw, err := json.Marshal(fields)
		if err == nil { // texts and numbers always can
			fmt.Fprintf(w, "event: %s\ndata: %s\n\n", kind, raw)
		}
	}
	stop := "end_turn"
	start, delta := map[string]any{"type": "text", "text": ""}, map[string]any{"type": "text_delta", "text": "Done."}
	if call {
		stop = "tool_use"
		start = map[string]any{"type": "tool_use", "id": "toolu_doctor", "name": "Bash", "input": map[string]any{}}
		delta = map[string]any{"type": "input_json_delta", "partial_json": `{"command":"` + sample + `","description":"A test"}`}
	}
	send("message_start", map[string]any{"message": map[string]any{
		"id": "msg_doctor", "type": "message", "role": "assistant", "model": model, "content": []any{},
		"stop_reason": nil, "stop_sequence": nil, "usage": map[string]any{"input_tokens": 1, "output_tokens": 1},
	}})
	send("content_block_start", map[string]any{"index": 0, "content_block": start})
	send("content_block_delta", map[string]any{"index": 0, "delta": delta})
	send("content_block_stop", map[string]any{"index": 0})
	send("message_delta", map[string]any{"delta": map[string]any{"stop_reason": stop, "stop_sequence": nil}, "usage": map[string]any{"output_tokens": 1}})
	send("message_stop", map[string]any{})
}

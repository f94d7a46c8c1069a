//go:build linux

package claudetest

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Recorder is a plain shell hook: it keeps every event that the client sends,
// in order, and answers as the test wants.
type Recorder struct {
	Command string // what to run as the hook, without arguments

	t   *testing.T
	dir string
}

// Event is what a hook got on stdin.
type Event struct {
	Name string
	Raw  []byte
}

// NewRecorder makes a hook that decides nothing.
func NewRecorder(t *testing.T) *Recorder {
	t.Helper()
	r := &Recorder{t: t, dir: t.TempDir()}
	r.Command = filepath.Join(r.dir, "hook")
	// An event is there once its file has its last name. The answer is named for
	// the event, and for the tool where there is one for it.
	script := `#!/bin/sh
cd ` + r.dir + `
file=$(mktemp event.XXXXXXXX) && cat >"$file" && mv "$file" "$(date +%s%N).$file"
name=$(sed -n 's/.*"hook_event_name":"\([A-Za-z]*\)".*/\1/p' *."$file" | head -1)
tool=$(sed -n 's/.*"hook_event_name":"[A-Za-z]*","tool_name":"\([A-Za-z_]*\)".*/\1/p' *."$file" | head -1)
for answer in "answer.$name.$tool" "answer.$name"; do
	[ -f "$answer" ] && exec cat "$answer"
done
exit 0
`
	if err := os.WriteFile(r.Command, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	return r
}

// Answer has the hook print a document for an event, or for an event of a tool
// ("PermissionRequest.Bash").
func (r *Recorder) Answer(of, document string) {
	r.t.Helper()
	if err := os.WriteFile(filepath.Join(r.dir, "answer."+of), []byte(document), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

// Events are those that came so far, in order.
func (r *Recorder) Events() (events []Event) {
	r.t.Helper()
	files, err := filepath.Glob(filepath.Join(r.dir, "[0-9]*.event.*")) // sorted
	if err != nil {
		r.t.Fatal(err)
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			r.t.Fatal(err)
		}
		var event struct {
			Name string `json:"hook_event_name"`
		}
		if err := json.Unmarshal(raw, &event); err != nil {
			r.t.Fatalf("the client sends what is not JSON: %q", raw)
		}
		events = append(events, Event{event.Name, bytes.TrimSpace(raw)})
	}
	return events
}

// Await waits for an event that holds all these texts.
func (r *Recorder) Await(texts ...string) (found Event) {
	r.t.Helper()
	Wait(r.t, "no event with "+strings.Join(texts, " and "), func() bool {
	events:
		for _, event := range r.Events() {
			for _, text := range texts {
				if !bytes.Contains(event.Raw, []byte(text)) {
					continue events
				}
			}
			found = event
			return true
		}
		return false
	})
	return found
}

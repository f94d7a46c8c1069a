package daemon

import (
	"encoding/json"
	"strings"
	"testing"

	"claude-permission-daemon/internal/wire"
)

// show gives the whole of one request: nothing cut, nothing hidden, secrets masked.
func TestShow(t *testing.T) {
	r := start(t)
	r.control(`{"v":1,"op":"presence","presence":"away"}`)
	command := "export TOKEN=xoxb-123456789012-abcdefghijklmnop; " + strings.Repeat("echo a long line; ", 300) + "echo \u202e end"
	input, err := json.Marshal(map[string]string{"command": command, "description": "A claim"})
	if err != nil {
		t.Fatal(err)
	}
	r.dial().send(`{"session_id":"s","cwd":"/tmp","tool_name":"Bash","tool_input":` + string(input) + `}`)
	var open []wire.Pending
	for len(open) == 0 {
		if err := json.Unmarshal([]byte(r.control(`{"v":1,"op":"pending"}`)), &open); err != nil {
			t.Fatal(err)
		}
	}
	var shown wire.Shown
	if err := json.Unmarshal([]byte(r.control(`{"v":1,"op":"show","id":"`+open[0].ID+`"}`)), &shown); err != nil {
		t.Fatal(err)
	}
	if shown.Digest != open[0].Digest || shown.Generation != open[0].Generation || shown.Title == "" || shown.Claim != "A claim" || len(shown.Parts) == 0 {
		t.Errorf("shown %+v", shown)
	}
	text := shown.Parts[0].Text
	if strings.Count(text, "a long line") != 300 || !strings.Contains(text, "⟨U+202E⟩") || strings.Contains(text, "abcdefghijklmnop") || len(shown.Masked) == 0 {
		t.Errorf("the command is shown as %q, masked %q", text, shown.Masked)
	}
	if said := r.control(`{"v":1,"op":"show","id":"nobody"}`); !strings.Contains(said, `no open request has that id`) {
		t.Errorf("of one that is not there it says %s", said)
	}
}

package slacktest

import (
	_ "embed"
	"encoding/json"
)

//go:embed testdata/envelopes.json
var envelopes []byte

// Samples are Socket Mode messages by name, one of each shape that the tests of
// Slack's official SDKs record (see testdata/README.md): what a decoder must
// take.
func Samples() map[string]json.RawMessage {
	var all map[string]json.RawMessage
	if err := json.Unmarshal(envelopes, &all); err != nil {
		panic(err) // part of the program
	}
	return all
}

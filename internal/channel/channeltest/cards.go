package channeltest

import (
	"encoding/json"
	"fmt"
	"time"

	"claude-permission-daemon/internal/permit"
)

// Alice is who answers in the suite's cards.
var Alice = permit.Person{ID: "alice", Name: "Alice"}

// Card is an open request of Claude Code to run a command, asked now.
func Card(id, command string) permit.Card {
	return CardOf(id, "Bash", map[string]any{"command": command, "description": "Do what " + id + " needs"})
}

// CardOf is an open request to use a tool, asked now.
func CardOf(id, tool string, input any) permit.Card {
	raw, err := json.Marshal(input)
	if err != nil {
		panic(fmt.Sprintf("cannot encode the input of a test card: %v", err))
	}
	return permit.Card{
		Stage: permit.Open,
		Request: permit.Request{
			ID:         id,
			Generation: 1,
			Digest:     permit.DigestOf(tool, raw),
			Machine:    permit.Machine{ID: "m1", Host: "desk.example"},
			Contract:   permit.Parallel,
			Client:     permit.Client{PID: 4711, ClaudePID: 4242, Entrypoint: "cli", Attended: true},
			Session:    "63350b0e-3a51-4f58-9d0b-2f9f7be1c3aa",
			Mode:       "default",
			Cwd:        "/home/alice/src/shop",
			Project:    "shop",
			Branch:     "main",
			Tool:       tool,
			Input:      raw,
			Asked:      time.Now().Truncate(time.Second),
		},
	}
}

// Decided is the card after Alice's decision through another channel, at a
// later stage.
func Decided(card permit.Card, verb permit.Verb, stage permit.Stage, message string) permit.Card {
	kind := permit.Approved
	if verb == permit.Deny {
		kind = permit.Denied
	}
	now := time.Now()
	card.Stage = stage
	card.Outcome = &permit.Outcome{Kind: kind, At: now, Decision: &permit.Decision{
		Verb: verb, By: Alice, Channel: "elsewhere", Message: message, At: now,
	}}
	return card
}

// EndedAs is the card after its request ended without a decision.
func EndedAs(card permit.Card, kind permit.OutcomeKind, reason string) permit.Card {
	card.Stage = permit.Ended
	card.Outcome = &permit.Outcome{Kind: kind, Reason: reason, At: time.Now()}
	return card
}

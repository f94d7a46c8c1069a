// Package wire is the protocol on the unix socket: newline-delimited JSON, one
// line in, one or more lines out. docs/protocol.md is its manual. The package
// knows no network: it reads and writes lines.
package wire

import (
	"encoding/json"

	"claude-permission-daemon/internal/permit"
	"claude-permission-daemon/internal/wire/limits"
)

// The numbers that both ends of a connection agree on; package limits says
// what each means.
const (
	Version        = limits.Version
	MaxLine        = limits.MaxLine
	AcceptBlocking = limits.AcceptBlocking
	AcceptParallel = limits.AcceptParallel
	PingAfter      = limits.PingAfter
	PingAnswer     = limits.PingAnswer
	Reattach       = limits.Reattach
)

// The ops of an envelope.
const (
	OpHook     = "hook"
	OpStatus   = "status"
	OpPending  = "pending"
	OpAnswer   = "answer"
	OpPresence = "presence"
	OpWatch    = "watch"
	OpShow     = "show"
)

// Envelope is one line from our hook (OpHook) or from the CLI (every other
// op). A line without "v" and "op" is a bare one: the hook's own JSON.
type Envelope struct {
	V  int    `json:"v"`
	Op string `json:"op"`

	// For OpHook: the request's id, Claude Code's event verbatim, and the hook's
	// surroundings.
	ID     string          `json:"id,omitempty"`
	Event  json.RawMessage `json:"event,omitempty"`
	Client *permit.Client  `json:"client,omitempty"`

	// For OpAnswer, with ID.
	Decision   string `json:"decision,omitempty"` // "approve" or "deny"
	Message    string `json:"message,omitempty"`
	Generation int    `json:"generation,omitempty"`
	Digest     string `json:"digest,omitempty"`
	// Way, Pick and Fields are those of permit.Answer, in place of Decision.
	Way    permit.WayName      `json:"way,omitempty"`
	Pick   int                 `json:"pick,omitempty"`
	Fields map[string][]string `json:"fields,omitempty"`

	// For OpPresence.
	Presence   string  `json:"presence,omitempty"` // "away", "here", "auto"; empty only asks
	ForSeconds float64 `json:"for_seconds,omitempty"`
}

// Accepted is the daemon's first line to an enveloped request, and its answer
// to a Ping.
type Accepted struct {
	Accepted bool `json:"accepted"`
	// ReattachS is for how many seconds the hook is to try to come back when it
	// loses the daemon; absent: limits.Reattach.
	ReattachS int `json:"reattach_s,omitempty"`
}

// Action is what a hook is told in the end.
type Action string

// The three actions. Passthrough hands back: no output, the dialog decides.
const (
	Approve     Action = "approve"
	Deny        Action = "deny"
	Passthrough Action = "passthrough"
)

// Reply is the daemon's answer to a request.
type Reply struct {
	Action Action `json:"action"`
	Reason string `json:"reason"`
	// Output is the exact document for the hook's stdout; absent with
	// Passthrough and for bare clients.
	Output json.RawMessage `json:"output,omitempty"`
}

// FromHook is a line that the hook sends while or after it waits. Exactly one
// field is set.
type FromHook struct {
	// Delivered: the output was written to stdout.
	Delivered bool `json:"delivered,omitempty"`
	// Closing: the hook ends without an answer, for this reason ("SIGTERM",
	// "stdout closed").
	Closing string `json:"closing,omitempty"`
	// Ping: are you there? The answer is Accepted.
	Ping bool `json:"ping,omitempty"`
}

// Error is the answer to a line that cannot be served.
type Error struct {
	Error string `json:"error"`
}

// OK is the answer to a control line that was done.
type OK struct {
	OK bool `json:"ok"`
	// Text says the effect in one sentence, for people.
	Text string `json:"text,omitempty"`
}

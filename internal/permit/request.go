// Package permit holds the nouns of the program: what is asked, what a person
// decided, how it ended, and whether the person is there. They are plain
// values that serialise to JSON and carry their machine, so that a journal, a
// channel or another host can hold them without reaching into the broker.
//
// The package imports nothing of ours.
package permit

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"time"
)

// Request is one PermissionRequest of one Claude Code session. It is immutable
// once made and keeps its ID across restarts of the daemon.
type Request struct {
	// ID names the request for its whole life. The hook chooses it (128 random
	// bits); the daemon chooses it for a client that speaks the bare protocol.
	ID string `json:"id"`
	// Generation counts the requests that carried this ID on this machine, from
	// 1. A tap made for an earlier one never counts for a later one.
	Generation int `json:"generation"`
	// Digest is DigestOf(Tool, Input): what exactly a person approves.
	Digest string `json:"digest"`

	// Kind is what sort of question it is; empty: may a tool be used.
	Kind Kind `json:"kind,omitempty"`
	// Ordinal tells identical requests apart that are open at once: 2 for the
	// second. 0 and 1 mean that there was no other.
	Ordinal int `json:"ordinal,omitempty"`

	Machine  Machine  `json:"machine"`
	Contract Contract `json:"contract"`
	Client   Client   `json:"client"`

	Session   string `json:"session,omitempty"`
	Prompt    string `json:"prompt,omitempty"`
	Agent     string `json:"agent,omitempty"`      // agent_id inside a subagent, else empty
	AgentType string `json:"agent_type,omitempty"` // "general-purpose", …
	Mode      string `json:"mode,omitempty"`       // permission_mode

	Cwd     string `json:"cwd,omitempty"`
	Project string `json:"project,omitempty"` // the repository's folder name, or Cwd's
	Branch  string `json:"branch,omitempty"`

	// Tool is the tool's name; for Elicitation and Finished, where there is none,
	// the hook event's ("Elicitation", "Stop").
	Tool  string          `json:"tool"`
	Input json.RawMessage `json:"input"`
	// Suggestions are Claude Code's permission_suggestions, verbatim. They are
	// not the rows of its dialog (claude-code issue 91216).
	Suggestions []json.RawMessage `json:"suggestions,omitempty"`
	// Why is the reason that Claude Code gives: auto mode's, for Refused.
	Why string `json:"why,omitempty"`
	// Masked: Input, Suggestions and Why are the journal's, which has notes in the
	// place of secrets. Until its hook has come back after a restart of the daemon,
	// the request cannot be judged.
	Masked bool `json:"masked,omitempty"`

	Asked    time.Time `json:"asked"`
	Deadline time.Time `json:"deadline,omitzero"` // zero: none of ours
}

// Kind is what sort of question a request is.
type Kind string

// The kinds.
const (
	Permission  Kind = ""            // PermissionRequest: may the tool be used
	Elicitation Kind = "elicitation" // an MCP server asks for input
	Finished    Kind = "finished"    // a turn ended; a reply goes on with it
	Refused     Kind = "refused"     // auto mode refused a call; may it be tried again
)

// Machine is the host a request comes from.
type Machine struct {
	ID   string `json:"id"` // random, kept in the state folder
	Host string `json:"host"`
}

// Client is what the hook knows of the session that asks.
type Client struct {
	PID        int    `json:"pid,omitempty"`
	ClaudePID  int    `json:"claude_pid,omitempty"`
	Entrypoint string `json:"entrypoint,omitempty"` // CLAUDE_CODE_ENTRYPOINT: cli, sdk-cli, …
	Attended   bool   `json:"attended"`             // CLAUDE_CODE_SESSION_ATTENDED: a person's own terminal
	TTY        string `json:"tty,omitempty"`
	Tmux       string `json:"tmux,omitempty"`     // TMUX and TMUX_PANE: "socket,pane"
	Sessions   string `json:"sessions,omitempty"` // folder of Claude Code's session status files
}

// Contract says what Claude Code does while the hook waits, and so what the
// broker owes to the person at the keyboard.
type Contract string

const (
	// Parallel: the dialog is open in the terminal while the hook waits.
	Parallel Contract = "parallel"
	// Blocking: the dialog appears only after the hook has ended (background
	// subagents, elicitations). Presence must hand back at once.
	Blocking Contract = "blocking"
	// Headless: there is no dialog; handing back denies the call (claude -p).
	Headless Contract = "headless"
	// Bare: the asker did not say. It gets the seed's contract, which is safe
	// for each of the others.
	Bare Contract = "bare"
	// Trial: nobody asks. The program tries its own way out, so the request is
	// shown wherever the person is, and nothing is run.
	Trial Contract = "trial"
)

// DigestOf binds a decision to a tool and its input. White space between the
// tokens of the JSON does not count.
func DigestOf(tool string, input json.RawMessage) string {
	var compact bytes.Buffer
	if err := json.Compact(&compact, input); err != nil {
		compact.Reset()
		compact.Write(input)
	}
	sum := sha256.New()
	sum.Write([]byte(tool))
	sum.Write([]byte{0})
	sum.Write(compact.Bytes())
	return hex.EncodeToString(sum.Sum(nil))
}

package permit

import "time"

// SignalKind is what was seen of a session from outside the request itself.
type SignalKind string

// What can be seen. Each is a reason to believe that a question was answered
// in the terminal, or proof that an approved tool ran; none is enough alone.
const (
	ToolRan      SignalKind = "tool_ran"      // PostToolUse
	ToolFailed   SignalKind = "tool_failed"   // PostToolUseFailure
	BatchDone    SignalKind = "batch_done"    // PostToolBatch: every call of the batch was answered
	TurnEnded    SignalKind = "turn_ended"    // Stop, StopFailure, SubagentStop
	Prompted     SignalKind = "prompted"      // UserPromptSubmit
	SessionEnded SignalKind = "session_ended" // SessionEnd
	DialogClosed SignalKind = "dialog_closed" // the session status file left "waiting"
	ProcessGone  SignalKind = "process_gone"  // CLAUDE_PID is gone
)

// Signal is one such sighting. Session and Agent (or ClaudePID, for the last
// two kinds) say whose requests it concerns.
type Signal struct {
	Kind      SignalKind    `json:"kind"`
	Session   string        `json:"session,omitempty"`
	Agent     string        `json:"agent,omitempty"`
	ClaudePID int           `json:"claude_pid,omitempty"`
	Tool      string        `json:"tool,omitempty"`
	Digest    string        `json:"digest,omitempty"`  // of tool and input, for ToolRan and ToolFailed
	Command   string        `json:"command,omitempty"` // Bash only: the hook sees it without a redundant leading "cd"
	Took      time.Duration `json:"took,omitempty"`
}

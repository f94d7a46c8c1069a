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

// Signal is one such sighting. Session and Agent say whose requests it
// concerns; for DialogClosed and ProcessGone, ClaudePID does.
type Signal struct {
	Kind      SignalKind `json:"kind"`
	Session   string     `json:"session,omitempty"`
	Agent     string     `json:"agent,omitempty"`
	ClaudePID int        `json:"claude_pid,omitempty"`
	// Calls are the tool calls it tells of: one for ToolRan and ToolFailed, all
	// of the batch for BatchDone.
	Calls []Call        `json:"calls,omitempty"`
	Took  time.Duration `json:"took,omitempty"` // ToolRan and ToolFailed, where known
}

// Call is a tool call as seen after its permission was settled.
type Call struct {
	Tool   string `json:"tool"`
	Digest string `json:"digest"`
	// Command is Bash's command. The permission hook sees it without a redundant
	// leading "cd DIR &&", so the digests of the two can differ.
	Command string `json:"command,omitempty"`
}

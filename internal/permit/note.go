package permit

import "time"

// NoteClass is what sort of happening a note tells of; [notify] switches each.
type NoteClass string

// The classes.
const (
	NoteIdle        NoteClass = "idle"        // Claude waits for input
	NoteInput       NoteClass = "input"       // an agent needs input
	NotePermission  NoteClass = "permission"  // a dialog that no hook was asked about
	NoteElicitation NoteClass = "elicitation" // an MCP server's form in the terminal
	NoteAgent       NoteClass = "agent"       // an agent has ended
	NoteSignIn      NoteClass = "sign_in"     // signed in
	NoteQuota       NoteClass = "quota"       // the quota is back, or not
	NoteFinished    NoteClass = "finished"    // a turn ended
	NoteRefused     NoteClass = "refused"     // auto mode refused a call
	NoteOther       NoteClass = "other"       // what this program does not know
)

// Note is a happening that a person who is away is told of and cannot answer.
// Its texts and names have been masked and made visible already.
type Note struct {
	ID      string    `json:"id"`
	Class   NoteClass `json:"class"`
	Machine Machine   `json:"machine"`
	Session string    `json:"session,omitempty"`
	Project string    `json:"project,omitempty"`
	Branch  string    `json:"branch,omitempty"`
	Cwd     string    `json:"cwd,omitempty"`
	Title   string    `json:"title"`          // "Claude waits for your input"
	Text    string    `json:"text,omitempty"` // the last message, what was refused
	At      time.Time `json:"at"`
}

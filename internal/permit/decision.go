package permit

import (
	"encoding/json"
	"time"
)

// Person is whoever answers, as their channel knows them.
type Person struct {
	ID   string `json:"id"`             // Slack user id, local user name, …: what permission is judged by
	Team string `json:"team,omitempty"` // Slack workspace; empty elsewhere
	Name string `json:"name,omitempty"` // for people to read; never judged by
}

// String is the name where there is one, else the id.
func (p Person) String() string {
	if p.Name != "" {
		return p.Name
	}
	return p.ID
}

// Verb is what a person chose.
type Verb string

// The two decisions a person can make.
const (
	Allow Verb = "allow"
	Deny  Verb = "deny"
)

// Decision is allow or deny by a named person through a named channel.
type Decision struct {
	Verb    Verb   `json:"verb"`
	By      Person `json:"by"`
	Channel string `json:"channel"`
	// Way is how it was answered; empty where only the verb is known.
	Way WayName `json:"way,omitempty"`
	// Says tells in a few words what was chosen beyond the verb: the rule that
	// was added, the answers. Masked, and still to be made visible.
	Says string `json:"says,omitempty"`
	// Message goes to the model with a deny, and is a reply to an ended turn.
	Message string `json:"message,omitempty"`
	// Interrupt with a deny stops the turn, like Esc.
	Interrupt bool `json:"interrupt,omitempty"`
	// Input, with an allow, replaces the tool's input whole; of an MCP server's
	// form it is what was filled in.
	Input json.RawMessage `json:"input,omitempty"`
	// Permissions, with an allow, are the entries for updatedPermissions.
	Permissions []json.RawMessage `json:"permissions,omitempty"`
	// Masked: this is the journal's copy of an allow, and what it would bring to
	// Claude Code has secrets that the journal does not keep.
	Masked bool      `json:"masked,omitempty"`
	At     time.Time `json:"at"`
}

// Answer is a decision as a channel brings it: still to be judged.
type Answer struct {
	Request string `json:"request"`
	// Generation and Digest are those of the card that was answered. Zero and
	// empty mean that the answerer names the request by its ID alone (the CLI of
	// the same user); every card carries both.
	Generation int      `json:"generation,omitempty"`
	Digest     string   `json:"digest,omitempty"`
	Decision   Decision `json:"decision"`
	// Way and Pick name one of the request's ways, and Fields hold what was
	// filled into its form. Without a Way, Decision.Verb alone says it; with one,
	// the verb follows from it.
	Way    WayName             `json:"way,omitempty"`
	Pick   int                 `json:"pick,omitempty"`
	Fields map[string][]string `json:"fields,omitempty"`
}

// Verdict is what the broker made of an Answer.
type Verdict struct {
	Code VerdictCode `json:"code"`
	// Text says it to the person who answered, in one sentence.
	Text string `json:"text"`
	// Card is the request as it stands now; nil where it is not known.
	Card *Card `json:"card,omitempty"`
}

// VerdictCode tells the ways an answer can fare apart.
type VerdictCode string

const (
	// Accepted: this answer decided the request, and the decision is recorded.
	Accepted VerdictCode = "accepted"
	// TooLate: the request had ended, or somebody else was first.
	TooLate VerdictCode = "too_late"
	// Unknown: no such request on this machine.
	Unknown VerdictCode = "unknown"
	// NotAllowed: this person may not decide here.
	NotAllowed VerdictCode = "not_allowed"
	// NotAsShown: generation or digest are not those of the open request.
	NotAsShown VerdictCode = "not_as_shown"
	// Incomplete: the answer lacks what Claude Code needs (a question's answers).
	Incomplete VerdictCode = "incomplete"
	// NotRecorded: the journal could not take it, so it does not count.
	NotRecorded VerdictCode = "not_recorded"
)

package permit

import "time"

// RecordKind is what a journal record tells.
type RecordKind string

// What the journal holds. docs/journal.md is the manual.
const (
	RecordStarted  RecordKind = "started"  // the daemon started
	RecordStopped  RecordKind = "stopped"  // the daemon stopped in good order
	RecordRepaired RecordKind = "repaired" // a torn last line was cut off
	RecordGap      RecordKind = "gap"      // for a while nothing could be written
	RecordOpened   RecordKind = "opened"   // a request came
	RecordOffered  RecordKind = "offered"  // its cards go up
	RecordPosted   RecordKind = "posted"   // a channel showed it
	RecordEnded    RecordKind = "ended"    // its outcome; of several, the last holds
	RecordStage    RecordKind = "stage"    // how far the outcome came: ended, delivered, ran, …
	RecordSettled  RecordKind = "settled"  // a channel took the buttons off its card
	RecordRefused  RecordKind = "refused"  // an answer that did not count
	RecordPresence RecordKind = "presence" // the person left or came back
	RecordTold     RecordKind = "told"     // a note went to the person
)

// Record is one line of the journal. Kind says which of the fields are set.
type Record struct {
	Kind    RecordKind `json:"kind"`
	At      time.Time  `json:"at"`
	Request string     `json:"request,omitempty"` // its id, in every record of a request

	Opened   *Request      `json:"opened,omitempty"`
	Channel  string        `json:"channel,omitempty"` // posted, settled, refused
	Ref      string        `json:"ref,omitempty"`     // posted
	Outcome  *Outcome      `json:"outcome,omitempty"` // ended
	Stage    Stage         `json:"stage,omitempty"`   // stage
	Took     time.Duration `json:"took,omitempty"`    // stage ran, failed
	By       *Person       `json:"by,omitempty"`      // refused
	Verdict  VerdictCode   `json:"verdict,omitempty"` // refused
	Presence *Presence     `json:"presence,omitempty"`
	Told     *Note         `json:"told,omitempty"`
	Note     string        `json:"note,omitempty"`
}

package permit

import "time"

// PresenceState says whether the person is at the keyboard.
type PresenceState string

// Unsure is a state of its own: a source that cannot tell is never counted
// as either of the others.
const (
	Present PresenceState = "present"
	Away    PresenceState = "away"
	Unsure  PresenceState = "unknown"
)

// Presence is whether the person is at the keyboard, since when, and who says so.
type Presence struct {
	State PresenceState `json:"state"`
	Since time.Time     `json:"since,omitzero"`
	// Source names what decided: "manual", "swayidle", …
	Source string `json:"source"`
	// Override is set while the person has said so by hand.
	Override *Override `json:"override,omitempty"`
	// Detail says why, or what the source cannot see.
	Detail string `json:"detail,omitempty"`
}

// Override is a presence set by hand, until a time or until told otherwise.
type Override struct {
	State PresenceState `json:"state"`
	Since time.Time     `json:"since"`
	Until time.Time     `json:"until,omitzero"` // zero: no end
}

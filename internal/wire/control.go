package wire

import (
	"time"

	"claude-permission-daemon/internal/permit"
)

// Status answers OpStatus.
type Status struct {
	Version  string    `json:"version"`
	PID      int       `json:"pid"`
	Socket   string    `json:"socket"`
	UptimeS  float64   `json:"uptime_s"`
	Presence Presence  `json:"presence"`
	Channels []Channel `json:"channels"`
	Pending  int       `json:"pending"`
	// Journal is why the journal cannot be written; empty: it can.
	Journal string `json:"journal,omitempty"`
	// Config lists what is amiss in the configuration but did not stop the start.
	Config []string `json:"config,omitempty"`
}

// Presence is permit.Presence with every field always there.
type Presence struct {
	State    permit.PresenceState `json:"state"`
	Since    time.Time            `json:"since"`
	Source   string               `json:"source"`
	Override *permit.Override     `json:"override"`
	Detail   string               `json:"detail,omitempty"`
}

// Channel is how a channel stands.
type Channel struct {
	Name   string    `json:"name"`
	State  string    `json:"state"` // ready, connecting, down
	Since  time.Time `json:"since,omitzero"`
	Detail string    `json:"detail"`
	URL    string    `json:"url,omitempty"` // the page's link, with its secret
}

// Pending is one open request in the list that answers OpPending.
type Pending struct {
	ID         string            `json:"id"`
	State      string            `json:"state"` // held, offered, decided
	Tool       string            `json:"tool"`
	Summary    string            `json:"summary"`
	Cwd        string            `json:"cwd"`
	Project    string            `json:"project,omitempty"`
	Branch     string            `json:"branch,omitempty"`
	SessionID  string            `json:"session_id"`
	Agent      string            `json:"agent,omitempty"`
	Host       string            `json:"host"`
	Since      time.Time         `json:"since"`
	Deadline   time.Time         `json:"deadline,omitzero"`
	Contract   string            `json:"contract"`
	Generation int               `json:"generation"`
	Digest     string            `json:"digest"`
	Cards      map[string]string `json:"cards"` // channel → where its card is, or "failed: why"
	Kind       permit.Kind       `json:"kind,omitempty"`
	Ordinal    int               `json:"ordinal,omitempty"` // of identical requests, from 2
	Ways       []permit.Way      `json:"ways"`              // how it can be answered
	Held       string            `json:"held,omitempty"`    // why it cannot be allowed
}

// Shown answers OpShow, with ID: one open request, and the whole of what a
// person is shown of it. All text is safe to show, and masked: see preview.
type Shown struct {
	Pending
	Title    string   `json:"title"`
	Parts    []Part   `json:"parts"`
	Claim    string   `json:"claim,omitempty"` // Claude's own words
	Warnings []string `json:"warnings,omitempty"`
	Flags    []string `json:"flags,omitempty"`
	Masked   []string `json:"masked,omitempty"`
}

// Part is one labelled piece of a request, whole.
type Part struct {
	Label string `json:"label,omitempty"`
	Kind  string `json:"kind"` // code, diff, text, table
	Text  string `json:"text"`
}

// Verdict answers an OpAnswer that did not decide. Error begins with "cannot".
type Verdict struct {
	Error string             `json:"error"`
	Code  permit.VerdictCode `json:"code"`
}

// Watched is one line of the answer to OpWatch: all that can be watched, at
// once and after every change.
type Watched struct {
	Status  Status    `json:"status"`
	Pending []Pending `json:"pending"`
}

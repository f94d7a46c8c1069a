package permit

import (
	"fmt"
	"time"
)

// OutcomeKind is how a request ended.
type OutcomeKind string

// Every way a request can end.
const (
	Approved   OutcomeKind = "approved"
	Denied     OutcomeKind = "denied"
	Local      OutcomeKind = "answered_in_terminal"
	HandedBack OutcomeKind = "handed_back"
	Expired    OutcomeKind = "expired"
	Gone       OutcomeKind = "gone"
)

// Outcome is how a request ended, and what is known of it.
type Outcome struct {
	Kind OutcomeKind `json:"kind"`
	// Reason says why, for a person.
	Reason string `json:"reason,omitempty"`
	// Guess marks an outcome that was inferred, not told.
	Guess bool `json:"guess,omitempty"`
	// Decision is set for Approved and Denied only.
	Decision *Decision `json:"decision,omitempty"`
	At       time.Time `json:"at"`
}

// Decided reports whether a person's decision ended the request.
func (o Outcome) Decided() bool { return o.Kind == Approved || o.Kind == Denied }

// Sentence tells the outcome in words that claim no more than is known.
func (o Outcome) Sentence() string {
	switch o.Kind {
	case Approved, Denied:
		word := "Approved"
		if o.Kind == Denied {
			word = "Denied"
		}
		if o.Decision == nil {
			return word
		}
		if w, ok := chosen[o.Decision.Way]; ok {
			word = w
		}
		said := fmt.Sprintf("%s by %s via %s", word, o.Decision.By, o.Decision.Channel)
		if o.Decision.Says != "" {
			said += " (" + o.Decision.Says + ")"
		}
		if o.Decision.Message != "" {
			said += ": " + o.Decision.Message
		}
		return said
	case Local:
		return sentence("Answered in the terminal", "Probably answered in the terminal", o)
	case HandedBack:
		return sentence("Handed back to the terminal", "Handed back to the terminal", o)
	case Expired:
		return sentence("Expired: nobody answered in time", "Expired", o)
	case Gone:
		return sentence("No longer open", "No longer open", o)
	}
	return string(o.Kind)
}

// chosen says what was done, where Approved or Denied would not be the word.
var chosen = map[WayName]string{
	WayChoose: "Answered",
	WayAnswer: "Answered",
	WayRetry:  "Allowed to be tried again",
	WayCancel: "Cancelled",
}

func sentence(sure, guess string, o Outcome) string {
	said := sure
	if o.Guess {
		said = guess
	}
	if o.Reason != "" {
		said += ": " + o.Reason
	}
	return said
}

// Stage is how far a request has come, as far as is known.
type Stage string

// The stages, in the order in which a card passes through them. A request
// that ends without a decision goes from Open to Ended.
const (
	Open         Stage = "open"          // answerable
	Sent         Stage = "sent"          // decided, recorded, and written to the hook
	Delivered    Stage = "delivered"     // the hook took it
	NotDelivered Stage = "not_delivered" // decided, but the hook was not there to take it
	Ran          Stage = "ran"           // PostToolUse: the tool ran
	Failed       Stage = "failed"        // PostToolUseFailure: the tool ran and failed
	Ended        Stage = "ended"         // ended without a decision
)

// Card is one request as a channel shows it. It is a value: a channel draws
// the newest card it was given and may skip older ones.
type Card struct {
	Request Request  `json:"request"`
	Stage   Stage    `json:"stage"`
	Outcome *Outcome `json:"outcome,omitempty"` // nil while Open
	// Took is how long the tool ran, for Ran and Failed, where it is known.
	Took time.Duration `json:"took,omitempty"`
	// Note is what else the person should know now ("the terminal is open too").
	Note string `json:"note,omitempty"`
	// Ref is what the channel said of this card when it had shown it
	// (Posted); it comes back after a restart. Empty: not shown yet.
	Ref string `json:"ref,omitempty"`
}

// Live reports whether the card may carry buttons.
func (c Card) Live() bool { return c.Stage == Open }

// Headline tells a settled card's state in one sentence; empty while it is open.
func (c Card) Headline() string {
	if c.Outcome == nil {
		return ""
	}
	said := c.Outcome.Sentence()
	switch c.Stage {
	case Sent:
		return said + " — sent, waiting for Claude Code to take it"
	case Delivered:
		return said + " — delivered to Claude Code"
	case NotDelivered:
		return said + " — not delivered: look at the terminal"
	case Ran:
		return said + " — ran" + took(c.Took)
	case Failed:
		return said + " — ran and failed" + took(c.Took)
	}
	return said
}

func took(d time.Duration) string {
	if d <= 0 {
		return ""
	}
	if d < time.Second {
		return fmt.Sprintf(" (%d ms)", d.Milliseconds())
	}
	return fmt.Sprintf(" (%s)", d.Round(100*time.Millisecond))
}

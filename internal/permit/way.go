package permit

// WayName names how a request is answered. A channel passes it on and gives
// it no meaning of its own.
type WayName string

// The ways there are. Which of them a request has, preview.Preview.Ways says.
const (
	WayApprove WayName = "approve"      // as it was asked
	WayEdits   WayName = "accept_edits" // a plan, and edits without asking from here on
	WayEdit    WayName = "edit"         // with the input changed: a Form
	WayAlways  WayName = "always"       // and add the suggested rule Pick
	WayChoose  WayName = "choose"       // a simple question's option Pick
	WayAnswer  WayName = "answer"       // a question, a form or a reply: mostly a Form
	WayRetry   WayName = "retry"        // what auto mode refused may be tried again
	WayDeny    WayName = "deny"         // decline, of an MCP server's form
	WayReason  WayName = "deny_reason"  // with words for the model: a Form
	WayCancel  WayName = "cancel"       // an MCP server's form, and what it was for
)

// Way is one way in which a request can be answered: one button, as a rule.
// The answer carries its Name, its Pick, and what was filled into its Form.
type Way struct {
	Name WayName `json:"name"`
	Pick int     `json:"pick,omitempty"`
	Verb Verb    `json:"verb"`
	// Label is the button's text, as short as it can be.
	Label string `json:"label"`
	// Confirm is what a person must confirm before the answer is given, as
	// sentences; empty: nothing.
	Confirm string `json:"confirm,omitempty"`
	// Warning says what is dangerous about this way; part of Confirm too.
	Warning string `json:"warning,omitempty"`
	// Form is to be filled in first; nil: one tap answers.
	Form []Field `json:"form,omitempty"`
}

// FieldKind says what goes into a field.
type FieldKind string

// The kinds of field. A channel that does not know one takes a line of text.
const (
	Line  FieldKind = "line"  // a line of text
	Lines FieldKind = "lines" // any text
	Whole FieldKind = "whole" // a whole number
	Real  FieldKind = "real"  // a number
	Truth FieldKind = "truth" // "true" or "false"
	One   FieldKind = "one"   // one of Options, or, where Other is set, words
	Many  FieldKind = "many"  // any of Options, and, where Other is set, words
)

// Field is one thing to fill in. In Answer.Fields its Name has the value typed
// (Line, Lines, Whole, Real, Truth) or the numbers of the options chosen, from
// "0" (One, Many); OtherName(Name) has the words written instead (One) or
// besides (Many).
type Field struct {
	Name     string    `json:"name"`
	Label    string    `json:"label"`          // what is asked
	Help     string    `json:"help,omitempty"` // more about it; may be empty
	Kind     FieldKind `json:"kind"`
	Options  []Option  `json:"options,omitempty"`
	Other    bool      `json:"other,omitempty"`
	Required bool      `json:"required,omitempty"`
	// Value is what stands in it at first: text, or an option's number.
	Value string `json:"value,omitempty"`
	// Most is how many characters it takes; 0: no limit of its own.
	Most int `json:"most,omitempty"`
}

// Option is one choice of a field.
type Option struct {
	Label string `json:"label"`
	Help  string `json:"help,omitempty"`
	// Look is what the choice would look like, monospaced; often empty.
	Look string `json:"look,omitempty"`
}

// OtherName is under which name the free words of a field go.
func OtherName(field string) string { return field + ".other" }

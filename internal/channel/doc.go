// Package channel is the contract between the daemon and the places where
// people answer: Slack, the web page, whatever comes next.
//
// # How to add a channel
//
//  1. Make a folder beside slack/ and web/ with a Config (TOML tags, defaults,
//     a Validate method), a New that takes it, and a type that satisfies
//     [Channel]. It may import permit, preview, this package and its own
//     library; nothing else of ours.
//  2. Draw a card from [permit.Card] and the preview of card.Request. The
//     preview's Ways are the buttons: each has its text, what is to be confirmed
//     first, and the form that is filled in first. Give none a meaning: the answer
//     carries the way's Name and Pick and what was filled in. Take the
//     preview as a function, func(permit.Request) preview.Preview, with
//     preview.Of as the default: the daemon gives one that reads files and masks
//     secrets. The preview has already made hidden characters visible and says
//     what was masked. Put buttons on a card only while card.Live().
//  3. Turn a tap into a [permit.Answer] that carries the card's generation and
//     digest and the person as the channel authenticated them, hand it to
//     [Desk.Answer], and tell the person the verdict. Pass everybody on: the
//     broker refuses whom [Channel].Allows does not allow, and records it.
//  4. Run channeltest.Run on it.
//  5. Add one field in config.Config and one line in daemon/wire.go.
package channel

import (
	"context"
	"time"

	"claude-permission-daemon/internal/permit"
)

// Channel is a place where people answer. Methods are safe for concurrent use.
type Channel interface {
	// Name is the channel's one word: "slack", "web".
	Name() string

	// Show gives the newest card of a request. It only takes note and returns:
	// it never waits for a network, a disk or a lock held across either. A
	// channel draws the newest card it was given and may skip older ones. A
	// card with a Ref was shown before (perhaps by an earlier process) and is
	// redrawn in place. A card that is no longer Live must lose its buttons; one
	// that was never shown and is no longer Live need not be shown at all.
	// Show may be called before Run.
	Show(card permit.Card)

	// Run serves until ctx ends, then finishes the drawing it has in hand
	// within Grace, waits for everything it started, and returns nil. An error
	// means that the channel cannot work until its configuration changes; the
	// others go on without it.
	Run(ctx context.Context, desk Desk) error

	// Status is how the channel stands now. It never blocks.
	Status() Status

	// Allows says whether this person, as the channel has authenticated them, may
	// decide. The broker asks it about every answer; doubt is a no. It never blocks.
	Allows(person permit.Person) bool
}

// Notifier is what a channel also is that can tell a person of a happening
// which asks nothing of them.
type Notifier interface {
	// Note takes note of a happening and returns, like Show. It is told once and
	// is not told again after a restart.
	Note(note permit.Note)
}

// Grace is how long a channel may go on drawing after its context ended.
const Grace = 2 * time.Second

// Desk is where a channel brings what happens on it. All methods are safe for
// concurrent use; they fail only by the daemon's ending, when answers are
// refused.
type Desk interface {
	// Answer brings a person's decision and waits (milliseconds) until it is
	// recorded or refused. If ctx ends first the verdict is NotRecorded, though the
	// decision may still count: the card tells.
	Answer(ctx context.Context, answer permit.Answer) permit.Verdict
	// Posted says that the request's card can be seen by people, and how the
	// channel will find it again.
	Posted(request, ref string)
	// Settled says that the request's card has lost its buttons for good, so that
	// it need not be drawn again after a restart. Call it once the drawing of a
	// card that is not Live has succeeded; again does no harm.
	Settled(request string)
	// Failed says that the request's card will never be seen on this channel.
	// Errors that may pass are the channel's own to retry.
	Failed(request string, err error)
}

// State is a channel's health in one word.
type State string

// The states. Connecting covers every retry; Down needs a person.
const (
	Ready      State = "ready"
	Connecting State = "connecting"
	Down       State = "down"
)

// Status is how a channel stands, for `status` and doctor.
type Status struct {
	Name  string    `json:"name"`
	State State     `json:"state"`
	Since time.Time `json:"since,omitzero"`
	// Detail is the reason in the channel's own words.
	Detail string `json:"detail,omitempty"`
	// URL is the page's link with its secret (web only).
	URL string `json:"url,omitempty"`
}

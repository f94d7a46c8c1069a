// Package channeltest is the suite that every channel passes, whatever it
// draws on: the contract of package channel, told in tests.
//
// A channel's test makes a [Harness], which lets the suite see what a person
// would see and tap as a person would tap, and calls [Run]:
//
//	func TestChannel(t *testing.T) {
//		channeltest.Run(t, func(t *testing.T) channeltest.Harness { … })
//	}
//
// [Memory] is the smallest channel that passes; read it first to write one.
package channeltest

import (
	"testing"

	"claude-permission-daemon/internal/channel"
	"claude-permission-daemon/internal/permit"
)

// Harness is one channel under test with the world around it: the place where
// its cards appear, and a person in front of it. It is made anew for each test
// and cleans up with t.Cleanup. Goroutines that it starts itself must have
// ended when the channel has, or be there before the channel runs.
type Harness interface {
	// Channel is the channel under test. It has not been run yet.
	Channel() channel.Channel

	// Restart puts a new channel in the place of the one that Channel gave, as
	// a new process would; what has been posted stays. The old one has ended.
	Restart(t *testing.T) channel.Channel

	// Seen is what a person sees of a request now, and whether there is
	// anything to see. It works while the channel runs; after that, where the
	// cards outlive the channel.
	Seen(request string) (Seen, bool)

	// Tap answers as a person would who looks at the card of the request as
	// they last saw it live through Seen, even if its buttons are gone since
	// (a stale screen). Says is what the person is told. An error means that the
	// tap could not be made or that nothing came back.
	Tap(request string, verb permit.Verb, message string) (says string, err error)
}

// Hanger is a Harness whose channel depends on a network that can hang.
type Hanger interface {
	Harness
	// Hang makes the far side take whatever is sent and say nothing any more.
	Hang()
}

// Glancer is a Harness that can see all cards at once, which spares the suite
// to look two hundred times at two hundred cards.
type Glancer interface {
	Harness
	// Glance gives Seen for every request of which there is something to see.
	Glance() map[string]Seen
}

// Seen is a card as a person sees it.
type Seen struct {
	// Live: the card can be answered; it has buttons.
	Live bool
	// Text is all that can be read on the card, in reading order, free of the
	// channel's markup, with the line breaks inside a part kept.
	Text string
	// Copies is how many cards of this request there are.
	Copies int
}

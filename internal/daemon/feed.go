package daemon

import (
	"context"
	"time"

	"claude-permission-daemon/internal/channel"
	"claude-permission-daemon/internal/permit"
)

// feedFor is how long the daemon's end waits until the channels have been given
// their last cards: at once, but for one that is stuck.
const feedFor = 300 * time.Millisecond

// feed gives a channel its cards, beside the loop. Show never waits, says its
// contract; a channel with a bug in it holds up nobody but itself all the same.
type feed struct {
	channel channel.Channel
	cards   *queue[permit.Card]
}

func newFeed(c channel.Channel) *feed { return &feed{channel: c, cards: newQueue[permit.Card]()} }

// run shows what there is, closes known, and shows what comes until ctx ends,
// and then what is left. (Before a channel looks for cards of earlier processes,
// it must know which of them are open still.)
func (f *feed) run(ctx context.Context, known chan<- struct{}) {
	f.show()
	close(known)
	for {
		select {
		case <-f.cards.more:
			f.show()
		case <-ctx.Done():
			f.show()
			return
		}
	}
}

func (f *feed) show() {
	for _, card := range f.cards.take() {
		f.channel.Show(card)
	}
}

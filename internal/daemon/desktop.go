package daemon

import (
	"claude-permission-daemon/internal/desktop"
	"claude-permission-daemon/internal/permit"
	"claude-permission-daemon/internal/preview"
)

// outcomes tells the desktop what became of requests that were not answered at
// it. A request has a card on every channel, drawn one after the other; it is
// told of once.
type outcomes struct {
	tell func(desktop.Note)
	last string // the request that was told of last
}

// drawn takes note of a card that a channel is given.
func (o *outcomes) drawn(card permit.Card) {
	r := card.Request
	if o.last == r.ID || card.Outcome == nil || r.Contract == permit.Trial {
		return
	}
	decided := card.Outcome.Decision != nil && card.Outcome.Decision.Channel != terminalChannel &&
		(card.Stage == permit.Delivered || card.Stage == permit.NotDelivered)
	if !decided && card.Outcome.Kind != permit.Expired {
		return
	}
	o.last = r.ID
	where := r.Project
	if where == "" {
		where = r.Cwd
	}
	o.tell(desktop.Note{Title: preview.RevealMasked(card.Headline()), Body: preview.Reveal(r.Tool + " in " + where)})
}

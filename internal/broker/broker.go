// Package broker decides who is asked, who wins and how a request ends.
//
// It is a state machine and nothing else: no I/O, no clock, no goroutine.
// Events go in with the time at which they happened, effects come out as
// values, in the order in which they are to be carried out. table.go has every
// transition.
//
// What always holds (the order within one request):
//
//	the journal has its outcome  →  the hook is told  →  the cards are drawn
//
// and no failure on that way allows or denies anything.
package broker

import (
	"maps"
	"slices"
	"time"

	"claude-permission-daemon/internal/permit"
)

// Config is what the broker's rules are set by.
type Config struct {
	// Channels are the names of the channels that cards go to.
	Channels []string
	// RequestTimeout ends a request that nobody answered; zero: Claude Code's
	// own limit does.
	RequestTimeout time.Duration
	// AskAfter is how long a request waits for the terminal while presence is
	// unknown; AskAfterPresent, while the person is present (zero: for ever).
	AskAfter, AskAfterPresent time.Duration
	// HandBackOnReturn ends a parallel request when the person is back, instead
	// of leaving its cards answerable.
	HandBackOnReturn bool
	// MaxOpen is how many requests may be open at once.
	MaxOpen int
	// Reattach is how long a restarted broker waits for the hooks of the
	// requests that it found open.
	Reattach time.Duration
	// Allowed says whether a person may decide on a channel.
	Allowed func(channel string, person permit.Person) bool
	// Resolve turns an answer into the decision that it makes, or says what it
	// lacks, as a sentence for the person. (A question needs its answers.)
	Resolve func(permit.Request, permit.Answer) (decision permit.Decision, lacks string)
	// RetryFor is how long a refusal of auto mode waits for somebody to allow
	// another try, which keeps the session waiting; zero: as any request.
	RetryFor time.Duration
}

// The times that are not for a user to set.
const (
	// strayFor is how long a hook that vanished without a word may take to come
	// back before its request is given up. (It has no reason to vanish but its
	// own death or a thaw after a freeze.)
	strayFor = 2 * time.Second
	// journalFor is how long the person at the keyboard waits for the journal.
	journalFor = time.Second
	// decisionFor is how long a decision waits for it.
	decisionFor = 5 * time.Second
	// rememberFor is how long an ended request is kept, for late taps and for
	// what PostToolUse tells.
	rememberFor = time.Hour
	// rememberMost is how many are kept.
	rememberMost = 1000
	// mostReplies is how many replies in a row Claude Code takes from a Stop hook;
	// the next one would be dropped (measured on 2.1.330).
	mostReplies = 8
)

// Broker holds every request of this machine. It is not safe for concurrent
// use: one goroutine owns it.
type Broker struct {
	cfg      Config
	presence permit.Presence
	requests map[string]*request
	order    []*request // by arrival; ended ones too, until forgotten
	seq      uint64     // of the last Record
	last     time.Time  // of the last Step
	table    [phases][triggers]transition
	stopping bool
	notes    notes
	replies  map[string]int // by session: how many in a row went to it
}

// request is a permit.Request and where it stands.
type request struct {
	permit.Request
	phase   phase
	outcome *permit.Outcome // chosen, from deciding on
	stage   permit.Stage
	early   permit.Stage // Ran or Failed, seen while the hook had yet to speak
	took    time.Duration

	link    uint64    // the hook's connection; 0: there is none now
	newest  uint64    // the newest it ever had: word of an older one is stale
	strayed time.Time // with link 0: until when it may come back

	record  uint64    // the Record that is waited for; 0: none
	giveUp  time.Time // deciding: when the journal has had long enough
	decider uint64    // token of the answer that decides, until its verdict
	late    []late    // answers that came while the journal had not yet said

	journalled bool              // its opening went to the journal
	shown      bool              // cards were drawn
	unseen     bool              // the person was not counted as present when they were
	refs       map[string]string // by channel, what Posted said
	failed     map[string]string // by channel, why it cannot show this one
	settled    map[string]bool   // by channel, whether its card has lost its buttons
	ended      time.Time
}

// late is an answer that came second.
type late struct {
	token  uint64
	answer permit.Answer
}

func newRequest(r permit.Request, link uint64) *request {
	return &request{Request: r, link: link, newest: link, stage: permit.Open,
		refs: make(map[string]string), failed: make(map[string]string), settled: make(map[string]bool)}
}

// New returns a broker that knows nothing of presence yet.
func New(cfg Config) *Broker {
	return &Broker{
		cfg:      cfg,
		presence: permit.Presence{State: permit.Unsure},
		requests: make(map[string]*request),
		table:    table(),
		notes:    newNotes(),
		replies:  make(map[string]int),
	}
}

// Wake returns the earliest moment at which a Tick is due; false: none is.
func (b *Broker) Wake() (time.Time, bool) {
	var first time.Time
	for _, r := range b.order {
		if at := b.due(r); !at.IsZero() && (first.IsZero() || at.Before(first)) {
			first = at
		}
	}
	return first, !first.IsZero()
}

// Settled reports whether every request has ended, so that the daemon may.
func (b *Broker) Settled() bool {
	return !slices.ContainsFunc(b.order, func(r *request) bool { return r.phase != over })
}

// CardsOut reports whether a request is being asked elsewhere.
func (b *Broker) CardsOut() bool {
	return slices.ContainsFunc(b.order, func(r *request) bool { return r.phase == offered })
}

// State is how an open request stands, in the words of `pending`.
type State string

// The states of an open request.
const (
	StateHeld    State = "held"
	StateOffered State = "offered"
	StateDecided State = "decided"
)

// Pending is an open request for `pending` and `status`.
type Pending struct {
	Card  permit.Card       `json:"card"`
	State State             `json:"state"`
	Cards map[string]string `json:"cards"` // channel → ref, or "failed: why"
}

// Pending lists the requests that have not ended, oldest first.
func (b *Broker) Pending() []Pending {
	open := []Pending{}
	for _, r := range b.order {
		if r.phase == over {
			continue
		}
		p := Pending{Card: b.card(r, ""), State: r.phase.state(), Cards: make(map[string]string)}
		maps.Copy(p.Cards, r.refs)
		for channel, why := range r.failed {
			p.Cards[channel] = "failed: " + why
		}
		open = append(open, p)
	}
	return open
}

// Presence is what the broker last heard.
func (b *Broker) Presence() permit.Presence { return b.presence }

// card is the request as the channel is to show it.
func (b *Broker) card(r *request, channel string) permit.Card {
	c := permit.Card{Request: r.Request, Stage: permit.Open, Ref: r.refs[channel]}
	if r.phase == over || r.phase == sent {
		c.Stage, c.Outcome = r.stage, r.outcome
		if r.stage == permit.Ran || r.stage == permit.Failed {
			c.Took = r.took
		}
	}
	if c.Live() && r.Contract == permit.Parallel && b.presence.State == permit.Present {
		c.Note = "You are counted as back: the question is open in the terminal too."
	}
	return c
}

// open counts the requests that have not ended.
func (b *Broker) open() int {
	n := 0
	for _, r := range b.order {
		if r.phase != over {
			n++
		}
	}
	return n
}

// forget drops ended requests that are too old or too many.
func (b *Broker) forget(now time.Time) {
	ended := len(b.order) - b.open()
	b.order = slices.DeleteFunc(b.order, func(r *request) bool {
		if r.phase != over || ended <= rememberMost && now.Sub(r.ended) < rememberFor {
			return false
		}
		ended--
		if b.requests[r.ID] == r {
			delete(b.requests, r.ID)
		}
		return true
	})
}

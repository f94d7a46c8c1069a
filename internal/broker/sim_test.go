package broker

import (
	"container/heap"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"claude-permission-daemon/internal/permit"
)

// This file is a small world around the broker: a journal, hooks, channels with
// people, a terminal and a clock, in which everything that can go wrong does,
// by choices from one stream. The truths that it checks after every step are
// those of ARCHITECTURE.md. simulate_test.go runs it.

// choices is the stream that everything random comes from. Zero is always the
// harmless choice, so that a shorter or smaller stream is a calmer world.
type choices struct {
	replay []uint32
	rng    *rand.Rand // nil: replay only
	taken  []uint32
}

func (c *choices) next() uint32 {
	var v uint32
	switch {
	case len(c.taken) < len(c.replay):
		v = c.replay[len(c.taken)]
	case c.rng != nil:
		v = c.rng.Uint32()
	}
	c.taken = append(c.taken, v)
	return v
}

// chance is true in about p of 1000 cases, and false for a zero.
func (c *choices) chance(p uint32) bool { return c.next()%1000 >= 1000-p }

// upTo is a number below n.
func (c *choices) upTo(n uint32) uint32 { return c.next() % n }

// delay is mostly small, sometimes long.
func (c *choices) delay() time.Duration {
	v := c.next()
	switch v % 16 {
	case 15:
		return time.Duration(v>>8%30000) * time.Millisecond
	case 14, 13:
		return time.Duration(v>>8%2000) * time.Millisecond
	}
	return time.Duration(v>>8%20) * time.Millisecond
}

// happening is something that will happen in the world.
type happening struct {
	at    time.Duration // on the world's own clock, which no jump touches
	order int
	do    func()
}

type happenings []happening

func (h happenings) Len() int { return len(h) }
func (h happenings) Less(i, j int) bool {
	return h[i].at < h[j].at || h[i].at == h[j].at && h[i].order < h[j].order
}
func (h happenings) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *happenings) Push(x any)   { *h = append(*h, x.(happening)) }
func (h *happenings) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}

// world is one run.
type world struct {
	*choices
	mutate func(*Broker)     // plants a bug in each broker
	blur   func(Event) Event // plants one in what it hears; nil: none

	clock  time.Duration // true time since the start
	jump   time.Duration // by how much the wall clock is off
	queue  happenings
	count  int
	spins  int // ticks in a row without time passing
	failed string
	trace  []string // what the broker heard and did

	broker    *Broker
	epoch     int // of the daemon; 0 while it is down
	last      int // the last epoch
	calm      bool
	journal   []permit.Record
	unwritten []Record
	broken    bool // the journal cannot be written
	links     map[uint64]*simHook
	nextLink  uint64
	hooks     []*simHook
	cards     map[string]map[string]*simCard // by channel and request
	stuck     map[string]bool
	presence  permit.PresenceState
	known     permit.PresenceState // what the broker was told last
	taps      map[uint64]*tap
	nextToken uint64
	news      simNews
	endless   map[string]bool // requests of which an end is not on record
}

// simHook is a hook that waits, and the truth about its question.
type simHook struct {
	req      permit.Request
	link     uint64
	alive    bool
	reached  bool            // an outcome came to its connection
	output   *permit.Outcome // what it wrote for Claude Code
	acked    bool
	evidence bool // something of a local answer was there to be seen
	ended    bool // the session or process is gone
	ran      bool
	heard    time.Duration
	line     time.Duration // when its connection's last word arrives

	kept, overdue           bool // it keeps a person who may be there from the terminal; its time is over
	keptSince, overdueSince time.Duration
}

// simCard is what can be seen of a request on a channel.
type simCard struct {
	shown   *permit.Card // nil: nothing is there
	newest  *permit.Card // what the channel was given
	drawing bool
	posted  bool
}

// tap is a person's press of a button.
type tap struct {
	answer  permit.Answer
	valid   bool
	epoch   int
	verdict []permit.Verdict
}

const (
	simTimeout  = 3 * time.Minute
	simReattach = 30 * time.Second
	simRetry    = time.Minute
)

func newWorld(c *choices, mutate func(*Broker), blur func(Event) Event) *world {
	w := &world{choices: c, mutate: mutate, blur: blur, links: make(map[uint64]*simHook), presence: permit.Unsure,
		cards: make(map[string]map[string]*simCard), stuck: make(map[string]bool), taps: make(map[uint64]*tap), news: newNews(), endless: make(map[string]bool)}
	for _, ch := range []string{"slack", "web"} {
		w.cards[ch] = make(map[string]*simCard)
	}
	return w
}

// failf notes the first truth that was broken.
func (w *world) failf(format string, args ...any) {
	if w.failed == "" {
		w.failed = fmt.Sprintf("at %v: ", w.clock) + fmt.Sprintf(format, args...)
	}
}

func (w *world) after(d time.Duration, do func()) {
	w.count++
	heap.Push(&w.queue, happening{w.clock + d, w.count, do})
}

// wall is what the daemon's clock says.
func (w *world) wall() time.Time { return time.Unix(1_800_000_000, 0).Add(w.clock + w.jump) }

// run lives through one schedule and returns which truth was broken, if any.
func (w *world) run() string {
	w.start()
	n := int(1 + w.upTo(3))
	for i := range n {
		w.after(w.delay(), func() { w.newHook(i) })
	}
	for range w.upTo(8) {
		w.after(w.delay()+w.delay(), w.trouble)
	}
	for i := range w.upTo(4) {
		w.after(w.delay()+w.delay(), func() { w.newNote(i) })
	}
	w.until(2 * time.Minute)
	// The storm is over: everything works again, and time passes.
	w.calm, w.broken = true, false
	for ch := range w.stuck {
		w.stuck[ch] = false
	}
	if w.epoch == 0 {
		w.start()
	}
	for _, ch := range []string{"slack", "web"} {
		for _, id := range slices.Sorted(maps.Keys(w.cards[ch])) {
			w.draw(ch, id)
		}
	}
	w.until(w.clock + 24*time.Hour) // as far as the clock can have been set back
	w.final()
	return w.failed
}

// until works through what happens up to a moment.
func (w *world) until(end time.Duration) {
	for w.failed == "" {
		next := end
		if len(w.queue) > 0 && w.queue[0].at < next {
			next = w.queue[0].at
		}
		if w.epoch > 0 {
			if at, ok := w.broker.Wake(); ok {
				if wake := max(w.clock, at.Sub(w.wall().Add(-w.clock))); wake < next {
					if w.spins++; wake > w.clock {
						w.spins = 0
					} else if w.spins > 100 {
						w.failf("the broker wants to be woken again and again: %+v", w.broker.Pending())
					}
					w.clock = wake
					w.tell(Tick{})
					continue
				}
			}
		}
		if next >= end {
			w.clock = end
			return
		}
		h := heap.Pop(&w.queue).(happening)
		w.clock, w.spins = h.at, 0
		h.do()
	}
}

// start brings the daemon up, from what the journal holds.
func (w *world) start() {
	w.last++
	w.epoch = w.last
	w.broker = New(Config{
		Channels: []string{"slack", "web"}, RequestTimeout: simTimeout, AskAfter: 5 * time.Second,
		AskAfterPresent: 20 * time.Second, MaxOpen: 100, Reattach: simReattach, RetryFor: simRetry,
		Allowed: func(_ string, p permit.Person) bool { return p.ID != "mallory" },
		Resolve: resolved,
	})
	w.mutate(w.broker)
	w.known = permit.Unsure
	effects := w.broker.Restore(w.wall(), w.journal)
	w.trace = append(w.trace, fmt.Sprintf("%v  the daemon starts  →  %s", w.clock, words(effects)))
	w.carryOut(effects)
	w.tell(PresenceIs{permit.Presence{State: w.presence}})
}

// crash is a kill -9 of the daemon: what was not written is lost.
func (w *world) crash() {
	if w.epoch == 0 {
		return
	}
	w.trace = append(w.trace, fmt.Sprintf("%v  kill -9", w.clock))
	w.lose(w.unwritten)
	w.epoch, w.unwritten = 0, nil
	w.news.forget()
	for _, link := range slices.Sorted(maps.Keys(w.links)) {
		h := w.links[link]
		delete(w.links, link)
		h.link, h.heard = 0, w.clock
		w.after(50*time.Millisecond, func() { w.reattach(h) })
	}
	for _, cards := range w.cards {
		for id, c := range cards {
			if c.newest, c.drawing = nil, false; c.shown == nil {
				delete(cards, id)
			}
		}
	}
	w.after(time.Duration(w.upTo(40))*time.Second, func() {
		if w.epoch == 0 {
			w.start()
		}
	})
}

// tell gives the broker an event, if there is one.
func (w *world) tell(e Event) {
	if w.epoch == 0 || w.failed != "" {
		return
	}
	if p, ok := e.(PresenceIs); ok {
		w.known = p.Presence.State
	}
	w.heard(e)
	if w.blur != nil {
		e = w.blur(e)
	}
	effects := w.broker.Step(w.wall(), e)
	w.trace = append(w.trace, fmt.Sprintf("%v  %T%+v  →  %s", w.clock, e, e, words(effects)))
	w.carryOut(effects)
	w.checkNews(e)
	w.check()
}

// later gives the broker of now an event, some time from now.
func (w *world) later(e Event) {
	epoch := w.epoch
	w.after(w.delay(), func() {
		if w.epoch == epoch {
			w.tell(e)
		}
	})
}

// inOrder is later for what one connection brings: it comes in order.
func (w *world) inOrder(h *simHook, e Event) {
	epoch := w.epoch
	h.line = max(h.line, w.clock+w.delay())
	w.after(h.line-w.clock, func() {
		if w.epoch == epoch {
			w.tell(e)
		}
	})
}

func (w *world) carryOut(effects []Effect) {
	for _, effect := range effects {
		switch e := effect.(type) {
		case Record:
			w.unwritten = append(w.unwritten, e)
			epoch := w.epoch
			w.after(w.delay(), func() {
				if w.epoch == epoch {
					w.write()
				}
			})
		case Tell:
			w.outcome(e)
		case Draw:
			c := w.cards[e.Channel][e.Card.Request.ID]
			if c == nil {
				c = &simCard{}
				w.cards[e.Channel][e.Card.Request.ID] = c
			}
			card := e.Card
			c.newest = &card
			w.draw(e.Channel, card.Request.ID)
		case Judge:
			w.judged(e)
		case Notify:
			w.notified(e.Note)
		}
	}
}

// write is the journal's one writer: all that waits goes down, or none.
func (w *world) write() {
	batch := w.unwritten
	w.unwritten = nil
	var err error
	if w.broken {
		err = errors.New("cannot write the journal: no space left on device")
		w.lose(batch)
	} else {
		for _, r := range batch {
			line, _ := json.Marshal(withoutSecrets(r.Record)) // what is read back is what was written
			var back permit.Record
			_ = json.Unmarshal(line, &back)
			w.journal = append(w.journal, back)
		}
	}
	for _, r := range batch {
		if r.Sync {
			w.later(Recorded{Seq: r.Seq, Err: err})
		}
	}
}

// lose notes whose ends never came to the journal: to the next daemon these
// requests are open, so they go on if their hooks do.
func (w *world) lose(batch []Record) {
	for _, r := range batch {
		if r.Record.Kind == permit.RecordEnded {
			w.endless[r.Record.Request] = true
		}
	}
}

// newHook is Claude Code asking.
func (w *world) newHook(i int) {
	h := &simHook{alive: true, req: w.newRequest()}
	h.req.ID, h.req.Session, h.req.Client = fmt.Sprintf("request-%d", i), "s", permit.Client{ClaudePID: 1}
	h.req.Digest = permit.DigestOf(h.req.Tool, h.req.Input)
	w.hooks = append(w.hooks, h)
	if h.req.Kind == permit.Finished { // its event tells of the end of the turn too
		w.inOrder(h, Seen{permit.Signal{Kind: permit.TurnEnded, Session: "s"}})
	}
	w.connect(h)
}

func (w *world) connect(h *simHook) {
	if w.epoch == 0 {
		h.alive = false // no daemon: it hands back
		return
	}
	w.nextLink++
	h.link, h.heard = w.nextLink, w.clock
	w.links[h.link] = h
	req := h.req
	if req.Asked.IsZero() {
		h.req.Asked = w.wall()
		req.Asked = h.req.Asked
	}
	w.inOrder(h, Asked{Request: req, Link: h.link})
}

// reattach is a hook that looks for its daemon again.
func (w *world) reattach(h *simHook) {
	switch {
	case !h.alive || h.link != 0:
	case h.req.Contract == permit.Bare || w.clock-h.heard > simReattach:
		h.alive = false
	case w.epoch > 0:
		w.connect(h)
	default:
		w.after(time.Second, func() { w.reattach(h) })
	}
}

// outcome is a Tell on its way to a hook.
func (w *world) outcome(e Tell) {
	h := w.links[e.Link]
	if h == nil || !h.alive {
		w.later(Told{ID: e.Request.ID, Link: e.Link, Err: errors.New("broken pipe")})
		return
	}
	h.reached = true
	w.later(Told{ID: e.Request.ID, Link: e.Link})
	link := h.link
	w.after(w.delay(), func() { w.receive(h, link, e.Outcome) })
}

// receive is a hook reading its outcome.
func (w *world) receive(h *simHook, link uint64, o permit.Outcome) {
	if !h.alive || h.link != link {
		return
	}
	if o.Decided() && h.ended { // nobody reads its stdout
		w.closeHook(h, "stdout closed")
		return
	}
	if o.Decided() {
		w.checkOutput(h, o)
		h.output = &o
		if o.Kind == permit.Approved && !h.evidence && h.req.Kind == permit.Permission {
			w.after(w.delay(), func() { w.toolRuns(h) })
		}
		if w.chance(30) { // killed before it could say so
			w.closeHook(h, "")
			return
		}
		h.acked = true
		if h.req.Contract != permit.Bare {
			w.inOrder(h, Delivered{ID: h.req.ID, Link: link})
		}
		// The end of its connection comes after its last word.
		epoch := w.epoch
		w.after(40*time.Second, func() {
			if w.epoch == epoch {
				w.closeHook(h, "")
			}
		})
		h.alive = false
		return
	}
	w.closeHook(h, "")
}

func (w *world) closeHook(h *simHook, reason string) {
	h.alive = false
	if h.link != 0 {
		delete(w.links, h.link)
		w.inOrder(h, Closed{ID: h.req.ID, Link: h.link, Reason: reason})
		h.link = 0
	}
}

// toolRuns is Claude Code running what was allowed, and saying so.
func (w *world) toolRuns(h *simHook) {
	h.ran = true
	call := permit.Call{Tool: h.req.Tool, Digest: h.req.Digest}
	if h.output != nil && h.output.Decision.Input != nil {
		call.Digest = permit.DigestOf(h.req.Tool, h.output.Decision.Input)
	}
	if w.chance(800) {
		w.signal(permit.Signal{Kind: permit.ToolRan, Session: "s", Calls: []permit.Call{call}}, func(other *simHook) {
			r := w.broker.requests[other.req.ID]
			other.evidence = other.evidence || other == h || r != nil && r.Tool == call.Tool && same(r, call)
		})
	}
}

// signal is something seen of the session, on its way. When it arrives it is
// evidence about every question that it can concern: identical ones cannot be
// told apart from outside.
func (w *world) signal(s permit.Signal, mark func(*simHook)) {
	epoch := w.epoch
	w.after(w.delay(), func() {
		for _, h := range w.hooks {
			mark(h)
		}
		if w.epoch == epoch {
			w.tell(Seen{s})
		}
	})
}

// draw lets a channel draw the newest card it has, in its own time.
func (w *world) draw(channel, id string) {
	c := w.cards[channel][id]
	if c.newest == nil || c.drawing || w.stuck[channel] {
		return
	}
	c.drawing = true
	epoch := w.epoch
	w.after(w.delay(), func() {
		if c.drawing = false; w.epoch != epoch || c.newest == nil || w.stuck[channel] {
			return
		}
		card := *c.newest
		if c.newest = nil; c.shown == nil && !card.Live() {
			return // it was never shown, and need not be
		}
		w.checkCard(card)
		c.shown = &card
		if !c.posted {
			c.posted = true
			w.later(Posted{ID: id, Channel: channel, Ref: "ref"})
		}
		if !card.Live() {
			w.later(Settled{ID: id, Channel: channel})
		} else if w.chance(600) {
			w.after(w.delay()+w.delay(), func() { w.press(channel, id) })
		}
		if c.newest != nil {
			w.draw(channel, id)
		}
	})
}

// press is a person pressing a button of what they see.
func (w *world) press(channel, id string) {
	c := w.cards[channel][id]
	if c == nil || c.shown == nil || !c.shown.Live() || w.epoch == 0 {
		return
	}
	card := *c.shown
	t := &tap{epoch: w.epoch, valid: true, answer: permit.Answer{Request: id, Generation: card.Request.Generation, Digest: card.Request.Digest,
		Decision: permit.Decision{Verb: permit.Allow, Channel: channel, By: permit.Person{ID: []string{"alice", "bob"}[w.upTo(2)]}}}}
	if w.chance(400) {
		t.answer.Decision.Verb = permit.Deny
	}
	if w.chance(150) {
		t.answer.Decision.By.ID, t.valid = "mallory", false
	}
	if w.chance(100) {
		t.answer.Digest, t.valid = "forged", false
	}
	if w.chance(50) {
		t.answer.Generation, t.valid = t.answer.Generation+1, false
	}
	w.choose(&t.answer, card.Request)
	times := 1
	if w.chance(150) {
		times = 2 // the network brings it twice; the channel did not notice
	}
	for range times {
		w.nextToken++
		w.taps[w.nextToken] = t
		w.later(Answered{Answer: t.answer, Token: w.nextToken})
	}
	if w.chance(200) {
		w.after(w.delay(), func() { w.press(channel, id) })
	}
}

// trouble is one thing that goes wrong, or just happens.
func (w *world) trouble() {
	if w.calm {
		return
	}
	someHook := func() *simHook {
		if len(w.hooks) == 0 {
			return nil
		}
		return w.hooks[int(w.upTo(uint32(len(w.hooks))))]
	}
	switch w.upTo(17) {
	case 0: // nothing
	case 1, 2, 3, 4:
		w.setPresence([]permit.PresenceState{permit.Away, permit.Away, permit.Present, permit.Unsure}[w.upTo(4)])
	case 5, 6:
		w.crash()
	case 7:
		w.broken = true
		w.after(time.Duration(w.upTo(20))*time.Second, func() { w.broken = false })
	case 8:
		channel := []string{"slack", "web"}[w.upTo(2)]
		w.stuck[channel] = true
		w.after(time.Duration(w.upTo(60))*time.Second, func() {
			w.stuck[channel] = false
			for _, id := range slices.Sorted(maps.Keys(w.cards[channel])) {
				w.draw(channel, id)
			}
		})
	case 9:
		w.jump += time.Duration(w.upTo(7200)) * time.Second
	case 10:
		w.jump -= time.Duration(w.upTo(7200)) * time.Second
	case 11: // kill -9 of a hook
		if h := someHook(); h != nil && h.alive {
			w.closeHook(h, "")
		}
	case 12: // No or Esc in the terminal
		if h := someHook(); h != nil && h.alive && h.output == nil {
			h.evidence = true
			w.closeHook(h, "SIGTERM")
		}
	case 13: // Yes in the terminal: the hook goes on waiting
		if h := someHook(); h != nil && h.alive && h.output == nil && h.req.Contract == permit.Parallel {
			w.toolRuns(h)
		}
	case 14: // a new prompt
		w.signal(permit.Signal{Kind: permit.Prompted, Session: "s"}, func(h *simHook) { h.evidence = true })
	case 16: // the daemon was frozen for so long that its hook let go and came back
		if h := someHook(); h != nil && h.alive && h.link != 0 && h.req.Contract != permit.Bare {
			delete(w.links, h.link)
			w.later(Closed{ID: h.req.ID, Link: h.link}) // its old and its new connection are two
			h.link, h.heard = 0, w.clock
			w.after(time.Duration(w.upTo(10_000))*time.Millisecond, func() { w.reattach(h) })
		}
	case 15: // Claude Code ends
		w.signal(permit.Signal{Kind: permit.ProcessGone, ClaudePID: 1}, func(h *simHook) { h.ended = true })
	}
}

func (w *world) setPresence(p permit.PresenceState) {
	w.presence = p
	w.later(PresenceIs{permit.Presence{State: p}})
}

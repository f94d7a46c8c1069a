package channeltest

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"claude-permission-daemon/internal/channel"
	"claude-permission-daemon/internal/permit"
	"claude-permission-daemon/internal/preview"
)

// Memory is the smallest whole channel: its cards hang on a [Wall] in memory.
// It shows the shape that every channel has. Show takes note of the newest
// card, one goroutine draws, and a tap becomes an answer for the desk.
type Memory struct {
	wall *Wall
	wake chan struct{} // holds one token when there is something to draw

	mu    sync.Mutex // guards the fields that follow; never held while drawing
	todo  []key      // what to draw, oldest first, each once
	cards map[key]permit.Card
	refs  map[key]string // where each request hangs
	desk  channel.Desk   // nil until Run
}

// key tells requests apart: an ID may be used again.
type key struct {
	id         string
	generation int
}

func keyOf(r permit.Request) key { return key{r.ID, r.Generation} }

// NewMemory makes a channel that draws on the wall.
func NewMemory(wall *Wall) *Memory {
	return &Memory{
		wall:  wall,
		wake:  make(chan struct{}, 1),
		cards: make(map[key]permit.Card),
		refs:  make(map[key]string),
	}
}

// Name implements channel.Channel.
func (m *Memory) Name() string { return "memory" }

// Status implements channel.Channel.
func (m *Memory) Status() channel.Status {
	return channel.Status{Name: m.Name(), State: channel.Ready}
}

// Allows implements channel.Channel: nobody but this test reaches the wall.
func (m *Memory) Allows(person permit.Person) bool { return person.ID != "" }

// Show implements channel.Channel.
func (m *Memory) Show(card permit.Card) {
	m.mu.Lock()
	defer m.mu.Unlock()
	k := keyOf(card.Request)
	if _, waiting := m.cards[k]; !waiting {
		m.todo = append(m.todo, k)
	}
	m.cards[k] = card
	if card.Ref != "" {
		m.refs[k] = card.Ref
	}
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// Run implements channel.Channel.
func (m *Memory) Run(ctx context.Context, desk channel.Desk) error {
	m.mu.Lock()
	m.desk = desk
	m.mu.Unlock()
	for {
		select {
		case <-m.wake:
			m.draw(desk)
		case <-ctx.Done():
			m.draw(desk) // what is in hand
			return nil
		}
	}
}

func (m *Memory) draw(desk channel.Desk) {
	for {
		card, ref, ok := m.next()
		if !ok {
			return
		}
		if ref == "" && !card.Live() {
			continue // nobody has seen it, and nobody needs to
		}
		hung := m.wall.hang(ref, card) // a real channel waits for its network here
		if ref == "" {
			m.mu.Lock()
			m.refs[keyOf(card.Request)] = hung
			m.mu.Unlock()
			desk.Posted(card.Request.ID, hung)
		}
		if !card.Live() {
			desk.Settled(card.Request.ID)
		}
	}
}

// next takes the oldest card to draw, as it is now, and where it hangs.
func (m *Memory) next() (card permit.Card, ref string, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.todo) == 0 {
		return permit.Card{}, "", false
	}
	k := m.todo[0]
	m.todo = m.todo[1:]
	card = m.cards[k]
	delete(m.cards, k)
	return card, m.refs[k], true
}

// Tap is a person's tap on a card that they see, or saw.
func (m *Memory) Tap(ctx context.Context, seen permit.Card, by permit.Person, verb permit.Verb, message string) permit.Verdict {
	m.mu.Lock()
	desk := m.desk
	m.mu.Unlock()
	if desk == nil {
		return permit.Verdict{Code: permit.NotRecorded, Text: "The channel is not running; the answer does not count."}
	}
	return desk.Answer(ctx, permit.Answer{
		Request:    seen.Request.ID,
		Generation: seen.Request.Generation,
		Digest:     seen.Request.Digest,
		Decision:   permit.Decision{Verb: verb, By: by, Channel: m.Name(), Message: message, At: time.Now()},
	})
}

// Wall is where the cards of a [Memory] hang. It outlives the channel, as a
// chat's messages outlive the process that posted them.
type Wall struct {
	mu    sync.Mutex
	cards []permit.Card // the ref of a card is its place here
}

// hang puts the card in the place of the one at ref, or in a new place.
func (w *Wall) hang(ref string, card permit.Card) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var place int
	if _, err := fmt.Sscanf(ref, "place %d", &place); err == nil && place < len(w.cards) {
		w.cards[place] = card
		return ref
	}
	w.cards = append(w.cards, card)
	return fmt.Sprintf("place %d", len(w.cards)-1)
}

// find gives the newest card of the request and how many there are.
func (w *Wall) find(request string) (card permit.Card, copies int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.cards {
		if c.Request.ID == request {
			card = c
			copies++
		}
	}
	return card, copies
}

// read gives all that a card says, as text.
func read(card permit.Card) string {
	p := preview.Of(card.Request)
	lines := append([]string{p.Title}, p.Warnings...)
	for _, part := range p.Parts {
		lines = append(lines, part.Label+":", part.Text)
	}
	if p.Claim != "" {
		lines = append(lines, "Claude says: "+p.Claim)
	}
	return strings.Join(append(lines, card.Note, card.Headline()), "\n")
}

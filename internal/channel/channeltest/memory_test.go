package channeltest

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"claude-permission-daemon/internal/channel"
	"claude-permission-daemon/internal/permit"
)

func TestMemory(t *testing.T) {
	Run(t, func(*testing.T) Harness {
		wall := &Wall{}
		return &atTheWall{wall: wall, ch: NewMemory(wall), seen: map[string]permit.Card{}}
	})
}

// atTheWall is a person in front of a Wall.
type atTheWall struct {
	wall *Wall
	ch   *Memory

	mu   sync.Mutex
	seen map[string]permit.Card // as last seen live
}

func (h *atTheWall) Channel() channel.Channel { return h.ch }

func (h *atTheWall) Restart(*testing.T) channel.Channel {
	h.ch = NewMemory(h.wall)
	return h.ch
}

func (h *atTheWall) Seen(request string) (Seen, bool) {
	card, copies := h.wall.find(request)
	if copies == 0 {
		return Seen{}, false
	}
	if card.Live() {
		h.mu.Lock()
		h.seen[request] = card
		h.mu.Unlock()
	}
	return Seen{Live: card.Live(), Text: read(card), Copies: copies}, true
}

func (h *atTheWall) Tap(request string, verb permit.Verb, message string) (string, error) {
	h.mu.Lock()
	card, ok := h.seen[request]
	h.mu.Unlock()
	if !ok {
		return "", fmt.Errorf("cannot tap on %s: it was never seen live", request)
	}
	return h.ch.Tap(context.Background(), card, permit.Person{ID: "tester", Name: "Tester"}, verb, message).Text, nil
}

package web

import (
	"crypto/rand"
	"sync"
)

// saying is a verdict as the page tells it to whoever answered.
type saying struct {
	Text string
	Good bool // the answer counts
}

// said keeps the last verdicts until the browser that answered comes for its
// own, so that the page says only what we wrote, not what a link says.
type said struct {
	mu   sync.Mutex
	keys []string // oldest first
	text map[string]saying
}

const keepSaid = 64

func (s *said) put(what saying) (key string) {
	key = rand.Text()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.text == nil {
		s.text = make(map[string]saying)
	}
	s.text[key] = what
	s.keys = append(s.keys, key)
	if len(s.keys) > keepSaid {
		delete(s.text, s.keys[0])
		s.keys = s.keys[1:]
	}
	return key
}

func (s *said) get(key string) (saying, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	what, ok := s.text[key]
	return what, ok
}

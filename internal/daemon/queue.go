package daemon

import "sync"

// queue is a list of things to do that never makes the giver wait. It is
// bounded by what its givers can have under way: the open requests, the
// channels, the connections.
type queue[T any] struct {
	mu    sync.Mutex
	items []T
	more  chan struct{} // has room for one
}

func newQueue[T any]() *queue[T] { return &queue[T]{more: make(chan struct{}, 1)} }

// add gives one thing.
func (q *queue[T]) add(item T) {
	q.mu.Lock()
	q.items = append(q.items, item)
	q.mu.Unlock()
	select {
	case q.more <- struct{}{}:
	default:
	}
}

// take returns all that was given, in order. Wait on more before it.
func (q *queue[T]) take() []T {
	q.mu.Lock()
	defer q.mu.Unlock()
	items := q.items
	q.items = nil
	return items
}

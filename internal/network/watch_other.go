//go:build !linux

package network

import "context"

// Watch cannot tell on this system: it waits for ctx to end. Whoever reconnects
// does so when its own pauses are over.
func Watch(ctx context.Context, _ func()) error {
	<-ctx.Done()
	return nil
}

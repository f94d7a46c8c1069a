//go:build !linux

package socket

import "context"

// Lost waits until ctx ends: this system does not tell of a socket's file.
func (l *Listener) Lost(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

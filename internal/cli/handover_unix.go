//go:build unix

package cli

import (
	"context"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"claude-permission-daemon/internal/daemon"
)

// handOver returns a context that ends with daemon.ErrHandOver at SIGUSR2, the
// signal of a restart (RestartKillSignal= in the systemd unit): then the open
// requests go on with the next daemon, instead of being handed back.
func handOver(ctx context.Context) (context.Context, func()) {
	ctx, end := context.WithCancelCause(ctx)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGUSR2)
	var waiting sync.WaitGroup
	waiting.Go(func() {
		select {
		case <-signals:
			end(daemon.ErrHandOver)
		case <-ctx.Done():
		}
	})
	return ctx, func() {
		signal.Stop(signals)
		end(nil)
		waiting.Wait()
	}
}

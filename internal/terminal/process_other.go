//go:build !linux

package terminal

import (
	"context"
	"os"
	"time"
)

// processEnds looks every few seconds, and only while a request is open: there
// is no pidfd here. (Cross-compiled only: no such machine was at hand.)
func processEnds(ctx context.Context, pid int) bool {
	process, err := os.FindProcess(pid)
	if err != nil {
		return true
	}
	ticker := time.NewTicker(5 * time.Second)
	defer ticker.Stop()
	for {
		if !alive(process) {
			return true
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return false
		}
	}
}

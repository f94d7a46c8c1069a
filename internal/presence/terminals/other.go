//go:build !linux

package terminals

import (
	"context"
	"fmt"
	"time"

	"claude-permission-daemon/internal/presence"
)

func (s *Source) run(context.Context, time.Duration, func(presence.Report)) error {
	return fmt.Errorf("%w: only Linux tells what is typed in terminals", presence.ErrUnavailable)
}

func kernelTells() bool { return false }

//go:build !unix

package cli

import "context"

// handOver returns ctx: no signal of this system asks for it.
func handOver(ctx context.Context) (context.Context, func()) { return ctx, func() {} }

package cli

import (
	"context"
	"flag"
	"fmt"
	"runtime"
)

func versionCommand() command {
	return command{name: "version", short: "print the version",
		setup: func(*flag.FlagSet) func(context.Context, *call) error {
			return func(_ context.Context, c *call) error {
				if err := noArgs(c); err != nil {
					return err
				}
				return printVersion(c)
			}
		}}
}

func printVersion(c *call) error {
	_, err := fmt.Fprintf(c.Stdout, "claude-permission-daemon %s (%s %s/%s)\n", c.version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}

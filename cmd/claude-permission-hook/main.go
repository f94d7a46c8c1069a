// Command claude-permission-hook is what Claude Code runs as its hook; see
// package hook.
package main

import (
	"os"

	"claude-permission-daemon/internal/hook"
	"claude-permission-daemon/internal/version"
)

func main() {
	os.Exit(hook.Run(version.Number, os.Args[1:], os.Getenv, os.Stdin, os.Stdout, os.Stderr))
}

// Command claude-permission-hook is what Claude Code runs as its hook; see
// package hook.
package main

import (
	"os"

	"claude-permission-daemon/internal/hook"
)

const version = "0.1.0"

func main() {
	os.Exit(hook.Run(version, os.Args[1:], os.Getenv, os.Stdin, os.Stdout, os.Stderr))
}

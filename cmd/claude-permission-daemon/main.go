// Command claude-permission-daemon carries Claude Code's permission questions
// to where the person is, and is the command line to look at and answer them.
package main

import (
	"context"
	"os"

	"claude-permission-daemon/internal/cli"
)

func main() {
	os.Exit(cli.Run(context.Background(), os.Args[1:], cli.Env{
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Getenv: os.Getenv,
	}))
}

//go:build linux

// Package claude drives the real Claude Code client: what its hooks get and
// take, and the whole way from its question to a person's tap and back.
package claude

import (
	"os"
	"testing"

	"claude-permission-daemon/test/e2e/claudetest"
)

func TestMain(m *testing.M) {
	if os.Getenv(mcpServer) != "" {
		serveMCP()
		return
	}
	code := claudetest.Main(m)
	_ = os.RemoveAll(built) // nothing, where no test needed it
	os.Exit(code)
}

// touch is a call that the client asks for in the default mode.
func touch(file string) claudetest.Answer {
	return claudetest.Use("Bash", map[string]any{"command": "touch " + file, "description": "Create " + file})
}

// errand has the session send a subagent, in the background as the client does
// by default, which asks for one command.
func errand(asked claudetest.Request) claudetest.Answer {
	const prompt = "run the errand"
	switch inSession := asked.Called("Agent") || !asked.Says(prompt); {
	case inSession && !asked.Called("Agent"):
		return claudetest.Use("Agent", map[string]any{"description": "An errand", "prompt": prompt, "subagent_type": "general-purpose"})
	case !inSession && !asked.Called("Bash"):
		return touch("x")
	}
	return claudetest.Say("Done.")
}

const (
	allow = `{"hookSpecificOutput":{"hookEventName":"PermissionRequest","decision":{"behavior":"allow"}}}`
	deny  = `{"hookSpecificOutput":{"hookEventName":"PermissionRequest","decision":{"behavior":"deny","message":"use mkdir instead"}}}`
	// dialog is a line of the client's permission dialog.
	dialog = "Do you want to proceed?"
)

//go:build linux

package claude

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"claude-permission-daemon/test/e2e/claudetest"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the payloads of this client to internal/claude/testdata")

// testdata is where the payloads of the real client are kept, for the tests of
// our schema. The names of people and folders in them are made up.
const testdata = "../../../internal/claude/testdata"

var everyEvent = []string{
	"SessionStart", "UserPromptSubmit", "PreToolUse", "PermissionRequest", "PermissionDenied", "PostToolUse", "PostToolUseFailure",
	"PostToolBatch", "Notification", "SubagentStart", "SubagentStop", "Stop", "StopFailure", "SessionEnd", "Elicitation", "ElicitationResult",
}

// TestPayloads has the client send every event that we read, and compares what
// it sends with what is kept. A client that sends something else fails it:
// look at the difference, and then run it with -update.
func TestPayloads(t *testing.T) {
	t.Run("denied", func(t *testing.T) {
		home, hook := recorded(t, claudetest.Script(
			touch("x"),
			claudetest.Use("Bash", map[string]any{"command": "npm run build", "description": "Build"}),
			claudetest.Use("Bash", map[string]any{"command": "rm -rf ./old && git push origin main && echo done"}),
			claudetest.Use("Write", map[string]any{"file_path": "notes.txt", "content": "hello\nworld\n"}),
			claudetest.Use("Read", map[string]any{"file_path": "/etc/hostname"}),
			claudetest.Use("WebFetch", map[string]any{"url": "http://a.example/x", "prompt": "What does it say?"}),
			claudetest.Use("mcp__demo__send_mail", map[string]any{"to": "jo@example.org"}),
		), "PermissionRequest")
		hook.Answer("PermissionRequest", deny)
		home.Headless("try it")
		compare(t, home, hook, map[string][]string{
			"PermissionRequest.Bash":          {`"PermissionRequest"`, `"touch x"`},
			"PermissionRequest.Bash-npm":      {`"PermissionRequest"`, `"npm run build"`},
			"PermissionRequest.Bash-compound": {`"PermissionRequest"`, `rm -rf`},
			"PermissionRequest.Write":         {`"PermissionRequest"`, `"Write"`},
			"PermissionRequest.Read":          {`"PermissionRequest"`, `"Read"`},
			"PermissionRequest.WebFetch":      {`"PermissionRequest"`, `"WebFetch"`},
			"PermissionRequest.MCP":           {`"PermissionRequest"`, `send_mail`},
		})
	})
	t.Run("allowed", func(t *testing.T) {
		home, hook := recorded(t, claudetest.Script(
			touch("x"),
			claudetest.Use("Write", map[string]any{"file_path": "notes.txt", "content": "alpha\n"}),
			claudetest.Use("Edit", map[string]any{"file_path": "notes.txt", "old_string": "alpha", "new_string": "beta"}),
			claudetest.Use("Bash", map[string]any{"command": "cat missing; exit 3", "description": "Fail"}),
		), everyEvent...)
		hook.Answer("PermissionRequest", allow)
		home.Headless("do it")
		hook.Await(`"SessionEnd"`)
		compare(t, home, hook, map[string][]string{
			"SessionStart":            {`"SessionStart"`},
			"UserPromptSubmit":        {`"UserPromptSubmit"`},
			"PreToolUse.Bash":         {`"PreToolUse"`, `"touch x"`},
			"PermissionRequest.Edit":  {`"PermissionRequest"`, `"Edit"`},
			"PostToolUse.Bash":        {`"PostToolUse"`, `"touch x"`},
			"PostToolUse.Write":       {`"PostToolUse"`, `"Write"`},
			"PostToolUse.Edit":        {`"PostToolUse"`, `"Edit"`},
			"PostToolUseFailure.Bash": {`"PostToolUseFailure"`},
			"PostToolBatch":           {`"PostToolBatch"`, `"touch x"`},
			"Stop":                    {`"Stop"`},
			"SessionEnd":              {`"SessionEnd"`},
		})
	})
	t.Run("questions", func(t *testing.T) {
		home, hook := recorded(t, claudetest.Script(
			ask(question("Which framework?", "Framework", false, "React", "Vue")),
			claudetest.Use("mcp__demo__ask_name", map[string]any{}),
		), everyEvent...)
		hook.Answer("PermissionRequest.mcp__demo__ask_name", allow)
		terminal := home.Start()
		terminal.Prompt("ask me")
		hook.Await(`"Notification"`)          // six seconds later
		terminal.Answer("That is React", "1") // the question itself stays in the transcript
		decline(terminal)
		hook.Await(`"Stop"`)
		compare(t, home, hook, map[string][]string{
			"PermissionRequest.AskUserQuestion": {`"PermissionRequest"`, `"AskUserQuestion"`},
			"Notification.permission_prompt":    {`"Notification"`, `permission_prompt`},
			"PostToolUse.AskUserQuestion":       {`"PostToolUse"`, `"AskUserQuestion"`},
			"Elicitation":                       {`"Elicitation"`},
			"ElicitationResult":                 {`"ElicitationResult"`},
		})
	})
	t.Run("plan", func(t *testing.T) {
		home, hook := recorded(t, plan(ask(
			question("Which framework?", "Framework", false, "React", "Vue"),
			question("Which extras?", "Extras", true, "Lint", "CI", "Docs"),
		), leave), everyEvent...)
		hook.Answer("PermissionRequest.AskUserQuestion", deny)
		terminal := home.Start("--permission-mode", "plan")
		terminal.Prompt("plan it")
		hook.Await(`"PermissionRequest"`, `"ExitPlanMode"`)
		compare(t, home, hook, map[string][]string{
			"PermissionRequest.AskUserQuestion-several": {`"PermissionRequest"`, `"AskUserQuestion"`},
			"PermissionRequest.ExitPlanMode":            {`"PermissionRequest"`, `"ExitPlanMode"`},
		})
	})
	t.Run("subagent", func(t *testing.T) {
		home, hook := recorded(t, errand, everyEvent...)
		hook.Answer("PermissionRequest", allow)
		terminal := home.Start()
		terminal.Prompt("send someone")
		hook.Await(`"SubagentStop"`)
		compare(t, home, hook, map[string][]string{
			"PermissionRequest.Bash-subagent": {`"PermissionRequest"`, `"touch x"`},
			"PostToolUse.Bash-subagent":       {`"PostToolUse"`, `"touch x"`},
			"SubagentStop":                    {`"SubagentStop"`},
		})
	})
}

// recorded is a home with the MCP server in it, whose client runs a recorder
// for these events.
func recorded(t *testing.T, script func(claudetest.Request) claudetest.Answer, events ...string) (*claudetest.Home, *claudetest.Recorder) {
	t.Helper()
	api := claudetest.NewAPI(t, script)
	home := claudetest.NewHome(t, api, "tmux")
	hook := claudetest.NewRecorder(t)
	home.Hooks(events, hook.Command)
	withMCP(t, home)
	return home, hook
}

// compare finds each payload by texts that are in it, and compares it with the
// one that is kept.
func compare(t *testing.T, home *claudetest.Home, hook *claudetest.Recorder, want map[string][]string) {
	t.Helper()
	neutral := neutralise(home)
	for _, name := range slices.Sorted(maps.Keys(want)) {
		got := neutral(hook.Await(want[name]...).Raw)
		file := filepath.Join(testdata, name+".json")
		if *update {
			if err := os.WriteFile(file, got, 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		kept, err := os.ReadFile(file)
		if err != nil {
			t.Error(err)
			continue
		}
		if diff := cmp.Diff(string(kept), string(got)); diff != "" {
			t.Errorf("%s changed (-kept +sent):\n%s", name, diff)
		}
	}
}

var (
	uuid     = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`)
	agentID  = regexp.MustCompile(`\ba[0-9a-f]{16}\b`)
	toolUse  = regexp.MustCompile(`toolu_[0-9_]+`)
	planFile = regexp.MustCompile(`/[^ "]*/plans/[^ "]+\.md`)
	planName = regexp.MustCompile(`/plans/[^ "]+\.md`)
	duration = regexp.MustCompile(`"(duration_ms|totalDurationMs)": ?\d+`)
)

// neutralise returns a function that takes from a payload what differs from run
// to run, and from machine to machine.
func neutralise(home *claudetest.Home) func(raw []byte) []byte {
	seen := map[string]string{}
	number := func(format string) func(string) string {
		return func(id string) string {
			if seen[id] == "" {
				seen[id] = fmt.Sprintf(format, len(seen)+1)
			}
			return seen[id]
		}
	}
	folder := strings.NewReplacer("/", "-", ".", "-")
	paths := strings.NewReplacer(
		folder.Replace(home.Work), "-home-jo-project", home.Work, "/home/jo/project", home.Dir, "/home/jo")
	return func(raw []byte) []byte {
		text := paths.Replace(string(raw))
		text = uuid.ReplaceAllStringFunc(text, number("00000000-0000-4000-8000-%012d"))
		text = agentID.ReplaceAllStringFunc(text, number("a%016d"))
		text = toolUse.ReplaceAllString(text, "toolu_0001")
		text = planName.ReplaceAllString(text, "/plans/the-plan.md")
		text = duration.ReplaceAllString(text, `"$1":100`)
		var pretty bytes.Buffer
		if err := json.Indent(&pretty, []byte(text), "", "  "); err != nil {
			panic(err) // the recorder has read it as JSON
		}
		pretty.WriteByte('\n')
		return pretty.Bytes()
	}
}

//go:build linux

package claude

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"claude-permission-daemon/internal/permit"
	"claude-permission-daemon/test/e2e/claudetest"
)

// bash is a call of Bash.
func bash(command string) claudetest.Answer {
	return claudetest.Use("Bash", map[string]any{"command": command, "description": "Run it"})
}

// Always allows the one rule that its button names: it is written where the
// card said, and asked again is only what it does not cover.
func TestAlwaysOnThePage(t *testing.T) {
	api := claudetest.NewAPI(t, claudetest.Script(bash("npm run build"), bash("npm run build"), bash("npm run lint"), touch("x")))
	home := claudetest.NewHome(t, api, "tmux", "npm")
	scripts := `{"scripts":{"build":"echo built >> ran","lint":"echo linted >> ran"}}`
	if err := os.WriteFile(home.Path("package.json"), []byte(scripts), 0o600); err != nil {
		t.Fatal(err)
	}
	daemon := install(t, home)
	before := daemon.read()
	page := open(t, daemon.link)
	terminal := home.Start()
	terminal.Prompt("build it")

	card := page.card("open", "npm run build", "Always allow npm run *")
	card.unfold("always-0")
	page.card("open", "will not ask again for Bash(npm run *)", ".claude/settings.local.json")
	card.tap(`button[value="always:0"]`)
	card.then("ran", "Approved by", "always allow npm run *")
	next := page.card("open", "touch x") // with nothing asked in between
	next.tap(approve)
	terminal.See("Done.")

	ran, err := os.ReadFile(home.Path("ran"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff("built\nbuilt\nlinted\n", string(ran)); diff != "" {
		t.Errorf("(-want +ran):\n%s", diff)
	}
	var asked []string
	for _, record := range daemon.records(permit.RecordOpened) {
		var input struct{ Command string }
		if err := json.Unmarshal(record.Opened.Input, &input); err != nil {
			t.Fatal(err)
		}
		asked = append(asked, input.Command)
	}
	if diff := cmp.Diff([]string{"npm run build", "touch x"}, asked); diff != "" {
		t.Errorf("(-want +asked):\n%s", diff)
	}

	files, err := filepath.Glob(home.Path(".claude/*"))
	if err != nil || len(files) != 1 {
		t.Fatalf("written in the project: %v, %v", files, err)
	}
	raw, err := os.ReadFile(home.Path(".claude/settings.local.json"))
	if err != nil {
		t.Fatal(err)
	}
	var local any
	if err := json.Unmarshal(raw, &local); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]any{"permissions": map[string]any{"allow": []any{"Bash(npm run *)"}}}, local); diff != "" {
		t.Errorf("settings.local.json (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(before, daemon.read()); diff != "" {
		t.Errorf("the user's settings changed:\n%s", diff)
	}
}

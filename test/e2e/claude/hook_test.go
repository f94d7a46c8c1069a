//go:build linux

package claude

import (
	"strings"
	"testing"

	"claude-permission-daemon/test/e2e/claudetest"
)

// These tests are about the client alone, with a plain shell script as its
// hook: they show what the program builds on.

func TestHeadlessHook(t *testing.T) {
	for _, test := range []struct {
		name, answer string
		runs         bool
		told         string // part of what the model is told
	}{
		{"allow", allow, true, ""},
		{"deny", deny, false, "use mkdir instead"},
		{"nothing", "", false, "needs approval"},
	} {
		t.Run(test.name, func(t *testing.T) {
			api := claudetest.NewAPI(t, claudetest.Script(touch("x")))
			home := claudetest.NewHome(t, api)
			hook := claudetest.NewRecorder(t)
			hook.Answer("PermissionRequest", test.answer)
			home.Hooks([]string{"PermissionRequest"}, hook.Command)
			if said := home.Headless("make x"); !strings.Contains(said, `"result":"Done."`) {
				t.Errorf("it ends with %s", said)
			}
			hook.Await(`"PermissionRequest"`, `"touch x"`)
			if home.Exists("x") != test.runs {
				t.Errorf("the command ran: %v", !test.runs)
			}
			results := api.Asked(2).Results()
			if len(results) != 1 || results[0].IsError == test.runs || !strings.Contains(results[0].Text, test.told) {
				t.Errorf("the model is told %+v", results)
			}
		})
	}
}

func TestTerminalHook(t *testing.T) {
	for _, test := range []struct {
		name, answer string
		runs         bool
	}{{"allow", allow, true}, {"deny", deny, false}} {
		t.Run(test.name, func(t *testing.T) {
			api := claudetest.NewAPI(t, claudetest.Script(touch("x")))
			home := claudetest.NewHome(t, api, "tmux")
			hook := claudetest.NewRecorder(t)
			hook.Answer("PermissionRequest", test.answer)
			home.Hooks([]string{"PermissionRequest"}, hook.Command)
			terminal := home.Start()
			terminal.Prompt("make x please")
			terminal.See("Done.")
			if home.Exists("x") != test.runs {
				t.Errorf("the command ran: %v", !test.runs)
			}
		})
	}
}

// Without a decision the dialog decides.
func TestTerminalDialog(t *testing.T) {
	for _, test := range []struct {
		name string
		keys []string
		runs bool
		ends string
	}{
		{"yes", []string{"1"}, true, "Done."},
		{"no", []string{"4"}, false, "What should Claude do instead?"},
		{"escape", []string{"Escape"}, false, "What should Claude do instead?"},
	} {
		t.Run(test.name, func(t *testing.T) {
			api := claudetest.NewAPI(t, claudetest.Script(touch("x")))
			home := claudetest.NewHome(t, api, "tmux")
			hook := claudetest.NewRecorder(t)
			home.Hooks([]string{"PermissionRequest"}, hook.Command)
			terminal := home.Start()
			terminal.Prompt("make x please")
			hook.Await(`"PermissionRequest"`)
			terminal.Answer(dialog, test.keys...)
			terminal.See(test.ends)
			if home.Exists("x") != test.runs {
				t.Errorf("the command ran: %v", !test.runs)
			}
		})
	}
}

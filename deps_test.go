// Package root has this one file, a test: it holds the import rules of the
// rooms against what they import. ARCHITECTURE.md draws them.
package root

import (
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"
)

const module = "claude-permission-daemon/"

// mayImport is the plan of the house: which of our packages each room may
// import. A pattern is a path below the module, * for one element. The first
// row that matches a room is its.
var mayImport = []struct {
	room string
	may  []string
}{
	{"internal/permit", nil},
	{"internal/secret", nil},
	{"internal/paths", nil},
	{"internal/wire/limits", nil},
	{"internal/version", nil},
	{"internal/claude", []string{"internal/permit"}},
	{"internal/jsontext", nil},
	{"internal/claude/settings", []string{"internal/jsontext"}},
	{"internal/wire", []string{"internal/permit", "internal/wire/limits"}},
	{"internal/mask", []string{"internal/permit"}},
	{"internal/webaddress", nil},
	{"internal/shellwords", nil},
	{"internal/rules", []string{"internal/permit", "internal/shellwords", "internal/webaddress"}},
	{"internal/preview", []string{"internal/permit", "internal/claude", "internal/mask", "internal/shellwords", "internal/webaddress"}},
	{"internal/preview/*", []string{"internal/permit", "internal/mask", "internal/rules", "internal/preview", "internal/preview/*"}},
	{"internal/journal", []string{"internal/permit"}},
	{"internal/broker", []string{"internal/permit"}},
	{"internal/broker/*", []string{"internal/permit", "internal/broker"}},
	{"internal/socket", nil},
	{"internal/network", nil},
	{"internal/desktop", nil},
	{"internal/clock", nil},
	{"internal/terminal", []string{"internal/permit"}},
	{"internal/hook", []string{"internal/claude", "internal/permit", "internal/wire", "internal/wire/limits", "internal/socket", "internal/paths", "internal/jsontext"}},
	{"internal/channel", []string{"internal/permit"}},
	{"internal/channel/channeltest", []string{"internal/permit", "internal/channel", "internal/preview"}},
	{"internal/channel/*/*", []string{"internal/permit"}},
	{"internal/channel/*", []string{"internal/permit", "internal/channel", "internal/preview", "internal/secret", "internal/mask"}},
	{"internal/presence", []string{"internal/permit"}},
	{"internal/presence/*", []string{"internal/permit", "internal/presence"}},
	{"internal/config", []string{"internal/channel/*", "internal/presence", "internal/presence/*", "internal/paths", "internal/secret", "internal/mask", "internal/rules", "internal/permit"}},
	{"internal/sandbox", nil},
	{"internal/service", []string{"internal/paths", "internal/socket"}},
	{"internal/doctor", []string{"internal/*", "internal/*/*"}},
	{"internal/setup/tomledit", nil},
	{"internal/setup", []string{"internal/permit", "internal/secret", "internal/socket", "internal/wire", "internal/config", "internal/channel/*", "internal/presence", "internal/claude/settings", "internal/service", "internal/setup/*"}},
	{"internal/daemon", []string{"internal/*", "internal/*/*"}},
	{"internal/cli", []string{"internal/*", "internal/*/*"}},
	{"cmd/claude-permission-hook", []string{"internal/hook", "internal/version"}},
	{"cmd/claude-permission-daemon", []string{"internal/cli"}},
	{"packaging", []string{"internal/service", "internal/version"}},
	{"bench", []string{"internal/*", "internal/*/*", "internal/*/*/*"}},
	{"bench/*", nil},
	{"bench/*/*", nil},
	{"test/e2e", []string{"internal/*"}},
	{"test/e2e/*", []string{"internal/*", "internal/*/*", "internal/*/*/*"}},
}

// TestRooms holds the plan against what is imported (tests are free).
func TestRooms(t *testing.T) {
	out, err := exec.Command("go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, "./...").Output()
	if err != nil {
		t.Fatalf("cannot list packages: %v", err)
	}
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		room := strings.TrimPrefix(fields[0], module)
		if fields[0]+"/" == module {
			continue // this file
		}
		i := slices.IndexFunc(mayImport, func(r struct {
			room string
			may  []string
		}) bool {
			return matches(r.room, room)
		})
		if i < 0 {
			t.Errorf("%s is in no row of the plan", room)
			continue
		}
		for _, imported := range fields[1:] {
			ours, ok := strings.CutPrefix(imported, module)
			if ok && !slices.ContainsFunc(mayImport[i].may, func(p string) bool { return matches(p, ours) }) {
				t.Errorf("%s imports %s, which the plan does not allow", room, ours)
			}
			if ok && room != "internal/cli" && ours == "internal/daemon" {
				t.Errorf("%s imports the daemon; only cli does", room)
			}
		}
	}
}

func matches(pattern, name string) bool {
	ok, err := path.Match(pattern, name)
	return err == nil && ok
}

// TestHookIsSmall: what the hook links is paid for at every tool call.
func TestHookIsSmall(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "./cmd/claude-permission-hook").Output()
	if err != nil {
		t.Fatalf("cannot list the hook's packages: %v", err)
	}
	for dep := range strings.FieldsSeq(string(out)) {
		if dep == "net" || strings.HasPrefix(dep, "crypto/") || strings.Contains(strings.Split(dep, "/")[0], ".") {
			t.Errorf("the hook links %s", dep)
		}
	}
}

package root

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// documents are all pages that people read.
func documents(t *testing.T) []string {
	t.Helper()
	pages, err := filepath.Glob("*.md")
	if err != nil {
		t.Fatal(err)
	}
	more, err := filepath.Glob("docs/*.md")
	if err != nil || len(more) < 10 {
		t.Fatalf("%d pages, %v", len(more), err)
	}
	return append(pages, more...)
}

var (
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#+ (.*)$`)
	fenced  = regexp.MustCompile("(?ms)^[ \t]*```(\\w*)\n(.*?)^[ \t]*```")
	inline  = regexp.MustCompile("`(claude-permission-daemon [^`\n]+)`")
)

// TestLinks: every link from a page to a file of ours, or to a heading, leads
// somewhere.
func TestLinks(t *testing.T) {
	for _, page := range documents(t) {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range link.FindAllStringSubmatch(fenced.ReplaceAllString(string(text), ""), -1) {
			target, anchor, _ := strings.Cut(m[1], "#")
			if strings.Contains(m[1], "://") {
				continue
			}
			file := page
			if target != "" {
				file = filepath.Join(filepath.Dir(page), target)
			}
			there, err := os.Stat(file)
			if err != nil {
				t.Errorf("%s links to %s, which is not there", page, m[1])
				continue
			}
			if anchor == "" || there.IsDir() {
				continue
			}
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.ContainsFunc(heading.FindAllStringSubmatch(string(text), -1), func(h []string) bool { return anchorOf(h[1]) == anchor }) {
				t.Errorf("%s links to %s, which has no such heading", page, m[1])
			}
		}
	}
}

// anchorOf is a heading's anchor as code hosts make it.
func anchorOf(heading string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(heading) {
		switch {
		case r == ' ':
			b.WriteByte('-')
		case r == '-' || r == '_' || r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r > 0x7f:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// commandsIn are our commands on a page: in blocks of shell, and within the
// text. args are what follows the program's name.
func commandsIn(t *testing.T, page string) (found [][]string) {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	add := func(line string) {
		line, _, _ = strings.Cut(line, " #")
		line, _, _ = strings.Cut(line, " > ")
		line, _, _ = strings.Cut(line, " | man")
		line = strings.TrimPrefix(strings.TrimSpace(line), "$ ")
		line, _, _ = strings.Cut(line, "  ") // a description beside it
		if args := strings.Fields(line); len(args) > 0 && args[0] == "claude-permission-daemon" {
			found = append(found, args[1:])
		}
	}
	for _, block := range fenced.FindAllStringSubmatch(string(text), -1) {
		if block[1] == "sh" || block[1] == "console" || block[1] == "" {
			for line := range strings.Lines(block[2]) {
				add(line)
			}
		}
	}
	for _, m := range inline.FindAllStringSubmatch(fenced.ReplaceAllString(string(text), ""), -1) {
		add(m[1])
	}
	return found
}

// notRun are commands that the test only parses, and why.
var notRun = []struct{ begins, why string }{
	{"setup", "asks a person; internal/cli tests it on a terminal"},
	{"uninstall", "the same"},
	{"service", "changes the machine; internal/service tests it with a manager of its own"},
	{"slack check", "needs a Slack and a person; internal/cli tests it with one on loopback"},
	{"watch", "runs until it is ended"},
	{"presence watch", "the same"},
	{"log -f", "the same"},
	{"approve", "needs an open request; internal/cli's session has one"},
	{"deny", "the same"},
	{"doctor", "finds what is missing in an empty home; internal/doctor tests it"},
	{"try", "waits for a tap; internal/cli tests it with one"},
	{"hooks install --project", "would write into this very tree"},
}

// TestCommands: every command on a page is one that there is, with flags that
// there are; and those that a test can run do what they say, in a home of their
// own.
func TestCommands(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the program")
	}
	dir, err := os.MkdirTemp("", "docs") // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if out, err := exec.Command("go", "build", "-o", dir, "./cmd/claude-permission-daemon", "./cmd/claude-permission-hook").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	home, run := filepath.Join(dir, "home"), filepath.Join(dir, "run")
	for _, d := range []string{filepath.Join(home, ".config/claude-permission-daemon"), filepath.Join(home, ".claude"), run} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(home, ".config/claude-permission-daemon/config.toml"), []byte("[web]\nlisten = \"127.0.0.1:0\"\n[presence]\nsource = \"manual\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	program := func(args ...string) *exec.Cmd {
		cmd := exec.Command(filepath.Join(dir, "claude-permission-daemon"), args...)
		cmd.Dir = home
		cmd.Env = []string{"HOME=" + home, "XDG_RUNTIME_DIR=" + run, "PATH=" + dir + ":/usr/bin:/bin"}
		return cmd
	}
	daemon := program()
	var said bytes.Buffer
	daemon.Stderr = &said
	if err := daemon.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = daemon.Process.Signal(syscall.SIGTERM)
		if err := daemon.Wait(); err != nil {
			t.Errorf("the daemon ended with %v\n%s", err, said.String())
		}
	})
	for deadline := time.Now().Add(30 * time.Second); program("status").Run() != nil; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("the daemon does not answer\n%s", said.String())
		}
	}
	seen := map[string]bool{}
	ran := 0
	for _, page := range documents(t) {
		for _, args := range commandsIn(t, page) {
			line := strings.Join(args, " ")
			if seen[line] || len(args) == 0 {
				continue
			}
			seen[line] = true
			out, err := program(append(slices.Clone(args), "--help")...).CombinedOutput()
			if err != nil {
				t.Errorf("%s: claude-permission-daemon %s: %s", page, line, out)
				continue
			}
			if bad := strangeWord(args, string(out)); bad != "" {
				t.Errorf("%s: claude-permission-daemon %s: %q is nothing that it takes", page, line, bad)
			}
			if slices.ContainsFunc(notRun, func(n struct{ begins, why string }) bool {
				return line == n.begins || strings.HasPrefix(line, n.begins+" ")
			}) || strings.ContainsAny(line, "…|[") || strings.ContainsFunc(line, func(r rune) bool { return r >= 'A' && r <= 'Z' }) {
				continue
			}
			ran++
			if out, err := program(args...).CombinedOutput(); err != nil {
				t.Errorf("%s: claude-permission-daemon %s: %v: %s", page, line, err, out)
			}
		}
	}
	if ran < 10 {
		t.Errorf("only %d commands were run", ran)
	}
}

var usageArgs = regexp.MustCompile(`(?m)^usage: claude-permission-daemon \S+ \[flags\] (.*)$`)

// strangeWord is the argument after the verb that its usage line does not know;
// empty: there is none. Placeholders and values are taken as they are.
func strangeWord(args []string, help string) string {
	m := usageArgs.FindStringSubmatch(help)
	if m == nil || len(args) < 2 || strings.HasPrefix(args[1], "-") {
		return ""
	}
	choices, _, _ := strings.Cut(strings.Trim(m[1], "[]"), "]")
	if choices != strings.ToLower(choices) || !strings.Contains(choices, "|") {
		return ""
	}
	if slices.Contains(strings.Split(choices, "|"), args[1]) || args[1] == choices {
		return ""
	}
	return args[1]
}

//go:build unix

package cli_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// need skips a test whose real counterpart is not installed.
func need(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err == nil {
		return path
	}
	if os.Getenv("CPD_REQUIRE_PEERS") == "1" {
		t.Fatal(err)
	}
	t.Skip(err)
	return ""
}

// made writes what a verb prints into a file.
func made(t *testing.T, args ...string) string {
	t.Helper()
	program, err := exec.LookPath("claude-permission-daemon")
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(program, args...).Output()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), strings.Join(args, "-"))
	if err := os.WriteFile(path, out, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// completions are what is offered for a line that ends where the cursor is.
var completions = []struct {
	words []string // the last one is being typed
	offer []string // all that is offered
}{
	{[]string{"stat"}, []string{"status"}},
	{[]string{"completion", ""}, []string{"bash", "fish", "zsh"}},
	{[]string{"doctor", "hook-f"}, []string{"hook-fires"}},
	{[]string{"status", "--j"}, []string{"--json"}},
	{[]string{"--socket", "/x", "stat"}, []string{"status"}},
	{[]string{"log", "v"}, []string{"verify"}},
}

func TestBashCompletes(t *testing.T) {
	bash, script := need(t, "bash"), made(t, "completion", "bash")
	for _, test := range completions {
		run := `source "$1"; shift; COMP_WORDS=(claude-permission-daemon "$@"); COMP_CWORD=$#; _claude_permission_daemon; printf '%s\n' "${COMPREPLY[@]}"`
		out, err := exec.Command(bash, append([]string{"--norc", "-c", run, "bash", script}, test.words...)...).Output()
		got := strings.Fields(string(out))
		if slices.Sort(got); err != nil || !slices.Equal(got, test.offer) {
			t.Errorf("%q: %q, %v; want %q", test.words, got, err, test.offer)
		}
	}
	// Registered with the shell, and as it wants it.
	if out, err := exec.Command(bash, "--norc", "-c", `source "$1" && complete -p claude-permission-daemon`, "bash", script).CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

func TestFishCompletes(t *testing.T) {
	fish, script := need(t, "fish"), made(t, "completion", "fish")
	for _, test := range completions {
		cmd := exec.Command(fish, "--no-config", "-c", `source $argv[1]; complete -C "claude-permission-daemon $argv[2]"`, script, strings.Join(test.words, " "))
		cmd.Env = append(os.Environ(), "HOME="+t.TempDir())
		out, err := cmd.Output()
		var got []string
		for line := range strings.Lines(string(out)) {
			got = append(got, strings.Fields(line)[0])
		}
		if slices.Sort(got); err != nil || !slices.Equal(got, test.offer) {
			t.Errorf("%q: %q, %v; want %q", test.words, got, err, test.offer)
		}
	}
}

// Zsh completes in its line editor only, so it gets a terminal.
func TestZshCompletes(t *testing.T) {
	need(t, "zsh")
	s := newSystem(t)
	script := made(t, "completion", "zsh")
	u := s.open(`PS1='%% ' exec zsh -f`)
	u.see("%")
	u.keys("-l", "autoload -U compinit && compinit -u -D && source "+script+" && clear && echo set up")
	u.keys("Enter")
	u.see("set up")
	for _, test := range []struct{ typed, becomes string }{
		{"claude-permission-daemon stat", "claude-permission-daemon status"},
		{"claude-permission-daemon doctor hook-f", "claude-permission-daemon doctor hook-fires"},
		{"claude-permission-daemon status --js", "claude-permission-daemon status --json"},
		{"claude-permission-daemon completion fi", "claude-permission-daemon completion fish"},
	} {
		u.keys("-l", test.typed)
		u.keys("Tab")
		u.see(test.becomes)
		u.keys("C-u")
	}
}

// TestManual: both pages are good manual pages, and say all that there is.
func TestManual(t *testing.T) {
	mandoc := need(t, "mandoc")
	help, err := os.ReadFile(made(t, "--help"))
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range [][]string{{"man"}, {"man", "hook"}} {
		path := made(t, page...)
		if out, err := exec.Command(mandoc, "-Tlint", "-W", "warning", path).CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("%v: %s", err, out)
		}
		text, err := exec.Command(mandoc, "-Tascii", "-O", "width=200", path).Output()
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), `\`) {
			t.Errorf("%q has a backslash: something was not escaped", page)
		}
		if len(page) > 1 {
			continue
		}
		commands, _, _ := strings.Cut(strings.SplitN(string(help), "Commands:\n", 2)[1], "\n\n")
		for line := range strings.Lines(commands) {
			if verb := strings.Fields(line)[0]; !strings.Contains(strings.ReplaceAll(string(text), "\b", ""), "\n   "+doubled(verb)) {
				t.Errorf("the manual has no section %q", verb)
			}
		}
	}
}

// doubled is bold text as mandoc prints it for a printer, without the backspaces.
func doubled(s string) string {
	var b strings.Builder
	for _, r := range s {
		b.WriteRune(r)
		b.WriteRune(r)
	}
	return b.String()
}

package terminals

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// holder is who holds the other end of a pseudo-terminal.
type holder int

const (
	// person: sshd, a terminal window, a console, … also whoever cannot be seen:
	// sshd hides its file descriptors even from its own user.
	person holder = iota
	multiplexer
	agent
)

// multiplexers are the names of programs that hold terminals for windows which
// a client in another terminal shows.
var multiplexers = map[string]bool{
	"tmux: server": true, "screen": true, "SCREEN": true, "zellij": true,
	"dtach": true, "abduco": true, "dvtm": true, "byobu": true,
}

// agents are the names of coding agents. The commands that they run may have a
// terminal, but nobody types in it.
var agents = map[string]bool{
	"claude": true, "codex": true, "gemini": true, "opencode": true, "aider": true,
	"goose": true, "amp": true, "cursor-agent": true, "copilot": true, "crush": true,
	"qwen": true, "droid": true, "auggie": true, "kiro-cli": true,
}

// agentMarks are variables that agents set for the commands that they run.
var agentMarks = []string{"CLAUDECODE=1", "CODEX_SANDBOX=", "GEMINI_CLI=1", "CURSOR_AGENT=1", "OPENCODE=1"}

// holders finds who holds each pseudo-terminal, by its number, as far as this
// user may see.
func holders(proc string) map[int]holder {
	found := map[int]holder{}
	processes, err := os.ReadDir(proc)
	if err != nil {
		return found
	}
	tree := &tree{proc: proc, known: map[int]holder{}}
	for _, process := range processes {
		pid, err := strconv.Atoi(process.Name())
		if err != nil {
			continue
		}
		dir := filepath.Join(proc, process.Name())
		fds, err := os.ReadDir(dir + "/fd")
		if err != nil {
			continue // another user's, or gone
		}
		for _, fd := range fds {
			target, err := os.Readlink(dir + "/fd/" + fd.Name())
			if err != nil || filepath.Base(target) != "ptmx" {
				continue
			}
			number, ok := ttyIndex(dir + "/fdinfo/" + fd.Name())
			if !ok {
				continue
			}
			// A child may hold the other end for a moment before it starts its
			// program; whoever is not a person decides.
			if kind := tree.kind(pid); kind > found[number] {
				found[number] = kind
			}
		}
	}
	return found
}

// ttyIndex reads the number of the terminal that an open master belongs to.
func ttyIndex(fdinfo string) (int, bool) {
	text, err := os.ReadFile(fdinfo)
	if err != nil {
		return 0, false
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, "tty-index:"); ok {
			n, err := strconv.Atoi(strings.TrimSpace(value))
			return n, err == nil
		}
	}
	return 0, false
}

// tree tells processes apart by their names and those of their ancestors.
type tree struct {
	proc  string
	known map[int]holder
}

// kind is what kind of holder a process is.
func (t *tree) kind(pid int) holder {
	if name, _ := t.stat(pid); multiplexers[name] {
		return multiplexer
	}
	return t.ofAgent(pid)
}

// ofAgent is agent for an agent and everything that it started.
func (t *tree) ofAgent(pid int) holder {
	if kind, ok := t.known[pid]; ok {
		return kind
	}
	t.known[pid] = person // ends a circle, which only a race can make
	name, parent := t.stat(pid)
	kind := person
	switch {
	case agents[name] || t.marked(pid) || t.isAgent(pid):
		kind = agent
	case parent > 1:
		kind = t.ofAgent(parent)
	}
	t.known[pid] = kind
	return kind
}

// stat reads a process's name and its parent.
func (t *tree) stat(pid int) (name string, parent int) {
	text, err := os.ReadFile(filepath.Join(t.proc, strconv.Itoa(pid), "stat"))
	if err != nil {
		return "", 0
	}
	// "7 (a name) S 1 …": the name may hold anything, brackets too.
	begin, end := bytes.IndexByte(text, '('), bytes.LastIndexByte(text, ')')
	if begin < 0 || end < begin {
		return "", 0
	}
	fields := strings.Fields(string(text[end+1:]))
	if len(fields) > 1 {
		parent, _ = strconv.Atoi(fields[1]) // zero ends the search
	}
	return string(text[begin+1 : end]), parent
}

// marked reports whether an agent left its mark in the environment.
func (t *tree) marked(pid int) bool {
	text, err := os.ReadFile(filepath.Join(t.proc, strconv.Itoa(pid), "environ"))
	if err != nil {
		return false
	}
	for pair := range bytes.SplitSeq(text, []byte{0}) {
		for _, mark := range agentMarks {
			if strings.HasPrefix(string(pair), mark) {
				return true
			}
		}
	}
	return false
}

// isAgent reports whether the process is an agent by its arguments: one that
// an interpreter runs ("node /usr/bin/codex"), or that goes by another name.
func (t *tree) isAgent(pid int) bool {
	text, err := os.ReadFile(filepath.Join(t.proc, strconv.Itoa(pid), "cmdline"))
	if err != nil {
		return false
	}
	args := strings.Split(string(text), "\x00")
	if agents[filepath.Base(args[0])] {
		return true
	}
	if len(args) < 2 {
		return false
	}
	switch interpreter := filepath.Base(args[0]); {
	case interpreter == "node", interpreter == "bun", interpreter == "deno", strings.HasPrefix(interpreter, "python"):
		return agents[filepath.Base(args[1])] || strings.Contains(args[1], "/@anthropic-ai/claude-code/")
	}
	return false
}

package doctor

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

const (
	daemonProgram = "claude-permission-daemon"
	hookProgram   = "claude-permission-hook"
)

// binary: the program is on the PATH, and it is this one.
func binary(ctx context.Context, f *facts) finding {
	path := f.find(daemonProgram)
	if path == "" {
		where := "a folder on your PATH"
		if self, err := os.Executable(); err == nil {
			where = filepath.Dir(self)
		}
		return warn(`export PATH="$PATH:`+where+`"`, "%s is in no folder of the PATH", daemonProgram)
	}
	said, err := output(ctx, path, "version")
	if err != nil {
		return fail("reinstall "+path, "%s does not run: %v", path, err)
	}
	if other := word(said, 1); other != f.Version {
		return warn("which -a "+daemonProgram, "%s on the PATH is version %s, and this is %s", path, other, f.Version)
	}
	return fine("%s, version %s", path, f.Version)
}

// sameVersion: the daemon that runs is of this version.
func sameVersion(_ context.Context, f *facts) finding {
	s, err := f.status()
	switch {
	case err != nil:
		return skip("no daemon answers")
	case s.Version != f.Version:
		return warn(f.restart(), "the daemon that runs (pid %d) is version %s, and this is %s", s.PID, s.Version, f.Version)
	}
	return fine("version %s, running for %s", s.Version, time.Duration(s.UptimeS*float64(time.Second)).Round(time.Second))
}

// restart is the command that restarts the daemon.
func (f *facts) restart() string {
	if f.service().installed {
		return daemonProgram + " service restart"
	}
	return "stop it and start it again: " + daemonProgram
}

// hookPath is the hook program that is used, or would be.
func (f *facts) hookPath() string {
	for _, e := range f.hooks() {
		if filepath.IsAbs(e.program) {
			return e.program
		}
	}
	if self, err := os.Executable(); err == nil {
		if beside := filepath.Join(filepath.Dir(self), hookProgram); runnable(beside) == nil {
			return beside
		}
	}
	return f.find(hookProgram)
}

// hookBinary: the hook is there, runs, and is of this version.
func hookBinary(ctx context.Context, f *facts) finding {
	path := f.hookPath()
	if path == "" {
		return fail("put "+hookProgram+" beside "+daemonProgram, "%s is neither beside this program nor on the PATH", hookProgram)
	}
	if err := runnable(path); err != nil {
		return fail(daemonProgram+" hooks install", "%s cannot be started: %v", path, err)
	}
	said, err := output(ctx, path, "--version")
	switch {
	case err != nil:
		return fail(daemonProgram+" hooks install", "%s does not run: %v", path, err)
	case word(said, 0) != hookProgram:
		return fail(daemonProgram+" hooks install", "%s is another program", path)
	case release(word(said, 1)) != release(f.Version):
		return warn("install both programs of one version", "%s is version %s, and this is %s", path, word(said, 1), f.Version)
	}
	return fine("%s, version %s", path, word(said, 1))
}

// oldestClaude has the PermissionRequest hook first.
var oldestClaude = [3]int{2, 0, 45}

// claudeVersion: there is a Claude Code, and it is new enough.
func claudeVersion(ctx context.Context, f *facts) finding {
	path := f.find("claude")
	if path == "" {
		return skip("no claude on the PATH")
	}
	said, err := output(ctx, path, "--version")
	if err != nil {
		return warn("claude doctor", "%s does not say its version: %v", path, err)
	}
	version := word(said, 0)
	if older(version, oldestClaude) {
		return fail("claude update", "%s is version %s", path, version)
	}
	return fine("%s, version %s", path, version)
}

// older reports whether a version is before another. What is no version is not.
func older(version string, than [3]int) bool {
	parts := strings.SplitN(version, ".", 3)
	for i, part := range parts {
		n, err := strconv.Atoi(strings.TrimFunc(part, func(r rune) bool { return r < '0' || r > '9' }))
		if err != nil || n > than[i] {
			return false
		}
		if n < than[i] {
			return true
		}
	}
	return false
}

// output runs a program for what it prints on stdout.
func output(ctx context.Context, path string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.WaitDelay = 100 * time.Millisecond // for what it may have started
	said, err := cmd.Output()
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return string(said), err
}

// word is the nth word of a text; empty: it has fewer.
func word(text string, n int) string {
	if words := strings.Fields(text); n < len(words) {
		return words[n]
	}
	return ""
}

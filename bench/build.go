package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// program is one of those that are measured. It gets the socket's path as its
// last argument, and the event on stdin.
type program struct {
	name string
	says string
	argv []string
}

// The programs' names; floor is what the others are compared with.
const (
	floor  = "c"
	ours   = "hook"
	empty  = "empty"
	python = "python"
)

// build builds the programs into dir. Where a compiler or an interpreter is
// missing it leaves a row out, and a note says so.
func build(ctx context.Context, dir, chosen string) (programs []program, notes []string, err error) {
	wanted := func(name string) bool { return chosen == "" || slices.Contains(strings.Split(chosen, ","), name) }
	root, err := output(ctx, "go", "list", "-m", "-f", "{{.Dir}}")
	if err != nil {
		return nil, nil, err
	}
	if wanted(floor) {
		binary := filepath.Join(dir, "hook-c")
		if compiler, lookErr := exec.LookPath("cc"); lookErr != nil {
			notes = append(notes, "no C compiler, so no floor: install gcc")
		} else if _, err := output(ctx, compiler, "-O2", "-static", "-o", binary, filepath.Join(root, "bench/floor/hook.c")); err != nil {
			return nil, nil, err
		} else {
			programs = append(programs, program{floor, "static C, the floor", []string{binary}})
		}
	}
	for _, p := range []struct{ name, says, pkg string }{
		{empty, "an empty Go program", "./bench/floor/empty"},
		{ours, "claude-permission-hook", "./cmd/claude-permission-hook"},
	} {
		if !wanted(p.name) {
			continue
		}
		binary := filepath.Join(dir, "hook-"+p.name)
		if _, err := output(ctx, "go", "build", "-C", root, "-o", binary, p.pkg); err != nil {
			return nil, nil, err
		}
		argv := []string{binary}
		if p.name == ours {
			argv = append(argv, "--socket")
		}
		programs = append(programs, program{p.name, p.says, argv})
	}
	if wanted(python) {
		interpreter, version, err := findPython(ctx)
		if err != nil {
			notes = append(notes, "no python3, so no such row")
		} else {
			programs = append(programs, program{python, version + ", standard library", []string{interpreter, filepath.Join(root, "bench/floor/hook.py")}})
		}
	}
	for _, p := range programs {
		if file, err := os.Stat(p.argv[0]); err == nil && p.name != python {
			notes = append(notes, fmt.Sprintf("%s: %.1f MiB on disk", p.says, float64(file.Size())/(1<<20)))
		}
	}
	return programs, notes, nil
}

// findPython prefers the system's own interpreter, and finds the one behind a
// version manager's wrapper, which would cost more than Python does.
func findPython(ctx context.Context) (interpreter, version string, err error) {
	first := "/usr/bin/python3"
	if _, err := os.Stat(first); err != nil {
		first = "python3"
	}
	said, err := output(ctx, first, "-c", `import sys; print(sys.executable, "Python " + sys.version.split()[0], sep="\n")`)
	interpreter, version, _ = strings.Cut(said, "\n")
	return interpreter, version, err
}

// output runs a command and returns what it prints.
func output(ctx context.Context, name string, args ...string) (string, error) {
	printed, err := exec.CommandContext(ctx, name, args...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("cannot run %s %s: %w\n%s", name, strings.Join(args, " "), err, printed)
	}
	return strings.TrimSpace(string(printed)), nil
}

// Command packaging makes everything that a release has, in dist/:
//
//	go run ./packaging
//
// Static binaries for Linux, macOS and Windows in archives, .deb and .rpm
// packages, a Homebrew formula, a CycloneDX bill of materials, and SHA256SUMS.
// The version is what git says (see versionOf). The same commit gives the same
// archives: no time of day goes into them.
//
// It needs git, and nfpm for the packages: the one on PATH or, without one, by
// "go run" with the version below.
package main

import (
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"claude-permission-daemon/internal/version"
)

const (
	name = "claude-permission-daemon"
	hook = "claude-permission-hook"
	nfpm = "github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.44.0"
)

// target is a system to build for.
type target struct{ os, arch string }

var targets = []target{{"linux", "amd64"}, {"linux", "arm64"}, {"darwin", "amd64"}, {"darwin", "arm64"}, {"windows", "amd64"}}

// release is what is being made.
type release struct {
	version string
	when    time.Time // of the commit
	url     string    // where its archives will be, for the formula
	home    string    // the project's page
	dist    string
	work    string // for what is no result; in dist, and removed in the end
}

func main() {
	dist := flag.String("o", "dist", "the `folder` to fill; what is in it is removed")
	url := flag.String("url", "https://example.com/"+name+"/releases", "where the archives of a version will be, for the formula: URL/vVERSION/FILE")
	flag.Parse()
	if err := run(*dist, *url); err != nil {
		fmt.Fprintf(os.Stderr, "error: %v\n", err)
		os.Exit(1)
	}
}

func run(dist, url string) error {
	r, err := newRelease(dist, url)
	if err != nil {
		return err
	}
	fmt.Printf("version %s\n", r.version)
	if err := os.RemoveAll(r.dist); err != nil {
		return fmt.Errorf("cannot empty %s: %w", r.dist, err)
	}
	if err := os.MkdirAll(r.work, 0o755); err != nil {
		return fmt.Errorf("cannot make %s: %w", r.work, err)
	}
	for _, t := range targets {
		if err := r.build(t); err != nil {
			return err
		}
	}
	extras, err := r.extras()
	if err != nil {
		return err
	}
	for _, t := range targets {
		if err := r.archive(t, extras); err != nil {
			return err
		}
	}
	for _, step := range []func() error{func() error { return r.packages(extras) }, r.formula, r.billOfMaterials, r.sums} {
		if err := step(); err != nil {
			return err
		}
	}
	return os.RemoveAll(r.work)
}

func newRelease(dist, url string) (*release, error) {
	describe, err := output("git", "describe", "--tags", "--match", "v[0-9]*", "--long", "--dirty")
	if err != nil {
		describe = "" // no release has been made yet
	}
	count, err := output("git", "rev-list", "--count", "HEAD")
	if err != nil {
		return nil, fmt.Errorf("cannot ask git for the version: %w", err)
	}
	commit, err := output("git", "rev-parse", "--short=12", "HEAD")
	if err != nil {
		return nil, fmt.Errorf("cannot ask git for the version: %w", err)
	}
	changes, err := output("git", "status", "--porcelain", "--untracked-files=no")
	if err != nil {
		return nil, fmt.Errorf("cannot ask git for the version: %w", err)
	}
	seconds, err := output("git", "log", "-1", "--format=%ct")
	if err != nil {
		return nil, fmt.Errorf("cannot ask git for the time: %w", err)
	}
	when, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil {
		return nil, fmt.Errorf("cannot read git's time: %w", err)
	}
	if dist, err = filepath.Abs(dist); err != nil {
		return nil, fmt.Errorf("cannot find %s: %w", dist, err)
	}
	return &release{version: versionOf(version.Number, describe, count, commit, changes != ""), when: time.Unix(when, 0).UTC(),
		url: strings.TrimSuffix(url, "/"), home: strings.TrimSuffix(strings.TrimSuffix(url, "/"), "/releases"), dist: dist, work: filepath.Join(dist, "work")}, nil
}

// versionOf is the tag, for a commit that has one and a tree without changes;
// else a version before next, the release that this tree becomes, that says
// which commit it is.
func versionOf(next, describe, count, commit string, changed bool) string {
	if tag, rest, ok := strings.Cut(describe, "-0-g"); ok && !changed && !strings.Contains(rest, "dirty") {
		return strings.TrimPrefix(tag, "v")
	}
	v := next + "-dev." + count + "+g" + commit
	if changed {
		v += ".dirty"
	}
	return v
}

func output(program string, args ...string) (string, error) {
	out, err := exec.Command(program, args...).Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		err = fmt.Errorf("%w: %s", err, strings.TrimSpace(string(exit.Stderr)))
	}
	return strings.TrimSpace(string(out)), err
}

func (r *release) bin(t target, program string) string {
	if t.os == "windows" {
		program += ".exe"
	}
	return filepath.Join(r.work, t.os+"_"+t.arch, program)
}

// build makes both programs for a system, static and without this machine's paths.
func (r *release) build(t target) error {
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w -X "+name+"/internal/version.Number="+r.version,
		"-o", filepath.Dir(r.bin(t, name))+"/", "./cmd/"+name, "./cmd/"+hook)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+t.os, "GOARCH="+t.arch, "GOAMD64=v1", "GOFLAGS=")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("cannot build for %s/%s: %w\n%s", t.os, t.arch, err, out)
	}
	return nil
}

// host is the target that can be run here.
func host() (target, error) {
	t := target{runtime.GOOS, runtime.GOARCH}
	if !slices.Contains(targets, t) {
		return t, fmt.Errorf("cannot make packages on %s/%s: the programs must run here", t.os, t.arch)
	}
	return t, nil
}

// sums writes the check sum of every file that was made.
func (r *release) sums() error {
	entries, err := os.ReadDir(r.dist)
	if err != nil {
		return fmt.Errorf("cannot list %s: %w", r.dist, err)
	}
	var text strings.Builder
	for _, entry := range entries {
		if entry.IsDir() {
			continue
		}
		sum, err := sumOf(filepath.Join(r.dist, entry.Name()))
		if err != nil {
			return err
		}
		fmt.Fprintf(&text, "%s  %s\n", sum, entry.Name())
	}
	fmt.Print(text.String())
	return r.write("SHA256SUMS", []byte(text.String()))
}

func sumOf(path string) (string, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("cannot sum: %w", err)
	}
	return fmt.Sprintf("%x", sha256.Sum256(content)), nil
}

func (r *release) write(file string, content []byte) error {
	if err := os.WriteFile(filepath.Join(r.dist, file), content, 0o644); err != nil {
		return fmt.Errorf("cannot write %s: %w", file, err)
	}
	return nil
}

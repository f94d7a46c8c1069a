package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// theDaemon is a real daemon in a folder of its own, with the page, with
// presence set by hand, and with whatever more its configuration says.
type theDaemon struct {
	binary, socket string
	cmd            *exec.Cmd
}

func startDaemon(ctx context.Context, b *bench, more string) (*theDaemon, error) {
	home := filepath.Join(b.dir, "home")
	d := &theDaemon{binary: filepath.Join(b.dir, "claude-permission-daemon"), socket: filepath.Join(home, "s")}
	if err := os.MkdirAll(home, 0o700); err != nil {
		return nil, err
	}
	config := filepath.Join(home, "config.toml")
	if err := os.WriteFile(config, []byte("[presence]\nsource = \"manual\"\n[web]\nlisten = \"127.0.0.1:0\"\n"+more), 0o600); err != nil {
		return nil, err
	}
	root, err := output(ctx, "go", "list", "-m", "-f", "{{.Dir}}")
	if err != nil {
		return nil, err
	}
	if _, err := output(ctx, "go", "build", "-C", root, "-o", d.binary, "./cmd/claude-permission-daemon"); err != nil {
		return nil, err
	}
	d.cmd = exec.Command(d.binary, "--config", config, "--socket", d.socket)
	d.cmd.Env = []string{"HOME=" + home, "PATH=" + os.Getenv("PATH")}
	if err := d.cmd.Start(); err != nil {
		return nil, err
	}
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		_, err := output(ctx, d.binary, "--socket", d.socket, "here")
		if err == nil {
			return d, nil
		}
		if time.Now().After(deadline) {
			return nil, errors.Join(err, d.stop())
		}
	}
}

func (d *theDaemon) stop() error {
	_ = d.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
	return d.cmd.Wait()
}

func withDaemon(ctx context.Context, b *bench) error {
	d, err := startDaemon(ctx, b, "")
	if err != nil {
		return err
	}
	return errors.Join(b.compare(ctx, d.socket), d.stop())
}

// atRest leaves a fresh daemon alone and says what it holds and does.
func atRest(ctx context.Context, b *bench) (err error) {
	if _, err := os.Stat("/proc/self/status"); err != nil {
		fmt.Fprintln(b.stdout, "  no /proc here")
		return nil
	}
	d, err := startDaemon(ctx, b, "")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.stop()) }()
	pid := d.cmd.Process.Pid
	settle := 5 * time.Second // what its start leaves behind, as garbage collection
	if err := sleep(ctx, settle); err != nil {
		return err
	}
	before, _, err := look(pid)
	if err != nil {
		return err
	}
	if err := sleep(ctx, b.rest); err != nil {
		return err
	}
	after, resident, err := look(pid)
	if err != nil {
		return err
	}
	fmt.Fprintf(b.stdout, "  %.1f MiB resident; woken %d times in %v (voluntary context switches of all its threads)\n", float64(resident)/1024, after-before, b.rest)
	calls, err := traced(ctx, pid, b.rest)
	if err != nil {
		fmt.Fprintf(b.stdout, "  no system calls counted: %v\n", err)
		return nil
	}
	fmt.Fprintf(b.stdout, "  system calls in another %v: %s\n", b.rest, calls)
	return nil
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// look reads how often the threads of a process were woken so far, and how many
// KiB of it are resident.
func look(pid int) (woken, resident int, err error) {
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid))
	if err != nil || len(tasks) == 0 {
		return 0, 0, errors.Join(err, errors.New("the daemon is gone"))
	}
	for _, task := range tasks {
		status, err := os.Open(task)
		if errors.Is(err, os.ErrNotExist) {
			continue // a thread that ended
		}
		if err != nil {
			return 0, 0, err
		}
		for lines := bufio.NewScanner(status); lines.Scan(); {
			name, value, _ := strings.Cut(lines.Text(), ":")
			number, _ := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(value), " kB"))
			switch name {
			case "voluntary_ctxt_switches":
				woken += number
			case "VmRSS":
				resident = number // the same for all of them
			}
		}
		_ = status.Close()
	}
	return woken, resident, nil
}

var callLine = regexp.MustCompile(`(?m)^\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(?:\d+\s+)?(\w+)$`)

// traced counts a process's system calls with strace.
func traced(ctx context.Context, pid int, d time.Duration) (string, error) {
	strace, err := exec.LookPath("strace")
	if err != nil {
		return "", errors.New("strace is not installed")
	}
	cmd := exec.Command(strace, "-c", "-f", "-q", "-p", strconv.Itoa(pid))
	var printed strings.Builder
	cmd.Stderr = &printed
	if err := cmd.Start(); err != nil {
		return "", err
	}
	slept := sleep(ctx, d)
	_ = cmd.Process.Signal(os.Interrupt) // it may have ended: then it says why
	err = cmd.Wait()
	if slept != nil {
		return "", slept
	}
	var calls []string
	for _, call := range callLine.FindAllStringSubmatch(printed.String(), -1) {
		if call[2] != "total" {
			calls = append(calls, call[1]+" "+call[2])
		}
	}
	switch exit := new(exec.ExitError); {
	case len(calls) > 0:
		return strings.Join(calls, ", "), nil
	case err != nil && !errors.As(err, &exit), strings.Contains(printed.String(), "attach"):
		return "", fmt.Errorf("strace says %q", strings.TrimSpace(printed.String()))
	}
	return "none", nil
}

package presence

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"time"
)

// maxProgramLine is the longest line that a program may print.
const maxProgramLine = 4096

// termGrace is how long a program has to end after it was asked to.
const termGrace = 500 * time.Millisecond

// Program is one run of a program that prints lines.
type Program struct {
	Path string
	Args []string
	Env  []string // nil: this process's
}

// Exit says how a program ended that was not asked to.
type Exit struct {
	Code   int    // -1: killed by a signal
	Stderr string // the last thing it said there
}

// Error tells it in a few words.
func (e *Exit) Error() string {
	text := fmt.Sprintf("ended with exit code %d", e.Code)
	if e.Code < 0 {
		text = "was killed"
	}
	if e.Stderr != "" {
		text += ": " + e.Stderr
	}
	return text
}

// Run starts the program and calls line for each line it prints, from one
// goroutine, until the program ends, closes its output, or ctx ends; in the
// latter cases the program is ended too. No line is passed on after ctx has
// ended. The program dies with this process where the system can do that
// (Linux). Run returns nil if ctx ended, an error that wraps exec.ErrNotFound
// or fs.ErrNotExist if there is no such program, and an *Exit if it ended.
func (p Program) Run(ctx context.Context, line func(string)) error {
	if ctx.Err() != nil {
		return nil
	}
	// "Dies with this process" means with the thread that started it (see
	// golang/go issue 27505), so this goroutine keeps its thread until the end.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()

	read, write, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("cannot start %s: %w", p.Path, err)
	}
	defer func() { _ = read.Close() }()
	var stderr tail
	cmd := exec.Command(p.Path, p.Args...)
	cmd.Env, cmd.Stdout, cmd.Stderr = p.Env, write, &stderr
	cmd.WaitDelay = termGrace // a grandchild may hold stderr
	tether(cmd)
	err = cmd.Start()
	_ = write.Close()
	if err != nil {
		return fmt.Errorf("cannot start %s: %w", p.Path, err)
	}

	exited := make(chan struct{})
	var killer sync.WaitGroup
	killer.Go(func() {
		select {
		case <-exited:
			return
		case <-ctx.Done():
			_ = read.Close() // ends the reading, whoever else holds the pipe
		}
	})
	readErr := eachLine(read, func(text string) {
		if ctx.Err() == nil {
			line(text)
		}
	})
	patience := 50 * time.Millisecond // it may be about to end
	if ctx.Err() != nil {
		patience = 0
	}
	endErr := end(cmd, patience)
	close(exited)
	killer.Wait()
	if ctx.Err() != nil {
		return nil
	}
	if errors.Is(readErr, bufio.ErrTooLong) {
		return fmt.Errorf("%s printed a line of more than %d bytes", p.Path, maxProgramLine)
	}
	if endErr != nil && cmd.ProcessState == nil {
		return fmt.Errorf("cannot wait for %s: %w", p.Path, endErr)
	}
	return &Exit{Code: cmd.ProcessState.ExitCode(), Stderr: stderr.String()}
}

func eachLine(r io.Reader, line func(string)) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 0, 512), maxProgramLine)
	for lines.Scan() {
		line(lines.Text())
	}
	return lines.Err()
}

// end waits for a program whose output has ended, and ends it if it lives on.
func end(cmd *exec.Cmd, patience time.Duration) error {
	waited := make(chan error, 1)
	go func() { waited <- cmd.Wait() }() // ends below, at the latest by the kill
	asked := time.AfterFunc(patience, func() { askToEnd(cmd) })
	killed := time.AfterFunc(patience+termGrace, func() { kill(cmd) })
	err := <-waited
	asked.Stop()
	killed.Stop()
	return err
}

// tail keeps the end of what is written to it.
type tail struct {
	mu   sync.Mutex
	text []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	if over := len(t.text) - 512; over > 0 {
		t.text = append(t.text[:0], t.text[over:]...)
	}
	return len(p), nil
}

// String is the last line that says something.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	text := strings.TrimSpace(string(t.text))
	return text[strings.LastIndexByte(text, '\n')+1:]
}

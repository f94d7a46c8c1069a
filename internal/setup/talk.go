package setup

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"

	"golang.org/x/term"

	"claude-permission-daemon/internal/secret"
)

// ErrInterrupted is the end of a conversation that was broken off before
// anything was changed.
var ErrInterrupted = errors.New("interrupted: nothing was changed")

var errInputEnded = errors.New("the input ended before the last question: nothing was changed")

// talk is the terminal: questions out, lines in. A pipe does as well.
type talk struct {
	out      io.Writer
	in       io.Reader
	terminal *os.File // nil: in is none
	lines    chan typed
}

type typed struct {
	text string
	err  error
}

func newTalk(in io.Reader, out io.Writer) *talk {
	t := &talk{out: out, in: in}
	if f, ok := in.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		t.terminal = f
	}
	return t
}

// line shows a prompt and waits for the line that answers it. With hide, what
// is typed on a terminal is not shown there.
func (t *talk) line(ctx context.Context, prompt string, hide bool) (string, error) {
	if ctx.Err() != nil {
		return "", ErrInterrupted
	}
	if hide && t.terminal != nil {
		// Before the prompt: whoever is quick would see the first letters.
		show, err := hideInput(t.terminal)
		if err != nil {
			return "", fmt.Errorf("cannot hide what is typed: %w", err)
		}
		defer func() {
			_ = show()
			fmt.Fprintln(t.out) // the Enter was not shown either
		}()
	}
	fmt.Fprint(t.out, prompt)
	if t.lines == nil {
		t.lines = t.read()
	}
	select {
	case got := <-t.lines:
		if got.err != nil {
			fmt.Fprintln(t.out)
			return "", errInputEnded
		}
		return got.text, nil
	case <-ctx.Done():
		fmt.Fprintln(t.out)
		return "", ErrInterrupted
	}
}

// read reads lines until the input ends. A read from a terminal cannot be
// broken off, so that this goroutine may outlive the conversation; it holds
// nothing, and ends with the input or the program.
func (t *talk) read() chan typed {
	lines := make(chan typed)
	go func() {
		r := bufio.NewReader(t.in)
		for {
			text, err := r.ReadString('\n')
			if err != nil && text == "" {
				lines <- typed{err: err}
				return
			}
			lines <- typed{text: strings.TrimSpace(text)}
		}
	}()
	return lines
}

// say prints lines of plain text. Whatever looks like one of Slack's tokens is
// masked: nothing that is said needs one.
func (t *talk) say(format string, args ...any) {
	fmt.Fprintln(t.out, masked(fmt.Sprintf(format, args...)))
}

// tokenText finds Slack's tokens, old ones in comments included.
var tokenText = regexp.MustCompile(`\b(xox[a-z](\.xox[a-z])?|xapp)-[A-Za-z0-9-]+`)

func masked(text string) string { return tokenText.ReplaceAllString(text, secret.Mask) }

// yes asks for a yes or a no.
func (t *talk) yes(ctx context.Context, prompt string, otherwise bool) (bool, error) {
	brackets := " [Y/n]: "
	if !otherwise {
		brackets = " [y/N]: "
	}
	for {
		text, err := t.line(ctx, prompt+brackets, false)
		if err != nil {
			return false, err
		}
		if text == "" {
			return otherwise, nil
		}
		if answer, err := yesOrNo(text); err == nil {
			return answer, nil
		}
		t.say("  Please answer yes or no.")
	}
}

func yesOrNo(text string) (bool, error) {
	switch strings.ToLower(text) {
	case "y", "yes", "true":
		return true, nil
	case "n", "no", "false":
		return false, nil
	}
	return false, fmt.Errorf("%q is neither yes nor no", text)
}

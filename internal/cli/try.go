package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"claude-permission-daemon/internal/config"
	"claude-permission-daemon/internal/daemon"
	"claude-permission-daemon/internal/hook"
	"claude-permission-daemon/internal/permit"
	"claude-permission-daemon/internal/presence"
	"claude-permission-daemon/internal/wire"
)

func tryCommand() command {
	return command{name: "try", short: "see it work, with nothing configured: a sample request on a page, your tap, and what Claude Code gets",
		long: `It starts a private daemon that touches nothing of yours, counts you as away, sends
a sample request the way Claude Code would, and prints the page's link. Open it and
tap; what Claude Code would receive is printed, and nothing is run.`,
		setup: func(flags *flag.FlagSet) func(context.Context, *call) error {
			answer := flags.String("answer", "", "answer through the page's own HTTP interface: `approve` or deny")
			listen := flags.String("listen", "127.0.0.1:0", "where the page is served, as `host:port`")
			return func(ctx context.Context, c *call) error {
				if err := noArgs(c); err != nil {
					return err
				}
				if *answer != "" && *answer != "approve" && *answer != "deny" {
					return usagef("--answer is approve or deny, not %q", *answer)
				}
				return c.try(ctx, *listen, *answer)
			}
		}}
}

// sampleCommand is what the sample request asks to run. Nobody runs it.
const sampleCommand = "git fetch origin && git rebase origin/main && go test ./..."

func (c *call) try(ctx context.Context, listen, answer string) (err error) {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	dir, err := os.MkdirTemp("", "claude-permission-try-")
	if err != nil {
		return fmt.Errorf("cannot make a folder for the trial: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()

	cfg := config.Default()
	cfg.Presence.Source = presence.Manual
	cfg.Web.Listen = listen
	log := slog.New(slog.DiscardHandler)
	if c.debug {
		log = c.logger(true)
	}
	d, err := daemon.New(daemon.Options{Config: cfg, Socket: filepath.Join(dir, "s"), StateDir: filepath.Join(dir, "state"),
		Version: c.version, Log: log, Getenv: func(string) string { return "" }})
	if err != nil {
		return fmt.Errorf("cannot start the trial's daemon: %w", err)
	}
	running, stopDaemon := context.WithCancel(context.WithoutCancel(ctx))
	var daemonDone sync.WaitGroup
	var runErr error
	daemonDone.Go(func() { runErr = d.Run(running) })
	defer func() { stopDaemon(); daemonDone.Wait(); err = errors.Join(err, runErr) }()

	private := *c
	private.socket = filepath.Join(dir, "s")
	link, err := private.beAway()
	if err != nil {
		return err
	}
	fmt.Fprintf(c.Stdout, "A private daemon is running, and counts you as away.\nOpen this page and tap (Ctrl-C ends the trial):\n\n    %s\n\n", link)
	if answer != "" {
		fmt.Fprintf(c.Stdout, "Answering through the page: %s\n", answer)
	}
	document, err := private.askSample(ctx, link, answer, stopDaemon)
	if err != nil {
		return err
	}
	if len(document) == 0 {
		fmt.Fprintln(c.Stdout, "The request was handed back: Claude Code gets nothing, and its own dialog decides.")
		return nil
	}
	fmt.Fprintf(c.Stdout, "This is exactly what Claude Code receives:\n\n%s\n\nTo use it for real: claude-permission-daemon setup\n", bytes.TrimSpace(document))
	return nil
}

// beAway waits for the daemon, sets presence, and returns the page's link.
func (c *call) beAway() (link string, err error) {
	if err := c.control(wire.Envelope{Op: wire.OpPresence, Presence: "away"}, new(wire.Presence)); err != nil {
		return "", err
	}
	var s wire.Status
	if err := c.control(wire.Envelope{Op: wire.OpStatus}, &s); err != nil {
		return "", err
	}
	for _, ch := range s.Channels {
		if ch.URL != "" {
			return ch.URL, nil
		}
	}
	return "", fmt.Errorf("cannot show the page: %v", s.Channels)
}

// askSample runs the real hook with a sample event, as Claude Code would, and
// returns what it printed. Where it cannot go on it stops the daemon.
func (c *call) askSample(ctx context.Context, link, answer string, stopDaemon func()) ([]byte, error) {
	cwd, err := os.Getwd()
	if err != nil {
		return nil, fmt.Errorf("cannot tell the current folder: %w", err)
	}
	event, err := json.Marshal(map[string]any{
		"session_id": "try-" + strconv.Itoa(os.Getpid()), "cwd": cwd, "permission_mode": "default",
		"hook_event_name": "PermissionRequest", "tool_name": "Bash",
		"tool_input": map[string]string{"command": sampleCommand, "description": "Update the branch and run the tests"},
	})
	if err != nil {
		return nil, err
	}
	read, write, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("cannot run the hook: %w", err)
	}
	defer read.Close() //nolint:errcheck // only read
	stderr, ok := c.Stderr.(*os.File)
	if !ok {
		stderr = os.Stderr
	}
	var asking sync.WaitGroup
	asking.Go(func() {
		defer write.Close() //nolint:errcheck // the reader sees the end
		env := map[string]string{"CLAUDE_CODE_SESSION_ATTENDED": "1", "CLAUDE_CODE_ENTRYPOINT": "cli"}
		hook.Run(c.version, []string{"--socket", c.socket}, func(k string) string { return env[k] },
			bytes.NewReader(event), write, stderr)
	})
	defer asking.Wait()
	answered := make(chan error, 1)
	if answer != "" {
		asking.Go(func() { answered <- tap(ctx, link, answer) })
	}
	document := make(chan []byte, 1)
	asking.Go(func() {
		printed, _ := io.ReadAll(read) // a broken pipe is an empty answer
		document <- printed
	})
	select {
	case printed := <-document:
		return printed, nil
	case err := <-answered:
		if err != nil {
			stopDaemon() // which hands the request back
			return nil, err
		}
		return <-document, nil
	case <-ctx.Done():
		stopDaemon()
		return nil, errors.New("interrupted")
	}
}

// tap does what a person does on the page: it reads the cards and sends the
// form of the first open one.
func tap(ctx context.Context, link, answer string) error {
	client := &http.Client{Timeout: 10 * time.Second}
	verb := permit.Allow
	if answer == "deny" {
		verb = permit.Deny
	}
	for {
		cards, err := cardsOn(ctx, client, link)
		if err != nil {
			return err
		}
		for _, card := range cards {
			if !card.Live() {
				continue
			}
			form := url.Values{"request": {card.Request.ID}, "generation": {strconv.Itoa(card.Request.Generation)},
				"digest": {card.Request.Digest}, "verb": {string(verb)}}
			if verb == permit.Deny {
				form.Set("message", "this was only a trial")
			}
			return submit(ctx, client, link, form)
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func cardsOn(ctx context.Context, client *http.Client, link string) ([]permit.Card, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, link+"cards.json", nil)
	if err != nil {
		return nil, err
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("cannot read the page: %w", err)
	}
	defer response.Body.Close() //nolint:errcheck // only read
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("cannot read the page: %s", response.Status)
	}
	var cards []permit.Card
	if err := json.NewDecoder(response.Body).Decode(&cards); err != nil {
		return nil, fmt.Errorf("cannot read the page's cards: %w", err)
	}
	return cards, nil
}

func submit(ctx context.Context, client *http.Client, link string, form url.Values) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, link+"answer", strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	response, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("cannot answer on the page: %w", err)
	}
	defer response.Body.Close() //nolint:errcheck // only read
	if response.StatusCode >= 400 {
		return fmt.Errorf("cannot answer on the page: %s", response.Status)
	}
	return nil
}

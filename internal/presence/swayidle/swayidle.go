// Package swayidle learns of pauses from the program of that name, which knows
// wlroots compositors and KDE. The native source "wayland" sees more (swayidle
// obeys inhibitors, so that a video call can hide a return); this one is for
// who already trusts swayidle.
package swayidle

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"claude-permission-daemon/internal/presence"
)

// Config is the [swayidle] table.
type Config struct {
	// Binary is the program; empty means "swayidle", found on PATH.
	Binary string `toml:"binary"`
}

// noCompositor is swayidle's exit code where there is nobody to talk to.
const noCompositor = 253

const limits = "a video call or a film can hide your return: swayidle obeys idle inhibitors"

// Source is a [presence.Source].
type Source struct {
	binary string
	env    []string
}

// New returns the source; environ is the environment that swayidle gets (and
// that says where the compositor is), as os.Environ has it.
func New(cfg Config, environ []string) *Source {
	binary := cfg.Binary
	if binary == "" {
		binary = "swayidle"
	}
	return &Source{binary: binary, env: environ}
}

// Name is "swayidle".
func (s *Source) Name() string { return "swayidle" }

// Run implements [presence.Source]. swayidle counts in whole seconds.
func (s *Source) Run(ctx context.Context, pause time.Duration, report func(presence.Report)) error {
	binary, err := exec.LookPath(s.binary)
	if err != nil {
		return fmt.Errorf("%w: %s is not installed", presence.ErrUnavailable, s.binary)
	}
	display, err := s.display()
	if err != nil {
		return err
	}
	seconds := int(max(1, (pause+time.Second-1)/time.Second))
	program := presence.Program{
		Path: binary,
		// -C /dev/null: else the user's own configuration applies as well, and
		// their screen locker runs twice. -w: else the lines may overtake each
		// other.
		Args: []string{
			"-C", "/dev/null", "-w",
			"timeout", strconv.Itoa(seconds), "echo IDLE", "resume", "echo ACTIVE",
		},
		Env: append(without(s.env, "WAYLAND_DISPLAY"), "WAYLAND_DISPLAY="+display),
	}
	err = s.listen(ctx, program, time.Duration(seconds)*time.Second, report)
	var exit *presence.Exit
	switch {
	case err == nil:
		return nil
	case errors.As(err, &exit) && exit.Code == noCompositor:
		return fmt.Errorf("%w: swayidle found no compositor: %w", presence.ErrUnavailable, err)
	}
	// Exit code 0 too: that is how swayidle ends with its compositor, and it
	// says nothing of whether the person is there.
	return err
}

// listen runs the program and makes reports of its lines and of its silence.
func (s *Source) listen(ctx context.Context, program presence.Program, pause time.Duration, report func(presence.Report)) error {
	pauses := presence.Pauses{Pause: pause, Began: time.Now().Round(0), Limits: limits}
	lines := make(chan string)
	ended := make(chan error, 1)
	go func() { // ends before listen returns, which waits for ended
		ended <- program.Run(ctx, func(line string) {
			select {
			case lines <- line:
			case <-ctx.Done():
			}
		})
	}()
	silence := time.NewTimer(pauses.Patience())
	defer silence.Stop()
	begun := time.NewTimer(startTime)
	defer begun.Stop()
	for {
		select {
		case err := <-ended:
			return err
		case line := <-lines:
			switch strings.TrimSpace(line) {
			case "IDLE":
				report(pauses.Idled(time.Now()))
			case "ACTIVE":
				report(pauses.Resumed(time.Now()))
			}
		case <-begun.C:
			report(pauses.Begin())
		case <-silence.C:
			if r, news := pauses.Silence(time.Now()); news {
				report(r)
			}
		}
	}
}

// startTime is how long swayidle lives at least if it has a compositor that it
// can work with.
const startTime = 300 * time.Millisecond

// display is the first Wayland socket that somebody listens on.
func (s *Source) display() (string, error) {
	sockets := presence.WaylandSockets(s.getenv)
	for _, path := range sockets {
		if conn, err := net.DialTimeout("unix", path, time.Second); err == nil {
			_ = conn.Close()
			return path, nil
		}
	}
	if len(sockets) == 0 {
		return "", fmt.Errorf("%w: no Wayland compositor", presence.ErrUnavailable)
	}
	return "", fmt.Errorf("%w: nobody listens on %s", presence.ErrUnavailable, strings.Join(sockets, ", "))
}

func (s *Source) getenv(key string) string {
	value := ""
	for _, pair := range s.env {
		if k, v, ok := strings.Cut(pair, "="); ok && k == key {
			value = v
		}
	}
	return value
}

func without(env []string, key string) []string {
	kept := make([]string, 0, len(env)+1)
	for _, pair := range env {
		if !strings.HasPrefix(pair, key+"=") {
			kept = append(kept, pair)
		}
	}
	return kept
}

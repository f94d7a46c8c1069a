// Package desktop tells a person at this machine's desktop, in a notification
// of the desktop's own, what became of a request. It is a courtesy: nothing
// waits for it, and nothing depends on it.
package desktop

import (
	"context"
	"log/slog"
	"os/exec"
	"runtime"
	"strings"
	"time"
)

// Note is one notification. Its text is plain.
type Note struct{ Title, Body string }

const (
	// showFor is how long the program that shows a note may take.
	showFor = 5 * time.Second
	// most is how many notes wait; more are dropped, as they would be noise.
	most = 16
)

// Notifier shows notes, one after the other.
type Notifier struct {
	log   *slog.Logger
	notes chan Note
}

// New makes a Notifier. Nothing is shown before Run.
func New(log *slog.Logger) *Notifier { return &Notifier{log: log, notes: make(chan Note, most)} }

// Tell has a note shown. It never waits.
func (n *Notifier) Tell(note Note) {
	select {
	case n.notes <- note:
	default:
		n.log.Debug("too many notes for the desktop", "dropped", note.Title)
	}
}

// Run shows notes until ctx ends.
func (n *Notifier) Run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case note := <-n.notes:
			if err := show(ctx, note); err != nil && ctx.Err() == nil {
				n.log.Warn("cannot show a note on the desktop", "error", err)
			}
		}
	}
}

// show runs the system's own program for it.
func show(ctx context.Context, note Note) error {
	ctx, cancel := context.WithTimeout(ctx, showFor)
	defer cancel()
	argv := command(runtime.GOOS, note)
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.WaitDelay = time.Second
	return cmd.Run()
}

// markup are the characters that a notification's body gives a meaning
// (Desktop Notifications Specification, Markup).
var markup = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

// command is the program with its arguments. What is said is never part of a
// script, nor taken for an option.
func command(goos string, note Note) []string {
	if goos == "darwin" {
		return []string{"osascript", "-e", "on run argv", "-e", "display notification (item 2 of argv) with title (item 1 of argv)", "-e", "end run", "--", note.Title, note.Body}
	}
	return []string{"notify-send", "--app-name=claude-permission-daemon", "--", note.Title, markup.Replace(note.Body)}
}

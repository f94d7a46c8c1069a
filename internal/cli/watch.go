package cli

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"
	"unicode/utf8"

	"golang.org/x/term"

	"claude-permission-daemon/internal/wire"
)

func watchCommand() command {
	return command{name: "watch", short: "the open requests, live, with keys to answer them",
		long: `On a terminal it shows the open requests and the whole of the one that is marked:
a approves it, d denies it, m denies it with a message, 1 to 9 are its other answers,
enter or space shows more, arrows choose, q quits. What you approve is exactly what
was shown; where it does not fit, read on to its end first. Elsewhere it prints a
line for each request that comes, changes or ends.`,
		setup: func(flags *flag.FlagSet) func(context.Context, *call) error {
			asJSON := flags.Bool("json", false, "print each state as one line of JSON")
			return func(ctx context.Context, c *call) error {
				if err := noArgs(c); err != nil {
					return err
				}
				return c.watch(ctx, *asJSON)
			}
		}}
}

// watch shows what is open until the person or the daemon ends it.
func (c *call) watch(ctx context.Context, asJSON bool) error {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	defer stop()
	n, err := c.dial()
	if err != nil {
		return err
	}
	defer n.close()
	if err := wire.Write(n.conn, wire.Envelope{V: wire.Version, Op: wire.OpWatch}); err != nil {
		return fmt.Errorf("cannot ask the daemon: %w", err)
	}
	var reading sync.WaitGroup
	defer reading.Wait()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer n.close() // ends the reader
	news := make(chan wire.Watched)
	reading.Go(func() {
		for {
			var w wire.Watched
			err := n.next(&w)
			if errors.Is(err, io.EOF) {
				err = &failure{code: exitNoDaemon, err: errors.New("cannot go on: the daemon ended")}
			}
			if err != nil {
				cancel(err)
				return
			}
			select {
			case news <- w:
			case <-ctx.Done():
				return
			}
		}
	})
	in, isFile := c.Stdin.(*os.File)
	out, alsoFile := c.Stdout.(*os.File)
	if !asJSON && isFile && alsoFile && term.IsTerminal(int(in.Fd())) && term.IsTerminal(int(out.Fd())) && c.Getenv("TERM") != "dumb" {
		return c.watchLive(ctx, in, out, news)
	}
	return c.watchLines(ctx, news, asJSON)
}

// why is the error that ended a watch; none where somebody wanted its end.
func why(ctx context.Context) error {
	if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) {
		return cause
	}
	return nil
}

// watchLines prints a line for every change.
func (c *call) watchLines(ctx context.Context, news <-chan wire.Watched, asJSON bool) error {
	known := map[string]wire.Pending{}
	say := func(word string, p wire.Pending) {
		fmt.Fprintf(c.Stdout, "%s  %-8s  %s  %s  %s  %s\n", time.Now().Format("15:04:05"), word, p.ID[:min(shortID, len(p.ID))],
			plain(p.Project), plain(p.Tool), oneLine(p.Summary))
	}
	for {
		select {
		case <-ctx.Done():
			return why(ctx)
		case w := <-news:
			if asJSON {
				if err := wire.Write(c.Stdout, w); err != nil {
					return err
				}
				continue
			}
			open := map[string]wire.Pending{}
			for _, p := range w.Pending {
				open[p.ID] = p
				if before, ok := known[p.ID]; !ok || before.State != p.State {
					say(p.State, p)
				}
			}
			for id, p := range known {
				if _, still := open[id]; !still {
					say("ended", p)
				}
			}
			known = open
		}
	}
}

// The terminal's own commands: an alternate screen without a cursor, and back.
const (
	enterScreen = "\x1b[?1049h\x1b[?25l"
	leaveScreen = "\x1b[?25h\x1b[?1049l"
	home        = "\x1b[H"
	clearLine   = "\x1b[K"
)

// watchLive shows the live list and answers keys.
func (c *call) watchLive(ctx context.Context, in, out *os.File, news <-chan wire.Watched) (err error) {
	before, err := term.MakeRaw(int(in.Fd()))
	if err != nil {
		return fmt.Errorf("cannot read keys: %w", err)
	}
	_, err = io.WriteString(out, enterScreen)
	defer func() {
		_, left := io.WriteString(out, leaveScreen)
		err = errors.Join(err, left, term.Restore(int(in.Fd()), before))
	}()
	if err != nil {
		return err
	}
	keys := make(chan string)
	// The reader cannot be woken from a read of the terminal. It holds nothing,
	// and ends with the program.
	go readKeys(ctx, in, keys)
	s := &screen{paint: c.paint(out), whole: map[string]wire.Shown{}}
	second := time.NewTicker(time.Second) // ages, and the window's size
	defer second.Stop()
	for {
		if p, ok := s.wanted(); ok {
			c.fetch(s, p)
		}
		wide, high, err := term.GetSize(int(out.Fd()))
		if err != nil || wide == 0 {
			wide, high = 80, 24
		}
		lines := s.draw(wide, high, time.Now())
		if _, err := io.WriteString(out, home+strings.Join(lines, clearLine+"\r\n")+clearLine); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return why(ctx)
		case w := <-news:
			s.news(w, time.Now())
		case <-second.C:
		case key, ok := <-keys:
			if !ok {
				return nil
			}
			do := s.press(key, time.Now())
			if do.quit {
				return nil
			}
			if do.answer != nil {
				s.said = c.send(*do.answer)
			}
		}
	}
}

// fetch gets the whole of one request. Where that fails the request has ended,
// as the next news will say.
func (c *call) fetch(s *screen, p wire.Pending) {
	var shown wire.Shown
	if err := c.control(wire.Envelope{Op: wire.OpShow, ID: p.ID}, &shown); err != nil {
		s.said = "error: " + plain(err.Error())
		return
	}
	for known := range s.whole { // only the marked one is shown
		delete(s.whole, known)
	}
	s.whole[keyOf(shown.Pending)] = shown
}

// send answers a request, and says what became of it.
func (c *call) send(answer wire.Envelope) string {
	var done wire.OK
	if err := c.control(answer, &done); err != nil {
		return "error: " + plain(err.Error())
	}
	return plain(done.Text)
}

// readKeys names the keys that are pressed, until the input ends.
func readKeys(ctx context.Context, in io.Reader, keys chan<- string) {
	defer close(keys)
	piece := make([]byte, 64)
	for {
		n, err := in.Read(piece)
		if err != nil {
			return
		}
		for _, key := range keysIn(piece[:n]) {
			select {
			case keys <- key:
			case <-ctx.Done():
				return
			}
		}
	}
}

// keysIn names the keys whose bytes came together. An escape that is followed
// by nothing is the key itself.
func keysIn(raw []byte) (keys []string) {
	sequences := []struct{ bytes, key string }{
		{"\x1b[A", "up"}, {"\x1bOA", "up"}, {"\x1b[B", "down"}, {"\x1bOB", "down"}, {"\x1b[5~", "pgup"}, {"\x1b[6~", "pgdn"},
		{"\r", "enter"}, {"\n", "enter"}, {"\x7f", "backspace"}, {"\b", "backspace"}, {"\x03", "ctrl-c"}, {"\x04", "ctrl-d"},
	}
next:
	for len(raw) > 0 {
		for _, s := range sequences {
			if strings.HasPrefix(string(raw), s.bytes) {
				keys, raw = append(keys, s.key), raw[len(s.bytes):]
				continue next
			}
		}
		if raw[0] == 0x1b {
			if len(raw) == 1 {
				keys = append(keys, "esc")
			}
			return keys // a sequence that means nothing here
		}
		r, size := utf8.DecodeRune(raw)
		if r >= ' ' && r != utf8.RuneError {
			keys = append(keys, string(r))
		}
		raw = raw[size:]
	}
	return keys
}

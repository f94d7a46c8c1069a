package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"claude-permission-daemon/internal/channel/slack/slacktest"
	"claude-permission-daemon/internal/permit"
	"claude-permission-daemon/internal/wire"
)

const (
	// tapEvery is the pause between two taps: 200 a second.
	tapEvery = 5 * time.Millisecond
	// loadAsked is how many requests are asked at each step, so many of them open
	// at once as loadSteps says.
	loadAsked = 1000
)

var loadSteps = []int{10, 30, 100, 300, 1000}

// loadPoint is what was measured with so many requests open at once.
type loadPoint struct {
	open             int
	p50, p90, p99    time.Duration // tap sent → hook ended
	cpu              time.Duration // of the daemon, for a request's whole life
	resident, atRest int           // KiB, with all of them open and before the first
}

// underLoad lets many real hooks wait at once and taps on the page 200 times a
// second. Each hook must print its own answer.
func underLoad(ctx context.Context, b *bench) error {
	var points []loadPoint
	fmt.Fprintf(b.stdout, "  %6s  %8s %8s %8s   %12s   %s\n", "open", "p50", "p90", "p99", "CPU/request", "resident")
	for _, open := range loadSteps {
		p, err := loadStep(ctx, b, open)
		if err != nil {
			return fmt.Errorf("%d open: %w", open, err)
		}
		points = append(points, p)
		fmt.Fprintf(b.stdout, "  %6d  %8s %8s %8s   %9d µs   %.1f MiB (at rest %.1f)\n", p.open, ms(p.p50), ms(p.p90), ms(p.p99), p.cpu.Microseconds(),
			float64(p.resident)/1024, float64(p.atRest)/1024)
	}
	fmt.Fprintln(b.stdout, "  (goals with 1,000 open: p99 at most 25 ms, resident at most 60 MiB, the cost of a request flat)")
	if b.chart == "" {
		return nil
	}
	return os.WriteFile(b.chart, loadChart(points), 0o644)
}

func loadStep(ctx context.Context, b *bench, open int) (p loadPoint, err error) {
	if err := os.RemoveAll(filepath.Join(b.dir, "home")); err != nil { // the requests of the step before
		return p, err
	}
	peer, err := slacktest.Start(slacktest.Options{BotToken: "xoxb-1-bench", AppToken: "xapp-1-bench", Users: []string{"U0BENCH"}})
	if err != nil {
		return p, err
	}
	defer peer.Close()
	d, err := startDaemon(ctx, b, slackConfig(peer)+"[daemon]\nmax_open = 2000\n")
	if err != nil {
		return p, err
	}
	defer func() { err = errors.Join(err, d.stop()) }()
	if _, err := output(ctx, d.binary, "--socket", d.socket, "away"); err != nil {
		return p, err
	}
	status, err := d.status(ctx)
	if err != nil {
		return p, err
	}
	page := ""
	for _, c := range status.Channels {
		if c.URL != "" {
			page = c.URL
		}
	}
	pid := d.cmd.Process.Pid
	if _, p.atRest, err = look(pid); err != nil {
		return p, err
	}
	before, err := busy(pid)
	if err != nil {
		return p, err
	}
	p.open = open
	var times []time.Duration
	for asked := 0; asked < loadAsked; asked += open {
		took, resident, err := loadRound(ctx, b, d, page, min(open, loadAsked-asked))
		if err != nil {
			return p, err
		}
		times, p.resident = append(times, took...), max(p.resident, resident)
	}
	after, err := busy(pid)
	if err != nil {
		return p, err
	}
	slices.Sort(times)
	p.p50, p.p90, p.p99 = at(times, 50), at(times, 90), at(times, 99)
	p.cpu = (after - before) / time.Duration(len(times))
	return p, nil
}

// loadHook is a hook that waits.
type loadHook struct {
	cmd    *exec.Cmd
	stdout *os.File
	ended  chan time.Time
	said   bytes.Buffer // after ended
}

func startLoadHook(b *bench, socket, session string) (*loadHook, error) {
	event, err := json.Marshal(map[string]any{"hook_event_name": "PermissionRequest", "session_id": session, "cwd": "/", "tool_name": "Bash",
		"tool_input": map[string]string{"command": "echo " + session}})
	if err != nil {
		return nil, err
	}
	stdin, to, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer stdin.Close() //nolint:errcheck // the hook has its own
	if _, err := to.Write(event); err != nil {
		return nil, err
	}
	if err := to.Close(); err != nil {
		return nil, err
	}
	from, stdout, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer stdout.Close() //nolint:errcheck // likewise
	h := &loadHook{cmd: exec.Command(filepath.Join(b.dir, "hook-"+ours), "--socket", socket), stdout: from, ended: make(chan time.Time, 1)}
	h.cmd.Stdin, h.cmd.Stdout, h.cmd.Env = stdin, stdout, append(os.Environ(), "CLAUDE_CODE_SESSION_ATTENDED=1")
	if err := h.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		_, _ = io.Copy(&h.said, from) // until the process has ended; what it said is looked at
		h.ended <- time.Now()
	}()
	return h, nil
}

// loadRound asks so many at once, taps, and returns how long each hook took to
// end from its tap on, and what the daemon held when all were open.
func loadRound(ctx context.Context, b *bench, d *theDaemon, page string, open int) (times []time.Duration, resident int, err error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	hooks := make(map[string]*loadHook, open)
	defer func() {
		for _, h := range hooks {
			if err != nil {
				_ = h.cmd.Process.Kill() // err says why
			}
			err = errors.Join(err, h.cmd.Wait(), h.stdout.Close())
		}
	}()
	for i := range open {
		session := fmt.Sprintf("load-%d", i)
		if hooks[session], err = startLoadHook(b, d.socket, session); err != nil {
			delete(hooks, session)
			return nil, 0, err
		}
	}
	cards, err := waitCards(ctx, page, open)
	if err != nil {
		return nil, 0, err
	}
	if _, resident, err = look(d.cmd.Process.Pid); err != nil {
		return nil, 0, err
	}
	tapped := make(map[string]time.Time, open)
	results := make(chan error, open)
	ticker := time.NewTicker(tapEvery)
	defer ticker.Stop()
	for i, card := range cards {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return nil, 0, context.Cause(ctx)
		}
		tapped[card.Request.Session] = time.Now()
		go func() { results <- tapOn(ctx, page, card, i%2 == 0) }()
	}
	for range cards {
		if err := <-results; err != nil {
			return nil, 0, err
		}
	}
	for i, card := range cards {
		session := card.Request.Session
		h := hooks[session]
		var end time.Time
		select {
		case end = <-h.ended:
		case <-ctx.Done():
			return nil, 0, fmt.Errorf("the hook of %s does not end: %w", session, context.Cause(ctx))
		}
		want := `"behavior":"allow"`
		if i%2 == 1 {
			want = ": not " + session + `"`
		}
		if !strings.Contains(h.said.String(), want) {
			return nil, 0, fmt.Errorf("the hook of %s printed %q, want %s", session, h.said.String(), want)
		}
		times = append(times, end.Sub(tapped[session]))
	}
	return times, resident, nil
}

// waitCards waits until the page shows so many open cards.
func waitCards(ctx context.Context, page string, open int) ([]permit.Card, error) {
	for {
		var cards []permit.Card
		response, err := http.Get(page + "cards.json")
		if err != nil {
			return nil, err
		}
		err = json.NewDecoder(response.Body).Decode(&cards)
		if err := errors.Join(err, response.Body.Close()); err != nil {
			return nil, err
		}
		cards = slices.DeleteFunc(cards, func(c permit.Card) bool { return !c.Live() })
		if len(cards) == open {
			return cards, nil
		}
		if err := sleep(ctx, 50*time.Millisecond); err != nil {
			return nil, fmt.Errorf("%d cards of %d: %w", len(cards), open, err)
		}
	}
}

func tapOn(ctx context.Context, page string, card permit.Card, approve bool) error {
	form := url.Values{"request": {card.Request.ID}, "generation": {strconv.Itoa(card.Request.Generation)}, "digest": {card.Request.Digest}, "verb": {"allow"}}
	if !approve {
		form.Set("verb", "deny")
		form.Set("message", "not "+card.Request.Session)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, page+"answer", strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("Accept", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	said, err := io.ReadAll(response.Body)
	if err := errors.Join(err, response.Body.Close()); err != nil {
		return err
	}
	if response.StatusCode/100 != 2 {
		return fmt.Errorf("the page answers %s: %s", response.Status, said)
	}
	return nil
}

func (d *theDaemon) status(ctx context.Context) (s wire.Status, err error) {
	said, err := output(ctx, d.binary, "--socket", d.socket, "status", "--json")
	if err != nil {
		return s, err
	}
	return s, json.Unmarshal([]byte(said), &s)
}

// busy is how long a process has been busy so far.
func busy(pid int) (time.Duration, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	_, after, _ := strings.Cut(string(stat), ") ")
	fields := strings.Fields(after)
	if len(fields) < 13 {
		return 0, errors.New("cannot read the process's times")
	}
	user, errUser := strconv.Atoi(fields[11])
	system, errSystem := strconv.Atoi(fields[12])
	return time.Duration(user+system) * time.Second / 100, errors.Join(errUser, errSystem)
}

// Command bench measures what the hook costs whoever is at the keyboard, side
// by side with the least that is possible and with what is usual:
//
//	go run ./bench
//
// It builds the hook, a static C program that does the same without any care
// (the floor), an empty Go program and a hook in Python, and runs them in turns,
// A B C D, A B C D, …, so that whatever else the machine does meets all of them
// alike. A time is that of a whole process, from before its start to after its
// end. Then it leaves a daemon alone and counts what it does.
//
// docs/performance.md says what came of it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// kase is one part of the table. ("case" is Go's.)
type kase struct {
	name, says string
	measure    func(context.Context, *bench) error
}

func cases() []kase {
	return []kase{
		{"round-trip", "a person at the keyboard; a server that hands back at once", roundTrip},
		{"daemon", "a person at the keyboard; the real daemon", withDaemon},
		{"no-daemon", "no daemon", func(ctx context.Context, b *bench) error { return b.compare(ctx, filepath.Join(b.dir, "none")) }},
		{"slack", "a person away; the real daemon and hook, the loopback Slack; in ms", throughSlack},
		{"load", "many hooks at once; the real daemon and hooks, 200 taps a second on the page; in ms", underLoad},
		{"preview", "a preview and its masking, within the daemon; in ms", inProcess},
		{"commands", "what a person types; the real daemon, Slack out of reach; in ms", everyDay},
		{"rest", "the daemon, left alone", atRest},
	}
}

// bench is what the cases share.
type bench struct {
	programs []program
	runs     int
	rest     time.Duration
	dir      string
	chart    string // where the load's chart goes; empty: nowhere
	stdout   io.Writer
}

func run(ctx context.Context, args []string, stdout io.Writer) (err error) {
	b := &bench{stdout: stdout}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.IntVar(&b.runs, "runs", 200, "how many runs of each program count")
	flags.DurationVar(&b.rest, "rest", 30*time.Second, "how long the daemon is left alone")
	only := flags.String("cases", "", "only these, separated by commas: round-trip, daemon, no-daemon, slack, load, preview, commands, rest")
	flags.StringVar(&b.chart, "chart", "", "draw the load case into this `file` (SVG)")
	programs := flags.String("programs", "", "only these, separated by commas: c, empty, hook, python")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return nil
	case err != nil:
		return err
	case b.runs < 1:
		return errors.New("-runs has to be 1 at least")
	}
	if b.dir, err = os.MkdirTemp("", "bench"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(b.dir)) }()
	var notes []string
	if b.programs, notes, err = build(ctx, b.dir, *programs); err != nil {
		return err
	}
	fmt.Fprintf(stdout, "%s/%s, %d CPUs, %s. Whole processes, %d runs of each in turns, in ms.\n", runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), runtime.Version(), b.runs)
	for _, note := range notes {
		fmt.Fprintln(stdout, "  "+note)
	}
	for _, c := range cases() {
		if !chosen(*only, c.name) {
			continue
		}
		fmt.Fprintf(stdout, "\n%s: %s\n", c.name, c.says)
		if err := c.measure(ctx, b); err != nil {
			return fmt.Errorf("cannot measure %s: %w", c.name, err)
		}
	}
	return nil
}

func roundTrip(ctx context.Context, b *bench) error {
	socket := filepath.Join(b.dir, "s")
	stop, err := serve(socket)
	if err != nil {
		return err
	}
	defer stop()
	return b.compare(ctx, socket)
}

// compare runs the programs against a socket and prints their times.
func (b *bench) compare(ctx context.Context, socket string) error {
	times, err := inTurns(ctx, b.programs, socket, b.runs)
	if err != nil {
		return err
	}
	return table(b.stdout, b.programs, times)
}

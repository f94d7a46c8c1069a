package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"text/tabwriter"
	"time"
)

// Goals of the commands, in milliseconds of a whole process, at the median.
const (
	statusGoal = 10
	doctorGoal = 2000
)

// everyDay measures commands that a person waits for, with the real daemon. The
// network is out of reach for doctor: Slack is configured, and nobody is there.
func everyDay(ctx context.Context, b *bench) (err error) {
	d, err := startDaemon(ctx, b, "")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.stop()) }()
	offline := filepath.Join(b.dir, "offline.toml")
	if err := os.WriteFile(offline, []byte(`[slack]
bot_token = "xoxb-1"
app_token = "xapp-1"
channel = "U01234567"
api_url = "https://slack.invalid/api/"
`), 0o600); err != nil {
		return err
	}
	if _, err := output(ctx, "go", "build", "-o", filepath.Join(b.dir, "claude-permission-hook"), "claude-permission-daemon/cmd/claude-permission-hook"); err != nil {
		return err
	}
	programs := filepath.Join(b.dir, "programs")
	if err := os.MkdirAll(programs, 0o700); err != nil {
		return err
	}
	command := func(args ...string) *exec.Cmd {
		cmd := exec.CommandContext(ctx, d.binary, append([]string{"--socket", d.socket}, args...)...)
		cmd.Env = []string{"HOME=" + filepath.Dir(d.socket), "PATH=" + programs + ":/usr/bin:/bin", "TMPDIR=" + b.dir}
		return cmd
	}
	if said, err := command("hooks", "install").CombinedOutput(); err != nil {
		return fmt.Errorf("cannot install the hooks: %w\n%s", err, said)
	}
	rows := []struct {
		says string
		args []string
		runs int
		goal int
	}{
		{"status", []string{"status"}, b.runs, statusGoal},
		{"doctor, offline", []string{"doctor", "--quick", "--config", offline}, max(5, b.runs/10), doctorGoal},
		{"doctor, offline, with a run of Claude Code", []string{"doctor", "--config", offline}, max(5, b.runs/10), doctorGoal},
	}
	if claude := os.Getenv("CPD_CLAUDE"); claude == "" {
		fmt.Fprintln(b.stdout, "  no Claude Code: CPD_CLAUDE is not set")
		rows = rows[:2]
	} else if err := os.Symlink(claude, filepath.Join(programs, "claude")); err != nil {
		return err
	}
	columns := tabwriter.NewWriter(b.stdout, 0, 0, 3, ' ', tabwriter.AlignRight)
	fmt.Fprintln(columns, "p50\tp90\tp99\tgoal, p50\t")
	for _, row := range rows {
		var times []time.Duration
		for range row.runs {
			cmd := command(row.args...)
			began := time.Now()
			// doctor may end with 1: it finds what the bench has not set up.
			if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
				return err
			}
			times = append(times, time.Since(began))
		}
		slices.Sort(times)
		fmt.Fprintf(columns, "%s\t%s\t%s\t%d\t   %s (%d runs)\n", ms(at(times, 50)), ms(at(times, 90)), ms(at(times, 99)), row.goal, row.says, row.runs)
	}
	return columns.Flush()
}

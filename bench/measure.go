package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// event is what every program gets on stdin: the request of a background
// subagent, for which Claude Code holds its dialog back, so that a daemon has
// to answer at once where the person is present.
const event = `{"session_id":"6335e2a1-7f0c-4c55-9d3f-0c8a9ad0c7f1","transcript_path":"/home/jo/.claude/projects/-home-jo-src/6335e2a1.jsonl",` +
	`"cwd":"/home/jo/src","prompt_id":"be3c77d2-55a1-4a0e-8f64-0b7d34f1a7c9","permission_mode":"default","effort":{"level":"medium"},` +
	`"agent_id":"a8a2f0","agent_type":"general-purpose","hook_event_name":"PermissionRequest","tool_name":"Bash",` +
	`"tool_input":{"command":"go test ./...","description":"Run the tests"},` +
	`"permission_suggestions":[{"type":"addRules","rules":[{"toolName":"Bash","ruleContent":"go test *"}],"behavior":"allow","destination":"localSettings"}]}` + "\n"

// warmUp is how many runs of each program come before those that count.
const warmUp = 10

// inTurns runs the programs in turns and returns their times, sorted.
func inTurns(ctx context.Context, programs []program, socket string, runs int) ([][]time.Duration, error) {
	times := make([][]time.Duration, len(programs))
	for i := range warmUp + runs {
		for j, p := range programs {
			if ctx.Err() != nil {
				return nil, context.Cause(ctx)
			}
			took, err := once(append(slices.Clone(p.argv), socket))
			if err != nil {
				return nil, fmt.Errorf("%s: %w", p.says, err)
			}
			if i >= warmUp {
				times[j] = append(times[j], took)
			}
		}
	}
	for _, of := range times {
		slices.Sort(of)
	}
	return times, nil
}

// once runs a whole process: what Claude Code waits for. It must exit with 0
// and print nothing on stdout, for every answer here hands back.
func once(argv []string) (took time.Duration, err error) {
	var files [4]*os.File // the hook's stdin, stdout and stderr, and our end of its stdout
	defer func() {
		for _, f := range files {
			_ = f.Close() // nil and closed files say so, and nobody minds
		}
	}()
	if files[0], err = filled(); err != nil {
		return 0, err
	}
	if files[3], files[1], err = os.Pipe(); err != nil {
		return 0, err
	}
	if files[2], err = os.OpenFile(os.DevNull, os.O_WRONLY, 0); err != nil {
		return 0, err
	}
	attributes := &os.ProcAttr{
		Files: files[:3],
		Env:   append(os.Environ(), "CLAUDE_PID=1", "CLAUDE_CODE_ENTRYPOINT=cli", "CLAUDE_CODE_SESSION_ATTENDED=1"),
	}
	start := time.Now()
	process, err := os.StartProcess(argv[0], argv, attributes)
	if err != nil {
		return 0, err
	}
	state, err := process.Wait()
	took = time.Since(start)
	if err != nil {
		return 0, err
	}
	_ = files[1].Close() // or its reader would wait for us
	said, err := io.ReadAll(files[3])
	if err != nil {
		return 0, err
	}
	if !state.Success() || len(said) > 0 {
		return 0, fmt.Errorf("it ends with %v and prints %q", state, said)
	}
	return took, nil
}

// filled is a pipe that holds the event and its end: what Claude Code gives.
func filled() (*os.File, error) {
	from, to, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	_, err = to.WriteString(event)
	return from, errors.Join(err, to.Close())
}

// table prints one case, and how the hook stands to its goals.
func table(to io.Writer, programs []program, times [][]time.Duration) error {
	median := map[string]time.Duration{}
	for i, p := range programs {
		median[p.name] = at(times[i], 50)
	}
	columns := tabwriter.NewWriter(to, 0, 0, 3, ' ', tabwriter.AlignRight)
	fmt.Fprintln(columns, "p50\tp90\tp99\t× floor\t")
	for i, p := range programs {
		fmt.Fprintf(columns, "%s\t%s\t%s\t%s\t   %s\n", ms(at(times[i], 50)), ms(at(times[i], 90)), ms(at(times[i], 99)), ratio(median[p.name], median[floor]), p.says)
	}
	if err := columns.Flush(); err != nil {
		return err
	}
	if median[ours] > 0 {
		fmt.Fprintf(to, "  the hook: %s × the floor (goal: at most 3), %s × as fast as Python (goal: at least 8)\n", ratio(median[ours], median[floor]), ratio(median[python], median[ours]))
	}
	return nil
}

// ratio is a/b; "?" where one was not measured.
func ratio(a, b time.Duration) string {
	if a == 0 || b == 0 {
		return "?"
	}
	return fmt.Sprintf("%.2f", float64(a)/float64(b))
}

// at is a percentile of sorted times, by nearest rank.
func at(sorted []time.Duration, percent int) time.Duration {
	return sorted[max(0, (len(sorted)*percent+99)/100-1)]
}

func ms(d time.Duration) string { return fmt.Sprintf("%.2f", float64(d.Microseconds())/1000) }

func chosen(list, name string) bool {
	return list == "" || slices.Contains(strings.Split(list, ","), name)
}

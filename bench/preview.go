package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"claude-permission-daemon/internal/mask"
	"claude-permission-daemon/internal/permit"
	"claude-permission-daemon/internal/preview"
)

// Goals of a preview with its secrets masked, in milliseconds.
const (
	commandGoal = 0.2
	writeGoal   = 50.0
)

// inProcess times what is done of a request before any channel draws it: its
// preview against the disk, secrets masked, as the daemon sets it up.
func inProcess(ctx context.Context, b *bench) error {
	const line = "\tif err := s.store.Put(ctx, key, value); err != nil { return fmt.Errorf(\"cannot store %q: %w\", key, err) }\n"
	content := strings.Repeat(line, 1<<20/len(line))
	before := filepath.Join(b.dir, "before.go")
	if err := os.WriteFile(before, []byte(strings.Repeat(strings.ToUpper(line), 1<<20/len(line))), 0o600); err != nil {
		return err
	}
	request := func(tool string, input map[string]string) (permit.Request, error) {
		raw, err := json.Marshal(input)
		return permit.Request{Tool: tool, Input: raw, Cwd: b.dir, Digest: permit.DigestOf(tool, raw)}, err
	}
	const command = `curl -sS -H "Authorization: Bearer $TOKEN" https://api.example.com/v1/items?page=2 | jq '.items[] | select(.state == "open") | .title' > open.txt && git add open.txt && git commit -m 'Note what is open'`
	rows := []struct {
		says  string
		tool  string
		input map[string]string
		goal  float64
	}{
		{fmt.Sprintf("Bash, a command of %d bytes", len(command)), "Bash", map[string]string{"command": command}, commandGoal},
		{"Write, 1 MB into a new file", "Write", map[string]string{"file_path": filepath.Join(b.dir, "new.go"), "content": content}, writeGoal},
		{"Write, 1 MB over another 1 MB, no line alike", "Write", map[string]string{"file_path": before, "content": content}, writeGoal},
	}
	previewer := preview.New(preview.Options{Files: preview.Disk{}, Home: b.dir, Mask: mask.New(mask.Options{Environ: os.Environ(),
		Values: []mask.Value{{Name: "a token of the configuration", Secret: "xoxb-0000000000-bench"}}})})
	columns := tabwriter.NewWriter(b.stdout, 0, 0, 3, ' ', tabwriter.AlignRight)
	fmt.Fprintln(columns, "p50\tp90\tp99\tgoal\t")
	for _, row := range rows {
		r, err := request(row.tool, row.input)
		if err != nil {
			return err
		}
		var times []time.Duration
		for i := range warmUp + b.runs {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			began := time.Now()
			previewer.Of(r) // without an id, it is made anew each time
			if took := time.Since(began); i >= warmUp {
				times = append(times, took)
			}
		}
		slices.Sort(times)
		fmt.Fprintf(columns, "%s\t%s\t%s\t%v\t   %s\n", ms(at(times, 50)), ms(at(times, 90)), ms(at(times, 99)), row.goal, row.says)
	}
	return columns.Flush()
}

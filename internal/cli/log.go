package cli

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"

	"claude-permission-daemon/internal/journal"
	"claude-permission-daemon/internal/paths"
	"claude-permission-daemon/internal/permit"
)

func logCommand() command {
	return command{name: "log", short: "show what was asked and decided",
		long: "It reads the journal itself, so it works while no daemon runs.",
		setup: func(flags *flag.FlagSet) func(context.Context, *call) error {
			asJSON := flags.Bool("json", false, "print the journal's lines as they are")
			last := flags.Int("n", 50, "the newest `N` records; 0: all")
			return func(_ context.Context, c *call) error {
				if err := noArgs(c); err != nil {
					return err
				}
				return c.log(*last, *asJSON)
			}
		}}
}

func (c *call) log(last int, asJSON bool) error {
	dir, err := paths.StateDir(c.Getenv)
	if err != nil {
		return err
	}
	var lines []journal.Line
	if err := journal.Read(dir, func(l journal.Line) bool { lines = append(lines, l); return true }); err != nil {
		return err
	}
	if last > 0 && len(lines) > last {
		lines = lines[len(lines)-last:]
	}
	for _, l := range lines {
		if asJSON {
			raw, err := json.Marshal(l)
			if err != nil {
				return err
			}
			fmt.Fprintf(c.Stdout, "%s\n", raw)
			continue
		}
		fmt.Fprintf(c.Stdout, "%s  %-8s  %s\n", l.At.Local().Format("2006-01-02 15:04:05"), short(l.Request), oneLine(recordText(l.Record)))
	}
	return nil
}

func short(id string) string { return id[:min(shortID, len(id))] }

// recordText is a record in a sentence.
func recordText(r permit.Record) string {
	switch r.Kind {
	case permit.RecordStarted:
		return "daemon started, version " + r.Note
	case permit.RecordStopped:
		return "daemon stopped"
	case permit.RecordOpened:
		return fmt.Sprintf("%s asked in %s", r.Opened.Tool, r.Opened.Cwd)
	case permit.RecordOffered:
		return "asked remotely"
	case permit.RecordPosted:
		return "shown on " + r.Channel
	case permit.RecordSettled:
		return "settled on " + r.Channel
	case permit.RecordEnded:
		return r.Outcome.Sentence()
	case permit.RecordStage:
		return string(r.Stage)
	case permit.RecordRefused:
		return fmt.Sprintf("answer by %s via %s refused: %s", r.By, r.Channel, r.Verdict)
	case permit.RecordPresence:
		return fmt.Sprintf("person %s, by %s", r.Presence.State, r.Presence.Source)
	}
	return string(r.Kind)
}

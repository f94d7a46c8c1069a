package cli

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"flag"
	"fmt"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"claude-permission-daemon/internal/journal"
	"claude-permission-daemon/internal/paths"
	"claude-permission-daemon/internal/permit"
)

func logCommand() command {
	return command{name: "log", args: "[verify|stats]", short: "show what was asked and decided, check that nobody changed it, or count it",
		long: `It reads the journal itself, so it works with and without a daemon. verify holds
every line against the chain of hashes and exits 1 where it is broken, naming the
place. stats counts requests by tool and outcome and tells how fast people answer.
--since takes a duration (24h, 7d) or a date (2026-11-22).`,
		setup: func(flags *flag.FlagSet) func(context.Context, *call) error {
			var q query
			flags.IntVar(&q.last, "n", 50, "the newest `N` records; 0: all")
			flags.StringVar(&q.since, "since", "", "only from this `time` on")
			flags.StringVar(&q.tool, "tool", "", "only requests of this `tool`")
			flags.StringVar(&q.outcome, "outcome", "", "only requests with this `outcome`: approved, denied, answered_in_terminal, handed_back, expired, gone")
			flags.StringVar(&q.session, "session", "", "only requests of this `session`, by the beginning of its id")
			flags.StringVar(&q.by, "by", "", "only requests that this `person` answered, by name or id")
			follow := flags.Bool("f", false, "go on with what is added")
			asJSON := flags.Bool("json", false, "print the journal's lines as they are")
			asCSV := flags.Bool("csv", false, "print a table of requests, one a line")
			return func(ctx context.Context, c *call) error {
				dir, err := paths.StateDir(c.Getenv)
				if err != nil {
					return err
				}
				if len(c.args) == 1 && c.args[0] == "verify" {
					return c.logVerify(dir)
				}
				if err := q.prepare(time.Now()); err != nil {
					return err
				}
				switch {
				case len(c.args) == 1 && c.args[0] == "stats":
					return c.logStats(dir, q)
				case len(c.args) > 0:
					return usagef("unexpected argument %q", c.args[0])
				case *asCSV && (*asJSON || *follow):
					return usagef("--csv goes with neither --json nor -f")
				case *asCSV:
					return c.logCSV(dir, q)
				}
				return c.log(ctx, dir, q, *asJSON, *follow)
			}
		}}
}

// query says which records are wanted.
type query struct {
	last                              int
	since, tool, outcome, session, by string
	from                              time.Time
}

func (q *query) prepare(now time.Time) error {
	known := []permit.OutcomeKind{"", permit.Approved, permit.Denied, permit.Local, permit.HandedBack, permit.Expired, permit.Gone}
	found := false
	for _, k := range known {
		found = found || string(k) == q.outcome
	}
	if !found {
		return usagef("%q is no outcome", q.outcome)
	}
	if q.since == "" {
		return nil
	}
	text := q.since
	if days, ok := strings.CutSuffix(text, "d"); ok {
		text = days + "h"
	}
	if d, err := time.ParseDuration(text); err == nil {
		if text != q.since {
			d *= 24
		}
		q.from = now.Add(-d)
		return nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02 15:04", "2006-01-02T15:04", "2006-01-02"} {
		if at, err := time.ParseInLocation(layout, q.since, time.Local); err == nil {
			q.from = at
			return nil
		}
	}
	return usagef("%q is neither a duration (24h, 7d) nor a date (2026-11-22)", q.since)
}

// aboutRequests reports whether the query asks for properties of requests.
func (q query) aboutRequests() bool { return q.tool+q.outcome+q.session+q.by != "" }

// asked is one request as the journal tells of it.
type asked struct {
	permit.Request
	outcome *permit.Outcome // the last one
	stage   permit.Stage
}

// wants reports whether the query is for this request.
func (q query) wants(a *asked) bool {
	switch {
	case q.tool != "" && !strings.EqualFold(a.Tool, q.tool):
		return false
	case q.session != "" && !strings.HasPrefix(a.Session, q.session):
		return false
	case q.outcome != "" && (a.outcome == nil || string(a.outcome.Kind) != q.outcome):
		return false
	}
	if q.by == "" {
		return true
	}
	return a.outcome != nil && a.outcome.Decision != nil &&
		(strings.EqualFold(a.outcome.Decision.By.Name, q.by) || a.outcome.Decision.By.ID == q.by)
}

// requests reads the journal and gathers what it says of each request, in the
// order in which they came. (One that was handed back at once was never opened.)
func requests(dir string, each func(journal.Line)) (byID map[string]*asked, order []*asked, err error) {
	byID = make(map[string]*asked)
	err = journal.Read(dir, func(l journal.Line) bool {
		if l.Opened != nil {
			a := &asked{Request: *l.Opened}
			byID[l.Request] = a
			order = append(order, a)
		}
		if a := byID[l.Request]; a != nil {
			if l.Outcome != nil {
				a.outcome = l.Outcome
			}
			if l.Stage != "" {
				a.stage = l.Stage
			}
		}
		if each != nil {
			each(l)
		}
		return true
	})
	return byID, order, err
}

// log prints the records that the query wants.
func (c *call) log(ctx context.Context, dir string, q query, asJSON, follow bool) error {
	var lines []journal.Line
	byID, _, err := requests(dir, func(l journal.Line) { lines = append(lines, l) })
	if err != nil {
		return err
	}
	wanted := lines[:0:0]
	for _, l := range lines {
		if l.At.Before(q.from) {
			continue
		}
		if a := byID[l.Request]; !q.aboutRequests() || a != nil && q.wants(a) {
			wanted = append(wanted, l)
		}
	}
	if q.last > 0 && len(wanted) > q.last {
		wanted = wanted[len(wanted)-q.last:]
	}
	for _, l := range wanted {
		if err := c.printLine(l, asJSON); err != nil {
			return err
		}
	}
	if !follow {
		return nil
	}
	var seq uint64
	if len(lines) > 0 {
		seq = lines[len(lines)-1].Seq
	}
	return c.follow(ctx, dir, q, seq, asJSON)
}

// followEvery is how often follow looks for more.
const followEvery = 300 * time.Millisecond

func (c *call) follow(ctx context.Context, dir string, q query, seq uint64, asJSON bool) error {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	ticker := time.NewTicker(followEvery)
	defer ticker.Stop()
	var seen any
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		switch state, err := journal.Changed(dir); {
		case err != nil:
			return err
		case state == seen && seen != nil:
			continue
		default:
			seen = state
		}
		var more []journal.Line
		byID, _, err := requests(dir, func(l journal.Line) {
			if l.Seq > seq {
				more = append(more, l)
			}
		})
		if err != nil {
			return err
		}
		for _, l := range more {
			seq = l.Seq
			if a := byID[l.Request]; !q.aboutRequests() || a != nil && q.wants(a) {
				if err := c.printLine(l, asJSON); err != nil {
					return err
				}
			}
		}
	}
}

func (c *call) printLine(l journal.Line, asJSON bool) error {
	if asJSON {
		raw, err := json.Marshal(l)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(c.Stdout, "%s\n", raw)
		return err
	}
	_, err := fmt.Fprintf(c.Stdout, "%s  %-8s  %s\n", l.At.Local().Format("2006-01-02 15:04:05"), l.Request[:min(shortID, len(l.Request))], oneLine(recordText(l.Record)))
	return err
}

// logCSV prints one line for each request.
func (c *call) logCSV(dir string, q query) error {
	_, order, err := requests(dir, nil)
	if err != nil {
		return err
	}
	w := csv.NewWriter(c.Stdout)
	_ = w.Write([]string{"asked", "id", "session", "project", "tool", "outcome", "by", "channel", "seconds", "stage", "message"}) // Error tells
	for _, a := range order {
		if a.Asked.Before(q.from) || !q.wants(a) {
			continue
		}
		row := []string{a.Asked.Format(time.RFC3339), a.ID, a.Session, a.Project, a.Tool, "", "", "", "", string(a.stage), ""}
		if o := a.outcome; o != nil {
			row[5] = string(o.Kind)
			row[8] = fmt.Sprintf("%.1f", o.At.Sub(a.Asked).Seconds())
			if d := o.Decision; d != nil {
				row[6], row[7], row[10] = d.By.String(), d.Channel, d.Message
			}
		}
		_ = w.Write(row)
	}
	w.Flush()
	return w.Error()
}

// recordText is a record in a sentence.
func recordText(r permit.Record) string {
	switch r.Kind {
	case permit.RecordStarted:
		return "daemon started, version " + r.Note
	case permit.RecordStopped:
		return "daemon stopped"
	case permit.RecordRepaired:
		return "journal repaired: " + r.Note
	case permit.RecordGap:
		return "journal again: " + r.Note
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

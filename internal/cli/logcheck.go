package cli

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"text/tabwriter"
	"time"

	"claude-permission-daemon/internal/journal"
)

// logVerify says whether the journal's chain is whole.
func (c *call) logVerify(dir string) error {
	report, err := journal.Verify(dir)
	if err != nil {
		return err
	}
	said := fmt.Sprintf("The journal is whole: %d lines.", report.Lines)
	if report.FirstSeq > 1 {
		said += fmt.Sprintf(" It begins with number %d: what was before has been taken away.", report.FirstSeq)
	}
	_, err = fmt.Fprintln(c.Stdout, said)
	return err
}

// logStats counts requests, and tells how fast people answer.
func (c *call) logStats(dir string, q query) error {
	_, order, err := requests(dir, nil)
	if err != nil {
		return err
	}
	counts := make(map[[2]string]int)
	var took []time.Duration
	total := 0
	for _, a := range order {
		if a.Asked.Before(q.from) || !q.wants(a) {
			continue
		}
		total++
		outcome := "open"
		if a.outcome != nil {
			outcome = string(a.outcome.Kind)
			if a.outcome.Decided() {
				took = append(took, a.outcome.At.Sub(a.Asked))
			}
		}
		counts[[2]string{a.Tool, outcome}]++
	}
	w := tabwriter.NewWriter(c.Stdout, 0, 4, 2, ' ', 0)
	fmt.Fprintf(w, "requests\t%d\n", total)
	keys := slices.SortedFunc(maps.Keys(counts), func(a, b [2]string) int {
		return cmp.Or(counts[b]-counts[a], cmp.Compare(a[0], b[0]), cmp.Compare(a[1], b[1]))
	})
	for _, k := range keys {
		fmt.Fprintf(w, "%s, %s\t%d\n", oneLine(k[0]), k[1], counts[k])
	}
	if n := len(took); n > 0 {
		slices.Sort(took)
		fmt.Fprintf(w, "answered after\t%s at the median, %s for 9 of 10, %s at most\n",
			took[n/2].Round(100*time.Millisecond), took[n*9/10].Round(100*time.Millisecond), took[n-1].Round(100*time.Millisecond))
	}
	return w.Flush()
}

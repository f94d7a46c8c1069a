package daemon

import (
	"context"

	"claude-permission-daemon/internal/broker"
	"claude-permission-daemon/internal/journal"
	"claude-permission-daemon/internal/mask"
	"claude-permission-daemon/internal/permit"
)

// recorder writes the journal away from the loop. Records that came while it
// was writing go to the disk together.
type recorder struct {
	journal *journal.Journal
	masker  *mask.Masker
	done    func(broker.Event) // Recorded, for each record that is waited for
	queue   *queue[broker.Record]
}

func newRecorder(j *journal.Journal, m *mask.Masker, done func(broker.Event)) *recorder {
	return &recorder{journal: j, masker: m, done: done, queue: newQueue[broker.Record]()}
}

// run writes until ctx ends, and then what is left.
func (r *recorder) run(ctx context.Context) {
	for {
		r.write()
		select {
		case <-r.queue.more:
		case <-ctx.Done():
			r.write()
			return
		}
	}
}

func (r *recorder) write() {
	batch := r.queue.take()
	if len(batch) == 0 {
		return
	}
	sync := false
	records := make([]permit.Record, len(batch))
	for i, b := range batch {
		records[i] = r.masked(b.Record)
		sync = sync || b.Sync
	}
	err := r.journal.Append(records, sync)
	for _, b := range batch {
		if b.Sync {
			r.done(broker.Recorded{Seq: b.Seq, Err: err})
		}
	}
}

// masked is the record without secrets. The request's digest is that of its
// true input, and the hook brings the input itself again after a restart.
func (r *recorder) masked(record permit.Record) permit.Record {
	if record.Opened != nil {
		opened := *record.Opened
		opened.Input, _ = r.masker.JSON(opened.Input)
		record.Opened = &opened
	}
	if record.Outcome != nil && record.Outcome.Decision != nil {
		outcome, decision := *record.Outcome, *record.Outcome.Decision
		decision.Message, _ = r.masker.Text(decision.Message)
		if decision.Input != nil {
			decision.Input, _ = r.masker.JSON(decision.Input)
		}
		outcome.Decision = &decision
		record.Outcome = &outcome
	}
	return record
}

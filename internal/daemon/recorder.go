package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"claude-permission-daemon/internal/broker"
	"claude-permission-daemon/internal/journal"
	"claude-permission-daemon/internal/mask"
	"claude-permission-daemon/internal/permit"
)

const (
	// retryEvery is how often a journal that cannot be written is tried again.
	retryEvery = 2 * time.Second
	// oweMost is how many records wait at most until it can be.
	oweMost = 2000
)

// recorder writes the journal away from the loop. Records that came while it
// was writing go to the disk together. It outlives a disk that is full, gone or
// read-only, from the very start: whatever must be on record first is refused
// meanwhile, what nothing waits for is written later.
type recorder struct {
	log    *slog.Logger
	masker *mask.Masker
	open   func() (journal.Opened, error)
	// found is told what a journal holds that could not be opened at the start.
	found func([]permit.Record)
	done  func(broker.Event) // Recorded, for each record that is waited for
	queue *queue[broker.Record]

	owed  []permit.Record // what nothing waits for and could not be written
	lost  int             // how many more there were
	since time.Time       // when writing began to fail; zero: it does not

	mu       sync.Mutex       // guards the fields that follow
	journal  *journal.Journal // nil: it could not be opened yet
	err      error            // why it cannot be written
	repaired string           // what was mended when it was opened
}

// start opens the journal and returns what it holds. It fails only where
// another daemon writes it; where it cannot be opened, it is tried again.
func (r *recorder) start() ([]permit.Record, error) {
	opened, err := r.open()
	if err == nil {
		r.take(opened)
		return opened.Records, nil
	}
	if _, held := errors.AsType[*journal.HeldError](err); held {
		return nil, err
	}
	r.fail(now(), fmt.Errorf("cannot write the journal: %w", err))
	return nil, nil
}

// take begins to use a journal.
func (r *recorder) take(opened journal.Opened) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.journal, r.repaired = opened.Journal, opened.Repaired
	if opened.Repaired != "" {
		r.log.Warn("journal repaired", "what", opened.Repaired)
		r.owed = append(r.owed, permit.Record{Kind: permit.RecordRepaired, At: now(), Note: opened.Repaired})
	}
}

// fail notes that, and why, nothing can be written.
func (r *recorder) fail(at time.Time, err error) {
	if r.since.IsZero() {
		r.since = at
		r.log.Error("every request is handed back until the journal can be written", "error", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.err = err
}

// state is why the journal cannot be written, empty if it can, and what was
// mended when it was opened.
func (r *recorder) state() (broken, repaired string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err != nil {
		broken = r.err.Error()
	}
	return broken, r.repaired
}

// Close closes the journal. Call it when run has returned.
func (r *recorder) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.journal == nil {
		return nil
	}
	return r.journal.Close()
}

// run writes until ctx ends, and then what is left.
func (r *recorder) run(ctx context.Context) {
	for {
		r.write()
		var again <-chan time.Time
		if !r.since.IsZero() {
			again = time.After(retryEvery)
		}
		select {
		case <-r.queue.more:
		case <-again:
		case <-ctx.Done():
			r.write()
			return
		}
	}
}

// write writes what there is, all of it or nothing.
func (r *recorder) write() {
	opening := r.ready() // before the queue is taken: see found
	batch := r.queue.take()
	if len(batch) == 0 && r.since.IsZero() && len(r.owed) == 0 {
		return
	}
	records, sync := append([]permit.Record(nil), r.owed...), !r.since.IsZero()
	if !r.since.IsZero() {
		records = append(records, r.gap())
	}
	for _, b := range batch {
		records = append(records, r.masked(b))
		sync = sync || b.Sync
	}
	err := opening
	if err == nil {
		err = r.journal.Append(records, sync)
	}
	if err != nil {
		r.fail(now(), err)
	} else {
		r.succeed()
	}
	for _, b := range batch {
		switch {
		case b.Sync:
			r.done(broker.Recorded{Seq: b.Seq, Err: err})
		case err != nil:
			r.owe(r.masked(b))
		}
	}
}

// ready makes sure that there is an open journal.
func (r *recorder) ready() error {
	if r.journal != nil {
		return nil
	}
	opened, err := r.open()
	if err != nil {
		return fmt.Errorf("cannot write the journal: %w", err)
	}
	r.take(opened)
	r.found(opened.Records)
	return nil
}

// succeed notes that everything is written.
func (r *recorder) succeed() {
	if !r.since.IsZero() {
		r.log.Info("the journal can be written again")
	}
	r.owed, r.lost, r.since = nil, 0, time.Time{}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.err = nil
}

// owe keeps a record until it can be written.
func (r *recorder) owe(record permit.Record) {
	if _, err := json.Marshal(record); err != nil || len(r.owed) >= oweMost { // one that never can be must not stop the others
		r.lost++
		return
	}
	r.owed = append(r.owed, record)
}

// gap says in the journal that it could not be written for a while.
func (r *recorder) gap() permit.Record {
	why, _ := r.state()
	note := fmt.Sprintf("%s, for %v", why, now().Sub(r.since).Round(time.Second))
	if r.lost > 0 {
		note += fmt.Sprintf("; %d records are missing", r.lost)
	}
	return permit.Record{Kind: permit.RecordGap, At: now(), Note: note}
}

// masked is the record without secrets. The request's digest is that of its
// true input, and the hook brings the input itself again after a restart.
func (r *recorder) masked(b broker.Record) permit.Record {
	record := b.Record
	if record.Opened != nil {
		opened := *record.Opened
		masker := knowing(r.masker, opened)
		var in, suggested, why []mask.Finding
		opened.Input, in = masker.JSON(opened.Input)
		opened.Suggestions, suggested = maskedAll(masker, opened.Suggestions)
		opened.Why, why = masker.Text(opened.Why)
		opened.Masked = len(in)+len(suggested)+len(why) > 0
		for _, place := range []*string{&opened.Project, &opened.Branch, &opened.Cwd} {
			*place, _ = masker.Text(*place)
		}
		record.Opened = &opened
	}
	if record.Outcome != nil && record.Outcome.Decision != nil {
		outcome, decision := *record.Outcome, *record.Outcome.Decision
		masker := knowing(knowing(r.masker, b.About), permit.Request{Input: decision.Input, Suggestions: decision.Permissions})
		said := decision.Message
		decision.Message, _ = masker.Text(said)
		decision.Masked = decision.Verb == permit.Allow && said != decision.Message
		var found []mask.Finding
		if decision.Input != nil {
			decision.Input, found = masker.JSON(decision.Input)
			decision.Masked = decision.Masked || len(found) > 0
		}
		decision.Permissions, found = maskedAll(masker, decision.Permissions)
		decision.Masked = decision.Masked || len(found) > 0
		outcome.Decision = &decision
		record.Outcome = &outcome
	}
	return record
}

func maskedAll(m *mask.Masker, raws []json.RawMessage) (out []json.RawMessage, found []mask.Finding) {
	for _, raw := range raws {
		masked, more := m.JSON(raw)
		out, found = append(out, masked), append(found, more...)
	}
	return out, found
}

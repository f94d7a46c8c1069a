package daemon

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"claude-permission-daemon/internal/broker"
	"claude-permission-daemon/internal/journal"
	"claude-permission-daemon/internal/permit"
	"claude-permission-daemon/internal/wire"
)

func (r *rig) status() wire.Status {
	r.t.Helper()
	var s wire.Status
	if err := json.Unmarshal([]byte(r.control(`{"v":1,"op":"status"}`)), &s); err != nil {
		r.t.Fatal(err)
	}
	return s
}

// waitJournal waits until the status says what hinders the journal; "": nothing.
func (r *rig) waitJournal(want string) {
	r.t.Helper()
	var s wire.Status
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if s = r.mustStatus(r.t); strings.Contains(s.Journal, want) && (want != "" || s.Journal == "") {
			return
		}
	}
	r.t.Fatalf("the journal's state is %q, want %q", s.Journal, want)
}

func (d *Daemon) mustStatus(t *testing.T) wire.Status {
	t.Helper()
	s, err := d.status()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestJournalThatCannotBeOpened: the daemon starts all the same, hands back,
// says why, and works as soon as the cause is gone.
func TestJournalThatCannotBeOpened(t *testing.T) {
	dir := t.TempDir()
	state := filepath.Join(dir, "state")
	if err := os.WriteFile(state, nil, 0o600); err != nil { // in the folder's place
		t.Fatal(err)
	}
	r := start(t, func(o *Options) { o.StateDir = state })
	r.waitJournal("cannot write the journal: ")
	r.control(`{"v":1,"op":"presence","presence":"away"}`) // holds, but cannot be kept
	c := r.dial().send(enveloped("before-it-works", ask("s", "x")))
	if got := c.line(); got != `{"accepted":true}` {
		t.Fatal(got)
	}
	if got := c.line(); !strings.HasPrefix(got, `{"action":"passthrough","reason":"Handed back to the terminal: cannot write the journal: `) {
		t.Errorf("got %s", got)
	}
	if got := r.dial().send(bareBash).line(); !strings.HasPrefix(got, `{"action":"passthrough","reason":"Handed back to the terminal: cannot write the journal: `) {
		t.Errorf("bare: got %s", got)
	}
	if err := os.Remove(state); err != nil {
		t.Fatal(err)
	}
	r.waitJournal("")
	c = r.dial().send(enveloped("when-it-works", ask("s", "x")))
	c.line()
	r.waitOpen("offered")
	r.control(`{"v":1,"op":"answer","id":"when-it-works","decision":"approve"}`)
	if got := c.line(); !strings.HasPrefix(got, `{"action":"approve"`) {
		t.Errorf("got %s", got)
	}
	r.waitRecord(func(rec permit.Record) bool {
		return rec.Kind == permit.RecordGap && strings.Contains(rec.Note, "cannot write the journal: ")
	})
	r.waitRecord(func(rec permit.Record) bool { return rec.Kind == permit.RecordStarted })
	r.waitRecord(func(rec permit.Record) bool { // what was handed back meanwhile
		return rec.Request == "before-it-works" && rec.Outcome != nil && rec.Outcome.Kind == permit.HandedBack
	})
	if _, err := journal.Verify(state); err != nil {
		t.Error(err)
	}
}

// TestJournalOpenedLate: what was open before the start goes on when the
// journal can be read, with its id.
func TestJournalOpenedLate(t *testing.T) {
	first := start(t)
	first.setPresence("away")
	first.dial().send(enveloped("from-before", ask("s", "x"))).line()
	first.waitOpen("offered")
	state := first.options.StateDir
	// What a kill -9 leaves: the journal as it is now.
	aside := filepath.Join(t.TempDir(), "state")
	if err := os.CopyFS(aside, os.DirFS(state)); err != nil {
		t.Fatal(err)
	}
	if err := first.stop(); err != nil {
		t.Fatal(err)
	}
	place := filepath.Join(t.TempDir(), "state")
	if err := os.WriteFile(place, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	again := start(t, func(o *Options) { o.StateDir = place })
	again.control(`{"v":1,"op":"presence","presence":"away"}`)
	again.waitJournal("cannot write the journal: ")
	if err := os.Remove(place); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(aside, place); err != nil {
		t.Fatal(err)
	}
	again.waitJournal("")
	again.waitOpen("offered")
	c := again.dial().send(enveloped("from-before", ask("s", "x")))
	c.line()
	again.control(`{"v":1,"op":"answer","id":"from-before","decision":"deny"}`)
	if got := c.line(); !strings.HasPrefix(got, `{"action":"deny"`) {
		t.Errorf("got %s", got)
	}
}

// TestRepairIsSaid: in the status and in the journal itself.
func TestRepairIsSaid(t *testing.T) {
	first := start(t)
	if err := first.stop(); err != nil {
		t.Fatal(err)
	}
	file, err := os.OpenFile(filepath.Join(first.options.StateDir, "journal.jsonl"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.WriteString(`{"v":1,"seq":3,"ki`); err != nil {
		t.Fatal(err)
	}
	file.Close()
	again := start(t, func(o *Options) { o.StateDir = first.options.StateDir })
	if said := strings.Join(again.status().Config, "\n"); !strings.Contains(said, "repaired at the start: cut off a torn last line of 18 bytes") {
		t.Errorf("the status says %q", said)
	}
	again.waitRecord(func(rec permit.Record) bool {
		return rec.Kind == permit.RecordRepaired && strings.Contains(rec.Note, "torn last line")
	})
	if _, err := journal.Verify(first.options.StateDir); err != nil {
		t.Error(err)
	}
}

// TestStartOnAnyTruncation: whatever a crash left of the journal, the daemon
// starts on it, and its chain goes on.
func TestStartOnAnyTruncation(t *testing.T) {
	first := start(t)
	first.setPresence("away")
	c := first.dial().send(enveloped("truncated", ask("s", "x")))
	c.line()
	first.waitOpen("offered")
	first.control(`{"v":1,"op":"answer","id":"truncated","decision":"deny"}`)
	c.line()
	c.send(`{"delivered":true}`)
	first.waitRecord(func(rec permit.Record) bool { return rec.Stage == permit.Delivered })
	if err := first.stop(); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(filepath.Join(first.options.StateDir, "journal.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	options := first.options
	options.Config.Web.Listen = "off"
	options.StateDir = t.TempDir()
	options.Socket = filepath.Join(t.TempDir(), "s")
	ended, end := context.WithCancel(t.Context())
	end()
	for n := 0; n <= len(whole); n += 1 + n%3 { // internal/journal tries them all
		if err := os.WriteFile(filepath.Join(options.StateDir, "journal.jsonl"), whole[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		d, err := New(options)
		if err != nil {
			t.Fatalf("%d bytes: %v", n, err)
		}
		for _, p := range d.loop.broker.Pending() {
			if p.Card.Request.ID != "truncated" {
				t.Errorf("%d bytes: a request %q from nowhere", n, p.Card.Request.ID)
			}
		}
		d.recorder.queue.add(broker.Record{Record: permit.Record{Kind: permit.RecordStarted, At: now()}})
		d.recorder.write()
		if _, err := journal.Verify(options.StateDir); err != nil {
			t.Fatalf("%d bytes: %v", n, err)
		}
		d.signs.Run(ended) // lets go of its watch
		if err := d.close(); err != nil {
			t.Fatal(err)
		}
	}
}

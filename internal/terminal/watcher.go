// Package terminal looks for signs that a question was answered where it was
// asked: Claude Code's session status file, and whether Claude Code still runs.
// Neither is polled.
package terminal

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/fsnotify/fsnotify"

	"claude-permission-daemon/internal/permit"
)

// settle is how long a session must have left "waiting" before its dialog
// counts as closed: with a second question queued, the file changes for a
// moment between the two.
const settle = 250 * time.Millisecond

// Watcher watches the sessions of open requests. Its methods may be called
// from any goroutine; none blocks on a file or process.
type Watcher struct {
	report func(permit.Signal)
	files  *fsnotify.Watcher // nil: this system cannot; only processes are watched

	mu       sync.Mutex
	ctx      context.Context // of Run; set once
	sessions map[int]*session
	dirs     map[string]int // status folders, by how many sessions need them
	running  sync.WaitGroup
}

// session is one Claude Code process with open requests.
type session struct {
	requests map[string]bool
	file     string
	waiting  bool // the file has said so since the first request came
	leaving  *time.Timer
	stop     context.CancelFunc
}

// New returns a watcher that reports DialogClosed and ProcessGone. report may
// be called from several goroutines and must not call back into the Watcher.
func New(report func(permit.Signal)) (*Watcher, error) {
	files, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, fmt.Errorf("cannot watch session files: %w", err)
	}
	return &Watcher{report: report, files: files,
		sessions: make(map[int]*session), dirs: make(map[string]int)}, nil
}

// Run watches until ctx ends and everything that it started has ended.
func (w *Watcher) Run(ctx context.Context) {
	w.mu.Lock()
	w.ctx = ctx
	for pid, s := range w.sessions {
		w.watchProcess(pid, s)
	}
	w.mu.Unlock()
	for {
		select {
		case event := <-w.files.Events:
			w.look(event.Name)
		case <-w.files.Errors: //nolint:errcheck // an overflow loses events; the other signs remain
		case <-ctx.Done():
			w.mu.Lock()
			for pid, s := range w.sessions {
				w.end(pid, s)
			}
			w.mu.Unlock()
			_ = w.files.Close()
			w.running.Wait()
			return
		}
	}
}

// Add begins to look for signs about the request.
func (w *Watcher) Add(r permit.Request) {
	pid := r.Client.ClaudePID
	if pid <= 0 {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.sessions[pid]
	if s == nil {
		s = &session{requests: make(map[string]bool)}
		w.sessions[pid] = s
		if filepath.IsAbs(r.Client.Sessions) {
			s.file = filepath.Join(r.Client.Sessions, strconv.Itoa(pid)+".json")
			if w.dirs[r.Client.Sessions]++; w.dirs[r.Client.Sessions] == 1 {
				_ = w.files.Add(r.Client.Sessions) // no such folder: this sign is missing
			}
			s.waiting = waiting(s.file)
		}
		w.watchProcess(pid, s)
	}
	s.requests[r.ID] = true
}

// Remove stops looking on the request's behalf.
func (w *Watcher) Remove(r permit.Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.sessions[r.Client.ClaudePID]
	if s == nil {
		return
	}
	if delete(s.requests, r.ID); len(s.requests) == 0 {
		w.end(r.Client.ClaudePID, s)
	}
}

// end is called with mu held.
func (w *Watcher) end(pid int, s *session) {
	delete(w.sessions, pid)
	if s.leaving != nil && s.leaving.Stop() {
		w.running.Done()
	}
	if s.stop != nil {
		s.stop()
	}
	if s.file == "" {
		return
	}
	dir := filepath.Dir(s.file)
	if w.dirs[dir]--; w.dirs[dir] == 0 {
		delete(w.dirs, dir)
		_ = w.files.Remove(dir) // it may be gone already
	}
}

// look reads a status file that changed.
func (w *Watcher) look(name string) {
	pid, err := strconv.Atoi(strings.TrimSuffix(filepath.Base(name), ".json"))
	if err != nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.sessions[pid]
	if s == nil || s.file != name {
		return
	}
	switch now := waiting(name); {
	case now:
		s.waiting = true
	case s.waiting && s.leaving == nil:
		w.running.Add(1)
		s.leaving = time.AfterFunc(settle, func() {
			defer w.running.Done()
			w.left(pid, s)
		})
	}
}

// left is settle after a file left "waiting".
func (w *Watcher) left(pid int, s *session) {
	w.mu.Lock()
	s.leaving = nil
	closed := w.sessions[pid] == s && exists(s.file) && !waiting(s.file)
	if closed {
		s.waiting = false
	}
	w.mu.Unlock()
	if closed {
		w.report(permit.Signal{Kind: permit.DialogClosed, ClaudePID: pid})
	}
}

// waiting reports whether a status file says that a dialog is up. One that
// cannot be read says nothing.
func waiting(file string) bool {
	content, err := os.ReadFile(file)
	if err != nil {
		return false
	}
	var status struct {
		Status string `json:"status"`
	}
	return json.Unmarshal(content, &status) == nil && status.Status == "waiting"
}

// exists: a missing status file ends nothing, since the process tells its own
// end better.
func exists(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}

// watchProcess is called with mu held; before Run it waits for Run.
func (w *Watcher) watchProcess(pid int, s *session) {
	if w.ctx == nil || w.ctx.Err() != nil {
		return
	}
	ctx, stop := context.WithCancel(w.ctx)
	s.stop = stop
	w.running.Go(func() {
		defer stop()
		if processEnds(ctx, pid) {
			w.report(permit.Signal{Kind: permit.ProcessGone, ClaudePID: pid})
		}
	})
}

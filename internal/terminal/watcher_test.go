package terminal

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"claude-permission-daemon/internal/permit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// rig is a running Watcher over a real folder and real processes.
type rig struct {
	*Watcher
	dir     string
	signals chan permit.Signal
}

func start(t *testing.T) *rig {
	t.Helper()
	r := &rig{dir: t.TempDir(), signals: make(chan permit.Signal, 10)}
	w, err := New(func(s permit.Signal) { r.signals <- s })
	if err != nil {
		t.Fatal(err)
	}
	r.Watcher = w
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); w.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
	return r
}

func (r *rig) status(t *testing.T, pid int, status string) {
	t.Helper()
	file := filepath.Join(r.dir, fmt.Sprintf("%d.json", pid))
	if err := os.WriteFile(file+".tmp", []byte(`{"status":"`+status+`"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(file+".tmp", file); err != nil {
		t.Fatal(err)
	}
}

func (r *rig) want(t *testing.T, want permit.SignalKind) {
	t.Helper()
	select {
	case s := <-r.signals:
		if s.Kind != want {
			t.Fatalf("signal %v, want %s", s, want)
		}
	case <-time.After(30 * time.Second):
		t.Fatalf("no signal, want %s", want)
	}
}

func (r *rig) wantNone(t *testing.T) {
	t.Helper()
	select {
	case s := <-r.signals:
		t.Fatalf("signal %v, want none", s)
	case <-time.After(3 * settle):
	}
}

func (r *rig) request(id string, pid int) permit.Request {
	return permit.Request{ID: id, Client: permit.Client{ClaudePID: pid, Sessions: r.dir}}
}

// sleeper is a process that can be watched and ended.
func sleeper(t *testing.T) *exec.Cmd {
	t.Helper()
	cmd := exec.Command("sleep", "60")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	return cmd
}

func TestDialogThatClosesIsReported(t *testing.T) {
	r := start(t)
	pid := sleeper(t).Process.Pid
	r.Add(r.request("a", pid))
	r.status(t, pid, "waiting")
	r.wantNone(t)
	r.status(t, pid, "busy")
	r.want(t, permit.DialogClosed)
}

func TestDialogThatWasUpBefore(t *testing.T) {
	r := start(t)
	pid := sleeper(t).Process.Pid
	r.status(t, pid, "waiting")
	r.Add(r.request("a", pid))
	r.status(t, pid, "busy")
	r.want(t, permit.DialogClosed)
}

func TestBusySessionWithoutADialogEndsNothing(t *testing.T) {
	r := start(t)
	pid := sleeper(t).Process.Pid
	r.Add(r.request("a", pid))
	r.status(t, pid, "busy")
	r.status(t, pid, "idle")
	r.wantNone(t)
}

func TestQueuedSecondDialogEndsNothing(t *testing.T) {
	r := start(t)
	pid := sleeper(t).Process.Pid
	r.status(t, pid, "waiting")
	r.Add(r.request("a", pid))
	r.Add(r.request("b", pid))
	r.status(t, pid, "busy") // between the two dialogs
	r.status(t, pid, "waiting")
	r.wantNone(t)
}

func TestMissingStatusFileEndsNothing(t *testing.T) {
	r := start(t)
	pid := sleeper(t).Process.Pid
	r.status(t, pid, "waiting")
	r.Add(r.request("a", pid))
	if err := os.Remove(filepath.Join(r.dir, fmt.Sprintf("%d.json", pid))); err != nil {
		t.Fatal(err)
	}
	r.wantNone(t)

	elsewhere := r.request("b", sleeper(t).Process.Pid)
	elsewhere.Client.Sessions = filepath.Join(r.dir, "missing")
	r.Add(elsewhere)
	r.wantNone(t)
}

func TestProcessThatEndsIsReported(t *testing.T) {
	r := start(t)
	cmd := sleeper(t)
	r.Add(r.request("a", cmd.Process.Pid))
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	r.want(t, permit.ProcessGone)
}

func TestRemovedRequestIsNoLongerWatched(t *testing.T) {
	r := start(t)
	cmd := sleeper(t)
	r.status(t, cmd.Process.Pid, "waiting")
	r.Add(r.request("a", cmd.Process.Pid))
	r.Add(r.request("b", cmd.Process.Pid))
	r.Remove(r.request("a", cmd.Process.Pid))
	r.status(t, cmd.Process.Pid, "busy")
	r.want(t, permit.DialogClosed) // b still wants to know
	r.Remove(r.request("b", cmd.Process.Pid))
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	r.wantNone(t)
}

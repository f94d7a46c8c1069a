package faults

import (
	"context"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"claude-permission-daemon/internal/socket"
)

// TestNoDescriptors: a daemon that may open no more files hands back, does not
// spin, keeps what it has, and recovers.
func TestNoDescriptors(t *testing.T) {
	h := newHouse(t)
	h.start()
	h.run("away")
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	before := h.ask("s000")
	if _, err := h.card(ctx, "s000", true); err != nil {
		t.Fatal(err)
	}
	pid := h.daemon.Process.Pid
	open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		t.Fatal(err)
	}
	few := uint64(len(open) + 5)
	var old unix.Rlimit
	if err := unix.Prlimit(pid, unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: few, Max: few}, &old); err != nil {
		t.Fatal(err)
	}
	var idle []net.Conn
	for range 60 { // say nothing, and are let go after 10 seconds
		conn, err := socket.Dial(h.sock())
		if err != nil {
			break // the queue of those who want in is full as well
		}
		idle = append(idle, conn)
	}
	begun, used := time.Now(), cpu(t, pid)
	h.wantHandedBack("s001")
	if !strings.Contains(h.log.String(), "too many open files") {
		t.Errorf("the daemon has descriptors left:\n%s", h.log)
	}
	if err := h.tap(ctx, "s000", "cpd_approve"); err != nil {
		t.Fatalf("%v\n%s", err, h.log)
	}
	if out := before.wait(t, 30*time.Second); !strings.Contains(out, `"allow"`) {
		t.Errorf("what was open got %q", out)
	}
	if took, busy := time.Since(begun), cpu(t, pid)-used; busy > took/2 && busy > time.Second {
		t.Errorf("the daemon was busy for %v of %v", busy, took)
	}
	for _, conn := range idle {
		_ = conn.Close()
	}
	h.wantApproved(ctx, "s002")
	h.wantNoLiveCards()
	h.verify()
}

// cpu is how long a process has been busy so far.
func cpu(t *testing.T, pid int) time.Duration {
	t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(stat), ") ")
	fields := strings.Fields(after)
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * time.Second / 100 // USER_HZ
}

// TestSocketRemoved: the socket's file goes while a request is open. Whoever
// comes meanwhile is handed back; the daemon makes it anew, and goes on.
func TestSocketRemoved(t *testing.T) {
	h := newHouse(t)
	h.start()
	h.run("away")
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	for i := range rounds() {
		session := fmt.Sprintf("s%03d", 2*i)
		a := h.ask(session)
		if _, err := h.card(ctx, session, true); err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(h.sock()); err != nil {
			t.Fatal(err)
		}
		meanwhile := h.ask(fmt.Sprintf("s%03d", 2*i+1)) // handed back, or served by the new one
		h.await()
		if err := h.tap(ctx, session, "cpd_approve"); err != nil {
			t.Fatal(err)
		}
		if out := a.wait(t, 30*time.Second); !strings.Contains(out, `"allow"`) {
			t.Errorf("round %d: what was open got %q", i, out)
		}
		_ = meanwhile.cmd.Process.Kill()
		if out := meanwhile.wait(t, 30*time.Second); out != "" {
			t.Errorf("round %d: nobody tapped, and it got %q", i, out)
		}
	}
	h.waitStatus("something removed the socket's file", true)
	h.wantNoLiveCards()
	h.verify()
}

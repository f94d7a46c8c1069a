package faults

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// smallDisk puts a disk of its own under the state folder.
func (h *house) smallDisk() {
	h.t.Helper()
	if err := os.MkdirAll(h.state(), 0o700); err != nil {
		h.t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", h.state(), "tmpfs", 0, "size=256k"); err != nil {
		if os.Getenv("CPD_REQUIRE_PEERS") == "1" && os.Getuid() == 0 {
			h.t.Fatalf("cannot mount a small disk: %v", err)
		}
		h.t.Skipf("cannot mount a small disk: %v", err)
	}
	h.t.Cleanup(func() { h.kill(); _ = syscall.Unmount(h.state(), 0) })
}

// readOnly makes the small disk read-only, or writable again.
func (h *house) readOnly(yes bool) {
	h.t.Helper()
	flags := uintptr(syscall.MS_REMOUNT)
	if yes {
		flags |= syscall.MS_RDONLY
	}
	if err := syscall.Mount("tmpfs", h.state(), "tmpfs", flags, "size=256k"); err != nil {
		h.t.Fatalf("cannot remount the small disk: %v", err)
	}
}

// waitStatus waits until the status has, or no longer has, a text.
func (h *house) waitStatus(text string, has bool) {
	h.t.Helper()
	said := ""
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if said = h.run("status"); strings.Contains(said, text) == has {
			return
		}
	}
	h.t.Fatalf("the status should say %q (%v):\n%s\n%s", text, has, said, h.log)
}

// wantHandedBack asks, and is handed back.
func (h *house) wantHandedBack(session string) {
	h.t.Helper()
	a := h.ask(session)
	if out := a.wait(h.t, 30*time.Second); out != "" {
		h.t.Errorf("%s was answered: %s", session, out)
	}
}

// wantApproved asks, taps, and is answered.
func (h *house) wantApproved(ctx context.Context, session string) {
	h.t.Helper()
	a := h.ask(session)
	if err := h.tap(ctx, session, "cpd_approve"); err != nil {
		h.t.Fatalf("%s: %v\n%s", session, err, h.log)
	}
	if out := a.wait(h.t, 30*time.Second); !strings.Contains(out, `"allow"`) {
		h.t.Errorf("%s: the hook printed %q and said %s", session, out, &a.stderr)
	}
}

const cannotWrite = "cannot write the journal: "

// TestReadOnlyDisk: a disk that becomes read-only while the daemon runs, and one
// that is when it starts. It hands back, says why, and works again by itself.
func TestReadOnlyDisk(t *testing.T) {
	h := newHouse(t)
	h.smallDisk()
	h.start()
	h.run("away")
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	before := h.ask("s000")
	if _, err := h.card(ctx, "s000", true); err != nil {
		t.Fatal(err)
	}
	// The kernel refuses to take a disk away from who has a file open for writing.
	// A full one makes the daemon let go of it.
	filler := filepath.Join(h.state(), "filler")
	fill(t, filler)
	h.provoke()
	h.waitStatus(cannotWrite+"no space left on device", true)
	h.readOnly(true)
	h.waitStatus(cannotWrite+"read-only file system", true)
	if err := h.tap(ctx, "s000", "cpd_approve"); err != nil {
		t.Fatal(err)
	}
	if out := before.wait(t, 30*time.Second); out != "" {
		t.Errorf("approved unrecorded: %s", out)
	}
	h.wantHandedBack("s001")
	h.readOnly(false)
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	h.waitStatus(cannotWrite, false)
	h.wantApproved(ctx, "s002")

	h.kill()
	h.readOnly(true)
	h.start()
	h.waitStatus("read-only file system", true)
	h.wantHandedBack("s003")
	h.readOnly(false)
	h.waitStatus(cannotWrite, false)
	h.wantApproved(ctx, "s004")
	h.wantNoLiveCards()
	h.verify()
	if said := h.run("log", "-n", "0"); !strings.Contains(said, "journal again: cannot write the journal") {
		t.Errorf("the log does not tell of the gap:\n%s", said)
	}
}

// provoke has something put on record.
func (h *house) provoke() {
	h.t.Helper()
	for range 100 { // the last page of the journal's file may have room still
		h.say(`{"v":1,"op":"answer","id":"no-such-request","decision":"approve"}`)
	}
}

// TestFullDiskAtTheStart: a daemon's very first start on a full disk.
func TestFullDiskAtTheStart(t *testing.T) {
	h := newHouse(t)
	h.smallDisk()
	h.config("") // with the page too, whose link it wants to keep
	filler := filepath.Join(h.state(), "filler")
	fill(t, filler)
	h.start()
	h.waitStatus(cannotWrite, true)
	h.wantHandedBack("s000")
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	h.waitStatus(cannotWrite, false)
	h.run("away")
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	h.wantApproved(ctx, "s001")
	h.verify()
}

// TestForbiddenFolder: a state folder that the daemon's user may not write to.
func TestForbiddenFolder(t *testing.T) {
	h := newHouse(t)
	if err := os.MkdirAll(h.state(), 0o700); err != nil {
		t.Fatal(err)
	}
	if os.Getuid() == 0 { // who may do everything: be somebody else
		const nobody = 65534
		h.as = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		if err := filepath.WalkDir(h.dir, func(path string, _ os.DirEntry, err error) error {
			if err != nil {
				return err
			}
			return os.Chown(path, nobody, nobody)
		}); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(binaries, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(h.state(), 0o500); err != nil {
		t.Fatal(err)
	}
	h.start()
	h.waitStatus("permission denied", true)
	h.wantHandedBack("s000")
	if err := os.Chmod(h.state(), 0o700); err != nil {
		t.Fatal(err)
	}
	h.waitStatus(cannotWrite, false)
	h.run("away")
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	h.wantApproved(ctx, "s001")
	h.verify()
}

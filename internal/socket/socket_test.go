package socket

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// short is a folder for a socket: its path must be short.
func short(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "cpd")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func listening(t *testing.T, path string) *Listener {
	t.Helper()
	l, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

func TestPrivate(t *testing.T) {
	path := filepath.Join(short(t), "new", "s")
	listening(t, path)
	for name, want := range map[string]os.FileMode{path: os.ModeSocket | 0o600, filepath.Dir(path): os.ModeDir | 0o700, path + ".lock": 0o600} {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode() != want {
			t.Errorf("%s has mode %v, want %v", name, info.Mode(), want)
		}
	}
	left, err := filepath.Glob(filepath.Join(filepath.Dir(path), ".cp-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestPeerIsKnown(t *testing.T) {
	path := filepath.Join(short(t), "s")
	l := listening(t, path)
	got := make(chan Peer, 1)
	go func() {
		conn, peer, err := l.AcceptOwn()
		if err == nil {
			_ = conn.Close()
		}
		got <- peer
	}()
	conn, err := Dial(path)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if peer := <-got; peer.UID != os.Getuid() || peer.PID != os.Getpid() {
		t.Errorf("peer %+v", peer)
	}
}

func TestHeld(t *testing.T) {
	path := filepath.Join(short(t), "s")
	listening(t, path)
	_, err := Listen(path)
	held, ok := errors.AsType[*HeldError](err)
	if !ok || held.PID != os.Getpid() || !strings.Contains(err.Error(), path) {
		t.Errorf("a second one: %v", err)
	}
	if conn, err := Dial(path); err != nil {
		t.Errorf("the first one no longer answers: %v", err)
	} else {
		_ = conn.Close()
	}
}

// A daemon that takes no lock, as the Python one, is not replaced either.
func TestHeldWithoutALock(t *testing.T) {
	path := filepath.Join(short(t), "s")
	other, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	_, err = Listen(path)
	if held, ok := errors.AsType[*HeldError](err); !ok || held.PID != os.Getpid() {
		t.Errorf("error %v", err)
	}
}

func TestStaleSocketIsReplaced(t *testing.T) {
	path := filepath.Join(short(t), "s")
	dead, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	dead.SetUnlinkOnClose(false)
	_ = dead.Close()
	listening(t, path)
	conn, err := Dial(path)
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
}

func TestRefusals(t *testing.T) {
	t.Run("not a socket", func(t *testing.T) {
		path := filepath.Join(short(t), "s")
		if err := os.WriteFile(path, []byte("precious"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Listen(path); err == nil || !strings.Contains(err.Error(), "is not a socket") {
			t.Errorf("error %v", err)
		}
		if text, err := os.ReadFile(path); err != nil || string(text) != "precious" {
			t.Errorf("the file is now %q, %v", text, err)
		}
	})
	t.Run("a folder in which anybody writes", func(t *testing.T) {
		dir := short(t)
		if err := os.Chmod(dir, 0o777); err != nil {
			t.Fatal(err)
		}
		if _, err := Listen(filepath.Join(dir, "s")); err == nil || !strings.Contains(err.Error(), "other users may write there") {
			t.Errorf("error %v", err)
		}
	})
	t.Run("another user's folder", func(t *testing.T) {
		dir := short(t)
		if err := os.Chown(dir, 65534, 65534); err != nil {
			t.Skip("needs root")
		}
		if _, err := Listen(filepath.Join(dir, "s")); err == nil || !strings.Contains(err.Error(), "belongs to another user") {
			t.Errorf("error %v", err)
		}
	})
	t.Run("too long a path", func(t *testing.T) {
		if _, err := Listen(filepath.Join(short(t), strings.Repeat("x", 200), "s")); err == nil {
			t.Error("no error")
		}
	})
}

func TestCloseRemoves(t *testing.T) {
	path := filepath.Join(short(t), "s")
	l := listening(t, path)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket is still there: %v", err)
	}
	listening(t, path) // and the lock is free
}

func TestAcceptEndsWithTheListener(t *testing.T) {
	l := listening(t, filepath.Join(short(t), "s"))
	done := make(chan error, 1)
	go func() { _, _, err := l.AcceptOwn(); done <- err }()
	_ = l.UnixListener.Close()
	select {
	case err := <-done:
		if !errors.Is(err, net.ErrClosed) {
			t.Errorf("error %v", err)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("it still waits")
	}
	if err := l.Close(); err != nil {
		t.Errorf("closing again: %v", err)
	}
}

// TestLost: the loss of the file is noticed, whatever way it goes, and it can be
// made anew. Connecting is no sign of it.
func TestLost(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("this system does not tell of a socket's file")
	}
	ways := map[string]func(path string) error{
		"removed": os.Remove,
		"moved":   func(path string) error { return os.Rename(path, path+".old") },
		"replaced": func(path string) error {
			return errors.Join(os.WriteFile(path+".new", nil, 0o600), os.Rename(path+".new", path))
		},
	}
	for name, lose := range ways {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(short(t), "s")
			l, err := Listen(path)
			if err != nil {
				t.Fatal(err)
			}
			lost := make(chan error, 1)
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			go func() { lost <- l.Lost(ctx) }()
			for range 3 {
				conn, err := Dial(path)
				if err != nil {
					t.Fatal(err)
				}
				conn.Close()
			}
			select {
			case err := <-lost:
				t.Fatalf("lost, though it is there: %v", err)
			case <-time.After(50 * time.Millisecond):
			}
			if err := lose(path); err != nil {
				t.Fatal(err)
			}
			if err := <-lost; err != nil {
				t.Fatal(err)
			}
			if name == "replaced" { // by what is no socket, which is not ours to remove
				if err := l.Renew(); err == nil {
					t.Error("a file that is no socket was replaced")
				}
				if err := l.Close(); err != nil {
					t.Error(err)
				}
				if _, err := os.Lstat(path); err != nil {
					t.Errorf("the end of the daemon removes what is not its: %v", err)
				}
				return
			}
			if err := l.Renew(); err != nil {
				t.Fatal(err)
			}
			conn, err := Dial(path)
			if err != nil {
				t.Fatal(err)
			}
			conn.Close()
			if info, err := os.Lstat(path); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("mode %v, %v", info.Mode(), err)
			}
			if err := l.Close(); err != nil {
				t.Error(err)
			}
			if _, err := os.Lstat(path); err == nil {
				t.Error("the socket is still there")
			}
		})
	}
}

// TestLostEnds: whoever waits for the loss can stop waiting.
func TestLostEnds(t *testing.T) {
	l, err := Listen(filepath.Join(short(t), "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := l.Lost(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("it ends with %v", err)
	}
}

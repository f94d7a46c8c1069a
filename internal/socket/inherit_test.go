//go:build unix

package socket

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestMain also is the process to which sockets are handed over: it takes the one
// at $TAKE, answers one connection, closes, and says how that went.
func TestMain(m *testing.M) {
	path := os.Getenv("TAKE")
	if path == "" {
		os.Exit(m.Run())
	}
	if os.Getenv("LISTEN_PID") == "own" {
		_ = os.Setenv("LISTEN_PID", strconv.Itoa(os.Getpid()))
	}
	l, err := Take(path, os.Getenv)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println("lent", l.lent)
	conn, peer, err := l.AcceptOwn()
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	_, _ = fmt.Fprintf(conn, "hello %d", peer.PID)
	_ = conn.Close()
	if err := l.Close(); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	os.Exit(0)
}

// taker starts that process with files from file descriptor 3 on.
func taker(t *testing.T, path string, files []*os.File, env ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), append([]string{"TAKE=" + path, "LISTEN_PID=own", "LISTEN_FDS=" + strconv.Itoa(len(files))}, env...)...)
	cmd.ExtraFiles = files
	return cmd
}

// held is a listening socket that outlives its takers.
func held(t *testing.T, network, path string) *os.File {
	t.Helper()
	var file *os.File
	var err error
	switch network {
	case "unix":
		var l *net.UnixListener
		if l, err = net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"}); err == nil {
			l.SetUnlinkOnClose(false)
			file, err = l.File()
			_ = l.Close()
		}
	case "tcp":
		var l net.Listener
		if l, err = net.Listen("tcp", "127.0.0.1:0"); err == nil {
			file, err = l.(*net.TCPListener).File()
			_ = l.Close()
		}
	case "datagrams":
		var c *net.UnixConn
		if c, err = net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"}); err == nil {
			file, err = c.File()
			_ = c.Close()
		}
	case "connected":
		var l net.Listener
		var c net.Conn
		if l, err = net.Listen("unix", path); err == nil {
			if c, err = net.Dial("unix", path); err == nil {
				file, err = c.(*net.UnixConn).File()
				_ = c.Close()
			}
			_ = l.Close()
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = file.Close() })
	return file
}

// Whoever connects before there is a daemon waits, and the socket stays after it.
func TestTakenSocketOutlivesItsTakers(t *testing.T) {
	path := filepath.Join(short(t), "s")
	files := []*os.File{held(t, "unix", path)}
	for range 3 {
		conn, err := Dial(path)
		if err != nil {
			t.Fatal(err)
		}
		out, err := taker(t, path, files, "LISTEN_FDNAMES=claude-permission-daemon.socket").Output()
		if err != nil || string(out) != "lent true\n" {
			t.Fatalf("the taker says %s, %v", out, err)
		}
		answer := make([]byte, 100)
		n, err := conn.Read(answer)
		if want := fmt.Sprintf("hello %d", os.Getpid()); err != nil || string(answer[:n]) != want {
			t.Errorf("the answer is %q, %v; want %q", answer[:n], err, want)
		}
		_ = conn.Close()
		if _, err := os.Lstat(path); err != nil {
			t.Errorf("the socket: %v", err)
		}
	}
}

func TestTakeAmongSeveral(t *testing.T) {
	path := filepath.Join(short(t), "s")
	files := []*os.File{held(t, "unix", path+"2"), held(t, "unix", path)}
	conn, err := Dial(path)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if out, err := taker(t, path, files, "LISTEN_FDNAMES=other:claude-permission-daemon.socket").Output(); err != nil {
		t.Errorf("the taker says %s, %v", out, err)
	}
}

func TestTakeRefusals(t *testing.T) {
	for _, test := range []struct {
		name, want string
		files      func(t *testing.T, path string) []*os.File
		env        []string
	}{
		{name: "another address", want: "hooks connect to", files: func(t *testing.T, path string) []*os.File {
			return []*os.File{held(t, "unix", path+"2")}
		}},
		{name: "a TCP socket", want: "no unix socket", files: func(t *testing.T, _ string) []*os.File {
			return []*os.File{held(t, "tcp", "")}
		}},
		{name: "datagrams", want: "no stream socket", files: func(t *testing.T, path string) []*os.File {
			return []*os.File{held(t, "datagrams", path)}
		}},
		{name: "a connection", want: "does not listen", files: func(t *testing.T, path string) []*os.File {
			return []*os.File{held(t, "connected", path)}
		}},
		{name: "several without names", want: "which of the 2 sockets", files: func(t *testing.T, path string) []*os.File {
			return []*os.File{held(t, "unix", path), held(t, "unix", path+"2")}
		}},
		{name: "no number", want: "LISTEN_FDS", env: []string{"LISTEN_FDS=x"}},
		{name: "fewer than it says", want: "no stream socket", env: []string{"LISTEN_FDS=1"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(short(t), "s")
			var files []*os.File
			if test.files != nil {
				files = test.files(t, path)
			}
			if out, err := taker(t, path, files, test.env...).Output(); err == nil || !strings.Contains(string(out), test.want) {
				t.Errorf("the taker says %s, %v; want %q", out, err, test.want)
			}
		})
	}
}

// What is handed over to another process, or to none, is not ours.
func TestTakeWithoutOne(t *testing.T) {
	for _, env := range [][]string{{"LISTEN_PID=", "LISTEN_FDS="}, {"LISTEN_PID=1", "LISTEN_FDS=1"}, {"LISTEN_FDS=0"}} {
		path := filepath.Join(short(t), "s")
		cmd := taker(t, path, nil, env...)
		var out strings.Builder
		cmd.Stdout = &out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		eventually(t, func() bool {
			conn, err := Dial(path)
			if err == nil {
				_ = conn.Close()
			}
			return err == nil
		})
		if err := cmd.Wait(); err != nil || out.String() != "lent false\n" {
			t.Errorf("%v: the taker says %s, %v", env, &out, err)
		}
		if _, err := os.Lstat(path); err == nil {
			t.Errorf("%v: the socket is still there", env)
		}
	}
}

// Where somebody removed the file, nobody can come that way: it makes its own.
func TestTakenSocketLostItsFile(t *testing.T) {
	path := filepath.Join(short(t), "s")
	files := []*os.File{held(t, "unix", path)}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	cmd := taker(t, path, files)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool {
		conn, err := Dial(path)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	})
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}

// eventually waits for what must come.
func eventually(t *testing.T, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !is(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it does not come")
		}
	}
}

// The lock holds here, too.
func TestTakeWhereAnotherDaemonIs(t *testing.T) {
	path := filepath.Join(short(t), "s")
	listening(t, path)
	other := held(t, "unix", path+"2")
	if out, err := taker(t, path, []*os.File{other}).Output(); err == nil || !strings.Contains(string(out), fmt.Sprintf("the daemon with pid %d", os.Getpid())) {
		t.Errorf("the taker says %s, %v", out, err)
	}
}

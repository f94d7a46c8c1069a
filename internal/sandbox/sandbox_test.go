//go:build linux

package sandbox

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// TestMain also is the process in the sandbox: it tries what is allowed and what
// is not, on many threads, and prints what went otherwise than it should.
func TestMain(m *testing.M) {
	if dir := os.Getenv("SANDBOXED"); dir != "" {
		os.Exit(inside(dir))
	}
	os.Exit(m.Run())
}

func inside(dir string) int {
	open, err := os.OpenFile(filepath.Join(dir, "outside", "open"), os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	entered, err := Enter(Rules{Folders: []string{filepath.Join(dir, "state"), filepath.Join(dir, "none")}, SocketFolders: []string{filepath.Join(dir, "run")}})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	if !entered {
		return 77
	}
	at := func(parts ...string) string { return filepath.Join(append([]string{dir}, parts...)...) }
	file := func(path string) func() error {
		return func() error { return os.WriteFile(path, []byte("x"), 0o600) }
	}
	tries := []struct {
		name    string
		do      func() error
		allowed bool
	}{
		{"write in the state folder", file(at("state", "a")), true},
		{"make a folder there", func() error { return os.MkdirAll(at("state", "b", "c"), 0o700) }, true},
		{"move in there", func() error { return os.Rename(at("state", "a"), at("state", "b", "a")) }, true},
		{"make a socket", func() error {
			if err := os.Mkdir(at("run", "t"), 0o700); err != nil {
				return err
			}
			l, err := net.ListenUnix("unix", &net.UnixAddr{Name: at("run", "t", "s"), Net: "unix"})
			if err != nil {
				return err
			}
			l.SetUnlinkOnClose(false)
			return errors.Join(os.Rename(at("run", "t", "s"), at("run", "s")), os.Remove(at("run", "t")), l.Close(), os.Remove(at("run", "s")))
		}, true},
		{"write to what was open", func() error { _, err := open.WriteString("x"); return err }, true},
		{"write to /dev/null", func() error { return os.WriteFile("/dev/null", []byte("x"), 0) }, true},
		{"read outside", func() error { _, err := os.ReadFile(at("outside", "read")); return err }, true},
		{"start a program", func() error { return exec.Command("true").Run() }, true},
		{"connect", func() error {
			conn, err := net.Dial("unix", at("peer"))
			if err == nil {
				err = conn.Close()
			}
			return err
		}, true},
		{"make a file outside", file(at("outside", "new")), false},
		{"overwrite one", file(at("outside", "read")), false},
		{"make it empty", func() error { return os.Truncate(at("outside", "read"), 0) }, false},
		{"remove one", func() error { return os.Remove(at("outside", "read")) }, false},
		{"make a folder outside", func() error { return os.Mkdir(at("outside", "d"), 0o700) }, false},
		{"make a link outside", func() error { return os.Symlink("/", at("outside", "l")) }, false},
		{"move out of the state folder", func() error { return os.Rename(at("state", "b", "a"), at("outside", "a")) }, false},
		{"make a file beside the socket", file(at("run", "unit")), false},
		{"have a child write", func() error { return exec.Command("sh", "-c", `echo x > "$0"`, at("outside", "child")).Run() }, false},
	}
	wrong := 0
	for _, try := range tries {
		if err := try.do(); (err == nil) != try.allowed {
			fmt.Printf("%s: %v\n", try.name, err)
			wrong = 1
		}
	}
	// Every thread there is, not only the one that entered.
	var all sync.WaitGroup
	var mu sync.Mutex
	for i := range 20 {
		all.Go(func() {
			runtime.LockOSThread() // and never unlocked: each has a thread of its own
			if err := file(at("outside", fmt.Sprint(i)))(); !errors.Is(err, syscall.EACCES) {
				mu.Lock()
				defer mu.Unlock()
				fmt.Printf("a thread writes outside: %v\n", err)
				wrong = 1
			}
		})
	}
	all.Wait()
	return wrong
}

func TestSandbox(t *testing.T) {
	dir, err := os.MkdirTemp("", "cpd") // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	for _, sub := range []string{"state", "run", "outside"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "outside", "read"), []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	peer, err := net.Listen("unix", filepath.Join(dir, "peer"))
	if err != nil {
		t.Fatal(err)
	}
	defer peer.Close()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), "SANDBOXED="+dir)
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState.ExitCode() == 77 {
		if os.Getenv("CPD_REQUIRE_PEERS") == "1" {
			t.Fatal("this kernel has no Landlock")
		}
		t.Skip("this kernel has no Landlock")
	}
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	entries, err := os.ReadDir(filepath.Join(dir, "outside"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if got := strings.Join(names, " "); got != "open read" {
		t.Errorf("outside there are now %s", got)
	}
	if text, err := os.ReadFile(filepath.Join(dir, "outside", "read")); err != nil || string(text) != "text" {
		t.Errorf("the file outside is %q, %v", text, err)
	}
}

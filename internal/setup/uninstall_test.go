package setup

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// gone is a Removable that has nothing, or fails.
type gone struct{ err error }

func (g gone) Remove(context.Context) (removed, left []string, err error) { return nil, nil, g.err }

func uninstalling(t *testing.T, dir string, kept Kept, in string) (Uninstalling, *bytes.Buffer) {
	t.Helper()
	out := &bytes.Buffer{}
	return Uninstalling{In: strings.NewReader(in), Out: out, ConfigFile: filepath.Join(dir, "c", "config.toml"), StateDir: filepath.Join(dir, "s"),
		Socket: filepath.Join(dir, "sock"), Kept: &kept, Programs: []string{"/usr/bin/claude-permission-daemon"}, Hooks: gone{}, Service: gone{}}, out
}

func fill(t *testing.T, dir string) {
	t.Helper()
	for name, text := range map[string]string{
		"c/config.toml": "[slack]\n", "c/slack-bot-token": "xoxb-1\n", "c/.config.toml.123": "half", "c/mine.txt": "not ours",
		"s/journal.jsonl": "{}\n", "s/journal-000000000001.jsonl": "{}\n", "s/journal.jsonl.lock": "", "s/machine-id": "m\n", "s/web-token": "t\n", "sock.lock": "1\n",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestUninstallKeeps: what goes and what stays, by flags and by answers.
func TestUninstallKeeps(t *testing.T) {
	config := []string{"c/.config.toml.123", "c/config.toml", "c/slack-bot-token"}
	journal := []string{"s/journal-000000000001.jsonl", "s/journal.jsonl"}
	for _, test := range []struct {
		name string
		kept Kept
		in   string
		left [][]string
	}{
		{"--yes", Kept{Yes: true}, "", [][]string{config, journal}},
		{"--purge", Kept{Yes: true, Purge: true}, "", nil},
		{"--purge --keep-config", Kept{Yes: true, Purge: true, Config: true}, "", [][]string{config}},
		{"--purge --keep-journal", Kept{Yes: true, Purge: true, Journal: true}, "", [][]string{journal}},
		{"yes and no", Kept{}, "yes\nno\nyes\n", [][]string{config}},
		{"no and yes", Kept{}, "n\ny\n\n", [][]string{journal}},
		{"Enter", Kept{}, "\n\n\n", [][]string{config, journal}},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			fill(t, dir)
			o, out := uninstalling(t, dir, test.kept, test.in)
			if err := Uninstall(t.Context(), o); err != nil {
				t.Fatal(err, out)
			}
			want := map[string]bool{"c/mine.txt": true}
			for _, list := range test.left {
				for _, name := range list {
					want[name] = true
					if !strings.Contains(out.String(), filepath.Join(dir, name)+" (") {
						t.Errorf("it does not say that %s is left:\n%s", name, out)
					}
				}
			}
			got := map[string]bool{}
			for path, text := range tree(t, dir) {
				if rel, err := filepath.Rel(dir, path); err == nil && strings.HasPrefix(text, "-") {
					got[rel] = true
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestUninstallGoesOn: what cannot be removed does not keep the rest, and is an
// error all the same.
func TestUninstallGoesOn(t *testing.T) {
	dir := t.TempDir()
	fill(t, dir)
	o, out := uninstalling(t, dir, Kept{Yes: true, Purge: true}, "")
	broken := errors.New("cannot edit the settings")
	o.Hooks = gone{broken}
	if err := Uninstall(t.Context(), o); !errors.Is(err, broken) {
		t.Errorf("it says %v\n%s", err, out)
	}
	if _, err := os.Stat(o.StateDir); err == nil {
		t.Error("the state is there still")
	}
	// Nothing is done where nothing is wanted.
	fill(t, dir)
	before := tree(t, dir)
	o, out = uninstalling(t, dir, Kept{}, "n\nn\nn\n")
	if err := Uninstall(t.Context(), o); err == nil || !strings.Contains(err.Error(), "nothing was changed") {
		t.Errorf("it says %v\n%s", err, out)
	}
	if diff := cmp.Diff(before, tree(t, dir)); diff != "" {
		t.Error(diff)
	}
}

// TestUninstallEndsNobodyElse: a socket that a service manager has made is not
// the daemon's, and neither of them is ended; nor is a program that is none of
// ours. What they use stays.
func TestUninstallEndsNobodyElse(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the kernel says who made a socket only on Linux")
	}
	bystander := exec.Command("cat")
	to, err := bystander.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	from, err := bystander.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := bystander.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = bystander.Process.Kill(); _ = bystander.Wait() }()
	for name, answer := range map[string]string{
		"a service manager's": fmt.Sprintf(`{"pid":%d}`, bystander.Process.Pid), // this process made the socket
		"another program":     `{"error":"what?"}`,
		"ourselves":           fmt.Sprintf(`{"pid":%d}`, os.Getpid()),
	} {
		t.Run(name, func(t *testing.T) {
			dir, err := os.MkdirTemp("", "cpd") // a socket's path must be short
			if err != nil {
				t.Fatal(err)
			}
			defer os.RemoveAll(dir)
			fill(t, dir)
			o, out := uninstalling(t, dir, Kept{Yes: true, Purge: true}, "")
			l, err := net.Listen("unix", o.Socket)
			if err != nil {
				t.Fatal(err)
			}
			served := make(chan struct{})
			go func() {
				defer close(served)
				for {
					conn, err := l.Accept()
					if err != nil {
						return
					}
					_, _ = conn.Read(make([]byte, 4096))
					_, _ = fmt.Fprintln(conn, answer)
					_ = conn.Close()
				}
			}()
			err = Uninstall(t.Context(), o)
			if err == nil || !strings.Contains(err.Error(), "cannot end what listens on") {
				t.Errorf("it says %v\n%s", err, out)
			}
			if _, err := os.Stat(filepath.Join(dir, "s", "machine-id")); err != nil {
				t.Error("the state was taken away from under it")
			}
			_, _ = to.Write([]byte("x"))
			if n, err := from.Read(make([]byte, 1)); n != 1 || err != nil {
				t.Errorf("a bystander was ended: %v", err)
			}
			_ = l.Close()
			<-served
		})
	}
}

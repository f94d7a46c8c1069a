package desktop

import (
	"bufio"
	"context"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestCommand(t *testing.T) {
	note := Note{"-t Approved", "Bash in <b>src</b> & more"}
	if diff := cmp.Diff([]string{"notify-send", "--app-name=claude-permission-daemon", "--", "-t Approved", "Bash in &lt;b&gt;src&lt;/b&gt; &amp; more"}, command("linux", note)); diff != "" {
		t.Error(diff)
	}
	mac := command("darwin", note)
	if mac[0] != "osascript" || mac[len(mac)-1] != note.Body || mac[len(mac)-3] != "--" || strings.Contains(strings.Join(mac[:len(mac)-2], " "), "Approved") {
		t.Errorf("%q", mac)
	}
}

// TestTellNeverWaits: where nobody shows them, notes are dropped.
func TestTellNeverWaits(t *testing.T) {
	n := New(slog.New(slog.DiscardHandler))
	for range 10 * most {
		n.Tell(Note{Title: "x"})
	}
	if len(n.notes) != most {
		t.Errorf("%d wait", len(n.notes))
	}
}

// TestShown: the real notify-send brings it to a desktop's notification server,
// on a session bus of the test's own.
func TestShown(t *testing.T) {
	miss := t.Skipf
	if os.Getenv("CPD_REQUIRE_PEERS") == "1" {
		miss = t.Fatalf
	}
	const python = "/usr/bin/python3"
	for _, name := range []string{"dbus-run-session", "notify-send", python} {
		if _, err := exec.LookPath(name); err != nil {
			miss("%s is not installed: %v", name, err)
		}
	}
	if err := exec.Command(python, "-c", "import dbusmock").Run(); err != nil {
		miss("no dbusmock: %v", err)
	}
	// The bus says its address and lives until its stdin ends; the server logs
	// each call.
	cmd := exec.Command("dbus-run-session", "--", "/bin/sh", "-c", `echo "$DBUS_SESSION_BUS_ADDRESS"
`+python+` -u -m dbusmock --session -t notification_daemon & server=$!
read end; kill $server; wait $server`)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := make(chan string, 100)
	var reading sync.WaitGroup
	reading.Go(func() {
		defer close(lines)
		for scan := bufio.NewScanner(stdout); scan.Scan(); {
			lines <- scan.Text()
		}
	})
	t.Cleanup(func() { _ = stdin.Close(); reading.Wait(); _ = cmd.Wait() })
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", <-lines)

	n := New(slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { n.Run(ctx) })
	defer running.Wait()
	defer cancel()
	late := time.After(30 * time.Second)
	again := time.NewTicker(500 * time.Millisecond) // until the server is there
	defer again.Stop()
	n.Tell(Note{"Approved by Alice", "Bash in src"})
	for {
		select {
		case line, ok := <-lines:
			if !ok {
				t.Fatal("the bus ended")
			}
			if strings.Contains(line, " Notify ") {
				if !strings.Contains(line, `"Approved by Alice"`) || !strings.Contains(line, `"Bash in src"`) {
					t.Errorf("the server got %s", line)
				}
				return
			}
		case <-again.C:
			n.Tell(Note{"Approved by Alice", "Bash in src"})
		case <-late:
			t.Fatal("no note came")
		}
	}
}

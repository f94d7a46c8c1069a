package macos

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"claude-permission-daemon/internal/presence"
	"claude-permission-daemon/internal/presence/presencetest"
)

func TestParse(t *testing.T) {
	const head = "+-o IOHIDSystem  <class IOHIDSystem, id 0x100000344>\n    {\n      \"IOClass\" = \"IOHIDSystem\"\n"
	tests := []struct {
		name, out string
		want      time.Duration
		err       string
	}{
		{"usual", head + "      \"HIDIdleTime\" = 1234567890\n      \"HIDParameters\" = {\"HIDIdleTimeX\"=1}\n", 1234567890, ""},
		{"just now", "\"HIDIdleTime\" = 0\n", 0, ""},
		{"hexadecimal", "\"HIDIdleTime\" = 0x3b9aca00\n", time.Second, ""},
		{"several", "\"HIDIdleTime\" = 5000\n\"HIDIdleTime\" = 3000\n\"HIDIdleTime\" = 4000\n", 3000, ""},
		{"none", head, 0, "no idle time"},
		{"empty", "", 0, "no idle time"},
		{"not a number", "\"HIDIdleTime\" = <0102>\n", 0, "cannot read"},
		{"negative", "\"HIDIdleTime\" = -1\n", 0, "cannot read"},
		{"too large", "\"HIDIdleTime\" = 99999999999999999999\n", 0, "cannot read"},
	}
	for _, test := range tests {
		got, err := parse([]byte(test.out))
		if got != test.want || (err == nil) != (test.err == "") || err != nil && !strings.Contains(err.Error(), test.err) {
			t.Errorf("%s: %v, %v; want %v, %q", test.name, got, err, test.want, test.err)
		}
	}
}

// A shell script stands in for ioreg: it prints a file.
func TestRun(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("needs a shell")
	}
	dir := t.TempDir()
	file, script := filepath.Join(dir, "idle"), filepath.Join(dir, "ioreg")
	write := func(path, text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	write(script, "#!/bin/sh\n[ \"$*\" = '-c IOHIDSystem -d 4 -r' ] && cat "+file+"\n")
	write(file, "\"HIDIdleTime\" = 60000000000\n")
	s := &Source{ioreg: script}
	r := presencetest.Start(t, presencetest.Rig{Source: s})
	if first := r.First(); first.State != presence.Idle || time.Since(first.At) < time.Minute {
		t.Errorf("%+v, want idle for a minute", first)
	}
	write(file, "\"HIDIdleTime\" = 1000000\n")
	r.Until(presence.Active)
	write(file, "nothing\n")
	if err := r.Err(); err == nil || errors.Is(err, presence.ErrUnavailable) {
		t.Errorf("Run returned %v", err)
	}
	s.ioreg = filepath.Join(dir, "none")
	if err := s.Run(t.Context(), time.Second, nil); !errors.Is(err, presence.ErrUnavailable) {
		t.Errorf("without ioreg: %v", err)
	}
}

//go:build linux

package service

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"claude-permission-daemon/internal/service"
)

// exposure is what docs/service.md says of the unit's score; lower is better. Most of
// it are capabilities, which no user's process has and no user's manager can drop.
const exposure = 6.4

// TestAnalyze has systemd-analyze judge the units: nothing is wrong with them, and
// what they leave open does not grow.
func TestAnalyze(t *testing.T) {
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		unavailable(t, "systemd-analyze is not installed")
	}
	dir := t.TempDir()
	u := service.Unit{Program: filepath.Join(binaries, "claude-permission-daemon"), Args: []string{"--config", "/with space/100%.toml"}, Marker: "# test"}
	unit, err := u.ServiceUnit()
	if err != nil {
		t.Fatal(err)
	}
	socket, err := u.SocketUnit()
	if err != nil {
		t.Fatal(err)
	}
	unit = strings.ReplaceAll(unit, "Documentation=man:claude-permission-daemon(1)\n", "") // the page is not installed here
	files := []string{filepath.Join(dir, "claude-permission-daemon.service"), filepath.Join(dir, "claude-permission-daemon.socket")}
	for i, text := range []string{unit, socket} {
		if err := os.WriteFile(files[i], []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	env := append(os.Environ(), "XDG_RUNTIME_DIR="+dir, "HOME="+dir)
	verify := exec.CommandContext(t.Context(), "systemd-analyze", append([]string{"--user", "verify"}, files...)...)
	verify.Env = env
	if out, err := verify.CombinedOutput(); err != nil || strings.TrimSpace(string(out)) != "" {
		t.Errorf("systemd-analyze verify: %s, %v", out, err)
	}
	security := exec.CommandContext(t.Context(), "systemd-analyze", "--user", "security", "--offline=true", "--no-pager", files[0])
	security.Env = env
	out, err := security.CombinedOutput()
	found := regexp.MustCompile(`Overall exposure level for .*: ([0-9.]+)`).FindStringSubmatch(string(out))
	if err != nil || found == nil {
		t.Fatalf("systemd-analyze security: %s, %v", out, err)
	}
	if score, err := strconv.ParseFloat(found[1], 64); err != nil || score > exposure {
		t.Errorf("the exposure is %s, and was %v:\n%s", found[1], exposure, out)
	}
	t.Log(found[0])
}

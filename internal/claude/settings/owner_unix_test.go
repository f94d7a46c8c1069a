//go:build unix

package settings

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

func ownerOf(info fs.FileInfo) string {
	s := info.Sys().(*syscall.Stat_t)
	return fmt.Sprintf("%d:%d", s.Uid, s.Gid)
}

func becomeNobody() error { return syscall.Setuid(65534) }

// The file stays whose it was, also when root edits it.
func TestOwnerKept(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can give files away")
	}
	path := filepath.Join(t.TempDir(), "settings.json")
	write(t, path, claudes)
	if err := os.Chown(path, 1234, 2345); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	before := snapshot(t, filepath.Dir(path))
	if _, err := Install(path, options); err != nil {
		t.Fatal(err)
	}
	if during := snapshot(t, filepath.Dir(path))["settings.json"]; during.owner != "1234:2345" || during.kind != 0o640 {
		t.Errorf("installed: %v", during)
	}
	if backup := snapshot(t, filepath.Dir(path))[filepath.Base(path)+BackupSuffix]; backup.owner != "1234:2345" || backup.kind != 0o640 {
		t.Errorf("the backup: %v", backup)
	}
	if _, err := Remove(path); err != nil {
		t.Fatal(err)
	}
	if after := snapshot(t, filepath.Dir(path)); after["settings.json"] != before["settings.json"] {
		t.Errorf("removed: %v", after)
	}
}

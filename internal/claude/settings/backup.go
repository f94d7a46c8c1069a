package settings

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Beside the settings there is one backup: the file from before the hook was
// entered for the first time, for whoever wants to look, and for Remove. An
// Install over entries of ours leaves it alone. Remove takes it away.

// BackupSuffix is what a backup's name has more than the settings' name.
const BackupSuffix = ".before-" + Program

// Where there was no file, the backup says that. Neither text is one that
// settings could have.
var (
	wasNoFile   = []byte("There was no such file before the hook was entered.\n")
	wasNoFolder = []byte("There was no such file before the hook was entered, and no folder for it.\n")
)

// keepBackup writes the backup of what Install is about to change, unless that
// has entries of ours and there is one from before them.
func keepBackup(path string, now file) error {
	name := path + BackupSuffix
	if root, err := parse(now.text); err == nil && len(handlers(now.text, root)) > 0 {
		if _, err := os.Stat(name); err == nil {
			return nil
		}
	}
	kept := file{exists: true, text: now.text, mode: now.mode}
	switch {
	case now.noFolder:
		kept.text = wasNoFolder
	case !now.exists:
		kept.text = wasNoFile
	}
	temporary, err := writeBeside(name, path, kept)
	if err != nil {
		return fmt.Errorf("no backup: %w", err)
	}
	if err := os.Rename(temporary, name); err != nil {
		_ = os.Remove(temporary)
		return fmt.Errorf("no backup: %w", err)
	}
	return nil
}

// readBackup is the file as it was before Install, if that is known.
func readBackup(path string) (before file, known bool) {
	text, err := os.ReadFile(path + BackupSuffix)
	switch {
	case err != nil:
		return file{}, false
	case bytes.Equal(text, wasNoFile):
		return file{}, true
	case bytes.Equal(text, wasNoFolder):
		return file{noFolder: true}, true
	}
	return file{exists: true, text: text}, true
}

// dropBackup removes the backup, and the folder too if that was made for us and
// has nothing else in it.
func dropBackup(path string, folder bool) error {
	if err := os.Remove(path + BackupSuffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("cannot remove the backup: %w", err)
	}
	if info, err := os.Lstat(filepath.Dir(path)); folder && err == nil && info.IsDir() {
		_ = os.Remove(filepath.Dir(path)) // refused if there is anything in it
	}
	return nil
}

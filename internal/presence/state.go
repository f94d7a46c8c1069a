package presence

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// SaveState writes v as JSON to path, readable by its owner alone. A reader
// sees the old file or the new one, never half of either. The folder is made
// where it is missing.
func SaveState(path string, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("cannot save %s: %w", path, err)
	}
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("cannot save %s: %w", path, err)
	}
	f, err := os.CreateTemp(dir, filepath.Base(path)+".*") // mode 0600
	if err != nil {
		return fmt.Errorf("cannot save %s: %w", path, err)
	}
	_, err = f.Write(append(text, '\n'))
	if err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return fmt.Errorf("cannot save %s: %w", path, err)
	}
	return nil
}

// LoadState reads what SaveState wrote. The error wraps fs.ErrNotExist where
// nothing was saved.
func LoadState(path string, v any) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("cannot load %s: %w", path, err)
	}
	if err := json.Unmarshal(text, v); err != nil {
		return fmt.Errorf("cannot load %s: %w", path, err)
	}
	return nil
}

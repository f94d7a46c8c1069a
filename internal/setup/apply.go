package setup

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"claude-permission-daemon/internal/secret"
)

// file is one file to write, with what was there when the plan was made.
type file struct {
	path         string
	content, was secret.Text
	is           bool // whether it was there
}

// madeFile is where the folders that a setup made are noted, in the state
// folder, so that an uninstall can take them away again.
const madeFile = "setup-folders.json"

// apply carries the changes out in an order in which each leaves things whole:
// the tokens, then the configuration that names them, then the hooks, then the
// service. Where one fails, or ctx ends, what was done is undone.
func (s *session) apply(ctx context.Context, c changes) (err error) {
	if c.none() {
		return nil
	}
	var undos []func(context.Context) error
	defer func() {
		if err == nil {
			return
		}
		undoing := context.WithoutCancel(ctx)
		for _, undo := range slices.Backward(undos) {
			if failed := undo(undoing); failed != nil {
				err = errors.Join(err, fmt.Errorf("cannot undo what was done: %w", failed))
			}
		}
	}()
	do := func(undo func(context.Context) error, err error) error {
		if err != nil {
			return err
		}
		undos = append(undos, undo)
		if ctx.Err() != nil {
			return ErrInterrupted
		}
		return nil
	}
	missing := missingFolders(s.folders())
	if err := do(noteFolders(s.StateDir, missing)); err != nil {
		return err
	}
	for _, f := range c.files {
		if err := do(f.write()); err != nil {
			return err
		}
		s.say("wrote %s", f.path)
	}
	if c.hooks {
		if err := do(s.Hooks.Install(ctx)); err != nil {
			return err
		}
		s.say("added the hooks to Claude Code's settings")
	}
	if c.service {
		if err := do(s.Service.Install(ctx)); err != nil {
			return err
		}
		s.say("installed and started the service")
	}
	if c.restart {
		// Once more after the rest is undone: it shall have what it had.
		undos = slices.Insert(undos, 0, s.Service.Restart)
		if err := s.Service.Restart(ctx); err != nil {
			return err
		}
		s.say("restarted the service")
	}
	if len(c.files) > 0 && !c.service && !c.restart && s.Running() {
		s.say("The daemon that runs has what was configured before: end it and start it again.")
	}
	return nil
}

// write writes the file with mode 0600, in one step. A link is followed. undo
// puts back what was there.
func (f file) write() (undo func(context.Context) error, err error) {
	now, err := os.ReadFile(f.path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("cannot write %s: %w", f.path, err)
	}
	if f.is != (err == nil) || string(now) != f.was.Reveal() {
		return nil, fmt.Errorf("cannot write %s: it was changed meanwhile; run setup again", f.path)
	}
	made := missingFolders([]string{filepath.Dir(f.path)})
	if err := os.MkdirAll(filepath.Dir(f.path), 0o700); err != nil {
		return nil, fmt.Errorf("cannot make the folder of %s: %w", f.path, err)
	}
	mode := fs.FileMode(0o600)
	if info, err := os.Stat(f.path); err == nil {
		mode = info.Mode().Perm()
	}
	if err := replace(f.path, f.content, 0o600); err != nil {
		return nil, errors.Join(err, removeFolders(made))
	}
	return func(context.Context) error {
		if !f.is {
			return errors.Join(os.Remove(f.path), removeFolders(made))
		}
		return replace(f.path, f.was, mode)
	}, nil
}

// replace puts content in the place of a file, whole or not at all.
func replace(path string, content secret.Text, mode fs.FileMode) (err error) {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target // the link stays
	}
	temporary, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("cannot write %s: %w", path, err)
	}
	defer func() {
		if err != nil {
			_ = os.Remove(temporary.Name()) // err is what went wrong
			err = fmt.Errorf("cannot write %s: %w", path, err)
		}
	}()
	_, err = temporary.WriteString(content.Reveal())
	err = errors.Join(err, temporary.Chmod(mode), temporary.Sync(), temporary.Close())
	if err != nil {
		return err
	}
	return os.Rename(temporary.Name(), path)
}

// missingFolders are the folders, and those above them, that are not there;
// the outer before the inner.
func missingFolders(wanted []string) []string {
	var missing []string
	for _, dir := range wanted {
		for filepath.IsAbs(dir) {
			if _, err := os.Lstat(dir); !errors.Is(err, fs.ErrNotExist) {
				break
			}
			missing = append(missing, dir)
			dir = filepath.Dir(dir)
		}
	}
	slices.Sort(missing)
	return slices.Compact(missing)
}

// removeFolders removes those of the folders that are empty, the inner first.
func removeFolders(folders []string) error {
	for _, dir := range slices.Backward(folders) {
		if err := os.Remove(dir); err != nil && !errors.Is(err, fs.ErrNotExist) && !notEmpty(dir) {
			return err
		}
	}
	return nil
}

func notEmpty(dir string) bool {
	entries, err := os.ReadDir(dir)
	return err == nil && len(entries) > 0
}

// noteFolders adds folders to those that setups have made.
func noteFolders(state string, folders []string) (undo func(context.Context) error, err error) {
	nothing := func(context.Context) error { return nil }
	if len(folders) == 0 {
		return nothing, nil
	}
	path := filepath.Join(state, madeFile)
	before, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("cannot read %s: %w", path, err)
	}
	all := append(notedFolders(state), folders...)
	slices.Sort(all)
	text, err := json.MarshalIndent(slices.Compact(all), "", "  ")
	if err != nil {
		return nil, err
	}
	f := file{path: path, content: secret.Of(string(text) + "\n"), was: secret.Of(string(before)), is: before != nil}
	return f.write()
}

// notedFolders are the folders that setups have made.
func notedFolders(state string) []string {
	text, err := os.ReadFile(filepath.Join(state, madeFile))
	if err != nil {
		return nil
	}
	var folders []string
	if err := json.Unmarshal(text, &folders); err != nil {
		return nil // whoever wrote that, it is not for us to act on
	}
	return slices.DeleteFunc(folders, func(dir string) bool { return !filepath.IsAbs(dir) || strings.Contains(dir, "..") })
}

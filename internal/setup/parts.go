package setup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"claude-permission-daemon/internal/claude/settings"
	"claude-permission-daemon/internal/secret"
	"claude-permission-daemon/internal/service"
)

// serviceLimit bounds the look at the service.
const serviceLimit = 10 * time.Second

// Hooks are the entries in Claude Code's settings as a part of a setup.
type Hooks struct {
	Path    string // of settings.json
	Project string // another settings.json, which only Remove looks at: the project's
	Options settings.Options
	Plugins func() ([]settings.Plugin, error) // that run the hook already; nil: none do
}

var (
	_ Part      = Hooks{}
	_ Removable = Hooks{}
)

// Plan implements Part. A plugin that runs the hook is enough.
func (h Hooks) Plan() (Plan, error) {
	now, err := settings.Read(h.Path)
	if err != nil {
		return Plan{}, &Hinted{err, "mend the file, or use --no-hooks"}
	}
	if h.Plugins != nil && len(now.Entries) == 0 {
		if found, err := h.Plugins(); err == nil && len(found) > 0 {
			return Plan{}, nil
		}
	}
	if now.Whole() && now.As(h.Options) {
		return Plan{}, nil
	}
	if h.Options.Hook == "" {
		return Plan{}, &Hinted{fmt.Errorf("cannot find %s, beside this program or on the PATH", settings.Program), "install both programs in one folder, or use --no-hooks"}
	}
	p := Plan{Folders: []string{filepath.Dir(h.Path)}}
	for _, e := range now.Entries {
		p.Changes = append(p.Changes, fmt.Sprintf("replace the entry of %s in %s, line %d", e.Event, h.Path, e.Line))
	}
	events := settings.Events()
	p.Changes = append(p.Changes, fmt.Sprintf("enter %s in %s, for PermissionRequest and %d events that say how it ended", h.Options.Hook, h.Path, len(events)-1))
	if now.Disabled {
		p.Changes = append(p.Changes, "note that the file switches all hooks off (disableAllHooks), which stays so")
	}
	return p, nil
}

// Install implements Part.
func (h Hooks) Install(context.Context) (undo func(context.Context) error, err error) {
	before, err := settings.Read(h.Path)
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(h.Path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var mode fs.FileMode
	if info, err := os.Stat(h.Path); err == nil {
		mode = info.Mode().Perm()
	}
	if _, err := settings.Install(h.Path, h.Options); err != nil {
		return nil, &Hinted{err, "nothing was changed; --no-hooks leaves the file alone"}
	}
	return func(context.Context) error {
		if len(before.Entries) > 0 { // it had some of ours, which others may rely on
			return replace(h.Path, secret.Of(string(text)), mode)
		}
		_, err := settings.Remove(h.Path)
		return err
	}, nil
}

// Remove implements Removable.
func (h Hooks) Remove(context.Context) (removed, left []string, err error) {
	if h.Plugins != nil {
		if found, err := h.Plugins(); err == nil {
			for _, p := range found {
				left = append(left, "the plugin "+p.ID+": claude plugin uninstall "+p.ID)
			}
		}
	}
	if project, err := settings.Read(h.Project); err == nil && len(project.Entries) > 0 && h.Project != h.Path {
		left = append(left, "the hook's entries in "+h.Project+": claude-permission-daemon hooks remove --project")
	}
	change, err := settings.Remove(h.Path)
	switch {
	case err != nil:
		return nil, append(left, h.Path+" with the hook's entries"), err
	case change.Deleted:
		removed = append(removed, h.Path+", which only had the hook's entries")
	case change.Changed:
		removed = append(removed, "the hook's entries in "+h.Path)
	}
	return removed, left, nil
}

// Service is the daemon's service as a part of a setup.
type Service struct {
	Options service.Options
	Program string // this program's file, links resolved; empty: not known
}

var (
	_ Restartable = Service{}
	_ Removable   = Service{}
)

// Plan implements Part.
func (v Service) Plan() (Plan, error) {
	ctx, cancel := context.WithTimeout(context.Background(), serviceLimit)
	defer cancel()
	state, err := service.Status(ctx, v.Options)
	if err != nil {
		return Plan{}, err
	}
	switch {
	case !state.Installed:
		return Plan{Changes: []string{"install the service (" + state.Kind + ") and start it"}}, nil
	case !state.Enabled || !state.Running:
		return Plan{Changes: []string{"switch on the service that is installed (" + state.Kind + "), and start it"}}, nil
	case state.Program != "" && v.Program != "" && state.Program != v.Program:
		return Plan{Changes: []string{"let the service run " + v.Program + " in place of " + state.Program}}, nil
	}
	return Plan{Restarts: true}, nil
}

// Install implements Part.
func (v Service) Install(ctx context.Context) (undo func(context.Context) error, err error) {
	before, err := service.Status(ctx, v.Options)
	if err != nil {
		return nil, err
	}
	undo = func(ctx context.Context) error {
		if before.Installed {
			return nil // it is not for us to take away
		}
		_, err := service.Remove(ctx, v.Options)
		return err
	}
	if _, err := service.Install(ctx, v.Options); err != nil {
		return nil, errors.Join(err, undo(context.WithoutCancel(ctx)))
	}
	return undo, nil
}

// Restart implements Restartable.
func (v Service) Restart(ctx context.Context) error { return service.Restart(ctx, v.Options) }

// Remove implements Removable.
func (v Service) Remove(ctx context.Context) (removed, left []string, err error) {
	report, err := service.Remove(ctx, v.Options)
	if errors.Is(err, service.ErrNone) {
		return nil, nil, nil
	}
	removed = report.Done
	if len(removed) > 0 {
		left = append(left, report.Warnings...)
	}
	return removed, append(left, report.Left...), err
}

// Hinted is an error with what to do about it.
type Hinted struct {
	Err  error
	Hint string
}

func (h *Hinted) Error() string { return h.Err.Error() }
func (h *Hinted) Unwrap() error { return h.Err }

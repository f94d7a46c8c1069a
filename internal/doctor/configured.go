package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"claude-permission-daemon/internal/paths"
)

// configValid: the configuration can be read; if not, which key is wrong.
func configValid(_ context.Context, f *facts) finding {
	c := f.configured()
	switch {
	case c.err != nil:
		return fail("edit "+c.path, "%s", strings.ReplaceAll(c.err.Error(), "\n", "; "))
	case !c.exists:
		return fine("there is no %s: the defaults hold", c.path)
	}
	return fine("%s", c.path)
}

// configMode: the files that may hold tokens are for this user's eyes only.
func configMode(_ context.Context, f *facts) finding {
	c := f.configured()
	slack := c.config.Slack
	var seen, open []string
	for _, path := range []string{c.path, slack.BotTokenFile, slack.AppTokenFile} {
		info, err := os.Stat(path)
		if path == "" || err != nil {
			continue // the check of the configuration tells
		}
		seen = append(seen, path)
		if info.Mode().Perm()&0o077 != 0 && runtime.GOOS != "windows" {
			open = append(open, path)
		}
	}
	switch {
	case len(seen) == 0:
		return skip("there is no configuration file")
	case len(open) > 0 && c.holdsTokens():
		return fail("chmod 600 "+strings.Join(open, " "), "other users can read the tokens in %s", strings.Join(open, " and "))
	case len(open) > 0:
		return warn("chmod 600 "+strings.Join(open, " "), "other users can read %s", strings.Join(open, " and "))
	}
	return fine("mode 0600: %s", strings.Join(seen, ", "))
}

func (c configuration) holdsTokens() bool {
	return !c.config.Slack.BotToken.Empty() || !c.config.Slack.AppToken.Empty()
}

// stateFolder: the folder of the journal is there and private.
func stateFolder(_ context.Context, f *facts) finding {
	dir, err := paths.StateDir(f.Getenv)
	if err != nil {
		return fail("export HOME=/home/you", "%v", err)
	}
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return skip("there is no %s yet: no daemon has run", dir)
	case err != nil:
		return fail("ls -ld "+dir, "%v", err)
	case !info.IsDir():
		return fail("mv "+dir+" "+dir+".old", "%s is not a folder", dir)
	case runtime.GOOS != "windows" && !isOurs(info):
		return fail("sudo chown -R "+fmt.Sprint(os.Getuid())+" "+dir, "%s belongs to another user", dir)
	case runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0:
		return warn("chmod 700 "+dir, "other users can look into %s", dir)
	}
	probe, err := os.CreateTemp(dir, ".doctor-")
	if err != nil {
		return fail("chmod u+rwx "+dir, "nothing can be written to %s: %v", dir, err)
	}
	_ = probe.Close()
	_ = os.Remove(filepath.Clean(probe.Name()))
	return fine("%s", dir)
}

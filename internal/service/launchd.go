package service

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"claude-permission-daemon/internal/paths"
)

// launchd is macOS's agent of the user. (Its texts and calls are tested; it was
// not run: no such machine was at hand.)
type launchd struct {
	Options
	home  string
	plist string
}

func newLaunchd(o Options) (*launchd, error) {
	home, err := paths.Home(o.Getenv)
	if err != nil {
		return nil, err
	}
	return &launchd{Options: o, home: home, plist: filepath.Join(home, "Library", "LaunchAgents", name+".plist")}, nil
}

func (l *launchd) domain() string { return "gui/" + strconv.Itoa(os.Getuid()) }
func (l *launchd) target() string { return l.domain() + "/" + name }
func (l *launchd) log() string    { return filepath.Join(l.home, "Library", "Logs", name+".log") }

// Plist is the text of the launchd agent.
func Plist(program string, args []string, env []string, log string) string {
	var b strings.Builder
	b.WriteString(`<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
	<key>Label</key><string>` + name + `</string>
	<key>ProgramArguments</key>
	<array>
`)
	for _, word := range append([]string{program}, args...) {
		b.WriteString("\t\t<string>" + escape(word) + "</string>\n")
	}
	b.WriteString("\t</array>\n")
	if len(env) > 0 {
		b.WriteString("\t<key>EnvironmentVariables</key>\n\t<dict>\n")
		for _, variable := range env {
			key, value, _ := strings.Cut(variable, "=")
			b.WriteString("\t\t<key>" + escape(key) + "</key><string>" + escape(value) + "</string>\n")
		}
		b.WriteString("\t</dict>\n")
	}
	b.WriteString(`	<key>RunAtLoad</key><true/>
	<key>KeepAlive</key><dict><key>SuccessfulExit</key><false/></dict>
	<key>ThrottleInterval</key><integer>1</integer>
	<key>Umask</key><integer>63</integer>
	<key>ProcessType</key><string>Interactive</string>
	<key>StandardErrorPath</key><string>` + escape(log) + `</string>
</dict>
</plist>
`)
	return b.String()
}

func escape(text string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(text)) // a builder takes everything
	return b.String()
}

func (l *launchd) launchctl(ctx context.Context, args ...string) (string, error) {
	out, err := l.Run(ctx, nil, "launchctl", args...)
	if err != nil {
		return out, fmt.Errorf("launchctl %s: %w", args[0], err)
	}
	return out, nil
}

func (l *launchd) install(ctx context.Context, r *Report) error {
	if err := l.checkProgram(); err != nil {
		return err
	}
	unseen(l.Getenv, r)
	env := []string{"PATH=/opt/homebrew/bin:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"} // tmux is often Homebrew's
	for _, key := range []string{"XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR", "CLAUDE_CONFIG_DIR"} {
		if value := l.Getenv(key); filepath.IsAbs(value) {
			env = append(env, key+"="+value)
		}
	}
	changed, err := write(l.plist, []byte(Plist(l.Program, l.args(), env, l.log())), 0o644)
	if err != nil {
		return err
	}
	r.did("wrote %s: it starts when you log in", l.plist)
	if l.NoStart {
		return nil
	}
	_, loaded := l.launchctl(ctx, "print", l.target())
	if loaded == nil && changed {
		if _, err := l.launchctl(ctx, "bootout", l.target()); err != nil {
			return fmt.Errorf("cannot start the service: %w", err)
		}
	}
	if loaded != nil || changed {
		if _, err := l.launchctl(ctx, "bootstrap", l.domain(), l.plist); err != nil {
			return hinted("an agent needs a session at the Mac's own screen: log in there once", "cannot start the service: %w", err)
		}
	}
	r.did("it runs")
	return nil
}

func (l *launchd) remove(ctx context.Context, r *Report) error {
	if _, err := l.launchctl(ctx, "print", l.target()); err == nil {
		if _, err := l.launchctl(ctx, "bootout", l.target()); err != nil {
			return fmt.Errorf("cannot remove the service: %w", err)
		}
		r.did("stopped it")
	}
	switch err := os.Remove(l.plist); {
	case err == nil:
		r.did("removed %s", l.plist)
	case !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("cannot remove the service: %w", err)
	}
	if _, err := os.Stat(l.log()); err == nil {
		r.left("%s is its log", l.log())
	}
	return nil
}

func (l *launchd) state(ctx context.Context) (State, error) {
	s := State{Kind: "launchd"}
	if _, err := os.Stat(l.plist); err == nil {
		s.Installed, s.Enabled, s.Files = true, true, []string{l.plist}
	}
	out, err := l.launchctl(ctx, "print", l.target())
	if err != nil {
		s.Detail = "not loaded"
		return s, nil
	}
	for line := range strings.Lines(out) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), " = ")
		switch {
		case key == "state" && s.Detail == "":
			s.Detail = value
			s.Running = value == "running"
		case key == "pid":
			s.PID, _ = strconv.Atoi(value) // 0 where it is none
		case key == "program":
			s.Program = value
		}
	}
	return s, nil
}

func (l *launchd) restart(ctx context.Context) error {
	if _, err := l.launchctl(ctx, "kickstart", "-k", l.target()); err != nil {
		return hinted(name+" service install makes it one", "cannot restart the service: %w", err)
	}
	return nil
}

func (l *launchd) logs(follow bool, lines int) []string {
	command := []string{"tail", "-n", strconv.Itoa(lines)}
	if follow {
		command = append(command, "-F")
	}
	return append(command, l.log())
}

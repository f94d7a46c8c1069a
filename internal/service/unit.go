package service

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
)

// marker begins every file that Install writes. A file of the same name without
// it is somebody's own.
const marker = "# Written by claude-permission-daemon service install; drop-ins are kept."

// Unit is what the units of systemd say of this machine.
type Unit struct {
	Program string   // absolute
	Args    []string // of the daemon
	Socket  string   // as in ListenStream, before quoting; empty: the runtime folder's
	Env     []string // "NAME=value", where the service needs what the shell has
	Marker  string   // the first line
}

// ServiceUnit is the text of claude-permission-daemon.service.
//
// It has all the hardening that a user's manager can do everywhere. What needs a
// mount namespace (ProtectSystem, PrivateTmp, …) is left to the sandbox that the
// daemon puts around itself: a user's manager either ignores it or needs a user
// namespace for it, which some systems forbid and in which the other processes
// of the user cannot be looked at. What drops capabilities (ProtectClock,
// ProtectKernelModules, ProtectKernelLogs, PrivateDevices, CapabilityBoundingSet)
// makes a user's manager fail with 218/CAPABILITIES; there are none to drop.
// MemoryDenyWriteExecute would end presence commands that compile as they run.
func (u Unit) ServiceUnit() (string, error) {
	command, err := u.command()
	if err != nil {
		return "", err
	}
	var env strings.Builder
	for _, variable := range u.Env {
		fmt.Fprintf(&env, "Environment=%s\n", quote(variable))
	}
	return u.Marker + `
[Unit]
Description=Carries Claude Code's permission questions to where you are
Documentation=man:claude-permission-daemon(1)
Requires=claude-permission-daemon.socket
After=claude-permission-daemon.socket graphical-session.target

[Service]
Type=notify
NotifyAccess=main
ExecStart=:` + command + `
ExecReload=/bin/kill -HUP $MAINPID
Restart=on-failure
RestartSec=200ms
# A restart leaves the open requests to the next daemon; a stop hands them back.
RestartKillSignal=SIGUSR2
KillMode=mixed
TimeoutStopSec=10s
WatchdogSec=30s
` + env.String() + `
UMask=0077
NoNewPrivileges=yes
LockPersonality=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service landlock_create_ruleset landlock_add_rule landlock_restrict_self
SystemCallFilter=~@privileged @resources
SystemCallErrorNumber=EPERM

[Install]
WantedBy=default.target
Also=claude-permission-daemon.socket
`, nil
}

// SocketUnit is the text of claude-permission-daemon.socket. systemd holds the
// socket, so a hook that comes while the daemon restarts waits in its queue.
func (u Unit) SocketUnit() (string, error) {
	listen := "%t/claude-permissions.sock"
	if u.Socket != "" {
		if plain(u.Socket) != nil || !filepath.IsAbs(u.Socket) || strings.TrimSpace(u.Socket) != u.Socket || strings.Contains(u.Socket, `\`) {
			return "", fmt.Errorf("cannot let systemd listen on %q: it must be an absolute path without backslashes and control characters", u.Socket)
		}
		listen = strings.ReplaceAll(u.Socket, "%", "%%")
	}
	return u.Marker + `
[Unit]
Description=The socket to which Claude Code's permission hooks connect

[Socket]
ListenStream=` + listen + `
SocketMode=0600
DirectoryMode=0700
RemoveOnStop=yes

[Install]
WantedBy=sockets.target
`, nil
}

// command is the line of ExecStart. With ":" before it, systemd replaces no
// variables in it.
func (u Unit) command() (string, error) {
	switch {
	case !filepath.IsAbs(u.Program):
		return "", fmt.Errorf("cannot start %q as a service: its path is not absolute", u.Program)
	case strings.ContainsAny(u.Program, `"'\`) || plain(u.Program) != nil:
		// systemd refuses such an executable's name, however it is quoted.
		return "", &Error{Err: fmt.Errorf("cannot start %q as a service: systemd takes no program with quotes, backslashes or control characters in its path", u.Program),
			Hint: "put the program elsewhere, such as into ~/.local/bin"}
	}
	words := make([]string, 0, 1+len(u.Args))
	for _, word := range append([]string{u.Program}, u.Args...) {
		if err := plain(word); err != nil {
			return "", fmt.Errorf("cannot pass %q to a service: %w", word, err)
		}
		words = append(words, quote(word))
	}
	return strings.Join(words, " "), nil
}

// plain refuses what would end a line of a unit or is not text.
func plain(word string) error {
	for _, r := range word {
		if r < ' ' || r == 0x7f || r == '\uFFFD' {
			return errors.New("it has control characters or is not UTF-8")
		}
	}
	return nil
}

// quote makes one word of a systemd command line or assignment.
func quote(word string) string {
	word = strings.NewReplacer(`\`, `\\`, `"`, `\"`, `%`, `%%`).Replace(word)
	if word != "" && !strings.ContainsAny(word, " \t\\\"';#$") {
		return word
	}
	return `"` + word + `"`
}

package terminals

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// tmuxTime is how long one tmux server may take to answer.
const tmuxTime = time.Second

// client is a tmux client that has a terminal: somebody looks at it, whoever
// holds that terminal.
type client struct {
	tty      string
	activity time.Time // whole seconds
}

// clients asks tmux servers for their clients.
func (s *Source) clients(ctx context.Context, sockets []string) []client {
	var all []client
	for _, socket := range sockets {
		conn, err := net.DialTimeout("unix", socket, tmuxTime)
		if err != nil {
			continue // a server that has ended
		}
		_ = conn.Close()
		limited, cancel := context.WithTimeout(ctx, tmuxTime)
		cmd := exec.CommandContext(limited, "tmux", "-S", socket, "list-clients", "-F", "#{client_activity} #{client_tty}")
		cmd.WaitDelay = tmuxTime
		out, err := cmd.Output()
		cancel()
		if err == nil {
			all = append(all, parseClients(string(out))...)
		}
	}
	return all
}

// tmuxSockets lists the sockets in tmux's two folders: this user's servers, and
// what ended ones left behind.
func (s *Source) tmuxSockets() []string {
	uid := os.Getuid()
	folder := "tmux-" + strconv.Itoa(uid)
	dirs := []string{filepath.Join("/tmp", folder)}
	if dir := s.getenv("TMUX_TMPDIR"); dir != "" && dir != "/tmp" {
		dirs = append(dirs, filepath.Join(dir, folder))
	}
	var sockets []string
	for _, dir := range dirs {
		info, err := os.Stat(dir)
		if err != nil {
			continue
		}
		if owner, ok := info.Sys().(*syscall.Stat_t); !ok || owner.Uid != uint32(uid) {
			continue // somebody else's invention
		}
		entries, err := os.ReadDir(dir)
		if err != nil {
			continue
		}
		for _, entry := range entries {
			if entry.Type()&os.ModeSocket != 0 {
				sockets = append(sockets, filepath.Join(dir, entry.Name()))
			}
		}
	}
	return sockets
}

// parseClients reads lines of "ACTIVITY TTY". A client without a terminal is a
// program in control mode.
func parseClients(text string) []client {
	var all []client
	for line := range strings.Lines(text) {
		activity, tty, ok := strings.Cut(strings.TrimSpace(line), " ")
		seconds, err := strconv.ParseInt(activity, 10, 64)
		if !ok || err != nil || !filepath.IsAbs(tty) {
			continue
		}
		all = append(all, client{tty: tty, activity: time.Unix(seconds, 0)})
	}
	return all
}

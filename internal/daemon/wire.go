package daemon

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"claude-permission-daemon/internal/broker"
	"claude-permission-daemon/internal/channel/slack"
	"claude-permission-daemon/internal/channel/web"
	"claude-permission-daemon/internal/config"
	"claude-permission-daemon/internal/mask"
	"claude-permission-daemon/internal/paths"
	"claude-permission-daemon/internal/permit"
	"claude-permission-daemon/internal/presence"
	"claude-permission-daemon/internal/presence/command"
	"claude-permission-daemon/internal/presence/logind"
	"claude-permission-daemon/internal/presence/macos"
	"claude-permission-daemon/internal/presence/manual"
	"claude-permission-daemon/internal/presence/mutter"
	"claude-permission-daemon/internal/presence/swayidle"
	"claude-permission-daemon/internal/presence/terminals"
	"claude-permission-daemon/internal/presence/wayland"
	"claude-permission-daemon/internal/presence/windows"
	"claude-permission-daemon/internal/presence/x11"
	"claude-permission-daemon/internal/preview"
)

// This file is the only list of the channels and presence sources there are.

// newChannels makes every channel that the configuration wants.
func (d *Daemon) newChannels() error {
	c := d.options.Config
	home, _ := paths.Home(d.options.Getenv) // without one, nothing is shown relative to it
	rules, err := d.newPolicy(home)
	if err != nil {
		return fmt.Errorf("cannot use the configuration: %w", err)
	}
	d.policy = rules
	seen := preview.Options{Files: preview.Disk{}, Home: home, Mask: d.masker, Policy: rules.of, Edit: c.Approve.Edit}
	previews := preview.New(seen)
	terminal := seen
	terminal.Policy = rules.inTerminal
	d.preview = preview.New(terminal).Of
	seen.Withhold = c.Privacy.Body == "none"
	outside := preview.New(seen) // for what leaves the machine
	if c.Web.Enabled() {
		shown := outside.Of
		if c.Web.Local() {
			shown = previews.Original // what it shows does not leave the machine
		}
		page, err := web.New(c.Web, web.Options{Log: d.log.With("channel", "web"), Now: now, State: d.options.StateDir, Machine: d.machine,
			Preview: shown, Withhold: seen.Withhold && !c.Web.Local(), Presence: func() permit.Presence { return d.presence.Current() }})
		if err != nil {
			return fmt.Errorf("cannot set up the page: %w", err)
		}
		if err := page.Listen(); err != nil {
			d.log.Error("the page cannot be reached", "error", err) // its status says so too; the others go on
		}
		d.page = page
		d.channels = append(d.channels, page)
	}
	if c.Slack.Enabled() {
		s, err := slack.New(c.Slack, slack.Options{Log: d.log.With("channel", "slack"), Now: now, Machine: d.machine,
			Preview: outside.Of, TerseFallback: c.Privacy.LockScreen == "terse", Withhold: c.Privacy.Body == "none"})
		if err != nil {
			return fmt.Errorf("cannot set up Slack: %w", err)
		}
		d.channels = append(d.channels, s)
	}
	d.channels = append(d.channels, d.options.more...)
	return nil
}

// newMasker knows the secrets of this process, besides those that it
// recognises by their form.
func newMasker(c config.Config) *mask.Masker {
	return mask.New(mask.Options{Environ: os.Environ(), Values: []mask.Value{
		{Name: "the Slack bot token of this program", Secret: c.Slack.BotToken.Reveal()},
		{Name: "the Slack app token of this program", Secret: c.Slack.AppToken.Reveal()},
	}})
}

// newPresence makes the watch over the sources that the configuration wants.
func (d *Daemon) newPresence() (*presence.Watch, error) {
	c := d.options.Config
	hand, err := manual.Open(filepath.Join(d.options.StateDir, "presence-override.json"))
	if err != nil {
		d.log.Warn("the override of presence is forgotten", "error", err)
	}
	return presence.New(presence.Options{
		Config:     c.Presence.Config,
		Idle:       time.Duration(c.Daemon.IdleTimeout),
		Sources:    Sources(c, d.options.Getenv),
		Hand:       hand,
		MemoryFile: filepath.Join(d.options.StateDir, "presence.json"),
		Publish: func(p permit.Presence) {
			d.loop.post(broker.PresenceIs{Presence: p})
			d.loop.changed.send()
			if d.page != nil {
				d.page.Refresh()
			}
			d.present.Do(func() { close(d.presenceKnown) })
		},
		Log: d.log.With("room", "presence"),
	})
}

// Sources lists every way of telling presence that there is on this system,
// those of the desktop in the order in which they are tried. Named ones are
// used only where the configuration names them.
func Sources(c config.Config, getenv func(string) string) presence.Sources {
	s := presence.Sources{Named: []presence.Source{
		swayidle.New(swayidle.Config{Binary: c.Swayidle.Binary}, os.Environ()), // wayland does the same, better
		command.New(c.Presence.Command),
	}}
	switch runtime.GOOS {
	case "darwin":
		s.Desktop = []presence.Source{macos.New()}
	case "windows":
		s.Desktop = []presence.Source{windows.New()}
		return s
	default:
		s.Desktop = []presence.Source{mutter.New(getenv), wayland.New(getenv), x11.New(getenv)}
		s.Seat = logind.New(getenv)
	}
	s.Terminals = terminals.New(getenv)
	return s
}

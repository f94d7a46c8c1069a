package daemon

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"claude-permission-daemon/internal/broker"
	"claude-permission-daemon/internal/channel/slack"
	"claude-permission-daemon/internal/channel/web"
	"claude-permission-daemon/internal/permit"
	"claude-permission-daemon/internal/presence"
	"claude-permission-daemon/internal/presence/manual"
	"claude-permission-daemon/internal/presence/swayidle"
	"claude-permission-daemon/internal/preview"
)

// This file is the only list of the channels and presence sources there are.

// newChannels makes every channel that the configuration wants.
func (d *Daemon) newChannels() error {
	c := d.options.Config
	d.preview = preview.Of
	if c.Web.Enabled() {
		page, err := web.New(c.Web, web.Options{Log: d.log.With("channel", "web"), Now: now, State: d.options.StateDir, Machine: d.machine,
			Presence: func() permit.Presence { return d.presence.Current() }})
		if err != nil {
			return fmt.Errorf("cannot set up the page: %w", err)
		}
		if err := page.Listen(); err != nil {
			d.log.Error("the page cannot be reached", "error", err) // its status says so too; the others go on
		}
		d.channels = append(d.channels, page)
	}
	if c.Slack.Enabled() {
		s, err := slack.New(c.Slack, slack.Options{Log: d.log.With("channel", "slack"), Now: now, Machine: d.machine,
			TerseFallback: c.Privacy.LockScreen == "terse"})
		if err != nil {
			return fmt.Errorf("cannot set up Slack: %w", err)
		}
		d.channels = append(d.channels, s)
	}
	return nil
}

// newPresence makes the watch over the sources that the configuration wants.
func (d *Daemon) newPresence() (*presence.Watch, error) {
	c := d.options.Config
	hand, err := manual.Open(filepath.Join(d.options.StateDir, "presence-override.json"))
	if err != nil {
		d.log.Warn("the override of presence is forgotten", "error", err)
	}
	return presence.New(presence.Options{
		Config: c.Presence.Config,
		Idle:   time.Duration(c.Daemon.IdleTimeout),
		Sources: presence.Sources{
			Desktop: []presence.Source{swayidle.New(swayidle.Config{Binary: c.Swayidle.Binary}, os.Environ())},
		},
		Hand:       hand,
		MemoryFile: filepath.Join(d.options.StateDir, "presence.json"),
		Publish: func(p permit.Presence) {
			d.loop.post(broker.PresenceIs{Presence: p})
			d.loop.changed.send()
			d.present.Do(func() { close(d.presenceKnown) })
		},
		Log: d.log.With("room", "presence"),
	})
}

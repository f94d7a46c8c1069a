package doctor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"

	"claude-permission-daemon/internal/channel/web"
	"claude-permission-daemon/internal/presence"
)

// channels: there is a place to answer other than the terminal.
func channels(_ context.Context, f *facts) finding {
	s, err := f.status()
	if err != nil {
		c := f.configured().config
		var names []string
		if c.Web.Enabled() {
			names = append(names, "web")
		}
		if c.Slack.Enabled() {
			names = append(names, "slack")
		}
		if len(names) == 0 {
			return warn(daemonProgram+" setup", "none is configured")
		}
		return fine("configured: %s", strings.Join(names, ", "))
	}
	var ready, rest []string
	for _, c := range s.Channels {
		if c.State == "ready" {
			ready = append(ready, c.Name)
		} else {
			rest = append(rest, c.Name+" is "+c.State)
		}
	}
	switch {
	case len(s.Channels) == 0:
		return warn(daemonProgram+" setup", "the daemon has none")
	case len(ready) == 0:
		return fail(daemonProgram+" status", "%s", strings.Join(rest, ", "))
	case len(rest) > 0:
		return warn(daemonProgram+" status", "ready: %s; but %s", strings.Join(ready, ", "), strings.Join(rest, ", "))
	}
	return fine("ready: %s", strings.Join(ready, ", "))
}

// page: it is served, and to this machine alone unless the person wants it
// otherwise.
func page(_ context.Context, f *facts) finding {
	c := f.configured().config.Web
	if !c.Enabled() {
		return skip("it is switched off")
	}
	s, err := f.status()
	if err == nil {
		on, ok := channelOf(s, "web")
		switch {
		case !ok:
			return warn(f.restart(), "it is configured, but the daemon that runs was started without it")
		case on.State != "ready":
			return fail("ss -ltnp", "%s", on.Detail)
		}
	} else if why := taken(c); why != nil {
		return fail("ss -ltnp", "it cannot be served at %s: %v", c.Listen, why)
	}
	if !c.Local() {
		return warn("see docs/web.md", "others can reach %s, and whoever has the link decides", strings.Join(append([]string{c.Listen}, c.Hosts...), ", "))
	}
	return fine("%s, for this machine alone", c.Listen)
}

// taken says why a daemon could not listen there now; nil: it could.
func taken(c web.Config) error {
	l, err := net.Listen("tcp", c.Listen)
	if err == nil {
		return l.Close()
	}
	if errors.Is(err, syscall.EADDRINUSE) {
		return errors.New("another program has the port")
	}
	return err
}

// presenceSource: something tells whether the person is there, and what it
// cannot see.
func presenceSource(ctx context.Context, f *facts) finding {
	if s, err := f.status(); err == nil {
		p := s.Presence
		said := fmt.Sprintf("%s, by %s", p.State, p.Source)
		if p.Detail != "" {
			said += ": " + p.Detail
		}
		switch {
		case p.Override != nil:
			return warn(daemonProgram+" auto", "%s, because you said so: no source is asked until you say auto", p.State)
		case p.State == "unknown":
			return warn(daemonProgram+" presence probe", "not known (%s): requests are asked elsewhere after ask_after", p.Detail)
		}
		return fine("%s", said)
	}
	c := f.configured().config
	if c.Presence.Source == presence.Manual {
		return fine("only what you say with away and here, as configured")
	}
	if f.Sources == nil {
		return skip("no daemon runs")
	}
	ctx, cancel := context.WithTimeout(ctx, quickly)
	defer cancel()
	var works []string
	for _, r := range presence.Probe(ctx, f.Sources(c)) {
		if r.Works && (c.Presence.Source == presence.Auto || c.Presence.Source == "" || c.Presence.Source == r.Source) {
			works = append(works, r.Source+" ("+r.Detail+")")
		}
	}
	if len(works) == 0 {
		return warn(daemonProgram+" presence probe", "no source of [presence] source = %q works here: requests are asked elsewhere after ask_after", c.Presence.Source)
	}
	return fine("%s", strings.Join(works, "; "))
}

package presence

import (
	"os"
	"strings"
	"time"

	"claude-permission-daemon/internal/permit"
)

// memory is what a daemon leaves to the next one, so that a restart while the
// person is away does not make them present for another idle timeout.
type memory struct {
	// LastInput is zero if nobody could tell.
	LastInput time.Time `json:"last_input,omitzero"`
	Away      bool      `json:"away"`
	Source    string    `json:"source"`
	Written   time.Time `json:"written"`
	// Clean means that Written is when the daemon stopped. A daemon that was
	// killed leaves what it wrote when the presence last changed.
	Clean bool `json:"clean"`
	// Boot is the system's boot id: whoever booted the machine was there.
	Boot string `json:"boot,omitempty"`
}

// standsIn is how long the sources have to find out what holds after a restart.
const standsIn = 10 * time.Second

// recall returns what the memory still says at now: a last input that the
// views may build on, and the presence that stands in until they know.
func (m memory) recall(now time.Time, boot string) (sighting, *permit.Presence) {
	gap := now.Sub(m.Written)
	switch {
	case m.LastInput.IsZero(), m.Boot != boot, gap < 0:
		return sighting{}, nil
	case m.Clean && gap > memoryHolds:
		return sighting{}, nil
	case !m.Clean && !m.Away: // there may have been later input
		return sighting{}, nil
	}
	last := sighting{input: m.LastInput, until: now}
	if !m.Away {
		return last, nil
	}
	return last, &permit.Presence{
		State: permit.Away, Since: m.LastInput, Source: m.Source, Detail: "from before the daemon's restart",
	}
}

// bootID names this run of the kernel; empty where the system has no such name.
func bootID() string {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(id))
}

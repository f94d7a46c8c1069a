package daemon

import (
	"context"
	"os"
	"strconv"
	"testing"
	"time"

	"claude-permission-daemon/internal/broker"
)

// A loop that hangs says nothing, so that the watchdog ends it; one that turns
// says so at each tick.
func TestWatchdogFollowsTheLoop(t *testing.T) {
	due, pings := make(chan time.Time), make(chan struct{})
	l := &loop{broker: broker.New(broker.Config{}), changed: newBroadcast(), events: newQueue[broker.Event](),
		calls: make(chan func(*broker.Broker)), ended: make(chan struct{}), due: due, alive: func() { pings <- struct{}{} }}
	ctx, cancel := context.WithCancel(t.Context())
	go l.run(ctx)
	for range 3 {
		due <- time.Time{}
		<-pings
	}
	hang, hangs := make(chan struct{}), make(chan struct{})
	go l.ask(func(*broker.Broker) { close(hangs); <-hang })
	<-hangs
	select {
	case due <- time.Time{}:
		t.Error("a loop that hangs takes a tick")
	case <-time.After(100 * time.Millisecond):
	}
	close(hang)
	due <- time.Time{}
	<-pings
	cancel()
	<-l.ended
}

func TestNoWatchdog(t *testing.T) {
	for name, env := range map[string]map[string]string{
		"not asked for":        {},
		"another process's":    {"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": strconv.Itoa(os.Getpid() + 1)},
		"no number":            {"WATCHDOG_USEC": "soon"},
		"less than none":       {"WATCHDOG_USEC": "-5"},
		"no time in it at all": {"WATCHDOG_USEC": "0"},
	} {
		tick, stop := manager{func(key string) string { return env[key] }}.watchdog()
		stop()
		if tick != nil {
			t.Errorf("%s: it ticks", name)
		}
	}
	own := map[string]string{"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": strconv.Itoa(os.Getpid())}
	tick, stop := manager{func(key string) string { return own[key] }}.watchdog()
	stop()
	if tick == nil {
		t.Error("one for this process is not seen")
	}
}

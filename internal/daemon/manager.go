package daemon

import (
	"net"
	"os"
	"strconv"
	"strings"
	"time"
)

// manager is the service manager that started this process, if one did: systemd,
// by sd_notify(3). Whatever cannot be told, it finds out by not hearing it.
type manager struct{ getenv func(string) string }

// tell says how the service stands: "READY=1", ….
func (m manager) tell(lines ...string) {
	path := m.getenv("NOTIFY_SOCKET")
	if path == "" {
		return
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		return
	}
	defer conn.Close()                                     //nolint:errcheck // a datagram is sent or not
	_ = conn.SetWriteDeadline(time.Now().Add(time.Second)) // likewise
	_, _ = conn.Write([]byte(strings.Join(lines, "\n")))   // likewise
}

// watchdog ticks twice in the time after which the manager would kill a process
// that says nothing. It is nil, and never ticks, where nobody asked for it.
func (m manager) watchdog() (tick <-chan time.Time, stop func()) {
	limit, err := strconv.ParseInt(m.getenv("WATCHDOG_USEC"), 10, 64)
	pid := m.getenv("WATCHDOG_PID")
	if err != nil || limit < 2 || pid != "" && pid != strconv.Itoa(os.Getpid()) {
		return nil, func() {}
	}
	ticker := time.NewTicker(time.Duration(limit) * time.Microsecond / 2)
	return ticker.C, ticker.Stop
}

// Reloading tells the service manager that the configuration is read anew, until
// done is called.
func (d *Daemon) Reloading() (done func()) {
	d.manager.tell(append([]string{"RELOADING=1"}, monotonic()...)...)
	return func() { d.manager.tell("READY=1") }
}

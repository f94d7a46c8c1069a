package web

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// DefaultListen is where the page is served unless the configuration says
// otherwise: to this machine alone.
const DefaultListen = "127.0.0.1:7717"

// Config is the [web] table.
type Config struct {
	// Listen is host:port. Port 0 takes a free port, and the same one again
	// after a restart if it is still free. "" and "off" mean no page.
	Listen string `toml:"listen"`
	// Hosts are names by which browsers may reach the page besides its own
	// address, without port: that of a proxy or of a private network.
	Hosts []string `toml:"hosts"`
}

// DefaultConfig is what holds where the configuration says nothing.
func DefaultConfig() Config { return Config{Listen: DefaultListen} }

// Enabled reports whether there is to be a page.
func (c Config) Enabled() bool { return c.Listen != "" && c.Listen != "off" }

// Local reports whether the page stays on this machine, as far as is known
// here: it listens on loopback, and no proxy is named by which others reach it.
func (c Config) Local() bool {
	host, _, _ := net.SplitHostPort(c.Listen)
	name, _ := hostName(host)
	ip, err := netip.ParseAddr(name)
	return len(c.Hosts) == 0 && (name == "localhost" || err == nil && ip.IsLoopback())
}

// Validate returns an error that names the key which is wrong.
func (c Config) Validate() error {
	if !c.Enabled() {
		return nil
	}
	_, port, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return fmt.Errorf(`cannot use [web] listen = %q: it is host:port, as in %q, or "off"`, c.Listen, DefaultListen)
	}
	if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 {
		return fmt.Errorf("cannot use [web] listen = %q: the port is a number from 0 to 65535", c.Listen)
	}
	for _, host := range c.Hosts {
		if name, ok := hostName(host); !ok || strings.ContainsAny(host, "/@ *") || name != strings.Trim(strings.ToLower(host), "[]") {
			return fmt.Errorf("cannot use [web] hosts with %q: each is a host's name or address alone, as in \"desk.tail1234.ts.net\"", host)
		}
	}
	return nil
}

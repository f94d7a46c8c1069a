package preview

import (
	"strings"

	"claude-permission-daemon/internal/webaddress"
)

// address warns of an address that is not what it looks like, or that carries
// a secret away.
func (d *drawing) address(address string) {
	a := webaddress.Read(address)
	if !a.Plain() || strings.Contains(a.Host, "xn--") {
		d.warn(strangeHost, d.say(a.Host))
	}
	if a.User {
		d.warn(userInAddress, d.say(a.Host))
	}
	if a.Odd {
		d.warn(oddAddress, d.say(a.Host))
	}
	if len(d.o.Mask.Find(address)) > 0 {
		d.warn(secretSent, d.say(a.Host))
	}
}

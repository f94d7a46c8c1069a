package rules

import (
	"fmt"
	"net/netip"
	"strings"

	"claude-permission-daemon/internal/permit"
	"claude-permission-daemon/internal/webaddress"
)

// webFetch matches WebFetch(domain:host).
func webFetch(s string, r permit.Request, _ World) bool {
	want, ok := strings.CutPrefix(s, "domain:")
	if !ok {
		return false
	}
	address, ok := text(r, "url")
	if !ok {
		return false
	}
	host, clear := host(address)
	want = domain(want)
	if !clear || want == "*" {
		return true
	}
	if !plain(want) && strings.Contains(host, "xn--") {
		return true // the rule is in letters, the host in their encoded form
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		if wanted, err := netip.ParseAddr(strings.Trim(want, "[]")); err == nil {
			return ip.Unmap() == wanted.Unmap()
		}
	}
	if under, ok := strings.CutPrefix(want, "*."); ok && !strings.Contains(under, "*") {
		return strings.HasSuffix(host, "."+under)
	}
	labels, wants := strings.Split(host, "."), strings.Split(want, ".")
	if len(labels) != len(wants) {
		return false
	}
	for i := range labels {
		if !glob(wants[i], labels[i]) {
			return false
		}
	}
	return true
}

// plain reports whether a rule's host is in letters that are not mapped.
func plain(want string) bool {
	return webaddress.Address{Host: strings.ReplaceAll(want, "*", "")}.Plain()
}

func domain(s string) string {
	return strings.ToLower(strings.TrimSuffix(strings.TrimSpace(s), "."))
}

// host is where an address leads. It is clear only if nothing is left to be
// mapped on the way: letters beyond ASCII become others, and so do numbers.
func host(address string) (host string, clear bool) {
	a := webaddress.Read(address)
	if a.Host == "" { // localhost:3000/x
		a = webaddress.Read("https://" + address)
	}
	host = domain(strings.Trim(a.Host, "[]"))
	return host, host != "" && (a.Scheme == "http" || a.Scheme == "https") && a.Plain() && !a.OddNumber()
}

func checkDomain(s string) error {
	if name, _, ok := splitParameter(s); !ok || name == "domain" && strings.ContainsAny(s[len("domain:"):], "/ ") {
		return fmt.Errorf("write WebFetch(domain:host)")
	}
	return nil
}

package rules

import (
	"fmt"
	"net/netip"
	"net/url"
	"strings"

	"claude-permission-daemon/internal/permit"
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
	if strings.Trim(want, plainHost+"*:[]") != "" && strings.Contains(host, "xn--") {
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

func domain(s string) string {
	return strings.ToLower(strings.TrimSuffix(strings.TrimSpace(s), "."))
}

const plainHost = "abcdefghijklmnopqrstuvwxyz0123456789-_."

// host is where an address leads, read as a browser and Claude Code read it
// (WHATWG URL), not as RFC 3986 has it: blanks around it and tabs and newlines
// in it do not count, "\" is "/", and after https: there may be any number of
// them; what stands before the last "@" is a user. It is clear only if nothing
// is left to be mapped: letters beyond ASCII become others on the way, and so
// do numbers.
func host(address string) (host string, clear bool) {
	address = strings.Trim(address, "\x00\x01\x02\x03\x04\x05\x06\x07\x08\t\n\v\f\r\x0e\x0f\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f ")
	address = strings.NewReplacer("\t", "", "\n", "", "\r", "", `\`, "/").Replace(address)
	if scheme, rest, ok := strings.Cut(address, ":"); ok {
		switch {
		case strings.EqualFold(scheme, "http") || strings.EqualFold(scheme, "https"):
			address = rest
		case strings.HasPrefix(rest, "//"):
			return "", false // no telling what is fetched
		}
	}
	address = strings.TrimLeft(address, "/")
	if end := strings.IndexAny(address, "/?#"); end >= 0 {
		address = address[:end]
	}
	address = address[strings.LastIndexByte(address, '@')+1:]
	address, err := url.PathUnescape(address)
	if err != nil {
		return "", false
	}
	if inside, ok := strings.CutPrefix(address, "["); ok {
		inside, port, _ := strings.Cut(inside, "]")
		ip, err := netip.ParseAddr(inside)
		return ip.String(), err == nil && strings.Trim(port, ":0123456789") == ""
	}
	address, port, _ := strings.Cut(address, ":")
	host = domain(address)
	last := host[strings.LastIndexByte(host, '.')+1:]
	if number := last == "" || strings.Trim(last, "0123456789") == "" || strings.HasPrefix(last, "0x"); number {
		_, err := netip.ParseAddr(host)
		return host, err == nil // 0x7f.1 is an address too
	}
	return host, strings.Trim(host, plainHost) == "" && strings.Trim(port, "0123456789") == ""
}

func checkDomain(s string) error {
	if name, _, ok := splitParameter(s); !ok || name == "domain" && strings.ContainsAny(s[len("domain:"):], "/ ") {
		return fmt.Errorf("write WebFetch(domain:host)")
	}
	return nil
}

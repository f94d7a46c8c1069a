package preview

import (
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// address warns of an address that is not what it looks like, or that carries
// a secret away.
func (d *drawing) address(address string) {
	a := readAddress(address)
	if !a.plain() {
		d.warn(strangeHost, d.say(a.host))
	}
	if a.user {
		d.warn(userInAddress, d.say(a.host))
	}
	if a.odd {
		d.warn(oddAddress, d.say(a.host))
	}
	if len(d.o.Mask.Find(address)) > 0 {
		d.warn(secretSent, d.say(a.host))
	}
}

// webAddress is what a browser, and Claude Code, reads out of an address.
type webAddress struct {
	host string // in lower case; empty: there is none
	user bool   // a user name stands before it
	odd  bool   // it is written so that another part may be taken for the host
}

// webSchemes are those after which any number of slashes, backslashes too,
// stands before the host.
var webSchemes = []string{"http", "https", "ws", "wss", "ftp"}

// readAddress reads an address by the rules of browsers (url.spec.whatwg.org),
// which differ from those of RFC 3986 where it matters to whoever is misled:
// "https:\\example.com", "https:///example.com", a line break inside.
func readAddress(address string) webAddress {
	var a webAddress
	address = strings.TrimFunc(address, func(r rune) bool { return r <= ' ' })
	clean := strings.NewReplacer("\t", "", "\r", "", "\n", "").Replace(address)
	scheme, rest, ok := strings.Cut(clean, ":")
	if !ok {
		return a
	}
	ends := "/?#"
	if slices.Contains(webSchemes, strings.ToLower(scheme)) {
		ends = `/\?#`
		after := strings.TrimLeft(rest, `/\`)
		a.odd = rest[:len(rest)-len(after)] != "//"
		rest = after
	} else if rest, ok = strings.CutPrefix(rest, "//"); !ok {
		return a // it has no host
	}
	end := strings.IndexAny(rest, ends)
	if end < 0 {
		end = len(rest)
	}
	a.odd = a.odd || clean != address || strings.HasPrefix(rest[end:], `\`)
	host := rest[:end]
	if at := strings.LastIndexByte(host, '@'); at >= 0 {
		a.user, host = true, host[at+1:]
	}
	if port := strings.LastIndexByte(host, ':'); port > strings.LastIndexByte(host, ']') {
		host = host[:port]
	}
	a.host = strings.ToLower(host)
	if decoded, err := url.PathUnescape(a.host); err == nil && decoded != a.host {
		a.odd, a.host = true, strings.ToLower(decoded)
	}
	a.odd = a.odd && a.host != "" || oddNumber(a.host)
	return a
}

// plain reports whether the host is made of what no other sign is mistaken for.
func (a webAddress) plain() bool {
	host := strings.TrimSuffix(strings.TrimPrefix(a.host, "["), "]")
	return strings.Trim(host, "abcdefghijklmnopqrstuvwxyz0123456789.-_:") == "" && !strings.Contains(host, "xn--")
}

// oddNumber reports whether host is the number of a machine, but not as four
// numbers with dots: 0x7f000001, 2130706433, 127.1.
func oddNumber(host string) bool {
	labels := strings.Split(strings.TrimSuffix(host, "."), ".")
	last := labels[len(labels)-1]
	digits, hex := strings.CutPrefix(last, "0x")
	if last == "" || strings.Trim(digits, "0123456789") != "" && (!hex || strings.Trim(digits, "0123456789abcdef") != "") {
		return false
	}
	_, err := netip.ParseAddr(host)
	return err != nil
}

// Package webaddress reads addresses as browsers and Claude Code do
// (url.spec.whatwg.org), not as RFC 3986 has them. They differ where it matters
// to whoever is misled: "https:\\example.com", "https:///example.com", a line
// break inside. It imports nothing of ours.
package webaddress

import (
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// Address is what a browser reads out of an address.
type Address struct {
	Scheme string // in lower case; empty: there is none
	Host   string // in lower case, percent-decoded, without the port; empty: there is none
	User   bool   // a user name stands before the host
	Odd    bool   // it is written so that another part may be taken for the host
}

// slashed are the schemes after which any number of slashes, backslashes too,
// stands before the host.
var slashed = []string{"http", "https", "ws", "wss", "ftp"}

// Read reads an address. What it cannot read has no host, or one that is not
// Plain.
func Read(address string) Address {
	var a Address
	address = strings.TrimFunc(address, func(r rune) bool { return r <= ' ' })
	clean := strings.NewReplacer("\t", "", "\r", "", "\n", "").Replace(address)
	scheme, rest, ok := strings.Cut(clean, ":")
	if !ok {
		return a
	}
	a.Scheme = strings.ToLower(scheme)
	ends := "/?#"
	if slices.Contains(slashed, a.Scheme) {
		ends = `/\?#`
		after := strings.TrimLeft(rest, `/\`)
		a.Odd = rest[:len(rest)-len(after)] != "//"
		rest = after
	} else if rest, ok = strings.CutPrefix(rest, "//"); !ok {
		return a
	}
	end := strings.IndexAny(rest, ends)
	if end < 0 {
		end = len(rest)
	}
	a.Odd = a.Odd || clean != address || strings.HasPrefix(rest[end:], `\`)
	host := rest[:end]
	if at := strings.LastIndexByte(host, '@'); at >= 0 {
		a.User, host = true, host[at+1:]
	}
	if port := strings.LastIndexByte(host, ':'); port > strings.LastIndexByte(host, ']') {
		host = host[:port]
	}
	a.Host = strings.ToLower(host)
	if decoded, err := url.PathUnescape(a.Host); err == nil && decoded != a.Host {
		a.Odd, a.Host = true, strings.ToLower(decoded)
	}
	a.Odd = a.Odd && a.Host != "" || a.OddNumber()
	return a
}

// Plain reports whether the host is made of signs that are not mapped to others
// on the way. ("xn--…" is what other letters were mapped to.)
func (a Address) Plain() bool {
	host := strings.TrimSuffix(strings.TrimPrefix(a.Host, "["), "]")
	return strings.Trim(host, "abcdefghijklmnopqrstuvwxyz0123456789.-_:") == ""
}

// OddNumber reports whether the host is the number of a machine, but not as four
// numbers with dots: 0x7f000001, 2130706433, 127.1.
func (a Address) OddNumber() bool {
	labels := strings.Split(strings.TrimSuffix(a.Host, "."), ".")
	last := labels[len(labels)-1]
	digits, hex := strings.CutPrefix(last, "0x")
	if last == "" || strings.Trim(digits, "0123456789") != "" && (!hex || strings.Trim(digits, "0123456789abcdef") != "") {
		return false
	}
	_, err := netip.ParseAddr(a.Host)
	return err != nil
}

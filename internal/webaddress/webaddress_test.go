package webaddress

import (
	"net/url"
	"strings"
	"testing"
)

// FuzzRead: an address of the plainest form is read as the standard library
// reads it, and none makes it panic or leaves a slash in the host.
func FuzzRead(f *testing.F) {
	for _, seed := range []string{"https://example.com/a?b#c", "http://u:p@[::1]:80/", `https:\\a\@b/`, "https:///a", "https://a%2eb", "https://0x7f.1", "a.example", "mailto:x", ""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, address string) {
		a := Read(address)
		if strings.ContainsAny(a.Scheme, ":") || a.Host != strings.ToLower(a.Host) {
			t.Errorf("%q is read as %+v", address, a)
		}
		u, err := url.Parse(address)
		plain := err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && u.User == nil && !strings.ContainsAny(address, "\\%\t\r\n ")
		if plain && strings.Trim(a.Host, "[]") != strings.ToLower(u.Hostname()) {
			t.Errorf("%q leads to %q, not %q", address, a.Host, u.Hostname())
		}
	})
}

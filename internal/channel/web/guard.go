package web

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"claude-permission-daemon/internal/secret"
)

// guard decides which requests reach the page. The secret in the link is what
// lets a person in. The rest is against other pages in that person's browser,
// which can send requests here and may have learned the link: the name under
// which we were reached must be ours (a name of an attacker's can be made to
// point at this address), and nothing is done at another origin's request.
type guard struct {
	token secret.Text
	names map[string]bool // hosts that are ours
	anyIP bool            // on all interfaces: every address is one of ours
}

// newGuard makes the guard of a listener that was asked for as listen and got
// the address addr.
func newGuard(token secret.Text, listen string, addr net.Addr, hosts []string) guard {
	g := guard{token: token, names: make(map[string]bool)}
	add := func(host string) {
		if name, ok := hostName(host); ok {
			g.names[name] = true
		}
	}
	asked, _, _ := net.SplitHostPort(listen)
	add(asked)
	local := true
	if ap, err := netip.ParseAddrPort(addr.String()); err == nil {
		ip := ap.Addr().Unmap()
		g.anyIP = ip.IsUnspecified()
		local = g.anyIP || ip.IsLoopback()
		add(ip.WithZone("").String())
	}
	if local {
		add("localhost")
		add("127.0.0.1")
		add("::1")
	}
	for _, host := range hosts {
		add(host)
	}
	return g
}

// hostName is the host of host, host:port, [v6] or [v6]:port in the form in
// which names compare equal.
func hostName(hostport string) (string, bool) {
	host := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		host = h
	} else if strings.HasPrefix(host, "[") && strings.HasSuffix(host, "]") {
		host = host[1 : len(host)-1]
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.Unmap().String(), true
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	return host, host != "" && !strings.ContainsAny(host, ":[]")
}

// ours reports whether a Host header names this page.
func (g guard) ours(hostport string) bool {
	name, ok := hostName(hostport)
	if !ok {
		return false
	}
	if g.names[name] {
		return true
	}
	_, err := netip.ParseAddr(name)
	return g.anyIP && err == nil
}

// refuse says why a request must not pass, as an HTTP status; 0: it may.
func (g guard) refuse(r *http.Request) (status int, why string) {
	if !g.ours(r.Host) {
		return http.StatusMisdirectedRequest, "This page does not answer to that name. Open the link that `status` shows, or list the name under [web] hosts."
	}
	site := r.Header.Get("Sec-Fetch-Site")
	if origins, sent := r.Header["Origin"]; sent && (len(origins) != 1 || !sameOrigin(origins[0], r.Host)) {
		return http.StatusForbidden, "Refused: the request comes from another page."
	}
	// A browser that says where a request comes from is believed when that is
	// elsewhere. Following a link here from elsewhere is what links are for.
	follows := r.Method == http.MethodGet && r.Header.Get("Sec-Fetch-Mode") == "navigate"
	if site != "" && site != "same-origin" && site != "none" && !follows {
		return http.StatusForbidden, "Refused: the request comes from another page."
	}
	return 0, ""
}

// sameOrigin reports whether an Origin header is that of the page itself,
// which was reached as host. A proxy may have taken the TLS off, so both
// schemes are ours. "null" is nobody's.
func sameOrigin(origin, host string) bool {
	u, err := url.Parse(origin)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && strings.EqualFold(u.Host, host)
}

// enter takes the secret off a path: "/SECRET/rest" gives "rest". Bare is true
// for "/SECRET", which lacks the slash that relative links need.
func (g guard) enter(path string) (rest string, bare, ok bool) {
	token, rest, slash := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	return rest, !slash, g.token.Is(token)
}

// policy is what the browser may do with the page: draw it, with our own style
// and script, and send its forms back to us.
const policy = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; " +
	"form-action 'self'; frame-ancestors 'none'; base-uri 'none'"

// protect sets the headers that every response has. The link never goes
// elsewhere as a referrer; within the page it may, as with "no-referrer" a
// browser says "Origin: null" of our own plain forms.
func protect(h http.Header) {
	h.Set("Content-Security-Policy", policy)
	h.Set("Referrer-Policy", "same-origin")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Cache-Control", "no-store")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("X-Robots-Tag", "noindex")
}

package rules

import (
	"fmt"
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
	u, err := url.Parse(strings.TrimSpace(address))
	if err != nil || u.Hostname() == "" {
		// No telling where it leads: Claude Code completes some addresses.
		u, err = url.Parse("https://" + strings.TrimSpace(address))
		if err != nil {
			return true
		}
	}
	host := strings.ToLower(strings.TrimSuffix(u.Hostname(), "."))
	want = strings.ToLower(strings.TrimSuffix(strings.TrimSpace(want), "."))
	if want == "*" {
		return true
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

func checkDomain(s string) error {
	if name, _, ok := splitParameter(s); !ok || name == "domain" && strings.ContainsAny(s[len("domain:"):], "/ ") {
		return fmt.Errorf("write WebFetch(domain:host)")
	}
	return nil
}

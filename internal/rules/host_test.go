package rules

import (
	"fmt"
	"testing"
)

// An address is matched by where Claude Code goes for it.
func TestHosts(t *testing.T) {
	tests := []struct {
		rule     string
		match    []string
		mismatch []string
	}{
		{
			"WebFetch(domain:evil.com)",
			[]string{
				"https://evil.com", "http://EVIL.com.:443/x", "evil.com/x", "https:///evil.com/", "https:/evil.com/x", "https:evil.com/x", "https:\\\\evil.com", "https://evil.com\\@good.com/", "https://good.com@evil.com/x",
				"https://a@b@evil.com", "https://evil.com?@good.com", "https://evil.com#@good.com", " https://evil.com", "\x00https://evil.com", "ht\ntps://ev\til.com", "https://evil%2ecom/", "https://%65vil.com",
				"https://ｅｖｉｌ.com/", "https://evil。com/", "https://e\u00advil.com/", "https://ev%zz.com", "ftp://x/", "HTTPS://evil.com",
			},
			[]string{"https://good.com", "https://a.evil.com/x", "https://evil.com@good.com/x", "https://evil.com.good.com", "https://good.com/?u=https://evil.com", "https://good.com#evil.com", "https://xn--bcher-kva.example", "http://[::1]/", "http://127.0.0.1", "localhost:3000/x", "https://a_b.example"},
		},
		{"WebFetch(domain:Example.com.)", []string{"https://example.com"}, nil},
		{"WebFetch(domain:*.example.com)", []string{"https://a.b.example.com"}, []string{"https://example.com"}},
		{"WebFetch(domain:example.*)", []string{"https://example.org"}, []string{"https://example.evil.com"}},
		{"WebFetch(domain:*)", []string{"https://x"}, nil},
		{"WebFetch(domain:127.0.0.1)", []string{"http://127.0.0.1:80/", "http://127.1", "http://0x7f.0.0.1", "http://2130706433", "http://[::ffff:127.0.0.1]"}, []string{"http://127.0.0.2"}},
		{"WebFetch(domain:[::1])", []string{"http://[::1]:80/", "http://[0:0:0:0:0:0:0:1]"}, []string{"http://[::2]"}},
		{"WebFetch(domain:bücher.example)", []string{"https://bücher.example", "https://xn--bcher-kva.example"}, []string{"https://good.com"}},
	}
	for _, tt := range tests {
		rule, err := Parse(tt.rule)
		if err != nil {
			t.Fatal(err)
		}
		of := func(url string) bool {
			return rule.Match(request("WebFetch", fmt.Sprintf(`{"url":%s,"prompt":"x"}`, quote(url))), world)
		}
		for _, url := range tt.match {
			if !of(url) {
				t.Errorf("%s does not match %q", rule, url)
			}
		}
		for _, url := range tt.mismatch {
			if of(url) {
				t.Errorf("%s matches %q", rule, url)
			}
		}
	}
}

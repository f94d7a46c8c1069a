package web

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"claude-permission-daemon/internal/channel/channeltest"
	"claude-permission-daemon/internal/permit"
)

// ask sends one request with just these headers ("Host" too).
func ask(t *testing.T, method, link, body string, headers ...string) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, link, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		if headers[i] == "Host" {
			r.Host = headers[i+1]
		} else {
			r.Header.Add(headers[i], headers[i+1])
		}
	}
	resp, err := browser.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = resp.Body.Close() })
	return resp
}

func bodyOf(t *testing.T, resp *http.Response) string {
	t.Helper()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// TestGuard holds every rule about who gets in, over a real listener.
func TestGuard(t *testing.T) {
	s := serve(t, Config{Listen: "127.0.0.1:0", Hosts: []string{"Desk.tail1234.ts.net", "fd7a::1"}}, Options{})
	card := s.show(channeltest.Card("ask", "make all"))
	link, err := url.Parse(s.Status().URL)
	if err != nil {
		t.Fatal(err)
	}
	host, port, base := link.Host, link.Port(), "http://"+link.Host
	token := strings.Trim(link.Path, "/")
	const formType = "application/x-www-form-urlencoded"
	answer := form(card, permit.Deny, "").Encode()

	for _, test := range []struct {
		name    string
		method  string
		path    string
		headers []string
		want    int
	}{
		{"the link", "GET", "/" + token + "/", nil, 200},
		{"without its slash", "GET", "/" + token, nil, 308},
		{"localhost", "GET", "/" + token + "/", []string{"Host", "localhost:" + port}, 200},
		{"localhost, otherwise written", "GET", "/" + token + "/", []string{"Host", "LOCALHOST.:" + port}, 200},
		{"through a tunnel to another port", "GET", "/" + token + "/", []string{"Host", "localhost:8080"}, 200},
		{"the other loopback", "GET", "/" + token + "/", []string{"Host", "[::1]:" + port}, 200},
		{"a listed name", "GET", "/" + token + "/", []string{"Host", "desk.tail1234.ts.net"}, 200},
		{"a listed address", "GET", "/" + token + "/", []string{"Host", "[FD7A:0::1]:" + port}, 200},

		{"a name made to point here", "GET", "/" + token + "/", []string{"Host", "evil.example:" + port}, 421},
		{"a name that begins like ours", "GET", "/" + token + "/", []string{"Host", "localhost.evil.example"}, 421},
		{"a name that ends like ours", "GET", "/" + token + "/", []string{"Host", "evil-desk.tail1234.ts.net"}, 421},
		{"another address", "GET", "/" + token + "/", []string{"Host", "192.0.2.7:" + port}, 421},
		{"a wrong name without the secret", "GET", "/", []string{"Host", "evil.example"}, 421},

		{"no secret", "GET", "/", nil, 404},
		{"a wrong secret", "GET", "/" + strings.Repeat("A", len(token)) + "/", nil, 404},
		{"the start of the secret", "GET", "/" + token[:25] + "/", nil, 404},
		{"more than the secret", "GET", "/" + token + "A/", nil, 404},
		{"the secret in lower case", "GET", "/" + strings.ToLower(token) + "/", nil, 404},
		{"an empty secret", "GET", "//", nil, 404},
		{"the secret elsewhere in the path", "GET", "/x/" + token + "/", nil, 404},
		{"the secret in the query", "GET", "/?" + token, nil, 404},
		{"a part without the secret", "GET", "/page.js", nil, 404},
		{"an answer without the secret", "POST", "/answer", []string{"Content-Type", formType}, 404},
		{"an answer with a wrong secret", "POST", "/A" + token[1:] + "x/answer", []string{"Content-Type", formType}, 404},
		{"nothing of ours", "GET", "/" + token + "/web-token", nil, 404},
		{"out of the assets", "GET", "/" + token + "/../page.html", nil, 404},

		{"our own origin", "GET", "/" + token + "/cards.json", []string{"Origin", base, "Sec-Fetch-Site", "same-origin"}, 200},
		{"a foreign origin, reading", "GET", "/" + token + "/cards.json", []string{"Origin", "https://evil.example"}, 403},
		{"a foreign origin, the page", "GET", "/" + token + "/", []string{"Origin", "https://evil.example"}, 403},
		{"a foreign origin, events", "GET", "/" + token + "/events", []string{"Origin", "https://evil.example"}, 403},
		{"a foreign origin without the secret", "GET", "/", []string{"Origin", "https://evil.example"}, 403},
		{"an embedded picture", "GET", "/" + token + "/icon.svg", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "no-cors"}, 403},
		{"a followed link", "GET", "/" + token + "/", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate"}, 200},
		{"a typed address", "GET", "/" + token + "/", []string{"Sec-Fetch-Site", "none", "Sec-Fetch-Mode", "navigate"}, 200},

		{"an answer from elsewhere", "POST", "/" + token + "/answer", []string{"Content-Type", formType, "Origin", "https://evil.example"}, 403},
		{"an answer from another port", "POST", "/" + token + "/answer", []string{"Content-Type", formType, "Origin", "http://127.0.0.1:1"}, 403},
		{"an answer from nowhere", "POST", "/" + token + "/answer", []string{"Content-Type", formType, "Origin", "null"}, 403},
		{"an answer from nowhere that says it is ours", "POST", "/" + token + "/answer", []string{"Content-Type", formType, "Origin", "null", "Sec-Fetch-Site", "same-origin"}, 403},
		{"an answer from an empty origin", "POST", "/" + token + "/answer", []string{"Content-Type", formType, "Origin", ""}, 403},
		{"an answer of two origins", "POST", "/" + token + "/answer", []string{"Content-Type", formType, "Origin", base, "Origin", "https://evil.example"}, 403},
		{"an answer that the browser calls foreign", "POST", "/" + token + "/answer", []string{"Content-Type", formType, "Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate"}, 403},
		{"an answer from a neighbour", "POST", "/" + token + "/answer", []string{"Content-Type", formType, "Sec-Fetch-Site", "same-site"}, 403},
		{"an answer under a foreign name", "POST", "/" + token + "/answer", []string{"Content-Type", formType, "Host", "evil.example", "Origin", "http://evil.example"}, 421},
		{"an answer through a proxy with TLS", "POST", "/" + token + "/answer", []string{"Content-Type", formType, "Host", "desk.tail1234.ts.net", "Origin", "https://desk.tail1234.ts.net"}, 303},
		{"an answer of our own", "POST", "/" + token + "/answer", []string{"Content-Type", formType, "Origin", base, "Sec-Fetch-Site", "same-origin"}, 303},
		{"an answer of a program", "POST", "/" + token + "/answer", []string{"Content-Type", formType}, 303},

		{"an answer that is read", "GET", "/" + token + "/answer?" + answer, nil, 405},
		{"a page that is posted", "POST", "/" + token + "/", nil, 405},
		{"a page that is deleted", "DELETE", "/" + token + "/", nil, 405},
		{"half a method", "G", "/" + token + "/", nil, 405},
		{"events without a body", "HEAD", "/" + token + "/events", nil, 405},
	} {
		t.Run(test.name, func(t *testing.T) {
			before := len(s.desk.Answers())
			resp := ask(t, test.method, base+test.path, answer, test.headers...)
			body := bodyOf(t, resp)
			if resp.StatusCode != test.want {
				t.Errorf("got %s, want %d: %s", resp.Status, test.want, body)
			}
			if brought := len(s.desk.Answers()) > before; brought != (test.want == 303) {
				t.Errorf("reached the desk: %v", brought)
			}
			for name, want := range map[string]string{
				"Content-Security-Policy":      policy,
				"Referrer-Policy":              "same-origin",
				"X-Content-Type-Options":       "nosniff",
				"X-Frame-Options":              "DENY",
				"Cache-Control":                "no-store",
				"Cross-Origin-Opener-Policy":   "same-origin",
				"Cross-Origin-Resource-Policy": "same-origin",
			} {
				if got := resp.Header.Get(name); got != want {
					t.Errorf("%s is %q, want %q", name, got, want)
				}
			}
			if resp.Header.Get("Access-Control-Allow-Origin") != "" {
				t.Error("another origin is let in")
			}
			// Whoever lacks the secret learns neither it nor what is here.
			if test.want >= 400 && test.want != 405 {
				for _, telling := range []string{token, "make all", "Claude", "ermission"} {
					if strings.Contains(body, telling) || strings.Contains(fmt.Sprint(resp.Header), telling) {
						t.Errorf("a refusal tells %q: %s", telling, body)
					}
				}
			}
			if strings.Contains(body, token) {
				t.Error("the page repeats its secret")
			}
		})
	}
	if host == "" || port == "0" {
		t.Errorf("the link is %s", link)
	}
}

func TestGuardOfAllInterfaces(t *testing.T) {
	s := serve(t, Config{Listen: "0.0.0.0:0", Hosts: []string{"desk"}}, Options{})
	link, err := url.Parse(s.Status().URL)
	if err != nil {
		t.Fatal(err)
	}
	if link.Hostname() != "desk" {
		t.Errorf("the link names %q, want the first listed host", link.Hostname())
	}
	local := "http://127.0.0.1:" + link.Port() + link.Path
	for host, want := range map[string]int{
		"192.168.1.20:" + link.Port(): 200, "[fe80::1]": 200, "127.0.0.1": 200, "localhost": 200, "desk": 200,
		"evil.example": 421, "192.168.1.20.evil.example": 421, "2130706433": 421, "0x7f.1": 421,
	} {
		if got := ask(t, "GET", local, "", "Host", host).StatusCode; got != want {
			t.Errorf("as %s: %d, want %d", host, got, want)
		}
	}
}

func TestGuardOfOneAddress(t *testing.T) {
	addr := &net.TCPAddr{IP: net.ParseIP("192.168.1.20"), Port: 7717}
	g := newGuard(testToken, "desk.lan:7717", addr, nil)
	for host, want := range map[string]bool{
		"desk.lan:7717": true, "DESK.LAN": true, "192.168.1.20:7717": true, "[::ffff:192.168.1.20]:7717": true,
		"localhost:7717": false, "127.0.0.1": false, "192.168.1.21": false, "": false, ":7717": false, "[": false, "a:b:c": false,
	} {
		if got := g.ours(host); got != want {
			t.Errorf("ours(%q) = %v, want %v", host, got, want)
		}
	}
}

// TestLinkOnAllInterfaces: the link has an address that another device can use,
// if this machine has one.
func TestLinkOnAllInterfaces(t *testing.T) {
	s := serve(t, Config{Listen: ":0"}, Options{})
	link, err := url.Parse(s.Status().URL)
	if err != nil {
		t.Fatal(err)
	}
	if host := link.Hostname(); host == "" || host == "0.0.0.0" || host == "::" {
		t.Errorf("the link is %s", link)
	}
	conn, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", link.Host)
	if err != nil {
		t.Errorf("nothing answers at the link: %v", err)
	} else {
		_ = conn.Close()
	}
}

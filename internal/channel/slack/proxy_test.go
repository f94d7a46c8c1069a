package slack

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"claude-permission-daemon/internal/channel"
	"claude-permission-daemon/internal/channel/channeltest"
	"claude-permission-daemon/internal/channel/slack/slacktest"
	"claude-permission-daemon/internal/secret"
)

// TestThroughAProxy: with a proxy in the environment, both the Web API and the
// link go through it, by TLS, as from a company's network. The environment is
// read once in a process, so this takes another one.
func TestThroughAProxy(t *testing.T) {
	srv := workspace(t, slacktest.Options{})
	front := httptest.NewUnstartedServer(frontOf(t, srv))
	front.EnableHTTP2 = true // as Slack's is; a socket must not be opened by it
	front.TLS = &tls.Config{Certificates: []tls.Certificate{certificate(t, "slack.example", "wss.slack.example")}}
	front.StartTLS()
	t.Cleanup(front.Close)

	var mu sync.Mutex
	asked := map[string]int{}
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		asked[r.Method+" "+r.Host]++
		mu.Unlock()
		tunnel(t, w, front.Listener.Addr().String())
	}))
	t.Cleanup(proxy.Close)

	authority := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(authority, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: front.TLS.Certificates[0].Certificate[0]}), 0o600); err != nil {
		t.Fatal(err)
	}
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestProxyChild$", "-test.v")
	child.Env = append(os.Environ(), "CPD_PROXY_CHILD=1", "HTTPS_PROXY="+proxy.URL, "https_proxy="+proxy.URL, "NO_PROXY=", "no_proxy=", "SSL_CERT_FILE="+authority, "SSL_CERT_DIR="+t.TempDir(),
		"SLACK_BOT="+srv.Options().BotToken, "SLACK_APP="+srv.Options().AppToken)
	out, err := child.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "the channel is ready") {
		t.Fatalf("the channel behind a proxy: %v\n%s", err, out)
	}
	mu.Lock()
	defer mu.Unlock()
	if asked["CONNECT slack.example:443"] == 0 || asked["CONNECT wss.slack.example:443"] == 0 || len(asked) != 2 {
		t.Errorf("the proxy was asked for %v", asked)
	}
}

// TestProxyChild is the other process.
func TestProxyChild(t *testing.T) {
	if os.Getenv("CPD_PROXY_CHILD") == "" {
		t.Skip("part of TestThroughAProxy")
	}
	c := newChannel(t, Config{
		BotToken: secret.Of(os.Getenv("SLACK_BOT")), AppToken: secret.Of(os.Getenv("SLACK_APP")),
		Channel: alice, APIURL: "https://slack.example/api/",
	}, Options{})
	end := start(t, c, &channeltest.Desk{})
	defer end()
	for range 3000 {
		if c.Status().State == channel.Ready {
			fmt.Println("the channel is ready")
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("%+v", c.Status())
}

// frontOf is the TLS side of a loopback Slack, which names its sockets as if it
// were on the internet.
func frontOf(t *testing.T, srv *slacktest.Server) http.Handler {
	t.Helper()
	base, err := url.Parse(srv.URL())
	if err != nil {
		t.Fatal(err)
	}
	back := &url.URL{Scheme: "http", Host: base.Host}
	return &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(back)
			r.Out.Header.Del("Accept-Encoding")
		},
		ModifyResponse: func(r *http.Response) error {
			if r.StatusCode == http.StatusSwitchingProtocols {
				return nil
			}
			body, err := io.ReadAll(r.Body)
			body = bytes.ReplaceAll(body, []byte("ws://"+base.Host), []byte("wss://wss.slack.example"))
			r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
			r.Header.Set("Content-Length", fmt.Sprint(len(body)))
			return err
		},
	}
}

// tunnel answers a CONNECT with a connection to where.
func tunnel(t *testing.T, w http.ResponseWriter, where string) {
	there, err := net.Dial("tcp", where)
	if err != nil {
		t.Error(err)
		return
	}
	here, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		t.Error(err)
		return
	}
	_, _ = io.WriteString(here, "HTTP/1.1 200 Connection established\r\n\r\n")
	var both sync.WaitGroup
	for _, way := range [][2]net.Conn{{here, there}, {there, here}} {
		both.Go(func() {
			_, _ = io.Copy(way[0], way[1])
			_ = way[0].Close()
		})
	}
	both.Wait()
}

// certificate is a new one that signs itself.
func certificate(t *testing.T, names ...string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: names[0]}, DNSNames: names,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

package web

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"claude-permission-daemon/internal/channel"
	"claude-permission-daemon/internal/channel/channeltest"
	"claude-permission-daemon/internal/secret"
)

var testToken = secret.Of("SECRETSECRETSECRETSECRET12")

func TestToken(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state", "daemon")
	first, err := loadToken(dir)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, tokenFile)
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("the secret has mode %v", info.Mode())
	}
	if folder, err := os.Stat(dir); err != nil || folder.Mode().Perm() != 0o700 {
		t.Errorf("its folder has mode %v (%v)", folder.Mode(), err)
	}
	if len(first.Reveal()) < 26 { // 32 letters and digits: 5 bits each
		t.Errorf("the secret has %d characters, too few for 128 bits", len(first.Reveal()))
	}

	if err := os.Chmod(path, 0o644); err != nil { // as a careless copy would
		t.Fatal(err)
	}
	again, err := loadToken(dir)
	if err != nil || !again.Equal(first) {
		t.Errorf("the secret changed (%v)", err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("a secret that others could read stays so: %v (%v)", info.Mode(), err)
	}

	for _, content := range []string{"short", "with/slash/aaaaaaaaaaaaaaaaaaaaaa", strings.Repeat("é", 30)} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := loadToken(dir); err == nil {
			t.Errorf("%q is taken for a secret (%q)", content, got.Reveal())
		} else if strings.Contains(err.Error(), content) {
			t.Errorf("the error tells what is in the file: %v", err)
		}
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil { // cut short by a crash
		t.Fatal(err)
	}
	if got, err := loadToken(dir); err != nil || got.Empty() || got.Equal(first) {
		t.Errorf("an empty file gives %q (%v), want a new secret", got.Reveal(), err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".*")); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

// A link that cannot be kept holds until the daemon ends.
func TestTokenCannotBeKept(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	c, err := New(DefaultConfig(), Options{State: file, Log: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil || len(c.token.Reveal()) < 22 {
		t.Fatalf("New without a place for the secret: %v", err)
	}
	if !strings.Contains(log.String(), "another one after a restart") {
		t.Errorf("the log does not say so: %s", &log)
	}
}

// TestSecretStaysSecret: only the status has the link.
func TestSecretStaysSecret(t *testing.T) {
	var log bytes.Buffer
	s := serve(t, Config{Listen: "127.0.0.1:0"}, Options{Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	token := s.token.Reveal()
	link := s.Status().URL
	if !strings.Contains(link, "/"+token+"/") {
		t.Fatalf("the link %s lacks the secret", link)
	}
	ask(t, "GET", link, "")
	ask(t, "POST", link+"answer", "x", "Content-Type", "nonsense")
	printed := fmt.Sprintf("%v %+v %#v", s.token, s.currentGuard(), s.cfg)
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	for what, text := range map[string]string{"the log": log.String(), "what %v prints": printed} {
		if strings.Contains(text, token) {
			t.Errorf("%s has the secret: %s", what, text)
		}
	}
}

func portOf(t *testing.T, s *stage) string {
	t.Helper()
	link, err := url.Parse(s.Status().URL)
	if err != nil {
		t.Fatal(err)
	}
	return link.Port()
}

// TestLinkStays: a phone can keep the link, also where any free port would do.
func TestLinkStays(t *testing.T) {
	state := t.TempDir()
	first := serve(t, Config{Listen: "127.0.0.1:0"}, Options{State: state})
	link := first.Status().URL
	if err := first.stop(); err != nil {
		t.Fatal(err)
	}
	second := serve(t, Config{Listen: "127.0.0.1:0"}, Options{State: state})
	if got := second.Status().URL; got != link {
		t.Errorf("the link was %s and is %s", link, got)
	}
	if err := second.stop(); err != nil {
		t.Fatal(err)
	}

	// Taken by another program meanwhile: another port, the same secret.
	squatter, err := net.Listen("tcp", "127.0.0.1:"+portOf(t, second))
	if err != nil {
		t.Fatal(err)
	}
	defer squatter.Close()
	third := serve(t, Config{Listen: "127.0.0.1:0"}, Options{State: state})
	if portOf(t, third) == portOf(t, second) || !strings.Contains(third.Status().URL, third.token.Reveal()) {
		t.Errorf("the link is %s beside a taken port", third.Status().URL)
	}

	for _, content := range []string{"", "no number", "0", "-1", "70000"} {
		if err := os.WriteFile(filepath.Join(state, portFile), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := lastPort(state); got != 0 {
			t.Errorf("%q is taken for port %d", content, got)
		}
	}
}

// TestPortCannotBeKept: the page is served all the same.
func TestPortCannotBeKept(t *testing.T) {
	state := t.TempDir()
	if err := os.Mkdir(filepath.Join(state, portFile), 0o700); err != nil {
		t.Fatal(err)
	}
	s := serve(t, Config{Listen: "127.0.0.1:0"}, Options{State: state})
	if got := ask(t, "GET", s.Status().URL, "").StatusCode; got != 200 {
		t.Errorf("the page gives %d", got)
	}
	if left, _ := filepath.Glob(filepath.Join(state, ".*")); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

func TestTakenPort(t *testing.T) {
	squatter, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer squatter.Close()
	ch, err := New(Config{Listen: squatter.Addr().String()}, Options{State: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	if st := ch.Status(); st.State != channel.Connecting || st.URL != "" {
		t.Errorf("before listening the status is %+v", st)
	}
	ch.Show(channeltest.Card("ask", "make all"))
	if err := ch.Listen(); err == nil || !strings.Contains(err.Error(), "address already in use") {
		t.Errorf("Listen on a taken port: %v", err)
	}
	st := ch.Status()
	if st.State != channel.Down || !strings.Contains(st.Detail, "address already in use") || st.URL != "" {
		t.Errorf("on a taken port the status is %+v", st)
	}
	desk := &channeltest.Desk{}
	if err := ch.Run(context.Background(), desk); err == nil {
		t.Error("Run serves a page on a taken port")
	}
	if len(desk.Failures("ask")) != 1 || len(desk.Posts("ask")) != 0 {
		t.Errorf("a request that nobody can see was posted %q, failed %v", desk.Posts("ask"), desk.Failures("ask"))
	}
}

// TestLostListener: a page that can be served no more says so.
func TestLostListener(t *testing.T) {
	ch, err := New(Config{Listen: "127.0.0.1:0"}, Options{State: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	if err := ch.Listen(); err != nil {
		t.Fatal(err)
	}
	if err := ch.ln.Close(); err != nil {
		t.Fatal(err)
	}
	if err := ch.Run(context.Background(), &channeltest.Desk{}); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Run ends with %v", err)
	}
	if st := ch.Status(); st.State != channel.Down || !strings.Contains(st.Detail, "any more") {
		t.Errorf("the status is %+v", st)
	}
}

func TestConfig(t *testing.T) {
	for _, test := range []struct {
		cfg     Config
		enabled bool
		local   bool
		err     string // part of it
	}{
		{DefaultConfig(), true, true, ""},
		{Config{Listen: "127.0.0.1:0"}, true, true, ""},
		{Config{Listen: "[::1]:7717"}, true, true, ""},
		{Config{Listen: "localhost:7717"}, true, true, ""},
		{Config{Listen: "127.0.0.1:7717", Hosts: []string{"desk.tail1234.ts.net"}}, true, false, ""},
		{Config{Listen: "0.0.0.0:7717", Hosts: []string{"desk", "192.168.1.20", "fd7a::1", "[fd7a::2]"}}, true, false, ""},
		{Config{Listen: ":7717"}, true, false, ""},
		{Config{Listen: "desk:7717"}, true, false, ""},
		{Config{}, false, false, ""},
		{Config{Listen: "off"}, false, false, ""},
		{Config{Listen: "7717"}, true, false, "host:port"},
		{Config{Listen: "127.0.0.1"}, true, false, "host:port"},
		{Config{Listen: "127.0.0.1:http"}, true, true, "the port is a number"},
		{Config{Listen: "127.0.0.1:70000"}, true, true, "the port is a number"},
		{Config{Listen: "127.0.0.1:0", Hosts: []string{"https://desk"}}, true, false, `"https://desk"`},
		{Config{Listen: "127.0.0.1:0", Hosts: []string{"desk:7717"}}, true, false, `"desk:7717"`},
		{Config{Listen: "127.0.0.1:0", Hosts: []string{""}}, true, false, `""`},
		{Config{Listen: "127.0.0.1:0", Hosts: []string{"*.example"}}, true, false, `"*.example"`},
	} {
		if got := test.cfg.Enabled(); got != test.enabled {
			t.Errorf("%+v is enabled: %v", test.cfg, got)
		}
		if got := test.cfg.Local(); got != test.local {
			t.Errorf("%+v is local: %v", test.cfg, got)
		}
		err := test.cfg.Validate()
		if test.err == "" && err != nil || test.err != "" && (err == nil || !strings.Contains(err.Error(), test.err)) {
			t.Errorf("%+v: the error is %v, want %q in it", test.cfg, err, test.err)
		}
		_, newErr := New(test.cfg, Options{State: t.TempDir()})
		if ok := newErr == nil; ok != (test.enabled && test.err == "") {
			t.Errorf("New(%+v) gives %v", test.cfg, newErr)
		}
	}
}

//go:build linux

package x11

import (
	"bufio"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"claude-permission-daemon/internal/presence"
	"claude-permission-daemon/internal/presence/presencetest"
)

const pause = 200 * time.Millisecond

func env(pairs ...string) func(string) string {
	m := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i]] = pairs[i+1]
	}
	return func(key string) string { return m[key] }
}

func TestRealXvfb(t *testing.T) {
	presencetest.Run(t, func(t *testing.T) presencetest.Rig {
		x := presencetest.StartXvfb(t)
		return presencetest.Rig{
			Source:  New(env("DISPLAY", x.Display+".0")),
			Pause:   pause,
			Input:   func(t testing.TB) { x.Move(t) },
			Lose:    func(testing.TB) { x.Kill() },
			Restore: func(t testing.TB) { x.Start(t) },
		}
	})
}

// A daemon that starts while nobody is there knows it at once, and a service
// without DISPLAY finds the server.
func TestIdleBeforeTheStart(t *testing.T) {
	x := presencetest.StartXvfb(t)
	x.Move(t)
	moved := time.Now()
	time.Sleep(2 * pause)
	s := New(env())
	s.sockets = filepath.Join(presencetest.RuntimeDir(t)) // no other server of this machine
	if err := os.Symlink("/tmp/.X11-unix/X"+x.Display[1:], filepath.Join(s.sockets, "X"+x.Display[1:])); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(s.sockets, "Xnone"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	r := presencetest.Start(t, presencetest.Rig{Source: s, Pause: pause})
	first := r.First()
	if first.State != presence.Idle || first.At.After(moved.Add(50*time.Millisecond)) {
		t.Errorf("%+v, want idle since %v", first, moved)
	}
}

func TestCookie(t *testing.T) {
	dir := t.TempDir()
	secret := []byte("0123456789abcdef")
	auth := (&presencetest.Xvfb{Display: ":0"}).Authority(t, dir, secret)
	x := presencetest.StartXvfb(t, "-auth", auth)
	right := x.Authority(t, t.TempDir(), secret)
	wrong := x.Authority(t, t.TempDir(), []byte("fedcba9876543210"))

	r := presencetest.Start(t, presencetest.Rig{Source: New(env("DISPLAY", x.Display, "XAUTHORITY", right)), Pause: pause})
	r.First()
	r.Stop()
	r = presencetest.Start(t, presencetest.Rig{Source: New(env("DISPLAY", x.Display, "HOME", filepath.Dir(right))), Pause: pause})
	r.First()
	r.Stop()
	err := New(env("DISPLAY", x.Display, "XAUTHORITY", wrong)).Run(t.Context(), pause, func(presence.Report) {})
	if !errors.Is(err, presence.ErrUnavailable) || !strings.Contains(err.Error(), "lets nobody in") {
		t.Errorf("Run returned %v", err)
	}
}

func TestFindCookie(t *testing.T) {
	entry := func(family int, fields ...string) string {
		b := []byte{byte(family >> 8), byte(family)}
		for _, f := range fields {
			b = append(b, byte(len(f)>>8), byte(len(f)))
			b = append(b, f...)
		}
		return string(b)
	}
	const other, local, wild = 0, familyLocal, familyWild
	tests := []struct {
		name, text, want string
	}{
		{"ours", entry(local, "box", "3", cookieAuth, "secret"), "secret"},
		{"any display", entry(local, "box", "", cookieAuth, "secret"), "secret"},
		{"any host", entry(wild, "", "3", cookieAuth, "secret"), "secret"},
		{"the second", entry(local, "box", "4", cookieAuth, "no") + entry(local, "else", "3", cookieAuth, "no") +
			entry(other, "box", "3", cookieAuth, "no") + entry(local, "box", "3", "XDM", "no") +
			entry(local, "box", "3", cookieAuth, "secret"), "secret"},
		{"none", entry(local, "box", "4", cookieAuth, "no"), ""},
		{"cut off", entry(local, "box", "3", cookieAuth, "secret")[:20], ""},
		{"cut off in a length", entry(local, "box")[:3], ""},
		{"empty", "", ""},
	}
	for _, test := range tests {
		if got := string(findCookie([]byte(test.text), "box", "3")); got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
}

func TestDisplays(t *testing.T) {
	tests := []struct{ display, want string }{
		{":0", "/s/X0"}, {":12.1", "/s/X12"}, {"unix:3", "/s/X3"}, {"/private/tmp/org.xquartz:0", "/private/tmp/org.xquartz:0"},
		{"localhost:10.0", ""}, {"tcp/box:1", ""}, {"box:1", ""}, {"7", ""}, {":", ""}, {":x", ""}, {"::", ""},
	}
	for _, test := range tests {
		s := New(env("DISPLAY", test.display))
		s.sockets = "/s"
		got := ""
		if all := s.displays(); len(all) > 0 {
			got = all[0].socket
		}
		if got != test.want {
			t.Errorf("DISPLAY=%q: %q, want %q", test.display, got, test.want)
		}
	}
}

// server answers like an X server that lacks something.
type server struct {
	greeting   []byte
	extensions map[string]byte // major opcode by name; absent: zero
	counters   []byte          // of ListSystemCounters, after the header
	count      uint32
	idle       uint32 // of QueryCounter
	fail       byte   // opcode of the request that is answered with an error
	then       func(net.Conn)
}

func reply(more []byte, set func(p []byte)) []byte {
	p := append(make([]byte, packetSize), more...)
	p[0] = packetReply
	order.PutUint32(p[4:], uint32(len(more)/4))
	if set != nil {
		set(p)
	}
	return p
}

var welcome = append([]byte{1, 0, 11, 0, 0, 0, 3, 0}, 0, 0, 0, 0, 0, 0, 0x20, 0, 0xff, 0xff, 0x1f, 0)

func counterEntry(id uint32, name string) []byte {
	b := order.AppendUint32(nil, id)
	b = append(b, make([]byte, 8)...)
	b = order.AppendUint16(b, uint16(len(name)))
	b = append(b, name...)
	return append(b, make([]byte, pad(14+len(name))-14-len(name))...)
}

func (s server) serve(conn net.Conn) {
	defer conn.Close()
	head := make([]byte, 12)
	if _, err := io.ReadFull(conn, head); err != nil {
		return
	}
	_, _ = io.CopyN(io.Discard, conn, int64(pad(int(order.Uint16(head[6:])))+pad(int(order.Uint16(head[8:])))))
	if s.greeting == nil {
		_, _ = io.Copy(io.Discard, conn) // says nothing
		return
	}
	_, _ = conn.Write(s.greeting)
	for {
		head := make([]byte, 4)
		if _, err := io.ReadFull(conn, head); err != nil {
			return
		}
		body := make([]byte, 4*(int(order.Uint16(head[2:]))-1))
		if _, err := io.ReadFull(conn, body); err != nil {
			return
		}
		var p []byte
		switch {
		case head[0] == s.fail && s.fail != 0:
			p = make([]byte, packetSize)
			p[1], p[10] = 3, head[0]
		case head[0] == 98:
			major, ok := s.extensions[string(body[4:4+order.Uint16(body)])]
			p = reply(nil, func(p []byte) {
				if ok {
					p[8], p[9], p[10] = 1, major, 83
				}
			})
		case head[1] == syncListSystemCounters:
			p = reply(s.counters, func(p []byte) { order.PutUint32(p[8:], s.count) })
		case head[1] == syncQueryCounter:
			p = reply(nil, func(p []byte) { order.PutUint32(p[12:], s.idle) })
			if s.then != nil {
				_, _ = conn.Write(p)
				s.then(conn)
				p = nil
			}
		case head[1] == syncInitialize:
			p = reply(nil, nil)
		}
		_, _ = conn.Write(p)
	}
}

func (s server) start(t *testing.T) *Source {
	t.Helper()
	dir := presencetest.RuntimeDir(t)
	l, err := net.Listen("unix", filepath.Join(dir, "X0"))
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { s.serve(conn) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		serving.Wait()
	})
	source := New(env("DISPLAY", ":0"))
	source.sockets = dir
	return source
}

func TestUnavailable(t *testing.T) {
	all := map[string]byte{"MIT-SCREEN-SAVER": 130, "SYNC": 134}
	idletime := append(counterEntry(1, "SERVERTIME"), counterEntry(2, "IDLETIME")...)
	tests := []struct {
		name, want string
		server     server
	}{
		{"Xwayland", "Xwayland", server{greeting: welcome, extensions: map[string]byte{"SYNC": 134}}},
		{"without SYNC", "SYNC", server{greeting: welcome, extensions: map[string]byte{"MIT-SCREEN-SAVER": 130}}},
		{"without IDLETIME", "IDLETIME", server{greeting: welcome, extensions: all, counters: counterEntry(1, "SERVERTIME"), count: 1}},
		{"a list that is cut off", "IDLETIME", server{greeting: welcome, extensions: all, counters: idletime[:24], count: 2}},
		{"a list that lies about its length", "IDLETIME", server{greeting: welcome, extensions: all, count: 1 << 31}},
		{"an error", "reports error", server{greeting: welcome, extensions: all, fail: 134}},
		{"refused", "no entry", server{greeting: append([]byte{0, 8, 11, 0, 0, 0, 2, 0}, "no entry"...)}},
		{"another protocol", "another protocol", server{greeting: append([]byte{1, 0, 12}, welcome[3:]...)}},
		{"a short greeting", "greeting", server{greeting: welcome[:4]}},
		{"silence", "timeout", server{}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			err := test.server.start(t).Run(t.Context(), pause, func(r presence.Report) { t.Errorf("report %+v", r) })
			if !errors.Is(err, presence.ErrUnavailable) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("Run returned %v, want ErrUnavailable with %q", err, test.want)
			}
		})
	}
	t.Run("no server", func(t *testing.T) {
		dir := presencetest.RuntimeDir(t)
		presencetest.DeadSocket(t, filepath.Join(dir, "X5"))
		for _, display := range []string{"", ":5", ":6", "box:1"} {
			s := New(env("DISPLAY", display))
			s.sockets = dir
			err := s.Run(t.Context(), pause, func(r presence.Report) { t.Errorf("report %+v", r) })
			if !errors.Is(err, presence.ErrUnavailable) {
				t.Errorf("DISPLAY=%q: Run returned %v", display, err)
			}
		}
	})
}

func TestLost(t *testing.T) {
	idle := server{
		greeting: welcome, extensions: map[string]byte{"MIT-SCREEN-SAVER": 130, "SYNC": 134},
		counters: counterEntry(2, "IDLETIME"), count: 1, idle: 5000,
	}
	tests := map[string]func(net.Conn){
		"end":          func(c net.Conn) { _ = c.Close() },
		"an error":     func(c net.Conn) { _, _ = c.Write(make([]byte, packetSize)) },
		"a long reply": func(c net.Conn) { _, _ = c.Write(reply(nil, func(p []byte) { order.PutUint32(p[4:], 1<<30) })) },
		"half a reply": func(c net.Conn) { _, _ = c.Write(reply(nil, nil)[:10]); _ = c.Close() },
	}
	for name, then := range tests {
		t.Run(name, func(t *testing.T) {
			s := idle
			s.then = then
			r := presencetest.Start(t, presencetest.Rig{Source: s.start(t), Pause: pause})
			first := r.First()
			if ago := time.Since(first.At); first.State != presence.Idle || ago < 5*time.Second || ago > time.Minute {
				t.Errorf("%+v, want idle for 5 s", first)
			}
			if err := r.Err(); err == nil || errors.Is(err, presence.ErrUnavailable) {
				t.Errorf("Run returned %v", err)
			}
		})
	}
}

func FuzzReadPacket(f *testing.F) {
	list := reply(append(counterEntry(1, "SERVERTIME"), counterEntry(2, "IDLETIME")...), func(p []byte) { p[8] = 2 })
	f.Add(list)
	f.Add(list[:40])
	f.Add(make([]byte, packetSize))
	f.Fuzz(func(t *testing.T, data []byte) {
		r := bufio.NewReader(strings.NewReader(string(data)))
		for {
			p, err := readPacket(r)
			if err != nil {
				return
			}
			if id, ok := counterNamed(p, "IDLETIME"); ok && !strings.Contains(string(p), "IDLETIME") {
				t.Fatalf("found counter %d in %s", id, strconv.Quote(string(p)))
			}
			_ = value64(p[8:])
		}
	})
}

package cli

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"claude-permission-daemon/internal/permit"
	"claude-permission-daemon/internal/wire"
)

// at is some moment; the screen's clock is what the tests say.
var at = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// request is an open one whose preview has so many lines.
func request(id string, lines int) wire.Shown {
	var text []string
	for i := range lines {
		text = append(text, fmt.Sprintf("line %d of %s", i+1, id))
	}
	return wire.Shown{
		Pending: wire.Pending{ID: id, State: "offered", Tool: "Bash", Summary: "echo " + id, Cwd: "/src", Project: "src", Branch: "main", Host: "desk",
			Since: at.Add(-time.Minute), Generation: 1, Digest: "d-" + id, Ways: []permit.Way{
				{Name: permit.WayApprove, Verb: permit.Allow, Label: "Approve"},
				{Name: permit.WayAlways, Pick: 2, Verb: permit.Allow, Label: "Always allow", Confirm: "This allows it for ever."},
				{Name: permit.WayEdit, Verb: permit.Allow, Label: "Edit", Form: []permit.Field{{Name: "command"}}},
				{Name: permit.WayDeny, Verb: permit.Deny, Label: "Deny"},
			}},
		Title: "Run a command", Parts: []wire.Part{{Label: "command", Kind: "code", Text: strings.Join(text, "\n")}},
	}
}

// seeing is a screen of 80 × high on which requests are open, the first one
// marked for long enough.
func seeing(high int, open ...wire.Shown) *screen {
	s := &screen{whole: map[string]wire.Shown{}}
	s.hear(at.Add(-time.Minute), open...)
	s.draw(80, high, at)
	return s
}

// hear is news of what is open, with all previews fetched.
func (s *screen) hear(now time.Time, open ...wire.Shown) {
	w := wire.Watched{Status: wire.Status{Pending: len(open), Presence: wire.Presence{State: "away"}, Channels: []wire.Channel{{Name: "slack", State: "ready"}}}}
	for _, o := range open {
		w.Pending = append(w.Pending, o.Pending)
		s.whole[keyOf(o.Pending)] = o
	}
	s.news(w, now)
}

func TestScreenDraws(t *testing.T) {
	s := seeing(18, request("one", 2), request("two", 2))
	want := `2 requests are waiting · away · slack ready

▶ 1m    offered  src (main)           Bash  echo one
  1m    offered  src (main)           Bash  echo two
────────────────────────────────────────────────────────────────────────────────
Run a command (Bash)
in /src on desk

command:
line 1 of one
line 2 of one

1 Approve
2 Always allow
4 Deny
More ways to answer, with forms, are on the page and in Slack.

a approve  d deny  m deny with a message  enter details  ↑↓ choose  q quit`
	if diff := cmp.Diff(strings.Split(want, "\n"), s.draw(80, 18, at)); diff != "" {
		t.Error(diff)
	}
}

// However small the window and however large what is shown, the drawing has
// the window's size.
func TestScreenFits(t *testing.T) {
	long := request("long", 300)
	long.Summary, long.Project = strings.Repeat("漢字", 200), strings.Repeat("p", 200)
	var many []wire.Shown
	for i := range 50 {
		many = append(many, request(fmt.Sprint("r", i), 1))
	}
	for name, open := range map[string][]wire.Shown{"none": nil, "long": {long}, "many": many} {
		for _, size := range [][2]int{{20, 8}, {80, 24}, {200, 60}, {41, 9}} {
			for _, details := range []bool{false, true} {
				s := seeing(size[1], open...)
				s.details = details
				s.said = strings.Repeat("something was said ", 5)
				lines := s.draw(size[0], size[1], at)
				if len(lines) != size[1] {
					t.Errorf("%s at %v: %d lines", name, size, len(lines))
				}
				for _, line := range lines {
					if width(line) > size[0] {
						t.Errorf("%s at %v: %d cells: %q", name, size, width(line), line)
					}
				}
			}
		}
	}
}

// What does not fit has to be read to its end before it can be approved.
func TestScreenApprovesWhatWasSeen(t *testing.T) {
	s := seeing(20, request("one", 100))
	if do := s.press("a", at); do.answer != nil || !s.details || !strings.Contains(s.said, "Read on") {
		t.Fatalf("approved unread: %+v, said %q", do.answer, s.said)
	}
	for i := 0; !s.end; i++ {
		if i > 100 {
			t.Fatal("the end never comes")
		}
		s.draw(80, 20, at)
		if do := s.press("a", at); !s.end && do.answer != nil {
			t.Fatal("approved before the end")
		}
		s.press(" ", at)
		s.draw(80, 20, at)
	}
	do := s.press("a", at)
	if do.answer == nil || do.answer.ID != "one" || do.answer.Generation != 1 || do.answer.Digest != "d-one" || do.answer.Way != permit.WayApprove {
		t.Errorf("the answer is %+v", do.answer)
	}
	// Every line was to be seen on the way.
	s = seeing(20, request("one", 100))
	s.press("enter", at)
	seen := map[string]bool{}
	for range 100 {
		for _, line := range s.draw(80, 20, at) {
			seen[line] = true
		}
		if s.end {
			break
		}
		s.press(" ", at)
	}
	for i := range 100 {
		if !seen[fmt.Sprintf("line %d of one", i+1)] {
			t.Errorf("line %d was never shown", i+1)
		}
	}
}

func TestScreenAnswers(t *testing.T) {
	for _, test := range []struct {
		name string
		keys string // letters
		want *wire.Envelope
		said string
	}{
		{"approve", "a", &wire.Envelope{Way: permit.WayApprove}, ""},
		{"deny", "d", &wire.Envelope{Decision: "deny"}, ""},
		{"by number", "4", &wire.Envelope{Way: permit.WayDeny}, ""},
		{"what has to be confirmed", "2", nil, "This allows it for ever. Press again"},
		{"confirmed", "22", &wire.Envelope{Way: permit.WayAlways, Pick: 2}, ""},
		{"another key in between", "2j2", nil, "Press again"},
		{"confirmed by another key", "2a", &wire.Envelope{Way: permit.WayApprove}, ""},
		{"a form", "3", nil, "wants to be filled in"},
		{"no such number", "9", nil, ""},
		{"no such key", "x", nil, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := seeing(30, request("one", 2))
			var do action
			for _, key := range test.keys {
				do = s.press(string(key), at)
				s.draw(80, 30, at)
			}
			if test.want != nil {
				test.want.Op, test.want.ID, test.want.Generation, test.want.Digest = wire.OpAnswer, "one", 1, "d-one"
			}
			if diff := cmp.Diff(test.want, do.answer); diff != "" || !strings.Contains(s.said, test.said) {
				t.Errorf("said %q; %s", s.said, diff)
			}
		})
	}
}

func TestScreenDeniesWithAMessage(t *testing.T) {
	s := seeing(30, request("one", 2))
	var do action
	for _, key := range []string{"m", "u", "s", "e", " ", "q", "é", "x", "backspace", "enter"} {
		if do = s.press(key, at); do.quit {
			t.Fatal("a letter of the message quits")
		}
		if lines := s.draw(80, 30, at); key == "q" && !strings.Contains(lines[len(lines)-2], "use q") {
			t.Errorf("what is typed is not shown: %q", lines)
		}
	}
	if do.answer == nil || do.answer.Decision != "deny" || do.answer.Message != "use qé" || do.answer.Digest != "d-one" {
		t.Errorf("the answer is %+v", do.answer)
	}
	s = seeing(30, request("one", 2))
	s.press("m", at)
	s.press("esc", at)
	if do := s.press("q", at); !do.quit {
		t.Error("esc does not end the message")
	}
}

// A key never answers a request that has just taken the place of another.
func TestScreenDoesNotSlip(t *testing.T) {
	one, two := request("one", 1), request("two", 1)
	s := seeing(30, one, two)
	s.hear(at, two) // one has gone
	s.draw(80, 30, at)
	for _, key := range []string{"a", "d", "4", "m"} {
		if do := s.press(key, at.Add(100*time.Millisecond)); do.answer != nil || s.typing != nil || !strings.Contains(s.said, "just come up") {
			t.Errorf("%s: %+v, said %q", key, do.answer, s.said)
		}
	}
	if do := s.press("a", at.Add(time.Second)); do.answer == nil || do.answer.ID != "two" {
		t.Errorf("later: %+v", do.answer)
	}
	// While one is marked, others that come and go do not move the mark.
	s = seeing(30, one, two)
	s.press("down", at)
	s.hear(at, request("zero", 1), one, two)
	if s.chosen != "two" {
		t.Errorf("%s is marked", s.chosen)
	}
	// Nor does a message go to another one.
	s = seeing(30, one, two)
	s.press("m", at)
	s.press("x", at)
	s.hear(at, two)
	s.draw(80, 30, at)
	if do := s.press("enter", at); do.answer != nil {
		t.Errorf("denied %s", do.answer.ID)
	}
	// The same id with other content is another request.
	changed := request("one", 1)
	changed.Digest = "d-other"
	s = seeing(30, one)
	s.news(wire.Watched{Pending: []wire.Pending{changed.Pending}}, at)
	s.draw(80, 30, at)
	if do := s.press("a", at.Add(time.Second)); do.answer != nil {
		t.Errorf("approved what was not shown: %+v", do.answer)
	}
}

func TestScreenWithoutADaemon(t *testing.T) {
	s := &screen{whole: map[string]wire.Shown{}}
	if lines := s.draw(80, 24, at); !strings.Contains(strings.Join(lines, "\n"), "Asking the daemon") {
		t.Errorf("%q", lines)
	}
	for _, key := range []string{"a", "d", "m", "enter", "down", "pgdn", "1"} {
		if do := s.press(key, at); do.answer != nil || do.quit {
			t.Errorf("%s: %+v", key, do)
		}
	}
}

func TestKeysIn(t *testing.T) {
	for _, test := range []struct {
		raw  string
		want []string
	}{
		{"a", []string{"a"}}, {"\x1b[A\x1b[B", []string{"up", "down"}}, {"\x1b", []string{"esc"}}, {"\r", []string{"enter"}},
		{"\x1b[200~", nil}, {"é漢", []string{"é", "漢"}}, {"\x03", []string{"ctrl-c"}}, {"\xff\x01x", []string{"x"}},
	} {
		if got := keysIn([]byte(test.raw)); !slices.Equal(got, test.want) {
			t.Errorf("%q: %q", test.raw, got)
		}
	}
}

func TestWrap(t *testing.T) {
	for _, test := range []struct {
		text string
		most int
		want []string
	}{
		{"", 10, []string{""}}, {"short", 10, []string{"short"}}, {"one two three", 9, []string{"one two ", "three"}},
		{"abcdefghijkl", 5, []string{"abcde", "fghij", "kl"}}, {"漢字漢字", 4, []string{"漢字", "漢字"}}, {"a\tb", 10, []string{"a    b"}}, {"a\n\nb", 10, []string{"a", "", "b"}},
	} {
		if got := wrap(test.text, test.most); !slices.Equal(got, test.want) {
			t.Errorf("%q: %q", test.text, got)
		}
	}
}

// FuzzScreen: nothing that is shown is wider than the window or lost, and no
// key breaks it.
func FuzzScreen(f *testing.F) {
	f.Add("echo hello\n\tworld", uint8(30), uint8(10), "a d\x1b[B")
	f.Add(strings.Repeat("漢", 100), uint8(1), uint8(1), "   a")
	f.Fuzz(func(t *testing.T, text string, wide, high uint8, keys string) {
		r := request("one", 1)
		r.Parts[0].Text = plain(text)
		s := seeing(int(high), r)
		for _, key := range keysIn([]byte(keys)) {
			s.press(key, at)
			lines := s.draw(int(wide), int(high), at)
			if len(lines) != max(int(high), 8) {
				t.Fatalf("%d lines", len(lines))
			}
			for _, line := range lines {
				if width(line) > max(int(wide), 20) {
					t.Fatalf("too wide: %q", line)
				}
			}
		}
		if got := strings.Join(wrap(text, int(wide)), ""); strings.ReplaceAll(got, " ", "") != strings.NewReplacer("\n", "", "\t", "", " ", "").Replace(text) {
			t.Fatalf("%q became %q", text, got)
		}
	})
}

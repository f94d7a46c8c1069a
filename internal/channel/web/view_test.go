package web

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"claude-permission-daemon/internal/channel/channeltest"
	"claude-permission-daemon/internal/permit"
	"claude-permission-daemon/internal/preview"
)

func TestDurationsInWords(t *testing.T) {
	for d, want := range map[time.Duration][2]string{
		-time.Second:              {"just now", "time is up"},
		0:                         {"just now", "time is up"},
		59 * time.Second:          {"just now", "less than a minute left"},
		time.Minute:               {"1 min ago", "1 min left"},
		59*time.Minute + 59e9:     {"59 min ago", "59 min left"},
		time.Hour:                 {"1 h 0 min ago", "1 h 0 min left"},
		9*time.Hour + time.Minute: {"9 h 1 min ago", "9 h 1 min left"},
		10*time.Hour + 1:          {"10 h ago", "10 h left"},
		47 * time.Hour:            {"47 h ago", "47 h left"},
		49 * time.Hour:            {"2 days ago", "2 days left"},
	} {
		if got := [2]string{ago(d), left(d)}; got != want {
			t.Errorf("%v is %q, want %q", d, got, want)
		}
	}
}

func TestThousands(t *testing.T) {
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1 000", 12345: "12 345", 1234567: "1 234 567"} {
		if got := strings.ReplaceAll(thousands(n), "\u202f", " "); got != want {
			t.Errorf("thousands(%d) = %q, want %q", n, got, want)
		}
	}
}

// TestRuns: what stands for something that cannot be seen is marked, and
// nothing is lost.
func TestRuns(t *testing.T) {
	for text, want := range map[string][]run{
		"":                         {{Text: ""}},
		"plain ⟨text⟩":             {{Text: "plain ⟨text⟩"}},
		"a⟨U+202E⟩b":               {{Text: "a"}, {Text: "⟨U+202E⟩", Mark: true}, {Text: "b"}},
		"⟨0xFF⟩⟨masked: 40 chars⟩": {{Text: "⟨0xFF⟩", Mark: true}, {Text: "⟨masked: 40 chars⟩", Mark: true}},
		"⟨U+XYZ⟩":                  {{Text: "⟨U+XYZ⟩"}},
	} {
		if diff := cmp.Diff(want, runsOf(text)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", text, diff)
		}
	}
}

// TestDiffLines: a line that goes or comes is drawn as one, whatever it begins with.
func TestDiffLines(t *testing.T) {
	part := partOf(preview.Part{Kind: preview.Diff, Text: "--- a/x\n+++ b/x\n@@ -1,3 +1,3 @@\n same\n--- not a name\n+++ nor this\n-\n+@@\n"})
	var got []string
	for _, line := range part.Lines {
		got = append(got, line.Class)
	}
	if diff := cmp.Diff([]string{"hunk", "hunk", "hunk", "", "del", "add", "del", "add"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestPartIsWhole: however a part is drawn, its text is all there.
func TestPartIsWhole(t *testing.T) {
	for name, test := range map[string]struct {
		text string
		size string
		long bool
	}{
		"one letter":       {"x", "", false},
		"one line":         {"make all", "", false},
		"one long line":    {strings.Repeat("x", 5000), "5 000 bytes", true},
		"two lines":        {"a\nb", "2 lines · 3 bytes", false},
		"ends in a break":  {"a\nb\n", "2 lines · 4 bytes", false},
		"ends in breaks":   {"a\n\n\n", "3 lines · 4 bytes", false},
		"nothing":          {"", "", false},
		"many lines":       {strings.Repeat("x\n", 20), "20 lines · 40 bytes", true},
		"very many lines":  {strings.Repeat("x\n", 9000), "9 000 lines · 18 000 bytes", true},
		"with hidden text": {"a⟨U+202E⟩\nb", "2 lines · 15 bytes", false},
	} {
		part := partOf(preview.Part{Label: "input", Kind: preview.Code, Text: test.text})
		var all strings.Builder
		for _, line := range part.Lines {
			for _, run := range line.Runs {
				all.WriteString(run.Text)
			}
		}
		if all.String() != test.text {
			t.Errorf("%s: what is drawn is not the text: %q", name, all.String())
		}
		if size := strings.ReplaceAll(part.Size, "\u202f", " "); size != test.size || part.Long != test.long {
			t.Errorf("%s: %q, long %v; want %q, %v", name, size, part.Long, test.size, test.long)
		}
	}
}

func TestTone(t *testing.T) {
	open := channeltest.Card("r", "make")
	for want, cards := range map[string][]permit.Card{
		"open":   {open},
		"good":   {channeltest.Decided(open, permit.Allow, permit.Sent, ""), channeltest.Decided(open, permit.Allow, permit.Ran, "")},
		"denied": {channeltest.Decided(open, permit.Deny, permit.Delivered, "")},
		"trouble": {channeltest.Decided(open, permit.Allow, permit.NotDelivered, ""), channeltest.Decided(open, permit.Deny, permit.NotDelivered, ""),
			channeltest.Decided(open, permit.Allow, permit.Failed, "")},
		"quiet": {channeltest.EndedAs(open, permit.Local, ""), channeltest.EndedAs(open, permit.Expired, "")},
	} {
		for _, card := range cards {
			if got := toneOf(card); got != want {
				t.Errorf("%q is drawn as %s, want %s", card.Headline(), got, want)
			}
		}
	}
}

// FuzzCard: whatever a request says of itself, its card stays one card, with
// the buttons that belong to it and no others.
func FuzzCard(f *testing.F) {
	f.Add(`make "all"`, `</pre></article><article data-request="x"><button name="verb" value="allow">`, "r1")
	f.Add("<script>alert(1)</script>", `"><img src=x onerror=alert(1)>`, `r" onclick="x`)
	f.Add("\u202e\x00\xff", "{{.}}", "javascript:x")
	c, err := New(DefaultConfig(), Options{State: f.TempDir()})
	if err != nil {
		f.Fatal(err)
	}
	p := newPages(c)
	f.Fuzz(func(t *testing.T, command, about, id string) {
		input, err := json.Marshal(map[string]string{"command": command, "description": about})
		if err != nil {
			t.Skip()
		}
		card := permit.Card{Stage: permit.Open, Note: about, Request: permit.Request{
			ID: id, Generation: 1, Tool: "Bash", Input: input, Digest: about,
			Cwd: about, Project: about, Branch: command, Session: about, AgentType: command, Mode: about}}
		card.Request.Machine.Host = command
		e := entry{card: card, preview: func() preview.Preview { return preview.Of(card.Request) }}
		var html strings.Builder
		if err := p.html.ExecuteTemplate(&html, "card", c.cardView(e, true, draft{})); err != nil {
			t.Fatal(err)
		}
		drawn := html.String()
		for tag, want := range map[string]int{"<article": 1, "</article": 1, "<button": 3, "<form": 2, "<script": 0, "<img": 0, "<textarea": 1} {
			if got := strings.Count(drawn, tag); got != want {
				t.Errorf("%s %d times, want %d:\n%s", tag, got, want, drawn)
			}
		}
		if strings.ContainsRune(drawn, 0x202e) {
			t.Error("a hidden character reaches the page")
		}
	})
}

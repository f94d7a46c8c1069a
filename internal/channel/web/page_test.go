package web

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"claude-permission-daemon/internal/channel"
	"claude-permission-daemon/internal/channel/channeltest"
	"claude-permission-daemon/internal/permit"
	"claude-permission-daemon/internal/preview"
)

const formType = "application/x-www-form-urlencoded"

// TestAnswer is the interface for programs: every verdict under its status.
func TestAnswer(t *testing.T) {
	s := serve(t, Config{Listen: "127.0.0.1:0"}, Options{})
	link := s.Status().URL
	for code, want := range map[permit.VerdictCode]int{
		permit.Accepted:    200,
		permit.TooLate:     409,
		permit.NotAsShown:  409,
		permit.Unknown:     404,
		permit.NotAllowed:  403,
		permit.Incomplete:  422,
		permit.NotRecorded: 503,
	} {
		s.desk.Judge = func(permit.Answer) permit.Verdict { return permit.Verdict{Code: code, Text: "So <it> is."} }
		body := form(channeltest.Card("gone", "make"), permit.Deny, "no").Encode()

		resp := ask(t, "POST", link+"answer", body, "Content-Type", formType+"; charset=utf-8", "Accept", "application/json")
		var told struct{ Code, Text string }
		if err := json.Unmarshal([]byte(bodyOf(t, resp)), &told); err != nil {
			t.Fatal(err)
		}
		if resp.StatusCode != want || told.Code != string(code) || told.Text != "So <it> is." {
			t.Errorf("%s: %s %+v", code, resp.Status, told)
		}

		resp = ask(t, "POST", link+"answer", body, "Content-Type", formType)
		where := resp.Header.Get("Location")
		if resp.StatusCode != 303 || !strings.HasPrefix(where, "./?said=") {
			t.Fatalf("%s: %s to %q", code, resp.Status, where)
		}
		page := bodyOf(t, ask(t, "GET", link+strings.TrimPrefix(where, "./"), ""))
		class := `class="refused"`
		if code == permit.Accepted {
			class = `class="good"`
		}
		if !strings.Contains(page, "<p>So &lt;it&gt; is.</p>") || !strings.Contains(page, `<div id="said" `+class) {
			t.Errorf("%s: the page does not tell it, or not as such", code)
		}
	}
	// What the page says is ours, not the link's.
	if page := bodyOf(t, ask(t, "GET", link+"?said=Approved", "")); strings.Contains(page, "Approved") {
		t.Error("the page repeats what its address says")
	}
	for range keepSaid + 1 {
		s.said.put(saying{Text: "another"})
	}
	if len(s.said.text) != keepSaid || len(s.said.keys) != keepSaid {
		t.Errorf("%d sayings are kept", len(s.said.text))
	}
}

func TestAnswerRefused(t *testing.T) {
	s := serve(t, Config{Listen: "127.0.0.1:0"}, Options{})
	link := s.Status().URL + "answer"
	for _, test := range []struct {
		name, kind, body string
		want             int
	}{
		{"JSON", "application/json", `{"verb":"allow"}`, 415},
		{"text that a foreign page may send", "text/plain", "verb=allow", 415},
		{"a form in parts", "multipart/form-data; boundary=x", "--x--", 415},
		{"no kind", "", "verb=allow", 415},
		{"an incomplete form", formType, "verb=allow", 400},
		{"too much", formType, "message=" + strings.Repeat("x", maxForm), 413},
	} {
		resp := ask(t, "POST", link, test.body, "Content-Type", test.kind)
		if resp.StatusCode != test.want {
			t.Errorf("%s: %s, want %d", test.name, resp.Status, test.want)
		}
	}
	if got := s.desk.Answers(); len(got) != 0 {
		t.Errorf("the desk got %+v", got)
	}
}

// TestAnswerCarriesThePerson: who has the link decides, and is named so.
func TestAnswerCarriesThePerson(t *testing.T) {
	now := time.Date(2026, 11, 22, 15, 4, 5, 0, time.UTC)
	s := serve(t, Config{Listen: "127.0.0.1:0"}, Options{Now: func() time.Time { return now }})
	card := s.show(channeltest.Card("ask", "make all"))
	ask(t, "POST", s.Status().URL+"answer", form(card, permit.Allow, "").Encode(), "Content-Type", formType)
	want := []permit.Answer{{Request: "ask", Generation: 1, Digest: card.Request.Digest, Decision: permit.Decision{
		Verb: permit.Allow, By: permit.Person{ID: "link", Name: "whoever holds the page's link"}, Channel: "web", At: now}}}
	if diff := cmp.Diff(want, s.desk.Answers()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestCardsForPrograms(t *testing.T) {
	masked := map[string]bool{"secret": true}
	s := serve(t, Config{Listen: "127.0.0.1:0"}, Options{Preview: func(r permit.Request) preview.Preview {
		p := preview.Of(r)
		if masked[r.ID] {
			p.Masked = []string{"A password was masked."}
		}
		return p
	}})
	if got := bodyOf(t, ask(t, "GET", s.Status().URL+"cards.json", "")); got != "[]\n" {
		t.Errorf("no cards are %q", got)
	}
	settled := channeltest.Card("settled", "make settled")
	s.show(settled)
	settled = s.show(channeltest.Decided(settled, permit.Deny, permit.Delivered, "no"))
	secret := s.show(channeltest.Card("secret", "make PASSWORD=hunter2"))
	resp := ask(t, "GET", s.Status().URL+"cards.json", "")
	if kind := resp.Header.Get("Content-Type"); kind != "application/json" {
		t.Errorf("the cards are %s", kind)
	}
	var cards []permit.Card
	body := bodyOf(t, resp)
	if err := json.Unmarshal([]byte(body), &cards); err != nil {
		t.Fatal(err)
	}
	secret.Request.Input = json.RawMessage("null")
	if diff := cmp.Diff([]permit.Card{secret, settled}, cards); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if strings.Contains(body, "hunter2") {
		t.Error("a masked secret is given to programs")
	}
}

// TestCardTellsAll: everything that the person needs is on the card, in words.
func TestCardTellsAll(t *testing.T) {
	now := time.Date(2026, 11, 22, 15, 4, 5, 0, time.UTC)
	s := serve(t, Config{Listen: "127.0.0.1:0"}, Options{
		Now: func() time.Time { return now }, Machine: permit.Machine{Host: "thinkpad"},
		Preview: func(r permit.Request) preview.Preview {
			p := preview.Of(r)
			p.Warnings, p.Flags, p.Masked = []string{"It <may> delete."}, []preview.Flag{preview.Symlink}, []string{"A key was masked."}
			p.Parts = append(p.Parts, preview.Part{Label: "options", Kind: preview.Table, Text: "a b", Rows: [][2]string{{"depth", "<3>"}}},
				preview.Part{Label: "hint", Kind: "hologram", Text: "an unknown kind"})
			return p
		},
	})
	card := channeltest.Card("ask", "rm -rf ./<build>")
	r := &card.Request
	r.Agent, r.AgentType, r.Mode = "a1", "general\u202epurpose", "acceptEdits"
	r.Asked, r.Deadline = now.Add(-3*time.Minute), now.Add(95*time.Minute)
	card.Note = "The terminal is open too."
	s.show(card)
	page := bodyOf(t, ask(t, "GET", s.Status().URL, ""))
	html, copies := cardIn(page, "ask")
	if copies != 1 {
		t.Fatalf("there are %d cards", copies)
	}
	says := strings.Join(strings.Fields(text(html)), " ")
	at := 0
	for _, want := range []string{ // in reading order
		"Run a command", "3 min ago, 15:01 UTC",
		"general⟨U+202E⟩purpose subagent in shop on branch main at desk.example",
		"The terminal is open too.",
		"through a symbolic link", "It <may> delete.",
		"command", "rm -rf ./<build>",
		"options", "depth", "<3>", "hint", "an unknown kind",
		"A key was masked.",
		"Claude’s own words, not checked", "Do what ask needs",
		"Deny", "Approve", "Deny with reason…", "Why, or what to do instead", "Claude reads this.", "Deny with reason",
		"Folder", "/home/alice/src/shop", "Mode", "acceptEdits", "Session", "63350b0e", "Answer by", "16:39 UTC", "1 h 35 min left",
	} {
		found := strings.Index(says[at:], want)
		if found < 0 {
			t.Errorf("after %d characters the card does not say %q:\n%s", at, want, says)
			continue
		}
		at += found + len(want)
	}
	if !strings.Contains(page, "<title>(1) Permissions · thinkpad</title>") {
		t.Error("the title does not count the question")
	}
}

// TestLongSettledCard: its body is a page of its own, whole.
func TestLongSettledCard(t *testing.T) {
	s := serve(t, Config{Listen: "127.0.0.1:0"}, Options{})
	content := strings.Repeat("every line of a long file counts\n", 2000) + "the end"
	card := channeltest.CardOf("a b&c", "Write", map[string]any{"file_path": "/tmp/x", "content": content})
	s.show(card)
	if page := bodyOf(t, ask(t, "GET", s.Status().URL, "")); !strings.Contains(page, "the end") {
		t.Error("an open card does not show its whole input")
	}
	s.show(channeltest.EndedAs(card, permit.Local, ""))
	page := bodyOf(t, ask(t, "GET", s.Status().URL, ""))
	if strings.Contains(page, "every line") {
		t.Error("a long settled input is on the list")
	}
	if !strings.Contains(page, `href="card?request=a%20b%26c"`) {
		t.Errorf("there is no link to it:\n%s", page)
	}
	own := bodyOf(t, ask(t, "GET", s.Status().URL+"card?request=a%20b%26c", ""))
	html, _ := cardIn(own, "a b&c")
	if !strings.Contains(text(html), content) {
		t.Error("the card's own page does not show its whole input")
	}
	if got := ask(t, "GET", s.Status().URL+"card?request=other", "").StatusCode; got != 404 {
		t.Errorf("the page of an unknown card gives %d", got)
	}
}

// TestPresence tells the person's presence in words.
func TestPresence(t *testing.T) {
	now := time.Date(2026, 11, 22, 15, 4, 5, 0, time.UTC)
	since := now.Add(-5 * time.Minute)
	for _, test := range []struct {
		presence permit.Presence
		want     string
	}{
		{permit.Presence{State: permit.Away, Since: since, Source: "swayidle"},
			"You are counted as away since 14:59 UTC (says swayidle). Questions come here at once."},
		{permit.Presence{State: permit.Present, Since: since.Add(-24 * time.Hour), Source: "swayidle"},
			"You are counted as at the keyboard since 21 Nov 14:59 UTC (says swayidle). Questions stay in the terminal first."},
		{permit.Presence{State: permit.Unsure},
			"It is not known whether you are at the keyboard. Questions come here when the terminal does not answer."},
		{permit.Presence{State: permit.Away, Source: "manual", Override: &permit.Override{State: permit.Away, Until: now.Add(time.Hour)}},
			"You are counted as away (set by hand until 16:04 UTC). Questions come here at once."},
		{permit.Presence{State: permit.Present, Source: "manual", Override: &permit.Override{State: permit.Present}},
			"You are counted as at the keyboard (set by hand). Questions stay in the terminal first."},
	} {
		s := serve(t, Config{Listen: "127.0.0.1:0"}, Options{
			Now: func() time.Time { return now }, Presence: func() permit.Presence { return test.presence }})
		_, said, _ := strings.Cut(bodyOf(t, ask(t, "GET", s.Status().URL, "")), `<div id="presence"`)
		said, _, _ = strings.Cut(said, "</div>")
		if got := text(said); got != test.want {
			t.Errorf("got  %q\nwant %q", got, test.want)
		}
	}
}

// TestAnswerIsFollowedByItsOutcome: the card settles only once the hook was
// told; the page that follows an answer waits for that.
func TestAnswerIsFollowedByItsOutcome(t *testing.T) {
	s := serve(t, Config{Listen: "127.0.0.1:0"}, Options{})
	card := s.show(channeltest.Card("ask", "make all"))
	told := make(chan struct{})
	s.desk.Judge = func(permit.Answer) permit.Verdict {
		go func() {
			defer close(told)
			time.Sleep(50 * time.Millisecond) // the hook
			s.Show(channeltest.Decided(card, permit.Allow, permit.Sent, ""))
		}()
		return permit.Verdict{Code: permit.Accepted, Text: "Approved."}
	}
	ask(t, "POST", s.Status().URL+"answer", form(card, permit.Allow, "").Encode(), "Content-Type", formType)
	if page := bodyOf(t, ask(t, "GET", s.Status().URL, "")); strings.Contains(page, "<button") {
		t.Error("the page asks again for what was just answered")
	}
	<-told
}

// hung is a desk whose journal never answers.
type hung struct {
	channeltest.Desk
	asked chan struct{}
}

func (h *hung) Answer(ctx context.Context, _ permit.Answer) permit.Verdict {
	close(h.asked)
	<-ctx.Done()
	return permit.Verdict{Code: permit.NotRecorded, Text: "It does not count."}
}

// TestStopWithAnAnswerOnItsWay: an answer that cannot be recorded does not keep
// the daemon.
func TestStopWithAnAnswerOnItsWay(t *testing.T) {
	ch, err := New(Config{Listen: "127.0.0.1:0"}, Options{State: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	if err := ch.Listen(); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	desk := &hung{asked: make(chan struct{})}
	ended := make(chan error, 1)
	go func() { ended <- ch.Run(ctx, desk) }()
	answered := make(chan error, 1)
	go func() {
		resp, err := browser.Post(ch.Status().URL+"answer", formType,
			strings.NewReader(form(channeltest.Card("ask", "make"), permit.Allow, "").Encode()))
		if err == nil {
			err = fmt.Errorf("got %s", resp.Status)
			_ = resp.Body.Close()
		}
		answered <- err
	}()
	<-desk.asked
	stop()
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(channel.Grace + 3*time.Second):
		t.Fatal("Run does not end while an answer waits")
	}
	if err := <-answered; strings.HasPrefix(err.Error(), "got 2") {
		t.Errorf("an answer that was not recorded %v", err)
	}
}

package web

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"claude-permission-daemon/internal/channel/channeltest"
	"claude-permission-daemon/internal/permit"
	"claude-permission-daemon/internal/preview"
)

// play serves one sample as the request "ask".
func play(t *testing.T, s channeltest.Sample) *stage {
	t.Helper()
	st := serve(t, Config{Listen: "127.0.0.1:0"}, Options{Preview: preview.New(s.Options).Of})
	st.show(s.Card)
	return st
}

// filled is what the card's form of a way sends.
func filled(card permit.Card, way string, fields url.Values) url.Values {
	form := url.Values{"request": {card.Request.ID}, "generation": {"1"}, "digest": {card.Request.Digest}, "way": {way}}
	for name, values := range fields {
		form["f."+name] = values
	}
	return form
}

// TestEachWay: what each way's form sends comes to the desk as an answer, and
// the card tells what it was.
func TestEachWay(t *testing.T) {
	all := channeltest.Samples()
	for _, test := range []struct {
		name, sample, way string
		fields            url.Values
		want              permit.Answer // way, pick and fields
		says              string        // by the settled card
	}{
		{"a choice", "question", "choose:1", nil, permit.Answer{Way: "choose", Pick: 1}, "Answered by whoever holds the page's link via web (Vue)"},
		{"picks and words", "questions", "answer:0", url.Values{"q0": {"0", "2"}, "q0.other": {"Spelling"}, "q1": {""}, "q1.other": {"On paper\r\nonly"}},
			permit.Answer{Way: "answer", Fields: map[string][]string{"q0": {"0", "2"}, "q0.other": {"Spelling"}, "q1.other": {"On paper\r\nonly"}}},
			"(Lint, Browser tests, Spelling; On paper\nonly)"},
		{"an edited plan", "plan", "edit:0", url.Values{"text": {"# Only\r\nstep"}, "mode": {"1"}},
			permit.Answer{Way: "edit", Fields: map[string][]string{"text": {"# Only\r\nstep"}, "mode": {"1"}}}, "(with edits)"},
		{"a plan, with edits accepted", "plan", "accept_edits:0", nil, permit.Answer{Way: "accept_edits"}, "edits are accepted from here on"},
		{"an edited command", "bash-edit", "edit:0", url.Values{"text": {"npm test"}}, permit.Answer{Way: "edit", Fields: map[string][]string{"text": {"npm test"}}}, "(with edits)"},
		{"always", "bash", "always:0", nil, permit.Answer{Way: "always"}, "(always allow npm run *)"},
		{"the second rule", "bash-broad", "always:1", nil, permit.Answer{Way: "always", Pick: 1}, "bash ./build.sh in this session"},
		{"a form", "elicitation", "answer:0", url.Values{"q0": {"Jo"}, "q1": {"2"}, "q2": {"1"}, "q3": {""}, "q4": {"3"}, "q5": {""}, "q6": {"true"}},
			permit.Answer{Way: "answer", Fields: map[string][]string{"q0": {"Jo"}, "q1": {"2"}, "q2": {"1"}, "q4": {"3"}, "q6": {"true"}}}, "Answered by"},
		{"an address", "elicitation-url", "answer:0", nil, permit.Answer{Way: "answer"}, "Answered by"},
		{"cancel", "elicitation", "cancel:0", nil, permit.Answer{Way: "cancel"}, "Cancelled by"},
		{"a reply", "finished", "answer:0", url.Values{"message": {"Now the docs."}}, permit.Answer{Way: "answer", Fields: map[string][]string{"message": {"Now the docs."}}}, "Now the docs."},
		{"another try", "refused", "retry:0", nil, permit.Answer{Way: "retry"}, "Allowed to be tried again by"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := play(t, all[test.sample])
			card := all[test.sample].Card
			link := s.Status().URL
			// The page offers just that.
			page := bodyOf(t, ask(t, "GET", link, ""))
			if !strings.Contains(page, `name="way" value="`+test.way+`"`) {
				t.Errorf("the page has no button for %s", test.way)
			}
			for name := range test.fields {
				if !strings.Contains(page, `name="f.`+name+`"`) {
					t.Errorf("the page has no field %s", name)
				}
			}
			resp := ask(t, "POST", link+"answer", filled(card, test.way, test.fields).Encode(), "Content-Type", formType)
			if resp.StatusCode != 303 {
				t.Fatalf("%s: %s", resp.Status, bodyOf(t, resp))
			}
			got := s.desk.Answers()
			if len(got) != 1 {
				t.Fatalf("the desk got %+v", got)
			}
			if diff := cmp.Diff(test.want, permit.Answer{Way: got[0].Way, Pick: got[0].Pick, Fields: got[0].Fields}); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			html, _ := cardIn(bodyOf(t, ask(t, "GET", link, "")), "ask")
			if says := text(html); !strings.Contains(says, test.says) || strings.Contains(html, "<button") {
				t.Errorf("the card then says %q", says)
			}
		})
	}
}

// TestIncompleteIsKept: what was filled in comes back in its form, with the
// reason beside the field; for programs the field is named.
func TestIncompleteIsKept(t *testing.T) {
	all := channeltest.Samples()
	questions, form := all["questions"], all["elicitation"]
	s := play(t, questions)
	link := s.Status().URL
	sent := filled(questions.Card, "answer:0", url.Values{"q0": {"1"}, "q0.other": {"<b>both</b>"}}).Encode()

	resp := ask(t, "POST", link+"answer", sent, "Content-Type", formType)
	page := bodyOf(t, resp)
	if resp.StatusCode != 422 {
		t.Fatalf("%s:\n%s", resp.Status, page)
	}
	for _, want := range []string{
		`name="f.q0" value="1" checked`, "\n&lt;b&gt;both&lt;/b&gt;</textarea>",
		`-lacks" role="alert">It does not count yet: an answer is missing (Where does the total stand?).</p>`,
	} {
		if strings.Count(page, want) != 1 {
			t.Errorf("the page that comes back has %q %d times:\n%s", want, strings.Count(page, want), page)
		}
	}
	if strings.Contains(page, `value="0" checked`) || strings.Contains(page, `<div id="said" class="refused"`) {
		t.Error("it has more than was filled in, or tells the reason twice")
	}
	lacks := strings.Index(page, `role="alert"`)
	if second := strings.Index(page, "Where does the total stand?</legend>"); lacks < second {
		t.Error("the reason does not stand by its question")
	}

	resp = ask(t, "POST", link+"answer", sent, "Content-Type", formType, "Accept", "application/json")
	var told struct{ Code, Text, Field string }
	if err := json.Unmarshal([]byte(bodyOf(t, resp)), &told); err != nil || resp.StatusCode != 422 || told.Code != "incomplete" || told.Field != "q1" {
		t.Errorf("a program is told %s %+v (%v)", resp.Status, told, err)
	}

	// Completed, it counts.
	sent = filled(questions.Card, "answer:0", url.Values{"q0": {"1"}, "q1": {"0"}}).Encode()
	if resp := ask(t, "POST", link+"answer", sent, "Content-Type", formType); resp.StatusCode != 303 {
		t.Errorf("completed it gets %s", resp.Status)
	}
	// Too late, the words are not lost.
	sent = filled(questions.Card, "answer:0", url.Values{"q0": {"1"}, "q1.other": {"<later>"}}).Encode()
	resp = ask(t, "POST", link+"answer", sent, "Content-Type", formType)
	if page := bodyOf(t, resp); resp.StatusCode != 409 || !strings.Contains(page, "<pre>&lt;later&gt;</pre>") || !strings.Contains(page, "<p>Too late: Answered by") {
		t.Errorf("too late it gets %s:\n%s", resp.Status, page)
	}

	// A form whose values a person has taken out stays as they left it.
	s = play(t, form)
	sent = filled(form.Card, "answer:0", url.Values{"q0": {"Jo"}, "q1": {"0"}, "q4": {"99"}}).Encode()
	page = bodyOf(t, ask(t, "POST", s.Status().URL+"answer", sent, "Content-Type", formType))
	for want, times := range map[string]int{
		`name="f.q0" value="Jo"`: 1, `name="f.q1" value="0" checked`: 1, `name="f.q1" value="1" checked`: 0, `name="f.q4" value="99"`: 1,
		`name="f.q6" value="true" checked`: 0, `at most 9 (How many)`: 1, `aria-invalid="true" autofocus`: 1,
	} {
		if strings.Count(page, want) != times {
			t.Errorf("the form that comes back has %q %d times, want %d:\n%s", want, strings.Count(page, want), times, page)
		}
	}
	// An answer by no form that is there is told as ever.
	sent = filled(form.Card, "edit:0", nil).Encode()
	page = bodyOf(t, ask(t, "POST", s.Status().URL+"answer", sent, "Content-Type", formType))
	if !strings.Contains(page, "cannot be answered so.</p>") {
		t.Errorf("a way that is not there is told as:\n%s", page)
	}
}

// TestNotRecordedIsKept: words that the daemon could not take are not lost.
func TestNotRecordedIsKept(t *testing.T) {
	s := play(t, channeltest.Samples()["bash"])
	s.desk.Judge = func(permit.Answer) permit.Verdict {
		return permit.Verdict{Code: permit.NotRecorded, Text: "It does not count: the disk is full."}
	}
	resp := ask(t, "POST", s.Status().URL+"answer", form(channeltest.Samples()["bash"].Card, permit.Deny, "Use ninja.").Encode(), "Content-Type", formType)
	page := bodyOf(t, resp)
	if resp.StatusCode != 503 || !strings.Contains(page, "\nUse ninja.</textarea>") || !strings.Contains(page, `role="alert">It does not count: the disk is full.`) {
		t.Errorf("%s:\n%s", resp.Status, page)
	}
}

// TestLongFormsAreElsewhere: the list stays light, and the form is whole on its
// own page, to the byte; a megabyte comes back.
func TestLongFormsAreElsewhere(t *testing.T) {
	content := "\n" + strings.Repeat("every \"line\" of <a> long & winding file\n", 1<<20/40)
	card := channeltest.CardOf("a b", "Write", map[string]any{"file_path": "/tmp/x", "content": content})
	s := play(t, channeltest.Sample{Card: card, Options: preview.Options{Edit: true}})
	link := s.Status().URL
	page := bodyOf(t, ask(t, "GET", link, ""))
	if strings.Count(page, "<textarea") != 1 || !strings.Contains(page, `href="card?request=a&#43;b&amp;way=edit%3A0#`) {
		t.Errorf("the long form is on the list, or no link leads to it")
	}
	page = bodyOf(t, ask(t, "GET", link+"card?request=a+b&way=edit%3A0", ""))
	_, area, _ := strings.Cut(page, `name="f.text"`)
	area, _, _ = strings.Cut(area, "</textarea>")
	if got := text(area); strings.TrimPrefix(got, "\n") != content {
		t.Errorf("the form has %d bytes of %d", len(got)-1, len(content))
	}
	if !strings.Contains(page, `data-keep="edit-0" open`) {
		t.Error("its form is not open there")
	}
	changed := strings.ReplaceAll(content, "\n", "\r\n") + "and one more"
	body := filled(card, "edit:0", url.Values{"text": {changed}}).Encode()
	if resp := ask(t, "POST", link+"answer", body, "Content-Type", formType); resp.StatusCode != 303 {
		t.Fatalf("a form of %d bytes gets %s", len(body), resp.Status)
	}
	if got := s.desk.Answers()[0].Fields["text"][0]; got != changed {
		t.Errorf("of %d bytes %d come to the desk", len(changed), len(got))
	}
}

// TestWithheld: nothing but tool, project and host is on the page, nor given to
// programs.
func TestWithheld(t *testing.T) {
	s := channeltest.Samples()["bash-withheld"]
	r := &s.Card.Request
	r.Cwd, r.Branch, r.Session, r.Agent, r.AgentType = "/secret/folder", "secret-branch", "secret-session", "secret-agent", "secret-type"
	r.Suggestions = []json.RawMessage{json.RawMessage(`{"secret":"rule"}`)}
	st := serve(t, Config{Listen: "127.0.0.1:0"}, Options{Preview: preview.New(s.Options).Of, Withhold: true})
	st.show(s.Card)
	st.Note(permit.Note{ID: "n", Project: "shop", Title: "Claude has finished", Text: "the secret is out", Branch: "secret-branch", Cwd: "/secret", Session: "secret"})
	for _, path := range []string{"", "card?request=ask", "cards.json", "notes.json"} {
		body := bodyOf(t, ask(t, "GET", st.Status().URL+path, ""))
		for _, gone := range []string{"secret", "npm"} {
			if strings.Contains(body, gone) {
				t.Errorf("%q tells %q:\n%s", path, gone, body)
			}
		}
		if !strings.Contains(body, "shop") || strings.Contains(body, `value="allow"`) {
			t.Errorf("%q does not tell the project, or lets it be allowed:\n%s", path, body)
		}
	}
}

// TestPlacesAreMasked: a secret in a branch's or a folder's name is told neither
// to people nor to programs.
func TestPlacesAreMasked(t *testing.T) {
	const token = "ghp_16C7e42F292c6912E7710c838347Ae178B4a"
	s := channeltest.Samples()["bash"]
	s.Card.Request.Branch, s.Card.Request.Cwd = "fix/"+token, "/home/alice/"+token
	st := play(t, s)
	for _, path := range []string{"", "card?request=ask", "cards.json"} {
		body := bodyOf(t, ask(t, "GET", st.Status().URL+path, ""))
		if strings.Contains(body, token) || !strings.Contains(body, "masked: 40 chars") {
			t.Errorf("%q tells:\n%s", path, body)
		}
	}
}

// TestCardsHaveWays: programs are told how a card can be answered, and not what
// others filled in.
func TestCardsHaveWays(t *testing.T) {
	s := play(t, channeltest.Samples()["elicitation"])
	read := func() (cards []struct {
		permit.Card
		Ways []permit.Way
	}) {
		if err := json.Unmarshal([]byte(bodyOf(t, ask(t, "GET", s.Status().URL+"cards.json", ""))), &cards); err != nil {
			t.Fatal(err)
		}
		return cards
	}
	cards := read()
	if len(cards) != 1 || len(cards[0].Ways) != 3 || cards[0].Ways[0].Name != permit.WayAnswer || len(cards[0].Ways[0].Form) != 7 {
		t.Fatalf("a program is told %+v", cards)
	}
	body := filled(cards[0].Card, "answer:0", url.Values{"q0": {"Jo"}, "q1": {"0"}, "q4": {"1"}}).Encode()
	ask(t, "POST", s.Status().URL+"answer", body, "Content-Type", formType)
	cards = read()
	if d := cards[0].Outcome.Decision; d.Input != nil || len(cards[0].Ways) != 0 || d.Way != permit.WayAnswer {
		t.Errorf("afterwards a program is told %+v and %d ways", d, len(cards[0].Ways))
	}
	e, _, _ := s.board.find("ask")
	if e.card.Outcome.Decision.Input == nil {
		t.Error("what the program is not told is lost for the board")
	}
}

// TestHeldSaysWhy: what cannot be allowed or changed here says so.
func TestHeldSaysWhy(t *testing.T) {
	for name, want := range map[string]string{
		"bash-held":     "in the terminal only.",
		"bash-masked":   "It cannot be changed here",
		"bash-twin":     "Number 2 of several that ask for the very same.",
		"bash-broad":    `<p class="beware">Very broad: bash runs any command it is given.</p>`,
		"bash-confirm":  "wants this confirmed.",
		"bash-withheld": "keeps the content on the machine",
	} {
		page := bodyOf(t, ask(t, "GET", play(t, channeltest.Samples()[name]).Status().URL, ""))
		if !strings.Contains(page, want) {
			t.Errorf("%s does not say %q:\n%s", name, want, page)
		}
		if allowed := strings.Contains(page, `value="allow"`); allowed != (name != "bash-held" && name != "bash-withheld") {
			t.Errorf("%s: can be allowed: %v", name, allowed)
		}
	}
}

// TestNotes: what happened is told, newest first, in the events too, and goes
// when it is old.
func TestNotes(t *testing.T) {
	now, later := noon, atomic.Int64{}
	s := serve(t, Config{Listen: "127.0.0.1:0"}, Options{Now: func() time.Time { return now.Add(time.Duration(later.Load())) }})
	link := s.Status().URL
	live := open(t, link+"events", "")
	live.next("still")
	live.update()
	for i := range keepNotes + 3 {
		s.Note(permit.Note{ID: fmt.Sprintf("n%d", i), Class: permit.NoteFinished, Project: "shop⟨U+202E⟩", Title: fmt.Sprintf("Finished <%d>", i),
			Text: "It said **done**.\n<!-- and more -->", At: now.Add(time.Duration(i) * time.Minute)})
	}
	for {
		u, _ := live.update()
		if len(u.Notes) > 0 && u.Notes[0] == "n14" {
			if len(u.Notes) != keepNotes || u.Notes[keepNotes-1] != "n3" || !strings.Contains(u.News["n14"], "Finished &lt;14&gt;") {
				t.Errorf("the events tell %+v", u)
			}
			break
		}
	}
	s.show(channeltest.Card("ask", "make"))
	if u, _ := live.update(); len(u.News) != 0 || len(u.Notes) != keepNotes {
		t.Errorf("what was told is told again: %+v", u)
	}
	page := bodyOf(t, ask(t, "GET", link, ""))
	at := 0
	for _, want := range []string{`<section id="notes" data-count="12"`, "Finished &lt;14&gt;", "shop⟨U&#43;202E⟩", "&lt;!-- and more --&gt;", "Finished &lt;13&gt;", "Finished &lt;3&gt;"} {
		found := strings.Index(page[at:], want)
		if found < 0 {
			t.Fatalf("after %d bytes the page does not have %q:\n%s", at, want, page)
		}
		at += found
	}
	if strings.Contains(page, "Finished &lt;2&gt;") {
		t.Error("an old note is still there")
	}
	var notes []permit.Note
	if err := json.Unmarshal([]byte(bodyOf(t, ask(t, "GET", link+"notes.json", ""))), &notes); err != nil || len(notes) != keepNotes || notes[0].ID != "n14" {
		t.Errorf("a program is told %+v (%v)", notes, err)
	}
	later.Store(int64(noteFor + 14*time.Minute))
	if body := bodyOf(t, ask(t, "GET", link+"notes.json", "")); body != "[]\n" {
		t.Errorf("half a day later there is still %s", body)
	}
}

package slack

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"claude-permission-daemon/internal/channel/channeltest"
	"claude-permission-daemon/internal/channel/slack/slacktest"
	"claude-permission-daemon/internal/claude"
	"claude-permission-daemon/internal/permit"
	"claude-permission-daemon/internal/preview"
)

// flow is what a person does with the card of a sample, and what comes of it.
type flow struct {
	name, sample string
	tap          string   // the button, by its label
	dialog       []string // what the dialog says before the tap counts; nil: there is none
	fills        []fill   // the modals that come, one after the other; all but the last are not enough
	want         permit.Answer
	says         string // by the settled card
}

// fill is a modal: what it says, and what the person fills in, by the inputs'
// labels or ids and the options' texts.
type fill struct {
	reads []string
	typed map[string]string
}

// flows are each way of each kind of request.
func flows() []flow {
	type fields = map[string][]string
	type typed = map[string]string
	answer := func(name permit.WayName, pick int, f fields) permit.Answer {
		return permit.Answer{Way: name, Pick: pick, Fields: f}
	}
	const why = "Why, or what to do instead"
	order := typed{"Name": "Jo & <Ann>", "Size": "Large", "Extras": "gift wrap|express", "Colour": "green", "How many": "3", "Discount in percent": "2.5", "Insured": ""}
	return []flow{
		{"a command approved", "bash", "Approve", nil, nil, answer(permit.WayApprove, 0, nil), "Approved by alice via slack — delivered"},
		{"denied", "bash", "Deny", nil, nil, answer(permit.WayDeny, 0, nil), "Denied by alice via slack — delivered"},
		{"denied with a reason", "bash", "Deny with reason…", nil, []fill{{[]string{"npm run build -- --mode production", "Claude reads this."}, typed{why: "Use <ninja> & *wait*\nfor CI"}}},
			answer(permit.WayReason, 0, fields{"message": {"Use <ninja> & *wait*\nfor CI"}}), "Denied by alice via slack: Use <ninja> & *wait*"},
		{"edited", "bash-edit", "Approve with edits…", nil, []fill{{[]string{"npm run build -- --mode production"}, typed{"command": "npm test"}}},
			answer(permit.WayEdit, 0, fields{"text": {"npm test"}}), "(with edits)"},
		{"edited as JSON, not well at first", "mcp-edit", "Approve with edits…", nil, []fill{
			{[]string{`"reason": "twice"`}, typed{"input, as JSON": `{"order": 4711`}},
			{[]string{"It does not count yet: the changed input is no JSON object.", `{"order": 4711`}, typed{"input, as JSON": `{"order": 4712}`}},
		}, answer(permit.WayEdit, 0, fields{"text": {`{"order": 4712}`}}), "(with edits)"},

		{"the one rule", "bash", "Always allow npm run *", []string{"Claude Code will not ask again for Bash(npm run *).", ".claude/settings.local.json", "[Always allow]"}, nil,
			answer(permit.WayAlways, 0, nil), "(always allow npm run *)"},
		{"the narrow one of four", "always-four", "Always allow npm run build in this session", []string{"Bash(npm run build)", "written nowhere"}, nil,
			answer(permit.WayAlways, 2, nil), "(always allow npm run build in this session)"},
		{"the broad one of four", "always-four", "Always allow bash in this session", []string{"Very broad: bash runs any command it is given."}, nil,
			answer(permit.WayAlways, 0, nil), "(always allow bash in this session)"},
		{"one of five", "always-five", "Always allow…", nil, []fill{{[]string{"Bash(npm run *)", "settings.local.json", "Very broad: every command is allowed.", "Very broad: bash runs"}, typed{"Which rule": "2. Always allow npm *"}}},
			answer(permit.WayAlways, 1, nil), "(always allow npm *)"},
		{"a long rule", "always-long", "Always allow npm run very-long-name-o…g-name-of-a-script very-long-name-of…", nil,
			[]fill{{[]string{"Bash(npm run " + strings.Repeat("very-long-name-of-a-script ", 19), "settings.local.json"}, nil}}, answer(permit.WayAlways, 0, nil), "(always allow npm run very-long"},
		{"edits from here on", "always-edits", "Always accept edits in this session", []string{"edits files without asking"}, nil, answer(permit.WayAlways, 0, nil), "(always accept edits in this session)"},

		{"a choice", "question", "Choose Vue", nil, nil, answer(permit.WayChoose, 1, nil), "Answered by alice via slack (Vue)"},
		{"words instead of a choice", "question", "Answer…", nil, []fill{{[]string{"Which framework?", "The usual one"}, typed{"Something else": "Svelte"}}},
			answer(permit.WayAnswer, 0, fields{"q0.other": {"Svelte"}}), "(Svelte)"},
		{"picks and words for several", "questions", "Answer…", nil, []fill{{[]string{"Which checks should run on each push?", "ten minutes, on two machines", "│ total       5.50 │"},
			typed{"Which checks should run on each push?": "Lint|Browser tests", "f0.other": "Spelling", "Answer 2, to what is written above": "2. At the side"}}},
			answer(permit.WayAnswer, 0, fields{"q0": {"0", "2"}, "q0.other": {"Spelling"}, "q1": {"1"}}), "(Lint, Browser tests, Spelling; At the side)"},
		{"one of two forgotten", "questions", "Answer…", nil, []fill{
			{nil, typed{"Which checks should run on each push?": "Unit tests", "f0.other": "Spelling"}},
			{[]string{"It does not count yet: an answer is missing (Where does the total stand?).", "Spelling"}, typed{"f1.other": "On <paper>"}},
		}, answer(permit.WayAnswer, 0, fields{"q0": {"1"}, "q0.other": {"Spelling"}, "q1.other": {"On <paper>"}}), "(Unit tests, Spelling; On <paper>)"},
		{"a question declined", "questions", "Deny with reason…", nil, []fill{{nil, typed{why: "Ask later."}}}, answer(permit.WayReason, 0, fields{"message": {"Ask later."}}), "Ask later."},

		{"a plan", "plan", "Approve", nil, nil, answer(permit.WayApprove, 0, nil), "Approved by alice via slack — delivered"},
		{"a plan, edits accepted", "plan", "Approve, accept edits", []string{"From here on Claude Code edits files in this session without asking."}, nil, answer(permit.WayEdits, 0, nil), "(edits are accepted from here on)"},
		{"a plan changed", "plan", "Approve with edits…", nil, []fill{{[]string{"# Take payments by card", "Ask before each edit"}, typed{"The plan": "# Only\n\n1. this", "Afterwards": "Accept edits without asking, in this session"}}},
			answer(permit.WayEdit, 0, fields{"text": {"# Only\n\n1. this\n"}, "mode": {"1"}}), "(with edits)"},
		{"a plan untouched", "plan", "Approve with edits…", nil, []fill{{}}, answer(permit.WayEdit, 0, fields{"text": {channeltest.Plan}, "mode": {"0"}}), "(unchanged)"},
		{"a long plan untouched", "plan-long", "Approve with edits…", nil, []fill{{[]string{"The plan, 1 of ", "120. Round half to even"}, nil}}, answer(permit.WayEdit, 0, nil), "(unchanged)"},
		{"a plan turned down", "plan", "Deny with feedback…", nil, []fill{{nil, typed{why: "Smaller steps."}}}, answer(permit.WayReason, 0, fields{"message": {"Smaller steps."}}), "Denied by alice via slack: Smaller steps."},

		{"a form", "elicitation", "Answer…", nil, []fill{{[]string{"Where should the order go?", "As it stands on the door", "costs 2.00"}, order}},
			answer(permit.WayAnswer, 0, fields{"q0": {"Jo & <Ann>"}, "q1": {"2"}, "q2": {"0", "1"}, "q3": {"1"}, "q4": {"3"}, "q5": {"2.5"}, "q6": {"false"}}), "Answered by alice via slack"},
		{"a form as it stands", "elicitation", "Answer…", nil, []fill{{nil, typed{"Name": "Jo"}}},
			answer(permit.WayAnswer, 0, fields{"q0": {"Jo"}, "q1": {"1"}, "q4": {"1"}, "q6": {"true"}}), "Answered by alice via slack"},
		{"a form, too many at first", "elicitation", "Answer…", nil, []fill{
			{nil, typed{"Name": "Jo", "Colour": "red", "How many": "12"}}, {[]string{"It does not count yet", "Jo", "12"}, typed{"How many": "9"}},
		}, answer(permit.WayAnswer, 0, fields{"q0": {"Jo"}, "q1": {"1"}, "q3": {"0"}, "q4": {"9"}, "q6": {"true"}}), "Answered by alice via slack"},
		{"a form declined", "elicitation", "Deny", nil, nil, answer(permit.WayDeny, 0, nil), "Denied by alice via slack"},
		{"a form cancelled", "elicitation", "Deny and cancel", nil, nil, answer(permit.WayCancel, 0, nil), "Cancelled by alice via slack"},
		{"an address", "elicitation-url", "Answer: done at the address", []string{"Open the address yourself first."}, nil, answer(permit.WayAnswer, 0, nil), "Answered by alice via slack"},

		{"a reply", "finished", "Answer…", nil, []fill{{[]string{"What Claude should do next"}, typed{"What Claude should do next": "Now the docs."}}}, answer(permit.WayAnswer, 0, fields{"message": {"Now the docs."}}), "Now the docs."},
		{"another try", "refused", "Allow another try", nil, nil, answer(permit.WayRetry, 0, nil), "Allowed to be tried again by alice via slack"},
		{"no other try", "refused", "Deny", nil, nil, answer(permit.WayDeny, 0, nil), "Denied by alice via slack"},

		{"in the terminal only", "bash-held", "Deny", nil, nil, answer(permit.WayDeny, 0, nil), "Denied by alice via slack"},
		{"confirmed by the user's rule", "bash-confirm", "Approve", []string{"Your rule Bash(npm run *) wants this confirmed.", "[Approve]"}, nil, answer(permit.WayApprove, 0, nil), "Approved by alice via slack"},
		{"withheld", "bash-withheld", "Deny", nil, nil, answer(permit.WayDeny, 0, nil), "Denied by alice via slack"},
		{"a card that is cut", "bash-cut", "Approve", []string{"Approve what you cannot see?", "Not everything fits on this card:", "characters are not shown."}, nil, answer(permit.WayApprove, 0, nil), "Approved by alice via slack"},
		{"a rule on a card that is cut", "bash-cut", "Always allow echo *", []string{"Not everything fits on this card:", "Bash(echo *)"}, nil, answer(permit.WayAlways, 0, nil), "(always allow echo *)"},
		{"a card that is cut denied", "bash-cut", "Deny", nil, nil, answer(permit.WayDeny, 0, nil), "Denied by alice via slack"},
	}
}

// TestFlows: each way of each kind of request as a person takes it, in a Slack
// that does to texts all that is reported of it: the desk gets exactly this
// answer, and the card says what was answered and loses its buttons.
func TestFlows(t *testing.T) {
	all := channeltest.Samples()
	mcp := all["mcp"]
	mcp.Options.Edit = true
	all["mcp-edit"] = mcp
	for _, f := range flows() {
		t.Run(f.name, func(t *testing.T) {
			sample, ok := all[f.sample]
			if !ok {
				t.Fatalf("there is no sample %q", f.sample)
			}
			change := func(_ *slacktest.Server, _ *Config, o *Options) { o.Preview = preview.New(sample.Options).Of }
			inBubble(t, slacktest.Options{Harsh: true}, change, func(w *world) {
				t := w.t
				w.resolves(sample.At(time.Now()))
				b := w.press(f.tap)
				if (b.dialog == "") != (f.dialog == nil) {
					t.Errorf("before the tap counts, Slack asks %q", b.dialog)
				}
				says(t, b.dialog, f.dialog)
				for i, fill := range f.fills {
					if n := len(w.desk.Answers()); n != i {
						t.Fatalf("there are %d answers before the modal is sent", n)
					}
					w.fill(fill)
				}
				w.pass(2 * time.Second)
				answers := w.desk.Answers()
				if len(answers) != max(len(f.fills), 1) || len(w.srv.Views()) != 0 {
					t.Fatalf("%d answers came, and %d modals are open; Alice is told %q", len(answers), len(w.srv.Views()), w.told(alice))
				}
				got := answers[len(answers)-1]
				if f.sample == "plan-long" {
					got.Fields = nil // the card says that it is unchanged
				}
				if diff := cmp.Diff(f.want, permit.Answer{Way: got.Way, Pick: got.Pick, Fields: got.Fields}, cmpopts.EquateEmpty()); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
				if got.Decision.By.ID != alice || got.Decision.Channel != Name || got.Digest != sample.Card.Request.Digest {
					t.Errorf("the desk was brought %+v", got)
				}
				m := w.one("ask")
				if said := readable(m.Blocks); !strings.Contains(said, f.says) || hasButtons(m) {
					t.Errorf("the card does not say %q:\n%s", f.says, said)
				}
				if told := w.told(alice); len(told) != 0 {
					t.Errorf("Alice is told %q, though the card says it", told)
				}
			})
		})
	}
}

// TestWhatCannotBeAllowed: a card that is not to be allowed from here has no
// button that would, and says why.
func TestWhatCannotBeAllowed(t *testing.T) {
	for name, says := range map[string]string{
		"bash-held":     "It cannot be allowed here. Your rule Bash(npm run *) lets this be allowed in the terminal only.",
		"bash-withheld": "keeps the content on the machine",
	} {
		s := channeltest.Samples()[name].At(noon)
		d, err := draw(s.Card, s.Preview(), look{budget: budgets[0], rev: "1"})
		if err != nil {
			t.Fatal(err)
		}
		blocks := mustJSON(d.blocks)
		if !strings.Contains(readable(blocks), says) {
			t.Errorf("%s does not say %q:\n%s", name, says, readable(blocks))
		}
		for action, b := range buttonsIn(blocks) {
			if action != denyAction && action != reasonOpen {
				t.Errorf("%s has the button %q", name, b.label)
			}
		}
	}
}

// TestTheWholeTextOfACutCard: a person reads what the card leaves out to the end
// and then approves; reading decides nothing.
func TestTheWholeTextOfACutCard(t *testing.T) {
	inBubble(t, slacktest.Options{Harsh: true}, nil, func(w *world) {
		t := w.t
		var script strings.Builder
		for i := range 9000 {
			script.WriteString("echo line " + thousands(i) + "\n")
		}
		s := channeltest.Sample{Card: channeltest.Card("ask", script.String())}
		w.resolves(s)
		w.press("View the whole text")
		var read strings.Builder
		for page := 1; ; page++ {
			view := w.modal()
			read.WriteString(view.text)
			next := buttonsIn(view.blocks)[pageAction+".next"]
			if next.action == "" {
				break
			}
			if page > 20 {
				t.Fatal("it has no end")
			}
			if d, err := w.srv.Press(t.Context(), view.id, next.action, nil); err != nil || !d.Acked {
				t.Fatalf("the page does not turn: %v %+v", err, d)
			}
			w.pass(time.Second)
		}
		for i := range 9000 {
			if !strings.Contains(read.String(), "echo line "+thousands(i)+"\n") {
				t.Fatalf("line %d is on no page", i)
			}
		}
		if n := len(w.desk.Answers()); n != 0 {
			t.Errorf("reading made %d answers", n)
		}
		if b := w.press("Approve"); !strings.Contains(b.dialog, "Not everything fits on this card") {
			t.Errorf("the dialog says %q", b.dialog)
		}
		if hasButtons(w.one("ask")) {
			t.Error("the card keeps its buttons")
		}
	})
}

// resolves shows the sample's card and has the desk do what a broker would: it
// takes an answer that Claude Code can act on, and the card soon says so.
func (w *world) resolves(s channeltest.Sample) {
	w.desk.Judge = func(a permit.Answer) permit.Verdict {
		decision, lacks := claude.Resolve(s.Card.Request, a, s.Options.Edit)
		if lacks != "" {
			return permit.Verdict{Code: permit.Incomplete, Text: lacks}
		}
		card := channeltest.Decided(s.Card, decision.Verb, permit.Delivered, decision.Message)
		card.Outcome.Decision = &decision
		w.ch.Show(card)
		return permit.Verdict{Code: permit.Accepted, Text: card.Outcome.Sentence()}
	}
	w.pass(time.Second)
	w.ch.Show(s.Card)
	w.pass(2 * time.Second)
}

// press taps the button with that label, and confirms what Slack asks first.
func (w *world) press(label string) seenButton {
	w.t.Helper()
	m := w.one("ask")
	for _, b := range buttonsIn(m.Blocks) {
		if b.label == label {
			w.click(slacktest.Click{TS: m.TS, ActionID: b.action})
			w.pass(time.Second)
			return b
		}
	}
	w.t.Fatalf("there is no button %q:\n%s", label, readable(m.Blocks))
	return seenButton{}
}

// seenModal is a modal as a person sees it.
type seenModal struct {
	id, text string
	blocks   json.RawMessage
	inputs   []seenInput
}

type seenInput struct {
	id, label string
	options   map[string]string // by text
}

// modal is the one that is open.
func (w *world) modal() seenModal {
	w.t.Helper()
	views := w.srv.Views()
	if len(views) != 1 {
		w.t.Fatalf("%d modals are open; Alice is told %q", len(views), w.told(alice))
	}
	doc, _ := readObject(views[0].View)
	seen := seenModal{id: views[0].ID, blocks: mustJSON(doc["blocks"]), text: everyText(map[string]any(doc))}
	for _, b := range doc.list("blocks") {
		block := object(b.(map[string]any))
		if block.str("type") != "input" {
			continue
		}
		in := seenInput{id: block.str("block_id"), label: unescape.Replace(block.obj("label").str("text")), options: map[string]string{}}
		for _, o := range block.obj("element").list("options") {
			option := object(o.(map[string]any))
			in.options[unescape.Replace(option.obj("text").str("text"))] = option.str("value")
		}
		seen.inputs = append(seen.inputs, in)
	}
	return seen
}

// fill reads the modal that is open, fills it in and sends it.
func (w *world) fill(f fill) {
	w.t.Helper()
	view := w.modal()
	says(w.t, view.text, f.reads)
	values := map[string]string{}
	for label, said := range f.typed {
		i := slices.IndexFunc(view.inputs, func(in seenInput) bool { return in.label == label || in.id == label })
		if i < 0 {
			w.t.Fatalf("the modal has no input %q:\n%s", label, view.text)
		}
		in := view.inputs[i]
		if len(in.options) > 0 && said != "" {
			var chosen []string
			for text := range strings.SplitSeq(said, "|") {
				value, ok := in.options[text]
				if !ok {
					w.t.Fatalf("%q has no option %q: %v", label, text, in.options)
				}
				chosen = append(chosen, value)
			}
			said = strings.Join(chosen, ",")
		}
		values[in.id] = said
	}
	w.submit(slacktest.Submit{ViewID: view.id, Values: values})
	w.pass(time.Second)
}

// everyText is all that is written anywhere in v, as a person reads it.
func everyText(v any) string {
	var b strings.Builder
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case []any:
			for _, e := range v {
				walk(e)
			}
		case map[string]any:
			for key, value := range v {
				if s, ok := value.(string); ok && (key == "text" || key == "initial_value") {
					b.WriteString(unescape.Replace(s) + "\n")
				}
				walk(value)
			}
		}
	}
	walk(v)
	return b.String()
}

func says(t testing.TB, said string, words []string) {
	t.Helper()
	for _, word := range words {
		if !strings.Contains(said, word) {
			t.Errorf("it does not say %q:\n%s", word, said)
		}
	}
}

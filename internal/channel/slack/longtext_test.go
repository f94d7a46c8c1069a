package slack

import (
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode"

	"claude-permission-daemon/internal/channel/channeltest"
	"claude-permission-daemon/internal/channel/slack/slacktest"
	"claude-permission-daemon/internal/permit"
)

// clients are what Slack's clients may make of what stands in an input.
var clients = map[string]func(string) string{
	"as it is":     func(s string) string { return s },
	"trimmed":      strings.TrimSpace,
	"trimmed left": func(s string) string { return strings.TrimLeft(s, " \t\r\n") },
	"end trimmed":  func(s string) string { return strings.TrimRight(s, " \t\r\n") },
	"LF":           func(s string) string { return strings.ReplaceAll(s, "\r\n", "\n") },
	"LF, trimmed":  func(s string) string { return strings.TrimSpace(strings.ReplaceAll(s, "\r\n", "\n")) },
}

// values are what Slack sends of a form in which each input has said.
func values(said map[string]string) object {
	all := map[string]any{}
	for id, text := range said {
		all[id] = map[string]any{id: map[string]any{"type": "plain_text_input", "value": text}}
	}
	return all
}

// FuzzLongText: a text that nobody touched comes back to the byte whatever the
// client does to the inputs' ends, and a change in one input changes nothing of
// the others and joins no two lines.
func FuzzLongText(f *testing.F) {
	for _, s := range []string{
		"", "x", " \n", "\tindented\n", strings.Repeat("line\n", 2000), strings.Repeat("line\r\n", 2000), strings.Repeat("x", 20_000),
		strings.Repeat("🎉", 4000), strings.Repeat("\n", 9000), strings.Repeat(" \n\t", 3000) + "x", strings.Repeat("word word  ", 900),
		strings.Repeat("a", 2499) + strings.Repeat("\n", 4000) + strings.Repeat("b", 2499), strings.Repeat("<&>\n", 3000), "a\r\r\nb",
		strings.Repeat("a", 2499) + "\r\n\r\n" + strings.Repeat("b", 3000), "\n\n" + strings.Repeat("⟨U+202E⟩", 900) + "\n",
	} {
		f.Add(s, "changed", uint8(1))
		f.Add(s, " more\n", uint8(0))
	}
	f.Fuzz(func(t *testing.T, text, change string, which uint8) {
		field := permit.Field{Name: "text", Kind: permit.Lines, Value: text}
		parts := inputsOf(field)
		if got := strings.Join(parts, ""); got != text {
			t.Fatalf("the inputs hold %.100q of %.100q", got, text)
		}
		for i, part := range parts {
			if n := units(part); n > maxInput || n == 0 && text != "" {
				t.Fatalf("input %d of %d holds %d characters", i, len(parts), n)
			}
		}
		touched := int(which) % len(parts)
		for name, client := range clients {
			said := map[string]string{}
			for i, part := range parts {
				said[inputID(0, i)] = client(part)
			}
			if got := readInputs(0, field, values(said)); got != text {
				t.Fatalf("%s: untouched, it comes back as %.100q, want %.100q", name, got, text)
			}
			said[inputID(0, touched)] = client(change)
			got := readInputs(0, field, values(said))
			before, after := strings.Join(parts[:touched], ""), strings.Join(parts[touched+1:], "")
			if !strings.HasPrefix(got, before) || !strings.HasSuffix(got, after) {
				t.Fatalf("%s: a change in input %d changed another", name, touched)
			}
			middle := got[len(before) : len(got)-len(after)]
			if core := strings.TrimSpace(client(change)); !strings.Contains(middle, core) {
				t.Fatalf("%s: %.100q became %.100q", name, change, middle)
			}
			blanks := change != strings.TrimRightFunc(change, unicode.IsSpace) // of the person's own at its end
			if middle != "" && !blanks && strings.HasSuffix(parts[touched], "\n") && !strings.HasSuffix(middle, "\n") {
				t.Fatalf("%s: the last line of input %d runs into the next: %.100q", name, touched, middle)
			}
		}
	})
}

// longPlan is a plan of n steps, no two alike, with the shapes that lose blanks
// most easily.
func longPlan(n int) string {
	var b strings.Builder
	b.WriteString("# Rounding\n\n")
	for i := range n {
		fmt.Fprintf(&b, "%d. Round half to even in module %d.\n\n\tgo test ./module%d/...   \n\n", i+1, i, i)
	}
	return b.String()
}

// A plan that is longer than one input is changed in several, in one modal; what
// was not touched goes back to the byte.
func TestALongPlanIsChanged(t *testing.T) {
	plan := longPlan(100)
	last := len(inputsOf(permit.Field{Kind: permit.Lines, Value: plan})) - 1
	if last < 2 {
		t.Fatalf("%d characters are %d inputs", len(plan), last+1)
	}
	for name, test := range map[string]struct {
		typed map[string]string
		want  string
	}{
		"untouched":            {nil, plan},
		"the last taken out":   {map[string]string{inputID(0, last): " "}, strings.Join(inputsOf(permit.Field{Kind: permit.Lines, Value: plan})[:last], "")},
		"the first replaced":   {map[string]string{"f0": "# Nothing\n"}, "# Nothing   \n\n" + plan[len(inputsOf(permit.Field{Kind: permit.Lines, Value: plan})[0]):]},
		"a middle one changed": {map[string]string{inputID(0, 1): "Stop <here> & *now*"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, slacktest.Options{Harsh: true}, nil, func(w *world) {
				w.pass(time.Second)
				w.ch.Show(channeltest.CardOf("asked", "ExitPlanMode", m{"plan": plan}))
				w.pass(time.Second)
				w.click(slacktest.Click{ActionID: "cpd_edit"})
				w.pass(100 * time.Millisecond)
				views := w.srv.Views()
				if len(views) != 1 {
					t.Fatalf("%d modals; told %q", len(views), w.told(alice))
				}
				if said := readable(mustJSON(labelsIn(t, views[0].View))); !strings.Contains(said, fmt.Sprintf("The plan, 1 of %d", last+1)) {
					t.Errorf("the modal says %q", said)
				}
				w.submit(slacktest.Submit{ViewID: views[0].ID, Values: test.typed})
				got := w.desk.Answers()
				if len(got) != 1 || len(got[0].Fields["text"]) != 1 {
					t.Fatalf("the desk was brought %+v", got)
				}
				text := got[0].Fields["text"][0]
				if test.want != "" && text != test.want {
					t.Errorf("%d characters came back, want %d", len(text), len(test.want))
				}
				if test.want == "" && (!strings.Contains(text, "\nStop <here> & *now*\n") && !strings.Contains(text, "\nStop <here> & *now* ") || len(text) >= len(plan)) {
					t.Errorf("it came back as %q", text)
				}
			})
		})
	}
}

// labelsIn are the labels of a modal's inputs.
func labelsIn(t *testing.T, view []byte) (labels []any) {
	t.Helper()
	doc, ok := readObject(view)
	if !ok {
		t.Fatalf("no view: %s", view)
	}
	for _, b := range doc.list("blocks") {
		if block, ok := b.(map[string]any); ok && block["type"] == "input" {
			labels = append(labels, block["label"])
		}
	}
	return labels
}

// What no modal has room for is said, and is not offered.
func TestTooLongForAModal(t *testing.T) {
	for _, text := range []string{strings.Repeat("A line of the plan.\n", 30_000), strings.Repeat("&", 60_000)} {
		w := permit.Way{Name: permit.WayEdit, Verb: permit.Allow, Label: "Approve with edits…", Form: []permit.Field{{Name: "text", Label: "The plan", Kind: permit.Lines, Value: text}}}
		if why := misfit(w); !strings.Contains(why, "too long") {
			t.Errorf("%d characters are said to be %q", len(text), why)
		}
	}
}

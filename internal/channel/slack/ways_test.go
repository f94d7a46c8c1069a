package slack

import (
	"encoding/json"
	"strings"
	"testing"

	"claude-permission-daemon/internal/permit"
	"claude-permission-daemon/internal/preview"
)

// always is the way of a rule, as Claude Code's suggestions make it.
func always(pick int, content, warning string) permit.Way {
	return permit.Way{Name: permit.WayAlways, Pick: pick, Verb: permit.Allow, Label: "Always allow " + content, Warning: warning,
		Confirm: strings.TrimSpace("Claude Code will not ask again for Bash(" + content + "). " + warning)}
}

// Up to four rules have a button each; whatever of a rule its button has no room
// for stands in what is confirmed.
func TestRulesHaveButtons(t *testing.T) {
	long := "npm run " + strings.Repeat("a", 60) + " && rm -rf ~ && " + strings.Repeat("b", 60)
	rules := []permit.Way{always(0, "bash", "Very broad: bash runs any command it is given."), always(1, "npm run *", ""), always(2, long, ""),
		always(3, "npm "+strings.Repeat("run ", 100), ""), always(4, "make", "")}
	for n, want := range map[int]string{
		1: "always", 2: "always always.1", 3: "always always.1 always.2", 4: "always always.1 always.2 always.3", 5: "",
	} {
		ways, rest := sorted(append([]permit.Way{{Name: permit.WayApprove, Verb: permit.Allow, Label: "Approve"}}, rules[:n]...))
		var order []string
		for _, w := range ways[1:] {
			order = append(order, strings.TrimPrefix(actionOf(w), wayPrefix))
		}
		if got := strings.Join(order, " "); got != want || len(order)+len(rest) != n {
			t.Errorf("of %d rules the buttons are %q, and %d are behind one: want %q", n, got, len(rest), want)
		}
	}
	card := permit.Card{Request: asking("Bash", m{"command": "npm run build"}), Stage: permit.Open}
	p := preview.Preview{Title: "Run a command", Summary: "npm run build", Ways: rules[:4]}
	d, err := draw(card, p, look{budget: budgets[0], rev: "1"})
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range rules[:4] {
		b := buttonsIn(mustJSON(d.blocks))[actionOf(w)]
		said := b.label + b.dialog
		if inModal(w) {
			view, err := wayModal(card, p, w, place{"D1", "1.1"}, 0, nil, "")
			if err != nil {
				t.Fatal(err)
			}
			said += readable(mustJSON(view["blocks"]))
		}
		content := strings.TrimPrefix(w.Label, "Always allow ")
		if !strings.Contains(said, strings.TrimSpace(content)) || !strings.HasPrefix(said, "Always allow ") {
			t.Errorf("of the rule %q is said only %q", content, said)
		}
	}
}

// A label that its button cuts is confirmed whole, beside what is to be
// confirmed anyway.
func TestACutLabelIsConfirmed(t *testing.T) {
	long := "Choose " + strings.Repeat("this ", 10) + "and delete the rest " + strings.Repeat("now ", 10)
	for _, confirm := range []string{"", "Your rule AskUserQuestion wants this confirmed."} {
		w := permit.Way{Name: permit.WayChoose, Verb: permit.Allow, Label: long, Confirm: confirm}
		row := actions("row", object{"type": "button", "action_id": "a", "text": plainText("x"), "confirm": confirmation(w, 0)})
		if said := buttonsIn(mustJSON([]object{row}))["a"].dialog; !strings.Contains(said, strings.TrimSpace(long)) || !strings.Contains(said, confirm) {
			t.Errorf("the dialog says %q", said)
		}
	}
}

// seenButton is a button as a person sees it: its label, and the dialog that
// comes before it counts.
type seenButton struct{ action, label, dialog string }

// buttonsIn are the buttons in blocks, by action_id.
func buttonsIn(blocks json.RawMessage) map[string]seenButton {
	var list []struct {
		Elements []struct {
			Type    string
			Action  string `json:"action_id"`
			Text    any
			Confirm *struct{ Title, Text, Confirm struct{ Text string } }
		}
	}
	found := map[string]seenButton{}
	if json.Unmarshal(blocks, &list) != nil {
		return found
	}
	for _, block := range list {
		for _, e := range block.Elements {
			label, isObject := e.Text.(map[string]any)
			if e.Type != "button" || !isObject {
				continue
			}
			b := seenButton{action: e.Action, label: unescape.Replace(object(label).str("text"))}
			if c := e.Confirm; c != nil {
				b.dialog = unescape.Replace(c.Title.Text + "\n" + c.Text.Text + "\n[" + c.Confirm.Text + "]")
			}
			found[b.action] = b
		}
	}
	return found
}

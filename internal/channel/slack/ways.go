package slack

// This file draws the ways of a request as buttons. A way is given no meaning
// here but its place: the plain yes and no come first, where a thumb finds them.
// The rules for what stands between a tap and its effect are:
//
//   - A form: a modal.
//   - Something to confirm: Slack's own dialog where all of it fits there, else a
//     modal that shows it whole.
//   - A card that is cut: whatever allows is confirmed, and the dialog says so.
//   - None of these: nothing. One tap answers.
//
// The buttons stand in rows, so that a phone shows the plain answers first: yes
// and no; what shows or changes more; the rules.

import (
	"slices"
	"strconv"
	"strings"

	"claude-permission-daemon/internal/permit"
	"claude-permission-daemon/internal/preview"
)

// The buttons. A way's is its name with a prefix; the others have a dot where no
// way has one.
const (
	wayPrefix     = "cpd_"
	approveAction = wayPrefix + string(permit.WayApprove)
	denyAction    = wayPrefix + string(permit.WayDeny)
	reasonOpen    = wayPrefix + string(permit.WayReason)
	wholeAction   = "cpd.whole" // view the whole text
	rulesAction   = "cpd.rules" // choose one of the rules
	pageAction    = "cpd.page"  // of the whole text; with a direction after another dot
)

// mostWays is how many ways get a button, mostRules how many rules get one each
// before all of them go behind one button.
const (
	mostWays  = 10
	mostRules = 4
)

// actionOf names a way's button. It is unique in a card and says all that
// there is to know of the way, so that the name of the button that was tapped
// need not be believed: it is compared with what the card had.
func actionOf(w permit.Way) string {
	if w.Pick == 0 {
		return wayPrefix + string(w.Name)
	}
	return wayPrefix + string(w.Name) + "." + strconv.Itoa(w.Pick)
}

// ours reports whether a button is one of this program's.
func ours(action string) bool {
	return strings.HasPrefix(action, wayPrefix) || action == wholeAction || action == rulesAction || strings.HasPrefix(action, pageAction+".")
}

// wayOf finds the way of a button.
func wayOf(ways []permit.Way, action string) (permit.Way, bool) {
	i := slices.IndexFunc(ways, func(w permit.Way) bool { return actionOf(w) == action })
	if i < 0 {
		return permit.Way{}, false
	}
	return ways[i], true
}

// The rows of buttons begin at these ranks.
const (
	secondRow = 4
	ruleRow   = 8
)

// rank is where a way's button stands among the others.
func rank(w permit.Way) int {
	switch w.Name {
	case permit.WayDeny:
		return 1
	case permit.WayReason:
		return 2
	case permit.WayCancel:
		return 3
	case permit.WayEdits, permit.WayEdit:
		return secondRow
	case permit.WayAlways:
		return ruleRow
	}
	return 0
}

// asks is what a person must have read in full before the way counts: what is
// to be confirmed, and a label that its button has no room for. A rule's is in
// what is confirmed of it.
func asks(w permit.Way) string {
	if cost(w.Label) <= maxButton || w.Name == permit.WayAlways && w.Confirm != "" {
		return w.Confirm
	}
	return strings.TrimSpace(w.Confirm + " " + w.Label)
}

// cutWords says what is confirmed where a card is cut; it costs less than
// cutWordsMost.
func cutWords(left int) string {
	return "Not everything fits on this card: " + thousands(left) + " characters are not shown."
}

const cutWordsMost = 90

// inModal reports whether a modal stands between the way's button and the
// answer. It is the same for a card that is cut and one that is not, so that a
// tap means the same by whichever drawing it was made.
func inModal(w permit.Way) bool {
	text := asks(w)
	return len(w.Form) > 0 || text != "" && cost(text)+cutWordsMost > maxConfirm
}

// confirmation is the dialog that Slack shows before it passes a tap on; nil:
// none. left is how many characters the card leaves out.
func confirmation(w permit.Way, left int) object {
	if inModal(w) {
		return nil
	}
	text, title := asks(w), questionOf(w.Label)
	if left > 0 && w.Verb == permit.Allow {
		text = strings.TrimSpace(cutWords(left) + " " + text)
		if w.Name == permit.WayApprove {
			title = "Approve what you cannot see?"
		}
	}
	if text == "" {
		return nil
	}
	o := object{
		"title":   plainText(title),
		"text":    plainText(text),
		"confirm": plainText(commitWord(w, 30)),
		"deny":    plainText("Back"),
	}
	if left > 0 || w.Warning != "" || w.Verb == permit.Deny {
		o["style"] = "danger"
	}
	return o
}

func questionOf(label string) string {
	return clip(strings.TrimSuffix(label, "…"), 60) + "?"
}

// commitWord is what the button that gives an answer says, within most
// characters.
func commitWord(w permit.Way, most int) string {
	switch w.Name {
	case permit.WayAlways:
		return "Always allow"
	case permit.WayEdit:
		return "Approve"
	case permit.WayAnswer, permit.WayChoose:
		return "Answer"
	case permit.WayReason:
		return "Deny"
	}
	if label := strings.TrimSuffix(clip(w.Label, 2*most), "…"); cost(label) <= most && strings.TrimSpace(label) != "" {
		return label
	}
	if w.Verb == permit.Deny {
		return "Deny"
	}
	return "Approve"
}

// buttons draws the ways of a live card. left is how many characters the card
// leaves out, whole whether a button is to show all of it. lacking says, one
// sentence each, which ways are not offered in Slack.
func buttons(c permit.Card, p preview.Preview, id func(string) string, left int, whole bool) (blocks []object, lacking []string, err error) {
	value, err := tagOf(c.Request, p).encode()
	if err != nil {
		return nil, nil, err
	}
	var plain, more, always []any
	ways, rules := sorted(p.Ways)
	if len(ways) > mostWays {
		lacking = append(lacking, strconv.Itoa(len(ways)-mostWays)+" more ways to answer are not offered in Slack: on the page.")
		ways = ways[:mostWays]
	}
	lead := len(ways) > 0 && ways[0].Verb == permit.Allow && ways[0].Name != permit.WayChoose && rank(ways[0]) == 0
	for i, w := range ways {
		if why := misfit(w); why != "" {
			lacking = append(lacking, "“"+clip(strings.TrimSuffix(w.Label, "…"), 60)+"” is not offered in Slack: "+why+": on the page.")
			continue
		}
		style := ""
		switch {
		case i == 0 && lead:
			style = "primary"
		case w.Name == permit.WayDeny:
			style = "danger"
		}
		b := button(actionOf(w), clip(first(w.Label, string(w.Name), "Answer"), maxButton), value, style)
		if dialog := confirmation(w, left); dialog != nil {
			b["confirm"] = dialog
		}
		row := &plain
		switch {
		case rank(w) >= ruleRow:
			row = &always
		case rank(w) >= secondRow:
			row = &more
		}
		*row = append(*row, b)
	}
	if whole {
		more = append(more, button(wholeAction, "View the whole text", value, ""))
	}
	if len(rules) > 0 {
		always = append(always, button(rulesAction, "Always allow…", value, ""))
	}
	for _, row := range []struct {
		name    string
		buttons []any
	}{{"actions", plain}, {"more", more}, {"rules", always}} {
		if len(row.buttons) > 0 {
			blocks = append(blocks, actions(id(row.name), row.buttons...))
		}
	}
	return blocks, lacking, nil
}

// sorted gives the ways in the order of their buttons, each once. rules are
// those that are too many for a button each and go behind one together.
func sorted(all []permit.Way) (ways, rules []permit.Way) {
	seen := map[string]bool{}
	for _, w := range all {
		if id := actionOf(w); seen[id] || len(id) > maxActionID {
			continue
		}
		seen[actionOf(w)] = true
		if w.Name == permit.WayAlways {
			rules = append(rules, w)
		} else {
			ways = append(ways, w)
		}
	}
	if len(rules) <= mostRules {
		ways, rules = append(ways, rules...), nil
	}
	slices.SortStableFunc(ways, func(a, b permit.Way) int { return rank(a) - rank(b) })
	return ways, rules
}

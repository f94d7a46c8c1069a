package slack

// This file draws the modals: what stands between a tap and its effect. Nothing
// is decided while one is open. A modal carries the tag of its request and the
// place of its card, and what comes back by it is judged as a tap is.

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"
	"unicode/utf8"

	"claude-permission-daemon/internal/permit"
	"claude-permission-daemon/internal/preview"
)

// The modals, by callback_id.
const (
	wayView   = "cpd_way"   // a way's form, or what is to be confirmed
	rulesView = "cpd_rules" // which rule
	wholeView = "cpd_whole" // the whole text
)

// ruleInput is the choice in rulesView.
const ruleInput = "rule"

// private is what a modal carries.
type private struct {
	Tag  tag            `json:"t"`
	At   place          `json:"p"`
	Way  permit.WayName `json:"w,omitempty"`
	Pick int            `json:"n,omitempty"`
}

func readPrivate(text string) (private, bool) {
	var p private
	if json.Unmarshal([]byte(text), &p) != nil && json.Unmarshal([]byte(unescape.Replace(text)), &p) != nil {
		return private{}, false
	}
	return p, p.Tag.Machine != "" && p.Tag.Request != ""
}

// modal is a modal with what all of them have.
func modal(callback, title string, carries private, blocks []object) (object, error) {
	text, err := json.Marshal(carries)
	if err != nil || utf8.RuneCount(text) > maxPrivateMetadata {
		return nil, errTag
	}
	return object{
		"type":             "modal",
		"callback_id":      callback,
		"private_metadata": string(text),
		"title":            plainText(clip(first(title, "Claude Code"), maxTitle)),
		"close":            plainText("Back"),
		"blocks":           blocks,
	}, nil
}

// wayModal is the modal before a way counts: what is to be confirmed, whole, and
// its form. values are what was filled in before, problem what was wrong with it.
// left is how many characters the card leaves out.
func wayModal(c permit.Card, p preview.Preview, w permit.Way, at place, left int, values object, problem string) (object, error) {
	blocks := []object{contextOf("who", plainText(whoLine(c.Request, p)))}
	if problem != "" {
		blocks = append(blocks, richText("problem", section(emoji("warning"), bold(" "+clip(problem, 600)))))
	}
	if !repeats(w.Form, p.Summary) {
		blocks = append(blocks, richText("what", preformatted(clip(p.Summary, 300), "")))
	}
	if left > 0 && w.Verb == permit.Allow {
		blocks = append(blocks, richText("cut", section(emoji("warning"), bold(" "+cutWords(left)))))
	}
	text := asks(w)
	blocks = append(blocks, prose("confirm", text)...)
	if w.Warning != "" && !strings.Contains(text, w.Warning) {
		blocks = append(blocks, prose("warning", w.Warning)...)
	}
	form, why := formBlocks(w.Form, values)
	if why != "" {
		return nil, misfitError(why)
	}
	view, err := modal(wayView, strings.TrimSuffix(clip(w.Label, 2*maxTitle), "…"), private{tagOf(c.Request, p), at, w.Name, w.Pick}, append(blocks, form...))
	if err != nil {
		return nil, err
	}
	view["submit"] = plainText(commitWord(w, maxTitle))
	return view, nil
}

// misfitError is why a modal cannot be drawn.
type misfitError string

func (e misfitError) Error() string { return "cannot draw the form: " + string(e) }

// repeats reports whether the form itself says the line that would stand above it.
func repeats(form []permit.Field, line string) bool {
	for _, f := range form {
		if line == "" || strings.HasPrefix(f.Label, strings.TrimSuffix(line, "…")) {
			return true
		}
	}
	return line == ""
}

// rulesModal offers each rule by its exact words. left is as for wayModal.
func rulesModal(c permit.Card, p preview.Preview, rules []permit.Way, at place, left int) (object, error) {
	blocks := []object{
		contextOf("who", plainText(whoLine(c.Request, p))),
		richText("what", preformatted(clip(p.Summary, 300), "")),
	}
	if left > 0 {
		blocks = append(blocks, richText("cut", section(emoji("warning"), bold(" "+cutWords(left)))))
	}
	f := permit.Field{Kind: permit.One}
	var picks []string
	for i, w := range rules {
		number := strconv.Itoa(len(picks)+1) + ". "
		drawn := prose("rule"+strconv.Itoa(i), first(w.Confirm, w.Label))
		drawn = append([]object{richText("rule"+strconv.Itoa(i), section(bold(number+clip(w.Label, 600))))}, drawn...)
		if w.Warning != "" && !strings.Contains(w.Confirm, w.Warning) {
			drawn = append(drawn, prose("warning"+strconv.Itoa(i), w.Warning)...)
		}
		if len(picks) == maxSelect || oversize(append(blocks, drawn...), 4) != "" {
			blocks = append(blocks, prose("rest", strconv.Itoa(len(rules)-len(picks))+" more are not offered in Slack: on the page.")...)
			break
		}
		blocks = append(blocks, drawn...)
		picks = append(picks, strconv.Itoa(w.Pick))
		f.Options = append(f.Options, permit.Option{Label: w.Label})
	}
	if len(picks) == 0 {
		return nil, misfitError("it is too long for a form there")
	}
	options := make([]any, len(picks))
	for i, o := range f.Options {
		number := strconv.Itoa(i+1) + ". "
		options[i] = object{"text": plainText(number + clip(o.Label, maxOption-len(number))), "value": picks[i]}
	}
	element := object{"action_id": ruleInput}
	choose(element, permit.One, options, nil)
	blocks = append(blocks, object{"type": "input", "block_id": ruleInput, "label": plainText("Which rule"), "optional": false, "element": element})
	view, err := modal(rulesView, "Always allow", private{Tag: tagOf(c.Request, p), At: at}, blocks)
	if err != nil {
		return nil, err
	}
	view["submit"] = plainText("Always allow")
	return view, nil
}

// open opens a modal for whoever tapped. Slack allows three seconds from the tap.
func (c *Channel) open(ctx context.Context, in interaction, t tag, view object, err error) {
	if err == nil {
		_, err = c.api.post(ctx, "views.open", object{"trigger_id": in.Trigger, "view": view}, nil)
	}
	if err == nil || ctx.Err() != nil {
		return
	}
	c.log.Warn("cannot open a form", "request", t.Request, "error", err)
	c.tell(ctx, in, "Slack did not open the form ("+first(codeOf(err), "no answer in time")+"). Nothing was decided: tap again, or answer in the terminal.")
}

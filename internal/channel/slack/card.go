package slack

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"claude-permission-daemon/internal/permit"
	"claude-permission-daemon/internal/preview"
)

// The buttons and the modal.
const (
	approveAction = "cpd_approve"
	denyAction    = "cpd_deny"
	reasonOpen    = "cpd_deny_reason"
	reasonView    = "cpd_deny_reason"
	reasonBlock   = "reason"
	reasonAction  = "text"
)

// budgets are how large a message's text may be, by textCost, in the order in
// which they are tried: Slack's own limit is not documented and was seen
// between 11,000 and 13,000.
var budgets = []int{9000, 4500, 1800}

// mostParts is how many parts of a request get a block of their own.
const mostParts = 24

// tag is what a button carries: enough to recognise whose it is. It is routing,
// not authority.
type tag struct {
	Machine    string `json:"m"`
	Host       string `json:"h,omitempty"`
	Request    string `json:"r"`
	Generation int    `json:"g"`
	Digest     string `json:"d"`
}

func tagOf(r permit.Request) tag {
	return tag{Machine: r.Machine.ID, Host: line(r.Machine.Host, 60), Request: r.ID, Generation: r.Generation, Digest: r.Digest}
}

// errTag: what has to go onto a button does not fit there.
var errTag = errors.New("cannot draw a card: the request's ids are too long for a button")

func (t tag) encode() (string, error) {
	text, err := json.Marshal(t)
	if err != nil || utf8.RuneCount(text) > maxValue {
		return "", errTag
	}
	return string(text), nil
}

// readTag reads what a button carried; false: it is none of this program's.
func readTag(value string) (tag, bool) {
	var t tag
	if err := json.Unmarshal([]byte(value), &t); err != nil || t.Machine == "" || t.Request == "" {
		return tag{}, false
	}
	return t, true
}

// look is how a card is drawn.
type look struct {
	budget int    // of textCost
	rev    string // makes block ids new with each drawing, as Slack wants them
	terse  bool   // the fallback text tells nothing of the input
	copy   bool   // this is a second copy, because the first was not confirmed
}

// drawing is a card as it goes to Slack.
type drawing struct {
	text   string
	blocks []object
	cut    int // characters left out
}

// draw turns a card, and the preview of its request, into blocks. Everything
// that is not ours in it is in rich text or plain text, where nothing of it
// comes alive.
func draw(c permit.Card, p preview.Preview, l look) (drawing, error) {
	id := func(name string) string { return name + "." + l.rev }

	title := clip(p.Title, maxHeader)
	if word := stateWord(c); word != "" {
		title = clip(word+" · "+title, maxHeader)
	}
	above := []object{
		header(id("title"), title),
		contextOf(id("who"), plainText(whoLine(c.Request))),
	}
	below := aside(c, p, l, id)
	end, err := ending(c, id, 1)
	if err != nil {
		return drawing{}, err
	}
	fixed := textCost(above) + textCost(below) + textCost(end) + cutNote
	parts, left := drawParts(p.Parts, max(l.budget-fixed, 300), id)
	if left > 0 {
		below = append(below, richText(id("cut"), section(emoji("warning"), bold(" Not everything fits here: "+
			thousands(left)+" characters are left out above. Look at the terminal for the whole of it."))))
	}
	if end, err = ending(c, id, left); err != nil {
		return drawing{}, err
	}
	blocks := above
	blocks = append(blocks, parts...)
	blocks = append(blocks, below...)
	blocks = append(blocks, end...)
	return drawing{text: fallback(c, p, l.terse), blocks: blocks, cut: left}, nil
}

// labelMost is how long a part's label may be, sizeCost more than what is said
// of the size of one that is cut.
const (
	labelMost = 150
	sizeCost  = 100
)

// cutNote is more than the note that something is left out costs.
const cutNote = 160

// whoLine says who asks: host, tool, project and branch, session.
func whoLine(r permit.Request) string {
	var words []string
	add := func(s string) {
		if s = strings.TrimSpace(s); s != "" {
			words = append(words, s)
		}
	}
	add(line(r.Machine.Host, 60))
	add(line(r.Tool, 80))
	project := line(r.Project, 60)
	if branch := line(r.Branch, 60); branch != "" {
		project = strings.TrimSpace(project + " on " + branch)
	}
	add(project)
	if r.Session != "" {
		add("session " + sessionName(r.Session))
	}
	if r.Agent != "" {
		add("subagent " + line(first(r.AgentType, r.Agent), 40))
	}
	if r.Mode != "" && r.Mode != "default" {
		add("mode " + line(r.Mode, 30))
	}
	if len(words) == 0 {
		return "Claude Code"
	}
	return strings.Join(words, " · ")
}

// sessionName is the start of a session's id, enough to tell it from others.
func sessionName(id string) string {
	if short, _, _ := strings.Cut(id, "-"); utf8.RuneCountInString(short) == 8 {
		id = short
	}
	return line(id, 12)
}

// drawParts draws what will happen within a budget, and says how many
// characters did not fit.
func drawParts(parts []preview.Part, budget int, id func(string) string) (blocks []object, left int) {
	unseen := parts[min(len(parts), mostParts, max(1, budget/300)):]
	parts = parts[:len(parts)-len(unseen)]
	costs := make([]int, len(parts))
	for i, part := range parts {
		costs[i] = cost(part.Text)
		budget -= cost(clip(part.Label, labelMost)) + sizeCost
	}
	given := share(costs, budget)
	for i, part := range parts {
		text, hidden := cutMiddle(part.Text, given[i])
		left += hidden
		var elements []any
		if label := partLabel(part, hidden, len(parts) > 1); label != "" {
			elements = append(elements, section(bold(label)))
		}
		switch {
		case part.Kind == preview.Text && part.Lang == "":
			elements = append(elements, quote(text))
		case part.Kind == preview.Diff:
			elements = append(elements, preformatted(text, "diff"))
		default:
			elements = append(elements, preformatted(text, clip(part.Lang, 20)))
		}
		blocks = append(blocks, richText(id(fmt.Sprint("part", i)), elements...))
	}
	if len(unseen) > 0 {
		hidden := 0
		for _, part := range unseen {
			hidden += max(utf8.RuneCountInString(part.Text), 1)
		}
		left += hidden
		blocks = append(blocks, richText(id("parts"), section(bold(fmt.Sprintf("%d more parts, %s characters, are not shown here", len(unseen), thousands(hidden))))))
	}
	return blocks, left
}

// partLabel names a part, where the title has not done so, and says of one that
// is cut how large it is.
func partLabel(part preview.Part, hidden int, several bool) string {
	label := clip(part.Label, labelMost)
	if hidden == 0 {
		if !several && !strings.Contains(label, " ") {
			return "" // "command": the title has said it
		}
		return label
	}
	all := utf8.RuneCountInString(part.Text)
	size := fmt.Sprintf("the first and last %s of %s characters", thousands(all-hidden), thousands(all))
	if part.SHA256 != "" {
		size += fmt.Sprintf(" (%s bytes, SHA-256 %.12s…)", thousands(part.Bytes), part.SHA256)
	}
	if label == "" {
		return size
	}
	return label + ": " + size
}

// aside draws what the person should know beside the request: Claude's own
// words, warnings, where and when.
func aside(c permit.Card, p preview.Preview, l look, id func(string) string) []object {
	var blocks []object
	if p.Claim != "" {
		claim, left := cutMiddle(p.Claim, 700)
		said := "Claude says:"
		if left > 0 {
			said = "Claude says (cut):"
		}
		blocks = append(blocks, richText(id("claim"), section(bold(said)), quote(claim)))
	}
	if lines := warnings(p); len(lines) > 0 {
		var sections []any
		for _, text := range lines {
			sections = append(sections, section(emoji("warning"), run(" "+text)))
		}
		blocks = append(blocks, richText(id("warnings"), sections...))
	}
	if c.Note != "" {
		blocks = append(blocks, contextOf(id("note"), plainText(line(c.Note, 300))))
	}
	if l.copy {
		blocks = append(blocks, contextOf(id("copy"),
			plainText("Sent again: Slack did not confirm the first copy. Should you see two, one answer counts for both.")))
	}
	when := []any{object{"type": "mrkdwn", "text": timeLine(c), "verbatim": true}}
	if c.Request.Cwd != "" {
		when = append([]any{plainText("in " + line(c.Request.Cwd, 200))}, when...)
	}
	return append(blocks, contextOf(id("where"), when...))
}

// warnings are the preview's, its flags in one line, and what was masked; at
// most ten lines of at most 200 characters.
func warnings(p preview.Preview) []string {
	var lines []string
	if len(p.Flags) > 0 {
		words := make([]string, len(p.Flags))
		for i, flag := range p.Flags {
			words[i] = string(flag)
		}
		lines = append(lines, clip(strings.Join(words, " · "), 200))
	}
	for _, text := range p.Warnings {
		lines = append(lines, clip(text, 200))
	}
	for _, text := range p.Masked {
		lines = append(lines, clip("Masked: "+text, 200))
	}
	if most := 10; len(lines) > most {
		more := len(lines) - most + 1
		lines = append(lines[:most-1], fmt.Sprintf("%d more warnings: look at the terminal", more))
	}
	return lines
}

// timeLine says when it was asked and until when it waits, in the reader's own
// time zone. All of it is ours, so it may be mrkdwn.
func timeLine(c permit.Card) string {
	said := "asked " + clock(c.Request.Asked)
	if !c.Live() {
		return said
	}
	if c.Request.Deadline.IsZero() {
		return said + " · waits for you"
	}
	return said + " · waits until " + clock(c.Request.Deadline) + " (" + span(c.Request.Deadline.Sub(c.Request.Asked)) + ")"
}

// clock is a moment as each reader's client writes it.
func clock(t time.Time) string {
	return fmt.Sprintf("<!date^%d^{time}|%s>", t.Unix(), t.Format("15:04 MST"))
}

// span is a length of time in words short enough for a line.
func span(d time.Duration) string {
	switch d = d.Round(time.Second); {
	case d < 2*time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	}
	return fmt.Sprintf("%d h", int(d.Hours()))
}

// ending is the buttons of a live card, or the outcome of a settled one.
func ending(c permit.Card, id func(string) string, left int) ([]object, error) {
	if !c.Live() {
		return []object{richText(id("outcome"), section(emoji(stateEmoji(c)), bold(" "+headline(c))))}, nil
	}
	value, err := tagOf(c.Request).encode()
	if err != nil {
		return nil, err
	}
	reason := button(reasonOpen, "Deny with reason…", value, "")
	if isQuestion(c.Request) {
		reason = button(reasonOpen, "Tell Claude…", value, "")
		return []object{
			contextOf(id("how"), plainText("Answer in the terminal, or tell Claude here what it should know: that declines the question with your words.")),
			actions(id("actions"), reason),
		}, nil
	}
	approve := button(approveAction, "Approve", value, "primary")
	// A button "Whole text" belongs here too, where something is left out: a modal
	// with pages of 3000 characters, handled beside reasonOpen in tap.go.
	if left > 0 {
		approve["confirm"] = object{
			"title":   plainText("Approve what you cannot see?"),
			"text":    plainText("Not everything fits on this card: " + thousands(left) + " characters are not shown."),
			"confirm": plainText("Approve"),
			"deny":    plainText("Back"),
			"style":   "danger",
		}
	}
	return []object{actions(id("actions"), approve, button(denyAction, "Deny", value, "danger"), reason)}, nil
}

// isQuestion reports whether the tool asks the person something that a bare
// allow cannot answer.
func isQuestion(r permit.Request) bool { return r.Tool == "AskUserQuestion" }

// headline is the outcome in one sentence. A message of the person's own may be
// long.
func headline(c permit.Card) string {
	said := c.Headline()
	if said == "" {
		said = "No longer open"
	}
	return line(said, 600)
}

// stateWord is a settled card's state in few words; empty while it is live.
func stateWord(c permit.Card) string {
	if c.Live() {
		return ""
	}
	if c.Outcome == nil {
		return "Closed"
	}
	switch c.Outcome.Kind {
	case permit.Approved:
		return "Approved"
	case permit.Denied:
		return "Denied"
	case permit.Local:
		if c.Outcome.Guess {
			return "Probably answered in the terminal"
		}
		return "Answered in the terminal"
	case permit.HandedBack:
		return "Handed back"
	case permit.Expired:
		return "Expired"
	}
	return "Closed"
}

// stateEmoji is the sign before a settled card's outcome.
func stateEmoji(c permit.Card) string {
	if c.Stage == permit.Failed || c.Stage == permit.NotDelivered {
		return "warning"
	}
	if c.Outcome != nil {
		switch c.Outcome.Kind {
		case permit.Approved:
			return "white_check_mark"
		case permit.Denied:
			return "no_entry"
		case permit.Local:
			return "computer"
		case permit.Expired:
			return "hourglass"
		}
	}
	return "leftwards_arrow_with_hook"
}

// reasonModal is the form behind "Deny with reason…". Nothing is decided while
// it is open.
func reasonModal(c permit.Card, p preview.Preview, private string) object {
	title, label, submit := "Deny with a reason", "Why, or what to do instead", "Deny"
	if isQuestion(c.Request) {
		title, label, submit = "Tell Claude", "What should Claude know?", "Send"
	}
	return object{
		"type":             "modal",
		"callback_id":      reasonView,
		"private_metadata": private,
		"title":            plainText(title),
		"submit":           plainText(submit),
		"close":            plainText("Back"),
		"blocks": []any{
			contextOf("who", plainText(whoLine(c.Request))),
			richText("what", preformatted(clip(p.Summary, 300), "")),
			object{
				"type": "input", "block_id": reasonBlock, "label": plainText(label),
				"element": object{
					"type": "plain_text_input", "action_id": reasonAction, "multiline": true,
					"max_length": 3000, "focus_on_load": true,
					"placeholder": plainText("Claude reads this."),
				},
			},
		},
	}
}

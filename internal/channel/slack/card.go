package slack

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"claude-permission-daemon/internal/permit"
	"claude-permission-daemon/internal/preview"
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
	Digest     string `json:"d,omitempty"`
}

// tagOf is the tag of a request. Where the content stays on the machine the
// host's name does, and the digest, by which a short command can be guessed.
func tagOf(r permit.Request, p preview.Preview) tag {
	t := tag{Machine: r.Machine.ID, Host: line(r.Machine.Host, 60), Request: r.ID, Generation: r.Generation, Digest: r.Digest}
	if p.Withheld {
		t.Digest, t.Host = "", ""
	}
	return t
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
		contextOf(id("who"), plainText(whoLine(c.Request, p))),
	}
	below, cutBelow := aside(c, p, l, id)
	end, err := ending(c, p, id, 1, true)
	if err != nil {
		return drawing{}, err
	}
	fixed := textCost(above) + textCost(below) + textCost(end) + cutNote
	parts, left, cutLabel := drawParts(p.Parts, max(l.budget-fixed, 300), id)
	if left > 0 {
		where := "Look at the terminal for the whole of it."
		if c.Live() {
			where = "The button below shows the whole of it."
		}
		below = append(below, richText(id("cut"), section(emoji("warning"), bold(" Not everything fits here: "+
			thousands(left)+" characters are left out above. "+where))))
	}
	if end, err = ending(c, p, id, left, left > 0 || cutBelow || cutLabel); err != nil {
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

// whoLine says who asks: host, tool, project and branch, session. Of what stays
// on the machine it says tool and project.
func whoLine(r permit.Request, p preview.Preview) string {
	var words []string
	add := func(s string) {
		if s = strings.TrimSpace(s); s != "" {
			words = append(words, s)
		}
	}
	if !p.Withheld {
		add(line(r.Machine.Host, 60))
	}
	if r.Kind != permit.Elicitation && r.Kind != permit.Finished { // these are of no tool
		add(line(r.Tool, 80))
	}
	project := clip(p.Project, 60)
	if branch := clip(p.Branch, 60); branch != "" {
		project = strings.TrimSpace(project + " on " + branch)
	}
	add(project)
	if !p.Withheld {
		if r.Session != "" {
			add("session " + sessionName(r.Session))
		}
		if r.Agent != "" {
			add("subagent " + line(first(r.AgentType, r.Agent), 40))
		}
		if r.Mode != "" && r.Mode != "default" {
			add("mode " + line(r.Mode, 30))
		}
	}
	if r.Ordinal > 1 {
		add(ordinal(r.Ordinal) + " of the same request")
	}
	if len(words) == 0 {
		return "Claude Code"
	}
	return strings.Join(words, " · ")
}

// ordinal is n as one counts: 2nd.
func ordinal(n int) string {
	end := "th"
	if n/10%10 != 1 {
		switch n % 10 {
		case 1:
			end = "st"
		case 2:
			end = "nd"
		case 3:
			end = "rd"
		}
	}
	return strconv.Itoa(n) + end
}

// sessionName is the start of a session's id, enough to tell it from others.
func sessionName(id string) string {
	if short, _, _ := strings.Cut(id, "-"); utf8.RuneCountInString(short) == 8 {
		id = short
	}
	return line(id, 12)
}

// drawParts draws what will happen within a budget, and says how many
// characters did not fit, and whether a label is shortened.
func drawParts(parts []preview.Part, budget int, id func(string) string) (blocks []object, left int, cut bool) {
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
		cut = cut || cost(part.Label) > labelMost
		var elements []any
		if label := partLabel(part, hidden, len(parts) > 1); label != "" {
			elements = append(elements, section(bold(label)))
		}
		switch {
		case part.Kind == preview.Text && part.Lang == "":
			elements = append(elements, quote(text))
		case part.Kind == preview.Text && part.Lang == "markdown":
			elements = append(elements, markdown(text)...)
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
	return blocks, left, cut
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
// words, warnings, why it cannot be allowed here, where and when. cut says that
// some of it is shortened.
func aside(c permit.Card, p preview.Preview, l look, id func(string) string) (blocks []object, cut bool) {
	if p.Claim != "" {
		claim, left := cutMiddle(p.Claim, 700)
		said := "Claude says:"
		if left > 0 {
			said, cut = "Claude says (cut):", true
		}
		blocks = append(blocks, richText(id("claim"), section(bold(said)), quote(claim)))
	}
	lines, shortened := warnings(p)
	if c.Live() {
		lines = append(lines, held(p)...)
	}
	if len(lines) > 0 {
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
	if p.Cwd != "" {
		when = append([]any{plainText("in " + clip(p.Cwd, 200))}, when...)
	}
	return append(blocks, contextOf(id("where"), when...)), cut || shortened
}

// notices are the preview's flags in one line, its warnings, and what was
// masked.
func notices(p preview.Preview) (lines []string) {
	if len(p.Flags) > 0 {
		words := make([]string, len(p.Flags))
		for i, flag := range p.Flags {
			words[i] = string(flag)
		}
		lines = append(lines, strings.Join(words, " · "))
	}
	lines = append(lines, p.Warnings...)
	for _, text := range p.Masked {
		lines = append(lines, "Masked: "+text)
	}
	return lines
}

// warnings are the notices, at most ten of at most 200 characters. cut says that
// there is more to them.
func warnings(p preview.Preview) (lines []string, cut bool) {
	for _, text := range notices(p) {
		cut = cut || cost(text) > 200
		lines = append(lines, clip(text, 200))
	}
	if most := 10; len(lines) > most {
		more := len(lines) - most + 1
		lines, cut = append(lines[:most-1], fmt.Sprintf("%d more warnings: look at the terminal", more)), true
	}
	return lines, cut
}

// held says what cannot be done with it here, and what is dangerous about what
// can.
func held(p preview.Preview) (lines []string) {
	if p.Held != "" {
		lines = append(lines, "It cannot be allowed here. "+clip(p.Held, 300))
	}
	ways, rules := sorted(p.Ways)
	for _, w := range append(ways, rules...) {
		if w.Warning != "" && len(lines) < 5 {
			lines = append(lines, "“"+clip(strings.TrimSuffix(w.Label, "…"), 60)+"”: "+clip(w.Warning, 200))
		}
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

// ending is the buttons of a live card, or the outcome of a settled one. left is
// how many characters the card leaves out; whole offers to show all of it.
func ending(c permit.Card, p preview.Preview, id func(string) string, left int, whole bool) ([]object, error) {
	if !c.Live() {
		return []object{richText(id("outcome"), section(emoji(stateEmoji(c)), bold(" "+headline(c, p))))}, nil
	}
	blocks, lacking, err := buttons(c, p, id, left, whole)
	if err != nil {
		return nil, err
	}
	if p.Unoffered != "" {
		lacking = append(lacking, clip(p.Unoffered, 600))
	}
	if len(lacking) > 0 {
		blocks = append([]object{contextOf(id("lacking"), plainText(clip(strings.Join(lacking, " "), 600)))}, blocks...)
	}
	return blocks, nil
}

// headline is the outcome in one sentence. A message of the person's own may be
// long.
func headline(c permit.Card, p preview.Preview) string {
	return clip(first(preview.Headline(c, p), "No longer open"), 600)
}

// stateWord is a settled card's state in few words; empty while it is live.
func stateWord(c permit.Card) string {
	if c.Live() {
		return ""
	}
	if c.Outcome == nil {
		return "Closed"
	}
	if d := c.Outcome.Decision; d != nil && c.Outcome.Decided() {
		switch d.Way {
		case permit.WayChoose, permit.WayAnswer:
			return "Answered"
		case permit.WayRetry:
			return "Allowed another try"
		case permit.WayCancel:
			return "Cancelled"
		}
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

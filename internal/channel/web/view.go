package web

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"claude-permission-daemon/internal/permit"
	"claude-permission-daemon/internal/preview"
)

// This file turns cards into what the templates draw. Every text that comes
// from elsewhere is made visible by the preview or by preview.Reveal; the
// templates escape it.

// headView is what stands around the cards.
type headView struct {
	Title    string // the browser's: with the count of open requests
	Host     string
	At       string // names this drawing in the event stream
	Now      int64  // Unix milliseconds
	Drawn    clock
	Presence *presenceView // nil: not told
}

type pageView struct {
	Head    headView
	Said    *saying
	Waiting []cardView
	Notes   []noteView
	Settled []cardView
}

type singleView struct {
	Head headView
	Said *saying
	Card cardView
	// Unsent are words that were filled in when the card had ended already.
	Unsent []string
}

type presenceView struct {
	State    permit.PresenceState
	Sentence string
	Since    *clock
	Source   string
	Until    *clock // of what was set by hand
	Meaning  string
}

// clock is a moment as the page tells it. The script tells it in the reader's
// own time zone.
type clock struct {
	ISO  string
	Text string
}

type cardView struct {
	Request    string
	Generation int
	Digest     string
	Stage      permit.Stage
	Live       bool
	Tone       string // "open", "good", "denied", "trouble" or "quiet": a settled card's colour

	Title    string
	Summary  string
	Flags    []preview.Flag
	Warnings []string
	Parts    []partView
	Masked   []string
	Claim    string

	Project, Branch, Host, Cwd, Agent, Mode string
	Session, ShortSession                   string

	Asked    clock
	Ago      string
	Deadline *clock
	Left     string

	Headline string
	Note     string
	Kind     permit.Kind
	Ordinal  int // 2: the second of several that ask for the very same; 0: no other
	Answer   answerView
	// Repeated are the parts that the open form says too.
	Repeated []partView
	// Inline: the parts are drawn on the card itself. Settled long ones are a
	// page of their own.
	Inline bool
	Size   string
}

type partView struct {
	Label string
	Class string // "code", "diff", "text", "markdown" or "table"
	Size  string // of what is more than one short line
	Long  bool   // drawn in a window, with a switch to unfold it
	Lines []lineView
	Rows  [][2][]run
}

type lineView struct {
	// Class is what the line is: of a diff "add", "del", "hunk" or "", of Markdown
	// what markdownLines says.
	Class  string
	Number int // of a diff's line in the file, the new one if it has it; 0: none
	Runs   []run
}

// run is a piece of text; Mark says that it stands for what cannot be seen.
type run struct {
	Text string
	Mark bool
	Kind string // in Markdown: "strong", "code", "dim" or ""
}

// The sizes from which a part is drawn otherwise.
const (
	longLines   = 16        // in a window
	longChars   = 1200      // in a window
	manyLines   = 4000      // as one piece of text: no line of its own for each
	settledMost = 16 * 1024 // of a settled request's input on the list itself
)

// standIn is how the preview shows what cannot be seen, or is not to be.
var standIn = regexp.MustCompile(`⟨(?:U\+[0-9A-F]{4,6}|0x[0-9A-F]{2}|masked: [^⟩\n]*)⟩`)

func (c *Channel) headView(board view) headView {
	now := c.opt.Now()
	h := headView{
		Title: "Permissions",
		Host:  preview.Reveal(c.opt.Machine.Host),
		At:    c.boot + "-" + strconv.FormatUint(board.rev, 10),
		Now:   now.UnixMilli(),
		Drawn: clockOf(now, now),
	}
	if h.Host != "" {
		h.Title += " · " + h.Host
	}
	if n := len(board.waiting); n > 0 {
		h.Title = fmt.Sprintf("(%d) %s", n, h.Title)
	}
	if c.opt.Presence != nil {
		h.Presence = presenceOf(c.opt.Presence(), now)
	}
	return h
}

func (c *Channel) pageView(board view) pageView {
	p := pageView{Head: c.headView(board)}
	for _, e := range board.waiting {
		p.Waiting = append(p.Waiting, c.cardView(e, false, draft{}))
	}
	for _, n := range board.notes {
		p.Notes = append(p.Notes, noteViewOf(c.told(n.note), c.opt.Now()))
	}
	for _, e := range board.settled {
		p.Settled = append(p.Settled, c.cardView(e, false, draft{}))
	}
	return p
}

// singleView draws one card on a page of its own, with what was filled in. Words
// that come too late are not lost.
func (c *Channel) singleView(e entry, d draft) singleView {
	v := singleView{Head: c.headView(view{}), Card: c.cardView(e, true, d)}
	if !v.Card.Live {
		for _, words := range wordsOf(d.fields) {
			v.Unsent = append(v.Unsent, preview.Reveal(words))
		}
	}
	return v
}

// cardView draws one card; whole, even if it is settled or its forms are long.
func (c *Channel) cardView(e entry, whole bool, d draft) cardView {
	r, p, now := e.card.Request, e.preview(), c.opt.Now()
	v := cardView{
		Request:    r.ID,
		Generation: r.Generation,
		Digest:     r.Digest,
		Stage:      e.card.Stage,
		Live:       e.card.Live(),
		Tone:       toneOf(e.card),

		Title:    p.Title,
		Summary:  p.Summary,
		Flags:    p.Flags,
		Warnings: p.Warnings,
		Masked:   p.Masked,
		Claim:    p.Claim,

		Project: p.Project,
		Branch:  p.Branch,
		Host:    preview.Reveal(r.Machine.Host),
		Cwd:     p.Cwd,
		Session: preview.Reveal(r.Session),

		Asked: clockOf(r.Asked, now),
		Ago:   ago(now.Sub(r.Asked)),

		Headline: preview.Headline(e.card, p),
		Note:     preview.Reveal(e.card.Note),
		Kind:     r.Kind,
		Inline:   e.card.Live() || whole || len(r.Input) <= settledMost,
		Size:     thousands(len(r.Input)) + " bytes",
	}
	if r.Ordinal > 1 {
		v.Ordinal = r.Ordinal
	}
	if v.Live {
		v.Answer = answerOf(shown{r.ID, r.Generation, r.Digest}, p, whole, d)
	}
	v.ShortSession, _, _ = strings.Cut(v.Session, "-")
	if r.Agent != "" || r.AgentType != "" {
		v.Agent = strings.TrimSpace(preview.Reveal(r.AgentType) + " subagent")
	}
	if r.Mode != "" && r.Mode != "default" {
		v.Mode = preview.Reveal(r.Mode)
	}
	if v.Live && !r.Deadline.IsZero() {
		at := clockOf(r.Deadline, now)
		v.Deadline, v.Left = &at, left(r.Deadline.Sub(now))
	}
	if v.Inline {
		for _, part := range p.Parts {
			if v.Answer.toldByForm(part) {
				v.Repeated = append(v.Repeated, partOf(part))
			} else {
				v.Parts = append(v.Parts, partOf(part))
			}
		}
	}
	if p.Withheld { // the user wants no more of it here than tool and project
		v.Branch, v.Cwd, v.Agent, v.Mode, v.Session, v.ShortSession = "", "", "", "", "", ""
	}
	return v
}

// toneOf says at a glance what became of a request.
func toneOf(card permit.Card) string {
	switch {
	case card.Live():
		return "open"
	case card.Stage == permit.NotDelivered || card.Stage == permit.Failed:
		return "trouble"
	case card.Outcome != nil && card.Outcome.Kind == permit.Approved:
		return "good"
	case card.Outcome != nil && card.Outcome.Kind == permit.Denied:
		return "denied"
	}
	return "quiet"
}

func partOf(part preview.Part) partView {
	v := partView{Label: part.Label, Class: string(preview.Code)}
	switch part.Kind {
	case preview.Diff, preview.Text:
		v.Class = string(part.Kind)
	case preview.Table:
		if len(part.Rows) > 0 {
			v.Class = string(part.Kind)
			for _, row := range part.Rows {
				v.Rows = append(v.Rows, [2][]run{runsOf(row[0]), runsOf(row[1])})
			}
			return v
		}
	}
	lines := strings.SplitAfter(part.Text, "\n")
	if len(lines) > 1 && lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	count, size := len(lines), part.Bytes
	if size == 0 {
		size = len(part.Text)
	}
	v.Long = count > longLines || utf8.RuneCountInString(part.Text) > longChars
	switch {
	case strings.Contains(part.Label, " bytes"): // the label has it already
	case count > 1:
		v.Size = thousands(count) + " lines · " + thousands(size) + " bytes"
	case v.Long:
		v.Size = thousands(size) + " bytes"
	}
	if count > manyLines {
		lines = []string{part.Text}
	}
	switch {
	case part.Kind == preview.Diff:
		v.Lines = diffLines(lines)
	case part.Kind == preview.Text && part.Lang == "markdown" && count <= manyLines:
		v.Class, v.Lines = "markdown", markdownLines(lines)
	default:
		for _, line := range lines {
			v.Lines = append(v.Lines, lineView{Runs: runsOf(line)})
		}
	}
	return v
}

// hunkAt reads where a hunk of a diff begins, in the old file and in the new.
var hunkAt = regexp.MustCompile(`^@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@`)

// diffLines sets the lines of a diff apart and numbers them.
func diffLines(lines []string) []lineView {
	var drawn []lineView
	before, after := 0, 0
	names := true // a diff begins with the files' names, "---" and "+++"
	for _, line := range lines {
		l := lineView{Runs: runsOf(line)}
		if at := hunkAt.FindStringSubmatch(line); at != nil {
			before, _ = strconv.Atoi(at[1])
			after, _ = strconv.Atoi(at[2])
		}
		names = names && !strings.HasPrefix(line, "@@")
		l.Class = diffClass(line, names)
		switch {
		case before == 0 && after == 0, l.Class == "hunk", strings.HasPrefix(line, "\\"):
		case l.Class == "del":
			l.Number = before
			before++
		case l.Class == "add":
			l.Number = after
			after++
		default:
			l.Number = after
			before, after = before+1, after+1
		}
		drawn = append(drawn, l)
	}
	return drawn
}

// diffClass is how a diff's line is drawn. Further down, a line that begins with
// "---" is one that goes, not a name.
func diffClass(line string, names bool) string {
	switch {
	case strings.HasPrefix(line, "@@"),
		names && (strings.HasPrefix(line, "+++ ") || strings.HasPrefix(line, "--- ")):
		return "hunk"
	case strings.HasPrefix(line, "+"):
		return "add"
	case strings.HasPrefix(line, "-"):
		return "del"
	}
	return ""
}

// runsOf sets apart what stands for something that cannot be seen.
func runsOf(text string) []run {
	var runs []run
	at := 0
	for _, found := range standIn.FindAllStringIndex(text, -1) {
		if found[0] > at {
			runs = append(runs, run{Text: text[at:found[0]]})
		}
		runs = append(runs, run{Text: text[found[0]:found[1]], Mark: true})
		at = found[1]
	}
	if at < len(text) || text == "" {
		runs = append(runs, run{Text: text[at:]})
	}
	return runs
}

func presenceOf(p permit.Presence, now time.Time) *presenceView {
	v := &presenceView{State: p.State, Source: preview.Reveal(p.Source)}
	switch p.State {
	case permit.Away:
		v.Sentence = "You are counted as away"
		v.Meaning = "Questions come here at once."
	case permit.Present:
		v.Sentence = "You are counted as at the keyboard"
		v.Meaning = "Questions stay in the terminal first."
	default:
		v.State = permit.Unsure
		v.Sentence = "It is not known whether you are at the keyboard"
		v.Meaning = "Questions come here when the terminal does not answer."
	}
	if !p.Since.IsZero() {
		since := clockOf(p.Since, now)
		v.Since = &since
	}
	if p.Override != nil {
		v.Source = "set by hand"
		if !p.Override.Until.IsZero() {
			until := clockOf(p.Override.Until, now)
			v.Until = &until
		}
	} else if v.Source != "" {
		v.Source = "says " + v.Source
	}
	return v
}

// clockOf tells a moment in this machine's time, with the date if it is not
// today's.
func clockOf(t, now time.Time) clock {
	t = t.In(now.Location())
	layout := "15:04 MST"
	if t.Format(time.DateOnly) != now.Format(time.DateOnly) {
		layout = "2 Jan 15:04 MST"
	}
	return clock{ISO: t.Format(time.RFC3339), Text: t.Format(layout)}
}

// ago and left tell a duration in words; the script keeps them true, by the
// same rule.
func ago(d time.Duration) string {
	if d < time.Minute {
		return "just now"
	}
	return roughly(d) + " ago"
}

func left(d time.Duration) string {
	if d <= 0 {
		return "time is up"
	}
	if d < time.Minute {
		return "less than a minute left"
	}
	return roughly(d) + " left"
}

func roughly(d time.Duration) string {
	minutes := int(d / time.Minute)
	hours := minutes / 60
	switch {
	case hours >= 48:
		return fmt.Sprintf("%d days", hours/24)
	case hours >= 10:
		return fmt.Sprintf("%d h", hours)
	case hours >= 1:
		return fmt.Sprintf("%d h %d min", hours, minutes%60)
	}
	return fmt.Sprintf("%d min", minutes)
}

// thousands is n with a thin space between groups of digits: 1 234 567.
func thousands(n int) string {
	digits := strconv.Itoa(n)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "\u202f" + digits[i:]
	}
	return digits
}

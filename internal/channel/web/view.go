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
	Settled []cardView
}

type singleView struct {
	Head headView
	Card cardView
}

type presenceView struct {
	State    permit.PresenceState
	Sentence string
	Since    *clock
	Source   string
	Until    *clock // of what was set by hand
	Notes    []noteView
	Meaning  string
}

// noteView is a happening that asks nothing.
type noteView struct {
	Title, Project, Text string
	At                   clock
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
	// Plain are the ways that one tap takes, Folded those that something is to be
	// confirmed or filled in for first.
	Plain, Folded []wayView
	// Deny and Reason: it can be denied, with words too.
	Approve, Deny, Reason bool
	Held, Uneditable      string
	Withheld              bool
	// Inline: the parts are drawn on the card itself. Settled long ones are a
	// page of their own.
	Inline bool
	Size   string
}

// wayView is a way as a button, or as a fold with a form in it.
type wayView struct {
	permit.Way
	Value string // of the button: name and pick
	Class string // "approve" or "deny"
	Form  []fieldView
}

type fieldView struct {
	permit.Field
	Input string // the input's name
	Other string // the name of the one for other words; empty: there is none
	Step  string // of a number
	Rows  int    // of a text
	Picks []pickView
}

type pickView struct {
	permit.Option
	Value   int
	Checked bool
}

type partView struct {
	Label string
	Class string // "code", "diff", "text" or "table"
	Size  string // of what is more than one short line
	Long  bool   // drawn in a window, with a switch to unfold it
	Lines []lineView
	Rows  [][2][]run
}

type lineView struct {
	Class string // of a diff's line: "add", "del", "hunk" or ""
	Runs  []run
}

// run is a piece of text; Mark says that it stands for what cannot be seen.
type run struct {
	Text string
	Mark bool
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
		h.Presence.Notes = c.notes.views(now)
	}
	return h
}

func (c *Channel) pageView(board view) pageView {
	p := pageView{Head: c.headView(board)}
	for _, e := range board.waiting {
		p.Waiting = append(p.Waiting, c.cardView(e, false))
	}
	for _, e := range board.settled {
		p.Settled = append(p.Settled, c.cardView(e, false))
	}
	return p
}

func (c *Channel) singleView(e entry) singleView {
	return singleView{c.headView(view{}), c.cardView(e, true)}
}

// cardView draws one card; whole, even if it is settled and long.
func (c *Channel) cardView(e entry, whole bool) cardView {
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

		Project: preview.Reveal(r.Project),
		Branch:  preview.Reveal(r.Branch),
		Host:    preview.Reveal(r.Machine.Host),
		Cwd:     preview.Reveal(r.Cwd),
		Session: preview.Reveal(r.Session),

		Asked: clockOf(r.Asked, now),
		Ago:   ago(now.Sub(r.Asked)),

		Headline:   preview.Reveal(e.card.Headline()),
		Note:       preview.Reveal(e.card.Note),
		Held:       p.Held,
		Uneditable: p.Uneditable,
		Withheld:   p.Withheld,
		Inline:     e.card.Live() || whole || len(r.Input) <= settledMost,
		Size:       thousands(len(r.Input)) + " bytes",
	}
	v.addWays(p.Ways)
	if r.Ordinal > 1 {
		v.Note = strings.TrimSpace(fmt.Sprintf("The same is asked %d times at once; this is number %d. ", r.Ordinal, r.Ordinal) + v.Note)
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
			v.Parts = append(v.Parts, partOf(part))
		}
	}
	return v
}

// addWays sorts the ways by how they are drawn.
func (v *cardView) addWays(ways []permit.Way) {
	for _, way := range ways {
		w := wayView{Way: way, Value: fmt.Sprintf("%s:%d", way.Name, way.Pick), Class: "approve"}
		if way.Verb == permit.Deny {
			w.Class = "deny"
		}
		switch {
		case way.Name == permit.WayReason:
			v.Reason = true
		case way.Name == permit.WayDeny:
			v.Deny = true
		case way.Name == permit.WayApprove && way.Confirm == "":
			v.Approve = true
		case way.Confirm == "" && len(way.Form) == 0:
			v.Plain = append(v.Plain, w)
		default:
			for _, field := range way.Form {
				w.Form = append(w.Form, fieldViewOf(field))
			}
			v.Folded = append(v.Folded, w)
		}
	}
}

func fieldViewOf(f permit.Field) fieldView {
	v := fieldView{Field: f, Input: fieldPrefix + f.Name, Step: "1", Rows: min(max(4, 1+strings.Count(f.Value, "\n")), 24)}
	if f.Kind == permit.Real {
		v.Step = "any"
	}
	if f.Other {
		v.Other = fieldPrefix + permit.OtherName(f.Name)
	}
	for i, o := range f.Options {
		v.Picks = append(v.Picks, pickView{o, i, f.Value == strconv.Itoa(i)})
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
	names := true // a diff begins with the files' names, "---" and "+++"
	for _, line := range lines {
		l := lineView{Runs: runsOf(line)}
		if part.Kind == preview.Diff {
			names = names && !strings.HasPrefix(line, "@@")
			l.Class = diffClass(line, names)
		}
		v.Lines = append(v.Lines, l)
	}
	return v
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

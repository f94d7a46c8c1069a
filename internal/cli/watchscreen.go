package cli

import (
	"fmt"
	"strings"
	"time"

	"claude-permission-daemon/internal/permit"
	"claude-permission-daemon/internal/wire"
)

// screen is what `watch` shows, without the terminal: keys and news go in,
// lines come out. What is drawn last is what a key is about.
type screen struct {
	paint  paint
	status wire.Status
	open   []wire.Pending
	heard  bool // of the daemon

	chosen  string    // the id that is marked; empty: none
	since   time.Time // since when it is, without the person's doing; zero: they chose it
	whole   map[string]wire.Shown
	details bool // the marked request fills the screen
	top     int  // the first line of its preview that is shown
	said    string
	confirm *permit.Way // waits for a second press of its key
	typing  *string     // a message to deny with

	end  bool // the last drawing showed the preview's last line
	page int  // how many lines of it there was room for
	all  int  // how many lines it has
}

// settleFor is how long a request must have been marked before a key answers
// it, where it was not the person who marked it: a finger may be on its way.
const settleFor = 700 * time.Millisecond

// news takes in what the daemon says.
func (s *screen) news(w wire.Watched, now time.Time) {
	s.status, s.open, s.heard = w.Status, w.Pending, true
	if _, ok := s.marked(); ok {
		return
	}
	// The one that was marked has gone. Another one takes its place, but not for
	// a key that was meant for the one before.
	s.chosen, s.details, s.top, s.confirm, s.typing, s.since = "", false, 0, nil, nil, now
	if len(s.open) > 0 {
		s.chosen = s.open[0].ID
	}
}

// marked is the request that keys are about.
func (s *screen) marked() (wire.Pending, bool) {
	for _, p := range s.open {
		if p.ID == s.chosen {
			return p, true
		}
	}
	return wire.Pending{}, false
}

// key names a request exactly.
func keyOf(p wire.Pending) string { return fmt.Sprintf("%s %d %s", p.ID, p.Generation, p.Digest) }

// wanted is the request whose preview has to be fetched; false: none.
func (s *screen) wanted() (wire.Pending, bool) {
	p, ok := s.marked()
	if _, known := s.whole[keyOf(p)]; !ok || known {
		return wire.Pending{}, false
	}
	return p, true
}

// action is what a key wants done.
type action struct {
	quit   bool
	answer *wire.Envelope
}

// press takes in a key, as the name of it: a letter, "up", "enter", ….
func (s *screen) press(key string, now time.Time) action {
	if s.typing != nil {
		return s.write(key)
	}
	waiting := s.confirm
	s.said, s.confirm = "", nil
	p, ok := s.marked()
	switch key {
	case "q", "ctrl-c", "ctrl-d":
		return action{quit: true}
	case "esc":
		if !s.details {
			return action{quit: true}
		}
		s.details, s.top = false, 0
	case "enter", " ":
		s.unfold(key)
	case "up", "k":
		s.move(-1)
	case "down", "j":
		s.move(1)
	case "pgdn":
		s.scroll(s.page)
	case "pgup", "b":
		s.scroll(-s.page)
	}
	if !ok {
		return action{}
	}
	switch {
	case key == "a":
		return s.give(p, s.way(p, permit.WayApprove), waiting, now)
	case key == "d":
		return s.deny(p, "", now)
	case key == "m" && s.ready(now):
		s.typing = new(string)
	case len(key) == 1 && key[0] >= '1' && key[0] <= '9':
		if n := int(key[0] - '1'); n < len(p.Ways) {
			return s.give(p, &p.Ways[n], waiting, now)
		}
	}
	return action{}
}

// unfold shows the whole preview, or its next page.
func (s *screen) unfold(key string) {
	switch {
	case !s.details:
		s.details, s.top = true, 0
	case key == " " && !s.end:
		s.scroll(s.page)
	default:
		s.details, s.top = false, 0
	}
}

// move marks the next or the last request, or scrolls by a line.
func (s *screen) move(by int) {
	if s.details {
		s.scroll(by)
		return
	}
	for i, p := range s.open {
		if p.ID == s.chosen {
			s.chosen, s.since, s.top = s.open[min(max(i+by, 0), len(s.open)-1)].ID, time.Time{}, 0
			return
		}
	}
}

func (s *screen) scroll(by int) { s.top = max(0, min(s.top+by, s.all-s.page)) }

// ready reports whether the marked request has been marked for long enough.
func (s *screen) ready(now time.Time) bool {
	if !s.since.IsZero() && now.Sub(s.since) < settleFor {
		s.said = "This one has only just come up. Press again."
		return false
	}
	return true
}

// way finds a way of answering; nil: the request cannot be answered so.
func (s *screen) way(p wire.Pending, name permit.WayName) *permit.Way {
	for i := range p.Ways {
		if p.Ways[i].Name == name {
			return &p.Ways[i]
		}
	}
	return nil
}

// give answers in a way, if the person has seen all that they say yes to.
func (s *screen) give(p wire.Pending, way *permit.Way, waiting *permit.Way, now time.Time) action {
	seen, known := s.whole[keyOf(p)]
	switch {
	case !s.ready(now):
	case way == nil && p.Held != "":
		s.said = "It cannot be allowed here. " + p.Held
	case way == nil:
		s.said = "This one cannot simply be approved: see its numbered answers, or answer it where it is shown."
	case len(way.Form) > 0:
		s.said = fmt.Sprintf("%q wants to be filled in: do it on the page, in Slack, or in the terminal.", way.Label)
	case !known:
		s.said = "Its preview has not come yet. Press again."
	case way.Verb != permit.Deny && !s.end:
		s.details = true
		s.said = "There is more than fits here. Read on to the end first (space), then press again."
	case way.Confirm != "" && (waiting == nil || waiting.Name != way.Name || waiting.Pick != way.Pick):
		s.confirm = way
		s.said = way.Confirm + " Press again to confirm."
	default:
		e := bound(seen)
		e.Way, e.Pick = way.Name, way.Pick
		return action{answer: &e}
	}
	return action{}
}

// deny needs nothing to be read: at worst it is asked again.
func (s *screen) deny(p wire.Pending, message string, now time.Time) action {
	seen, known := s.whole[keyOf(p)]
	switch {
	case !s.ready(now):
		return action{}
	case !known:
		s.said = "Its preview has not come yet. Press again."
		return action{}
	}
	e := bound(seen)
	e.Decision, e.Message = "deny", message
	return action{answer: &e}
}

// bound is an answer to exactly what was shown.
func bound(seen wire.Shown) wire.Envelope {
	return wire.Envelope{Op: wire.OpAnswer, ID: seen.ID, Generation: seen.Generation, Digest: seen.Digest}
}

// write takes in a key of the message.
func (s *screen) write(key string) action {
	switch {
	case key == "esc" || key == "ctrl-c":
		s.typing = nil
	case key == "enter":
		message := strings.TrimSpace(*s.typing)
		s.typing = nil
		if p, ok := s.marked(); ok {
			s.since = time.Time{}
			return s.deny(p, message, time.Time{})
		}
	case key == "backspace":
		if runes := []rune(*s.typing); len(runes) > 0 {
			*s.typing = string(runes[:len(runes)-1])
		}
	case len([]rune(key)) == 1:
		*s.typing += key
	}
	return action{}
}

// draw is the whole screen: exactly height lines of at most width cells. It
// notes how much of the preview there was room for.
func (s *screen) draw(wide, high int, now time.Time) []string {
	wide, high = max(wide, 20), max(high, 8)
	s.end, s.page, s.all = false, 0, 0
	lines := []string{s.headline(wide, now), ""}
	foot := s.foot(wide)
	p, ok := s.marked()
	switch {
	case !s.heard:
		lines = append(lines, "Asking the daemon …")
	case !ok:
		lines = append(lines, "Nothing is waiting.")
	case s.details:
		lines = append(lines, s.pane(p, wide, high-len(lines)-len(foot))...)
	default:
		lines = append(lines, s.list(wide, max(1, (high-len(lines)-len(foot))/3), now)...)
		lines = append(lines, s.paint.in(dim, strings.Repeat("─", wide)))
		lines = append(lines, s.pane(p, wide, high-len(lines)-len(foot))...)
	}
	for len(lines) < high-len(foot) {
		lines = append(lines, "")
	}
	return append(lines[:high-len(foot)], foot...)
}

// headline says how the daemon stands.
func (s *screen) headline(wide int, now time.Time) string {
	if !s.heard {
		return ""
	}
	said := []string{openLine(s.status.Pending), string(s.status.Presence.State)}
	if !s.status.Presence.Since.IsZero() {
		said[1] += " for " + ago(now.Sub(s.status.Presence.Since))
	}
	for _, c := range s.status.Channels {
		said = append(said, c.Name+" "+c.State)
	}
	if s.status.Journal != "" {
		said = append(said, "the journal cannot be written")
	}
	return s.paint.in(bold, fit(plain(strings.Join(said, " · ")), wide))
}

// list is the table of requests, around the one that is marked.
func (s *screen) list(wide, most int, now time.Time) (lines []string) {
	at := 0
	for i, p := range s.open {
		if p.ID == s.chosen {
			at = i
		}
	}
	from := max(0, min(at-most/2, len(s.open)-most))
	for i, p := range s.open[from:min(from+most, len(s.open))] {
		mark := "  "
		if from+i == at {
			mark = "▶ "
		}
		place := plain(p.Project)
		if p.Branch != "" {
			place += " (" + plain(p.Branch) + ")"
		}
		line := mark + pad(ago(now.Sub(p.Since)), 6) + pad(fit(p.State, 8), 9) + pad(fit(place, wide/4), wide/4+1) + plain(p.Tool) + "  " + oneLine(p.Summary)
		line = fit(line, wide)
		if from+i == at {
			line = s.paint.in(bold, line)
		}
		lines = append(lines, line)
	}
	if rest := len(s.open) - len(lines); rest > 0 {
		lines = append(lines, s.paint.in(dim, fmt.Sprintf("  and %d more", rest)))
	}
	return lines
}

// pane shows the marked request, as much as there is room for.
func (s *screen) pane(p wire.Pending, wide, high int) []string {
	seen, known := s.whole[keyOf(p)]
	if !known {
		return []string{s.paint.in(dim, "…")}
	}
	all := s.body(seen, wide)
	s.all = len(all)
	if len(all) <= high {
		s.end, s.page, s.top = true, high, 0
		return all
	}
	s.page = max(1, high-1)
	s.top = max(0, min(s.top, len(all)-s.page))
	below := len(all) - s.top - s.page
	s.end = below <= 0
	more := "— the end —"
	if !s.end {
		more = fmt.Sprintf("— %d more lines: space reads on —", below)
	}
	return append(all[s.top:s.top+s.page:s.top+s.page], s.paint.in(yellow, fit(more, wide)))
}

// body is the whole preview of a request, in lines.
func (s *screen) body(seen wire.Shown, wide int) []string {
	var lines []string
	add := func(c colour, text string) {
		for _, line := range wrap(text, wide) {
			if c != "" {
				line = s.paint.in(c, line)
			}
			lines = append(lines, line)
		}
	}
	title := seen.Title + " (" + plain(seen.Tool) + ")"
	if len(seen.Flags) > 0 {
		title += ": " + strings.Join(seen.Flags, ", ")
	}
	add(bold, title)
	add(dim, "in "+plain(seen.Cwd)+" on "+plain(seen.Host))
	for _, w := range seen.Warnings {
		add(yellow, "! "+w)
	}
	for _, part := range seen.Parts {
		lines = append(lines, "")
		if part.Label != "" {
			add(dim, part.Label+":")
		}
		for line := range strings.SplitSeq(part.Text, "\n") {
			add(diffColour(part.Kind, line), line)
		}
	}
	if seen.Claim != "" {
		lines = append(lines, "")
		add("", "Claude says: "+seen.Claim)
	}
	for _, m := range seen.Masked {
		add(dim, m)
	}
	lines = append(lines, "")
	if seen.Held != "" {
		add(yellow, "It cannot be allowed here. "+seen.Held)
	}
	elsewhere := false
	for i, way := range seen.Ways {
		if i < 9 && len(way.Form) == 0 {
			add(dim, fmt.Sprintf("%d %s", i+1, way.Label))
		}
		elsewhere = elsewhere || len(way.Form) > 0 && way.Verb == permit.Allow
	}
	if elsewhere {
		add(dim, "More ways to answer, with forms, are on the page and in Slack.")
	}
	return lines
}

func diffColour(kind, line string) colour {
	switch {
	case kind != "diff":
		return ""
	case strings.HasPrefix(line, "+"):
		return green
	case strings.HasPrefix(line, "-"):
		return red
	case strings.HasPrefix(line, "@@"):
		return dim
	}
	return ""
}

// foot says what became of the last key, and which there are.
func (s *screen) foot(wide int) []string {
	keys := "a approve  d deny  m deny with a message  enter details  ↑↓ choose  q quit"
	if s.details {
		keys = "a approve  d deny  m deny with a message  ↑↓ space read  enter back  q quit"
	}
	var lines []string
	for _, line := range wrap(s.said, wide) {
		lines = append(lines, s.paint.in(yellow, line))
	}
	if s.typing != nil {
		lines = []string{fit("Deny, and tell Claude: "+plain(*s.typing)+"▏", wide)}
		keys = "enter deny  esc back"
	}
	return append(lines, s.paint.in(dim, fit(keys, wide)))
}

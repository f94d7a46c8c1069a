package preview

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"claude-permission-daemon/internal/mask"
	"claude-permission-daemon/internal/permit"
)

// drawing is one preview in the making. Every piece of foreign text goes
// through show, which masks and reveals it.
type drawing struct {
	o        Options
	r        permit.Request
	original bool
	root     string // the project's folder
	input    object
	p        Preview

	// credentials says that the file that is changed holds some: of its lines
	// none is shown.
	credentials bool

	warned  []warning
	found   []mask.Finding
	secrets []string // what was masked: a warning must not tell it either
	hid     int      // hidden characters seen
	strange []string // words that look like others
}

// show is s as it may be seen: secrets masked, everything else visible.
func (d *drawing) show(s string) string { return d.showAs("", s, false) }

// showAs is show for the value of something called name. code: it is a command,
// a path or an address, where signs that look like others matter.
func (d *drawing) showAs(name, s string, code bool) string {
	d.strange = append(d.strange, lookalikes(s, code)...)
	draw := func(kept string) string {
		out, hid := d.reveal(kept)
		d.hid += hid
		return out
	}
	if d.original {
		return draw(s)
	}
	spans := d.o.Mask.FindNamed(name, s)
	d.masked(s, spans)
	return mask.Apply(s, spans, draw)
}

// reveal is reveal; of the journal's copy of a request the notes that stand for
// secrets stay, because it cannot be approved by them.
func (d *drawing) reveal(s string) (out string, hid int) {
	if d.r.Masked {
		return revealMasked(s)
	}
	return reveal(s, true)
}

// maxSecrets is how many secrets are looked for again in the other parts.
const maxSecrets = 256

// masked notes that the spans of s are not shown.
func (d *drawing) masked(s string, spans []mask.Span) {
	d.found = append(d.found, mask.Findings(s, spans)...)
	for _, span := range spans {
		d.remember(s[span.Start:span.End])
	}
}

// remember keeps a secret, to look for it in the other parts.
func (d *drawing) remember(secret string) {
	if len(secret) >= 4 && len(d.secrets) < maxSecrets && !slices.Contains(d.secrets, secret) {
		d.secrets = append(d.secrets, secret)
	}
}

// part adds a piece of the input. The label is ours, the text foreign.
func (d *drawing) part(label string, kind PartKind, lang, text string) {
	before := len(d.found)
	shown := d.showAs("", text, kind == Code)
	d.p.Parts = append(d.p.Parts, Part{
		Label: label, Kind: kind, Lang: lang, Text: shown,
		Bytes: len(text), SHA256: d.digest(text, before),
	})
}

// digest is the SHA-256 of text, unless something in it was masked since
// before.
func (d *drawing) digest(text string, before int) string {
	if len(d.found) > before || d.r.Masked {
		return ""
	}
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// table adds rows of names and values, all foreign.
func (d *drawing) table(label string, rows [][2]string) {
	seen := make([][2]string, len(rows))
	for i, row := range rows {
		seen[i] = [2]string{d.show(row[0]), d.showAs(row[0], row[1], true)}
	}
	d.seenTable(label, seen)
}

// seenTable is table for rows that have been through show.
func (d *drawing) seenTable(label string, rows [][2]string) {
	if len(rows) == 0 {
		return
	}
	part := Part{Label: label, Kind: Table, Rows: rows}
	var text strings.Builder
	for _, row := range rows {
		name, value := row[0], row[1]
		if strings.Contains(value, "\n") {
			value = "\n    " + strings.ReplaceAll(value, "\n", "\n    ")
		} else {
			value = " " + value
		}
		fmt.Fprintf(&text, "%s:%s\n", name, value)
	}
	part.Text = strings.TrimSuffix(text.String(), "\n")
	d.p.Parts = append(d.p.Parts, part)
}

// flag adds a flag once.
func (d *drawing) flag(f Flag) {
	if !slices.Contains(d.p.Flags, f) {
		d.p.Flags = append(d.p.Flags, f)
	}
}

// summary sets the one line for lists.
func (d *drawing) summary(s string) { d.p.Summary = firstLine(d.say(s)) }

// rest shows what of the input no part has shown: nothing is hidden because
// a newer client sends more than this program knows.
func (d *drawing) rest() {
	var rows [][2]string
	for _, m := range d.input {
		if !m.used {
			rows = append(rows, [2]string{m.name, plainJSON(m.value)})
		}
	}
	d.table("more input", rows)
}

// finish adds what can be said only when all has been seen.
func (d *drawing) finish() {
	if d.hid > 0 {
		d.warn(hiddenText, fmt.Sprintf("%s, shown as ⟨…⟩", count(d.hid, "place")))
	}
	if len(d.strange) > 0 {
		slices.Sort(d.strange)
		d.warn(lookalikeText, strings.Join(slices.Compact(d.strange), ", "))
	}
	d.p.Warnings = warnings(d.warned)
	d.p.Masked = maskedNotes(d.found)
	if d.r.Masked {
		d.p.Masked = append(d.p.Masked, "what the journal does not keep")
	}
	d.everywhere()
}

// everywhere masks what was masked in one place in all the others: the
// description may repeat the password of the command, without the words that
// it was found by.
func (d *drawing) everywhere() {
	var pairs []string
	slices.SortStableFunc(d.secrets, func(a, b string) int { return len(b) - len(a) }) // of two that begin alike the longer
	for _, secret := range d.secrets {
		if mask.Distinct(secret) && !strings.Contains(secret, "\n") {
			pairs = append(pairs, Reveal(secret), mask.Placeholder(utf8.RuneCountInString(secret)))
		}
	}
	if len(pairs) == 0 {
		return
	}
	again := strings.NewReplacer(pairs...)
	for _, text := range []*string{&d.p.Title, &d.p.Summary, &d.p.Claim, &d.p.Held, &d.p.Unoffered, &d.p.Project, &d.p.Branch, &d.p.Cwd} {
		*text = again.Replace(*text)
	}
	for _, texts := range [][]string{d.p.Warnings, d.p.Masked} {
		for i := range texts {
			texts[i] = again.Replace(texts[i])
		}
	}
	d.waysAgain(again)
	for i := range d.p.Parts {
		part := &d.p.Parts[i]
		part.Label = again.Replace(part.Label)
		if text := again.Replace(part.Text); text != part.Text {
			part.Text, part.SHA256 = text, ""
		}
		for n, row := range part.Rows {
			part.Rows[n] = [2]string{again.Replace(row[0]), again.Replace(row[1])}
		}
	}
}

// waysAgain masks what was masked elsewhere in the ways too. A form to change
// what was asked is no longer offered then.
func (d *drawing) waysAgain(again *strings.Replacer) {
	d.p.Ways = slices.DeleteFunc(d.p.Ways, func(way permit.Way) bool {
		changes := way.Name == permit.WayEdit && slices.ContainsFunc(way.Form, func(f permit.Field) bool { return again.Replace(f.Value) != f.Value })
		if changes {
			d.unoffered(uneditable)
		}
		return changes
	})
	for i := range d.p.Ways {
		way := &d.p.Ways[i]
		way.Label, way.Confirm, way.Warning = again.Replace(way.Label), again.Replace(way.Confirm), again.Replace(way.Warning)
		for n := range way.Form { // ours: form made it
			f := &way.Form[n]
			f.Label, f.Help = again.Replace(f.Label), again.Replace(f.Help)
			if again.Replace(f.Value) != f.Value {
				f.Value = ""
			}
			for k, o := range f.Options {
				f.Options[k] = permit.Option{Label: again.Replace(o.Label), Help: again.Replace(o.Help), Look: again.Replace(o.Look)}
			}
		}
	}
}

// maskedNotes tell what was masked, each kind once.
func maskedNotes(found []mask.Finding) []string {
	const most = 20
	times := make(map[mask.Finding]int)
	var kinds []mask.Finding
	for _, f := range found {
		if times[f]++; times[f] == 1 {
			kinds = append(kinds, f)
		}
	}
	var out []string
	for i, k := range kinds {
		if i == most {
			out = append(out, "and "+count(len(kinds)-most, "other kind"))
			break
		}
		note := fmt.Sprintf("%s: %s", count(k.Length, "character"), Reveal(k.Reason))
		if times[k] > 1 {
			note += fmt.Sprintf(" (%d places)", times[k])
		}
		out = append(out, note)
	}
	return out
}

// count is "1 line", "2 lines".
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// firstLine is the start of s for a list: one line, at most 120 characters,
// with an ellipsis where there is more.
func firstLine(s string) string {
	line, _, more := strings.Cut(strings.TrimLeft(s, "\n"), "\n")
	if utf8.RuneCountInString(line) > 120 {
		end := 0
		for range 119 {
			_, size := utf8.DecodeRuneInString(line[end:])
			end += size
		}
		return line[:wholeBrackets(line, end)] + "…"
	}
	if more {
		return line + " …"
	}
	return line
}

// projectRoot is the folder of the request's project: the one above the
// current folder that has the project's name, else the current folder.
func projectRoot(r permit.Request) string {
	if !filepath.IsAbs(r.Cwd) {
		return ""
	}
	cwd := filepath.Clean(r.Cwd)
	for dir := cwd; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if filepath.Base(dir) == r.Project {
			return dir
		}
	}
	return cwd
}

// absolute is path as the tool will take it: from the current folder, with
// the home folder in place of "~". "" if that cannot be told.
func (d *drawing) absolute(path string) string {
	if path == "~" || strings.HasPrefix(path, "~/") {
		if d.o.Home == "" {
			return ""
		}
		return filepath.Join(d.o.Home, path[1:])
	}
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	if path == "" || !filepath.IsAbs(d.r.Cwd) {
		return ""
	}
	return filepath.Join(d.r.Cwd, path)
}

// within reports whether path is dir or in it. Both are clean and absolute.
func within(path, dir string) bool {
	return path == dir || strings.HasPrefix(path, strings.TrimSuffix(dir, "/")+"/")
}

// short is an absolute path as a person of the project would say it.
func (d *drawing) short(path string) string {
	if d.root != "" && path != d.root && within(path, d.root) {
		return strings.TrimPrefix(path[len(strings.TrimSuffix(d.root, "/")):], "/")
	}
	return path
}

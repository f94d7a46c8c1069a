// Package mask finds secrets in text that is about to leave the machine and
// hides them loudly: ⟨masked: 40 chars⟩ stands where one was, and a [Finding]
// says why.
//
// It looks for the published formats of tokens and keys, for values given to
// things that are called password, token or key, for text too random to be
// anything else, and for values that it was told: the secrets of this
// program's own configuration and environment. It sees through quotes, line
// breaks, escapes, percent-encoding and base64, because a shell command holds
// secrets in all of these. What it cannot find is listed in docs/privacy.md.
//
// The package has no regular expressions and no state: formats are a table,
// and one pass over the text dispatches on two bytes, so that a file of a
// megabyte costs milliseconds and an idle program nothing.
package mask

import (
	"bytes"
	"encoding/json"
	"fmt"
	"sort"
	"strings"
	"unicode/utf8"
)

// Options say which values are secret, beyond what can be recognised by form.
type Options struct {
	// Values are secrets known by value, as the tokens of the configuration.
	// One shorter than 6 bytes is ignored: masking it wherever it occurs would
	// make every text unreadable.
	Values []Value
	// Environ is the process's environment as os.Environ gives it. Values of
	// variables whose names look secret are masked wherever they occur.
	Environ []string
}

// Value is one secret known by value.
type Value struct {
	Name   string // what it is, for people: "the Slack bot token of this program"
	Secret string
}

// Masker hides secrets. A nil *Masker knows the formats only. It is safe for
// concurrent use.
type Masker struct {
	known *known
}

// New prepares a Masker.
func New(o Options) *Masker {
	return &Masker{known: newKnown(o)}
}

// Span is one secret in a text: the bytes from Start up to End.
type Span struct {
	Start, End int
	Reason     string
}

// Finding says that something was masked, without giving it away.
type Finding struct {
	Reason string
	Length int // in characters
}

// String is the finding as a sentence fragment: "40 characters: GitHub token".
func (f Finding) String() string {
	return fmt.Sprintf("%d characters: %s", f.Length, f.Reason)
}

// Placeholder is what stands for a secret of so many characters.
func Placeholder(chars int) string { return fmt.Sprintf("⟨masked: %d chars⟩", chars) }

// Text masks s. Line breaks stay, so the masked text has the lines of s: a
// secret that spans several has a placeholder on each.
func (m *Masker) Text(s string) (string, []Finding) {
	return m.masked(s, m.Find(s))
}

// Named masks s knowing what it is called: the value of a table's row, of a
// JSON member, of an environment variable.
func (m *Masker) Named(name, s string) (string, []Finding) {
	return m.masked(s, m.FindNamed(name, s))
}

func (m *Masker) masked(s string, spans []Span) (string, []Finding) {
	if len(spans) == 0 {
		return s, nil
	}
	return Apply(s, spans, func(kept string) string { return kept }), Findings(s, spans)
}

// Apply draws s with a placeholder for each span and the rest as keep draws
// it. The spans are as Find gives them: sorted, apart, and within s.
func Apply(s string, spans []Span, keep func(string) string) string {
	if len(spans) == 0 {
		return keep(s)
	}
	var b strings.Builder
	b.Grow(len(s))
	done := 0
	for _, span := range spans {
		if done < span.Start {
			b.WriteString(keep(s[done:span.Start]))
		}
		for line := range strings.SplitAfterSeq(s[span.Start:span.End], "\n") {
			body := strings.TrimSuffix(line, "\n")
			if n := utf8.RuneCountInString(body); n > 0 {
				b.WriteString(Placeholder(n))
			}
			b.WriteString(line[len(body):])
		}
		done = span.End
	}
	if done < len(s) {
		b.WriteString(keep(s[done:]))
	}
	return b.String()
}

// Findings tell what the spans of s hide.
func Findings(s string, spans []Span) []Finding {
	found := make([]Finding, 0, len(spans))
	for _, span := range spans {
		found = append(found, Finding{span.Reason, utf8.RuneCountInString(s[span.Start:span.End])})
	}
	return found
}

// Find gives the secrets of s, sorted and apart.
func (m *Masker) Find(s string) []Span { return m.FindNamed("", s) }

// FindNamed is Find for a text whose name is known, as Named.
func (m *Masker) FindNamed(name, s string) []Span {
	if name != "" && s != "" {
		if kind := kindOf(name); kind != notSecret && plausible(s, kind, true) {
			return []Span{{0, len(s), "value of " + quoteName(name)}}
		}
	}
	if len(s) < shortest {
		return nil
	}
	var k *known
	if m != nil {
		k = m.known
	}
	var spans []Span
	u := unfold(s)
	spans = k.find(s, u, spans)
	spans = findFormats(u, spans)
	spans = findKeys(s, spans)
	spans = findAssigned(s, spans)
	spans = findURLs(s, spans)
	spans = findFlags(s, spans)
	spans = findRuns(k, u, spans)
	return repeats(s, merge(s, spans))
}

// repeats adds the places where a secret that was found stands again, without
// what it was found by: a password in an address, and in a path further on.
func repeats(s string, spans []Span) []Span {
	const most = 64 // secrets that are looked for again
	found := len(spans)
	for i := range min(found, most) {
		secret := s[spans[i].Start:spans[i].End]
		if !Distinct(secret) || strings.Count(s, secret) == 1 {
			continue
		}
		for from := 0; ; {
			at := strings.Index(s[from:], secret)
			if at < 0 {
				break
			}
			spans = append(spans, Span{from + at, from + at + len(secret), spans[i].Reason})
			from += at + len(secret)
		}
	}
	if len(spans) == found {
		return spans
	}
	return merge(s, spans)
}

// Distinct reports whether a secret is unlike any word or name, so that it can
// be masked wherever else it stands: "hunter2" is, "hunter" and "s._password"
// are not.
func Distinct(secret string) bool {
	s := shapeOf([]byte(secret))
	letters := s.lowers + s.uppers
	return len(secret) >= 6 && s.digits > 0 && letters > 0 || len(secret) >= 20 && s.changes >= 4 && !strings.ContainsAny(secret, " \n")
}

// shortest is the length below which no text holds anything to mask.
const shortest = 6

// merge sorts the spans and joins those that overlap or touch. The reason of
// a joined span is that of its first part; of two parts that begin alike, of
// the one found first. A span never cuts a character in two.
func merge(s string, spans []Span) []Span {
	if len(spans) == 0 {
		return nil
	}
	sort.SliceStable(spans, func(i, j int) bool { return spans[i].Start < spans[j].Start })
	out := spans[:0]
	for _, span := range spans {
		for span.Start > 0 && !utf8.RuneStart(s[span.Start]) {
			span.Start--
		}
		for span.End < len(s) && !utf8.RuneStart(s[span.End]) {
			span.End++
		}
		if span.Start >= span.End {
			continue
		}
		if n := len(out); n > 0 && span.Start <= out[n-1].End {
			out[n-1].End = max(out[n-1].End, span.End)
			continue
		}
		out = append(out, span)
	}
	return out
}

// JSON masks the strings of a document, each knowing the name of the member
// it stands in. White space, numbers and the order of members stay. What is
// not JSON is masked as text and given back as a JSON string.
func (m *Masker) JSON(raw []byte) ([]byte, []Finding) {
	if !json.Valid(raw) {
		text, found := m.Text(string(raw))
		out, err := marshal(text)
		if err != nil { // a string always marshals
			return []byte(`""`), found
		}
		return out, found
	}
	var (
		out   bytes.Buffer
		found []Finding
		name  string // of the member whose value comes
	)
	for i := 0; i < len(raw); {
		if raw[i] != '"' {
			if raw[i] == '-' || raw[i] >= '0' && raw[i] <= '9' {
				end := i + 1
				for end < len(raw) && strings.IndexByte("0123456789+-.eE", raw[end]) >= 0 {
					end++
				}
				// A number is a secret only by its name: a PIN, a numeric password.
				if masked, f := m.number(name, string(raw[i:end])); f != nil {
					found = append(found, f...)
					out.Write(masked)
				} else {
					out.Write(raw[i:end])
				}
				i = end
				continue
			}
			out.WriteByte(raw[i])
			i++
			continue
		}
		end := i + 1
		for raw[end] != '"' {
			if raw[end] == '\\' {
				end++
			}
			end++
		}
		end++
		var s string
		_ = json.Unmarshal(raw[i:end], &s) // valid, as checked above
		after := end
		for after < len(raw) && strings.IndexByte(" \t\r\n", raw[after]) >= 0 {
			after++
		}
		isName := after < len(raw) && raw[after] == ':'
		context := name
		if isName {
			name, context = s, ""
		}
		spans := m.FindNamed(context, s)
		if len(spans) == 0 {
			out.Write(raw[i:end])
		} else {
			text, f := m.masked(s, spans)
			found = append(found, f...)
			if quoted, err := marshal(text); err == nil {
				out.Write(quoted)
			} else {
				out.WriteString(`""`)
			}
		}
		i = end
	}
	return out.Bytes(), found
}

func (m *Masker) number(name, digits string) ([]byte, []Finding) {
	if kindOf(name) != password || len(digits) < 4 {
		return nil, nil
	}
	out, err := marshal(Placeholder(len(digits)))
	if err != nil {
		return nil, nil
	}
	return out, []Finding{{"value of " + quoteName(name), len(digits)}}
}

// marshal is s as JSON without HTML escapes, which would hide ⟨ and &.
func marshal(s string) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(s); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// quoteName is a name fit for a reason: short, on one line, printable.
func quoteName(name string) string {
	if len(name) > 40 {
		name = name[:40] + "…"
	}
	return strings.ToValidUTF8(fmt.Sprintf("%q", name), "?")
}

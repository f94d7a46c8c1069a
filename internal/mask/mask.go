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
	"slices"
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
	also  []string // secrets that Knowing found
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
	spans = repeats(s, merge(s, spans))
	if m != nil {
		spans = again(s, spans, m.also)
	}
	return spans
}

// again adds the places where known secrets stand as they are.
func again(s string, spans []Span, secrets []string) []Span {
	found := len(spans)
	for _, secret := range secrets {
		for from := 0; ; {
			at := strings.Index(s[from:], secret)
			if at < 0 {
				break
			}
			spans = append(spans, Span{from + at, from + at + len(secret), "a secret that stands elsewhere in it"})
			from += at + len(secret)
		}
	}
	if len(spans) == found {
		return spans
	}
	return merge(s, spans)
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
// be masked wherever else it stands: "hunter2" and "471108" are, "hunter", "4711"
// and "s._password" are not.
func Distinct(secret string) bool {
	s := shapeOf([]byte(secret))
	letters := s.lowers + s.uppers
	return len(secret) >= 6 && s.digits > 0 && (letters > 0 || s.digits == len(secret)) || len(secret) >= 20 && s.changes >= 4 && !strings.ContainsAny(secret, " \n")
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

// Knowing is a Masker that knows the secrets of the documents by their value
// too: what one of them gives away by the name of a member, the others may
// repeat without it.
func (m *Masker) Knowing(docs ...[]byte) *Masker {
	secrets := m.Secrets(docs...)
	if len(secrets) == 0 {
		return m
	}
	knows := Masker{also: secrets}
	if m != nil {
		knows.known, knows.also = m.known, append(secrets, m.also...)
	}
	return &knows
}

// maxSecrets is how many secrets are looked for again elsewhere.
const maxSecrets = 256

// Secrets are those of the documents' secrets that are unlike any word.
func (m *Masker) Secrets(docs ...[]byte) (secrets []string) {
	for _, raw := range docs {
		texts := []quoted{{text: string(raw)}}
		if json.Valid(raw) {
			texts = m.texts(raw)
		} else {
			texts[0].spans = m.Find(texts[0].text)
		}
		secrets = distinct(texts, secrets)
	}
	return secrets
}

// distinct adds the secrets of texts that can be looked for elsewhere.
func distinct(texts []quoted, secrets []string) []string {
	for _, t := range texts {
		for _, span := range t.spans {
			secret := t.text[span.Start:span.End]
			if len(secrets) < maxSecrets && Distinct(secret) && !slices.Contains(secrets, secret) {
				secrets = append(secrets, secret)
			}
		}
	}
	return secrets
}

// JSON masks the strings of a document, each knowing the name of the member
// it stands in, and what is a secret in one of them in the others too. White
// space, numbers and the order of members stay. What is not JSON is masked as
// text and given back as a JSON string.
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
		done  int
	)
	texts := m.texts(raw)
	secrets := distinct(texts, nil)
	for _, t := range texts {
		spans := again(t.text, t.spans, secrets)
		if len(spans) == 0 {
			continue
		}
		text, f := m.masked(t.text, spans)
		found = append(found, f...)
		quoted, err := marshal(text)
		if err != nil {
			quoted = []byte(`""`)
		}
		out.Write(raw[done:t.start])
		out.Write(quoted)
		done = t.end
	}
	out.Write(raw[done:])
	return out.Bytes(), found
}

// quoted is a string of a document, or a number that is a secret by its name,
// and where it stands.
type quoted struct {
	start, end int
	text       string
	spans      []Span
}

// anonymous are names of members that say nothing of their own: what they hold
// belongs to the member around them, as the default of a password.
var anonymous = words("const default enum example examples value")

// texts are the strings of a valid document and the secrets in them.
func (m *Masker) texts(raw []byte) (texts []quoted) {
	var around []string // the names of the members around
	name := ""          // of the member whose value comes
	meant := func() string {
		said := name
		for n := len(around) - 1; n >= 0 && anonymous[said]; n-- {
			said = around[n]
		}
		return said
	}
	for i := 0; i < len(raw); {
		switch c := raw[i]; {
		case c == '{':
			around = append(around, name)
			name = ""
		case c == '}':
			name = around[len(around)-1]
			around = around[:len(around)-1]
		case c == '-' || c >= '0' && c <= '9':
			end := i + 1
			for end < len(raw) && strings.IndexByte("0123456789+-.eE", raw[end]) >= 0 {
				end++
			}
			// A number is a secret only by its name: a PIN, a numeric password.
			if span, ok := number(meant(), string(raw[i:end])); ok {
				texts = append(texts, quoted{i, end, string(raw[i:end]), []Span{span}})
			}
			i = end
			continue
		case c == '"':
			end := stringEnd(raw, i)
			var s string
			_ = json.Unmarshal(raw[i:end], &s) // valid, as checked before
			after := end
			for after < len(raw) && strings.IndexByte(" \t\r\n", raw[after]) >= 0 {
				after++
			}
			context := meant()
			if after < len(raw) && raw[after] == ':' {
				name, context = s, ""
			}
			texts = append(texts, quoted{i, end, s, m.FindNamed(context, s)})
			i = end
			continue
		}
		i++
	}
	return texts
}

// stringEnd is where the string ends that begins at i.
func stringEnd(raw []byte, i int) int {
	for i++; raw[i] != '"'; i++ {
		if raw[i] == '\\' {
			i++
		}
	}
	return i + 1
}

func number(name, digits string) (Span, bool) {
	if kindOf(name) != password || len(digits) < 4 {
		return Span{}, false
	}
	return Span{0, len(digits), "value of " + quoteName(name)}, true
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

// quoteName is a name fit for a reason: short, on one line, printable. A name
// may itself be, or hold, a secret.
func quoteName(name string) string {
	if random([]byte(name)) || len((*Masker)(nil).Find(name)) > 0 {
		return "a name that is masked too"
	}
	if len(name) > 40 {
		name = name[:40] + "…"
	}
	return strings.ToValidUTF8(fmt.Sprintf("%q", name), "?")
}

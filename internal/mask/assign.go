package mask

import (
	"strings"
)

// kind is what a name says of its value.
type kind uint8

const (
	notSecret kind = iota
	token          // a key or token: long, and no word
	password       // anything a person may have chosen
	key            // a name that ends with _KEY: only what is no word is a secret
	header         // an Authorization or Cookie header: the rest of the line
)

// stems are what names of secrets contain, in lower case. Between the words
// of a stem a name may have "_", "-" or nothing.
var stems = []struct {
	words string // separated by spaces
	kind  kind
}{
	{"authorization", header},
	{"auth token", token},
	{"auth key", token},
	{"auth pass", password},
	{"api key", token},
	{"api secret", token},
	{"api token", token},
	{"api pass", password},
	{"app key", token},
	{"app secret", token},
	{"access key", token},
	{"access token", token},
	{"account key", token},
	{"bearer", token},
	{"client secret", token},
	{"consumer key", token},
	{"consumer secret", token},
	{"cookie", header},
	{"credential", token},
	{"crypt key", token},
	{"encryption key", token},
	{"master key", token},
	{"pass phrase", password},
	{"passphrase", password},
	{"password", password},
	{"passwort", password},
	{"passwd", password},
	{"passcode", password},
	{"pgpass", password},
	{"private key", token},
	{"private token", token},
	{"pwd", password},
	{"pass", password},
	{"secret", token},
	{"session key", token},
	{"session token", token},
	{"shared access key", token},
	{"shared key", token},
	{"signing key", token},
	{"signature", token},
	{"storage key", token},
	{"token", token},
	{"webhook key", token},
	{"x api key", token},
}

// innocent are the words that, in the rest of a name, say that it names
// something about a secret, not the secret itself.
var innocent = words("algorithm algo attempt attempts budget bytes cache class clause count counts dir " +
	"directory endpoint enabled error exists expiry expires expiration field file filename form format group header hint " +
	"index input kind label len length level lifetime limit list manager max min mode name names number " +
	"numbers page param params parser path placeholder policy position prefix provider regex required reset rotation " +
	"rule rules set size source status store stream suffix text timeout ttl type types uri url usage used " +
	"validator version")

func words(s string) map[string]bool {
	m := make(map[string]bool)
	for w := range strings.FieldsSeq(s) {
		m[w] = true
	}
	return m
}

// kindOf says what a name tells of its value: DB_PASSWORD, apiKey,
// "X-Api-Key". A name such as token_count or passwordless tells nothing.
func kindOf(name string) kind {
	if len(name) < 3 || len(name) > 80 {
		return notSecret
	}
	for i := range len(name) {
		if firstOfStem[name[i]] {
			if end, k := stemAt(name, i); k != notSecret && tellsValue(name, i, end) {
				return k
			}
		}
	}
	if k := strings.TrimSuffix(name, "_KEY"); k != name && k == strings.ToUpper(k) {
		return key
	}
	return notSecret
}

// firstOfStem has the letters that stems begin with, in both cases.
var firstOfStem = func() (t charset) {
	for _, stem := range stems {
		t[stem.words[0]] = true
		t[stem.words[0]-'a'+'A'] = true
	}
	return t
}()

// stemAt is the longest stem that name has at i.
func stemAt(name string, i int) (end int, k kind) {
	for _, n := range stemsBy[name[i]|0x20] {
		if e := matchStem(name, i, stems[n].words); e > end {
			end, k = e, stems[n].kind
		}
	}
	return end, k
}

// stemsBy has the places in stems of those that begin with a letter.
var stemsBy = func() (t [256][]uint8) {
	for i, stem := range stems {
		t[stem.words[0]] = append(t[stem.words[0]], uint8(i))
	}
	return t
}()

// matchStem is where the stem ends that name has at i, 0 if it has not.
func matchStem(name string, i int, stem string) int {
	for j := range len(stem) {
		if stem[j] == ' ' {
			if i < len(name) && (name[i] == '_' || name[i] == '-') {
				i++
			}
			continue
		}
		if i >= len(name) || name[i]|0x20 != stem[j] {
			return 0
		}
		i++
	}
	return i
}

// tellsValue reports whether the stem name[i:end] stands alone or as the end
// of a name, or with a rest that does not change its meaning.
func tellsValue(name string, i, end int) bool {
	// "pass" and "pwd" are parts of many words: "bypass", "compass".
	if stem := strings.ToLower(name[i:end]); (stem == "pass" || stem == "pwd" || stem == "token") && i > 0 {
		before := name[i-1]
		if before >= 'a' && before <= 'z' && name[i] >= 'a' || before >= 'A' && before <= 'Z' && name[i] < 'a' && stem != "token" && !strings.HasPrefix(name, "PG") {
			return false
		}
	}
	if strings.EqualFold(name, "pwd") || strings.EqualFold(name, "oldpwd") {
		return false // the shell's own: the folder it is in
	}
	rest := name[end:]
	if strings.HasPrefix(rest, "s") && (len(rest) == 1 || !lower(rest[1])) {
		rest = rest[1:]
	} else if rest != "" && lower(rest[0]) {
		// "passwordless", "tokenizer"; but "secretkey", "tokenvalue".
		return strings.HasPrefix(rest, "key") || strings.HasPrefix(rest, "value") || strings.HasPrefix(rest, "id")
	}
	for _, w := range splitName(rest) {
		if innocent[w] {
			return false
		}
	}
	return true
}

func lower(c byte) bool { return c >= 'a' && c <= 'z' }

// splitName gives the words of a name in lower case: at "_", "-", "." and at
// each capital that follows a small letter.
func splitName(name string) []string {
	var out []string
	start := 0
	flush := func(end int) {
		if end > start {
			out = append(out, strings.ToLower(name[start:end]))
		}
	}
	for i := range len(name) {
		switch c := name[i]; {
		case c == '_' || c == '-' || c == '.':
			flush(i)
			start = i + 1
		case c >= 'A' && c <= 'Z' && i > 0 && lower(name[i-1]):
			flush(i)
			start = i
		}
	}
	flush(len(name))
	return out
}

// nameByte is what names are made of.
var nameByte = chars("0-9", "a-z", "A-Z", "_-")

// findAssigned finds what is given to a name that says it is secret:
// PASSWORD=x, "token": "x", --api-key x, X-Api-Key: x, <password>x</password>,
// setPassword("x"), ("password", "x").
func findAssigned(s string, spans []Span) []Span {
	for i := 0; i < len(s); i++ {
		var end int
		var k kind
		switch {
		case firstOfStem[s[i]] && stemPair[s[i]|0x20][s[i+min(1, len(s)-1-i)]|0x20]:
			end, k = stemAt(s, i)
		case s[i] == 'K' && i > 0 && s[i-1] == '_' && strings.HasPrefix(s[i:], "KEY"):
			end, k = i+len("KEY"), key
		}
		if k == notSecret {
			continue
		}
		nameStart, nameEnd := i, end
		for nameStart > 0 && i-nameStart < 64 && nameByte[s[nameStart-1]] {
			nameStart--
		}
		for nameEnd < len(s) && nameEnd-end < 64 && nameByte[s[nameEnd]] {
			nameEnd++
		}
		if strings.HasSuffix(s[:nameStart], "://") {
			continue // a user's name: findURLs sees to the rest
		}
		name := s[nameStart:nameEnd]
		if k = kindOf(strings.TrimLeft(name, "-")); k == notSecret {
			i = end - 1
			continue
		}
		if from, to, ok := valueAfter(s, nameStart, nameEnd, k); ok {
			spans = append(spans, Span{from, to, "value of " + quoteName(name)})
			i = to - 1
			continue
		}
		i = nameEnd - 1
	}
	return spans
}

// stemPair has the first two letters of every stem.
var stemPair = func() (t [256][256]bool) {
	for _, stem := range stems {
		second := stem.words[1]
		if second == ' ' { // "x api key"
			t[stem.words[0]]['-'|0x20], t[stem.words[0]]['_'|0x20] = true, true
			second = stem.words[2]
		}
		t[stem.words[0]][second] = true
	}
	return t
}()

// join is how a name and its value are joined.
type join uint8

const (
	apart  join = iota // not at all
	equals             // =, :=, =>, ==, ->, a flag and a blank, a call's parenthesis
	colon              // a colon, which prose and type annotations have too
	loose              // only a blank
)

// joinAfter finds what joins the name s[start:end] with a value, and where the
// value begins.
func joinAfter(s string, start, end int, k kind) (i int, j join) {
	i = end
	quotes := closing(s, i)
	i += quotes
	for i < len(s) && (s[i] == ']' || s[i] == ')' && quotes > 0) {
		i++
	}
	blanks := skip(s, i, " \t")
	if i += blanks; i >= len(s) {
		return i, apart
	}
	if n := typeName(s, i); blanks > 0 && n > 0 {
		i += n // var token string = "x"
	}
	if n := operator(s[i:]); n > 0 {
		i += n - 1 // the "=" of "?=" and its like
	}
	switch c := s[i]; {
	case c == '=' || c == ':':
		j = equals
		if c == ':' {
			j = colon
		}
		i += skip(s, i, "=:>")
	case c == '-' && i+1 < len(s) && s[i+1] == '>', c == '!' && i+1 < len(s) && s[i+1] == '=':
		j = equals
		i += 2
		i += skip(s, i, "=")
	case c == ',' && quotes > 0, c == '(':
		i++
		i += skip(s, i, " \t\r\n")
		if closing(s, i) == 0 {
			return i, apart // an argument that is no string
		}
		j = equals
	case blanks == 0:
		return i, apart
	case s[start] == '-' || start > 0 && s[start-1] == '-':
		j = equals // --password x
	case end-start > 4 && (c == '\'' || c == '"') || strings.Contains(s[max(0, start-200):start], "login "):
		j = loose // PASSWORD 'x' in SQL; login a password b in .netrc
	case k == token && strings.EqualFold(s[start:end], "bearer"):
		j = equals
	default:
		return i, apart
	}
	return i + skip(s, i, " \t"), j
}

// elementAfter finds the content of the XML element whose start tag ends
// after the name s[start:end].
func elementAfter(s string, start, end int) (from, to int, ok bool) {
	if end >= len(s) || s[end] != '>' || strings.LastIndexByte(s[max(0, start-40):start], '<') < 0 {
		return 0, 0, false
	}
	n := strings.IndexByte(s[end+1:], '<')
	if n < 0 || n > 1<<12 {
		return 0, 0, false
	}
	from, to = trim(s, end+1, end+1+n)
	return from, to, true
}

// valueAfter finds the value given to the name s[start:end], if any is and it
// is plausibly a secret.
func valueAfter(s string, start, end int, k kind) (from, to int, ok bool) {
	if from, to, ok := elementAfter(s, start, end); ok {
		return from, to, plausible(s[from:to], k, true)
	}
	i, j := joinAfter(s, start, end, k)
	if j == apart {
		return 0, 0, false
	}
	if j == colon {
		if n := typeName(s, i); n > 0 {
			i += n + 1 // token: string = "x"
			i += skip(s, i, " \t")
		}
		if i < len(s) && strings.IndexByte("\n\r|>", s[i]) >= 0 {
			return 0, 0, false // a block of its own, as in YAML
		}
	}
	if k == header {
		if j == colon && s[i-1] != '=' && s[end-1]|0x20 != 's' {
			return headerValue(s, i)
		}
		k = token
	}
	from, to, quoted := value(s, i)
	if from >= to {
		return 0, 0, false
	}
	v := s[from:to]
	switch {
	case quoted:
		return from, to, plausible(v, k, true)
	case j == loose:
		return from, to, plausible(v, k, false)
	case j == colon:
		// Prose and type annotations have "password: string" too.
		rest := to + skip(s, to, " \t,;}])")
		atEnd := rest >= len(s) || s[rest] == '\n' || s[rest] == '\r' || s[rest] == '#' || s[rest] == '&' || closing(s, rest) > 0
		return from, to, plausible(v, k, false) && (atEnd && unlikeCode(v) || random([]byte(v)))
	default:
		return from, to, plausible(v, k, false) && (unlikeCode(v) || !strings.ContainsAny(s[end:from], " "))
	}
}

// typeName is the length of a type's name at i with the blanks after it, if
// an assignment follows.
func typeName(s string, i int) int {
	n := 0
	for i+n < len(s) && n < 24 && (nameByte[s[i+n]] || s[i+n] == '.' || s[i+n] == '?' || s[i+n] == '*') {
		n++
	}
	if n == 0 {
		return 0
	}
	blanks := skip(s, i+n, " \t")
	if j := i + n + blanks; j+1 < len(s) && s[j] == '=' && s[j+1] != '=' && blanks > 0 {
		return n + blanks
	}
	return 0
}

// operator is the length of a compound assignment at the start of s.
func operator(s string) int {
	for _, op := range []string{"?=", ".=", "+=", "|=", "||=", "??=", "&&="} {
		if strings.HasPrefix(s, op) {
			return len(op)
		}
	}
	return 0
}

// trim leaves out the blanks at both ends of s[from:to].
func trim(s string, from, to int) (int, int) {
	for from < to && strings.IndexByte(" \t\r\n", s[from]) >= 0 {
		from++
	}
	for to > from && strings.IndexByte(" \t\r\n", s[to-1]) >= 0 {
		to--
	}
	return from, to
}

// headerValue is the credential of an Authorization header, or the whole of a
// Cookie header: up to the closing quote or the end of the line.
func headerValue(s string, i int) (from, to int, ok bool) {
	i += closing(s, i)
	to = i
	for to < len(s) && s[to] != '\n' && s[to] != '\r' && closing(s, to) == 0 {
		to++
	}
	v := s[i:to]
	if scheme, rest, found := strings.Cut(v, " "); found && len(scheme) < 20 && isWord(scheme) && strings.TrimSpace(rest) != "" {
		i += len(scheme) + 1 + skip(rest, 0, " ")
		v = s[i:to]
	}
	return i, to, len(v) >= 8 && plausible(v, password, true)
}

func isWord(s string) bool {
	for i := range len(s) {
		if !alnum[s[i]] && s[i] != '-' {
			return false
		}
	}
	return s != ""
}

// closing is the length of the quote at i, 0 if there is none. A quote inside
// a quoted JSON or shell string has a backslash.
func closing(s string, i int) int {
	if i >= len(s) {
		return 0
	}
	switch s[i] {
	case '"', '\'', '`':
		return 1
	case '\\':
		n := 0
		for i+n < len(s) && n < 8 && s[i+n] == '\\' {
			n++
		}
		if i+n < len(s) && (s[i+n] == '"' || s[i+n] == '\'') {
			return n + 1
		}
	}
	return 0
}

// skip counts the bytes of s from i on that are in set.
func skip(s string, i int, set string) int {
	n := 0
	for i+n < len(s) && strings.IndexByte(set, s[i+n]) >= 0 {
		n++
	}
	return n
}

// maxPiece is how far a further piece of a value may reach. It bounds the work
// on a text made of nothing but quotes.
const maxPiece = 200

// value is the value that begins at i: what the quotes hold, or up to the
// next blank or delimiter. Quoted pieces side by side, as a shell joins them,
// are one value.
func value(s string, i int) (from, to int, quoted bool) {
	if i < len(s) && s[i] == '$' && closing(s, i+1) > 0 {
		i++ // $'…'
	}
	if n := closing(s, i); n > 0 {
		quote := s[i : i+n]
		from = i + n
		to = from
		for to < len(s) && to-from < 1<<16 {
			if strings.HasPrefix(s[to:], quote) {
				// Another piece may follow at once: 'abc'"def".
				if next := to + n; n == 1 && next < len(s) && (closing(s, next) > 0 || alnum[s[next]]) && s[next] != quote[0] {
					if a, b, _ := value(s[:min(len(s), next+maxPiece)], next); b-a < maxPiece && !strings.ContainsAny(s[a:b], " \t\n") {
						return from, b, true
					}
				}
				return from, to, true
			}
			if s[to] == '\\' && n == 1 && quote != "'" && to+1 < len(s) {
				to++
			}
			to++
		}
		return from, min(to, len(s)), true
	}
	from, to = i, i
	for to < len(s) {
		switch c := s[to]; {
		case c == '\\' && to+1 < len(s) && (s[to+1] == '\n' || s[to+1] == '\r'):
			to += 2 // the value goes on in the next line
			continue
		case c == '"' || c == '\'' || c == '`':
			// A piece in quotes inside an unquoted word: abc"def".
			if to > from && to+1 < len(s) && !strings.ContainsRune(" \t\r\n,;)}]&|<>", rune(s[to+1])) {
				_, end, _ := value(s[:min(len(s), to+maxPiece)], to)
				if end > to {
					to = min(end+1, len(s))
					continue
				}
			}
			return from, to, false
		case strings.IndexByte(" \t\r\n,;)}]&|<>", c) >= 0:
			return from, to, false
		case c == '\\' && closing(s, to) > 0:
			return from, to, false
		}
		to++
	}
	return from, to, false
}

// plausible reports whether v may be a secret of this kind at all. Variables,
// placeholders and words that programs use for "no value" are not.
func plausible(v string, k kind, quoted bool) bool {
	least := 8
	if k == password {
		least = 4
		if quoted {
			least = 3
		}
	}
	if len(v) < least || strings.HasPrefix(v, "⟨masked") {
		return false
	}
	if v[0] == '$' && len(v) > 1 && (v[1] == '{' || v[1] == '(' || v[1] == '_' || v[1] >= 'A' && v[1] <= 'Z' || lower(v[1])) ||
		v[0] == '<' || v[0] == '`' || strings.HasPrefix(v, "{{") || strings.HasPrefix(v, "%(") || strings.HasPrefix(v, "#{") {
		return false
	}
	if strings.Trim(v, "*xX.•-_ \n") == "" {
		return false
	}
	if nothing[strings.ToLower(v)] || !quoted && isNumber(v) {
		return false
	}
	if k == key {
		return keyLike(v)
	}
	if k == token {
		if strings.ContainsAny(v, " \n\t") {
			// Prose. A wrapped key is found by its form.
			return strings.IndexByte(v, '\n') >= 0 && random([]byte(strings.Map(dropBlank, v)))
		}
		if v[0] == '/' || v[0] == '~' || strings.HasPrefix(v, "./") || strings.HasPrefix(v, "../") || strings.HasPrefix(v, "http://") || strings.HasPrefix(v, "https://") {
			return random([]byte(v))
		}
		if isTemplate(v) {
			return false
		}
	}
	if k == password && strings.Count(v, " ") > 6 {
		return false // prose
	}
	return true
}

// keyLike reports whether v is a UUID, a long hexadecimal number, or random.
func keyLike(v string) bool {
	if len(v) >= 32 && strings.Trim(v, "0123456789abcdefABCDEF-") == "" {
		return true
	}
	return random([]byte(v))
}

// isNumber reports whether v is a number as programs write it: digits, or a
// hexadecimal number of at most 64 bits.
func isNumber(v string) bool {
	if h, ok := strings.CutPrefix(v, "0x"); ok {
		return len(h) <= 16 && strings.Trim(h, "0123456789abcdefABCDEF") == ""
	}
	return len(v) < 10 && strings.Trim(v, "0123456789._") == ""
}

func dropBlank(r rune) rune {
	if r == ' ' || r == '\n' || r == '\t' || r == '\r' {
		return -1
	}
	return r
}

// isTemplate reports whether v is a name made of plain words: "my-secret",
// "auth_token", "session.token". Twelve letters and more in one word are not.
func isTemplate(v string) bool {
	s := shapeOf([]byte(v))
	if s.digits > 0 {
		return false
	}
	longest := 0
	for _, w := range splitName(v) {
		longest = max(longest, len(w))
	}
	return s.others > 0 && longest < 12 || s.others == 0 && len(v) < 12 || s.uppers == 0 && s.others == 0 && len(v) < 16
}

// nothing are words that stand where a value would.
var nothing = words("true false null none nil undefined string str text bytes number bool boolean int integer any object " +
	"unknown optional required default password passwd secret token changeme change_me example placeholder " +
	"redacted hidden masked empty todo auto input prompt disabled enabled yes no")

// unlikeCode reports whether an unquoted value is no expression of a program:
// next_token, config.Token, getPass().
func unlikeCode(v string) bool {
	if strings.ContainsAny(v, "([{") {
		return false
	}
	s := shapeOf([]byte(v))
	if s.digits == 0 && s.others == 0 {
		return s.uppers > 0 && s.lowers > 0 && s.changes*5 >= len(v)*2 || len(v) >= 16 && (s.uppers == 0 || s.lowers == 0)
	}
	if s.digits == 0 && strings.Trim(v, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_.") == "" {
		return false
	}
	// obj.field2, args[0]: names with a number in them.
	return !strings.Contains(v, ".") || s.digits >= 3 || strings.ContainsAny(v, "!@#%^*+/=")
}

package mask

import (
	"bytes"
	"encoding/base64"
	"strings"
)

// findKeys finds private keys in PEM and its relatives: from the first line
// to the last, or to the end of the text where no last line is.
func findKeys(s string, spans []Span) []Span {
	const begin, mark = "-----BEGIN ", "PRIVATE KEY"
	for from := 0; ; {
		i := strings.Index(s[from:], begin)
		if i < 0 {
			break
		}
		start := from + i
		from = start + len(begin)
		head := s[from:min(len(s), from+64)]
		if kind, _, ok := strings.Cut(head, mark); !ok || strings.Contains(kind, "-----") {
			continue
		}
		end := len(s)
		if j := strings.Index(s[from:], "-----END "); j >= 0 {
			end = from + j + len("-----END ")
			if k := strings.Index(s[end:min(len(s), end+80)], "-----"); k >= 0 {
				end += k + len("-----")
			}
		}
		spans = append(spans, Span{start, end, "private key"})
		from = end
	}
	for from := 0; ; {
		const putty = "PuTTY-User-Key-File"
		i := strings.Index(s[from:], putty)
		if i < 0 {
			break
		}
		from += i + len(putty)
		if j := strings.Index(s[from:], "Private-Lines:"); j >= 0 {
			spans = append(spans, Span{from + j, len(s), "private key"})
			break
		}
	}
	return spans
}

// findURLs finds the password, or the token used as a name, in the user part
// of an address.
func findURLs(s string, spans []Span) []Span {
	for from := 0; ; {
		i := strings.Index(s[from:], "://")
		if i < 0 {
			return spans
		}
		start := from + i + 3
		from = start
		if strings.IndexByte(s[start:min(len(s), start+512)], '@') < 0 {
			continue
		}
		end := start
		// A quote ends the address, but for quotes around the password.
		for end < len(s) && end-start < 512 && strings.IndexByte(" \t\r\n<>\\,`", s[end]) < 0 {
			if (s[end] == '"' || s[end] == '\'') && s[end-1] != ':' && (end+1 == len(s) || s[end+1] != '@') {
				break
			}
			end++
		}
		rest := s[start:end]
		authority := rest
		if j := strings.IndexAny(rest, "/?#"); j >= 0 {
			authority = rest[:j]
		}
		at := strings.LastIndexByte(authority, '@')
		if at < 0 {
			// A password with "/" in it, unless it is a port that the colon begins.
			colon := strings.IndexByte(authority, ':')
			if colon < 0 || strings.Trim(authority[colon+1:], "0123456789") == "" {
				continue
			}
			if at = strings.LastIndexByte(rest, '@'); at < 0 {
				continue
			}
		}
		user, pass, two := strings.Cut(rest[:at], ":")
		switch {
		case two && len(pass) >= 1 && plausible(pass+"\x00\x00", password, true):
			spans = append(spans, Span{start + len(user) + 1, start + at, "password in an address"})
		case !two && (random([]byte(user)) || len(user) >= 20 && shapeOf([]byte(user)).digits > 3):
			spans = append(spans, Span{start, start + at, "token in an address"})
		}
	}
}

// flags are short options whose value is a secret, by the program that has
// them. The value follows after a blank, or at once where glued is set.
var flags = []struct {
	program, flag string
	glued         bool
	afterColon    bool // only what follows the first colon: user:password
}{
	{"sshpass", "-p", true, false},
	{"sshpass", "-p", false, false},
	{"curl", "-u", false, true},
	{"curl", "-u", true, true},
	{"curl", "--user", false, true},
	{"curl", "--proxy-user", false, true},
	{"curl", "-U", false, true},
	{"curl", "-b", false, false},
	{"curl", "--cookie", false, false},
	{"mysql", "-p", true, false},
	{"mysqldump", "-p", true, false},
	{"mariadb", "-p", true, false},
	{"redis-cli", "-a", false, false},
	{"docker login", "-p", false, false},
	{"podman login", "-p", false, false},
	{"az login", "-p", false, false},
	{"7z", "-p", true, false},
	{"zip", "-P", false, false},
	{"unzip", "-P", false, false},
	{"ldapsearch", "-w", false, false},
	{"smbclient", "-U", false, false},
	{"openssl", "pass:", true, false},
}

// findFlags finds secrets given to short options of well-known programs.
func findFlags(s string, spans []Span) []Span {
	if len(s) > 1<<16 {
		return spans // a file, not a command
	}
	for _, f := range flags {
		if !strings.Contains(s, f.program) {
			continue
		}
		program := strings.Index(s, f.program) + len(f.program)
		for from := program; ; {
			i := strings.Index(s[from:], f.flag)
			if i < 0 {
				break
			}
			start := from + i + len(f.flag)
			from = start
			if start-program > 1<<12 || anotherCommand(s[program:start]) {
				break
			}
			if f.flag[0] == '-' && !strings.ContainsRune(" \t\n", rune(s[start-len(f.flag)-1])) {
				continue // the middle of a word
			}
			blanks := skip(s, start, " \t=")
			if f.glued == (blanks > 0) {
				continue
			}
			a := start + blanks
			b := shellWord(s, a)
			if f.afterColon {
				colon := strings.IndexByte(s[a:b], ':')
				if colon < 0 {
					continue
				}
				a += colon + 1
			}
			for a < b && closing(s, a) > 0 {
				a++
			}
			for a < b && closing(s, b-1) > 0 {
				b--
			}
			if b-a >= 3 && plausible(s[a:b], password, true) {
				spans = append(spans, Span{a, b, "password given to " + f.program})
				from = b
			}
		}
	}
	return spans
}

// anotherCommand reports whether a command ends in s.
func anotherCommand(s string) bool {
	for i := range len(s) {
		if strings.IndexByte("|;&", s[i]) >= 0 || s[i] == '\n' && !strings.HasSuffix(strings.TrimSuffix(s[:i], "\r"), "\\") {
			return true
		}
	}
	return false
}

// shellWord is where the shell's word ends that begins at i.
func shellWord(s string, i int) int {
	var quote byte
	for ; i < len(s); i++ {
		switch c := s[i]; {
		case quote != 0:
			if c == quote {
				quote = 0
			} else if c == '\\' && quote == '"' {
				i++
			}
		case c == '\'' || c == '"':
			quote = c
		case c == '\\':
			i++
		case strings.IndexByte(" \t\r\n;|&<>()", c) >= 0:
			return i
		}
	}
	return len(s)
}

// findRuns looks at every long run of letters and digits: is it too random to
// be anything but a secret, or base64 of something secret?
func findRuns(k *known, u *unfolded, spans []Span) []Span {
	text := u.text
	for i := 0; i < len(text); {
		if !base64ch[text[i]] {
			i++
			continue
		}
		j := i + 1
		for j < len(text) && base64ch[text[j]] && u.gap[j] == none {
			j++
		}
		// A wrapped run goes on in the next line where this one is long.
		for j < len(text) && base64ch[text[j]] && (u.gap[j] == joined || u.gap[j] == broken && j-i >= 40) {
			j++
			for j < len(text) && base64ch[text[j]] && u.gap[j] == none {
				j++
			}
		}
		if j-i >= 20 {
			if what, ok := inBase64(k, text[i:j]); ok {
				spans = append(spans, u.span(i, j, what+", in base64"))
			} else {
				spans = findRandom(u, i, j, spans)
			}
		}
		i = j
	}
	return spans
}

// findRandom looks for random pieces in the run from i up to j. Long runs are
// data, not secrets; a run after the name of a digest is that digest.
func findRandom(u *unfolded, i, j int, spans []Span) []Span {
	text := u.text
	if j-i > 300 || isDigest(text[max(0, i-8):i]) || isDigest(text[i:min(j, i+8)]) {
		return spans
	}
	for i < j {
		if !alnum[text[i]] {
			i++
			continue
		}
		// Pieces between the characters that names and paths are joined with.
		k := i
		for k < j && (alnum[text[k]] || text[k] == '+' || (text[k] == '/' || text[k] == '_' || text[k] == '-') && k+1 < j && k-i > 0 && pieceGoesOn(text[i:j], k-i)) {
			k++
		}
		if piece := text[i:k]; len(piece) >= 24 && random(piece) {
			spans = append(spans, u.span(i, k, "looks random"))
		}
		i = max(k, i+1)
	}
	return spans
}

// pieceGoesOn reports whether the "/", "_" or "-" at k belongs to a random
// run: the five characters on both sides of it are mixed.
func pieceGoesOn(t []byte, k int) bool {
	before, after := t[max(0, k-6):k], t[k+1:min(len(t), k+7)]
	return mixed(before) && mixed(after)
}

func isDigest(t []byte) bool {
	return bytes.Contains(t, []byte("sha")) || bytes.Contains(t, []byte("h1:")) || bytes.Contains(t, []byte("md5"))
}

// inBase64 reports what secret the run holds in base64, if any. A run may
// begin with something that is not base64, so each of the four alignments is
// tried where it is short.
func inBase64(k *known, run []byte) (what string, ok bool) {
	shifts := 4
	if len(run) > 1<<12 {
		shifts = 1
	}
	buf := make([]byte, base64.RawStdEncoding.DecodedLen(len(run)))
	clean := make([]byte, 0, len(run))
	for _, c := range run {
		switch c {
		case '-':
			c = '+'
		case '_':
			c = '/'
		case '=':
			continue
		}
		clean = append(clean, c)
	}
	for shift := range min(shifts, len(clean)) {
		part := clean[shift:]
		n, err := base64.RawStdEncoding.Decode(buf, part[:len(part)/4*4])
		if err != nil {
			return "", false
		}
		decoded := buf[:n]
		if tail := len(part) % 4; tail > 1 {
			var last [3]byte
			if m, err := base64.RawStdEncoding.Decode(last[:], part[len(part)-tail:]); err == nil {
				decoded = append(decoded, last[:m]...)
			}
		}
		if !readable(decoded) {
			continue
		}
		if what, ok := k.in(decoded); ok {
			return what, true
		}
		inner := string(decoded)
		spans := findFormats(unfold(inner), nil)
		spans = findKeys(inner, spans)
		spans = findAssigned(inner, spans)
		spans = findURLs(inner, spans)
		if len(spans) > 0 {
			return spans[0].Reason, true
		}
	}
	return "", false
}

// readable reports whether nearly all of t is printable: base64 of a secret
// is base64 of text.
func readable(t []byte) bool {
	odd := 0
	for _, c := range t {
		if (c < ' ' && c != '\n' && c != '\t' && c != '\r') || c >= 0x7f {
			odd++
		}
	}
	return odd*8 <= len(t)
}

package mask

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestTextMasks(t *testing.T) {
	pem := "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAE\nbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW\n-----END OPENSSH PRIVATE KEY-----\n"
	tests := []struct {
		name, in, want string
	}{
		{"token by form", "git push https://x-access-token:ghp_16C7e42F292c6912E7710c838347Ae178B4a@github.com/a/b",
			"git push https://x-access-token:⟨masked: 40 chars⟩@github.com/a/b"},
		{"variable", "AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG/bPxRfiCYzzzzzzzKEY aws s3 ls", "AWS_SECRET_ACCESS_KEY=⟨masked: 40 chars⟩ aws s3 ls"},
		{"password by name", "export DB_PASSWORD='hunter2' && run", "export DB_PASSWORD='⟨masked: 7 chars⟩' && run"},
		{"json member", `{"user":"ada","password":"hunter2 x"}`, `{"user":"ada","password":"⟨masked: 9 chars⟩"}`},
		{"json in a shell string", `curl -d "{\"password\":\"hunter2\"}" x`, `curl -d "{\"password\":\"⟨masked: 7 chars⟩\"}" x`},
		{"yaml", "user: ada\npassword: hunter2\nport: 5432\n", "user: ada\npassword: ⟨masked: 7 chars⟩\nport: 5432\n"},
		{"flag", "login --password hunter2 --user ada", "login --password ⟨masked: 7 chars⟩ --user ada"},
		{"curl user", "curl -u ada:hunter2 https://example.com", "curl -u ada:⟨masked: 7 chars⟩ https://example.com"},
		{"bearer", `curl -H "Authorization: Bearer abcDEF123.456-x"`, `curl -H "Authorization: Bearer ⟨masked: 15 chars⟩"`},
		{"basic", `curl -H 'Authorization: Basic YWRhOmh1bnRlcjI='`, `curl -H 'Authorization: Basic ⟨masked: 16 chars⟩'`},
		{"cookie", "Cookie: sid=abcdef; theme=dark\nHost: x", "Cookie: ⟨masked: 22 chars⟩\nHost: x"},
		{"url", "psql postgres://ada:p%40ss/word@db:5432/x", "psql postgres://ada:⟨masked: 11 chars⟩@db:5432/x"},
		{"url with a port", "curl http://localhost:8080/a@b", "curl http://localhost:8080/a@b"},
		{"private key", "cat > k <<E\n" + pem + "E", "cat > k <<E\n⟨masked: 35 chars⟩\n⟨masked: 36 chars⟩\n⟨masked: 34 chars⟩\n⟨masked: 33 chars⟩\nE"},
		{"private key without its end", "x\n-----BEGIN RSA PRIVATE KEY-----\nMIIEpQIB", "x\n⟨masked: 31 chars⟩\n⟨masked: 8 chars⟩"},
		{"split by quotes", `t="ghp_16C7e42F292c6912"'E7710c838347Ae178B4a'`, `t="⟨masked: 42 chars⟩'`},
		{"split by an escaped line break", "x ghp_16C7e42F292c6912\\\nE7710c838347Ae178B4a y", "x ⟨masked: 21 chars⟩\n⟨masked: 20 chars⟩ y"},
		{"in base64", "echo " + base64.StdEncoding.EncodeToString([]byte("token: ghp_16C7e42F292c6912E7710c838347Ae178B4a\n")) + " | base64 -d", "echo ⟨masked: 64 chars⟩ | base64 -d"},
		{"percent-encoded", "curl x?t=%67%68%70%5F16C7e42F292c6912E7710c838347Ae178B4a&u=1", "curl x?t=⟨masked: 48 chars⟩&u=1"},
		{"slack hook keeps its host", "curl https://hooks.slack.com/services/T0000000/B0000000/abcdefghijklmnopqrstuvwx", "curl https://hooks.slack.com/services/⟨masked: 42 chars⟩"},
		{"random", "x 9vKp2LqX7wZr4TnBc8Ys3MdF6Hj y", "x ⟨masked: 27 chars⟩ y"},
		{"xml", "<password>hunter2</password>", "<password>⟨masked: 7 chars⟩</password>"},
		{"call", `c.SetPassword("hunter2")`, `c.SetPassword("⟨masked: 7 chars⟩")`},
		{"go", `var apiToken string = "abc123def456"`, `var apiToken string = "⟨masked: 12 chars⟩"`},
		{"any key that is no word", "SERVICE_KEY=123e4567-e89b-12d3-a456-426614174000 PRIMARY_KEY=customer", "SERVICE_KEY=⟨masked: 36 chars⟩ PRIMARY_KEY=customer"},
		{"netrc", "machine x login ada password hunter2", "machine x login ada password ⟨masked: 7 chars⟩"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, found := New(Options{}).Text(tt.in)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("masked text (-want +got):\n%s\nfound: %v", diff, found)
			}
			if (got != tt.in) != (len(found) > 0) {
				t.Errorf("text changed: %v, findings: %v", got != tt.in, found)
			}
		})
	}
}

// What a person has to read in order to judge stays readable.
func TestTextLeavesAlone(t *testing.T) {
	for _, s := range []string{
		"",
		"ls -la",
		"git commit -m 'Tokens: count them by tokenizer, not by word'",
		"git checkout 3f786850e387550fdab836ed7e6dc881de23001b",
		"curl -H \"Authorization: Bearer $TOKEN\" https://api.example.com/v1/items?page=2",
		"export API_KEY=${API_KEY:?} && PASSWORD=$(pass show x) make",
		"docker run -e POSTGRES_PASSWORD=\"$PGPASSWORD\" postgres:16",
		"max_tokens = 4096\ntoken_count: 12345678",
		"func (p *Parser) token() Token { return p.tokens[p.pos] }",
		"password: string;",
		"if err := validatePassword(form.Password); err != nil {",
		"password := os.Getenv(\"DB_PASSWORD\")",
		"import { passwordField } from './password-field'",
		"passed: 12, bypass: true, compass: north, passenger: 12345",
		"id: 123e4567-e89b-12d3-a456-426614174000",
		"\"integrity\": \"sha512-z1Fd5mGWkKJQ2wm8v4mXdW3tHnP7sJ0aQ1bRc2Yx9uL8kTq6oVe5iNh4gAf3rSw==\"",
		"github.com/google/go-cmp v0.7.0 h1:wk8382ETsv4JYUZwIsn6YpYiWiBsYLSJiTsyBduA9Kg=",
		"rewriteValueRISCV64_OpAtomicCompareAndSwap32(v)",
		"/usr/lib/x86_64-linux-gnu/libsecret-1.so.0.0.0",
		"kubectl get secret my-secret -o yaml",
		"AWS_PROFILE=prod PWD=/home/ada/project aws s3 ls s3://bucket-name-2024/data",
		"see https://example.com/docs/token-authentication?lang=en#password",
		"secret: <your secret here>",
		"token: xxxxxxxxxxxxxxxx",
		"You need to pass `--force` to it; pass 'url' too.",
		"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
		"-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----",
	} {
		if got, found := New(Options{}).Text(s); got != s {
			t.Errorf("Text(%q)\n = %q, want it as it was; found %v", s, got, found)
		}
	}
}

func TestKnownValues(t *testing.T) {
	const secret = "Tr0ub4dor&3 stapler"
	m := New(Options{
		Values:  []Value{{"the test token", secret}, {"too short", "abc"}},
		Environ: []string{"CI_TOKEN=planetarium-ninety-nine", "PWD=/home/ada/project", "SSH_AUTH_SOCK=/run/user/1000/agent", "TOKEN_MODE=productive12", "API_TOKEN=true", "EDITOR=planetary-editor-9"},
	})
	b64 := base64.StdEncoding.EncodeToString([]byte("pad" + secret + "tail"))
	for _, in := range []string{
		secret,
		"echo " + secret + " | x",
		url.QueryEscape(secret)[:0] + strings.ReplaceAll(url.PathEscape(secret), "%20", " "),
		"Tr0ub4\"d\"or\\&3 'stapler'",
		"x=" + b64,
		"x=" + base64.URLEncoding.EncodeToString([]byte("p"+secret)),
		hex.EncodeToString([]byte(secret)),
		strings.ToUpper(hex.EncodeToString([]byte(secret))),
		"printf '\\x54\\x72\\x30ub4dor&3 stapler'",
		"go planetarium-ninety-nine",
		"planetarium-\\\nninety-nine",
	} {
		got, found := m.Text(in)
		if len(found) == 0 {
			t.Errorf("Text(%q) = %q: nothing was masked", in, got)
		}
	}
	for _, in := range []string{"/home/ada/project", "/run/user/1000/agent", "productive12", "true", "planetary-editor-9", "abc"} {
		if got, found := m.Text("x " + in + " y"); len(found) > 0 {
			t.Errorf("Text(%q) = %q, want it as it was; found %v", in, got, found)
		}
	}
	// The reason names the thing, never the value.
	_, found := m.Text(secret)
	if want := []Finding{{"the test token", 19}}; !slices.Equal(found, want) {
		t.Errorf("found %v, want %v", found, want)
	}
}

func TestNamed(t *testing.T) {
	var m *Masker // formats only
	if got, found := m.Named("password", "correct horse"); got != "⟨masked: 13 chars⟩" || len(found) != 1 {
		t.Errorf("Named(password) = %q, %v", got, found)
	}
	if got, _ := m.Named("title", "correct horse"); got != "correct horse" {
		t.Errorf("Named(title) = %q", got)
	}
	if got, _ := m.Named("max_tokens", "correct horse"); got != "correct horse" {
		t.Errorf("Named(max_tokens) = %q", got)
	}
}

// The reason names what the value is called, unless that is a secret itself.
func TestReasonsTellNoSecret(t *testing.T) {
	const token = "ghp_16C7e42F292c6912E7710c838347Ae178B4a"
	var m *Masker
	for in, want := range map[string]string{
		"export " + token + "_token=abcdefgh12345678": "value of a name that is masked too",
		"aZ3kP9qLm2Xv7Bn4Rt8Y_token=abcdefgh12345678": "value of a name that is masked too",
		"AWS_SECRET_ACCESS_KEY=abcdefgh12345678":      `value of "AWS_SECRET_ACCESS_KEY"`,
	} {
		_, found := m.Text(in)
		if !slices.ContainsFunc(found, func(f Finding) bool { return f.Reason == want }) || strings.Contains(fmt.Sprint(found), token[:12]) {
			t.Errorf("%s: %v, want %q", in, found, want)
		}
	}
	if _, found := m.Named(token+"_token", "abcdefgh12345678"); len(found) != 1 || strings.Contains(found[0].Reason, token) {
		t.Errorf("%v", found)
	}
}

// A number that is a secret in one place is one in the others too.
func TestNumbersAreRepeated(t *testing.T) {
	var m *Masker
	if got, _ := m.Text(`login --password "471108" && echo 471108 4711`); got != `login --password "⟨masked: 6 chars⟩" && echo ⟨masked: 6 chars⟩ 4711` {
		t.Errorf("%q", got)
	}
}

func TestJSON(t *testing.T) {
	m := New(Options{})
	in := `{"b":1, "apiKey":"abc123def456", "n":{"pin":1234,"password":123456,"x":[true,null,-1.5e3,"ok"]},"cmd":"TOKEN=abcdef123456 x < y & z","a":"\u00e9\n"}`
	want := `{"b":1, "apiKey":"⟨masked: 12 chars⟩", "n":{"pin":1234,"password":"⟨masked: 6 chars⟩","x":[true,null,-1.5e3,"ok"]},"cmd":"TOKEN=⟨masked: 12 chars⟩ x < y & z","a":"\u00e9\n"}`
	got, found := m.JSON([]byte(in))
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("masked document (-want +got):\n%s", diff)
	}
	if len(found) != 3 {
		t.Errorf("found %v, want three", found)
	}
	got, _ = m.JSON([]byte(`{"token": "abcdef123456"`))
	if !json.Valid(got) || bytes.Contains(got, []byte("abcdef")) {
		t.Errorf("broken document masked as %s", got)
	}
}

// What one member gives away by its name, the others may repeat without it; and
// a default is what the member around it says.
func TestJSONAsAWhole(t *testing.T) {
	tests := []struct{ in, want string }{
		{`{"note":"log in with hunter2x7","password":"hunter2x7","hunter2x7":["xhunter2x7"]}`,
			`{"note":"log in with ⟨masked: 9 chars⟩","password":"⟨masked: 9 chars⟩","⟨masked: 9 chars⟩":["x⟨masked: 9 chars⟩"]}`},
		{`{"command":"mysql --password=hunter2x7","description":"logs in by hunter2x7"}`,
			`{"command":"mysql --password=⟨masked: 9 chars⟩","description":"logs in by ⟨masked: 9 chars⟩"}`},
		{`{"password":"hunter","note":"the hunter"}`, `{"password":"⟨masked: 6 chars⟩","note":"the hunter"}`},
		{`{"password":{"type":"string","default":"correct horse"}}`, `{"password":{"type":"string","default":"⟨masked: 13 chars⟩"}}`},
		{`{"password":{"default":{"value":12345}},"value":12345}`, `{"password":{"default":{"value":"⟨masked: 5 chars⟩"}},"value":12345}`},
		{`{"password":{"type":"string","minLength":12345},"x":[{"password":"abcd"},"abcd"]}`, `{"password":{"type":"string","minLength":12345},"x":[{"password":"⟨masked: 4 chars⟩"},"abcd"]}`},
	}
	for _, tt := range tests {
		got, found := New(Options{}).JSON([]byte(tt.in))
		if string(got) != tt.want || len(found) == 0 || !json.Valid(got) {
			t.Errorf("JSON(%s)\n = %s\nwant %s", tt.in, got, tt.want)
		}
	}
}

func TestKnowing(t *testing.T) {
	var formats *Masker
	for name, m := range map[string]*Masker{"formats": formats, "known": New(Options{Values: []Value{{"k", "wintermute-1"}}})} {
		knows := m.Knowing([]byte(`{"password":"hunter2x7"}`), []byte("export API_TOKEN=abcdef0123456789"), []byte(`{"title":"plain"}`))
		got, found := knows.Text("a hunter2x7 and abcdef0123456789, plain")
		if got != "a ⟨masked: 9 chars⟩ and ⟨masked: 16 chars⟩, plain" || len(found) != 2 {
			t.Errorf("%s: %q, %v", name, got, found)
		}
		if got, _ := m.Text("hunter2x7"); got != "hunter2x7" {
			t.Errorf("%s: it was changed by what it made", name)
		}
		if got, _ := knows.Text("wintermute-1"); (got == "wintermute-1") != (name == "formats") {
			t.Errorf("%s: %q", name, got)
		}
		if same := m.Knowing([]byte(`{"title":"plain"}`)); same != m {
			t.Errorf("%s: another masker where there is nothing to know", name)
		}
	}
}

// A secret of every kind, planted in commands, files and JSON, in every
// dress a shell gives it, is never to be read from what comes out.
func TestPlantedSecretsDoNotGetThrough(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 88))
	const rounds = 8
	for range rounds {
		for _, plant := range plants(r) {
			for _, dress := range dresses {
				secret, m := plant.secret, New(plant.options)
				body := dress.wear(secret, r)
				if body == "" || plant.plainOnly && dress.name != "plain" && dress.name != "single quotes" {
					continue
				}
				text := fmt.Sprintf(plant.around, body)
				text = contexts[r.IntN(len(contexts))](text)
				got, found := m.Text(text)
				if piece := leaked(got, secret); piece != "" {
					t.Fatalf("%s, %s: %q got through\n in: %q\nout: %q\nfound: %v", plant.name, dress.name, piece, text, got, found)
				}
			}
		}
	}
}

type plant struct {
	name, secret, around string
	options              Options
	plainOnly            bool // found by its name: it may not be encoded
}

func plants(r *rand.Rand) []plant {
	const az, AZ, d = "abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "0123456789"
	any62 := az + AZ + d
	str := func(set string, n int) string {
		b := make([]byte, n)
		for i := range b {
			b[i] = set[r.IntN(len(set))]
		}
		return string(b)
	}
	known := str(any62+"!#*-_.~^", 10+r.IntN(30))
	jwtHead := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"HS256","typ":"JWT"}`))
	out := []plant{
		{name: "known", secret: known, around: "%s", options: Options{Values: []Value{{"a token", known}}}},
		{name: "environment", secret: known + "7a", around: "%s", options: Options{Environ: []string{"X_TOKEN=" + known + "7a"}}},
		{name: "GitHub", secret: "ghp_" + str(any62, 36), around: "%s"},
		{name: "GitHub fine", secret: "github_pat_" + str(any62, 22) + "_" + str(any62, 59), around: "%s"},
		{name: "Anthropic", secret: "sk-ant-api03-" + str(any62+"-_", 93) + "AA", around: "%s"},
		{name: "OpenAI", secret: "sk-proj-" + str(any62, 74) + "T3BlbkFJ" + str(any62, 74), around: "%s"},
		{name: "Slack bot", secret: "xoxb-" + str(d, 12) + "-" + str(d, 12) + "-" + str(any62, 24), around: "%s"},
		{name: "Slack app", secret: "xapp-1-A" + str(AZ+d, 10) + "-" + str(d, 13) + "-" + str("abcdef"+d, 64), around: "%s"},
		{name: "AWS", secret: "AKIA" + str("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16), around: "%s"},
		{name: "GitLab", secret: "glpat-" + str(any62, 20), around: "%s"},
		{name: "npm", secret: "npm_" + str(any62, 36), around: "%s"},
		{name: "Stripe", secret: "sk_live_" + str(any62, 24), around: "%s"},
		{name: "JWT", secret: jwtHead + "." + base64.RawURLEncoding.EncodeToString([]byte(`{"sub":"`+str(d, 10)+`"}`)) + "." + str(any62, 43), around: "%s"},
		{name: "variable", secret: str(any62, 12+r.IntN(20)) + "1", around: "export SERVICE_TOKEN=%s", plainOnly: true},
		{name: "flag", secret: str(any62, 12+r.IntN(20)) + "1", around: "deploy --api-key %s --dry-run", plainOnly: true},
		{name: "header", secret: str(any62, 12+r.IntN(20)) + "1", around: "curl -H \"X-Api-Key: %s\" https://example.com", plainOnly: true},
		{name: "bearer", secret: str(any62, 12+r.IntN(20)) + "1", around: "curl -H 'Authorization: Bearer %s' https://example.com", plainOnly: true},
		{name: "yaml", secret: str(any62, 12+r.IntN(20)) + "1", around: "db:\n  password: %s\n  port: 1\n", plainOnly: true},
		{name: "json", secret: str(any62, 12+r.IntN(20)) + "1", around: `{"client_secret": "%s", "n": 1}`, plainOnly: true},
		{name: "url", secret: str(any62+"!*~", 12+r.IntN(20)) + "1", around: "psql postgres://ada:%s@db.example.com:5432/x", plainOnly: true},
		{name: "key", secret: str(any62+"+/", 64), around: "-----BEGIN RSA PRIVATE KEY-----\n%s\n-----END RSA PRIVATE KEY-----"},
	}
	return out
}

var dresses = []struct {
	name string
	wear func(s string, r *rand.Rand) string
}{
	{"plain", func(s string, _ *rand.Rand) string { return s }},
	{"single quotes", func(s string, _ *rand.Rand) string { return "'" + s + "'" }},
	{"two strings", func(s string, r *rand.Rand) string { i := cut(s, r); return `"` + s[:i] + `"'` + s[i:] + `'` }},
	{"half quoted", func(s string, r *rand.Rand) string { i := cut(s, r); return s[:i] + `"` + s[i:] + `"` }},
	{"backslash", func(s string, r *rand.Rand) string {
		i := cut(s, r)
		if strings.ContainsAny(s[i:i+1], "01nrtux") {
			return "" // an escape of its own
		}
		return s[:i] + `\` + s[i:]
	}},
	{"escaped line break", func(s string, r *rand.Rand) string { i := cut(s, r); return s[:i] + "\\\n" + s[i:] }},
	{"added strings", func(s string, r *rand.Rand) string { i := cut(s, r); return `"` + s[:i] + `" + "` + s[i:] + `"` }},
	{"base64", func(s string, _ *rand.Rand) string { return base64.StdEncoding.EncodeToString([]byte(s)) }},
	{"base64 in a sentence", func(s string, _ *rand.Rand) string {
		return base64.URLEncoding.EncodeToString([]byte("it is " + s + " ."))
	}},
	{"percent", func(s string, _ *rand.Rand) string {
		var b strings.Builder
		for i := range len(s) {
			fmt.Fprintf(&b, "%%%02X", s[i])
		}
		return b.String()
	}},
	{"unicode escapes", func(s string, _ *rand.Rand) string {
		var b strings.Builder
		for i := range len(s) {
			fmt.Fprintf(&b, `\u%04x`, s[i])
		}
		return b.String()
	}},
	{"hex escapes", func(s string, _ *rand.Rand) string {
		var b strings.Builder
		for i := range len(s) {
			fmt.Fprintf(&b, `\x%02x`, s[i])
		}
		return "$'" + b.String() + "'"
	}},
}

// cut is a place inside s, not too near its ends.
func cut(s string, r *rand.Rand) int { return 3 + r.IntN(len(s)-6) }

var contexts = []func(string) string{
	func(s string) string { return s },
	func(s string) string { return "set -e; echo start\n" + s + "\necho done" },
	func(s string) string { return "cat <<'EOF' > .env\nA=1\n" + s + "\nB=2\nEOF" },
	func(s string) string { return "if true; then " + s + "\nfi" },
}

// leaked is a piece of the secret long enough to matter that a reader of out
// could put together, in any of the dresses.
func leaked(out, secret string) string {
	const piece = 8
	seen := string(unfold(out).text)
	views := []string{out, seen}
	for _, field := range strings.FieldsFunc(seen, func(r rune) bool { return r > 0x7f || !base64ch[byte(r)] }) {
		for shift := range min(4, len(field)) {
			part := strings.NewReplacer("-", "+", "_", "/", "=", "").Replace(field[shift:])
			if b, err := base64.RawStdEncoding.DecodeString(part[:len(part)/4*4]); err == nil {
				views = append(views, string(b))
			}
		}
	}
	for _, view := range views {
		for i := 0; i+piece <= len(secret); i++ {
			if strings.Contains(view, secret[i:i+piece]) && !strings.HasPrefix("github_pat_", secret[i:i+piece]) {
				return secret[i : i+piece]
			}
		}
	}
	return ""
}

// A base64 run wrapped at 76 columns, and a token wrapped in a heredoc.
func TestWrapped(t *testing.T) {
	token := "github_pat_11ABCDEFG0aBcDeFgHiJkL_mN0pQrStUvWxYz1234567890abcdefGHIJKLmnopqrstuVWXYZ98765"
	m := New(Options{})
	long := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("some text before the secret comes. ", 3) + token))
	for _, in := range []string{
		token[:40] + "\n" + token[40:],
		token[:8] + "\n    " + token[8:],
		long[:76] + "\n" + long[76:152] + "\n" + long[152:],
	} {
		got, _ := m.Text(in)
		if strings.Contains(got, token[50:60]) || strings.Contains(got, long[80:100]) || strings.Contains(got, long[160:180]) {
			t.Errorf("Text(%q)\n = %q", in, got)
		}
		if strings.Count(got, "\n") != strings.Count(in, "\n") {
			t.Errorf("Text(%q) changed the number of lines: %q", in, got)
		}
	}
}

// Texts made to be slow are read in time that grows with their length only.
// A quadratic pass over so much would take minutes.
func TestHostileTexts(t *testing.T) {
	m := New(Options{Values: []Value{{"k", "aaaaaaaaaaaab"}}})
	for _, unit := range []string{"sk-", "eyJ.", "eyJ", "://", "://a:", "password=", "password='", "'a'\"b\"", "a\"b\"", "<password>", "--token ", "\\", "\\\"", "ghp_", "-----BEGIN PRIVATE KEY-----", "aaaa", "curl -u a ", "QUJD", "\n", "x=\n", "token\n", "$'", "%41", ":A", "-us", "Bearer "} {
		s := strings.Repeat(unit, 1<<17/len(unit))
		begun := cpuTime(t)
		m.Find(s)
		if took := cpuTime(t) - begun; took > 8*time.Second {
			t.Errorf("%q over and over took %v", unit, took)
		} else if testing.Verbose() {
			t.Logf("%q: %v", unit, took)
		}
	}
}

// cpuTime is what this process has used of the processors: a busy machine does
// not make a text slow.
func cpuTime(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func FuzzText(f *testing.F) {
	for _, s := range []string{"", "password=hunter2", "https://a:b@c", "%zz\\u00", "eyJhbGciOiJIUzI1NiJ9.e30.x", "\xff\xfe", "-----BEGIN PRIVATE KEY-----", "'\"`$'", "curl -u a:b", "<password>", "token: \n", "PASSWORD('", "\\", "xoxb-1"} {
		f.Add(s)
	}
	m := New(Options{Values: []Value{{"k", "planted-secret-value"}}})
	f.Fuzz(func(t *testing.T, s string) {
		spans := m.Find(s)
		last := 0
		for _, span := range spans {
			if span.Start < last || span.End <= span.Start || span.End > len(s) || span.Reason == "" {
				t.Fatalf("spans of %q: %v", s, spans)
			}
			last = span.End
		}
		// What is not masked stays, to the byte.
		var kept strings.Builder
		got := Apply(s, spans, func(k string) string { kept.WriteString(k); return k })
		want, from := "", 0
		for _, span := range spans {
			want += s[from:span.Start]
			from = span.End
		}
		if want += s[from:]; kept.String() != want {
			t.Fatalf("kept %q of %q, want %q", kept.String(), s, want)
		}
		if strings.Count(got, "\n") != strings.Count(s, "\n") {
			t.Fatalf("lines of %q changed: %q", s, got)
		}
		if strings.Contains(got, "planted-secret-value") {
			t.Fatalf("%q kept the known secret: %q", s, got)
		}
		if out, _ := m.JSON([]byte(s)); !json.Valid(out) {
			t.Fatalf("JSON(%q) = %q", s, out)
		}
	})
}

// file is a megabyte of ordinary source text.
func file() string {
	line := "\tif err := s.store.Put(ctx, key, value); err != nil { return fmt.Errorf(\"cannot store %q: %w\", key, err) }\n"
	return strings.Repeat(line, 1<<20/len(line))
}

func BenchmarkText1MB(b *testing.B) {
	m, s := New(Options{Environ: []string{"A_TOKEN=abcdefghij123456", "B_SECRET=zyxwvuts987654"}}), file()
	b.SetBytes(int64(len(s)))
	for b.Loop() {
		m.Find(s)
	}
}

func BenchmarkTextCommand(b *testing.B) {
	m := New(Options{})
	s := "curl -sS -H \"Authorization: Bearer $TOKEN\" https://api.example.com/v1/items?page=2 | jq '.items[] | select(.state == \"open\") | .title' > open.txt && wc -l open.txt && git add open.txt && git commit -m 'x'"
	for b.Loop() {
		m.Find(s)
	}
}

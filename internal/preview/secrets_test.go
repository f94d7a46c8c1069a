package preview

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"

	"claude-permission-daemon/internal/mask"
	"claude-permission-daemon/internal/permit"
)

// planted is a secret and a text that gives it away.
type planted struct {
	name, secret, text string
	known              bool // by its value, to the masker
}

// plantedSecrets makes one of each kind anew.
func plantedSecrets(r *rand.Rand) []planted {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	str := func(n int) string {
		b := make([]byte, n)
		for i := range b {
			b[i] = (letters + "0123456789")[r.IntN(62)]
		}
		return string(b)
	}
	known, token, word := "k"+str(14), "ghp_"+str(36), str(10)+"7x"
	return []planted{
		{"known", known, "see " + known + " there", true},
		{"by its form", token, "git clone https://x:" + token + "@h/r", false},
		{"by its name", word, "deploy --password " + word + " now", false},
		{"in an address", word, "psql postgres://ada:" + word + "@db/x", false},
		{"in a header", word, "curl -H 'X-Api-Key: " + word + "' h", false},
	}
}

// requestsWith are requests of every kind with said in every place, and bare in
// others: what one place gives away, the others repeat.
func requestsWith(said, bare string) map[string]permit.Request {
	type m = map[string]any
	raw := func(v any) json.RawMessage {
		out, err := json.Marshal(v)
		if err != nil {
			panic(err)
		}
		return out
	}
	all := make(map[string]permit.Request)
	add := func(name string, kind permit.Kind, tool string, input any) {
		all[name] = permit.Request{Kind: kind, Tool: tool, Input: raw(input), Cwd: "/W", Project: "W", Suggestions: []json.RawMessage{
			raw(m{"type": "addRules", "behavior": "allow", "destination": "session", "rules": []m{{"toolName": "Bash", "ruleContent": said + " *"}, {"toolName": "Bash", "ruleContent": "x " + bare}}}),
			raw(m{"type": "addRules", "behavior": "allow", "destination": "session", "rules": []m{{"toolName": "Bash", "ruleContent": bare}}}),
			raw(m{"type": "addDirectories", "directories": []string{"/" + bare, "/srv/" + bare + "/x"}, "destination": "session"}),
		}}
	}
	for name, t := range map[string][2]string{"": {said, bare}, ", the other way round": {bare, said}} {
		a, b := t[0], t[1]
		add("command"+name, "", "Bash", m{"command": a, "description": b, "odd": bare})
		add("question"+name, "", "AskUserQuestion", m{"questions": []m{
			{"question": a, "header": b, "options": []m{{"label": b, "description": b, "preview": b}, {"label": bare, "description": said, "preview": said}}},
			{"question": b, "header": bare, "multiSelect": true, "options": []m{{"label": b}, {"label": "x" + bare}}},
		}, "answers": m{bare: bare}})
		add("simple question"+name, "", "AskUserQuestion", m{"questions": []m{{"question": a, "options": []m{{"label": b, "preview": bare}}}}})
		add("plan"+name, "", "ExitPlanMode", m{"plan": "1. " + a, "planFilePath": "/p/" + bare, "allowedPrompts": []m{{"tool": "Bash", "prompt": b}}})
		add("form"+name, permit.Elicitation, "Elicitation", m{"mcp_server_name": bare, "message": a, "mode": "form", "requested_schema": m{"type": "object", "title": b, "properties": m{
			"one":   m{"type": "string", "title": b, "description": b, "default": b},
			bare:    m{"type": "string", "default": bare},
			"lines": m{"type": "string", "default": b + "\n" + bare},
			"enum":  m{"type": "string", "enum": []string{b, bare}, "enumNames": []string{bare, b}, "default": b},
			"some":  m{"type": "array", "items": m{"anyOf": []m{{"const": b, "title": bare}, {"const": bare}}}},
			"odd":   m{"type": "object", "x": b, "pattern": bare},
		}}})
		add("address"+name, permit.Elicitation, "Elicitation", m{"mcp_server_name": "s", "message": b, "mode": "url", "url": "https://h/" + bare + "?q=" + bare, "more": a})
		add("end"+name, permit.Finished, "Stop", m{"last_assistant_message": a + "\n" + b})
		add("page"+name, "", "WebFetch", m{"url": "https://h/" + bare, "prompt": a, "more": b})
		add("search"+name, "", "WebSearch", m{"query": a, "more": b})
		add("agent"+name, "", "Agent", m{"prompt": a, "description": b, "subagent_type": bare, "mode": bare})
		add("skill"+name, "", "Skill", m{"skill": bare, "args": a})
		add("MCP"+name, "", "mcp__s__t", m{"q": a, "nested": m{"x": []string{b}}, bare: "y"})
		add("unknown"+name, "", "Odd", m{"q": a, "nested": m{"x": []string{b}}, bare: "y"})
		add("write"+name, "", "Write", m{"file_path": "/W/" + bare, "content": a + "\n" + b})
		refused := all["command"+name]
		refused.Kind, refused.Why = permit.Refused, a+" and "+bare
		all["refusal"+name] = refused
	}
	cut := strings.Repeat("x", 112) // where the line for lists ends
	add("cut", "", "Bash", m{"command": cut + bare + " y", "description": said})
	return all
}

// No secret gets into any field of any preview, the ways and their forms
// included, also where another place gives it away.
func TestNoPlantedSecretInAnyField(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	for range 20 {
		for _, plant := range plantedSecrets(r) {
			o := Options{Home: "/H", Edit: true}
			if plant.known {
				o.Mask = mask.New(mask.Options{Values: []mask.Value{{Name: "a token", Secret: plant.secret}}})
			}
			for name, request := range requestsWith(plant.text, plant.secret) {
				p := New(o).Of(request)
				if piece := piecesOf(all(t, p), plant.secret); piece != "" {
					t.Fatalf("%s, %s: %q of %q got through:\n%s", plant.name, name, piece, plant.secret, all(t, p))
				}
				if len(p.Masked) == 0 {
					t.Errorf("%s, %s: nothing says that something is masked", plant.name, name)
				}
			}
		}
	}
}

// all is everything that a preview has.
func all(t *testing.T, p Preview) string {
	t.Helper()
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	if err := enc.Encode(p); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// piecesOf is a piece of the secret long enough to matter that stands in text.
func piecesOf(text, secret string) string {
	const piece = 6
	for i := 0; i+piece <= len(secret); i++ {
		if strings.Contains(text, secret[i:i+piece]) && secret[i:i+piece] != "ghp_" {
			return secret[i : i+piece]
		}
	}
	return ""
}

// A form is not offered for changing where a secret would be in it, or a mask
// would go back.
func TestFormToChangeHoldsNoSecret(t *testing.T) {
	r := request("Bash", map[string]string{"command": "login hunter2x7", "description": "the password is hunter2x7, password: hunter2x7"})
	p := New(Options{Edit: true}).Of(r)
	if got := all(t, p); strings.Contains(got, "hunter2x7") || p.Unoffered == "" {
		t.Errorf("%s", got)
	}
	p = New(Options{Edit: true}).Original(r)
	if p.Unoffered != "" {
		t.Errorf("the page on this machine: %s", p.Unoffered)
	}
}

// What an MCP server's form holds is shown, and nothing of it falsely masked.
func TestForms(t *testing.T) {
	form := func(schema string) Preview {
		return New(Options{}).Of(permit.Request{Kind: permit.Elicitation, Tool: "Elicitation",
			Input: json.RawMessage(`{"mcp_server_name":"s","message":"m","mode":"form","requested_schema":` + schema + `}`)})
	}
	tests := []struct{ name, schema, want string }{
		{"a password", `{"properties":{"password":{"type":"string","title":"Password"}},"required":["password"]}`, "[the form as table]\n  Password: text (required)\n"},
		{"its default", `{"properties":{"password":{"type":"string","default":"hunter"}}}`, "  password: text, at first ⟨masked: 6 chars⟩\n"},
		{"what is sent for a choice", `{"properties":{"p":{"type":"string","enum":["rm","ls"],"enumNames":["List","Remove"],"default":"ls"}}}`, "  p: one of: List (sent as rm) / Remove (sent as ls), at first Remove\n"},
		{"what cannot be filled in", `{"properties":{"p":{"type":"object","properties":{"secret thought":{}}},"q":{"type":"boolean"}}}`, "  p: cannot be filled in here and is left out\n\n[the form as the server wrote it as code json]"},
		{"what cannot be read", `{"type":"array","items":7}`, "\"items\": 7"},
		{"more than is told", `{"properties":{"p":{"type":"string","pattern":"^[ab]$"}}}`, "\"pattern\": \"^[ab]$\""},
	}
	for _, tt := range tests {
		if got := render(form(tt.schema)); !strings.Contains(got, tt.want) {
			t.Errorf("%s:\n%s\nwant %q", tt.name, got, tt.want)
		}
	}
	if p := form(`7`); p.Held == "" || len(p.Ways) != 2 {
		t.Errorf("a form that cannot be read: held %q, ways %v", p.Held, p.Ways)
	}
	if p := form(`{}`); p.Held != "" || len(p.Ways) != 3 {
		t.Errorf("an empty form: held %q, ways %v", p.Held, p.Ways)
	}
	for _, r := range []permit.Request{{Tool: "ExitPlanMode", Input: json.RawMessage(`{}`)}, {Tool: "AskUserQuestion", Input: json.RawMessage(`{"questions":[{"question":1}]}`)}} {
		if p := Of(r); p.Held == "" {
			t.Errorf("%s can only be denied, and nobody is told why", r.Tool)
		}
	}
}

// FuzzKinds: as FuzzPreview, for what is of no tool.
func FuzzKinds(f *testing.F) {
	for _, kind := range []permit.Kind{permit.Elicitation, permit.Finished, permit.Refused} {
		f.Add(string(kind), `{"mcp_server_name":"s","message":"m","mode":"form","url":"u","requested_schema":{"type":"object","properties":{"p":{"type":"string","default":"d","enum":["d","e"],"enumNames":["D","E"]},"o":{"type":"object"}},"required":["p"]},"last_assistant_message":"l"}`, "because")
		f.Add(string(kind), `{"mode":"x","requested_schema":7,"message":["m"]}`, "\u202e")
		f.Add(string(kind), `{"mode":"url","url":"https://x","requested_schema":{"properties":{"a":true,"a":{"type":"integer","default":5}},"z":null}}`, "")
	}
	f.Fuzz(func(t *testing.T, kind, input, why string) {
		tools := map[permit.Kind]string{permit.Elicitation: "Elicitation", permit.Finished: "Stop", permit.Refused: "Bash"}
		tool, ok := tools[permit.Kind(kind)]
		if !ok || !json.Valid([]byte(input)) || !utf8.ValidString(input+why) {
			t.Skip("not what Claude Code sends")
		}
		r := permit.Request{Kind: permit.Kind(kind), Tool: tool, Input: json.RawMessage(input), Why: why, Cwd: "/W", Project: "W"}
		New(Options{Edit: true}).Of(r)
		original := render(New(Options{}).Original(r))
		decoded := unquoted(original)
		said := stringsOf(input)
		if r.Kind == permit.Refused {
			said = append(said, why)
		}
		for _, s := range said {
			for line := range strings.SplitSeq(s, "\n") {
				line = strings.TrimSpace(line)
				if !formWords[s] && !strings.Contains(original, Reveal(line)) && !strings.Contains(decoded, Reveal(line)) && !strings.Contains(decoded, Reveal(unquoted(line))) {
					t.Fatalf("%s %s %q\n%q is nowhere in\n%s", kind, input, why, Reveal(line), original)
				}
			}
		}
	})
}

// formWords are what a form says in other words.
var formWords = set("mcp_server_name message mode form url requested_schema type object properties required title description default enum enumNames oneOf items anyOf const " +
	"minItems maxItems minimum maximum minLength maxLength format string number integer boolean array last_assistant_message")

func BenchmarkQuestion(b *testing.B) {
	r := requestsWith("deploy --password abc123def now", "abc123def")["question"]
	p := New(Options{Home: "/H"})
	for b.Loop() {
		p.Of(r)
	}
}

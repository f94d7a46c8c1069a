package claude

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"claude-permission-daemon/internal/permit"
)

// elicitation is a request for the form of a schema.
func elicitation(schema string) permit.Request {
	return permit.Request{Kind: permit.Elicitation, Tool: Elicitation, Input: json.RawMessage(`{"mcp_server_name":"demo","message":"Tell me.","mode":"form","requested_schema":` + schema + `}`)}
}

// one is a schema with the one property "p".
func one(property, required string) permit.Request {
	return elicitation(`{"type":"object","properties":{"p":` + property + `},"required":[` + required + `]}`)
}

const p = `"p"` // it is required

// Each kind of property, what is filled into it, and what goes back.
func TestElicitation(t *testing.T) {
	const (
		sizes = `{"type":"string","enum":["s","m"],"enumNames":["Small","Medium"]}`
		same  = `{"type":"string","oneOf":[{"const":"keep","title":"Yes"},{"const":"drop","title":"Yes"}]}`
		many  = `{"type":"array","items":{"type":"string","enum":["a","b","c"]},"minItems":2,"maxItems":2}`
		named = `{"type":"array","items":{"anyOf":[{"const":"a","title":"First"},{"const":"b"}]}}`
	)
	tests := []struct {
		name, property, required string
		filled                   []string
		want                     string // the content; a sentence where it does not count
	}{
		{"text", `{"type":"string"}`, p, []string{" Ada\r\nL "}, `{"p":"Ada\nL"}`},
		{"text left empty", `{"type":"string"}`, "", nil, `{}`},
		{"required text left empty", `{"type":"string"}`, p, nil, "It does not count yet: an answer is missing (p)."},
		{"only blanks", `{"type":"string"}`, p, []string{" \n "}, "It does not count yet: an answer is missing (p)."},
		{"too short", `{"type":"string","title":"Name","minLength":3}`, "", []string{"éé"}, "It does not count yet: at least 3 characters (Name)."},
		{"as long as may be", `{"type":"string","maxLength":3}`, "", []string{"ééé"}, `{"p":"ééé"}`},
		{"too long", `{"type":"string","maxLength":3}`, "", []string{"abcd"}, "It does not count yet: at most 3 characters (p)."},
		{"e-mail", `{"type":"string","format":"email"}`, "", []string{"a@example.com"}, `{"p":"a@example.com"}`},
		{"no e-mail", `{"type":"string","format":"email"}`, "", []string{"a"}, "It does not count yet: this is to be of the form email (p)."},
		{"uri", `{"type":"string","format":"uri"}`, "", []string{"https://x/y?a=1&b=2"}, `{"p":"https://x/y?a=1\u0026b=2"}`},
		{"no uri", `{"type":"string","format":"uri"}`, "", []string{"x/y"}, "It does not count yet: this is to be of the form uri (p)."},
		{"date", `{"type":"string","format":"date"}`, "", []string{"2026-11-22"}, `{"p":"2026-11-22"}`},
		{"no date", `{"type":"string","format":"date"}`, "", []string{"22.11.2026"}, "It does not count yet: this is to be of the form date (p)."},
		{"moment", `{"type":"string","format":"date-time"}`, "", []string{"2026-11-22T10:00:00Z"}, `{"p":"2026-11-22T10:00:00Z"}`},
		{"no moment", `{"type":"string","format":"date-time"}`, "", []string{"2026-11-22"}, "It does not count yet: this is to be of the form date-time (p)."},
		{"a format that is the server's to check", `{"type":"string","format":"iban"}`, "", []string{"x"}, `{"p":"x"}`},

		{"whole number", `{"type":"integer"}`, p, []string{"-7"}, `{"p":-7}`},
		{"whole number, with a point", `{"type":"integer"}`, p, []string{"3.0"}, `{"p":3}`},
		{"whole number, with an exponent", `{"type":"integer"}`, p, []string{"1e3"}, `{"p":1000}`},
		{"whole number, with a sign and zeros", `{"type":"integer"}`, p, []string{"+007"}, `{"p":7}`},
		{"whole number beyond 64 bits", `{"type":"integer"}`, p, []string{"12345678901234567890123"}, `{"p":12345678901234567890123}`},
		{"no whole number", `{"type":"integer"}`, p, []string{"3.5"}, "It does not count yet: this is to be a whole number (p)."},
		{"number", `{"type":"number"}`, "", []string{"3.50"}, `{"p":3.50}`},
		{"number that begins with its point", `{"type":"number"}`, "", []string{".5"}, `{"p":0.5}`},
		{"zero", `{"type":"number"}`, p, []string{"0"}, `{"p":0}`},
		{"number left empty", `{"type":"number"}`, "", nil, `{}`},
		{"no number", `{"type":"number"}`, "", []string{"3,5"}, "It does not count yet: this is to be a number (p)."},
		{"infinity", `{"type":"number"}`, "", []string{"inf"}, "It does not count yet: this is to be a number (p)."},
		{"nothing that counts", `{"type":"number"}`, "", []string{"NaN"}, "It does not count yet: this is to be a number (p)."},
		{"hexadecimal", `{"type":"integer"}`, "", []string{"0x1p4"}, "It does not count yet: this is to be a number (p)."},
		{"too large for a number", `{"type":"number"}`, "", []string{"1e999"}, "It does not count yet: this is to be a number (p)."},
		{"at the lower bound", `{"type":"integer","minimum":18,"maximum":99}`, "", []string{"18"}, `{"p":18}`},
		{"below it", `{"type":"integer","minimum":18,"maximum":99}`, "", []string{"17"}, "It does not count yet: at least 18 (p)."},
		{"above the upper bound", `{"type":"number","maximum":0.5}`, "", []string{"0.6"}, "It does not count yet: at most 0.5 (p)."},

		{"ticked", `{"type":"boolean"}`, p, []string{"true"}, `{"p":true}`},
		{"not ticked", `{"type":"boolean"}`, p, []string{"false"}, `{"p":false}`},
		{"left as it was", `{"type":"boolean"}`, p, nil, `{"p":false}`},
		{"neither", `{"type":"boolean"}`, p, []string{"yes"}, "It does not count yet: it is yes or no (p)."},

		{"one of some", sizes, p, []string{"1"}, `{"p":"m"}`},
		{"one of two that are called the same", same, p, []string{"1"}, `{"p":"drop"}`},
		{"none of some", sizes, p, nil, "It does not count yet: an answer is missing (p)."},
		{"none of some that need not be", sizes, "", nil, `{}`},
		{"two of which one is wanted", sizes, p, []string{"0", "1"}, "It does not count yet: only one can be chosen (p)."},
		{"no such choice", sizes, p, []string{"2"}, "It does not count yet: there is no such choice (p)."},
		{"a negative choice", sizes, p, []string{"-1"}, "It does not count yet: there is no such choice (p)."},
		{"words for a choice", sizes, p, []string{"Small"}, "It does not count yet: there is no such choice (p)."},
		{"one of numbers", `{"type":"integer","enum":[10,20.0]}`, p, []string{"1"}, `{"p":20.0}`},
		{"one of whatever", `{"enum":["x",1,true,null]}`, p, []string{"3"}, `{"p":null}`},
		{"one of yes and no", `{"type":"boolean","enum":[true]}`, p, []string{"0"}, `{"p":true}`},

		{"some of", many, p, []string{"2", "0"}, `{"p":["a","c"]}`},
		{"the same twice", many, p, []string{"0", "00"}, "It does not count yet: at least 2 (p)."},
		{"too many", many, p, []string{"0", "1", "2"}, "It does not count yet: at most 2 (p)."},
		{"none of those that are required", many, p, nil, "It does not count yet: an answer is missing (p)."},
		{"none of those that need not be", many, "", nil, `{}`},
		{"some by their names", named, "", []string{"0", "1"}, `{"p":["a","b"]}`},
		{"none, where none is an answer", named, p, nil, `{"p":[]}`},

		{"what cannot be filled in here is left out", `{"type":"object","properties":{}}`, "", []string{"x"}, `{}`},
		{"a list of anything", `{"type":"array","items":{"type":"string"}}`, "", []string{"x"}, `{}`},
		{"a type that is not known", `{"type":"date"}`, "", []string{"x"}, `{}`},
		{"no type", `{}`, "", []string{"x"}, `{}`},
		{"two types", `{"type":["string","null"]}`, "", []string{"x"}, `{}`},
		{"no schema", `true`, "", []string{"x"}, `{}`},
		{"a choice of objects", `{"type":"string","enum":[{"a":1}]}`, "", []string{"0"}, `{}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := one(tt.property, tt.required)
			fields := map[string][]string{"q1": {"not asked"}, "p": {"not its name"}}
			if tt.filled != nil {
				fields["q0"] = tt.filled
			}
			d, lacks := Resolve(r, permit.Answer{Way: permit.WayAnswer, Fields: fields}, false)
			got := string(d.Input)
			if lacks != "" {
				got = lacks
			}
			if got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

// How each property is asked for: kind, what stands in it, what it is said to be.
func TestElicitationFields(t *testing.T) {
	tests := []struct {
		name, property string
		want           permit.Field
	}{
		{"text", `{"type":"string","default":"Ada"}`, permit.Field{Kind: permit.Line, Value: "Ada"}},
		{"its limits", `{"type":"string","title":"Name","description":"In full","minLength":2,"maxLength":9,"format":"email"}`,
			permit.Field{Kind: permit.Line, Label: "Name", Most: 9, Help: "In full (at least 2 characters; at most 9 characters; of the form email; sent as p)"}},
		{"a default in several lines", `{"type":"string","default":"a\nb"}`, permit.Field{Kind: permit.Lines, Value: "a\nb"}},
		{"a default that is too long", `{"type":"string","default":"abc","maxLength":2}`, permit.Field{Kind: permit.Line, Most: 2, Help: "at most 2 characters"}},
		{"a default of another type", `{"type":"string","default":7}`, permit.Field{Kind: permit.Line}},
		{"number", `{"type":"number","default":1.50,"minimum":0.5}`, permit.Field{Kind: permit.Real, Value: "1.50", Help: "at least 0.5"}},
		{"a number's default that is none", `{"type":"number","default":"7"}`, permit.Field{Kind: permit.Real}},
		{"a default of nothing", `{"type":"integer","default":null}`, permit.Field{Kind: permit.Whole}},
		{"whole number", `{"type":"integer","default":3}`, permit.Field{Kind: permit.Whole, Value: "3"}},
		{"a whole number's default that is none", `{"type":"integer","default":3.5}`, permit.Field{Kind: permit.Whole}},
		{"yes", `{"type":"boolean","default":true}`, permit.Field{Kind: permit.Truth, Value: "true"}},
		{"a yes of another type", `{"type":"boolean","default":"true"}`, permit.Field{Kind: permit.Truth}},
		{"neither", `{"type":"boolean","default":null}`, permit.Field{Kind: permit.Truth}},
		{"one of some", `{"type":"string","enum":["s","m"],"enumNames":["Small","m"],"default":"m"}`,
			permit.Field{Kind: permit.One, Value: "1", Options: []permit.Option{{Label: "Small", Help: "sent as s"}, {Label: "m"}}}},
		{"names for some of them", `{"type":"string","enum":["s","m"],"enumNames":["Small"],"default":"x"}`,
			permit.Field{Kind: permit.One, Options: []permit.Option{{Label: "s"}, {Label: "m"}}}},
		{"one of numbers", `{"type":"integer","enum":[1,2],"default":2}`, permit.Field{Kind: permit.One, Value: "1", Options: []permit.Option{{Label: "1"}, {Label: "2"}}}},
		{"titled", `{"type":"string","oneOf":[{"const":"k","title":"Keep"},{"const":"d"}]}`,
			permit.Field{Kind: permit.One, Options: []permit.Option{{Label: "Keep", Help: "sent as k"}, {Label: "d"}}}},
		{"some of", `{"type":"array","items":{"enum":["a","b"]},"minItems":1,"maxItems":2,"default":["a"]}`,
			permit.Field{Kind: permit.Many, Help: "at least 1 of them; at most 2 of them", Options: []permit.Option{{Label: "a"}, {Label: "b"}}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ways := Ways(one(tt.property, ""), false)
			if ways[0].Name != permit.WayAnswer || len(ways[0].Form) != 1 {
				t.Fatalf("ways %+v", ways)
			}
			tt.want.Name = "q0"
			if tt.want.Label == "" {
				tt.want.Label = "p"
			}
			if diff := cmp.Diff(tt.want, ways[0].Form[0]); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// What cannot be read is said and cannot be accepted; no and cancel remain.
func TestElicitationThatCannotBeFilledIn(t *testing.T) {
	mode := func(mode string) permit.Request {
		return permit.Request{Kind: permit.Elicitation, Tool: Elicitation, Input: json.RawMessage(`{"message":"x","mode":"` + mode + `","requested_schema":{"properties":{"p":{"type":"string"}}}}`)}
	}
	tests := []struct {
		name    string
		request permit.Request
		want    string
	}{
		{"a required object", one(`{"type":"object"}`, p), "Its form has a field that cannot be filled in here (p): answer it in the terminal."},
		{"a required choice of objects", one(`{"enum":[[]]}`, p), "Its form has a field that cannot be filled in here (p): answer it in the terminal."},
		{"a title of another type", one(`{"type":"string","title":1}`, p), "Its form has a field that cannot be filled in here (p): answer it in the terminal."},
		{"no object", elicitation(`{"type":"array"}`), "Its form cannot be read here: answer it in the terminal."},
		{"no schema", elicitation(`"x"`), "Its form cannot be read here: answer it in the terminal."},
		{"properties of another type", elicitation(`{"properties":[]}`), "Its form cannot be read here: answer it in the terminal."},
		{"a mode that is not known", mode("telepathy"), "Its form cannot be read here: answer it in the terminal."},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := Unanswerable(tt.request); got != tt.want {
				t.Errorf("said %q, want %q", got, tt.want)
			}
			if d, lacks := Resolve(tt.request, permit.Answer{Way: permit.WayAnswer, Fields: map[string][]string{"q0": {"x"}}}, false); lacks == "" {
				t.Errorf("accepted: %+v", d)
			}
			for way, action := range map[permit.WayName]string{permit.WayDeny: "decline", permit.WayCancel: "cancel"} {
				d, lacks := Resolve(tt.request, permit.Answer{Way: way}, false)
				out, err := Output(tt.request, permit.Outcome{Kind: permit.Denied, Decision: &d})
				if want := `{"hookSpecificOutput":{"hookEventName":"Elicitation","action":"` + action + `"}}`; lacks != "" || err != nil || string(out) != want {
					t.Errorf("%s: %s, %v, %s", way, out, err, lacks)
				}
			}
		})
	}
	for _, answerable := range []permit.Request{mode("url"), mode("form"), elicitation(`null`), elicitation(`{}`), elicitation(`{"properties":null}`)} {
		if why := Unanswerable(answerable); why != "" || Ways(answerable, false)[0].Name != permit.WayAnswer {
			t.Errorf("%s: %s", answerable.Input, why)
		}
	}
}

// At an address there is nothing to fill in here, whatever the request holds.
func TestElicitationAtAnAddress(t *testing.T) {
	r := permit.Request{Kind: permit.Elicitation, Tool: Elicitation, Input: json.RawMessage(
		`{"message":"Sign in.","mode":"url","url":"https://a.example","requested_schema":{"properties":{"p":{"type":"string"},"o":{"type":"object"}},"required":["p","o"]}}`)}
	way := Ways(r, false)[0]
	if way.Name != permit.WayAnswer || len(way.Form) > 0 || way.Confirm == "" {
		t.Fatalf("way %+v", way)
	}
	d, lacks := Resolve(r, permit.Answer{Way: permit.WayAnswer, Fields: map[string][]string{"q0": {"smuggled"}}}, false)
	out, err := Output(r, permit.Outcome{Kind: permit.Approved, Decision: &d})
	if want := `{"hookSpecificOutput":{"hookEventName":"Elicitation","action":"accept"}}`; lacks != "" || err != nil || string(out) != want {
		t.Errorf("%s, %v, %s", out, err, lacks)
	}
	if _, more := Untold(r); !more {
		t.Error("nothing tells of the form that is left out")
	}
}

// Nothing that a server puts into a form is passed over in silence.
func TestUntold(t *testing.T) {
	tests := []struct {
		name   string
		schema string
		left   []string
		more   bool
	}{
		{"all is told", `{"type":"object","properties":{"p":{"type":"string","title":"P","default":"x","minLength":1}},"required":["p"]}`, nil, false},
		{"a pattern", `{"properties":{"p":{"type":"string","pattern":"^a"}}}`, nil, true},
		{"an object", `{"properties":{"p":{"type":"object"},"q":{"type":"string"}}}`, []string{"p"}, true},
		{"more of the schema", `{"properties":{},"title":"T"}`, nil, true},
		{"a default that is not in the field", `{"properties":{"p":{"type":"array","items":{"enum":["a"]},"default":["a"]}}}`, nil, true},
		{"unreadable", `7`, nil, true},
	}
	for _, tt := range tests {
		if left, more := Untold(elicitation(tt.schema)); !slices.Equal(left, tt.left) || more != tt.more {
			t.Errorf("%s: %q, %v", tt.name, left, more)
		}
	}
}

func TestElicitationOfManyProperties(t *testing.T) {
	var properties, required strings.Builder
	const n = 3_000
	for i := range n {
		fmt.Fprintf(&properties, `,"p%d":{"type":"boolean"}`, i)
		fmt.Fprintf(&required, `,"p%d"`, i)
	}
	r := elicitation(`{"properties":{` + properties.String()[1:] + `},"required":[` + required.String()[1:] + `]}`)
	d, lacks := Resolve(r, permit.Answer{Way: permit.WayAnswer, Fields: map[string][]string{fieldName(n - 1): {"true"}}}, false)
	var content map[string]bool
	if err := json.Unmarshal(d.Input, &content); err != nil || lacks != "" || len(content) != n || !content[fmt.Sprint("p", n-1)] || content["p0"] {
		t.Errorf("%d values, %v, %s", len(content), err, lacks)
	}
}

// As for Claude Code, the last of two members with one name counts.
func TestElicitationWithAPropertyTwice(t *testing.T) {
	r := elicitation(`{"properties":{"p":{"type":"string"},"q":{"type":"string"},"p":{"type":"integer"}}}`)
	if form := Ways(r, false)[0].Form; len(form) != 2 || form[0].Kind != permit.Whole {
		t.Fatalf("form %+v", form)
	}
	d, lacks := Resolve(r, permit.Answer{Way: permit.WayAnswer, Fields: map[string][]string{"q0": {"7"}, "q1": {"x"}}}, false)
	if string(d.Input) != `{"p":7,"q":"x"}` {
		t.Errorf("%s, %s", d.Input, lacks)
	}
}

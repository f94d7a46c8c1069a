package settings

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

var options = Options{Hook: "/home/you/.local/bin/claude-permission-hook"}

// seeds are settings in the shapes that people and programs give them.
var seeds = []string{
	"", " \n", "\ufeff", "{}", "{}\n", "{ }", "{\n}\n", "\ufeff{\r\n}\r\n", "[]", "null", "{",
	`{"model":"opus"}`,
	`{ "model" : "opus" , "hooks" : { } }`,
	`{"hooks":null}`, `{"hooks":[]}`, `{"hooks":{"Stop":null,"SessionEnd":[ ]}}`, `{"hooks":{"Stop":{}}}`,
	"{\n\t\"hooks\": {\n\t\t\"Stop\": [\n\t\t]\n\t}\n}",
	"{\r\n    \"hooks\": {\r\n    },\r\n    \"model\": \"opus\"\r\n}\r\n",
	`{"hooks":{"Stop":[{"hooks":[{"type":"command","command":"say done"}]}]}}`,
	`{"hooks":{},"hooks":{"PermissionRequest":[{"matcher":"Bash","hooks":[]}],"PermissionRequest":[]},"hooks":{"Notification":[]}}`,
	`{"hooks":{"Stop":[{}]},"hooks":{}}`, `{"hooks":{"Stop":[{}],"Stop":null}}`,
	`{"h\u006foks":{"St\u006fp":[{}]}, "a":[1e9,-0.5,true,false,null,"\ud800\"\\"]}`,
	`{"hooks":{"Stop":[{"hooks":[{"type":"command","command":"/old/claude-permission-hook","args":[]}]}]}}`,
	`{"hooks":{"Stop":[{"hooks":[{"command":"A=1 '/o l d/claude-permission-hook' --socket x"},{"command":"say"}]}],"Setup":[{"hooks":[{"command":"claude-permission-hook"}]}]},"x":1}`,
	"{\n  \"a\": 1, \"hooks\": {\"Stop\": []\n  , \"x\": 1\n} \n\n}",
	"{\n \"a\": 1 // no\n}",
}

func FuzzEdit(f *testing.F) {
	for _, seed := range seeds {
		f.Add([]byte(seed), "/run/s")
	}
	f.Fuzz(func(t *testing.T, text []byte, socket string) {
		root, err := parse(text)
		trimmed := bytes.TrimPrefix(text, []byte(bom))
		isObject := json.Valid(trimmed) && bytes.HasPrefix(bytes.TrimSpace(trimmed), []byte("{"))
		if blank := blankText(text); (err == nil) != (isObject || blank) {
			t.Fatalf("%q: the scanner says %v, encoding/json %v", text, err, json.Valid(trimmed))
		}
		if err != nil {
			return
		}
		o := options
		o.Socket = socket
		if !utf8.ValidString(socket) {
			return // Options.validate refuses it
		}
		entered, err := enter(text, o)
		if err != nil {
			if fits(text, root) == nil {
				t.Fatalf("%q: cannot enter: %v", text, err)
			}
			return
		}
		checkEntered(t, text, entered, o)
		if again, err := enter(entered, o); err != nil || !bytes.Equal(again, entered) {
			t.Errorf("%q: entered twice: %q, %v", text, again, err)
		}
		taken, err := take(entered, text)
		if err != nil {
			t.Fatalf("%q: cannot take %q: %v", text, entered, err)
		}
		if len(handlers(text, root)) == 0 {
			if !bytes.Equal(taken, text) {
				t.Errorf("entered and taken:\n%q\n%q\n%q", text, entered, taken)
			}
		} else if diff := diff(others(t, text), others(t, taken)); diff != "" {
			t.Errorf("%q: taken %q (-want +got):\n%s", text, taken, diff)
		}
		without, err := take(entered, nil)
		if err != nil || len(handlers(without, must(parse(without)))) > 0 {
			t.Errorf("%q: taken without a backup: %q, %v", text, without, err)
		}
		if diff := diff(others(t, text), others(t, without)); diff != "" {
			t.Errorf("%q: taken without a backup (-want +got):\n%s", text, diff)
		}
	})
}

// checkEntered holds what enter made against what Claude Code would read.
func checkEntered(t *testing.T, before, text []byte, o Options) {
	t.Helper()
	if diff := diff(others(t, before), others(t, text)); diff != "" {
		t.Errorf("%q became %q: others' settings (-want +got):\n%s", before, text, diff)
	}
	var settings, hooks map[string]json.RawMessage // structs would take Hooks for hooks
	if err := json.Unmarshal(bytes.TrimPrefix(text, []byte(bom)), &settings); err != nil {
		t.Fatalf("%q became %q: %v", before, text, err)
	}
	if err := json.Unmarshal(settings["hooks"], &hooks); err != nil {
		t.Fatalf("%q became %q: %v", before, text, err)
	}
	for _, e := range events() {
		var groups []json.RawMessage
		if err := json.Unmarshal(hooks[e.name], &groups); err != nil {
			t.Fatalf("%q became %q: %s: %v", before, text, e.name, err)
		}
		n := 0
		for _, raw := range groups {
			var group struct {
				Matcher string
				Hooks   []struct {
					Type, Command string
					Args          []string
					Timeout       float64
				}
			}
			if json.Unmarshal(raw, &group) != nil {
				continue // somebody else's nonsense
			}
			for _, h := range group.Hooks {
				if h.Type == "command" && h.Command == o.Hook && slices.Equal(h.Args, o.args()) && group.Matcher == "*" && int(h.Timeout) >= o.seconds(e) {
					n++
				}
			}
		}
		if n != 1 {
			t.Fatalf("%q became %q: %s has %d entries", before, text, e.name, n)
		}
	}
}

// diff is cmp.Diff, which takes for ever where values nest deep.
func diff(want, got map[string]any) string {
	if reflect.DeepEqual(want, got) {
		return ""
	}
	wanted, _ := json.Marshal(want)
	have, _ := json.Marshal(got)
	return fmt.Sprintf("-%.500s\n+%.500s", wanted, have)
}

// others is what settings mean without our entries, and without what is empty
// in hooks.
func others(t *testing.T, text []byte) map[string]any {
	t.Helper()
	all := map[string]any{}
	if blankText(text) {
		return all
	}
	if err := json.Unmarshal(bytes.TrimPrefix(text, []byte(bom)), &all); err != nil {
		t.Fatalf("%q is not settings: %v", text, err)
	}
	// A key that comes twice means its last value; encoding/json merges objects.
	root := must(parse(text))
	hooks := root.member("hooks")
	if hooks == nil {
		return all
	}
	kept := map[string]any{}
	for _, name := range hooks.keys {
		list := hooks.member(name)
		var groups []any
		if list.kind != '[' {
			if list.kind != 'n' {
				kept[name] = "not a list"
			}
			continue
		}
		for g := range list.items {
			raw := text[list.items[g].from:list.items[g].to]
			inner := list.items[g].member("hooks")
			var group any
			if err := json.Unmarshal(raw, &group); err != nil {
				t.Fatal(err)
			}
			if inner != nil && inner.kind == '[' {
				var mine int
				left := []any{}
				for i := range inner.items {
					if _, ok := ours(text, &inner.items[i]); ok {
						mine++
						continue
					}
					var other any
					if err := json.Unmarshal(text[inner.items[i].from:inner.items[i].to], &other); err != nil {
						t.Fatal(err)
					}
					left = append(left, other)
				}
				if mine > 0 && len(left) == 0 {
					continue
				}
				group.(map[string]any)["hooks"] = left
			}
			groups = append(groups, group)
		}
		if len(groups) > 0 {
			kept[name] = groups
		}
	}
	delete(all, "hooks")
	if hooks.kind != '{' && hooks.kind != 'n' {
		kept["hooks"] = "no object"
	}
	if len(kept) > 0 {
		all["hooks"] = kept
	}
	return all
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// What is entered looks like what is there.
func TestLayout(t *testing.T) {
	for _, test := range []struct{ name, before, part string }{
		{"nothing", "", "{\n  \"hooks\": {\n    \"PermissionRequest\": [{\"matcher\": \"*\", \"hooks\": [{\"type\": \"command\", \"command\": \"/home/you/.local/bin/claude-permission-hook\", \"args\": [], \"timeout\": 86400}]}],\n    \"Elicitation\""},
		{"no line ends", `{"a":1}`, `{"a":1, "hooks": {"PermissionRequest": [{`},
		{"tabs", "{\n\t\"a\": 1\n}\n", "{\n\t\"a\": 1,\n\t\"hooks\": {\n\t\t\"PermissionRequest\": [{"},
		{"four blanks, CRLF", "{\r\n    \"a\": 1\r\n}\r\n", "{\r\n    \"a\": 1,\r\n    \"hooks\": {\r\n        \"PermissionRequest\": [{"},
		{"hooks of others", "{\n  \"hooks\": {\n    \"Stop\": [\n      {}\n    ]\n  }\n}", "\"Stop\": [\n      {},\n      {\"matcher\""},
		{"an empty list", "{\n  \"hooks\": {\n    \"Stop\": []\n  }\n}", "\"Stop\": [\n      {\"matcher\""},
		{"a null", "{\n  \"hooks\": null\n}", "\"hooks\": {\n    \"PermissionRequest\""},
		{"in one line", "{\n  \"hooks\": {\"Stop\": [{}]}\n}", "{\n  \"hooks\": {\"Stop\": [{}, {\"matcher\""},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := enter([]byte(test.before), options)
			if err != nil || !strings.Contains(string(got), test.part) {
				t.Errorf("entered into %q: %v\n%s", test.before, err, got)
			}
		})
	}
}

// A broken file is refused, and where it is broken is said.
func TestRefused(t *testing.T) {
	for _, test := range []struct {
		text, want string
	}{
		{"{\n  // mine\n  \"a\": 1\n}", `line 2, column 3: a comment`},
		{"{\n  \"a\": 1 /* mine */\n}", `line 2, column 10: a comment`},
		{"{\n  \"a\": 1,\n}", `line 3, column 1: '}' where a key in quotes should be`},
		{"{\r\n  \"ä\": 1\r\n  \"b\": 2}", `line 3, column 3: '"' where a comma or '}' should be`},
		{"{\"a\": [1 2]}", `line 1, column 10: '2' where a comma or ']' should be`},
		{"\ufeff{'a': 1}", `line 1, column 2: '\'' where a key in quotes should be`},
		{"{\"a\": tru}", `line 1, column 10: '}' where true should be`},
		{"{\"a\": 01}", `line 1, column 8: '1' where a comma or '}' should be`},
		{"{\"a\": -}", `line 1, column 8: '}' where a digit should be`},
		{"{\"a\": \"x\ny\"}", `line 1, column 9: '\n' within a string`},
		{"{\"a\": \"\\x\"}", `where an escape should be`},
		{"{\"a\": \"\\u00g0\"}", `'g' where a hexadecimal digit should be`},
		{"{\"a\" 1}", `'1' where a colon should be`},
		{"{\"a\": 1", `line 1, column 8: the file ends where a comma or '}' should be`},
		{"{\"a\": \"x", `the file ends where the end of a string should be`},
		{"{\"a\": ", `the file ends where a value should be`},
		{"{} {}", `line 1, column 4: '{' where the end of the file should be`},
		{"[]", `line 1, column 1: settings are an object`},
		{"\xff\xfe{\x00}\x00", `line 1, column 1: '�' where a value should be`},
		{"{\n\"hooks\": []}", `line 2, column 10: hooks is no object`},
		{"{\"hooks\": {\n  \"Stop\": {}}}", `line 2, column 11: hooks.Stop is no list`},
		{strings.Repeat("[", 20000), "nested too deep"},
		{"{\"a\":" + strings.Repeat("[", 20000), "nested too deep"},
	} {
		_, err := enter([]byte(test.text), options)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%.40q: %v, want %q", test.text, err, test.want)
		}
	}
}

// Entries of an earlier installation are replaced, or stay where they do the
// same; whatever else is there stays.
func TestReplaced(t *testing.T) {
	const other = `{"type":"command","command":"say claude-permission-hook"}`
	good := func(more string) string {
		return `{"hooks":[{"type":"command","command":"` + options.Hook + `","args":[],"timeout":86400` + more + `}]}`
	}
	for _, test := range []struct {
		name, list string
		want       string // the list after; empty: as Install enters it, alone
	}{
		{"another path", `[{"matcher":"*","hooks":[{"type":"command","command":"/old/claude-permission-hook","args":[],"timeout":86400}]}]`, ""},
		{"a shell's line", `[{"hooks":[{"type":"command","command":"X=1 \"/o l d/claude-permission-hook\" --socket x","timeout":90000}]}]`, ""},
		{"Windows", `[{"hooks":[{"type":"command","command":"C:\\x\\claude-permission-hook.exe","args":[]}]}]`, ""},
		{"too short", `[{"hooks":[{"type":"command","command":"` + options.Hook + `","args":[],"timeout":5}]}]`, ""},
		{"another socket", `[{"hooks":[{"type":"command","command":"` + options.Hook + `","args":["--socket","/s"],"timeout":86400}]}]`, ""},
		{"some tools only", `[{"matcher":"Bash","hooks":[{"type":"command","command":"` + options.Hook + `","args":[],"timeout":86400}]}]`, ""},
		{"under a condition", `[` + good(`,"if":"Bash(git *)"`) + `]`, ""},
		{"in the background", `[` + good(`,"async":true`) + `]`, ""},
		{"the same with more", `[` + good(`,"onFailure":"block"`) + `]`, `[` + good(`,"onFailure":"block"`) + `]`},
		{"twice", `[` + good("") + ` , ` + good("") + `]`, `[` + good("") + `]`},
		{"beside others", `[{"hooks":[` + other + `,{"type":"command","command":"/old/claude-permission-hook"}]},{"hooks":[` + other + `]}]`,
			`[{"hooks":[` + other + `]},{"hooks":[` + other + `]}, ` + options.group(events()[0]) + `]`},
		{"before others", `[{"hooks":[{"type":"command","command":"/old/claude-permission-hook"}, ` + other + `]}]`,
			`[{"hooks":[` + other + `]}, ` + options.group(events()[0]) + `]`},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.want == "" {
				test.want = `[` + options.group(events()[0]) + `]`
			}
			got, err := enter([]byte(`{"hooks":{"Setup":[],"PermissionRequest":`+test.list+`}}`), options)
			if err != nil {
				t.Fatal(err)
			}
			list := must(parse(got)).member("hooks").member("PermissionRequest")
			if now := string(got[list.from:list.to]); now != test.want {
				t.Errorf("the list is now\n%s\nnot\n%s", now, test.want)
			}
		})
	}
}

// An entry for an event that we do not serve any more goes.
func TestForeignEvent(t *testing.T) {
	got, err := enter([]byte(`{"hooks":{"PreToolUse":[{"hooks":[{"type":"command","command":"/old/claude-permission-hook","args":[]}]}]}}`), options)
	if err != nil || bytes.Contains(got, []byte("PreToolUse")) {
		t.Errorf("%v: %s", err, got)
	}
}

// What others changed in between stays, also where Claude Code has written the
// whole file anew.
func TestTakenFromAChangedFile(t *testing.T) {
	before := []byte("{\n\t\"model\": \"opus\",\n\t\"hooks\": {\"Stop\": [ ]}\n}\n")
	entered := must(enter(before, options))
	var settings map[string]any
	if err := json.Unmarshal(entered, &settings); err != nil {
		t.Fatal(err)
	}
	settings["enabledPlugins"] = map[string]any{"x@y": true}
	stop := settings["hooks"].(map[string]any)["Stop"].([]any)
	settings["hooks"].(map[string]any)["Stop"] = append([]any{map[string]any{"hooks": []any{}}}, stop...)
	rewritten := must(json.MarshalIndent(settings, "", "  "))
	taken, err := take(rewritten, before)
	want := `{
  "enabledPlugins": {
    "x@y": true
  },
  "hooks": {
    "Stop": [
      {
        "hooks": []
      }
    ]
  },
  "model": "opus"
}`
	if err != nil || string(taken) != want {
		t.Errorf("%v\n%s", err, taken)
	}
}

func TestFirstWord(t *testing.T) {
	for line, want := range map[string]string{
		"":                            "",
		"x":                           "x",
		" /a/x --y z":                 "/a/x",
		`"/a b/x" y`:                  "/a b/x",
		`A=1 B='2 3' x`:               "x",
		"A=1":                         "A=1",
		"A=1;x":                       "",
		"/a=b/x y":                    "/a=b/x",
		"x;y":                         "x",
		"bash -c 'x'":                 "bash",
		"\x00":                        "",
		`C:\bin\x.exe y`:              `C:\bin\x.exe`,
		"x\tclaude-permission-hook":   "x",
		`"unfinished`:                 "unfinished",
		"exec claude-permission-hook": "exec",
	} {
		if got := firstWord(line); got != want && line != "\x00" {
			t.Errorf("%q: %q, not %q", line, got, want)
		}
	}
}

func TestOptions(t *testing.T) {
	long := Options{Hook: options.Hook, Timeout: 30*time.Hour + time.Millisecond}
	if got := long.seconds(events()[0]); got != 30*3600+1 {
		t.Errorf("a question may take %d s", got)
	}
	for _, bad := range []Options{{}, {Hook: "claude-permission-hook"}, {Hook: "/bin/sh"}, {Hook: "/\xff/claude-permission-hook"},
		{Hook: options.Hook, Socket: "s"}} {
		if _, err := Install(t.TempDir()+"/s.json", bad); err == nil {
			t.Errorf("%+v is taken", bad)
		}
	}
	if !reflect.DeepEqual(slices.Sorted(slices.Values(Events())), slices.Sorted(maps.Keys(map[string]bool{
		"PermissionRequest": true, "PostToolUse": true, "PostToolUseFailure": true, "PostToolBatch": true, "UserPromptSubmit": true,
		"Stop": true, "StopFailure": true, "SubagentStop": true, "SessionEnd": true, "Notification": true, "Elicitation": true, "PermissionDenied": true,
	}))) {
		t.Errorf("events: %v", Events())
	}
}

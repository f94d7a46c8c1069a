package claude

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"claude-permission-daemon/internal/permit"
)

// always are the ways to add suggestions to the approval of a command.
func always(suggestions ...string) []permit.Way {
	r := permit.Request{Tool: "Bash", Input: json.RawMessage(`{"command":"x"}`)}
	for _, s := range suggestions {
		r.Suggestions = append(r.Suggestions, json.RawMessage(s))
	}
	var ways []permit.Way
	for _, way := range Ways(r, false) {
		if way.Name == permit.WayAlways {
			ways = append(ways, way)
		}
	}
	return ways
}

// Each suggestion is offered in words that are its content, or not at all.
func TestAlways(t *testing.T) {
	const (
		session = " It holds until this session ends and is written nowhere."
		local   = " It is written to .claude/settings.local.json: this project, for you alone."
		project = " It is written to .claude/settings.json: this project, for everybody who works on it."
		user    = " It is written to your ~/.claude/settings.json: every project."
	)
	tests := []struct{ name, suggestion, label, confirm string }{
		{"one rule", `{"type":"addRules","rules":[{"toolName":"Bash","ruleContent":"npm run *"}],"behavior":"allow","destination":"localSettings"}`,
			"Always allow npm run *", "Claude Code will not ask again for Bash(npm run *)." + local},
		{"several rules", `{"type":"addRules","rules":[{"toolName":"Bash","ruleContent":"rm -rf ./zz"},{"toolName":"Read","ruleContent":"//etc/x/**"}],"behavior":"allow","destination":"session"}`,
			"Always allow rm -rf ./zz, //etc/x/** in this session", "Claude Code will not ask again for Bash(rm -rf ./zz), Read(//etc/x/**)." + session},
		{"a whole tool", `{"type":"addRules","rules":[{"toolName":"mcp__demo__send_mail"}],"behavior":"allow","destination":"projectSettings"}`,
			"Always allow mcp__demo__send_mail", "Claude Code will not ask again for mcp__demo__send_mail." + project},
		{"for every project", `{"type":"addRules","rules":[{"toolName":"WebFetch","ruleContent":"domain:a.example"}],"behavior":"allow","destination":"userSettings"}`,
			"Always allow domain:a.example", "Claude Code will not ask again for WebFetch(domain:a.example)." + user},
		{"a folder", `{"type":"addDirectories","directories":["/W/a"],"destination":"session"}`,
			"Always allow the folder /W/a in this session", "Claude Code may work in /W/a as in the project." + session},
		{"folders", `{"type":"addDirectories","directories":["/W/a","/W/b"],"destination":"localSettings"}`,
			"Always allow the folder /W/a, /W/b", "Claude Code may work in /W/a, /W/b as in the project." + local},
		{"edits", `{"type":"setMode","mode":"acceptEdits","destination":"session"}`,
			"Always accept edits in this session", "From here on Claude Code edits files without asking." + session},
		{"mode default", `{"type":"setMode","mode":"default","destination":"session"}`,
			"Always: mode default in this session", "Claude Code goes into its mode default: it asks before it edits a file or runs a command." + session},
		{"mode plan", `{"type":"setMode","mode":"plan","destination":"session"}`,
			"Always: mode plan in this session", "Claude Code goes into its mode plan: it reads and plans, and changes nothing." + session},
		{"mode dontAsk", `{"type":"setMode","mode":"dontAsk","destination":"session"}`,
			"Always: mode dontAsk in this session", "Claude Code goes into its mode dontAsk: what no rule allows is refused without asking." + session},
		{"mode auto", `{"type":"setMode","mode":"auto","destination":"session"}`,
			"Always: mode auto in this session", "Claude Code goes into its mode auto: a model judges each call." + session + " Very broad: hardly anything is asked any more."},
		{"mode bypassPermissions", `{"type":"setMode","mode":"bypassPermissions","destination":"userSettings"}`,
			"Always: mode bypassPermissions", "Claude Code goes into its mode bypassPermissions: everything is allowed." + user + " Very broad: nothing at all is asked any more."},

		{"another behaviour", `{"type":"addRules","rules":[{"toolName":"Bash","ruleContent":"x"}],"behavior":"deny","destination":"session"}`, "", ""},
		{"the behaviour ask", `{"type":"addRules","rules":[{"toolName":"Bash","ruleContent":"x"}],"behavior":"ask","destination":"session"}`, "", ""},
		{"no behaviour", `{"type":"addRules","rules":[{"toolName":"Bash","ruleContent":"x"}],"destination":"session"}`, "", ""},
		{"replaced rules", `{"type":"replaceRules","rules":[{"toolName":"Bash","ruleContent":"x"}],"behavior":"allow","destination":"session"}`, "", ""},
		{"removed rules", `{"type":"removeRules","rules":[{"toolName":"Bash","ruleContent":"x"}],"behavior":"deny","destination":"session"}`, "", ""},
		{"removed folders", `{"type":"removeDirectories","directories":["/W"],"destination":"session"}`, "", ""},
		{"no rules", `{"type":"addRules","rules":[],"behavior":"allow","destination":"session"}`, "", ""},
		{"a rule of no tool", `{"type":"addRules","rules":[{"toolName":"Bash","ruleContent":"ls"},{"ruleContent":"*"}],"behavior":"allow","destination":"session"}`, "", ""},
		{"no folders", `{"type":"addDirectories","directories":[],"destination":"session"}`, "", ""},
		{"a folder without a name", `{"type":"addDirectories","directories":["/W",""],"destination":"session"}`, "", ""},
		{"no mode", `{"type":"setMode","destination":"session"}`, "", ""},
		{"a mode that is not known", `{"type":"setMode","mode":"yolo","destination":"session"}`, "", ""},
		{"no destination", `{"type":"setMode","mode":"plan"}`, "", ""},
		{"a destination that is not known", `{"type":"setMode","mode":"plan","destination":"everywhere"}`, "", ""},
		{"a type that is not known", `{"type":"addHooks","destination":"session"}`, "", ""},
		{"a member that is not known", `{"type":"setMode","mode":"plan","destination":"session","also":"x"}`, "", ""},
		{"a member of a rule that is not known", `{"type":"addRules","rules":[{"toolName":"Bash","ruleContent":"ls","regex":true}],"behavior":"allow","destination":"session"}`, "", ""},
		{"names in other letters", `{"type":"addRules","rules":[{"toolName":"Bash"}],"Rules":[{"toolName":"Bash","ruleContent":"ls"}],"behavior":"allow","destination":"session"}`, "", ""},
		{"a rule's names in other letters", `{"type":"addRules","rules":[{"toolName":"Bash","ruleContent":"*","RuleContent":"ls"}],"behavior":"allow","destination":"session"}`, "", ""},
		{"rules of another type", `{"type":"addRules","rules":"Bash","behavior":"allow","destination":"session"}`, "", ""},
		{"a content of another type", `{"type":"addRules","rules":[{"toolName":"Bash","ruleContent":1}],"behavior":"allow","destination":"session"}`, "", ""},
		{"folders of another type", `{"type":"addDirectories","directories":"/","destination":"session"}`, "", ""},
		{"no object", `"Bash"`, "", ""},
		{"null", `null`, "", ""},
		{"no JSON", `{`, "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ways := always(tt.suggestion)
			if tt.label == "" {
				if len(ways) > 0 {
					t.Errorf("it is offered as %+v", ways)
				}
				return
			}
			if len(ways) != 1 {
				t.Fatalf("ways %+v", ways)
			}
			way := ways[0]
			if way.Label != tt.label || way.Confirm != tt.confirm || way.Verb != permit.Allow {
				t.Errorf("way %+v\nlabel   %q\nconfirm %q", way, tt.label, tt.confirm)
			}
			if way.Warning != "" && !strings.Contains(way.Confirm, way.Warning) {
				t.Errorf("what is confirmed does not say %q", way.Warning)
			}
		})
	}
}

// What goes back is the one suggestion that was picked, to the byte, also where
// others before it were not offered.
func TestAlwaysGivesBackTheOneSuggestion(t *testing.T) {
	suggestions := []json.RawMessage{
		json.RawMessage(`{"type":"addHooks"}`),
		json.RawMessage(`{"type":"addRules","rules":[{"toolName":"Bash","ruleContent":"bash"}],"behavior":"allow","destination":"localSettings"}`),
		json.RawMessage("{ \"destination\" : \"session\",\t\"type\":\"addRules\", \"behavior\":\"allow\",\n\"rules\":[ {\"ruleContent\":\"\\u006es *\",\"toolName\":\"Bash\"} ] }"),
	}
	r := permit.Request{Tool: "Bash", Input: json.RawMessage(`{"command":"ns x"}`), Suggestions: suggestions}
	for pick := -1; pick <= len(suggestions); pick++ {
		d, lacks := Resolve(r, permit.Answer{Way: permit.WayAlways, Pick: pick}, false)
		if pick != 1 && pick != 2 {
			if lacks == "" {
				t.Errorf("pick %d counts: %+v", pick, d)
			}
			continue
		}
		if lacks != "" || len(d.Permissions) != 1 || string(d.Permissions[0]) != string(suggestions[pick]) || d.Input != nil || d.Verb != permit.Allow {
			t.Errorf("pick %d: %+v, %s", pick, d, lacks)
		}
	}
}

func TestBroad(t *testing.T) {
	tests := []struct{ rule, want string }{ // want: what the warning says; empty: there is none
		{"Bash", "every command"},
		{"Bash(*)", "every command"},
		{"Bash(:*)", "every command"},
		{"Bash(* install)", "any command"},
		{"Bash(ba*)", "begins with ba"},
		{"Bash(bash)", "bash runs any"},
		{"Bash(bash:*)", "bash runs any"},
		{"Bash(bash *)", "bash runs any"},
		{"Bash(bash -c *)", "bash runs any"},
		{"Bash(bash -c:*)", "bash runs any"},
		{"Bash(bash -lc *)", "bash runs any"},
		{"Bash(bash -x *)", "bash runs any"},
		{"Bash(bash -c 'ls *)", "bash runs any"},
		{"Bash(/bin/sh *)", "/bin/sh runs any"},
		{"Bash(python -c *)", "python runs any"},
		{"Bash(python -c:*)", "python runs any"},
		{"Bash(python3.12 -c *)", "python3.12 runs any"},
		{"Bash(python -m *)", "python runs any"},
		{"Bash(python3 -)", ""},
		{"Bash(node -e *)", "node runs any"},
		{"Bash(node --eval *)", "node runs any"},
		{"Bash(env *)", "env runs any"},
		{"Bash(env A=1 *)", "env runs any"},
		{"Bash(env bash *)", "bash runs any"},
		{"Bash(/usr/bin/env python3 -c *)", "python3 runs any"},
		{"Bash(A=1 bash *)", "bash runs any"},
		{"Bash(A=1 *)", "every command"},
		{"Bash(sudo *)", "sudo runs any"},
		{"Bash(sudo -u bob *)", "sudo runs any"},
		{"Bash(sudo -E bash *)", "bash runs any"},
		{"Bash(sudo systemctl restart x)", ""},
		{"Bash(timeout 5 *)", "timeout runs any"},
		{"Bash(timeout 5 bash *)", "bash runs any"},
		{"Bash(xargs *)", "xargs runs any"},
		{"Bash(eval *)", "eval runs any"},
		{"Bash(npx *)", "npx runs any"},
		{"Bash(npx --yes *)", "npx runs any"},
		{"Bash(npm exec *)", "npm exec runs any"},
		{"Bash(uv run *)", "uv run runs any"},
		{"Bash(docker *)", "docker runs any"},
		{"Bash(docker run *)", "docker run runs any"},
		{"Bash(ssh host *)", "ssh runs any"},
		{"Bash(find *)", "find runs any"},
		{"Bash(curl *)", "reaches any address"},
		{"Bash(curl:*)", "reaches any address"},
		{"Monitor(bash *)", "bash runs any"},
		{"PowerShell(*)", "every command"},
		{"PowerShell(pwsh.exe *)", "pwsh.exe runs any"},
		{"PowerShell(Invoke-Expression *)", "Invoke-Expression runs any"},

		{"Bash(git *)", ""},
		{"Bash(git push *)", ""},
		{"Bash(npm run *)", ""},
		{"Bash(npm test)", ""},
		{"Bash(npx prettier *)", ""},
		{"Bash(python script.py *)", ""},
		{"Bash(python -m pytest *)", ""},
		{"Bash(bash ./build.sh *)", ""},
		{"Bash(bash -c 'ls')", ""},
		{"Bash(node --version)", ""},
		{"Bash(make)", ""},
		{"Bash(env)", ""},
		{"Bash(docker ps *)", ""},
		{"Bash(ssh host uptime *)", ""},
		{"Bash(find . -name *)", ""},
		{"Bash(curl https://a.example/*)", ""},
		{"Bash(echo bash *)", ""},

		{"Read", "every file may be read"},
		{"Read(//**)", "every file may be read"},
		{"Read(//*)", "every file may be read"},
		{"Read(~/**)", "every file in your home folder"},
		{"Read(~/*)", "every file in your home folder"},
		{"Read(**)", "every file of the project"},
		{"Read(//etc/**)", "every file in /etc"},
		{"Read(//home/x/**)", "every file in /home/x"},
		{"Read(//Users/x/**)", "every file in /Users/x"},
		{"Edit", "every file may be changed"},
		{"Edit(**)", "every file of the project may be changed"},
		{"Edit(/**)", "every file of the project may be changed"},
		{"Edit(./**)", "every file of the project may be changed"},
		{"Edit(//**)", "every file may be changed"},
		{"Write", "every file may be changed"},
		{"Read(//home/x/project/**)", ""},
		{"Read(//etc/hostname/x)", ""},
		{"Read(~/notes/**)", ""},
		{"Edit(/docs/**)", ""},
		{"Edit(**/*.md)", ""},
		{"Edit(src/**)", ""},

		{"WebFetch", "every address"},
		{"WebFetch(*)", "every address"},
		{"WebFetch(domain:*)", "every address"},
		{"WebFetch(domain:*.*)", "every address"},
		{"WebFetch(domain:*.com)", "below .com"},
		{"WebFetch(domain:*example.com)", "ends in example.com"},
		{"WebFetch(domain:*.example.com)", ""},
		{"WebFetch(domain:a.example)", ""},
		{"WebSearch", ""},

		{"*", "every tool"},
		{"mcp__server", "every tool of the MCP server server"},
		{"mcp__server__*", "every tool of the MCP server server"},
		{"mcp__*", "every tool that mcp__* stands for"},
		{"mcp__server__tool", ""},
	}
	for _, tt := range tests {
		t.Run(tt.rule, func(t *testing.T) {
			tool, content, _ := strings.Cut(strings.TrimSuffix(tt.rule, ")"), "(")
			raw, err := json.Marshal(map[string]any{"type": "addRules", "behavior": "allow", "destination": "session",
				"rules": []any{map[string]string{"toolName": "Bash", "ruleContent": "true"}, map[string]string{"toolName": tool, "ruleContent": content}}})
			if err != nil {
				t.Fatal(err)
			}
			ways := always(string(raw))
			if len(ways) != 1 {
				t.Fatalf("ways %+v", ways)
			}
			if got := ways[0].Warning; (tt.want == "") != (got == "") || !strings.Contains(got, tt.want) {
				t.Errorf("warning %q, want %q", got, tt.want)
			}
		})
	}
	for dir, want := range map[string]bool{"/": true, "/home/x": true, "/home/x/": true, "/Users/x": true, "/etc": true, "/home/../": true, "~": true, "~/": true, "..": true, "../..": true,
		`C:\`: true, `C:\Users\x`: true, "/home/x/project": false, "/srv/www/x": false, ".": false, "src": false, `C:\Users\x\project`: false} {
		raw, _ := json.Marshal(map[string]any{"type": "addDirectories", "directories": []string{"/W/a", dir}, "destination": "session"})
		ways := always(string(raw))
		if len(ways) != 1 || (ways[0].Warning != "") != want {
			t.Errorf("the folder %s: %+v", dir, ways)
		}
	}
}

// Rules that allow far more than was asked come last, and each way keeps the
// number of its own suggestion.
func TestBroadRulesComeLast(t *testing.T) {
	r := permit.Request{Tool: "Bash", Input: json.RawMessage(`{"command":"npm test"}`)}
	for _, content := range []string{"bash", "npm test", "*", "npm *"} {
		r.Suggestions = append(r.Suggestions, json.RawMessage(`{"type":"addRules","behavior":"allow","destination":"session","rules":[{"toolName":"Bash","ruleContent":"`+content+`"}]}`))
	}
	var got []int
	for _, w := range Ways(r, false) {
		if w.Name == permit.WayAlways {
			got = append(got, w.Pick)
			if d, lacks := Resolve(r, permit.Answer{Way: w.Name, Pick: w.Pick}, false); lacks != "" || string(d.Permissions[0]) != string(r.Suggestions[w.Pick]) {
				t.Errorf("%s gives back %s %s", w.Label, d.Permissions, lacks)
			}
		}
	}
	if diff := cmp.Diff([]int{1, 3, 0, 2}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

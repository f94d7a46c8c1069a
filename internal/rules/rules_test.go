package rules

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"claude-permission-daemon/internal/permit"
)

func request(tool, input string) permit.Request {
	return permit.Request{Tool: tool, Input: json.RawMessage(input), Cwd: "/home/ada/shop/api", Project: "shop"}
}

// quote is s as JSON.
func quote(s string) string {
	raw, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(raw)
}

func bashRequest(command string) permit.Request {
	raw, err := json.Marshal(map[string]any{"command": command, "run_in_background": true, "timeout": 5000})
	if err != nil {
		panic(err)
	}
	return request("Bash", string(raw))
}

var world = World{Home: "/home/ada", Resolve: func(path string) string {
	return strings.Replace(path, "/home/ada/shop/api/link", "/srv/data", 1)
}}

func TestBashRules(t *testing.T) {
	tests := []struct {
		rule     string
		match    []string
		mismatch []string
	}{
		{"Bash", []string{"ls", "if ("}, nil},
		{"Bash(*)", []string{"ls", "a && b"}, nil},
		{"Bash(npm run build)", []string{"npm run build", " npm run build ", "cd x && npm run build", "npm  run 'build'", "A=1 npm run build", "npm run build > log"}, []string{"npm run build:all", "npm run", "echo npm run build", "npm run build --watch"}},
		{
			"Bash(git push *)",
			[]string{
				"git push", "git push origin main", "git status; git push --force", "true || git push -f", "a | git push x", "a |& git push x", "(git push x)", "a & git push x", "a\ngit push x",
				"echo $(git push x)", "if a; then git push x; fi", "for i in 1; do git push $i; done", "f() { git push x; }", "{ git push x; }", "! git push x", "cat <(git push x)",
				"timeout 30 git push x", "timeout -k 5 30 git push", "time nice -n 5 nohup git push x", "stdbuf -oL git push x", "command git push x", "builtin git push", "xargs git push", "time -p git push",
				"GIT_SSH=x git push", "git  push x", "git \\\npush x", `"git" 'push' x`, `g\it push x`, "git push x > /dev/null 2>&1",
			},
			[]string{
				"git pushx", "git status", "echo git push", "echo 'git push x'", "git commit -m 'git push x'", "# git push x", "cat <<E\ngit push x\nE",
				"npx git push x", "command -v git push", "command -V git push",
			},
		},
		{"Bash(git push:*)", []string{"git push", "git push x"}, []string{"git pushx"}},
		{"Bash(git:* push)", []string{"git:x push"}, []string{"git x push"}},
		{"Bash(ls*)", []string{"ls", "lsof", "ls -la"}, []string{"als"}},
		{"Bash(git * main)", []string{"git checkout main", "git push origin main", "git log --oneline main"}, []string{"git main", "git push main x"}},
		{"Bash(* --version)", []string{"node --version", "a; node --version"}, []string{"node --version x"}},
		{"Bash(* install)", []string{"npm install", "make -C x install"}, []string{"npm install x"}},
		{`Bash(echo \*)`, []string{"echo *"}, []string{"echo x"}},
		{"Bash(run_in_background:true)", []string{"ls"}, nil},
		{"Bash(timeout : 5*)", []string{"ls"}, nil},
		{"Bash(run_in_background:false)", nil, []string{"ls"}},
		{"Bash(npm run test:unit)", []string{"npm run test:unit"}, []string{"npm run test"}},
		// In doubt, a rule that holds back matches.
		{"Bash(git push *)", []string{"if (", "echo 'open", "echo " + strings.Repeat("x", 64<<10), strings.Repeat("(", 3000)}, nil},
	}
	for _, tt := range tests {
		rule, err := Parse(tt.rule)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range tt.match {
			if !rule.Match(bashRequest(c), world) {
				t.Errorf("%s does not match %.60q", rule, c)
			}
		}
		for _, c := range tt.mismatch {
			if rule.Match(bashRequest(c), world) {
				t.Errorf("%s matches %.60q", rule, c)
			}
		}
	}
}

func TestPathRules(t *testing.T) {
	tests := []struct {
		rule     string
		match    []string
		mismatch []string
	}{
		{"Read(//etc/**)", []string{"/etc/hosts", "/etc/a/b"}, []string{"/etcx", "etc/hosts", "/home/ada/shop/api/etc/x"}},
		{"Read(~/.ssh/**)", []string{"/home/ada/.ssh/id_rsa", "~/.ssh/id_rsa"}, []string{"/home/bob/.ssh/id_rsa", "/home/ada/.sshx"}},
		{"Read(~/.zshrc)", []string{"~/.zshrc", "/home/ada/.zshrc"}, []string{"/home/ada/x/.zshrc"}},
		{"Read(/docs/**)", []string{"/home/ada/shop/docs/a.md", "docs/a.md", "../docs/b/c.md"}, []string{"/docs/a.md", "x/docs/a.md"}},
		{"Read(*.env)", []string{"a.env", "x/y/.env", "../web/.env"}, []string{"/tmp/a.env", "a.envx"}},
		{"Read(.env)", []string{".env", "./x/.env"}, []string{"/home/ada/.env", "x.env"}},
		{"Read(**/.env)", []string{".env", "a/b/.env"}, []string{"a/.env.x"}},
		{"Read(src/**)", []string{"src/a", "x/src/a/b"}, []string{"src", "srcs/a"}},
		{"Read(./src/lib)", []string{"src/lib", "src/lib/a/b"}, []string{"x/src/lib"}},
		{"Read(//srv/data/**)", []string{"link/x", "/srv/data/x"}, []string{"linkx"}},
		{"Read(link/**)", []string{"link/x"}, nil},
		{"Read(secrets-*/config.json)", []string{"secrets-a/config.json"}, []string{"secrets-a/b/config.json"}},
		{"Read", []string{"/anything"}, nil},
	}
	for _, tt := range tests {
		for _, verb := range []string{"Read", "Edit"} {
			rule, err := Parse(strings.Replace(tt.rule, "Read", verb, 1))
			if err != nil {
				t.Fatal(err)
			}
			tools := map[string][]string{"Read": {"Read"}, "Edit": {"Edit", "Write", "MultiEdit"}}[verb]
			for _, tool := range tools {
				of := func(file string) permit.Request { return request(tool, fmt.Sprintf(`{"file_path":%q}`, file)) }
				for _, file := range tt.match {
					if !rule.Match(of(file), world) {
						t.Errorf("%s does not match %s of %s", rule, tool, file)
					}
				}
				for _, file := range tt.mismatch {
					if rule.Match(of(file), world) {
						t.Errorf("%s matches %s of %s", rule, tool, file)
					}
				}
			}
		}
	}
}

func TestOtherRules(t *testing.T) {
	fetch := func(url string) permit.Request {
		return request("WebFetch", fmt.Sprintf(`{"url":%q,"prompt":"x"}`, url))
	}
	tests := []struct {
		rule string
		r    permit.Request
		want bool
	}{
		{"WebFetch", fetch("https://example.com/x"), true},
		{"WebFetch(domain:a.example)", request("WebSearch", `{"query":"a.example"}`), false},

		{"mcp__demo", request("mcp__demo__send", `{}`), true},
		{"mcp__demo", request("mcp__demo2__send", `{}`), false},
		{"mcp__demo__*", request("mcp__demo__send", `{}`), true},
		{"mcp__demo__send", request("mcp__demo__send", `{}`), true},
		{"mcp__demo__send", request("mcp__demo__send_all", `{}`), false},
		{"mcp__*", request("mcp__x__y", `{}`), true},
		{"mcp__demo__send(to:*@example.com)", request("mcp__demo__send", `{"to":"ada@example.com"}`), true},
		{"mcp__demo__send(to:*@example.com)", request("mcp__demo__send", `{"to":["ada@example.com"]}`), false},
		{"*", request("Anything", `{}`), true},

		{"Agent(Explore)", request("Agent", `{"subagent_type":"Explore"}`), true},
		{"Agent(Explore)", request("Task", `{"subagent_type":"Explore"}`), true},
		{"Agent(Explore)", request("Agent", `{"subagent_type":"Plan"}`), false},
		{"Agent(general-purpose)", request("Agent", `{"prompt":"x"}`), true},
		{"Agent(Explore)", request("Agent", `{"prompt":"x"}`), false},
		{"Agent(model:opus)", request("Agent", `{"model":"opus"}`), true},
		{"Agent(model:*)", request("Agent", `{"prompt":"x"}`), false},
		{"Task", request("Agent", `{}`), true},
		{"Skill(deploy *)", request("Skill", `{"skill":"deploy","args":"prod"}`), true},
		{"Skill(deploy)", request("Skill", `{"skill":"deploy","args":"prod"}`), true},
		{"Skill(deploy *)", request("Skill", `{"skill":"deployx"}`), false},
		{"Skill(deploy)", request("Skill", `{"command":"deploy"}`), true},
		{"Bash(git push *)", request("Monitor", `{"command":"git push origin"}`), true},
		{"Bash", request("Monitor", `{"command":"ls"}`), true},
		{"Monitor", request("Bash", `{"command":"ls"}`), false},

		{"Edit(*.ipynb)", request("NotebookEdit", `{"notebook_path":"n.ipynb"}`), true},
		{"Edit", request("Write", `{"file_path":"x"}`), true},
		{"Write", request("Edit", `{"file_path":"x"}`), false},
		{"Read(/**)", request("Grep", `{"pattern":"x"}`), true},
		{"Read(//etc/**)", request("Grep", `{"pattern":"x","path":"/etc/ssl"}`), true},
		{"Read(//etc/**)", request("Write", `{"file_path":"/etc/x"}`), false},
		{"Read(limit:*)", request("Read", `{"file_path":"x","limit":5}`), true},

		{"PowerShell(remove-item *)", request("PowerShell", `{"command":"ls; Remove-Item -Recurse x"}`), true},
		{"PowerShell(remove-item *)", request("PowerShell", `{"command":"Get-Item x"}`), false},
		{"Bash(ls *)", request("Bash", `{"command":7}`), false},
		{"Bash(ls *)", request("Bash", `[]`), false},
	}
	for _, tt := range tests {
		rule, err := Parse(tt.rule)
		if err != nil {
			t.Errorf("%v", err)
			continue
		}
		if got := rule.Match(tt.r, world); got != tt.want {
			t.Errorf("%s on %s %s: %v, want %v", tt.rule, tt.r.Tool, tt.r.Input, got, tt.want)
		}
	}
}

// A rule that would never match is refused, with what to write instead.
func TestParseRefuses(t *testing.T) {
	for text, hint := range map[string]string{
		"":                      "tool's name",
		"   ":                   "tool's name",
		"Bash(":                 "parenthesis",
		"Bash(git push":         "parenthesis",
		"Bash()":                "write Bash",
		"git push":              "tool's name",
		"(x)":                   "tool's name",
		"Bash(command:rm *)":    "Bash(git push *)",
		"Write(src/**)":         "Edit(src/**)",
		"MultiEdit(x)":          "Edit(x)",
		"Glob(x)":               "Read(x)",
		"Read(file_path:x)":     "Read(./path)",
		"WebFetch(url:x)":       "domain",
		"WebFetch(example.com)": "domain",
		"Read([a)":              "pattern",
		"Read(!x)":              "!",
		"WebSearch(x)":          "WebSearch(name:value)",
		"mcp__a__b(x)":          "mcp__a__b(name:value)",
	} {
		if rule, err := Parse(text); err == nil {
			t.Errorf("Parse(%q) = %v, want an error", text, rule)
		} else if !strings.Contains(err.Error(), hint) || !strings.HasPrefix(err.Error(), "cannot read rule") {
			t.Errorf("Parse(%q): %v; want it to say %q", text, err, hint)
		}
	}
}

func TestSet(t *testing.T) {
	set, err := ParseSet([]string{"Bash(git push *)", "Bash"})
	if err != nil {
		t.Fatal(err)
	}
	if rule, ok := set.Match(bashRequest("git push x"), world); !ok || rule.String() != "Bash(git push *)" {
		t.Errorf("matched %v, %v", rule, ok)
	}
	if rule, ok := set.Match(request("Read", `{}`), world); ok {
		t.Errorf("matched %v", rule)
	}
	if _, err := ParseSet([]string{"Bash", "Bash("}); err == nil {
		t.Error("a broken rule was taken")
	}
	if (Rule{}).Match(bashRequest("ls"), world) {
		t.Error("the zero rule matches")
	}
}

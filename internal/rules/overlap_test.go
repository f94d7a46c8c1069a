package rules

import "testing"

// A permission that would let through what a rule holds back is found.
func TestOverlap(t *testing.T) {
	type permission struct{ tool, content string }
	bash := func(contents ...string) []permission {
		var out []permission
		for _, c := range contents {
			out = append(out, permission{"Bash", c})
		}
		return out
	}
	tests := []struct {
		rule     string
		overlaps []permission
		apart    []permission
	}{
		{
			"Bash(git push *)",
			append(bash("", "*", "git *", "git:*", "git push *", "git push", "git push origin main", "g*", "* push", "git * main", "git -C *", "git -C . *", "/usr/bin/git *", "timeout 5 *", "nohup git *",
				"bash", "bash *", "sh *", "sh -c *", "bash:*", "zsh *", "python *", "python3 -c *", "python", "env", "env *", "env A=1 *", "sudo", "sudo *", "sudo -u x *", "sudo git *", "xargs", "xargs *", "xargs git *", "find *", "find . *",
				"npx", "npx *", "npm *", "npm exec *", "npm exec -- *", "uv run *", "node *", "eval *", "make *", "command *", "exec *", "git push && x", "if (", "timeout:5000", "$x", "watch *", "awk *"),
				permission{"Monitor", "git push *"}, permission{"Monitor", ""}, permission{"*", ""}),
			append(bash("npm run *", "npm test", "git status", "git status *", "git log:*", "ls *", "gh pr *", "gitk *", "docker compose *", "cargo *", "go test *", "bash scripts/run.sh", "python manage.py *", "npx eslint *", "make build", "sudo systemctl *", "echo *", "env npm test", "xargs grep *"),
				permission{"Edit", "git push *"}, permission{"PowerShell", "git *"}, permission{"WebFetch", ""}, permission{"mcp__a__b", ""}, permission{"mcp__*", ""}),
		},
		{"Bash", bash("npm run *", "ls"), []permission{{"Read", ""}}},
		{"Monitor(tail *)", append(bash("tail *"), permission{"Monitor", ""}), bash("head *")},
		{"Bash(run_in_background:true)", bash("ls", "npm *"), nil},
		{"Bash(sudo *)", bash("sudo *", "sudo ls", "env *"), bash("git *")},
		{
			"Edit(//etc/**)",
			append(bash("cp *", "rm *", "tee *", "sudo *", "", "bash *", "sed -i *"), permission{"Edit", ""}, permission{"Write", ""}, permission{"MultiEdit", "//etc/x"}, permission{"Edit", "//etc/**"}, permission{"Edit", "//**"}, permission{"Edit", "//etc"},
				permission{"Edit", "//e*"}, permission{"Edit", "~/x"}, permission{"Edit", "*.conf"}, permission{"Edit", "//srv/../etc/x"}, permission{"NotebookEdit", ""}),
			append(bash("npm run *", "cat *", "git *"), permission{"Edit", "//srv/**"}, permission{"Read", "//etc/**"}, permission{"Read", ""}),
		},
		{"Read(~/.ssh/**)", append(bash("cat *", "grep *"), permission{"Read", ""}, permission{"Grep", ""}, permission{"Read", "~/**"}, permission{"Read", "//home/**"}, permission{"Edit", "~/.ssh/**"}), append(bash("npm run *", "rm *"), permission{"Read", "~/src/**"}, permission{"Edit", "~/src/**"})},
		{"Edit(/docs/**)", []permission{{"Edit", "/**"}, {"Edit", "docs/**"}, {"Edit", "/docs/a/*"}}, []permission{{"Edit", "/src/**"}}},
		{"Edit", []permission{{"Write", ""}, {"Edit", "//srv/**"}}, bash("cp *")},
		{
			"WebFetch(domain:evil.com)",
			[]permission{{"WebFetch", ""}, {"WebFetch", "domain:evil.com"}, {"WebFetch", "domain:EVIL.com."}, {"WebFetch", "domain:*"}, {"WebFetch", "domain:*.com"}, {"WebFetch", "domain:evil.*"}, {"WebFetch", "domain:ｅvil.com"}},
			[]permission{{"WebFetch", "domain:good.com"}, {"WebFetch", "domain:*.evil.com"}, {"WebSearch", ""}, {"Bash", "curl *"}},
		},
		{"WebFetch(domain:*.evil.com)", []permission{{"WebFetch", "domain:a.evil.com"}, {"WebFetch", "domain:*.com"}}, []permission{{"WebFetch", "domain:docs.python.org"}}},
		{"mcp__billing", []permission{{"mcp__billing", ""}, {"mcp__billing__pay", ""}, {"mcp__billing__*", ""}, {"mcp__*", ""}, {"*", ""}}, []permission{{"mcp__bill", ""}, {"mcp__other__billing", ""}, {"Bash", "mcp__billing"}}},
		{"mcp__billing__pay*", []permission{{"mcp__billing", ""}, {"mcp__billing__pay", ""}, {"mcp__billing__p*", ""}}, []permission{{"mcp__billing__list", ""}}},
		{"mcp__billing__pay(to:x)", []permission{{"mcp__billing__pay", ""}, {"mcp__billing", ""}}, []permission{{"mcp__billing__list", ""}}},
		{"*", []permission{{"Bash", "ls"}, {"mcp__a__b", ""}, {"Read", "x"}}, nil},
		{"Agent(Explore)", []permission{{"Agent", ""}, {"Task", "Explore"}, {"Agent", "Exp*"}}, []permission{{"Agent", "Plan"}}},
		{"Skill(deploy *)", []permission{{"Skill", ""}, {"Skill", "deploy"}, {"Skill", "deploy:*"}}, []permission{{"Skill", "review"}}},
		{"PowerShell(Remove-Item *)", []permission{{"PowerShell", "remove-item *"}, {"PowerShell", ""}, {"PowerShell", "iex *"}}, []permission{{"PowerShell", "Get-Item *"}, {"Bash", "Remove-Item *"}}},
	}
	for _, tt := range tests {
		set, err := ParseSet([]string{tt.rule})
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range tt.overlaps {
			if rule, ok := set.Overlap(p.tool, p.content); !ok || rule.String() != tt.rule {
				t.Errorf("%s does not overlap %s(%s)", tt.rule, p.tool, p.content)
			}
		}
		for _, p := range tt.apart {
			if _, ok := set.Overlap(p.tool, p.content); ok {
				t.Errorf("%s overlaps %s(%s)", tt.rule, p.tool, p.content)
			}
		}
	}
	if rule, ok := (Set{{}}).Overlap("Bash", ""); ok {
		t.Errorf("the zero rule overlaps: %v", rule)
	}
}

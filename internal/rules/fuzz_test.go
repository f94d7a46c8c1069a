package rules

import (
	"encoding/json"
	"strings"
	"testing"
)

// A command that a rule matches by itself is matched in any company.
func FuzzCompany(f *testing.F) {
	for _, s := range []string{"ls", "echo 'x", "a; b", "$(", "if true; then", "x <<E\n", "for i in 1; do", "((", "a\\"} {
		f.Add(s)
	}
	rule, err := Parse("Bash(git push *)")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, other string) {
		rule.Match(bashRequest(other), world)
		// Newlines end whatever came before, unless quotes or a here-document
		// are open, or a comment: then the text is no command of its own.
		if strings.ContainsAny(other, "'\"`\\<#$") {
			return
		}
		for _, push := range []string{"git push x", "sudo -n git -C d push", "sh -c 'git push'", "git pu${x}sh", "/bin/git {push,x}"} {
			if !rule.Match(bashRequest(push+"\n"+other), world) {
				t.Errorf("%s is not matched before %q", push, other)
			}
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"Bash(git push *)", "Read(//**/x[a-z])", "WebFetch(domain:*.x)", "mcp__*", "Agent(model:*)", "Edit(**/**/**)"} {
		f.Add(s, `{"command":"git push","file_path":"/a/b","url":"https://x"}`)
	}
	for _, s := range []string{
		"sudo -u x sh -c 'eval \"git $x\"'", "xargs -I% cp % ~/.ssh", "sh <<E\ngit push\nE", "find . -exec rm {} +", "cp -t /etc {a,$b}*[c]", "cd ..; dd if=a of=$HOME/../x", `git $'\x70ush'`,
	} {
		input, err := json.Marshal(map[string]string{"command": s, "url": s})
		if err != nil {
			f.Fatal(err)
		}
		f.Add("Edit(//etc/**)", string(input))
	}
	f.Fuzz(func(t *testing.T, text, input string) {
		rule, err := Parse(text)
		if err != nil {
			return
		}
		if rule.String() != text {
			t.Errorf("Parse(%q) says %q", text, rule)
		}
		for _, tool := range []string{"Bash", "Monitor", "Read", "Write", "Grep", "WebFetch", "mcp__a__b", "Agent", "Skill", "PowerShell"} {
			rule.Match(request(tool, input), world)
			Set{rule}.Overlap(tool, input)
			if rule.named(tool) {
				if _, ok := (Set{rule}).Overlap(tool, ""); !ok {
					t.Errorf("a permission for all of %s does not overlap %s", tool, rule)
				}
			}
		}
	})
}

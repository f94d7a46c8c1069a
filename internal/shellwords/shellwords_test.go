package shellwords

import (
	"os/exec"
	"strings"
	"testing"

	"mvdan.cc/sh/v3/syntax"
)

// bash gives what bash makes of words, each in brackets.
func bash(t *testing.T, words string) string {
	t.Helper()
	path, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("there is no bash here")
	}
	cmd := exec.Command(path, "-c", "printf '[%s]' "+words)
	cmd.Env = []string{"LC_ALL=C.UTF-8"}
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("bash on %s: %v", words, err)
	}
	return string(out)
}

// What stands in $'…' is what bash makes of it.
func TestUnescapeC(t *testing.T) {
	for _, v := range []string{
		`plain`, `pu\x73h`, `\160ush`, `pus\u0068`, `pus\U00000068`, `\x{70}ush`, `\x{70ush`, `\xg`, `\u`, `\x`, `\q\%\?\"\'\\`,
		`push\0 gone`, `push\x00gone`, `push\u0000gone`, `push\x{}gone`, `push\400gone`, `\cA\c?\ca`, `\c`, `\c\\z`, `\1234`, `\8`,
		`\a\b\e\E\f\n\r\t\v`, `\u00e9\U0001F600`, `\xc3\xa9`,
	} {
		if got, want := "["+UnescapeC(v)+"]", bash(t, "$'"+v+"'"); got != want {
			t.Errorf("$'%s' is %q, to bash %q", v, got, want)
		}
	}
}

// Braces give the words that bash makes of them.
func TestBraces(t *testing.T) {
	for _, word := range []string{
		"plain", "{a,{b,c}", "{a}", "{a,b", "{a,b}", "{,a,}", "{a,}{b,c}", "{a,{b,c}d}", "{a..b,c}", "{a,b}}", "{{a,b}", "{a,b}{", "{},{}", "a{b,c}{d", "{a,b..c}",
	} {
		file, err := Parse("x " + word)
		if err != nil {
			t.Fatal(err)
		}
		var got strings.Builder
		for _, w := range Braces(file.Stmts[0].Cmd.(*syntax.CallExpr).Args[1]) {
			if text := Unescape(w.Lit()); text != "" { // an empty word is none
				got.WriteString("[" + text + "]")
			}
		}
		if want := bash(t, word); got.String() != want {
			t.Errorf("%s is %s, to bash %s", word, got.String(), want)
		}
	}
	for _, word := range []string{"{1..9}", strings.Repeat("{a,b}", 9)} {
		file, err := Parse("x " + word)
		if err != nil {
			t.Fatal(err)
		}
		if got := Braces(file.Stmts[0].Cmd.(*syntax.CallExpr).Args[1]); got != nil {
			t.Errorf("%s is %d words, want none", word, len(got))
		}
	}
}

// What cannot be read is an error, whatever it is.
func TestParseRefuses(t *testing.T) {
	for _, text := range []string{
		"if (", "echo 'open", strings.Repeat("x", maxBytes+1), strings.Repeat("(", 2000),
		"echo hi \\\r\ngit push", "git push\r", "git pu\x00sh",
	} {
		if _, err := Parse(text); err == nil {
			t.Errorf("%.40q was read", text)
		}
	}
}

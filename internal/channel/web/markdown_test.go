package web

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"claude-permission-daemon/internal/channel/channeltest"
	"claude-permission-daemon/internal/preview"
)

func drawnText(lines []lineView) string {
	var all strings.Builder
	for _, line := range lines {
		for _, run := range line.Runs {
			all.WriteString(run.Text)
		}
	}
	return all.String()
}

// TestMarkdownIsWhole: whatever a renderer would leave out can be read.
func TestMarkdownIsWhole(t *testing.T) {
	for _, source := range []string{
		channeltest.Plan,
		"<!-- rm -rf ~ -->",
		"[click](https://evil.example \"title\")\n\n[ref]: https://evil.example/ref 'hidden'\n![pixel](https://evil.example/p.png)",
		"&#x202e; &nbsp; \\* a\\\nb  \nc",
		"```js hidden=info\ncode\n```\nafter\n~~~\n```\n~~~\nafter",
		"<details><summary>x</summary>hidden</details><style>p{display:none}</style>",
		"a ⟨U+202E⟩ **b ⟨U+200B⟩** `c`",
	} {
		part := partOf(preview.Part{Kind: preview.Text, Lang: "markdown", Text: source})
		if part.Class != "markdown" {
			t.Fatalf("it is drawn as %s", part.Class)
		}
		if got := drawnText(part.Lines); got != source {
			t.Errorf("%q is drawn as %q", source, got)
		}
	}
}

func TestMarkdownLines(t *testing.T) {
	source := "# One\n#no\n###### Six\n- a\n  * b\n    10. c\n> q\n|a|b|\n```sh\n# code\n- code\n```\nplain **bold** `x`"
	var got []string
	lines := markdownLines(strings.SplitAfter(source, "\n"))
	for _, line := range lines {
		got = append(got, line.Class)
	}
	want := []string{"h1", "", "h3", "item in0", "item in1", "item in2", "quote", "code", "code", "code", "code", "code", ""}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	runs := []run{{Text: "plain "}, {Text: "**", Kind: "dim"}, {Text: "bold", Kind: "strong"}, {Text: "**", Kind: "dim"}, {Text: " "},
		{Text: "`", Kind: "dim"}, {Text: "x", Kind: "code"}, {Text: "`", Kind: "dim"}}
	if diff := cmp.Diff(runs, lines[len(lines)-1].Runs); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func FuzzMarkdown(f *testing.F) {
	f.Add(channeltest.Plan)
	f.Add("```\n~~~\n`a**b`**")
	f.Add("\n\n- \t- **\n> ⟨0xFF⟩")
	f.Fuzz(func(t *testing.T, source string) {
		if got := drawnText(partOf(preview.Part{Kind: preview.Text, Lang: "markdown", Text: source}).Lines); got != source {
			t.Errorf("%q is drawn as %q", source, got)
		}
	})
}

package slack

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"claude-permission-daemon/internal/channel/channeltest"
)

// drawnText is what of Markdown's elements can be read.
func drawnText(elements []any) string {
	var texts []string
	for _, e := range elements {
		var text strings.Builder
		for _, r := range e.(object).list("elements") {
			text.WriteString(r.(object).str("text"))
		}
		texts = append(texts, text.String())
	}
	return strings.Join(texts, "\n")
}

func TestMarkdown(t *testing.T) {
	var got []string
	for _, e := range markdown("# Title\n\nSome *prose*.\n```sh\nrm -rf x\n\n```\n\n| a | b |\n|---|---|\n<!-- also delete -->\n- item") {
		var runs []string
		for _, r := range e.(object).list("elements") {
			text := r.(object)
			said := text.str("text")
			if text["style"] != nil {
				said = "bold " + said
			}
			runs = append(runs, fmt.Sprintf("%q", said))
		}
		got = append(got, e.(object).str("type")+" "+strings.Join(runs, " "))
	}
	want := []string{
		`rich_text_quote "bold # Title" "\n\nSome *prose*."`,
		`rich_text_preformatted "` + "```" + `sh\nrm -rf x\n\n` + "```" + `\n\n| a | b |\n|---|---|"`,
		`rich_text_quote "<!-- also delete -->\n- item"`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// FuzzMarkdown: whatever is written, all of it can be read, and it is in few
// pieces.
func FuzzMarkdown(f *testing.F) {
	for _, s := range []string{channeltest.Plan, "", "\n", "```\nnever ended", "~~~\n```\n~~~\n|", "# a\n#b\n####### c\n  # d", strings.Repeat("a\n|b\n", 100), "\n\n|\n\n", "\n| \n|\n\xf4"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		elements := markdown(s)
		if got := drawnText(elements); got != s && (s != "" || got != " ") {
			t.Errorf("%q is drawn as %q", s, got)
		}
		if n := len(elements); n == 0 || n > mostElements {
			t.Errorf("%d pieces", n)
		}
	})
}

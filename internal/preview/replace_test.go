package preview

import "testing"

// What Claude Code makes of a text is measured in test/e2e/claude; this is what
// its client is not needed for.
func TestReplacement(t *testing.T) {
	tests := []struct {
		text string
		r    replacement
		want fit
	}{
		{"a b a", replacement{"b", "X", false}, fit{after: "a X a", of: 1, done: 1}},
		{"a b a", replacement{"a", "X", true}, fit{after: "X b X", of: 2, done: 2}},
		{"a b a", replacement{"a", "X", false}, fit{of: 2}},
		{"a b a", replacement{"c", "X", true}, fit{}},
		{"", replacement{"", "X", false}, fit{after: "X", of: 1, done: 1}},
		{"a", replacement{"", "X", false}, fit{}},
		{"a b\nb c\n", replacement{" b", "", false}, fit{after: "ab c\n", of: 1, done: 1, newline: true}},
		{"b a\nb\n", replacement{"b", "", true}, fit{after: "b a\n", of: 2, done: 1, newline: true}},
		{"b a\nb\n", replacement{"b", "", false}, fit{of: 2}},
		{"a\nb\n", replacement{"a\n", "", false}, fit{after: "b\n", of: 1, done: 1}},
		{"é “a” b", replacement{`"a" b`, `"c"`, false}, fit{after: "é “c”", of: 1, done: 1, quotes: true}},
		{"“a”\xff", replacement{`"a"`, ``, false}, fit{after: "\xff", of: 1, done: 1, quotes: true}},
		{"“a” “a”", replacement{`"a"`, `b`, false}, fit{of: 2, quotes: true}},
		{"it’s", replacement{"'s", `'m`, false}, fit{after: "it‘m", of: 1, done: 1, quotes: true}},
	}
	for _, tt := range tests {
		if got := tt.r.in(tt.text); got != tt.want {
			t.Errorf("%+v in %q: %+v, want %+v", tt.r, tt.text, got, tt.want)
		}
	}
}

// A cell's id counts before another's place, as the client has it.
func TestCellSource(t *testing.T) {
	const notebook = `{"cells":[{"id":"a","source":"zero"},{"id":"b","source":["on","e"]},{"id":"cell-1","source":"precious"},{"source":"three"},{"id":"x","source":5}]}`
	for id, want := range map[string]string{
		"a": "zero", "b": "one", "cell-1": "precious", "cell-0": "zero", "cell-3": "three",
		"": "", "c": "", "cell-5": "", "cell--1": "", "cell-x": "", "x": "", "1": "",
	} {
		if got, found := cellSource(notebook, id); got != want || found != (want != "") {
			t.Errorf("cell %q is %q, %v; want %q", id, got, found, want)
		}
	}
}

package slack

import (
	"encoding/json"
	"strings"
	"testing"
)

// returned is a message as Slack returns it, with some blocks.
func returned(t *testing.T, blocks string) object {
	t.Helper()
	o, ok := readObject([]byte(`{"blocks":` + blocks + `}`))
	if !ok {
		t.Fatalf("not JSON: %s", blocks)
	}
	return o
}

func TestWhatSlackMayMakeOfAMessage(t *testing.T) {
	blocks := func(text string) []object {
		return []object{
			header("1", "Run <it> & see"),
			contextOf("2", plainText(" host ✅ &lt; "), object{"type": "mrkdwn", "text": "asked <!date^1700000000^{time}|12:04 UTC>"}),
			richText("3", section(emoji("warning"), bold(" look")), preformatted(text, "bash")),
			actions("4", button("a", "Approve", `{"m":"1"}`, "primary")),
		}
	}
	text := "echo ':tada:' 🎉 && cat <in >out # see https://example.com/?a=1&b=2 &amp; *x*\n\tdone "
	posted := faceOf(blocks(text))
	as := string(mustJSON(blocks(text)))
	raw := func(s string) string { q := string(mustJSON(s)); return q[1 : len(q)-1] } // as it stands inside the JSON
	for name, change := range map[string]struct{ from, to string }{
		"as it was":                        {"", ""},
		"new fields":                       {`"type":"header"`, `"type":"header","new":"x","accessibility_label":"y","newer":{"a":[1,"b"]}`},
		"new block ids":                    {`"block_id":"3"`, `"block_id":"xY9"`},
		"emoji by name":                    {"🎉", ":tada:"},
		"emoji as an element":              {`"text":"` + raw(text) + `"`, `"text":"` + raw("echo ':tada:' ") + `","type":"text"},{"type":"emoji","name":"tada","unicode":"1f389"},{"text":"` + raw(strings.SplitAfter(text, "🎉")[1]) + `"`},
		"an address as a link":             {`"text":"` + raw(text) + `"`, `"text":"` + raw(strings.Split(text, "https")[0]) + `","type":"text"},{"type":"link","url":"` + raw("https://example.com/?a=1&b=2") + `"},{"text":"` + raw(strings.SplitAfter(text, "b=2")[1]) + `"`},
		"the end trimmed":                  {`done "`, `done"`},
		"text objects trimmed and escaped": {raw(" host ✅ &lt; "), `host :white_check_mark: &lt;`},
		"the header escaped":               {raw("Run <it> & see"), `Run &lt;it&gt; &amp; see`},
		"the time by another clock":        {`|12:04 UTC`, `|13:04`},
		"the time's markup escaped":        {raw("<!date^1700000000^{time}|12:04 UTC>"), raw("&lt;!date^1700000000^{time}|12:04 UTC&gt;")},
		"a confirm":                        {`"style":"primary"`, `"style":"primary","confirm":{"title":{"type":"plain_text","text":"Sure?"}}`},
	} {
		t.Run("may: "+name, func(t *testing.T) {
			changed := strings.Replace(as, change.from, change.to, 1)
			if change.from != "" && changed == as {
				t.Fatalf("%q is not in %s", change.from, as)
			}
			if m := returned(t, changed); !posted.shows(m) {
				t.Errorf("not recognised:\n%q\n%q", posted, readFace(m.list("blocks")))
			}
		})
	}
	for name, change := range map[string]struct{ from, to string }{
		"a letter":                {"done", "gone"},
		"a letter less":           {"done", "don"},
		"a tail more":             {`done "`, `done; rm -rf ~"`},
		"a line break for a tab":  {`\n\tdone`, `\t\tdone`},
		"another line":            {`\n\tdone`, ` done`},
		"another emoji's name":    {`:tada:`, `:party:`},
		"text for an emoji":       {"🎉", "x"},
		"nothing for an emoji":    {" 🎉 ", " "},
		"another emoji of ours":   {`"name":"warning"`, `"name":"white_check_mark"`},
		"another host":            {`host`, `sandbox`},
		"another time":            {`1700000000`, `1800000000`},
		"another button":          {`Approve`, `Deny`},
		"a button that links":     {`"type":"button"`, `"type":"button","url":"https://evil.example"`},
		"a link in the text":      {`"type":"rich_text_preformatted"`, `"type":"rich_text_preformatted","x":[{"type":"link","url":"https://evil.example"}]`},
		"a link that says less":   {`{"text":"` + raw(text) + `","type":"text"}`, `{"type":"link","url":"https://evil.example","text":"` + raw(text) + `"}`},
		"a mention":               {`{"name":"warning","type":"emoji"}`, `{"name":"warning","type":"emoji"},{"type":"user","user_id":"U1"}`},
		"a block more":            {`[{`, `[{"type":"divider"},{`},
		"an element more":         {`"elements":[{"emoji"`, `"elements":[{"type":"new","content":"safe"},{"emoji"`},
		"an image":                {`"type":"context"`, `"type":"context","image_url":"https://evil.example/x.png"`},
		"formatting":              {`{"emoji":false,"text":"` + raw("Run <it> & see") + `","type":"plain_text"}`, `{"text":"` + raw("Run <it> & see") + `","type":"mrkdwn"}`},
		"a quote for code":        {`rich_text_preformatted`, `rich_text_quote`},
		"the command's entities":  {raw("&amp; *x*"), raw("& *x*")},
		"no blocks":               {as, `[]`},
		"blocks that are no list": {as, `{"a":1}`},
	} {
		t.Run("may not: "+name, func(t *testing.T) {
			changed := strings.Replace(as, change.from, change.to, 1)
			if changed == as {
				t.Fatalf("%q is not in %s", change.from, as)
			}
			if m := returned(t, changed); posted.shows(m) {
				t.Errorf("taken for what was posted:\n%s", changed)
			}
		})
	}
	for _, extra := range []string{`"attachments":[{"text":"x"}]`, `"files":[{"id":"F1"}]`} {
		o, _ := readObject([]byte(`{"blocks":` + as + `,` + extra + `}`))
		if posted.shows(o) {
			t.Errorf("a message with %s is taken for what was posted", extra)
		}
	}
	if (face{}).shows(object{}) || (face)(nil).shows(returned(t, `[]`)) {
		t.Error("nothing is recognised in nothing")
	}
	if !json.Valid([]byte(as)) {
		t.Fatal(as)
	}
}

func TestCutMiddle(t *testing.T) {
	for _, s := range []string{"", "short", strings.Repeat("x", 1000), strings.Repeat("a line of some length\n", 200), strings.Repeat("&", 500), strings.Repeat("🎉", 500), strings.Repeat("\n", 999)} {
		for _, budget := range []int{0, 1, 47, 48, 60, 100, 400, 5000} {
			shown, left := cutMiddle(s, budget)
			if left == 0 {
				if shown != s {
					t.Errorf("%.20q within %d: changed to %.40q, and nothing is said to be left out", s, budget, shown)
				}
				continue
			}
			if got := cost(shown); got > max(budget, 60) {
				t.Errorf("%.20q within %d costs %d", s, budget, got)
			}
			head, tail, ok := strings.Cut(shown, "\n⟨… "+thousands(left)+" characters not shown …⟩\n")
			if !ok || !strings.HasPrefix(s, head) || !strings.HasSuffix(s, tail) {
				t.Fatalf("%.20q within %d: %q is not its head and its tail", s, budget, shown)
			}
			if got := len([]rune(head)) + len([]rune(tail)) + left; got != len([]rune(s)) {
				t.Errorf("%.20q within %d: head, tail and what is left out are %d characters of %d", s, budget, got, len([]rune(s)))
			}
		}
	}
}

func TestShare(t *testing.T) {
	for _, test := range []struct {
		costs []int
		total int
		want  string
	}{
		{[]int{10, 20}, 100, "[10,20]"},
		{[]int{10, 1000, 20}, 130, "[10,100,20]"},
		{[]int{1000, 2000}, 100, "[50,50]"},
		{[]int{5, 1000, 2000, 0}, 100, "[5,47,47,1]"},
		{[]int{10, 10}, -5, "[1,1]"},
		{nil, 100, "[]"},
	} {
		if got := string(mustJSON(share(test.costs, test.total))); got != test.want {
			t.Errorf("share(%v, %d) = %s, want %s", test.costs, test.total, got, test.want)
		}
	}
}

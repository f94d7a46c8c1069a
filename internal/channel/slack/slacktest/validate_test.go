package slacktest_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"claude-permission-daemon/internal/channel/slack/slacktest"
)

func x(n int) string { return strings.Repeat("x", n) }

// block makes a block of a JSON text in which %s is a string of n characters.
func block(format string, n ...int) json.RawMessage {
	args := make([]any, len(n))
	for i, v := range n {
		args[i] = x(v)
	}
	return json.RawMessage(fmt.Sprintf(format, args...))
}

func TestBlocksAtTheirLimits(t *testing.T) {
	_, c := start(t, slacktest.Options{MessageBudget: 1 << 20})
	const (
		section      = `{"type":"section","text":{"type":"mrkdwn","text":"%s"}}`
		field        = `{"type":"section","fields":[{"type":"mrkdwn","text":"%s"}]}`
		header       = `{"type":"header","text":{"type":"plain_text","text":"%s"}}`
		buttonText   = `{"type":"actions","elements":[{"type":"button","action_id":"a","text":{"type":"plain_text","text":"%s"}}]}`
		buttonValue  = `{"type":"actions","elements":[{"type":"button","action_id":"a","value":"%s","text":{"type":"plain_text","text":"x"}}]}`
		buttonURL    = `{"type":"actions","elements":[{"type":"button","action_id":"a","url":"%s","text":{"type":"plain_text","text":"x"}}]}`
		actionID     = `{"type":"actions","elements":[{"type":"button","action_id":"%s","text":{"type":"plain_text","text":"x"}}]}`
		blockID      = `{"type":"divider","block_id":"%s"}`
		markdown     = `{"type":"markdown","text":"%s"}`
		confirmTitle = `{"type":"actions","elements":[{"type":"button","text":{"type":"plain_text","text":"x"},"confirm":
			{"title":{"type":"plain_text","text":"%s"},"text":{"type":"mrkdwn","text":"%s"},"confirm":{"type":"plain_text","text":"%s"},"deny":{"type":"plain_text","text":"%s"}}}]}`
		image     = `{"type":"image","image_url":"https://example.com/x.png","alt_text":"%s"}`
		input     = `{"type":"input","label":{"type":"plain_text","text":"%s"},"element":{"type":"plain_text_input","action_id":"a","placeholder":{"type":"plain_text","text":"%s"}}}`
		selection = `{"type":"actions","elements":[{"type":"static_select","placeholder":{"type":"plain_text","text":"x"},"options":[{"text":{"type":"plain_text","text":"%s"},"value":"%s"}]}]}`
	)
	for _, tt := range []struct {
		format string
		ok     []int
		bad    []int
	}{
		{section, []int{3000}, []int{3001}},
		{section, []int{1}, []int{0}},
		{field, []int{2000}, []int{2001}},
		{header, []int{150}, []int{151}},
		{buttonText, []int{75}, []int{76}},
		{buttonValue, []int{2000}, []int{2001}},
		{buttonURL, []int{3000}, []int{3001}},
		{actionID, []int{255}, []int{256}},
		{blockID, []int{255}, []int{256}},
		{markdown, []int{12000}, []int{12001}},
		{confirmTitle, []int{100, 300, 30, 30}, []int{101, 300, 30, 30}},
		{confirmTitle, []int{100, 300, 30, 30}, []int{100, 301, 30, 30}},
		{confirmTitle, []int{100, 300, 30, 30}, []int{100, 300, 31, 30}},
		{confirmTitle, []int{100, 300, 30, 30}, []int{100, 300, 30, 31}},
		{image, []int{2000}, []int{2001}},
		{input, []int{2000, 150}, []int{2001, 150}},
		{input, []int{2000, 150}, []int{2000, 151}},
		{selection, []int{75, 150}, []int{76, 150}},
		{selection, []int{75, 150}, []int{75, 151}},
	} {
		if out := c.blocks(block(tt.format, tt.ok...)); out["ok"] != true {
			t.Errorf("%v of %.60s: %v", tt.ok, tt.format, out)
		}
		if out := c.blocks(block(tt.format, tt.bad...)); out["error"] != "invalid_blocks" {
			t.Errorf("%v of %.60s: %v", tt.bad, tt.format, out)
		}
	}
}

// blocks posts blocks and returns the answer.
func (c *client) blocks(blocks ...json.RawMessage) map[string]any {
	c.t.Helper()
	return c.call("chat.postMessage", map[string]any{"channel": "C0TEAM", "text": "x", "blocks": blocks})
}

func TestHowManyBlocksAndElements(t *testing.T) {
	_, c := start(t, slacktest.Options{})
	repeat := func(n int, format string) string {
		parts := make([]string, n)
		for i := range parts {
			parts[i] = strings.ReplaceAll(format, "#", fmt.Sprint(i))
		}
		return strings.Join(parts, ",")
	}
	for _, tt := range []struct {
		limit         int
		format, inner string
	}{
		{25, `[{"type":"actions","elements":[%s]}]`, `{"type":"button","action_id":"a#","text":{"type":"plain_text","text":"x"}}`},
		{10, `[{"type":"context","elements":[%s]}]`, `{"type":"mrkdwn","text":"x"}`},
		{10, `[{"type":"section","fields":[%s]}]`, `{"type":"mrkdwn","text":"x"}`},
		{50, `[%s]`, `{"type":"divider"}`},
	} {
		post := func(n int) any {
			return c.call("chat.postMessage", map[string]any{
				"channel": "C0TEAM", "text": "x", "blocks": fmt.Sprintf(tt.format, repeat(n, tt.inner)),
			})["error"]
		}
		if got := post(tt.limit); got != nil {
			t.Errorf("%d in %s: %v", tt.limit, tt.format, got)
		}
		if got := post(tt.limit + 1); got != "invalid_blocks" {
			t.Errorf("%d in %s: %v", tt.limit+1, tt.format, got)
		}
	}
}

func TestBlocksThatAreRefused(t *testing.T) {
	_, c := start(t, slacktest.Options{})
	for blocks, want := range map[string]string{
		`{"type":"divider"}`:    "invalid_blocks_format",
		`[7]`:                   "should be object [json-pointer:/blocks/0]",
		`[{"type":"nonsense"}]`: "unsupported type: nonsense [json-pointer:/blocks/0/type]",
		`[{"type":"alert","text":{"type":"plain_text","text":"x"}}]`:            "unsupported type: alert",
		`[{"type":"divider","block_id":"d"},{"type":"divider","block_id":"d"}]`: "`block_id` must be unique [json-pointer:/blocks/1/block_id]",
		`[{"type":"section"}]`:            "missing required field: text [json-pointer:/blocks/0]",
		`[{"type":"section","text":"x"}]`: "should be object [json-pointer:/blocks/0/text]",
		`[{"type":"section","text":{"type":"mrkdwn","text":"x","emoji":true}}]`:                                      "invalid additional property: emoji [json-pointer:/blocks/0/text]",
		`[{"type":"section","text":{"type":"plain_text","text":7}}]`:                                                 "should be string",
		`[{"type":"section","fields":7}]`:                                                                            "should be array",
		`[{"type":"header","text":{"type":"mrkdwn","text":"x"}}]`:                                                    "unsupported type: mrkdwn",
		`[{"type":"actions","elements":[]}]`:                                                                         "no fewer than 1 items",
		`[{"type":"actions","elements":[{"type":"nonsense"}]}]`:                                                      "unsupported type: nonsense",
		`[{"type":"actions","elements":[{"type":"plain_text_input"}]}]`:                                              "unsupported type: plain_text_input",
		`[{"type":"actions","elements":[{"type":"button","text":{"type":"plain_text","text":"x"},"style":"loud"}]}]`: "enum",
		`[{"type":"actions","elements":[{"type":"button","action_id":7,"text":{"type":"plain_text","text":"x"}}]}]`:  "should be string",
		`[{"type":"actions","elements":[{"type":"button","confirm":7,"text":{"type":"plain_text","text":"x"}}]}]`:    "should be object",
		`[{"type":"actions","elements":[{"type":"button","action_id":"a","text":{"type":"plain_text","text":"x"}},{"type":"button","action_id":"a","text":{"type":"plain_text","text":"x"}}]}]`: "`action_id` must be unique",
		`[{"type":"image","alt_text":"x"}]`:                                                                                    "missing required field: image_url",
		`[{"type":"image","image_url":"https://example.com/"}]`:                                                                "missing required field: alt_text",
		`[{"type":"context","elements":[{"type":"image","alt_text":"x"}]}]`:                                                    "missing required field: image_url",
		`[{"type":"section","text":{"type":"plain_text","text":"x"},"accessory":{"type":"image","image_url":"x"}}]`:            "missing required field: alt_text",
		`[{"type":"input","label":{"type":"plain_text","text":"x"}}]`:                                                          "missing required field: element",
		`[{"type":"input","label":{"type":"plain_text","text":"x"},"element":{"type":"plain_text_input","max_length":4000}}]`:  "less than or equal to 3000",
		`[{"type":"input","label":{"type":"plain_text","text":"x"},"element":{"type":"plain_text_input","max_length":"4"}}]`:   "should be integer",
		`[{"type":"rich_text","elements":[{"type":"nonsense","elements":[]}]}]`:                                                "unsupported type: nonsense",
		`[{"type":"rich_text","elements":[{"type":"rich_text_preformatted","elements":[{"type":"text","text":""}]}]}]`:         "must be more than 0 characters",
		`[{"type":"rich_text","elements":[{"type":"rich_text_preformatted","elements":[{"type":"emoji","name":"x"}]}]}]`:       "unsupported type: emoji",
		`[{"type":"rich_text","elements":[{"type":"rich_text_section","elements":[{"type":"text","text":"x","bold":true}]}]}]`: "invalid additional property: bold",
		`[{"type":"rich_text","elements":[{"type":"rich_text_section","elements":[{"type":"link","text":"x"}]}]}]`:             "missing required field: url",
		`[{"type":"rich_text","elements":[{"type":"rich_text_list","elements":[]}]}]`:                                          "missing required field: style",
		`[{"type":"section","text":{"type":"mrkdwn","text":"` + strings.Repeat("🔒", 1501) + `"}}]`:                             "must be less than 3001 characters",
	} {
		out := c.call("chat.postMessage", map[string]any{"channel": "C0TEAM", "text": "x", "blocks": blocks})
		if got := fmt.Sprint(out); out["ok"] != false || !strings.Contains(got, want) {
			t.Errorf("%.90s: %v, want %s", blocks, got, want)
		}
	}
	for _, blocks := range []string{
		`[{"type":"rich_text","elements":[{"type":"rich_text_list","style":"bullet","elements":[{"type":"rich_text_section","elements":[{"type":"text","text":"x","style":{"bold":true}}]}]}]}]`,
		`[{"type":"rich_text","elements":[{"type":"rich_text_quote","elements":[{"type":"link","url":"https://example.com/"}]}]}]`,
		`[{"type":"rich_text","elements":[{"type":"rich_text_preformatted","language":"bash","border":1,"elements":[{"type":"text","text":"ls"}]}]}]`,
		`[{"type":"table","rows":[]}]`,
		`[{"type":"section","text":{"type":"plain_text","text":"x"},"accessory":{"type":"image","image_url":"x","alt_text":"x"}}]`,
		`[{"type":"actions","elements":[{"type":"static_select","option_groups":[]}]}]`,
	} {
		if out := c.call("chat.postMessage", map[string]any{"channel": "C0TEAM", "text": "x", "blocks": blocks}); out["ok"] != true {
			t.Errorf("%s: %v", blocks, out)
		}
	}
}

// No single block is too long, all of them are.
func TestTheWholeMessageHasABudget(t *testing.T) {
	_, c := start(t, slacktest.Options{})
	section := block(`{"type":"section","text":{"type":"mrkdwn","text":"%s"}}`, 2835)
	if out := c.blocks(section, section, section, section); out["ok"] != true {
		t.Errorf("%v", out)
	}
	if out := c.blocks(section, section, section, section, block(`{"type":"header","text":{"type":"plain_text","text":"%s"}}`, 1)); out["error"] != "msg_blocks_too_long" {
		t.Errorf("%v", out)
	}
}

func TestMetadata(t *testing.T) {
	_, c := start(t, slacktest.Options{})
	for meta, want := range map[string]any{
		`{"event_type":"a","event_payload":{"id":"x","n":7,"b":true}}`: nil,
		`{}`:                   nil,
		`nothing`:              "invalid_metadata_format",
		`{"event_type":"a"}`:   "invalid_metadata_schema",
		`{"event_payload":{}}`: "invalid_metadata_schema",
		`{"event_type":"a","event_payload":{"deep":{}}}`:      "invalid_metadata_schema",
		`{"event_type":"` + x(8000) + `","event_payload":{}}`: "metadata_too_large",
	} {
		if out := c.call("chat.postMessage", map[string]any{"channel": "C0TEAM", "text": "x", "metadata": meta}); out["error"] != want {
			t.Errorf("%.60s: %v, want %v", meta, out, want)
		}
	}
}

func TestModals(t *testing.T) {
	s, c := start(t, slacktest.Options{})
	c.dial(nil).next(t, "hello")
	change := func(f func(map[string]any)) map[string]any {
		v := reason()
		f(v)
		return v
	}
	for want, view := range map[string]map[string]any{
		"":                                    reason(),
		"/view/title/text":                    change(func(v map[string]any) { v["title"] = plain(x(25)) }),
		"/view/submit/text":                   change(func(v map[string]any) { v["submit"] = plain(x(25)) }),
		"/view/close/text":                    change(func(v map[string]any) { v["close"] = plain(x(25)) }),
		"/view/private_metadata":              change(func(v map[string]any) { v["private_metadata"] = x(3001) }),
		"/view/callback_id":                   change(func(v map[string]any) { v["callback_id"] = x(256) }),
		"missing required field: submit":      change(func(v map[string]any) { delete(v, "submit") }),
		"missing required field: blocks":      change(func(v map[string]any) { delete(v, "blocks") }),
		"missing required field: title":       change(func(v map[string]any) { delete(v, "title") }),
		"invalid additional property: colour": change(func(v map[string]any) { v["colour"] = "red" }),
		"unsupported type: home":              change(func(v map[string]any) { v["type"] = "home" }),
		"unsupported type: markdown":          change(func(v map[string]any) { v["blocks"] = []any{map[string]any{"type": "markdown", "text": "x"}} }),
		"must be less than 201 characters":    change(func(v map[string]any) { v["blocks"] = []any{map[string]any{"type": "alert", "text": plain(x(201))}} }),
		"no more than 100 items":              change(func(v map[string]any) { v["blocks"] = make([]any, 101) }),
	} {
		click, err := s.Click(c.ctx, slacktest.Click{TS: c.post(), ActionID: "deny"})
		if err != nil {
			t.Fatal(err)
		}
		out := c.call("views.open", map[string]any{"trigger_id": click.TriggerID, "view": view})
		if want == "" {
			if out["ok"] != true {
				t.Errorf("%v", out)
			}
		} else if got := fmt.Sprint(out); out["error"] != "invalid_arguments" || !strings.Contains(got, want) {
			t.Errorf("%v, want %s", got, want)
		}
	}
}

func TestHarshRewriting(t *testing.T) {
	s, c := start(t, slacktest.Options{Harsh: true})
	out := c.call("chat.postMessage", map[string]any{
		"channel": "C0TEAM", "text": "✅ a & b &amp; <@U0ALICE> <now>",
		"blocks": []any{
			map[string]any{"type": "section", "text": map[string]any{"type": "mrkdwn", "text": " ⚠️ <https://example.com|x> a > b \n"}},
			map[string]any{"type": "section", "text": map[string]any{"type": "plain_text", "text": "✅ <@U0ALICE>", "emoji": false}},
			map[string]any{"type": "rich_text", "elements": []any{map[string]any{"type": "rich_text_preformatted", "elements": []any{
				map[string]any{"type": "text", "text": " ✅ a & b \n"},
			}}}},
		},
	})
	if out["ok"] != true {
		t.Fatal(out)
	}
	m := s.Messages("C0TEAM")[0]
	if want := ":white_check_mark: a &amp; b &amp; <@U0ALICE> &lt;now&gt;"; m.Text != want {
		t.Errorf("text %q, want %q", m.Text, want)
	}
	var got []string
	var collect func(v any)
	collect = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			if text, ok := v["text"].(string); ok {
				got = append(got, text)
			}
			collect(v["text"])
			collect(v["elements"])
		case []any:
			for _, inner := range v {
				collect(inner)
			}
		}
	}
	var blocks []any
	if err := json.Unmarshal(m.Blocks, &blocks); err != nil {
		t.Fatal(err)
	}
	collect(blocks)
	want := []string{":warning: <https://example.com|x> a &gt; b", "✅ &lt;@U0ALICE&gt;", " ✅ a & b \n"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("texts (-want +got):\n%s", diff)
	}
}

// Whatever is posted, the Server answers in kind and stays alive.
func FuzzBlocks(f *testing.F) {
	for _, seed := range []string{`[]`, `[null]`, `[{"type":"section","text":{"type":"mrkdwn","text":"x"}}]`, `[{"type":"actions","elements":[{"type":"button"}]}]`} {
		f.Add(seed)
	}
	b, _ := json.Marshal(card())
	f.Add(string(b))
	s, err := slacktest.Start(slacktest.Options{})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(s.Close)
	f.Fuzz(func(t *testing.T, blocks string) {
		out, err := s.Invoke("chat.postMessage", map[string]any{"channel": "C0TEAM", "text": "x", "blocks": blocks})
		if err != nil {
			return
		}
		// What was taken once is taken again: the Server's own blocks are valid.
		message := out["message"].(map[string]any)
		if kept, ok := message["blocks"].(json.RawMessage); ok {
			if _, err := s.Invoke("chat.postMessage", map[string]any{"channel": "C0TEAM", "text": "x", "blocks": string(kept)}); err != nil {
				t.Errorf("%s: %v", kept, err)
			}
		}
	})
}

// Inputs of a modal, each at its limit and beyond.
func TestInputs(t *testing.T) {
	s, c := start(t, slacktest.Options{})
	c.dial(nil).next(t, "hello")
	option := func(value string, n int) map[string]any { return map[string]any{"text": plain(x(n)), "value": value} }
	options := func(n int) (all []any) {
		for i := range n {
			all = append(all, option(fmt.Sprint(i), 75))
		}
		return all
	}
	choice := func(typ string, more map[string]any, options []any) map[string]any {
		e := map[string]any{"type": typ, "action_id": "a", "options": options}
		maps.Copy(e, more)
		return e
	}
	type m = map[string]any
	for i, test := range []struct {
		element m
		want    string
	}{
		{choice("radio_buttons", nil, options(10)), ""},
		{choice("radio_buttons", nil, options(11)), "no more than 10 items"},
		{choice("checkboxes", nil, options(11)), "no more than 10 items"},
		{choice("static_select", nil, options(100)), ""},
		{choice("multi_static_select", nil, options(101)), "no more than 100 items"},
		{choice("radio_buttons", nil, nil), "options"},
		{choice("radio_buttons", nil, []any{option("1", 76)}), "must be less than 76 characters"},
		{choice("radio_buttons", nil, []any{m{"text": plain("x"), "value": "1", "description": plain(x(76))}}), "must be less than 76 characters"},
		{choice("radio_buttons", nil, []any{option("1", 5), option("1", 6)}), "must be unique"},
		{choice("radio_buttons", nil, []any{m{"text": plain("x")}}), "missing required field: value"},
		{choice("static_select", nil, []any{m{"text": m{"type": "mrkdwn", "text": "x"}, "value": "1"}}), "unsupported type: mrkdwn"},
		{choice("radio_buttons", m{"initial_option": option("1", 75)}, options(2)), ""},
		{choice("radio_buttons", m{"initial_option": option("1", 74)}, options(2)), "must match one of the options"},
		{choice("checkboxes", m{"initial_options": []any{option("7", 75)}}, options(2)), "must match one of the options"},
		{choice("checkboxes", m{"initial_options": []any{}}, options(2)), "no fewer than 1"},
		{choice("checkboxes", m{"placeholder": plain("x")}, options(2)), "invalid additional property: placeholder"},
		{m{"type": "number_input", "action_id": "a", "is_decimal_allowed": false, "initial_value": "-3"}, ""},
		{m{"type": "number_input", "action_id": "a", "is_decimal_allowed": false, "initial_value": "3.5"}, "must be a number"},
		{m{"type": "number_input", "action_id": "a"}, "missing required field: is_decimal_allowed"},
		{m{"type": "plain_text_input", "action_id": "a", "max_length": 5, "initial_value": x(5)}, ""},
		{m{"type": "plain_text_input", "action_id": "a", "max_length": 5, "initial_value": x(6)}, "/initial_value"},
		{m{"type": "plain_text_input", "action_id": "a", "max_length": 3001}, "/max_length"},
	} {
		view := reason()
		view["blocks"] = []any{m{"type": "input", "block_id": "b", "label": plain("x"), "element": test.element}}
		click, err := s.Click(c.ctx, slacktest.Click{TS: c.post(), ActionID: "deny"})
		if err != nil {
			t.Fatal(err)
		}
		out := c.call("views.open", m{"trigger_id": click.TriggerID, "view": view})
		if got := fmt.Sprint(out); test.want == "" && out["ok"] != true || test.want != "" && (out["ok"] == true || !strings.Contains(got, test.want)) {
			t.Errorf("%d: %v, want %q", i, out, test.want)
		}
	}
}

// Package blockhtml draws Block Kit as HTML, near enough to what Slack's own
// clients show that a person can judge a card by it. It is for pictures in the
// documentation and for looking at a card while changing it; nothing of the
// program uses it.
package blockhtml

import (
	"encoding/json"
	"fmt"
	"html"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Drawn is something to draw: a Message, a Modal or a Dialog.
type Drawn interface{ html() (string, error) }

// Message is one message.
type Message struct {
	App    string // who posts it
	Blocks json.RawMessage
	At     time.Time
}

// Modal is a modal as a phone shows it, over the whole screen.
type Modal struct{ View json.RawMessage }

// Dialog is what a button asks before it counts: its confirm object, over what
// was drawn before.
type Dialog struct{ Confirm json.RawMessage }

// Page draws all below one another, as a page of its own, light or dark as the
// browser wants it. Width is in CSS pixels.
func Page(width int, all ...Drawn) (string, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "<!doctype html><meta charset=utf-8><meta name=viewport content=\"width=device-width\"><style>%s body{width:%dpx}</style>", style, width)
	for _, d := range all {
		drawn, err := d.html()
		if err != nil {
			return "", err
		}
		b.WriteString(drawn)
	}
	return b.String(), nil
}

func (m Message) html() (string, error) {
	blocks, err := read[[]any](m.Blocks)
	return fmt.Sprintf("<div class=message><div class=avatar>✳</div><div class=body><div class=by><b>%s</b> <span class=app>APP</span> <span class=at>%s</span></div>%s</div></div>",
		html.EscapeString(m.App), m.At.Format("15:04"), draw(blocks)), err
}

func (m Modal) html() (string, error) {
	view, err := read[map[string]any](m.View)
	return fmt.Sprintf("<div class=modal><div class=bar><span class=close>%s</span><b>%s</b><span class=submit>%s</span></div>%s</div>",
		draw(view["close"]), draw(view["title"]), draw(view["submit"]), draw(view["blocks"])), err
}

func (d Dialog) html() (string, error) {
	o, err := read[map[string]any](d.Confirm)
	style, _ := o["style"].(string)
	return fmt.Sprintf("<div class=over><div class=dialog><b>%s</b><p>%s</p><div class=actions><button>%s</button><button class=%q>%s</button></div></div></div>",
		draw(o["title"]), draw(o["text"]), draw(o["deny"]), html.EscapeString(style+" primary"), draw(o["confirm"])), err
}

func read[T any](raw json.RawMessage) (v T, err error) {
	if err = json.Unmarshal(raw, &v); err != nil {
		err = fmt.Errorf("cannot draw blocks: %w", err)
	}
	return v, err
}

const style = `
:root{color-scheme:light dark;--paper:#fff;--ink:#1d1c1d;--faint:#616061;--edge:#ddd;--code:#f8f8f8;--chip:#ebeaeb;--button:#bbb;--green:#007a5a;--go:#007a5a;--red:#e01e5a;--amber:#a86a00}
@media (prefers-color-scheme:dark){:root{--paper:#1a1d21;--ink:#d1d2d3;--faint:#ababad;--edge:#3a3d41;--code:#222529;--chip:#35373b;--button:#797c80;--go:#2eb67d;--amber:#ecb22e}}
*{box-sizing:border-box}
body{margin:0;padding:14px 16px;background:var(--paper);color:var(--ink);font:15px/1.46668 Lato,"Noto Sans","DejaVu Sans",sans-serif}
body:has(.modal){padding:0}
.message{display:flex;gap:8px;padding:6px 0}
.avatar{width:36px;height:36px;border-radius:8px;background:#2b2b33;color:#f0a27a;font-size:22px;line-height:36px;text-align:center;flex:none}
.body{flex:1;min-width:0}
.app{font-size:10px;background:var(--chip);color:var(--faint);border-radius:2px;padding:1px 3px;font-weight:700}
.at,.context{font-size:12px;color:var(--faint)}
.header{font-size:18px;font-weight:900;margin:4px 0}
.context{margin:3px 0;line-height:1.4;overflow-wrap:anywhere}
.context>span+span{margin-left:8px}
.rich{margin:4px 0;white-space:pre-wrap;overflow-wrap:anywhere}
pre{margin:4px 0;padding:8px;border:1px solid var(--edge);border-radius:4px;background:var(--code);font:12px/1.50001 "DejaVu Sans Mono",monospace;white-space:pre-wrap;overflow-wrap:anywhere}
blockquote{margin:4px 0;padding-left:12px;border-left:4px solid var(--edge)}
.actions{display:flex;flex-wrap:wrap;gap:8px;margin:8px 0 2px}
i{font-style:normal}.green{color:#2eb67d}.red{color:#e01e5a}.amber{color:var(--amber)}
button{font:900 13px/1.2 Lato,"Noto Sans","DejaVu Sans",sans-serif;font-weight:700;padding:8px 12px;border-radius:8px;border:1px solid var(--button);background:var(--paper);color:var(--ink);text-align:left;max-width:100%;overflow-wrap:anywhere}
button.primary{background:var(--green);color:#fff;border-color:var(--green)}
button.danger{background:var(--red);color:#fff;border-color:var(--red)}
.modal{padding:0 16px 20px}
.bar{display:flex;justify-content:space-between;gap:8px;margin:0 -16px 8px;padding:12px 16px;border-bottom:1px solid var(--edge)}
.bar .close{color:var(--faint)}.bar .submit{color:var(--go);font-weight:700}
.input{margin:14px 0}
.label{font-weight:700;margin-bottom:4px;overflow-wrap:anywhere}.label small,.hint,.choice small{font-weight:400;font-size:13px;color:var(--faint)}
.hint{margin-top:4px}
.box{border:1px solid var(--button);border-radius:4px;padding:8px 12px;min-height:40px;white-space:pre-wrap;overflow-wrap:anywhere}
.box.lines{min-height:84px}.box.long{max-height:360px;overflow:hidden;mask-image:linear-gradient(#000 85%,transparent)}
.box.empty{color:var(--faint)}
.choice{display:flex;gap:10px;padding:5px 0}.choice>span:last-child{min-width:0;overflow-wrap:anywhere}.choice small{display:block}
.mark{flex:none;width:20px;height:20px;border:1.5px solid var(--button);border-radius:4px;text-align:center;line-height:17px;font-size:13px;color:#fff}
.mark.round{border-radius:50%}.mark.on{background:var(--green);border-color:var(--green)}
.over{position:fixed;inset:0;background:#0009;display:flex;align-items:center;padding:20px}
.dialog{background:var(--paper);border-radius:12px;padding:20px;width:100%;overflow-wrap:anywhere}
.dialog b{font-size:18px}.dialog .actions{justify-content:flex-end}
`

func draw(v any) string {
	switch v := v.(type) {
	case []any:
		var b strings.Builder
		for _, e := range v {
			b.WriteString(draw(e))
		}
		return b.String()
	case map[string]any:
		return drawObject(v)
	}
	return ""
}

func drawObject(o map[string]any) string {
	text, _ := o["text"].(string)
	inner := draw(o["elements"])
	switch o["type"] {
	case "header":
		return "<div class=header>" + draw(o["text"]) + "</div>"
	case "section":
		return "<div class=rich>" + draw(o["text"]) + "</div>"
	case "context":
		return "<div class=context>" + inner + "</div>"
	case "actions":
		return "<div class=actions>" + inner + "</div>"
	case "rich_text":
		return "<div class=rich>" + inner + "</div>"
	case "rich_text_section":
		return "<div>" + inner + "</div>"
	case "rich_text_preformatted":
		return "<pre>" + inner + "</pre>"
	case "rich_text_quote":
		return "<blockquote>" + inner + "</blockquote>"
	case "input":
		return drawInput(o)
	case "button":
		style, _ := o["style"].(string)
		return `<button class="` + html.EscapeString(style) + `">` + draw(o["text"]) + "</button>"
	case "plain_text":
		return "<span>" + html.EscapeString(text) + "</span>"
	case "mrkdwn":
		return "<span>" + dates.ReplaceAllStringFunc(html.EscapeString(text), clock) + "</span>"
	case "emoji":
		name, _ := o["name"].(string)
		if picture, ok := pictures[name]; ok {
			return picture
		}
		return ":" + html.EscapeString(name) + ":"
	case "text":
		said := html.EscapeString(text)
		if style, _ := o["style"].(map[string]any); style["bold"] == true {
			return "<b>" + said + "</b>"
		}
		return said
	}
	return ""
}

// drawInput draws an input of a modal with what stands in it at first.
func drawInput(o map[string]any) string {
	element, _ := o["element"].(map[string]any)
	options, _ := element["options"].([]any)
	kind, _ := element["type"].(string)
	var inner strings.Builder
	switch kind {
	case "radio_buttons", "checkboxes":
		for _, option := range options {
			inner.WriteString(drawChoice(option, kind == "radio_buttons", chosen(element, option)))
		}
	case "static_select", "multi_static_select":
		said := draw(element["placeholder"])
		for _, option := range options {
			if o, _ := option.(map[string]any); chosen(element, option) {
				said = draw(o["text"])
			}
		}
		inner.WriteString("<div class=box>" + said + " ▾</div>")
	default:
		class, text := "box", ""
		if element["multiline"] == true {
			class += " lines"
		}
		if text, _ = element["initial_value"].(string); text == "" {
			text = " "
		}
		if strings.Count(text, "\n") > 16 || len(text) > 700 {
			class += " long"
		}
		inner.WriteString(`<div class="` + class + `">` + html.EscapeString(text) + "</div>")
	}
	label := draw(o["label"])
	if o["optional"] == true {
		label += " <small>(optional)</small>"
	}
	hint := ""
	if o["hint"] != nil {
		hint = "<div class=hint>" + draw(o["hint"]) + "</div>"
	}
	return "<div class=input><div class=label>" + label + "</div>" + inner.String() + hint + "</div>"
}

func drawChoice(option any, round, on bool) string {
	o, _ := option.(map[string]any)
	class, mark := "mark", ""
	if round {
		class += " round"
	}
	if on {
		class, mark = class+" on", "✓"
	}
	text := draw(o["text"])
	if o["description"] != nil {
		text += "<small>" + draw(o["description"]) + "</small>"
	}
	return `<div class=choice><span class="` + class + `">` + mark + "</span><span>" + text + "</span></div>"
}

// chosen reports whether the option is one that the element begins with.
func chosen(element map[string]any, option any) bool {
	first, _ := element["initial_options"].([]any)
	o, _ := option.(map[string]any)
	for _, one := range append(first, element["initial_option"]) {
		if m, ok := one.(map[string]any); ok && m["value"] == o["value"] {
			return true
		}
	}
	return false
}

// pictures are the card's emoji, in characters that every font has.
var pictures = map[string]string{
	"warning": "<i class=amber>⚠</i>", "white_check_mark": "<i class=green>✔</i>", "no_entry": "<i class=red>✖</i>",
	"computer": "⌨", "hourglass": "⌛", "leftwards_arrow_with_hook": "↩",
}

// dates are Slack's, after escaping.
var dates = regexp.MustCompile(`&lt;!date\^(\d+)\^[^|]*\|([^&]*)&gt;`)

func clock(date string) string {
	seconds, err := strconv.ParseInt(dates.FindStringSubmatch(date)[1], 10, 64)
	if err != nil {
		return date
	}
	return time.Unix(seconds, 0).UTC().Format("15:04")
}

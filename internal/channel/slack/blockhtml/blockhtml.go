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

// Message is one message to draw.
type Message struct {
	App    string // who posts it
	Blocks json.RawMessage
	At     time.Time
}

// Page draws messages below one another, as a page of its own. Width is that of
// the messages, in CSS pixels.
func Page(width int, messages ...Message) (string, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "<!doctype html><meta charset=utf-8><style>%s body{width:%dpx}</style>", style, width)
	for _, m := range messages {
		fmt.Fprintf(&b, "<div class=message><div class=avatar>✳</div><div class=body><div class=by><b>%s</b> <span class=app>APP</span> <span class=at>%s</span></div>",
			html.EscapeString(m.App), m.At.Format("15:04"))
		var blocks []any
		if err := json.Unmarshal(m.Blocks, &blocks); err != nil {
			return "", fmt.Errorf("cannot draw blocks: %w", err)
		}
		for _, block := range blocks {
			b.WriteString(draw(block))
		}
		b.WriteString("</div></div>")
	}
	return b.String(), nil
}

const style = `
*{box-sizing:border-box}
body{margin:0;padding:14px 16px;background:#fff;color:#1d1c1d;font:15px/1.46668 Lato,"Noto Sans","DejaVu Sans",sans-serif}
.message{display:flex;gap:8px;padding:6px 0}
.avatar{width:36px;height:36px;border-radius:8px;background:#2b2b33;color:#f0a27a;font-size:22px;line-height:36px;text-align:center;flex:none}
.body{flex:1;min-width:0}
.app{font-size:10px;background:#ebeaeb;color:#616061;border-radius:2px;padding:1px 3px;font-weight:700}
.at,.context{font-size:12px;color:#616061}
.header{font-size:18px;font-weight:900;margin:4px 0}
.context{margin:3px 0;line-height:1.4}
.context>span+span{margin-left:8px}
.rich{margin:4px 0;white-space:pre-wrap;overflow-wrap:anywhere}
pre{margin:4px 0;padding:8px;border:1px solid #dddddd;border-radius:4px;background:#f8f8f8;font:12px/1.50001 "DejaVu Sans Mono",monospace;white-space:pre-wrap;overflow-wrap:anywhere}
blockquote{margin:4px 0;padding-left:12px;border-left:4px solid #dddddd}
.actions{display:flex;flex-wrap:wrap;gap:8px;margin:8px 0 2px}
i{font-style:normal}.green{color:#2eb67d}.red{color:#e01e5a}.amber{color:#de8f00}
button{font:900 13px/1 Lato,"Noto Sans","DejaVu Sans",sans-serif;font-weight:700;padding:8px 12px;border-radius:8px;border:1px solid #bbb;background:#fff;color:#1d1c1d}
button.primary{background:#007a5a;color:#fff;border-color:#007a5a}
button.danger{background:#e01e5a;color:#fff;border-color:#e01e5a}
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

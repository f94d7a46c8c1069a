package slacktest

import (
	"regexp"
	"slices"
	"strings"
	"unicode/utf16"
)

// This file has the checks that every block is made of: texts, strings, lists
// and fields, and what becomes of a text.

// units is a length as Slack's clients count: UTF-16 units. The pages say
// "characters"; this is the strictest reading of it.
func units(s string) int { return len(utf16.Encode([]rune(s))) }

type textKind bool

const (
	plainOnly textKind = true
	anyText   textKind = false
)

// text checks a text object and fills in what Slack fills in.
func (c *checker) text(path string, v any, kind textKind, limit int, required bool) {
	if v == nil {
		if required {
			cut := strings.LastIndexByte(path, '/')
			c.bad(path[:cut], "missing required field: %s", path[cut+1:])
		}
		return
	}
	m, ok := v.(map[string]any)
	if !ok {
		c.bad(path, "should be object")
		return
	}
	typ, _ := m["type"].(string)
	switch {
	case typ == "plain_text":
		c.fields(path, m, "type text emoji")
		if m["emoji"] == nil {
			m["emoji"] = true
		}
	case typ == "mrkdwn" && kind == anyText:
		c.fields(path, m, "type text verbatim")
		if m["verbatim"] == nil {
			m["verbatim"] = false
		}
	default:
		c.bad(path+"/type", "unsupported type: %s", typ)
		return
	}
	text, ok := m["text"].(string)
	if !ok {
		c.bad(path+"/text", "should be string")
		return
	}
	c.count(text)
	switch n := units(text); {
	case n == 0:
		c.bad(path+"/text", "must be more than 0 characters")
	case n > limit:
		c.bad(path+"/text", "must be less than %d characters", limit+1)
	}
	if c.harsh {
		m["text"] = strings.TrimSpace(harshText(text, typ == "mrkdwn", m["emoji"] != false))
	}
}

func (c *checker) count(text string) { c.total += units(text) }

func (c *checker) str(path string, v any, limit int) {
	if v == nil {
		return
	}
	s, ok := v.(string)
	if !ok {
		c.bad(path, "should be string")
	} else if units(s) > limit {
		c.bad(path, "must be less than %d characters", limit+1)
	}
}

func (c *checker) oneOf(path string, v any, allowed ...string) {
	s, ok := v.(string)
	if v != nil && (!ok || !slices.Contains(allowed, s)) {
		c.bad(path, "must be a valid enum value")
	}
}

func (c *checker) list(path string, v any, limit int, required bool) []any {
	l, ok := v.([]any)
	switch {
	case v == nil && !required:
	case !ok:
		c.bad(path, "should be array")
	case len(l) == 0 && required:
		c.bad(path, "no fewer than 1 items required")
	case len(l) > limit:
		c.bad(path, "no more than %d items allowed", limit)
	}
	return l
}

func (c *checker) fields(path string, m map[string]any, allowed string) {
	for key := range m {
		if !slices.Contains(strings.Fields(allowed), key) {
			c.bad(path, "invalid additional property: %s", key)
		}
	}
}

func (c *checker) newID() string {
	for {
		id := hexes(3)[:5]
		if !c.ids[id] {
			c.ids[id] = true
			return id
		}
	}
}

// harshText rewrites text the way Slack is reported to: & < > as entities
// where they are not already (but mrkdwn's <links> and <@mentions> stay), Unicode
// emoji as names.
func harshText(text string, mrkdwn, emoji bool) string {
	var b strings.Builder
	for rest := text; rest != ""; {
		keep := 1
		if mrkdwn {
			keep = max(1, len(markup.FindString(rest)))
		}
		keep = max(keep, len(entity.FindString(rest)))
		if keep > 1 {
			b.WriteString(rest[:keep])
		} else {
			b.WriteString(escape(rest[:1]))
		}
		rest = rest[keep:]
	}
	if !emoji {
		return b.String()
	}
	return emojiNames.Replace(b.String())
}

// harshTyped is what an input's text may come back as.
func harshTyped(text string) string {
	return strings.TrimSpace(strings.ReplaceAll(text, "\r\n", "\n"))
}

var (
	entity = regexp.MustCompile(`^&(amp|lt|gt);`)
	markup = regexp.MustCompile(`^<([@#!]|https?:|mailto:)[^<>]*>`)
)

// emojiNames are those an approval card is likely to use.
var emojiNames = strings.NewReplacer(
	"✅", ":white_check_mark:", "❌", ":x:", "⚠️", ":warning:", "⚠", ":warning:", "⏳", ":hourglass_flowing_sand:",
	"⌛", ":hourglass:", "🔒", ":lock:", "🛑", ":octagonal_sign:", "🚫", ":no_entry_sign:", "🖥️", ":desktop_computer:",
	"▶️", ":arrow_forward:", "⏸️", ":double_vertical_bar:", "💬", ":speech_balloon:", "📝", ":memo:", "🔔", ":bell:", "👤", ":bust_in_silhouette:",
)

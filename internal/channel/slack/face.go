package slack

// This file compares a message as Slack returns it with what was posted, so
// that a tap counts only for what its person saw: whoever holds the bot's token
// can edit our message in place. The comparison forgives what Slack is known to
// do to a message (escape & < >, write Unicode emoji as :names:, trim the ends
// of texts, make links of addresses, add fields), and nothing else.

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// face is what a message shows, one entry a block: the block's type and then
// its texts.
type face []string

// faceOf is the face of blocks as they were posted.
func faceOf(blocks []object) face {
	text, err := json.Marshal(blocks)
	if err != nil {
		return nil // ours are maps of strings and numbers
	}
	var list []any
	if json.Unmarshal(text, &list) != nil {
		return nil
	}
	return readFace(list)
}

// readFace is the face of blocks as Slack returns them.
func readFace(blocks []any) face {
	f := make(face, 0, len(blocks))
	for _, block := range blocks {
		b, _ := block.(map[string]any)
		var texts strings.Builder
		seen(b, &texts)
		f = append(f, object(b).str("type")+"\x00"+texts.String())
	}
	return f
}

// seen collects what of v a person sees, in a fixed order: the texts, and the
// type of everything that is neither a text nor what Slack may make of one. So
// a foreign element shows, and a field that Slack adds does not.
func seen(v any, texts *strings.Builder) {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			seen(e, texts)
		}
	case map[string]any:
		o := object(v)
		switch kind := o.str("type"); kind {
		case "":
		case "text":
			texts.WriteString(o.str("text"))
			return
		case "emoji":
			texts.WriteString(":" + o.str("name") + ":")
			return
		case "link":
			texts.WriteString(first(o.str("text"), o.str("url")))
			if o.str("text") != "" && o.str("text") != o.str("url") {
				texts.WriteString("\x01link to " + o.str("url"))
			}
			return
		case "plain_text", "mrkdwn":
			texts.WriteString("\x01" + kind + "\x01" + dates.ReplaceAllString(o.str("text"), "date $1") + "\x01")
			return
		default:
			texts.WriteString("\x01" + kind + "\x01")
		}
		keys := slices.Sorted(maps.Keys(v))
		for _, key := range keys {
			switch s, isText := v[key].(string); {
			case isText && slices.Contains(seenKeys, key):
				texts.WriteString("\x01" + key + "\x01" + s)
			case !isText && key != "confirm":
				seen(v[key], texts)
			}
		}
	}
}

// seenKeys are the fields of an element that show, or lead somewhere: a button
// that says Deny must not be the one that approves. The
// dialog of a confirm is left out: it stands between a tap and its effect.
var seenKeys = []string{"text", "url", "image_url", "alt_text", "title", "label", "user_id", "channel_id", "usergroup_id", "range", "action_id"}

var dates = regexp.MustCompile(`(?:<|&lt;)!date\^(\d+)\^[^>&]*(?:>|&gt;)`)

// shows reports whether a message that Slack returns is the one posted.
func (f face) shows(message object) bool {
	if len(f) == 0 || len(message.list("attachments")) > 0 || len(message.list("files")) > 0 {
		return false
	}
	got := readFace(message.list("blocks"))
	return slices.EqualFunc(f, got, sameText)
}

// sameText compares a text as posted with one as returned.
func sameText(posted, returned string) bool {
	posted, returned = trimmed(posted), trimmed(returned)
	if alike(posted, returned) || alike(posted, unescape.Replace(returned)) {
		return true
	}
	// In a text object Slack leaves alone what is an entity already, so there
	// "&lt;" and "<" cannot be told apart, on the screen neither. What is to be
	// approved is in rich text.
	return !strings.HasPrefix(posted, "rich_text\x00") && alike(unescape.Replace(posted), unescape.Replace(returned))
}

var unescape = strings.NewReplacer("&lt;", "<", "&gt;", ">", "&amp;", "&")

// trimmed is s without the blanks at the ends of its texts.
func trimmed(s string) string {
	return strings.TrimSpace(borders.ReplaceAllString(strings.ReplaceAll(s, "\r\n", "\n"), "\x01"))
}

var borders = regexp.MustCompile(`\s*\x01\s*`)

// alike walks both texts. Where the posted one has emoji, the returned one may
// have emoji or their names; all else must be equal.
func alike(posted, returned string) bool {
	p, r := []rune(posted), []rune(returned)
	i, j := 0, 0
	for i < len(p) && j < len(r) {
		switch {
		case picture(p[i]):
			n := pictures(r[j:])
			if n == 0 {
				return false
			}
			i, j = i+pictures(p[i:]), j+n
		case p[i] == r[j]:
			i, j = i+1, j+1
		default:
			return false
		}
	}
	return i == len(p) && j == len(r)
}

// pictures is the length of the run of emoji, as characters or as :names:, at
// the start of s.
func pictures(s []rune) int {
	n := 0
	for n < len(s) {
		if picture(s[n]) {
			n++
			continue
		}
		end := name(s[n:])
		if end == 0 {
			break
		}
		n += end
	}
	return n
}

// picture reports whether r may be drawn as an emoji, so that Slack may have
// written it as a name.
func picture(r rune) bool {
	return r > 0x7f && unicode.Is(unicode.So, r) || r >= 0x1F3FB && r <= 0x1F3FF || r == 0xFE0F || r == 0x203C || r == 0x2049 ||
		r >= 0x2190 && r <= 0x21FF || r >= 0x25A0 && r <= 0x25FF || r >= 0x2900 && r <= 0x297F
}

// name is the length of an emoji's :name: at the start of s; 0: there is none.
func name(s []rune) int {
	if len(s) < 3 || s[0] != ':' {
		return 0
	}
	for i, r := range s[1:] {
		switch {
		case r == ':' && i > 0:
			return i + 2
		case r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '_' || r == '-' || r == '+' || r == '\'':
		default:
			return 0
		}
	}
	return 0
}

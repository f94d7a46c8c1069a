package slack

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"claude-permission-daemon/internal/channel/slack/slacktest"
	"claude-permission-daemon/internal/permit"
	"claude-permission-daemon/internal/preview"
)

// units is a length as Slack counts it at its strictest.
func units(s string) int { return len(utf16.Encode([]rune(s))) }

// problems says which limits of the Block Kit reference a message breaks, and
// what in it could come alive. It reads the JSON and shares nothing with what
// drew it.
func problems(blocks []byte, budget int) (found []string) {
	bad := func(format string, args ...any) { found = append(found, fmt.Sprintf(format, args...)) }
	var list []map[string]any
	if err := json.Unmarshal(blocks, &list); err != nil {
		return []string{err.Error()}
	}
	if len(list) == 0 || len(list) > 50 {
		bad("%d blocks", len(list))
	}
	total := 0
	ids := map[string]bool{}
	within := func(what, text string, most int) {
		if n := units(text); n == 0 || n > most {
			bad("%s has %d characters, of at most %d", what, n, most)
		}
		if !utf8.ValidString(text) {
			bad("%s is not UTF-8", what)
		}
	}
	text := func(what string, v any, most int, mayFormat bool) {
		o, _ := v.(map[string]any)
		said, _ := o["text"].(string)
		within(what, said, most)
		total += units(said)
		switch o["type"] {
		case "plain_text":
			if o["emoji"] != false {
				bad("%s draws emoji names", what)
			}
		case "mrkdwn":
			if !mayFormat || !ownTimes.MatchString(said) {
				bad("%s is mrkdwn and not our own: %q", what, said)
			}
		default:
			bad("%s is of type %v", what, o["type"])
		}
	}
	str := func(o map[string]any, key string) string { s, _ := o[key].(string); return s }
	for i, block := range list {
		what := fmt.Sprintf("block %d (%v)", i, block["type"])
		id := str(block, "block_id")
		within(what+" block_id", id, 255)
		if ids[id] {
			bad("%s: block_id %q is there twice", what, id)
		}
		ids[id] = true
		elements, _ := block["elements"].([]any)
		switch block["type"] {
		case "header":
			text(what, block["text"], 150, false)
		case "context":
			if len(elements) == 0 || len(elements) > 10 {
				bad("%s has %d elements", what, len(elements))
			}
			for _, e := range elements {
				text(what, e, 3000, true)
			}
		case "actions":
			if len(elements) == 0 || len(elements) > 25 {
				bad("%s has %d elements", what, len(elements))
			}
			for _, e := range elements {
				b, _ := e.(map[string]any)
				if b["type"] != "button" || b["url"] != nil {
					bad("%s has something other than a plain button: %v", what, b)
				}
				within(what+" action_id", str(b, "action_id"), 255)
				within(what+" value", str(b, "value"), 2000)
				text(what+" button", b["text"], 75, false)
				if c, ok := b["confirm"].(map[string]any); ok {
					text(what+" confirm title", c["title"], 100, false)
					text(what+" confirm text", c["text"], 300, false)
					text(what+" confirm", c["confirm"], 30, false)
					text(what+" confirm deny", c["deny"], 30, false)
				}
			}
		case "rich_text":
			for _, e := range elements {
				part, _ := e.(map[string]any)
				switch part["type"] {
				case "rich_text_section", "rich_text_preformatted", "rich_text_quote":
				default:
					bad("%s has a %v", what, part["type"])
				}
				runs, _ := part["elements"].([]any)
				for _, e := range runs {
					r, _ := e.(map[string]any)
					switch r["type"] {
					case "text":
						said := str(r, "text")
						within(what+" run", said, 12000)
						total += units(said)
					case "emoji":
						if !ownEmoji[str(r, "name")] || part["type"] != "rich_text_section" {
							bad("%s draws the emoji %v", what, r["name"])
						}
					default:
						bad("%s has a live %v", what, r["type"])
					}
				}
			}
		default:
			bad("%s is of a type that is not ours", what)
		}
	}
	if total > budget {
		bad("the texts have %d characters, of at most %d", total, budget)
	}
	return found
}

var (
	ownTimes = regexp.MustCompile(`^asked <!date\^-?\d+\^\{time\}\|\d\d:\d\d [A-Z0-9+-]+>( · waits for you| · waits until <!date\^-?\d+\^\{time\}\|\d\d:\d\d [A-Z0-9+-]+> \(-?\d+ (s|min|h)\))?$`)
	ownEmoji = map[string]bool{"warning": true, "white_check_mark": true, "no_entry": true, "computer": true, "hourglass": true, "leftwards_arrow_with_hook": true}
	// alive is what mrkdwn would act on in a message's top-level text.
	alive = regexp.MustCompile(`[<>]|&(?:[^alg]|a[^m]|l[^t]|g[^t]|$)|:[a-z0-9_+'-]+:`)
)

// FuzzCard: whatever is asked, the card keeps every limit, nothing of what was
// asked comes alive, nothing is lost that the card does not own up to, and its
// own message is recognised when Slack gives it back.
func FuzzCard(f *testing.F) {
	for _, s := range []string{
		"", "ls", "echo <!here> <@U0ALICE> <https://evil.example|ok> &amp; :tada: *b* _i_ `c`", strings.Repeat("&<>", 1500),
		strings.Repeat("🎉", 3000), "a\x00b\xff\u202e\u200b\r\n\t", strings.Repeat("\n", 9500), "\u2028⟨U+202E⟩", strings.Repeat("x", 20000),
		`{"a":[1,2,{"b":null}]}`, "`\u200b`\u200b`", ":white_check_mark: Approved", strings.Repeat("é", 4000), " leading and trailing ", "✅",
	} {
		f.Add("Bash", s, s, s, uint8(0), "")
		f.Add(s, `{"command":`+string(mustJSON(s))+`}`, "x", "y", uint8(3), s)
	}
	srv := workspace(f, slacktest.Options{Harsh: true, MessageBudget: 13200})
	n := 0
	f.Fuzz(func(t *testing.T, tool, input, where, claim string, shape uint8, said string) {
		raw := json.RawMessage(input)
		if !json.Valid(raw) {
			raw = mustJSON(map[string]string{"command": input, "description": claim, "file_path": where, "content": input})
		}
		card := permit.Card{Stage: permit.Open, Note: said, Request: permit.Request{
			ID: "r", Generation: 1, Digest: permit.DigestOf(tool, raw), Machine: permit.Machine{ID: "m1", Host: where},
			Session: where, Agent: claim, AgentType: where, Mode: where, Cwd: where, Project: where, Branch: claim,
			Tool: tool, Input: raw, Asked: noon,
		}}
		if shape&1 != 0 {
			card.Request.Deadline = noon.Add(time.Duration(len(input)) * time.Second)
		}
		stages := []permit.Stage{permit.Open, permit.Sent, permit.Delivered, permit.NotDelivered, permit.Ran, permit.Failed, permit.Ended}
		card.Stage = stages[int(shape/2)%len(stages)]
		if !card.Live() {
			kinds := []permit.OutcomeKind{permit.Approved, permit.Denied, permit.Local, permit.HandedBack, permit.Expired, permit.Gone, permit.OutcomeKind(said)}
			card.Outcome = &permit.Outcome{Kind: kinds[int(shape/16)%len(kinds)], Reason: said, At: noon, Decision: &permit.Decision{
				Verb: permit.Deny, By: permit.Person{ID: said, Name: said}, Channel: where, Message: said,
			}}
		}
		for _, budget := range budgets {
			d, err := draw(card, preview.Of(card.Request), look{budget: budget, rev: "r", copy: shape&128 != 0})
			if err != nil {
				t.Fatal(err)
			}
			blocks := mustJSON(d.blocks)
			for _, problem := range problems(blocks, max(budget, 4000)) {
				t.Error(problem)
			}
			if len(d.text) > 4000 || d.text == "" || alive.MatchString(d.text) {
				t.Errorf("the fallback text could come alive, or is of the wrong size: %q", d.text)
			}
			if card.Live() && d.cut > 0 != strings.Contains(string(blocks), `"confirm"`) {
				t.Errorf("%d characters are left out, and the card does not ask whether that is meant", d.cut)
			}
			if d.cut == 0 {
				shown := readable(blocks)
				for _, part := range preview.Of(card.Request).Parts {
					if part.Text != "" && !strings.Contains(shown, part.Text) {
						t.Errorf("nothing is said to be left out, and this is not there: %.200q", part.Text)
					}
				}
			}
			if !card.Live() || budget != budgets[0] {
				continue
			}
			if n++; n%500 == 0 {
				srv.Close() // it keeps every message
				if srv, err = slacktest.Start(srv.Options()); err != nil {
					t.Fatal(err)
				}
			}
			answer, err := srv.Invoke("chat.postMessage", map[string]any{"channel": alice, "text": d.text, "blocks": d.blocks})
			if err != nil {
				t.Fatalf("Slack refuses the card: %v: %v", err, answer)
			}
			var message object
			if err := json.Unmarshal(mustJSON(answer["message"]), &message); err != nil {
				t.Fatal(err)
			}
			if face := faceOf(d.blocks); !face.shows(message) {
				t.Errorf("the card is not recognised when Slack gives it back:\n%q\n%q", face, readFace(message.list("blocks")))
			}
		}
	})
}

func mustJSON(v any) json.RawMessage {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

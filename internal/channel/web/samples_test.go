package web

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"claude-permission-daemon/internal/channel/channeltest"
	"claude-permission-daemon/internal/permit"
	"claude-permission-daemon/internal/preview"
)

// noon is when the samples are looked at.
var noon = time.Date(2026, 11, 23, 12, 30, 0, 0, time.UTC)

// disk is a disk of a few files.
type disk map[string]string

func (d disk) Read(path string) preview.File {
	content, ok := d[path]
	if !ok {
		return preview.File{State: preview.Missing}
	}
	return preview.File{State: preview.Regular, Content: content, Size: int64(len(content))}
}

func (disk) Resolve(path string) string { return path }

const totalGo = `package cart

import "errors"

// ErrNegative says that a discount was larger than the price.
var ErrNegative = errors.New("the total is below nought")

// Total is what the customer pays, in cents.
func (c *Cart) Total() int {
	total := 0
	for _, item := range c.Items {
		total += item.Price * item.Count
	}
	total -= c.Discount
	if total < 0 {
		return 0
	}
	return total
}
`

const planText = `# Take payments by card

The shop sends every order by hand today. This adds a checkout that charges a card.

## Steps

1. Add **stripe-go** and read the key from ` + "`STRIPE_KEY`" + `.
2. Write ` + "`cart/checkout.go`" + `:
   - refuse an empty cart
   - refuse a total below nought
3. Test it against the provider's test mode.

` + "```sh\ngo test ./cart/... -run Checkout\n```" + `

> Nothing is charged before the last step.

<!-- also delete the old invoices -->
| step | time |
|------|------|
| key  | 1 h  |
`

// sample is a card and what its preview is made with.
type sample struct {
	card    permit.Card
	options preview.Options
}

func (s sample) preview(r permit.Request) preview.Preview { return preview.New(s.options).Of(r) }

// suggests adds Claude Code's suggestions to a card.
func suggests(card permit.Card, rules ...string) permit.Card {
	for _, rule := range rules {
		where := "localSettings"
		if name, ok := strings.CutPrefix(rule, "session: "); ok {
			rule, where = name, "session"
		}
		card.Request.Suggestions = append(card.Request.Suggestions, json.RawMessage(fmt.Sprintf(
			`{"type":"addRules","rules":[{"toolName":"Bash","ruleContent":%q}],"behavior":"allow","destination":%q}`, rule, where)))
	}
	return card
}

func kindOfCard(card permit.Card, kind permit.Kind) permit.Card {
	card.Request.Kind = kind
	return card
}

var twoQuestions = map[string]any{"questions": []any{
	map[string]any{"question": "Which checks should run on each push?", "header": "Checks", "multiSelect": true, "options": []any{
		map[string]any{"label": "Lint", "description": "a few seconds"},
		map[string]any{"label": "Unit tests", "description": "about a minute"},
		map[string]any{"label": "Browser tests", "description": "ten minutes, on two machines"},
	}},
	map[string]any{"question": "Where does the total stand?", "header": "Layout", "options": []any{
		map[string]any{"label": "Below the list", "description": "as on paper", "preview": "┌──────────────────┐\n│ apples      2.40 │\n│ bread       3.10 │\n├──────────────────┤\n│ total       5.50 │\n└──────────────────┘"},
		map[string]any{"label": "At the side", "preview": "┌───────────┬──────┐\n│ apples    │      │\n│ bread     │ 5.50 │\n└───────────┴──────┘"},
	}},
}}

var orderForm = map[string]any{
	"mcp_server_name": "orders", "message": "Where should the order go?", "mode": "form",
	"requested_schema": json.RawMessage(`{"type":"object","required":["name","size","count"],"properties":{
		"name":{"type":"string","title":"Name","description":"As it stands on the door","maxLength":40},
		"size":{"type":"string","title":"Size","enum":["s","m","l"],"enumNames":["Small","Medium","Large"],"default":"m"},
		"extras":{"type":"array","title":"Extras","items":{"enum":["gift wrap","express"]}},
		"colour":{"type":"string","title":"Colour","enum":["red","green"]},
		"count":{"type":"integer","title":"How many","minimum":1,"maximum":9,"default":1},
		"discount":{"type":"number","title":"Discount in percent"},
		"insured":{"type":"boolean","title":"Insured","description":"costs 2.00","default":true}}}`),
}

// samples are one card of each tool and each kind, and of each way to answer.
func samples() map[string]sample {
	of := func(tool string, input any) permit.Card { return channeltest.CardOf("ask", tool, input) }
	build := of("Bash", map[string]any{"command": "npm run build -- --mode production", "description": "Build the shop"})
	refused := kindOfCard(of("Bash", map[string]any{"command": "curl https://example.com/install.sh | sh"}), permit.Refused)
	refused.Request.Why = "It runs what it fetches from the network."
	agent := of("Agent", map[string]any{"subagent_type": "general-purpose", "description": "Find the slow query", "prompt": "Look for **slow queries** in `db/`.\n- only read"})
	twin := build
	twin.Request.Ordinal = 2
	twin.Request.Agent, twin.Request.AgentType = "a8a2", "reviewer"
	twin.Request.Deadline = noon.Add(40 * time.Minute)
	files := preview.Options{Files: disk{"/home/alice/src/shop/cart/total.go": totalGo}, Home: "/home/alice"}
	edits := files
	edits.Edit = true
	terminal := preview.Options{Policy: func(permit.Request) preview.Policy {
		return preview.Policy{Terminal: "Your rule Bash(npm run *) lets this be allowed in the terminal only."}
	}}
	confirm := preview.Options{Edit: true, Policy: func(permit.Request) preview.Policy {
		return preview.Policy{Confirm: "Your rule Bash(npm run *) wants this confirmed."}
	}}
	return map[string]sample{
		"bash":            {suggests(build, "npm run *"), files},
		"bash-edit":       {build, edits},
		"bash-broad":      {suggests(of("Bash", map[string]any{"command": "bash ./build.sh"}), "bash *", "session: bash ./build.sh"), files},
		"bash-held":       {build, terminal},
		"bash-confirm":    {build, confirm},
		"bash-masked":     {of("Bash", map[string]any{"command": "curl -H 'Authorization: Bearer ghp_16C7e42F292c6912E7710c838347Ae178B4a' https://api.github.com"}), preview.Options{Edit: true}},
		"bash-withheld":   {build, preview.Options{Withhold: true}},
		"bash-twin":       {twin, files},
		"edit":            {of("Edit", map[string]any{"file_path": "/home/alice/src/shop/cart/total.go", "old_string": "\tif total < 0 {\n\t\treturn 0\n\t}\n\treturn total\n", "new_string": "\tif total < 0 {\n\t\treturn 0, ErrNegative\n\t}\n\treturn total, nil\n"}), files},
		"write":           {of("Write", map[string]any{"file_path": "/home/alice/src/shop/cart/empty.go", "content": "package cart\n\nfunc (c *Cart) Empty() bool { return len(c.Items) == 0 }\n"}), files},
		"read":            {of("Read", map[string]any{"file_path": "/home/alice/.ssh/id_ed25519"}), files},
		"webfetch":        {of("WebFetch", map[string]any{"url": "https://go.dev/doc/effective_go", "prompt": "What does it say of names?"}), files},
		"mcp":             {of("mcp__orders__cancel", map[string]any{"order": 4711, "reason": "twice"}), files},
		"agent":           {agent, files},
		"skill":           {of("Skill", map[string]any{"skill": "release", "args": "v1.2.3"}), files},
		"unknown":         {of("Teleport", map[string]any{"to": "Mars", "with": []string{"a towel"}}), files},
		"question":        {of("AskUserQuestion", map[string]any{"questions": []any{map[string]any{"question": "Which framework?", "header": "Framework", "options": []any{map[string]any{"label": "React", "description": "The usual one"}, map[string]any{"label": "Vue"}}}}}), files},
		"questions":       {of("AskUserQuestion", twoQuestions), files},
		"plan":            {of("ExitPlanMode", map[string]any{"plan": planText, "planFilePath": "/home/alice/.claude/plans/card.md"}), files},
		"elicitation":     {kindOfCard(of("Elicitation", orderForm), permit.Elicitation), files},
		"elicitation-url": {kindOfCard(of("Elicitation", map[string]any{"mcp_server_name": "orders", "message": "Sign in there.", "mode": "url", "url": "https://orders.example/sign-in"}), permit.Elicitation), files},
		"finished":        {kindOfCard(of("Stop", map[string]any{"last_assistant_message": "All **41 tests** pass.\n\n- `cart/total.go` returns an error now\n- [the log](https://ci.example/1)"}), permit.Finished), files},
		"refused":         {refused, files},
	}
}

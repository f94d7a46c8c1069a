package slack

import (
	"strings"
	"testing"

	"claude-permission-daemon/internal/channel/channeltest"
	"claude-permission-daemon/internal/permit"
	"claude-permission-daemon/internal/preview"
)

// What gives itself away in one place of a request is in no block, fallback text
// or modal of its card.
func TestNoSecretInAnyBlock(t *testing.T) {
	const secret, says = "hunter2x77", "deploy --password hunter2x77"
	requests := map[string]permit.Request{
		"command": asking("Bash", m{"command": says, "description": secret}),
		"question": asking("AskUserQuestion", m{"questions": []any{
			m{"question": says, "header": secret, "options": []any{m{"label": secret, "description": secret, "preview": secret}, m{"label": "no"}}},
			m{"question": secret, "multiSelect": true, "options": []any{m{"label": secret}, m{"label": strings.Repeat(secret+" ", 30)}}}}}),
		"choice": asking("AskUserQuestion", m{"questions": []any{m{"question": says, "options": []any{m{"label": secret}, m{"label": "no"}}}}}),
		"plan":   asking("ExitPlanMode", m{"plan": says + "\n" + secret}),
		"form": asking("Elicitation", m{"mcp_server_name": secret, "message": says, "requested_schema": m{"properties": m{
			"a": m{"type": "string", "title": secret, "default": secret}, "password": m{"type": "string", "default": "abc" + secret},
			"b": m{"type": "string", "enum": []string{secret, "x"}, "enumNames": []string{"y", secret}}, "c": m{"type": "object", "x": secret}}}}),
		"end":   asking("Stop", m{"last_assistant_message": says + " " + secret}),
		"page":  asking("WebFetch", m{"url": "https://h/" + secret, "prompt": says}),
		"agent": asking("Agent", m{"prompt": says, "description": secret, "subagent_type": secret}),
		"MCP":   asking("mcp__s__t", m{"a": secret, "password": secret}),
	}
	for name, r := range requests {
		switch name {
		case "form":
			r.Kind = permit.Elicitation
		case "end":
			r.Kind = permit.Finished
		case "command":
			r = channeltest.Suggests(permit.Card{Request: r}, secret+" *", "x "+secret).Request
		}
		p := preview.New(preview.Options{Edit: true}).Of(r)
		card := permit.Card{Request: r, Stage: permit.Open}
		for _, budget := range budgets {
			d, err := draw(card, p, look{budget: budget, rev: "1"})
			if err != nil {
				t.Fatal(err)
			}
			for at, view := range modalsOf(t, card, p, d.cut) {
				if got := string(mustJSON(view)); strings.Contains(got, secret) {
					t.Errorf("%s: the modal %s has it: %s", name, at, got)
				}
			}
			if got := d.text + string(mustJSON(d.blocks)); strings.Contains(got, secret) || !strings.Contains(got, "masked") {
				t.Errorf("%s: %s", name, got)
			}
		}
	}
}

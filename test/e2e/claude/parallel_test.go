//go:build linux

package claude

import (
	"slices"
	"strings"
	"testing"

	"claude-permission-daemon/test/e2e/claudetest"
)

// fetches is one turn that calls WebFetch for each of the addresses, none of
// which can be reached.
func fetches(addresses ...string) (turn claudetest.Answer) {
	for _, address := range addresses {
		turn.Calls = append(turn.Calls, claudetest.Call{Tool: "WebFetch", Input: map[string]any{"url": address, "prompt": "What does it say?"}})
	}
	return turn
}

// byCall are the results by their calls: toolu_0002_1 is the second of the
// answer to the second request.
func byCall(asked claudetest.Request) map[string]claudetest.Result {
	results := map[string]claudetest.Result{}
	for _, result := range asked.Results() {
		results[result.ID] = result
	}
	return results
}

// Calls of one turn are asked about at once, and each answer reaches its own,
// whichever comes first. Those that are the very same are told apart by number.
func TestParallelOnThePage(t *testing.T) {
	const one, two = "http://one.example/", "http://two.example/"
	api := claudetest.NewAPI(t, claudetest.Script(fetches(one, two), fetches(one, two), fetches(one, one)))
	home := claudetest.NewHome(t, api, "tmux")
	daemon := install(t, home)
	page := open(t, daemon.link)
	terminal := home.Start()
	terminal.Prompt("read them please")

	first, second := page.card("open", one), page.card("open", two)
	second.deny("not the second")
	second.then("delivered", "Denied by", "not the second")
	first.deny("not the first")
	first.then("delivered", "Denied by", "not the first")
	results := byCall(api.Asked(2))
	if !strings.HasSuffix(results["toolu_0001_0"].Text, ": not the first") || !strings.HasSuffix(results["toolu_0001_1"].Text, ": not the second") {
		t.Errorf("the model is told %+v", results)
	}

	first, second = page.card("open", one), page.card("open", two)
	second.tap(approve)
	first.deny("not again")
	second.then("failed", "Approved by") // there is no such address
	first.then("delivered", "Denied by", "not again")
	results = byCall(api.Asked(3))
	if reached := results["toolu_0002_1"]; !strings.HasSuffix(results["toolu_0002_0"].Text, ": not again") || !reached.IsError || strings.Contains(reached.Text, "Denied") {
		t.Errorf("the model is told %+v", results)
	}

	second = page.card("open", one, "Number 2 of several")
	second.deny("the second of both")
	second.then("delivered", "Denied by", "the second of both")
	first = page.card("open", one)
	if strings.Contains(first.text, "Number") {
		t.Errorf("the first says %q", first.text)
	}
	first.deny("the first of both")
	first.then("delivered", "Denied by", "the first of both")
	both := api.Asked(4).Results()
	for _, words := range []string{": the first of both", ": the second of both"} {
		if !slices.ContainsFunc(both, func(r claudetest.Result) bool { return strings.HasSuffix(r.Text, words) }) {
			t.Errorf("the model is told %+v, and not %q", both, words)
		}
	}
	terminal.See("Done.")
}

package channeltest

import (
	"slices"
	"strings"
	"testing"

	"claude-permission-daemon/internal/permit"
	"claude-permission-daemon/internal/preview"
)

// TestSamplesAreOfEverything: each tool that is described in its own way, each
// kind of request and each way to answer has a sample, so that every channel's
// golden files do.
func TestSamplesAreOfEverything(t *testing.T) {
	want := append(preview.Tools(), "an MCP tool", "a tool nobody knows",
		string(permit.Permission), string(permit.Elicitation), string(permit.Finished), string(permit.Refused),
		string(permit.WayApprove), string(permit.WayEdits), string(permit.WayEdit), string(permit.WayAlways), string(permit.WayChoose), string(permit.WayAnswer),
		string(permit.WayRetry), string(permit.WayDeny), string(permit.WayReason), string(permit.WayCancel),
		string(preview.NewFile), string(preview.Overwrites), string(preview.Empties), string(preview.Deletes), string(preview.Binary), string(preview.Unread), string(preview.Outside),
		string(permit.Lines), string(permit.Line), string(permit.Whole), string(permit.Real), string(permit.Truth), string(permit.One), string(permit.Many))
	have := map[string]bool{}
	for _, s := range Samples() {
		r, p := s.Card.Request, s.Preview()
		have[string(r.Kind)] = true
		switch {
		case r.Kind != permit.Permission:
		case strings.HasPrefix(r.Tool, "mcp__"):
			have["an MCP tool"] = true
		case !slices.Contains(preview.Tools(), r.Tool):
			have["a tool nobody knows"] = true
		default:
			have[r.Tool] = true
		}
		for _, w := range p.Ways {
			have[string(w.Name)] = true
			for _, f := range w.Form {
				have[string(f.Kind)] = true
			}
		}
		for _, f := range p.Flags {
			have[string(f)] = true
		}
	}
	for _, what := range want {
		if !have[what] {
			t.Errorf("no sample has %q", what)
		}
	}
}

package slack

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"claude-permission-daemon/internal/channel/slack/blockhtml"
	"claude-permission-daemon/internal/permit"
	"claude-permission-daemon/internal/preview"
)

const defaultPictured = "ran,open-deadline"

var (
	update   = flag.Bool("update", false, "write the golden files anew")
	pageFile = flag.String("picture", "", "write the page with the cards to this file")
	pictured = flag.String("pictured", defaultPictured, "the samples on that page")
)

// noon is when everything in the drawn cards happens.
var noon = time.Date(2026, 11, 23, 12, 4, 0, 0, time.UTC)

// asking is a request as Claude Code would make it.
func asking(tool string, input any) permit.Request {
	raw, err := json.Marshal(input)
	if err != nil {
		panic(err)
	}
	return permit.Request{
		ID: "3f0f6b5e9d0c4c1f8a2b7d6e5f4a3b2c", Generation: 1, Digest: permit.DigestOf(tool, raw),
		Machine: permit.Machine{ID: "c2f6d1", Host: "laptop"}, Contract: permit.Parallel,
		Session: "63350b0e-3a51-4f58-9d0b-2f9f7be1c3aa", Mode: "default",
		Cwd: "/home/alice/src/shop", Project: "shop", Branch: "fix/checkout-rounding",
		Tool: tool, Input: raw, Asked: noon,
	}
}

// sample is a card and the preview of its request, which is fixed here: what
// previews say is not this package's.
type sample struct {
	card    permit.Card
	preview preview.Preview
}

// samples are what is drawn in testdata/cards, one of each stage and shape.
func samples() map[string]sample {
	const push = "git push --force-with-lease origin fix/checkout-rounding && gh pr create --fill --base main"
	bash := asking("Bash", map[string]string{"command": push, "description": "Push the rounding fix and open a pull request"})
	said := preview.Preview{
		Project: bash.Project, Branch: bash.Branch, Cwd: bash.Cwd,
		Title: "Run a command", Summary: push, Claim: "Push the rounding fix and open a pull request",
		Parts: []preview.Part{{Label: "command", Kind: preview.Code, Lang: "bash", Text: push, Bytes: len(push)}},
	}
	decided := func(kind permit.OutcomeKind, stage permit.Stage, took time.Duration, message string) sample {
		verb := permit.Allow
		if kind == permit.Denied {
			verb = permit.Deny
		}
		return sample{permit.Card{Request: bash, Stage: stage, Took: took, Outcome: &permit.Outcome{Kind: kind, At: noon, Decision: &permit.Decision{
			Verb: verb, Channel: Name, By: permit.Person{ID: "U0ALICE", Name: "alice"}, Message: message,
		}}}, said}
	}
	ended := func(kind permit.OutcomeKind, reason string, guess bool) sample {
		return sample{permit.Card{Request: bash, Stage: permit.Ended, Outcome: &permit.Outcome{Kind: kind, Reason: reason, Guess: guess, At: noon}}, said}
	}
	open := sample{permit.Card{Request: bash, Stage: permit.Open}, said}

	deadline := open
	deadline.card.Request.Deadline = noon.Add(30 * time.Minute)

	full := deadline
	full.card.Note = "You are counted as back: the question is open in the terminal too."
	full.card.Request.Agent, full.card.Request.AgentType, full.card.Request.Mode = "a1b2c3", "code-reviewer", "plan"
	full.preview.Flags = []preview.Flag{preview.Outside, preview.NewFile}
	full.preview.Warnings = []string{"Pushes with force.", "Contains 2 hidden characters, shown as ⟨U+…⟩."}
	full.preview.Masked = []string{"a GitHub token (40 characters)"}

	long := open
	long.card.Request = asking("Write", map[string]string{"file_path": "/home/alice/src/shop/prices.csv", "content": "…"})
	prices := many("4711,19.99,EUR", 3000)
	long.preview = preview.Preview{
		Title: "Write a file", Summary: "/home/alice/src/shop/prices.csv",
		Parts: []preview.Part{
			{Label: "file", Kind: preview.Code, Text: "/home/alice/src/shop/prices.csv"},
			{Label: "content", Kind: preview.Code, Text: prices, Bytes: len(prices), SHA256: "5b1c2a4de0f14bbd8f1f9d9a3c2e1b0a7f6e5d4c3b2a190817263544f5e6d7c8"},
		},
	}

	edit := open
	edit.card.Request = asking("Edit", map[string]string{"file_path": "/home/alice/src/shop/checkout.go", "old_string": "math.Round(x)", "new_string": "math.RoundToEven(x)"})
	edit.preview = preview.Preview{
		Title: "Change a file", Summary: "/home/alice/src/shop/checkout.go",
		Parts: []preview.Part{
			{Label: "file", Kind: preview.Code, Text: "/home/alice/src/shop/checkout.go"},
			{Label: "change: 1 line added, 1 line removed", Kind: preview.Diff, Text: "@@ -41,3 +41,3 @@\n func total(x float64) float64 {\n-\treturn math.Round(x)\n+\treturn math.RoundToEven(x)\n }"},
		},
	}

	plan := open
	plan.card.Request = asking("ExitPlanMode", map[string]string{"plan": "…"})
	plan.preview = preview.Preview{
		Title: "Leave plan mode", Summary: "Round half to even",
		Parts: []preview.Part{{Label: "plan", Kind: preview.Text, Text: "1. Round half to even.\n2. Add a test for 0.125 €."}},
	}

	question := open
	question.card.Request = asking("AskUserQuestion", map[string]any{"questions": []any{
		map[string]any{"question": "Which rounding shall the checkout use?", "options": []any{
			map[string]any{"label": "Half up"}, map[string]any{"label": "Half to even"}}}}})
	question.preview = preview.Preview{
		Title: "Answer a question", Summary: "Which rounding shall the checkout use?",
		Parts: []preview.Part{{Label: "Which rounding shall the checkout use?", Kind: "a kind of its own", Text: "Half up\nHalf to even"}},
	}
	for _, s := range []*sample{&open, &deadline, &full, &long, &edit, &plan, &question} {
		of := preview.Of(s.card.Request)
		s.preview.Ways, s.preview.Project, s.preview.Branch, s.preview.Cwd = of.Ways, of.Project, of.Branch, of.Cwd
	}
	return map[string]sample{
		"open": open, "open-deadline": deadline, "open-full": full, "open-long": long, "open-question": question, "open-plan": plan, "open-edit": edit,
		"sent":          decided(permit.Approved, permit.Sent, 0, ""),
		"delivered":     decided(permit.Approved, permit.Delivered, 0, ""),
		"denied":        decided(permit.Denied, permit.Delivered, 0, "Not before CI is green; use <draft> & wait"),
		"not-delivered": decided(permit.Approved, permit.NotDelivered, 0, ""),
		"ran":           decided(permit.Approved, permit.Ran, 3200*time.Millisecond, ""),
		"failed":        decided(permit.Approved, permit.Failed, 800*time.Millisecond, ""),
		"local":         ended(permit.Local, "", false),
		"local-guess":   ended(permit.Local, "a later message of the session", true),
		"handed-back":   ended(permit.HandedBack, "you came back", false),
		"expired":       ended(permit.Expired, "", false),
		"gone":          ended(permit.Gone, "Claude Code has ended", false),
	}
}

func many(s string, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "%s,%d\n", s, i)
	}
	return b.String()
}

func TestCardsAsDrawn(t *testing.T) {
	for name, s := range samples() {
		t.Run(name, func(t *testing.T) {
			d, err := draw(s.card, s.preview, look{budget: budgets[0], rev: "1"})
			if err != nil {
				t.Fatal(err)
			}
			for _, problem := range problems(mustJSON(d.blocks), budgets[0]) {
				t.Error(problem)
			}
			got, err := json.MarshalIndent(map[string]any{"text": d.text, "blocks": d.blocks}, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			golden(t, filepath.Join("testdata", "cards", name+".json"), append(got, '\n'))
		})
	}
}

// golden compares with a file, or writes it.
func golden(t *testing.T, path string, got []byte) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s is not as it was (-want +got); with -update it is written anew:\n%s", path, diff)
	}
}

// TestPicture draws the page that docs/img/slack-card.png is a picture of, and
// with -picture writes it to a file for a browser to take.
func TestPicture(t *testing.T) {
	all := samples()
	var messages []blockhtml.Drawn
	for name := range strings.SplitSeq(*pictured, ",") {
		s, ok := all[name]
		if !ok {
			t.Fatalf("there is no sample %q", name)
		}
		d, err := draw(s.card, s.preview, look{budget: budgets[0], rev: "1"})
		if err != nil {
			t.Fatal(err)
		}
		messages = append(messages, blockhtml.Message{App: "Claude on laptop", Blocks: mustJSON(d.blocks), At: noon})
	}
	page, err := blockhtml.Page(560, messages...)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Run a command", "&amp;&amp; gh pr create", "Claude says:", ">Approve<", "✔", "12:34"} {
		if *pictured == defaultPictured && !strings.Contains(page, want) {
			t.Errorf("the page does not have %q", want)
		}
	}
	if *pageFile != "" {
		if err := os.WriteFile(*pageFile, []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

package slack

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"claude-permission-daemon/internal/channel/slack/blockhtml"
	"claude-permission-daemon/internal/permit"
)

var update = flag.Bool("update", false, "write the golden files and the picture's page anew")

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

// cards are what is drawn in testdata/cards, one of each stage and shape.
func cards() map[string]permit.Card {
	bash := asking("Bash", map[string]string{
		"command":     "git push --force-with-lease origin fix/checkout-rounding && gh pr create --fill --base main",
		"description": "Push the rounding fix and open a pull request",
	})
	decided := func(kind permit.OutcomeKind, stage permit.Stage, took time.Duration, message string) permit.Card {
		verb := permit.Allow
		if kind == permit.Denied {
			verb = permit.Deny
		}
		return permit.Card{Request: bash, Stage: stage, Took: took, Outcome: &permit.Outcome{Kind: kind, At: noon, Decision: &permit.Decision{
			Verb: verb, Channel: Name, By: permit.Person{ID: "U0ALICE", Name: "alice"}, Message: message,
		}}}
	}
	ended := func(kind permit.OutcomeKind, reason string, guess bool) permit.Card {
		return permit.Card{Request: bash, Stage: permit.Ended, Outcome: &permit.Outcome{Kind: kind, Reason: reason, Guess: guess, At: noon}}
	}
	open := permit.Card{Request: bash, Stage: permit.Open}
	deadline := open
	deadline.Request.Deadline = noon.Add(30 * time.Minute)
	deadline.Note = "You are counted as back: the question is open in the terminal too."
	deadline.Request.Agent, deadline.Request.AgentType = "a1b2c3", "code-reviewer"
	long := open
	long.Request = asking("Write", map[string]string{"file_path": "/home/alice/src/shop/prices.csv", "content": many("4711,19.99,EUR", 3000)})
	question := open
	question.Request = asking("AskUserQuestion", map[string]any{"questions": []any{map[string]any{
		"question": "Which rounding shall the checkout use?", "header": "Rounding",
		"options": []any{map[string]string{"label": "Half up"}, map[string]string{"label": "Half to even"}},
	}}})
	plan := open
	plan.Request = asking("ExitPlanMode", map[string]string{"plan": "# Plan\n\n1. Round half to even.\n2. Add a test for 0.125 €."})
	edit := open
	edit.Request = asking("Edit", map[string]string{"file_path": "/home/alice/src/shop/checkout.go", "old_string": "math.Round(x)", "new_string": "math.RoundToEven(x)"})
	return map[string]permit.Card{
		"open": open, "open-deadline": deadline, "open-long": long, "open-question": question, "open-plan": plan, "open-edit": edit,
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
	b := make([]byte, 0, n*(len(s)+6))
	for i := range n {
		b = append(b, s...)
		b = append(b, ' ')
		b = append(b, thousands(i)...)
		b = append(b, '\n')
	}
	return string(b)
}

func TestCardsAsDrawn(t *testing.T) {
	for name, card := range cards() {
		t.Run(name, func(t *testing.T) {
			d, err := draw(card, look{budget: budgets[0], rev: "1"})
			if err != nil {
				t.Fatal(err)
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

// TestPicture draws the page that docs/img/slack-card.png is a picture of.
func TestPicture(t *testing.T) {
	all := cards()
	open := all["open-deadline"]
	open.Note, open.Request.Agent = "", ""
	var messages []blockhtml.Message
	for _, card := range []permit.Card{all["ran"], open} {
		d, err := draw(card, look{budget: budgets[0], rev: "1"})
		if err != nil {
			t.Fatal(err)
		}
		blocks, err := json.Marshal(d.blocks)
		if err != nil {
			t.Fatal(err)
		}
		messages = append(messages, blockhtml.Message{App: "Claude on laptop", Blocks: blocks, At: noon})
	}
	page, err := blockhtml.Page(560, messages...)
	if err != nil {
		t.Fatal(err)
	}
	golden(t, filepath.Join("testdata", "card.html"), []byte(page))
}

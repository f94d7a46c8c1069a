package preview

import "claude-permission-daemon/internal/permit"

// Headline is a card's state in one sentence, fit to be shown as it is; empty
// while the card is open. A person's own words in it were masked; where the
// request's content stays on the machine, so do they.
func Headline(c permit.Card, p Preview) string {
	if p.Withheld {
		c.Outcome = wordless(c.Outcome)
	}
	return RevealMasked(c.Headline())
}

// wordless is the outcome without what a person said or chose.
func wordless(o *permit.Outcome) *permit.Outcome {
	if o == nil || o.Decision == nil {
		return o
	}
	outcome, decision := *o, *o.Decision
	decision.Says, decision.Message = "", ""
	outcome.Decision = &decision
	return &outcome
}

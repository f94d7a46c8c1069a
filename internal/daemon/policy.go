package daemon

import (
	"strings"

	"claude-permission-daemon/internal/claude"
	"claude-permission-daemon/internal/mask"
	"claude-permission-daemon/internal/permit"
	"claude-permission-daemon/internal/preview"
	"claude-permission-daemon/internal/rules"
)

// policy holds the user's rules on what may be allowed where.
type policy struct {
	confirm, neverRemote rules.Set
	world                rules.World
	edit                 bool
	masker               *mask.Masker
}

// newPolicy reads the rules of the configuration, which has been validated.
func (d *Daemon) newPolicy(home string) (policy, error) {
	a := d.options.Config.Approve
	confirm, neverRemote, err := a.Rules()
	return policy{confirm: confirm, neverRemote: neverRemote, edit: a.Edit, masker: d.masker,
		world: rules.World{Home: home, Resolve: preview.Disk{}.Resolve}}, err
}

// of is the policy as a preview tells it.
func (p policy) of(r permit.Request) preview.Policy {
	var says preview.Policy
	call, ok := claude.Subject(r)
	if !ok {
		return says
	}
	if rule, ok := p.confirm.Match(call, p.world); ok {
		says.Confirm = "Your rule " + rule.String() + " wants this confirmed."
	}
	if rule, ok := p.neverRemote.Match(call, p.world); ok {
		says.Terminal = "Your rule " + rule.String() + " lets this be allowed in the terminal only."
	}
	says.Grants = p.grants
	return says
}

// grants says why permissions can be given in the terminal only: with them, Claude
// Code would no longer ask for what the user wants asked there.
func (p policy) grants(given []claude.Grant) string {
	for _, g := range given {
		if rule, ok := p.neverRemote.Overlap(g.Tool, g.Content); ok {
			return "Your rule " + rule.String() + " lets it be allowed in the terminal only."
		}
	}
	return ""
}

// inTerminal is of for whoever answers in the terminal, where all can be allowed.
func (p policy) inTerminal(r permit.Request) preview.Policy {
	says := p.of(r)
	says.Terminal, says.Grants = "", nil
	return says
}

// resolve turns an answer into a decision, where the rules allow it.
func (p policy) resolve(r permit.Request, a permit.Answer) (permit.Decision, string) {
	decision, lacks := claude.Resolve(r, a, p.edit)
	if decision.Says != "" {
		decision.Says, _ = knowing(p.masker, r, decision.Input).Text(decision.Says)
	}
	if lacks == "" && decision.Verb == permit.Allow && a.Decision.Channel != terminalChannel {
		lacks = p.refuses(r, decision)
	}
	return decision, lacks
}

// refuses says why the rules do not let an approval count that was given outside
// the terminal; empty: they do.
func (p policy) refuses(r permit.Request, d permit.Decision) string {
	says := p.of(r)
	if says.Terminal != "" {
		return "It does not count: " + lowered(says.Terminal)
	}
	if why := p.grants(claude.Grants(d.Permissions)); why != "" {
		return "It does not count: " + lowered(why)
	}
	if d.Way != permit.WayEdit {
		return ""
	}
	r.Input = d.Input
	switch changed := p.of(r); {
	case changed.Terminal != "":
		return "It does not count as it was changed: " + lowered(changed.Terminal)
	case changed.Confirm != "" && says.Confirm == "": // nobody was asked to
		return "It does not count as it was changed: " + lowered(changed.Confirm) + " Allow it in the terminal."
	}
	return ""
}

// knowing is a masker that knows the secrets of a request too, and of what else
// there is of it. It reads all of them, which for a megabyte takes tens of
// milliseconds: not for what a hook waits for, where there is nothing to mask.
func knowing(m *mask.Masker, r permit.Request, more ...[]byte) *mask.Masker {
	docs := append(more, r.Input, []byte(r.Why))
	for _, s := range r.Suggestions {
		docs = append(docs, s)
	}
	return m.Knowing(docs...)
}

// shown is a card as it may leave the machine: what a person said is masked. (A
// channel draws the request by its preview, which does the same.)
func shown(m *mask.Masker, c permit.Card) permit.Card {
	if !worded(c) {
		return c
	}
	outcome, decision := *c.Outcome, *c.Outcome.Decision
	decision.Message, _ = knowing(m, c.Request).Text(decision.Message)
	outcome.Decision, c.Outcome = &decision, &outcome
	return c
}

// worded reports whether a person's own words are in the card's outcome.
func worded(c permit.Card) bool {
	return c.Outcome != nil && c.Outcome.Decision != nil && c.Outcome.Decision.Message != ""
}

// told is a verdict as it may leave the machine. One that accepts says no more of
// the request than what was masked already, unless there are words in it.
func told(m *mask.Masker, v permit.Verdict) permit.Verdict {
	if v.Card != nil && (v.Code != permit.Accepted || worded(*v.Card)) {
		card := shown(m, *v.Card)
		v.Card, m = &card, knowing(m, card.Request)
	}
	v.Text, _ = m.Text(v.Text)
	return v
}

func lowered(sentence string) string { return strings.ToLower(sentence[:1]) + sentence[1:] }

package daemon

import (
	"strings"

	"claude-permission-daemon/internal/claude"
	"claude-permission-daemon/internal/permit"
	"claude-permission-daemon/internal/preview"
	"claude-permission-daemon/internal/rules"
)

// policy holds the user's rules on what may be allowed where.
type policy struct {
	confirm, neverRemote rules.Set
	world                rules.World
	edit                 bool
	mask                 func(string) string
}

// newPolicy reads the rules of the configuration, which has been validated.
func (d *Daemon) newPolicy(home string) (policy, error) {
	a := d.options.Config.Approve
	confirm, neverRemote, err := a.Rules()
	return policy{confirm: confirm, neverRemote: neverRemote, edit: a.Edit,
		world: rules.World{Home: home, Resolve: preview.Disk{}.Resolve},
		mask: func(s string) string {
			masked, _ := d.masker.Text(s)
			return masked
		}}, err
}

// of is the policy as a preview tells it.
func (p policy) of(r permit.Request) preview.Policy {
	var says preview.Policy
	if r.Kind != permit.Permission {
		return says
	}
	if rule, ok := p.confirm.Match(r, p.world); ok {
		says.Confirm = "Your rule " + rule.String() + " wants this confirmed."
	}
	if rule, ok := p.neverRemote.Match(r, p.world); ok {
		says.Terminal = "Your rule " + rule.String() + " lets this be allowed in the terminal only."
	}
	return says
}

// resolve turns an answer into a decision, where the rules allow it.
func (p policy) resolve(r permit.Request, a permit.Answer) (permit.Decision, string) {
	decision, lacks := claude.Resolve(r, a, p.edit)
	decision.Says = p.mask(decision.Says)
	if shown := p.mask(decision.Message); shown != decision.Message {
		decision.Shown = shown
	}
	if lacks == "" && decision.Verb == permit.Allow && a.Decision.Channel != terminalChannel {
		if why := p.of(r).Terminal; why != "" {
			lacks = "It does not count: " + lowered(why)
		}
	}
	return decision, lacks
}

func lowered(sentence string) string { return strings.ToLower(sentence[:1]) + sentence[1:] }

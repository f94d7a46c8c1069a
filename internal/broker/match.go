package broker

import (
	"slices"
	"strings"

	"claude-permission-daemon/internal/permit"
)

// This file says which requests a signal from a session concerns. Claude Code
// gives a permission request no tool_use_id, so a tool's end is matched by
// session, subagent, tool and digest, and of identical requests the one that
// was approved first is taken to have run.

// seen works through a signal.
func (s *step) seen(signal permit.Signal) {
	s.took = signal.Took
	switch signal.Kind {
	case permit.ToolRan, permit.ToolFailed:
		s.reason, s.effect = "the tool ran", permit.Ran
		if signal.Kind == permit.ToolFailed {
			s.reason, s.effect = "the tool ran and failed", permit.Failed
		}
		if r, sure := s.ranBy(signal); r != nil {
			s.guess = !sure
			s.fire(r, effected)
		}
	case permit.BatchDone:
		s.reason = "Claude Code went on after this call"
		for _, call := range signal.Calls {
			if r, sure := s.find(signal, call, func(r *request) bool { return r.phase < deciding }); r != nil {
				s.guess = !sure
				s.fire(r, local)
			}
		}
	case permit.TurnEnded, permit.Prompted:
		s.reason, s.guess = "the turn ended", true
		if signal.Kind == permit.Prompted {
			s.reason = "a new prompt was typed"
		}
		s.eachOf(local, func(r *request) bool {
			// An ended turn waits for a reply; its own end is no answer to it.
			own := r.Kind == permit.Finished && signal.Kind == permit.TurnEnded
			return r.Session == signal.Session && r.Agent == signal.Agent && !own
		})
	case permit.SessionEnded:
		s.reason = "the session ended"
		s.eachOf(gone, func(r *request) bool { return r.Session == signal.Session })
	case permit.ProcessGone:
		s.reason = "Claude Code ended"
		s.eachOf(gone, func(r *request) bool { return r.Client.ClaudePID == signal.ClaudePID })
	case permit.DialogClosed:
		s.reason, s.guess = "the dialog there closed", true
		s.eachOf(local, func(r *request) bool {
			return r.Client.ClaudePID == signal.ClaudePID && r.Contract == permit.Parallel
		})
	}
}

func (s *step) eachOf(t trigger, concerns func(*request) bool) {
	for _, r := range slices.Clone(s.b.order) {
		if concerns(r) {
			s.fire(r, t)
		}
	}
}

// ranBy finds whose tool ran: an approved request before one that is still
// open, since approval is what made it run, and of the approved ones one whose
// hook has said that Claude Code has it.
func (s *step) ranBy(signal permit.Signal) (r *request, sure bool) {
	if len(signal.Calls) != 1 {
		return nil, false
	}
	approved := func(r *request) bool { return r.outcome.Kind == permit.Approved }
	for _, likely := range []func(*request) bool{
		func(r *request) bool {
			return r.phase == over && approved(r) && (r.stage == permit.Delivered || r.stage == permit.Sent)
		},
		func(r *request) bool { return r.phase == sent && approved(r) },
		func(r *request) bool { return r.phase < deciding },
	} {
		if r, sure = s.find(signal, signal.Calls[0], likely); r != nil {
			return r, sure
		}
	}
	return nil, false
}

// find returns the oldest eligible request that the call can be, and whether
// it can be no other.
func (s *step) find(signal permit.Signal, call permit.Call, eligible func(*request) bool) (found *request, sure bool) {
	for _, r := range s.b.order {
		if r.Kind != permit.Permission || r.Session != signal.Session || r.Agent != signal.Agent || r.Tool != call.Tool ||
			!eligible(r) || !same(r, call) {
			continue
		}
		if found != nil {
			return found, false
		}
		found = r
	}
	return found, found != nil
}

// same reports whether the call can be the one that was asked about.
func same(r *request, call permit.Call) bool {
	switch r.Tool {
	case "ExitPlanMode", "AskUserQuestion":
		return true // their input comes back changed or empty
	case "Bash":
		asked := commandOf(r.Input)
		if asked != "" && strings.HasSuffix(call.Command, "&& "+asked) {
			return true // a redundant "cd DIR &&" was stripped before asking
		}
	}
	if r.outcome != nil && r.outcome.Decision != nil && r.outcome.Decision.Input != nil {
		return call.Digest == permit.DigestOf(r.Tool, r.outcome.Decision.Input)
	}
	return call.Digest == r.Digest
}

package config

import (
	"fmt"
	"time"

	"claude-permission-daemon/internal/permit"
	"claude-permission-daemon/internal/rules"
)

// Approve is the [approve] table: what is asked of a person before a request
// is allowed. Its rules are in Claude Code's own form.
type Approve struct {
	Confirm     []string `toml:"confirm"`      // to be confirmed
	NeverRemote []string `toml:"never_remote"` // allowed in the terminal only
	Edit        bool     `toml:"edit"`         // an input may be changed before it is allowed
	RetryWait   Duration `toml:"retry_wait"`   // how long auto mode's refusal waits; zero: it does not
}

// Rules parses both lists.
func (a Approve) Rules() (confirm, neverRemote rules.Set, err error) {
	if confirm, err = rules.ParseSet(a.Confirm); err != nil {
		return nil, nil, fmt.Errorf("approve.confirm: %w", err)
	}
	if neverRemote, err = rules.ParseSet(a.NeverRemote); err != nil {
		return nil, nil, fmt.Errorf("approve.never_remote: %w", err)
	}
	return confirm, neverRemote, nil
}

// Notify is the [notify] table: what a person who is away is told of.
type Notify struct {
	Idle        bool `toml:"idle"`
	Input       bool `toml:"input"`
	Permission  bool `toml:"permission"`
	Elicitation bool `toml:"elicitation"`
	Agent       bool `toml:"agent"`
	SignIn      bool `toml:"sign_in"`
	Quota       bool `toml:"quota"`
	Refused     bool `toml:"refused"`
	Other       bool `toml:"other"`
	Finished    bool `toml:"finished"`
	Replies     bool `toml:"replies"` // an ended turn waits for a reply
	Desktop     bool `toml:"desktop"` // outcomes, as notifications of this machine's desktop
}

// Wants reports whether notes of the class are told.
func (n Notify) Wants(class permit.NoteClass) bool {
	switch class {
	case permit.NoteIdle:
		return n.Idle
	case permit.NoteInput:
		return n.Input
	case permit.NotePermission:
		return n.Permission
	case permit.NoteElicitation:
		return n.Elicitation
	case permit.NoteAgent:
		return n.Agent
	case permit.NoteSignIn:
		return n.SignIn
	case permit.NoteQuota:
		return n.Quota
	case permit.NoteRefused:
		return n.Refused
	case permit.NoteFinished:
		return n.Finished || n.Replies
	}
	return n.Other
}

// defaults of the two tables.
func defaultApprove() Approve { return Approve{RetryWait: Duration(time.Minute)} }

func defaultNotify() Notify {
	return Notify{Idle: true, Input: true, Permission: true, Elicitation: true, Agent: true, SignIn: true,
		Quota: true, Refused: true, Other: true}
}

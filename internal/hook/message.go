package hook

import (
	"errors"
	"strconv"
	"time"

	"claude-permission-daemon/internal/wire/limits"
)

// Every line that the hook writes or reads is in this file. Tests hold them
// against package wire, which is the protocol.

// The events that are questions. Every other one is news for the daemon.
const (
	permissionRequest = "PermissionRequest"
	elicitation       = "Elicitation"
	// An ended turn may get a reply, and what auto mode refused another try. As a
	// rule the daemon hands both back at once.
	stop             = "Stop"
	permissionDenied = "PermissionDenied"
)

// event is what the hook itself needs to know of Claude Code's JSON.
type event struct {
	name string
	// agent is set inside a subagent.
	agent bool
	// raw is the event on one line.
	raw []byte
}

// parseEvent reads Claude Code's JSON. It keeps raw, which it makes one line.
func parseEvent(raw []byte) (event, error) {
	var name, agent []byte
	err := object(raw, func(key string, value []byte) error {
		switch key {
		case "hook_event_name":
			return once(&name, key, value)
		case "agent_id":
			return once(&agent, key, value)
		}
		return nil
	})
	if err != nil {
		return event{}, err
	}
	read := event{raw: raw}
	var ok bool
	if read.name, ok = text(name); !ok || read.name == "" {
		return event{}, errors.New("it has no hook_event_name")
	}
	switch string(agent) {
	case "", `""`, "null":
	default:
		read.agent = true
	}
	// In valid JSON a raw line break is white space: inside strings it is escaped.
	for i, b := range raw {
		if b == '\n' || b == '\r' {
			raw[i] = ' '
		}
	}
	return read, nil
}

// waits reports whether the event is a question, to be answered on stdout.
func (e event) waits() bool {
	switch e.name {
	case permissionRequest, elicitation, stop, permissionDenied:
		return true
	}
	return false
}

// client is what the hook knows of the session that asks; permit.Client.
type client struct {
	pid, claudePID      int
	entrypoint          string
	attended            bool
	tty, tmux, sessions string
}

// blocks reports whether Claude Code goes on only when the hook has ended: its
// dialog is held back for elicitations and for subagents of a session that a
// person attends, and the session itself at the end of a turn or a refusal.
func (e event) blocks(from client) bool {
	return e.waits() && (e.name != permissionRequest || e.agent && from.attended)
}

// envelope is the event's line for the daemon; id is empty for news.
func envelope(id string, of event, from client) ([]byte, error) {
	line := make([]byte, 0, len(of.raw)+512)
	line = append(line, `{"v":`...)
	line = strconv.AppendInt(line, limits.Version, 10)
	line = append(line, `,"op":"hook"`...)
	line = appendText(line, "id", id)
	line = append(line, `,"event":`...)
	line = append(line, of.raw...)
	line = append(line, `,"client":{"attended":`...)
	line = strconv.AppendBool(line, from.attended)
	line = appendNumber(line, "pid", from.pid)
	line = appendNumber(line, "claude_pid", from.claudePID)
	line = appendText(line, "entrypoint", from.entrypoint)
	line = appendText(line, "tty", from.tty)
	line = appendText(line, "tmux", from.tmux)
	line = appendText(line, "sessions", from.sessions)
	line = append(line, "}}\n"...)
	if len(line) > limits.MaxLine {
		return nil, errTooLong
	}
	return line, nil
}

// appendText and appendNumber append a member unless it is empty.
func appendText(line []byte, key, value string) []byte {
	if value == "" {
		return line
	}
	line = append(line, `,"`+key+`":`...)
	return appendQuoted(line, value)
}

func appendNumber(line []byte, key string, value int) []byte {
	if value == 0 {
		return line
	}
	line = append(line, `,"`+key+`":`...)
	return strconv.AppendInt(line, int64(value), 10)
}

// The other lines that the hook writes.
const (
	pingLine      = `{"ping":true}` + "\n"
	deliveredLine = `{"delivered":true}` + "\n"
)

func closingLine(reason string) []byte {
	return append(appendQuoted([]byte(`{"closing":`), reason), "}\n"...)
}

// message is a line from the daemon: either it has accepted the request (and
// lives), or this is the answer.
type message struct {
	accepted bool
	reattach time.Duration // with accepted; 0: not said
	action   string        // wire.Action
	output   []byte        // for stdout; nil with passthrough
}

// parseMessage reads a line from the daemon. Whatever is not exactly one of the
// protocol's lines is an error, and so is the daemon's own error line.
func parseMessage(line []byte) (message, error) {
	var accepted, reattach, action, output, said []byte
	err := object(line, func(key string, value []byte) error {
		switch key {
		case "accepted":
			return once(&accepted, key, value)
		case "reattach_s":
			return once(&reattach, key, value)
		case "action":
			return once(&action, key, value)
		case "output":
			return once(&output, key, value)
		case "error":
			return once(&said, key, value)
		}
		return nil
	})
	switch {
	case err != nil:
		return message{}, errors.New("cannot read the daemon's answer: " + err.Error())
	case said != nil:
		return message{}, errors.New("cannot be served: the daemon says " + shorten(said))
	case accepted != nil && action == nil:
		if string(accepted) != "true" {
			return message{}, errors.New("cannot be served: the daemon does not accept the request")
		}
		seconds, _ := strconv.Atoi(string(reattach)) // 0 where it is none
		return message{accepted: true, reattach: time.Duration(min(max(0, seconds), int(limits.MaxReattach/time.Second))) * time.Second}, nil
	case action != nil && accepted == nil:
		word, ok := text(action)
		if !ok || word != "approve" && word != "deny" && word != "passthrough" {
			return message{}, errors.New("cannot use the daemon's answer: unknown action " + shorten(action))
		}
		return message{action: word, output: output}, nil
	}
	return message{}, errors.New("cannot use the daemon's answer: neither accepted nor an action")
}

// shorten keeps a raw JSON value to a length for one line of stderr.
func shorten(raw []byte) string {
	const most = 300
	if len(raw) > most {
		return string(raw[:most]) + "…"
	}
	return string(raw)
}

// checkOutput checks that the answer's output is a document that Claude Code
// takes for an answer to this event, and that it says what the action says.
// Nothing else of ours ever reaches stdout.
func checkOutput(of event, answer message) error {
	var specific []byte
	err := object(answer.output, func(key string, value []byte) error {
		if key == "hookSpecificOutput" {
			return once(&specific, key, value)
		}
		return nil
	})
	if err != nil {
		return errors.New("its output is " + err.Error())
	}
	var name, decision, action, retry, context []byte
	err = object(specific, func(key string, value []byte) error {
		switch key {
		case "hookEventName":
			return once(&name, key, value)
		case "decision":
			return once(&decision, key, value)
		case "action":
			return once(&action, key, value)
		case "retry":
			return once(&retry, key, value)
		case "additionalContext":
			return once(&context, key, value)
		}
		return nil
	})
	if err != nil {
		return errors.New("its hookSpecificOutput is " + err.Error())
	}
	if word, _ := text(name); word != of.name {
		return errors.New("its output is not for " + of.name)
	}
	switch of.name {
	case elicitation:
		return agree(answer.action, action, "accept", "decline", "cancel")
	case permissionDenied:
		if answer.action == "approve" && string(retry) == "true" || answer.action == "deny" && string(retry) == "false" {
			return nil
		}
		return errors.New("it does not say whether to try again")
	case stop:
		if said, ok := text(context); answer.action == "approve" && ok && said != "" {
			return nil
		}
		return errors.New("it holds no reply")
	}
	var behavior []byte
	err = object(decision, func(key string, value []byte) error {
		if key == "behavior" {
			return once(&behavior, key, value)
		}
		return nil
	})
	if err != nil {
		return errors.New("its decision is " + err.Error())
	}
	return agree(answer.action, behavior, "allow", "deny")
}

// agree checks that the word in the output stands for the action.
func agree(action string, raw []byte, approving string, denying ...string) error {
	word, _ := text(raw)
	if action == "approve" && word == approving {
		return nil
	}
	for _, deny := range denying {
		if action == "deny" && word == deny {
			return nil
		}
	}
	return errors.New("it says " + action + ", and its output says " + shorten(raw))
}

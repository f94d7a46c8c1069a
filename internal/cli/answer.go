package cli

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"strings"

	"claude-permission-daemon/internal/wire"
)

func approveCommand() command {
	return command{name: "approve", args: "ID", short: "approve an open request",
		long: "ID is the request's id or its beginning, as `pending` shows it, if no other begins so.",
		setup: func(*flag.FlagSet) func(context.Context, *call) error {
			return func(_ context.Context, c *call) error { return c.answer("approve", "") }
		}}
}

func denyCommand() command {
	return command{name: "deny", args: "ID", short: "deny an open request, with -m TEXT for Claude to read",
		long: "ID is the request's id or its beginning, as `pending` shows it, if no other begins so.",
		setup: func(flags *flag.FlagSet) func(context.Context, *call) error {
			message := flags.String("m", "", "what Claude is told, in `TEXT`")
			return func(_ context.Context, c *call) error { return c.answer("deny", *message) }
		}}
}

// answer decides the request that the argument names, exactly as it is listed.
func (c *call) answer(decision, message string) error {
	if len(c.args) != 1 {
		return usagef("one ID is wanted, and %d were given", len(c.args))
	}
	var open []wire.Pending
	if err := c.control(wire.Envelope{Op: wire.OpPending}, &open); err != nil {
		return err
	}
	request, err := named(open, c.args[0])
	if err != nil {
		return err
	}
	var done wire.OK
	err = c.control(wire.Envelope{Op: wire.OpAnswer, ID: request.ID, Generation: request.Generation, Digest: request.Digest,
		Decision: decision, Message: message}, &done)
	if refused, ok := errors.AsType[*refusal](err); ok && refused.notOpen() {
		return &failure{code: exitNoSuch, err: err}
	}
	if err != nil {
		return err
	}
	fmt.Fprintln(c.Stdout, done.Text)
	return nil
}

// named finds the one request whose id is, or begins with, what was typed.
func named(open []wire.Pending, id string) (wire.Pending, error) {
	var found []wire.Pending
	for _, p := range open {
		if p.ID == id {
			return p, nil
		}
		if strings.HasPrefix(p.ID, id) && id != "" {
			found = append(found, p)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return wire.Pending{}, &failure{code: exitNoSuch, err: fmt.Errorf("no open request has the id %q", id),
			hint: "claude-permission-daemon pending lists those that are open"}
	}
	return wire.Pending{}, usagef("%d open requests have an id that begins with %q", len(found), id)
}

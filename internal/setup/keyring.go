package setup

import (
	"context"
	"fmt"
	"os/exec"
	"runtime"
	"strings"

	"claude-permission-daemon/internal/channel/slack"
	"claude-permission-daemon/internal/secret"
)

// inKeyring is the answer that takes a token from the system's keyring and
// leaves it there: the configuration then has the command that prints it. It is
// the system's own program, so that the daemon needs no library for what it
// does once at its start, and `bot_token_command` is good for any password
// manager.
const inKeyring = "keyring"

// What the tokens are called in a keyring.
const (
	keyringService = "claude-permission-daemon"
	botTokenName   = "slack-bot"
	appTokenName   = "slack-app"
)

// keyring is a system's own program for its keyring.
type keyring struct {
	lookup, store []string
	clear         string // for all of ours
	from          string // where the program is from
}

// keyringOn is the keyring of a system; false: none is known.
func keyringOn(system, name string) (keyring, bool) {
	switch system {
	case "linux", "freebsd", "openbsd", "netbsd":
		return keyring{
			lookup: []string{"secret-tool", "lookup", "service", keyringService, "token", name},
			store:  []string{"secret-tool", "store", "--label='Claude approvals'", "service", keyringService, "token", name},
			clear:  "secret-tool clear service " + keyringService,
			from:   "libsecret-tools",
		}, true
	case "darwin":
		return keyring{
			lookup: []string{"security", "find-generic-password", "-s", keyringService, "-a", name, "-w"},
			store:  []string{"security", "add-generic-password", "-s", keyringService, "-a", name, "-w"},
			clear:  "security delete-generic-password -s " + keyringService,
			from:   "macOS",
		}, true
	}
	return keyring{}, false
}

// fromKeyring asks the keyring for a token.
func fromKeyring(ctx context.Context, name string) (secret.Text, []string, error) {
	k, known := keyringOn(runtime.GOOS, name)
	if !known {
		return secret.Text{}, nil, fmt.Errorf("no keyring is known on %s", runtime.GOOS)
	}
	if _, err := exec.LookPath(k.lookup[0]); err != nil {
		return secret.Text{}, nil, fmt.Errorf("%s is not there to ask the keyring (it comes with %s)", k.lookup[0], k.from)
	}
	t, err := slack.TokenFrom(ctx, k.lookup)
	if err != nil {
		return t, nil, fmt.Errorf("%w; to put it there: %s", err, strings.Join(k.store, " "))
	}
	return t, k.lookup, nil
}

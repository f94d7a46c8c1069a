package slack

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"

	"claude-permission-daemon/internal/secret"
)

// commandLimit is how long a command may take to print a token. One that asks a
// person (to unlock a keyring, say) must not hold up the daemon for ever.
const commandLimit = 20 * time.Second

// tokenLimit is far more than a token has.
const tokenLimit = 4096

// ReadFiles reads the tokens that are given as files or commands. It keeps
// nothing of what it read in its errors.
func (c *Config) ReadFiles() error {
	var errs []error
	for _, twin := range []struct {
		key     string
		token   *secret.Text
		path    string
		command []string
	}{
		{"slack.bot_token", &c.BotToken, c.BotTokenFile, c.BotTokenCommand},
		{"slack.app_token", &c.AppToken, c.AppTokenFile, c.AppTokenCommand},
	} {
		var err error
		switch isFile, isCommand := twin.path != "", len(twin.command) > 0; {
		case !isFile && !isCommand:
		case isFile && !twin.token.Empty():
			err = fmt.Errorf("%s and %s_file are both set: keep one", twin.key, twin.key)
		case isCommand && !twin.token.Empty():
			err = fmt.Errorf("%s and %s_command are both set: keep one", twin.key, twin.key)
		case isFile && isCommand:
			err = fmt.Errorf("%s_file and %s_command are both set: keep one", twin.key, twin.key)
		case isFile:
			if *twin.token, err = TokenIn(twin.path); err != nil {
				err = fmt.Errorf("%s_file: %w", twin.key, err)
			}
		default:
			if *twin.token, err = TokenFrom(context.Background(), twin.command); err != nil {
				err = fmt.Errorf("%s_command: %w", twin.key, err)
			}
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// TokenIn reads the token in a file that holds nothing else.
func TokenIn(path string) (secret.Text, error) {
	f, err := os.Open(path)
	if err != nil {
		return secret.Text{}, fmt.Errorf("cannot read the token: %w", err)
	}
	defer f.Close() //nolint:errcheck // only read
	text, err := io.ReadAll(io.LimitReader(f, tokenLimit))
	if err != nil {
		return secret.Text{}, fmt.Errorf("cannot read the token: %w", err)
	}
	token := secret.Of(strings.TrimSpace(string(text)))
	if token.Empty() {
		return token, fmt.Errorf("%s is empty", path)
	}
	return token, nil
}

// TokenFrom runs a command that prints a token and nothing else.
func TokenFrom(ctx context.Context, command []string) (secret.Text, error) {
	ctx, cancel := context.WithTimeout(ctx, commandLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.WaitDelay = time.Second // for what the command has started
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	text, err := cmd.Output()
	switch {
	case ctx.Err() != nil:
		return secret.Text{}, fmt.Errorf("%s did not print a token within %v", command[0], commandLimit)
	case err != nil && stderr.Len() > 0:
		return secret.Text{}, fmt.Errorf("cannot get the token from %s: %w: %s", command[0], err, line(strings.TrimSpace(stderr.String()), 200))
	case err != nil:
		return secret.Text{}, fmt.Errorf("cannot get the token from %s: %w", command[0], err)
	}
	token := secret.Of(strings.TrimSpace(string(text)))
	if token.Empty() || len(text) > tokenLimit {
		return secret.Text{}, fmt.Errorf("%s printed no token", command[0])
	}
	return token, nil
}

// Package config reads config.toml and the environment. The keys of the Python
// program keep their names and meaning; example/config.toml documents all.
package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/BurntSushi/toml"

	"claude-permission-daemon/internal/channel/slack"
	"claude-permission-daemon/internal/channel/web"
	"claude-permission-daemon/internal/presence"
	"claude-permission-daemon/internal/secret"
)

// Config is everything that a user may set.
type Config struct {
	Daemon   Daemon       `toml:"daemon"`
	Presence Presence     `toml:"presence"`
	Slack    slack.Config `toml:"slack"`
	Web      web.Config   `toml:"web"`
	Approve  Approve      `toml:"approve"`
	Notify   Notify       `toml:"notify"`
	Privacy  Privacy      `toml:"privacy"`
	Swayidle Swayidle     `toml:"swayidle"`
}

// Daemon is the [daemon] table.
type Daemon struct {
	SocketPath     string   `toml:"socket_path"`     // empty: paths.Socket
	IdleTimeout    Duration `toml:"idle_timeout"`    // without input for so long: away
	RequestTimeout Duration `toml:"request_timeout"` // zero: as long as Claude Code lets the hook wait
	Debug          bool     `toml:"debug"`
	Sandbox        bool     `toml:"sandbox"` // whether the daemon gives up writing elsewhere
	// Reattach is how long a request waits for its hook, and the hook for its
	// daemon, when one of them lost the other.
	Reattach        Duration `toml:"reattach"`
	MaxOpen         int      `toml:"max_open"`
	MaxRequestBytes int      `toml:"max_request_bytes"`
}

// Presence is the [presence] table.
type Presence struct {
	presence.Config
	AskAfter        Duration `toml:"ask_after"`
	AskAfterPresent Duration `toml:"ask_after_present"`
	OnReturn        string   `toml:"on_return"` // Keep or HandBack
}

// The values of on_return.
const (
	Keep     = "keep"
	HandBack = "hand_back"
)

// Privacy is the [privacy] table.
type Privacy struct {
	LockScreen string `toml:"lock_screen"` // "full" or "terse"
	Body       string `toml:"body"`        // "full" or "none": what leaves the machine
}

// Swayidle is the [swayidle] table.
type Swayidle struct {
	Binary string `toml:"binary"`
}

// A request has to fit the protocol's line, and Claude Code's smallest is a few
// hundred bytes.
const (
	minRequestBytes = 4 << 10
	maxRequestBytes = 16 << 20
)

// Default is the configuration of whoever has written none.
func Default() Config {
	return Config{
		Daemon:   Daemon{IdleTimeout: Duration(time.Minute), Sandbox: true, Reattach: Duration(30 * time.Second), MaxOpen: 1000, MaxRequestBytes: maxRequestBytes},
		Presence: Presence{Config: presence.Config{Source: presence.Auto}, AskAfter: Duration(45 * time.Second), AskAfterPresent: Duration(5 * time.Minute), OnReturn: Keep},
		Web:      web.Config{Listen: web.DefaultListen},
		Approve:  defaultApprove(),
		Notify:   defaultNotify(),
		Privacy:  Privacy{LockScreen: "full", Body: "full"},
		Swayidle: Swayidle{Binary: "swayidle"},
	}
}

// Load reads the file at path and then the environment, which wins. A missing
// file is an error only if must is set: whoever names a file means it.
// warnings are what is amiss but does no harm by itself.
func Load(path string, must bool, getenv func(string) string) (c Config, warnings []string, err error) {
	c = Default()
	text, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && !must:
	case err != nil:
		return c, nil, fmt.Errorf("cannot read the configuration: %w", err)
	default:
		if err := c.read(string(text)); err != nil {
			return c, nil, fmt.Errorf("cannot use %s: %w", path, err)
		}
		if info, err := os.Stat(path); err == nil && info.Mode().Perm()&0o077 != 0 {
			warnings = append(warnings, fmt.Sprintf("%s can be read by other users: chmod 600 %s", path, path))
		}
	}
	if err := c.environment(getenv); err != nil {
		return c, warnings, err
	}
	if err := c.Slack.ReadFiles(); err != nil {
		return c, warnings, fmt.Errorf("cannot use the configuration: %w", err)
	}
	if err := c.Validate(); err != nil {
		return c, warnings, fmt.Errorf("cannot use the configuration: %w", err)
	}
	return c, warnings, nil
}

// read takes in the text of a config.toml.
func (c *Config) read(text string) error {
	meta, err := toml.Decode(text, c)
	if err != nil {
		return err // names the line; the line itself may hold a token
	}
	var errs []error
	for _, key := range meta.Undecoded() {
		errs = append(errs, unknown(key.String()))
	}
	return errors.Join(errs...)
}

// unknown is the error for a key that there is not, with the nearest there is.
func unknown(key string) error {
	known := Keys()
	nearest := slices.MinFunc(known, func(a, b string) int { return distance(key, a) - distance(key, b) })
	return fmt.Errorf("unknown key %s: did you mean %s?", key, nearest)
}

// Keys lists every key there is, as table.key, in the order of the tables.
func Keys() []string { return keysOf(reflect.TypeFor[Config](), "") }

func keysOf(t reflect.Type, table string) []string {
	var keys []string
	for field := range t.Fields() {
		name, tagged := field.Tag.Lookup("toml")
		switch {
		case field.Anonymous && !tagged:
			keys = append(keys, keysOf(field.Type, table)...)
		case name == "" || name == "-":
		case table == "":
			keys = append(keys, keysOf(field.Type, name+".")...)
		default:
			keys = append(keys, table+name)
		}
	}
	return keys
}

// distance is the Levenshtein distance of two short strings.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// environment takes in the variables of the Python program.
func (c *Config) environment(getenv func(string) string) error {
	const prefix = "CLAUDE_PERM_"
	set := []struct {
		name string
		take func(string) error
	}{
		{"SLACK_BOT_TOKEN", func(v string) error {
			c.Slack.BotToken, c.Slack.BotTokenFile, c.Slack.BotTokenCommand = secret.Of(v), "", nil
			return nil
		}},
		{"SLACK_APP_TOKEN", func(v string) error {
			c.Slack.AppToken, c.Slack.AppTokenFile, c.Slack.AppTokenCommand = secret.Of(v), "", nil
			return nil
		}},
		{"SLACK_CHANNEL", text(&c.Slack.Channel)},
		{"IDLE_TIMEOUT", c.Daemon.IdleTimeout.set},
		{"REQUEST_TIMEOUT", c.Daemon.RequestTimeout.set},
		{"SOCKET_PATH", text(&c.Daemon.SocketPath)},
		{"SWAYIDLE_BINARY", text(&c.Swayidle.Binary)},
		{"DEBUG", boolean(&c.Daemon.Debug)},
	}
	for _, variable := range set {
		if value := getenv(prefix + variable.name); value != "" {
			if err := variable.take(value); err != nil {
				return fmt.Errorf("cannot use %s%s: %w", prefix, variable.name, err)
			}
		}
	}
	return nil
}

func text(to *string) func(string) error {
	return func(v string) error { *to = v; return nil }
}

func boolean(to *bool) func(string) error {
	return func(v string) error {
		switch strings.ToLower(v) {
		case "1", "true", "yes", "on":
			*to = true
		case "0", "false", "no", "off":
			*to = false
		default:
			return fmt.Errorf("%q is neither true nor false", v)
		}
		return nil
	}
}

// Validate says everything that is wrong, each error naming its key.
func (c Config) Validate() error {
	var errs []error
	fail := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if c.Daemon.IdleTimeout <= 0 {
		fail("daemon.idle_timeout must be above 0")
	}
	for _, d := range []struct {
		key   string
		value Duration
	}{
		{"daemon.request_timeout", c.Daemon.RequestTimeout},
		{"approve.retry_wait", c.Approve.RetryWait},
		{"presence.ask_after", c.Presence.AskAfter},
		{"presence.ask_after_present", c.Presence.AskAfterPresent},
	} {
		if d.value < 0 {
			fail("%s must not be below 0", d.key)
		}
	}
	if r := time.Duration(c.Daemon.Reattach); r < time.Second || r > time.Hour {
		fail("daemon.reattach must be between 1 second and 1 hour")
	}
	if c.Daemon.MaxOpen < 1 || c.Daemon.MaxOpen > 100_000 {
		fail("daemon.max_open must be between 1 and 100000")
	}
	if n := c.Daemon.MaxRequestBytes; n < minRequestBytes || n > maxRequestBytes {
		fail("daemon.max_request_bytes must be between %d and %d", minRequestBytes, maxRequestBytes)
	}
	if c.Presence.OnReturn != Keep && c.Presence.OnReturn != HandBack {
		fail("presence.on_return is %q: it must be %q or %q", c.Presence.OnReturn, Keep, HandBack)
	}
	if c.Privacy.LockScreen != "full" && c.Privacy.LockScreen != "terse" {
		fail(`privacy.lock_screen is %q: it must be "full" or "terse"`, c.Privacy.LockScreen)
	}
	if c.Privacy.Body != "full" && c.Privacy.Body != "none" {
		fail(`privacy.body is %q: it must be "full" or "none"`, c.Privacy.Body)
	}
	if _, _, err := c.Approve.Rules(); err != nil {
		errs = append(errs, err)
	}
	errs = append(errs, c.Presence.Validate(), c.Slack.Validate(), c.Web.Validate())
	return errors.Join(errs...)
}

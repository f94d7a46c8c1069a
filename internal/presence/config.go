package presence

import (
	"fmt"
	"slices"
	"strings"
)

// Auto and Manual are the two values of [Config.Source] that name no source.
const (
	Auto   = "auto"
	Manual = "manual"
)

// Names are the values that the configuration's source may have.
var Names = []string{Auto, Manual, "mutter", "wayland", "x11", "macos", "windows", "terminals", "swayidle", "command"}

// Config is the part of the [presence] table that chooses and sets up sources.
type Config struct {
	// Source is one of Names; empty means Auto.
	Source string `toml:"source"`
	// Command is the program, with its arguments, that the source "command" runs.
	Command []string `toml:"command"`
}

// Validate returns an error that names the key which is wrong.
func (c Config) Validate() error {
	if c.Source != "" && !slices.Contains(Names, c.Source) {
		return fmt.Errorf("cannot use [presence] source = %q: it is one of %s", c.Source, strings.Join(Names, ", "))
	}
	if c.Source == "command" && (len(c.Command) == 0 || c.Command[0] == "") {
		return fmt.Errorf(`cannot use [presence] source = "command": [presence] command names no program`)
	}
	return nil
}

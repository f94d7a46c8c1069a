package config

import (
	"fmt"
	"maps"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const page = "../../docs/configuration.md"

// TestConfigurationPage: docs/configuration.md is made from the example, which
// has every key with its default, and from the code that reads the environment.
// UPDATE_GOLDEN=1 writes it.
func TestConfigurationPage(t *testing.T) {
	example, err := os.ReadFile("../../example/config.toml")
	if err != nil {
		t.Fatal(err)
	}
	made := configurationPage(string(example), variables(t))
	if os.Getenv("UPDATE_GOLDEN") == "1" {
		if err := os.WriteFile(page, []byte(made), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	there, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(there), made); diff != "" {
		t.Errorf("docs/configuration.md is not up to date: UPDATE_GOLDEN=1 go test ./internal/config\n%s", diff)
	}
	for _, key := range Keys() {
		table, name, _ := strings.Cut(key, ".")
		_, section, _ := strings.Cut(made, "\n## ["+table+"]\n")
		section, _, _ = strings.Cut(section, "\n## ")
		if !strings.Contains(section, "| `"+name+"` |") {
			t.Errorf("the page says nothing of %s", key)
		}
	}
}

var (
	tableLine = regexp.MustCompile(`^\[(\w+)\]`)
	keyLine   = regexp.MustCompile(`^(# )?(\w+) = (.*)`)
)

// configurationPage makes the page of an example whose comments come before
// what they are about.
func configurationPage(example string, variables map[string]string) string {
	var b strings.Builder
	b.WriteString(`# Configuration

<!-- Made from example/config.toml and the code: UPDATE_GOLDEN=1 go test ./internal/config -->

` + "`~/.config/claude-permission-daemon/config.toml` (or below `$XDG_CONFIG_HOME`), for your eyes only: `chmod 600`. Everything has a default, so the file may be missing." + `
A length of time is seconds as a number (` + "`300`) or text (`\"5m\"`" + `). An unknown key is an error that names the nearest known one. [example/config.toml](../example/config.toml) is the same as a file to copy from.

` + "`claude-permission-daemon setup` writes what most people need; `claude-permission-daemon doctor config` says whether it is right." + `
The daemon reads it when it starts; ` + "`idle_timeout`" + ` also at SIGHUP.
`)
	var comment []string
	table, shown := "", ""
	rows := map[string]bool{}
	row := func(name, value, kept string) {
		if rows[table+"."+name] {
			return
		}
		rows[table+"."+name] = true
		if table != shown {
			fmt.Fprintf(&b, "\n## [%s]\n\n| key | default | |\n|---|---|---|\n", table)
			shown = table
		}
		meaning := strings.TrimSpace(kept)
		if meaning == "" {
			meaning = "see above"
		}
		if v := variables[table+"."+name]; v != "" {
			meaning += " (`" + v + "`)"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", name, value, strings.ReplaceAll(meaning, "|", `\|`))
	}
	said, examples := "", map[string]string{}
	for line := range strings.Lines(example) {
		line = strings.TrimRight(line, "\n")
		if m := tableLine.FindStringSubmatch(line); m != nil {
			table, comment, said, examples = m[1], nil, "", map[string]string{}
			continue
		}
		if table == "" || strings.HasPrefix(line, "#   CLAUDE_PERM") || strings.HasPrefix(line, "# These environment") {
			continue
		}
		m := keyLine.FindStringSubmatch(line)
		switch {
		case line == "":
			comment, said = nil, ""
		case m == nil:
			comment = append(comment, strings.TrimPrefix(line, "# "))
			continue
		case m[1] != "" && strings.Contains(example, "\n"+m[2]+" = "):
			examples[m[2]] = m[3] // its default follows
			continue
		case m[1] != "":
			if len(comment) > 0 {
				said = strings.Join(comment, " ")
			}
			text := said
			if said != "" {
				text += " "
			}
			row(m[2], "", text+"For example `"+m[3]+"`.")
			comment, said = nil, ""
		default:
			text := strings.Join(comment, " ")
			if e := examples[m[2]]; e != "" {
				text += " For example `" + e + "`."
			}
			row(m[2], "`"+m[3]+"`", text)
			comment = nil
		}
	}
	b.WriteString(`
## The environment

These win over the file; they are the Python program's. ` + "`NO_COLOR`" + ` switches colours off.

| variable | key |
|---|---|
`)
	for _, key := range Keys() {
		if v := variables[key]; v != "" {
			fmt.Fprintf(&b, "| `%s` | `%s` |\n", v, key)
		}
	}
	return b.String()
}

// variables finds out which environment variable sets which key, by setting
// each that the code asks for.
func variables(t *testing.T) map[string]string {
	t.Helper()
	var names []string
	c := Default()
	if err := c.environment(func(name string) string { names = append(names, name); return "" }); err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, name := range names {
		for _, value := range []string{"7", "yes", "text"} {
			c := Default()
			if c.environment(func(n string) string {
				if n == name {
					return value
				}
				return ""
			}) != nil {
				continue
			}
			for key, now := range values(reflect.ValueOf(c), "") {
				if before := values(reflect.ValueOf(Default()), "")[key]; !reflect.DeepEqual(before, now) {
					found[key] = name
				}
			}
		}
	}
	if len(found) != len(names) {
		t.Errorf("of %d variables only %v set a key", len(names), found)
	}
	return found
}

// values are the keys of a configuration with what they hold.
func values(v reflect.Value, table string) map[string]any {
	all := map[string]any{}
	for i := range v.NumField() {
		field := v.Type().Field(i)
		name, tagged := field.Tag.Lookup("toml")
		switch {
		case field.Anonymous && !tagged:
			maps.Copy(all, values(v.Field(i), table))
		case name == "" || name == "-":
		case table == "":
			maps.Copy(all, values(v.Field(i), name+"."))
		default:
			all[table+name] = v.Field(i).Interface()
		}
	}
	return all
}

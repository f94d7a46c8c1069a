package settings

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Program is the hook's file name, by which its entries are known for ours.
const Program = "claude-permission-hook"

// event is one of Claude Code's events, and how long its hook may take.
type event struct {
	name    string
	timeout time.Duration // zero: as long as a question
}

const (
	// question is how long Claude Code lets a hook wait that a person answers. It
	// is above the daemon's own limits, so that the daemon ends the wait and
	// says so on the cards.
	question = 24 * time.Hour
	// news is how long it lets one take that waits for nobody. The hook itself
	// gives up sooner.
	news = 5 * time.Second
)

// events lists every event that the hook is entered for, in the order in which
// the entries are written. At some the daemon may keep the hook waiting for a
// person; the others tell it what was answered, or what happened, in the
// terminal.
func events() []event {
	return []event{
		{"PermissionRequest", 0},
		{"Elicitation", 0},
		{"Stop", 0},             // held where a reply may come
		{"PermissionDenied", 0}, // held where another try may be allowed
		{"PostToolUse", news},
		{"PostToolUseFailure", news},
		{"PostToolBatch", news},
		{"UserPromptSubmit", news},
		{"StopFailure", news},
		{"SubagentStop", news},
		{"SessionEnd", news},
		{"Notification", news},
	}
}

// Events are the names of the events that the hook is entered for.
func Events() []string {
	var names []string
	for _, e := range events() {
		names = append(names, e.name)
	}
	return names
}

// seconds is how long the hook may take at an event.
func (o Options) seconds(e event) int {
	timeout := e.timeout
	if timeout == 0 {
		timeout = max(question, o.Timeout)
	}
	return int((timeout + time.Second - 1) / time.Second)
}

func (o Options) args() []string {
	if o.Socket == "" {
		return []string{}
	}
	return []string{"--socket", o.Socket}
}

// group is the text of an entry: one matcher group with the hook in it.
func (o Options) group(e event) string {
	var args []string
	for _, arg := range o.args() {
		args = append(args, quote(arg))
	}
	return fmt.Sprintf(`{"matcher": "*", "hooks": [{"type": "command", "command": %s, "args": [%s], "timeout": %d}]}`,
		quote(o.Hook), strings.Join(args, ", "), o.seconds(e))
}

// quote is s as a JSON string.
func quote(s string) string {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(s) // a string
	return strings.TrimSuffix(text.String(), "\n")
}

// handler is a hook of ours in the settings, and the way to it.
type handler struct {
	entry  Entry
	hooks  *node // the group's list of handlers
	index  int   // in hooks
	list   *node // the event's list of groups
	group  int   // in list
	object *node // "hooks" itself
	member int   // the event in object
	outer  int   // object in the settings
}

// handlers finds every handler that is ours, wherever duplicate keys hide it,
// in the order of the text. What has not the form of hooks has no handlers.
func handlers(text []byte, root *node) (found []handler) {
	if root == nil {
		return nil
	}
	for o := range root.items {
		if root.keys[o] != "hooks" || root.items[o].kind != '{' {
			continue
		}
		object := &root.items[o]
		for m := range object.items {
			list := &object.items[m]
			if list.kind != '[' {
				continue
			}
			for g := range list.items {
				hooks := list.items[g].member("hooks")
				if hooks == nil || hooks.kind != '[' {
					continue
				}
				for i := range hooks.items {
					entry, ok := ours(text, &hooks.items[i])
					if !ok {
						continue
					}
					entry.Event = object.keys[m]
					entry.Line = wrong(text, hooks.items[i].from, "").Line
					entry.Matcher = list.items[g].member("matcher").str(text)
					// Of keys that come twice only the last one counts.
					entry.narrow = entry.narrow || root.member("hooks") != object || object.member(entry.Event) != list
					found = append(found, handler{entry: entry, hooks: hooks, index: i, list: list, group: g, object: object, member: m, outer: o})
				}
			}
		}
	}
	return found
}

// ours reads a handler, and reports whether it runs our hook: as the program
// itself, or as the first word of a line for the shell.
func ours(text []byte, n *node) (e Entry, ok bool) {
	command, args := n.member("command"), n.member("args")
	if command == nil || command.kind != '"' {
		return Entry{}, false
	}
	e.Command = command.str(text)
	program := e.Command
	if args == nil || args.kind != '[' {
		e.Shell = true
		program = firstWord(e.Command)
	}
	if base(program) != Program {
		return Entry{}, false
	}
	if !e.Shell {
		for i := range args.items {
			e.Args = append(e.Args, args.items[i].str(text))
		}
	}
	if timeout := n.member("timeout"); timeout != nil && timeout.kind == 0 {
		var seconds float64
		if json.Unmarshal(text[timeout.from:timeout.to], &seconds) == nil {
			e.Timeout = time.Duration(min(seconds, 1e9) * float64(time.Second))
		}
	}
	background := n.member("async")
	e.narrow = n.member("if") != nil || background != nil && background.kind == 't' || n.member("type").str(text) != "command"
	return e, true
}

// base is the last element of a path of any system, without ".exe".
func base(path string) string {
	name := path[strings.LastIndexAny(path, `/\`)+1:]
	return strings.TrimSuffix(name, ".exe")
}

// firstWord is the program that a shell would run: the first word that is no
// assignment, without its quotes.
func firstWord(line string) string {
	for {
		line = strings.TrimLeft(line, " \t")
		var word strings.Builder
		var quoted rune
		end := len(line)
	scan:
		for i, r := range line {
			switch {
			case r == quoted:
				quoted = 0
			case quoted != 0:
				word.WriteRune(r)
			case r == '"' || r == '\'':
				quoted = r
			case strings.ContainsRune(" \t;|&<>", r):
				end = i
				break scan
			default:
				word.WriteRune(r)
			}
		}
		name, _, assignment := strings.Cut(word.String(), "=")
		if !assignment || strings.ContainsAny(name, `/\`) || end == len(line) {
			return word.String()
		}
		line = line[end:]
	}
}

// good reports whether an entry does what Install would enter for the event:
// it may have more keys, and a longer timeout.
func (o Options) good(have Entry, e event) bool {
	return have.Event == e.name && have.everywhere() && !have.Shell && have.Command == o.Hook && slices.Equal(have.Args, o.args()) &&
		have.Timeout >= time.Duration(o.seconds(e))*time.Second
}

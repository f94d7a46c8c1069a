package settings

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// This file edits the text of settings in place: whatever is not an entry of
// ours keeps its bytes. Additions go to the end of what they are added to, so
// that taking them away again gives the text that was there before.

// enter returns the text with the hook entered for every event. Entries of ours
// that are as they should be stay where they are; others are taken away.
func enter(text []byte, o Options) ([]byte, error) {
	root, err := parse(text)
	if err != nil {
		return nil, err
	}
	if root == nil {
		text = blank(text)
	} else if err := fits(text, root); err != nil {
		return nil, err
	}
	keep := make(map[string]bool) // events that are entered
	text, err = cutWhere(text, nil, func(h handler) bool {
		i := slices.IndexFunc(events(), func(e event) bool { return e.name == h.entry.Event })
		return i < 0 || !o.good(h.entry, events()[i])
	}, keep)
	if err != nil {
		return nil, err
	}
	root, err = parse(text)
	if err != nil {
		return nil, err
	}
	var missing []event
	for _, e := range events() {
		if !keep[e.name] {
			missing = append(missing, e)
		}
	}
	if len(missing) == 0 {
		return text, nil
	}
	if hooks := root.member("hooks"); hooks == nil || hooks.kind == 'n' {
		return addHooks(text, root, hooks, o, missing), nil
	}
	for _, e := range missing {
		if root, err = parse(text); err != nil {
			return nil, err
		}
		hooks := root.member("hooks")
		switch list := hooks.member(e.name); {
		case list == nil:
			text = add(text, hooks, []string{o.member(e)})
		case list.kind == 'n':
			text = splice(text, list.from, list.to, "["+o.group(e)+"]")
		default:
			text = add(text, list, []string{o.group(e)})
		}
	}
	return text, nil
}

// blank is the text of settings where there was nothing but white space.
func blank(text []byte) []byte {
	if bytes.HasPrefix(text, []byte(bom)) {
		return []byte(bom + "{}\n")
	}
	return []byte("{}\n")
}

// fits checks that hooks, and each of our events in it, are what entries can be
// added to.
func fits(text []byte, root *node) error {
	hooks := root.member("hooks")
	if hooks == nil || hooks.kind == 'n' {
		return nil
	}
	if hooks.kind != '{' {
		return wrong(text, hooks.from, "hooks is no object")
	}
	for _, e := range events() {
		if list := hooks.member(e.name); list != nil && list.kind != '[' && list.kind != 'n' {
			return wrong(text, list.from, fmt.Sprintf("hooks.%s is no list", e.name))
		}
	}
	return nil
}

// member is the text of an event with nothing but our entry.
func (o Options) member(e event) string { return quote(e.name) + ": [" + o.group(e) + "]" }

// addHooks adds "hooks" to the settings, or puts it in the place of a null.
func addHooks(text []byte, root, null *node, o Options, missing []event) []byte {
	var members []string
	for _, e := range missing {
		members = append(members, o.member(e))
	}
	at := style(text, root)
	object := "{" + strings.Join(members, ", ") + "}"
	if at.lines {
		inner := at.newline + at.indent + at.unit
		object = "{" + inner + strings.Join(members, ","+inner) + at.newline + at.indent + "}"
	}
	if null != nil {
		return splice(text, null.from, null.to, object)
	}
	return add(text, root, []string{`"hooks": ` + object})
}

// add adds elements to the end of an object or array, written as what is there.
func add(text []byte, to *node, elements []string) []byte {
	at := style(text, to)
	between := ", "
	if at.lines {
		between = "," + at.newline + at.indent
	}
	added := strings.Join(elements, between)
	if n := len(to.items); n > 0 {
		end := to.items[n-1].to
		return splice(text, end, end, between+added)
	}
	if at.lines {
		added = at.newline + at.indent + added + at.newline + at.outer
	}
	return splice(text, to.from+1, to.to-1, added)
}

// layout is how the elements of a container are written.
type layout struct {
	lines         bool // each on a line of its own
	newline       string
	indent, outer string // before an element, and before the closing bracket
	unit          string // what one level more is indented by
}

// style says how a container's elements are written, or would be.
func style(text []byte, of *node) layout {
	at := layout{newline: "\n", unit: "  "}
	if i := bytes.IndexByte(text, '\n'); i > 0 && text[i-1] == '\r' {
		at.newline = "\r\n"
	}
	if root, err := parse(text); err == nil && root != nil && len(root.items) > 0 {
		if indent, first := lineStart(text, root.starts[0]); first && indent != "" {
			at.unit = indent
		}
	}
	if n := len(of.items); n > 0 {
		at.indent, at.lines = lineStart(text, of.starts[n-1])
		return at
	}
	at.outer, _ = lineStart(text, of.from)
	at.indent = at.outer + at.unit
	at.lines = bytes.ContainsAny(bytes.TrimRight(text, " \t\r\n"), "\n") || bytes.Equal(bytes.TrimSpace(bytes.TrimPrefix(text, []byte(bom))), text[of.from:of.to])
	return at
}

// lineStart is the white space at the beginning of the line that a place is in,
// and whether nothing else stands before the place; never on the first line.
func lineStart(text []byte, at int) (indent string, first bool) {
	newline := bytes.LastIndexByte(text[:at], '\n')
	line := text[newline+1 : at]
	rest := bytes.TrimLeft(line, " \t")
	return string(line[:len(line)-len(rest)]), newline >= 0 && len(rest) == 0
}

// take returns the text without any entry of ours. before is the text from
// before they were entered, as far as it is known (nil: not): what was empty in
// it is written again as it was, and stays.
func take(text, before []byte) ([]byte, error) {
	was, err := parse(before)
	if err != nil {
		was = nil // no help
	}
	text, err = cutWhere(text, &past{before, was}, func(handler) bool { return true }, nil)
	if err != nil {
		return nil, err
	}
	if root, err := parse(text); err == nil && root != nil && len(root.items) == 0 && before != nil && blankText(before) {
		return before, nil
	}
	return text, nil
}

func blankText(text []byte) bool {
	return len(bytes.Trim(bytes.TrimPrefix(text, []byte(bom)), " \t\r\n")) == 0
}

// past is the text that a container had before anything was entered.
type past struct {
	text []byte
	root *node
}

// raw is how a value was written, where there was one with nothing in it.
func (p *past) raw(n *node) (string, bool) {
	if p == nil || n == nil || !n.empty() {
		return "", false
	}
	return string(p.text[n.from:n.to]), true
}

// cutWhere takes away the handlers of ours that a condition names, one after
// the other. Of those that it leaves it notes the events in kept, and takes
// away every second one of an event.
func cutWhere(text []byte, before *past, goes func(handler) bool, kept map[string]bool) ([]byte, error) {
	for {
		root, err := parse(text)
		if err != nil {
			return nil, err
		}
		clear(kept)
		found := handlers(text, root)
		i := slices.IndexFunc(found, func(h handler) bool {
			if goes(h) || kept[h.entry.Event] {
				return true
			}
			kept[h.entry.Event] = true
			return false
		})
		if i < 0 {
			return text, nil
		}
		text = cut(text, root, found[i], before)
	}
}

// cut takes away one handler, and what would be left empty by that: its group,
// its event, hooks; but not what was there, empty, before.
func cut(text []byte, root *node, h handler, before *past) []byte {
	var was *node
	if before != nil {
		was = before.root
	}
	if len(h.hooks.items) > 1 {
		return remove(text, h.hooks, h.index)
	}
	if len(h.list.items) > 1 {
		return remove(text, h.list, h.group)
	}
	if raw, ok := before.raw(was.member("hooks").member(h.entry.Event)); ok {
		return splice(text, h.list.from, h.list.to, raw)
	}
	if twice(h.object, h.member) {
		return splice(text, h.list.from, h.list.to, "[]")
	}
	if len(h.object.items) > 1 {
		return remove(text, h.object, h.member)
	}
	if raw, ok := before.raw(was.member("hooks")); ok {
		return splice(text, h.object.from, h.object.to, raw)
	}
	if twice(root, h.outer) {
		return splice(text, h.object.from, h.object.to, "{}")
	}
	if len(root.items) > 1 {
		return remove(text, root, h.outer)
	}
	if raw, ok := before.raw(was); ok {
		return splice(text, root.from, root.to, raw)
	}
	return splice(text, root.from, root.to, "{}")
}

// twice reports whether a member's key comes in the object again. Without that
// member the other one would count, which may not have counted before.
func twice(object *node, member int) bool {
	return slices.Index(object.keys, object.keys[member]) != member || slices.Contains(object.keys[member+1:], object.keys[member])
}

// remove takes one of several elements out of a container, with the comma that
// it no longer needs.
func remove(text []byte, from *node, i int) []byte {
	if i == len(from.items)-1 {
		return splice(text, from.items[i-1].to, from.items[i].to, "")
	}
	return splice(text, from.starts[i], from.starts[i+1], "")
}

// splice returns a copy of text with text[from:to] replaced.
func splice(text []byte, from, to int, by string) []byte {
	return slices.Concat(text[:from], []byte(by), text[to:])
}

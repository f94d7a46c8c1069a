package preview

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"claude-permission-daemon/internal/claude"
	"claude-permission-daemon/internal/permit"
)

// Policy is what the user's own rules say of a request.
type Policy struct {
	// Confirm is why an approval is to be confirmed; empty: it need not be.
	Confirm string
	// Terminal is why it can be allowed in the terminal only; empty: anywhere.
	Terminal string
	// Grants says why permissions can be given in the terminal only; nil, or empty:
	// they can anywhere.
	Grants func([]claude.Grant) string
}

// uneditable is why a form to change what was asked is not offered.
const uneditable = "It cannot be changed here: a part of it is masked or made visible, and would be sent back so."

// ways lists how the request can be answered here. Every text in them has been
// through show; a form whose text would come back masked or changed is not
// offered, since what is sent back must be what was there.
func (d *drawing) ways() {
	var policy Policy
	if d.o.Policy != nil {
		policy = d.o.Policy(d.r)
	}
	if d.p.Held = d.say(policy.Terminal); d.p.Held == "" {
		d.p.Held = d.say(claude.Unanswerable(d.r))
	}
	if d.r.Masked {
		d.p.Held = "The daemon was started again, and Claude Code has not come back to it yet. What is shown is the journal's copy, with notes in the place of secrets."
	}
	for _, way := range claude.Ways(d.r, d.o.Edit) {
		if (policy.Terminal != "" || d.r.Masked) && way.Verb == permit.Allow {
			continue
		}
		if policy.Grants != nil {
			if why := policy.Grants(claude.Grants(claude.EntriesOf(d.r, way))); why != "" {
				d.unoffered("“" + firstLine(d.say(way.Label)) + "” is not offered here. " + d.say(why))
				continue
			}
		}
		if form, ok := d.form(way); ok {
			way.Form = form
		} else {
			d.unoffered(uneditable)
			continue
		}
		way.Label = firstLine(d.say(way.Label))
		way.Confirm, way.Warning = d.say(way.Confirm), d.say(way.Warning)
		if policy.Confirm != "" && way.Verb == permit.Allow {
			way.Confirm = joined(d.say(policy.Confirm), way.Confirm)
		}
		d.p.Ways = append(d.p.Ways, way)
	}
}

// unoffered says once why a way is not offered.
func (d *drawing) unoffered(why string) {
	if !strings.Contains(d.p.Unoffered, why) {
		d.p.Unoffered = joined(d.p.Unoffered, why)
	}
}

func joined(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + " " + b
}

// form is a way's form as it may be shown; false: it would not come back as it
// went.
func (d *drawing) form(way permit.Way) ([]permit.Field, bool) {
	if way.Name == permit.WayEdit && d.hidesIn(way.Form) {
		return nil, false
	}
	form := slices.Clone(way.Form)
	for i := range form {
		f := &form[i]
		f.Label, f.Help = d.say(f.Label), d.say(f.Help)
		if shown := d.sayAs(f.Label, f.Value); shown != f.Value {
			if way.Name == permit.WayEdit {
				return nil, false
			}
			f.Value = ""
		}
		f.Options = slices.Clone(f.Options)
		for n := range f.Options {
			o := &f.Options[n]
			o.Label, o.Help, o.Look = d.say(o.Label), d.say(o.Help), d.say(o.Look)
		}
	}
	return form, true
}

// hidesIn reports whether a form begins with a document in which something is
// masked by its name: as a text it would be shown.
func (d *drawing) hidesIn(form []permit.Field) bool {
	return !d.original && slices.ContainsFunc(form, func(f permit.Field) bool {
		_, found := d.o.Mask.JSON([]byte(f.Value))
		return len(found) > 0
	})
}

// withheld is what a channel outside the machine gets where [privacy] body is
// "none". What nobody can see there, nobody can allow there.
func withheld(d *drawing) Preview {
	r := d.r
	p := Preview{Withheld: true, Project: d.say(r.Project),
		Title:   "Use " + firstLine(Reveal(r.Tool)),
		Summary: "its content stays on the machine",
		Held:    "[privacy] body = \"none\" keeps the content on the machine: answer on the page there, or in the terminal.",
	}
	switch r.Kind {
	case permit.Elicitation:
		p.Title = "Answer a form"
	case permit.Finished:
		p.Title = "Claude has finished"
	}
	for _, way := range claude.Ways(r, false) {
		if way.Verb == permit.Deny {
			p.Ways = append(p.Ways, way)
		}
	}
	return p
}

// elicitation describes an MCP server's form.
func (d *drawing) elicitation() {
	d.p.Title = "Answer a form"
	if server := d.input.text("mcp_server_name"); server != "" {
		d.p.Title = "Answer a form of the MCP server " + firstLine(d.show(server))
	}
	message := d.input.text("message")
	d.part("what it asks", Text, "", message)
	d.summary(message)
	switch mode, _ := d.input.peek("mode"); mode {
	case "url":
		d.p.Title += " at an address"
		fallthrough
	case "", "form":
		d.input.text("mode") // any other is shown with what is left over
	}
	if address, ok := d.input.has("url"); ok && address != "" {
		d.part("address", Code, "", address)
		d.address(address)
	}
	var schema json.RawMessage
	if d.input.value("requested_schema", &schema) {
		d.fields(schema)
	}
}

// fields lists what a form asks for, and shows the form itself where there is
// more to it than that.
func (d *drawing) fields(schema json.RawMessage) {
	var rows [][2]string
	for _, way := range claude.Ways(d.r, false) {
		for _, f := range way.Form {
			what := d.show(fieldWords(f))
			if f.Value != "" {
				what += ", at first " + d.showAs(f.Label, first(f), false)
			}
			if f.Required {
				what += " (required)"
			}
			rows = append(rows, [2]string{d.show(f.Label), what})
		}
	}
	left, more := claude.Untold(d.r)
	if claude.Unanswerable(d.r) == "" {
		for _, name := range left {
			rows = append(rows, [2]string{d.show(name), "cannot be filled in here and is left out"})
		}
	}
	d.seenTable("the form", rows)
	d.know(schema)
	if more && string(schema) != "null" {
		d.json("the form as the server wrote it", schema)
	}
}

// fieldWords say what goes into a field.
func fieldWords(f permit.Field) string {
	labels := make([]string, len(f.Options))
	for i, o := range f.Options {
		if labels[i] = o.Label; o.Help != "" {
			labels[i] += " (" + o.Help + ")"
		}
	}
	what := kindWords[f.Kind] + strings.Join(labels, " / ")
	if f.Help != "" {
		what += " — " + f.Help
	}
	return what
}

// first is what stands in a field at first.
func first(f permit.Field) string {
	if n, err := strconv.Atoi(f.Value); err == nil && n < len(f.Options) {
		return f.Options[n].Label
	}
	return f.Value
}

var kindWords = map[permit.FieldKind]string{
	permit.Line: "text", permit.Lines: "text", permit.Whole: "a whole number", permit.Real: "a number",
	permit.Truth: "yes or no", permit.One: "one of: ", permit.Many: "any of: ",
}

// finished describes the end of a turn.
func (d *drawing) finished() {
	d.p.Title = "Claude has finished"
	said := d.input.text("last_assistant_message")
	if said == "" {
		said = "(It said nothing at the end.)"
	}
	d.part("what it said last", Text, "markdown", said)
	d.summary(said)
}

// refused says of a described call that auto mode refused it, and why.
func (d *drawing) refused() {
	d.p.Title = "Auto mode refused: " + d.p.Title
	if d.r.Why != "" {
		d.part("why it was refused", Text, "", d.r.Why)
	}
}

package slack

// This file draws a way's form as the inputs of a modal, and reads what was
// filled in. What does not fit an input is shown whole above it, numbered, and
// the input refers to it. A form of which something cannot be shown, or would
// come back other than it went, is not offered here.

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"claude-permission-daemon/internal/permit"
)

// pieceCost is how much text goes into one block of a modal.
const pieceCost = 2900

// labelRoom is more than a label gets besides its own text.
const labelRoom = 20

// fieldID names the nth field's input, its block and its action.
func fieldID(n int) string { return "f" + strconv.Itoa(n) }

// otherID names the input for words beside the choices of the nth field.
func otherID(n int) string { return fieldID(n) + ".other" }

// misfit says why a way's modal cannot be drawn; empty: it can, or it needs none.
func misfit(w permit.Way) string {
	if !inModal(w) {
		return ""
	}
	blocks, why := formBlocks(w.Form, nil)
	if why != "" {
		return why
	}
	return oversize(append(blocks, prose("confirm", asks(w)+w.Warning)...), 8)
}

// oversize says that blocks are too many for a modal in which others others
// stand, or too large; empty: they fit.
func oversize(blocks []object, others int) string {
	size, err := json.Marshal(blocks)
	if err != nil || len(blocks)+others > maxModalBlocks || len(size) > maxView-20<<10 {
		return "it is too long for a form there"
	}
	return ""
}

// formBlocks draws the fields. values are what was filled in before, as Slack
// gave it; nil: nothing was. why says that the form cannot be offered.
func formBlocks(fields []permit.Field, values object) (blocks []object, why string) {
	for n, f := range fields {
		drawn, why := fieldBlocks(n, known(f), values)
		if why != "" {
			return nil, why
		}
		blocks = append(blocks, drawn...)
		if len(blocks) > maxModalBlocks {
			return nil, "it has too many questions for a form there"
		}
	}
	return blocks, ""
}

// known is a field of a kind that is drawn here. A choice without choices is
// text.
func known(f permit.Field) permit.Field {
	switch f.Kind {
	case permit.Lines, permit.Truth, permit.Whole, permit.Real:
	case permit.One, permit.Many:
		if len(f.Options) == 0 {
			f.Kind, f.Other = permit.Lines, false
		}
	default:
		f.Kind = permit.Line
	}
	return f
}

func fieldBlocks(n int, f permit.Field, values object) (blocks []object, why string) {
	chosen, other := []string{f.Value}, ""
	if values != nil {
		chosen, other = answered(n, f, values)
	}
	label := strings.TrimSpace(f.Label)
	switch {
	case label == "":
		label = "Answer " + strconv.Itoa(n+1)
	case cost(label) > maxLabel-labelRoom:
		blocks = append(blocks, prose(fieldID(n)+".label", label)...)
		label = writtenAbove(n)
	}
	hint := strings.TrimSpace(f.Help)
	if cost(hint) > maxLabel {
		blocks = append(blocks, prose(fieldID(n)+".help", hint)...)
		hint = ""
	}
	input := func(id, label, hint string, optional bool, element object) {
		element["action_id"] = id
		in := object{"type": "input", "block_id": id, "label": plainText(label), "optional": optional, "element": element}
		if hint != "" {
			in["hint"] = plainText(hint)
		}
		blocks = append(blocks, in)
	}
	element := object{}
	switch f.Kind {
	case permit.One, permit.Many:
		if len(f.Options) > maxSelect {
			return nil, "it has too many choices for a form there"
		}
		above, options := optionsOf(n, f)
		if len(above) > 0 && len(blocks) == 0 {
			// What is asked comes before what can be answered.
			blocks = append(blocks, richText(fieldID(n)+".label", section(bold(label))))
			label = writtenAbove(n)
		}
		blocks = append(blocks, above...)
		choose(element, f.Kind, options, chosen)
		input(fieldID(n), label, hint, !f.Required || f.Other, element)
	case permit.Truth:
		yes := object{"text": plainText("Yes"), "value": "true"}
		element["type"], element["options"] = "checkboxes", []any{yes}
		if slices.Contains(chosen, "true") {
			element["initial_options"] = []any{yes}
		}
		input(fieldID(n), label, hint, true, element) // unticked is an answer
	case permit.Whole, permit.Real:
		element["type"], element["is_decimal_allowed"] = "number_input", f.Kind == permit.Real
		if value := strings.Join(chosen, ""); decimal(value, f.Kind) {
			element["initial_value"] = value
		}
		input(fieldID(n), label, hint, !f.Required, element)
	default:
		parts := inputsOf(f)
		if len(parts) > maxModalBlocks {
			return nil, "it is too long to change here"
		}
		if len(parts) > 1 {
			hint = strings.TrimSpace(clip(hint, maxLabel/2) + " One part follows the other. A part that is emptied is left out.")
		}
		for i, part := range parts {
			id, element, name := inputID(n, i), object{"multiline": f.Kind == permit.Lines}, label
			if len(parts) > 1 {
				name = fmt.Sprintf("%s, %d of %d", label, i+1, len(parts))
			}
			if values != nil {
				part = typed(values, id)
			}
			if why := textInput(element, part, f.Most); why != "" {
				return nil, why
			}
			input(id, name, hint, !f.Required || len(parts) > 1, element)
			hint = ""
		}
	}
	if f.Other {
		element := object{"multiline": true}
		if why := textInput(element, other, f.Most); why != "" {
			return nil, why
		}
		said, hint := "Something else", "Counts instead of a choice."
		if f.Kind == permit.Many {
			said, hint = "Something else besides", "Counts beside what is chosen."
		}
		if f.Required {
			hint += " One of the two is needed."
		}
		input(otherID(n), said, hint, true, element)
	}
	return blocks, ""
}

// writtenAbove is the label of an input whose question stands above it.
func writtenAbove(n int) string { return fmt.Sprintf("Answer %d, to what is written above", n+1) }

// textInput makes element one for text that takes most characters (0: no limit
// of its own) and begins with value.
func textInput(element object, value string, most int) (why string) {
	takes := maxInput
	if most > 0 {
		takes = min(takes, most)
	}
	element["type"], element["max_length"] = "plain_text_input", takes
	if value == "" {
		return ""
	}
	if utf16Len(value) > takes {
		return "it is too long to change here"
	}
	element["initial_value"] = value
	return ""
}

// choose makes element a choice of options.
func choose(element object, kind permit.FieldKind, options []any, chosen []string) {
	var first []any
	for _, c := range chosen {
		if i, err := strconv.Atoi(c); err == nil && i >= 0 && i < len(options) {
			first = append(first, options[i])
		}
	}
	types := map[permit.FieldKind][2]string{permit.One: {"radio_buttons", "static_select"}, permit.Many: {"checkboxes", "multi_static_select"}}[kind]
	element["type"], element["options"] = types[0], options
	if len(options) > maxRadio {
		element["type"], element["placeholder"] = types[1], plainText("Choose")
	}
	switch {
	case len(first) == 0:
	case kind == permit.One:
		element["initial_option"] = first[0]
	default:
		element["initial_options"] = first
	}
}

// optionsOf draws the choices of a field. Where one has more to it than an
// option can show, all are shown whole above, by numbers.
func optionsOf(n int, f permit.Field) (above []object, options []any) {
	whole := func(o permit.Option) bool {
		return strings.TrimSpace(o.Label) != "" && cost(o.Label) <= maxOption && cost(o.Help) <= maxOption && o.Look == "" &&
			!strings.Contains(o.Label+o.Help, "\n")
	}
	listed := !slices.ContainsFunc(f.Options, func(o permit.Option) bool { return !whole(o) })
	for i, o := range f.Options {
		number := strconv.Itoa(i+1) + ". "
		value := strconv.Itoa(i)
		if listed {
			option := object{"text": plainText(o.Label), "value": value}
			if strings.TrimSpace(o.Help) != "" {
				option["description"] = plainText(o.Help)
			}
			options = append(options, option)
			continue
		}
		options = append(options, object{"text": plainText(strings.TrimSpace(number + clip(o.Label, maxOption-len(number)))), "value": value})
		id := fieldID(n) + ".option" + value
		said := number + o.Label
		if o.Help != "" {
			said += " — " + o.Help
		}
		above = append(above, prose(id, said)...)
		for k, piece := range pieces(o.Look, pieceCost) {
			above = append(above, richText(fmt.Sprint(id, ".look", k), preformatted(piece, "")))
		}
	}
	return above, options
}

// prose is text of any length as blocks in which nothing comes alive; none of
// an empty one.
func prose(id, text string) (blocks []object) {
	for i, piece := range pieces(text, pieceCost) {
		blocks = append(blocks, richText(fmt.Sprint(id, ".", i), section(run(piece))))
	}
	return blocks
}

// decimal reports whether s can stand in a number's input.
func decimal(s string, kind permit.FieldKind) bool {
	if kind == permit.Whole {
		_, err := strconv.ParseInt(s, 10, 64)
		return err == nil
	}
	_, err := strconv.ParseFloat(s, 64)
	return err == nil && !strings.ContainsFunc(s, func(r rune) bool { return r != '-' && r != '.' && (r < '0' || r > '9') })
}

// readForm reads what was filled into the fields, from view.state.values.
// Nothing else in it counts.
func readForm(fields []permit.Field, values object) map[string][]string {
	filled := make(map[string][]string)
	for n, f := range fields {
		said, other := answered(n, known(f), values)
		if len(said) > 0 {
			filled[f.Name] = said
		}
		if other != "" {
			filled[permit.OtherName(f.Name)] = []string{other}
		}
	}
	return filled
}

// answered is what was filled into the nth field: its text, or the options that
// were chosen, and the words beside them.
func answered(n int, f permit.Field, values object) (said []string, other string) {
	at := values.obj(fieldID(n)).obj(fieldID(n))
	switch f.Kind {
	case permit.One, permit.Many:
		said = selected(at)
	case permit.Truth:
		said = []string{strconv.FormatBool(slices.Contains(selected(at), "true"))}
	case permit.Whole, permit.Real:
		said = []string{at.str("value")}
	default:
		said = []string{readInputs(n, f, values)}
	}
	if len(said) == 1 && said[0] == "" {
		said = nil
	}
	if f.Other {
		other = typed(values, otherID(n))
	}
	return said, other
}

// typed is what was typed into the input id.
func typed(values object, id string) string { return values.obj(id).obj(id).str("value") }

// selected are the values of the options chosen in an input.
func selected(at object) (values []string) {
	if one := at.obj("selected_option").str("value"); one != "" {
		values = append(values, one)
	}
	for _, o := range at.list("selected_options") {
		if option, ok := o.(map[string]any); ok {
			values = append(values, object(option).str("value"))
		}
	}
	return values
}

package slack

// Block Kit, as far as the card needs it. The rule for text that is not our
// own: it goes into rich text (where nothing is parsed) or plain text with
// emoji off, never into mrkdwn or markdown.

// The limits of the Block Kit reference that the card could meet.
const (
	maxBlocks          = 50  // of a message
	maxModalBlocks     = 100 // of a modal
	maxHeader          = 150
	maxPlain           = 3000 // a text object in a section or context
	maxButton          = 75   // a button's text
	maxValue           = 2000 // a button's value
	maxActionID        = 255
	maxConfirm         = 300 // the text of a dialog
	maxTitle           = 24  // of a modal, and of its buttons
	maxLabel           = 2000
	maxOption          = 75 // an option's text, and its description
	maxRadio           = 10 // options of radio buttons and checkboxes
	maxSelect          = 100
	maxInput           = 3000
	maxPrivateMetadata = 3000
	maxView            = 240 << 10 // bytes of a modal; Slack takes 250 KB
)

func plainText(s string) object { return object{"type": "plain_text", "text": s, "emoji": false} }

func header(id, s string) object {
	return object{"type": "header", "block_id": id, "text": plainText(s)}
}

func contextOf(id string, elements ...any) object {
	return object{"type": "context", "block_id": id, "elements": elements}
}

func richText(id string, elements ...any) object {
	return object{"type": "rich_text", "block_id": id, "elements": elements}
}

func section(elements ...any) object {
	return object{"type": "rich_text_section", "elements": elements}
}

func quote(s string) object {
	return object{"type": "rich_text_quote", "elements": []any{run(s)}}
}

func preformatted(s, lang string) object {
	o := object{"type": "rich_text_preformatted", "border": 0, "elements": []any{run(s)}}
	if lang != "" {
		o["language"] = lang
	}
	return o
}

// run is a run of rich text. Slack refuses an empty one.
func run(s string) object {
	if s == "" {
		s = " "
	}
	return object{"type": "text", "text": s}
}

func bold(s string) object {
	o := run(s)
	o["style"] = object{"bold": true}
	return o
}

func emoji(name string) object { return object{"type": "emoji", "name": name} }

func button(id, label, value, style string) object {
	o := object{"type": "button", "action_id": id, "text": plainText(label), "value": value}
	if style != "" {
		o["style"] = style
	}
	return o
}

func actions(id string, buttons ...any) object {
	return object{"type": "actions", "block_id": id, "elements": buttons}
}

package slacktest

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// This file refuses what Slack refuses in blocks, modals and metadata, in
// Slack's words as far as they are known. The limits are those of the Block Kit
// reference pages.

type surface int

const (
	inMessage surface = iota
	inModal
)

// checker collects what is wrong with blocks and normalises them on the way.
type checker struct {
	surface  surface
	harsh    bool
	problems []string
	ids      map[string]bool
	total    int // all text
	markdown int // text of markdown blocks
	inputs   int
}

func (c *checker) bad(path, format string, args ...any) {
	c.problems = append(c.problems, fmt.Sprintf(format, args...)+" [json-pointer:"+path+"]")
}

// checkBlocks returns the blocks as Slack keeps them, or the refusal.
func (s *Server) checkBlocks(raw []byte, on surface) ([]any, reply) {
	var blocks []any
	if unmarshal(raw, &blocks) != nil {
		return nil, refuse("invalid_blocks_format")
	}
	c := &checker{surface: on, harsh: s.opt.Harsh, ids: map[string]bool{}}
	c.blocks("/blocks", blocks)
	if len(c.problems) > 0 {
		return nil, refuse("invalid_blocks", c.problems...)
	}
	if c.total > s.opt.MessageBudget {
		return nil, refuse("msg_blocks_too_long")
	}
	return blocks, nil
}

func (s *Server) checkModal(doc map[string]any) []string {
	c := &checker{surface: inModal, harsh: s.opt.Harsh, ids: map[string]bool{}}
	if doc["type"] != "modal" {
		c.bad("/view/type", "unsupported type: %v", doc["type"])
		return c.problems
	}
	c.fields("/view", doc, "type title close submit blocks private_metadata callback_id clear_on_close notify_on_close external_id submit_disabled")
	c.text("/view/title", doc["title"], plainOnly, 24, true)
	c.text("/view/close", doc["close"], plainOnly, 24, false)
	c.text("/view/submit", doc["submit"], plainOnly, 24, false)
	c.str("/view/private_metadata", doc["private_metadata"], 3000)
	c.str("/view/callback_id", doc["callback_id"], 255)
	c.str("/view/external_id", doc["external_id"], 255)
	blocks, _ := doc["blocks"].([]any)
	if len(blocks) == 0 {
		c.bad("/view", "missing required field: blocks")
	}
	c.blocks("/view/blocks", blocks)
	if c.inputs > 0 && doc["submit"] == nil {
		c.bad("/view", "missing required field: submit")
	}
	return c.problems
}

func (c *checker) blocks(path string, blocks []any) {
	limit := 50
	if c.surface == inModal {
		limit = 100
	}
	if len(blocks) > limit {
		c.bad(path, "no more than %d items allowed", limit)
		return
	}
	for i, v := range blocks {
		at := fmt.Sprintf("%s/%d", path, i)
		b, ok := v.(map[string]any)
		if !ok {
			c.bad(at, "should be object")
			continue
		}
		c.str(at+"/block_id", b["block_id"], 255)
		if id, _ := b["block_id"].(string); id != "" {
			if c.ids[id] {
				c.bad(at+"/block_id", "`block_id` must be unique")
			}
			c.ids[id] = true
		}
	}
	for i, v := range blocks {
		if b, ok := v.(map[string]any); ok {
			c.block(fmt.Sprintf("%s/%d", path, i), b)
		}
	}
}

// blockFields are the fields a block may have beside type and block_id. Types
// with "*" are known to Slack and not checked further here: this project has no
// use for them.
var blockFields = map[string]string{
	"section": "text fields accessory expand", "header": "text level", "divider": "", "context": "elements",
	"actions": "elements", "image": "image_url alt_text title slack_file", "rich_text": "elements",
	"input": "label element hint optional dispatch_action", "markdown": "text", "alert": "text level",
	"file": "*", "video": "*", "card": "*", "carousel": "*", "container": "*", "context_actions": "*", "data_table": "*",
	"layout": "*", "plan": "*", "table": "*", "task_card": "*",
}

func (c *checker) block(path string, b map[string]any) {
	typ, _ := b["type"].(string)
	fields, known := blockFields[typ]
	if !known || typ == "alert" && c.surface == inMessage || typ == "markdown" && c.surface == inModal {
		c.bad(path+"/type", "unsupported type: %s", typ)
		return
	}
	if fields != "*" {
		c.fields(path, b, "type block_id "+fields)
	}
	if typ == "markdown" {
		delete(b, "block_id")
	} else if id, _ := b["block_id"].(string); id == "" {
		b["block_id"] = c.newID()
	}
	switch typ {
	case "section":
		if b["text"] == nil && b["fields"] == nil {
			c.bad(path, "missing required field: text")
		}
		c.text(path+"/text", b["text"], anyText, 3000, false)
		for i, f := range c.list(path+"/fields", b["fields"], 10, false) {
			c.text(fmt.Sprintf("%s/fields/%d", path, i), f, anyText, 2000, true)
		}
		if b["accessory"] != nil {
			c.element(path+"/accessory", b["accessory"], "section", map[string]bool{})
		}
	case "header":
		c.text(path+"/text", b["text"], plainOnly, 150, true)
	case "context":
		for i, e := range c.list(path+"/elements", b["elements"], 10, true) {
			at := fmt.Sprintf("%s/elements/%d", path, i)
			if m, _ := e.(map[string]any); m["type"] == "image" {
				c.image(at, m)
			} else {
				c.text(at, e, anyText, 3000, true)
			}
		}
	case "actions":
		ids := map[string]bool{}
		for i, e := range c.list(path+"/elements", b["elements"], 25, true) {
			c.element(fmt.Sprintf("%s/elements/%d", path, i), e, "actions", ids)
		}
	case "image":
		c.image(path, b)
		c.text(path+"/title", b["title"], plainOnly, 2000, false)
	case "input":
		c.inputs++
		c.text(path+"/label", b["label"], plainOnly, 2000, true)
		c.text(path+"/hint", b["hint"], plainOnly, 2000, false)
		if b["element"] == nil {
			c.bad(path, "missing required field: element")
		} else {
			c.element(path+"/element", b["element"], "input", map[string]bool{})
		}
		for _, key := range []string{"optional", "dispatch_action"} {
			if b[key] == nil {
				b[key] = false
			}
		}
	case "rich_text":
		for i, e := range c.list(path+"/elements", b["elements"], 1000, true) {
			c.rich(fmt.Sprintf("%s/elements/%d", path, i), e)
		}
	case "markdown":
		t, _ := b["text"].(string)
		c.count(t)
		if c.markdown += units(t); c.markdown > 12000 || t == "" {
			c.bad(path+"/text", "must be less than 12001 characters")
		}
	case "alert":
		c.text(path+"/text", b["text"], anyText, 200, true)
	}
}

func (c *checker) image(path string, m map[string]any) {
	if m["image_url"] == nil && m["slack_file"] == nil {
		c.bad(path, "missing required field: image_url")
	}
	c.str(path+"/image_url", m["image_url"], 3000)
	if alt, _ := m["alt_text"].(string); alt == "" {
		c.bad(path, "missing required field: alt_text")
	}
	c.str(path+"/alt_text", m["alt_text"], 2000)
}

// elementHomes says where an element may stand.
var elementHomes = map[string]string{
	"button": "actions section", "overflow": "actions section", "image": "section", "workflow_button": "actions section",
	"plain_text_input": "input", "email_text_input": "input", "url_text_input": "input", "number_input": "input",
	"rich_text_input": "input", "file_input": "input",
	"checkboxes": "actions section input", "radio_buttons": "actions section input", "datepicker": "actions section input",
	"timepicker": "actions section input", "datetimepicker": "actions input",
	"static_select": "actions section input", "external_select": "actions section input", "users_select": "actions section input",
	"conversations_select": "actions section input", "channels_select": "actions section input",
	"multi_static_select": "section input", "multi_external_select": "section input", "multi_users_select": "section input",
	"multi_conversations_select": "section input", "multi_channels_select": "section input",
}

func (c *checker) element(path string, v any, home string, ids map[string]bool) {
	e, _ := v.(map[string]any)
	typ, _ := e["type"].(string)
	if !slices.Contains(strings.Fields(elementHomes[typ]), home) {
		c.bad(path+"/type", "unsupported type: %s", typ)
		return
	}
	if typ == "image" {
		c.image(path, e)
		return
	}
	c.str(path+"/action_id", e["action_id"], 255)
	id, _ := e["action_id"].(string)
	if id == "" {
		id = c.newID()
		e["action_id"] = id
	}
	if ids[id] {
		c.bad(path+"/action_id", "`action_id` must be unique within a block")
	}
	ids[id] = true
	if e["confirm"] != nil {
		c.confirm(path+"/confirm", e["confirm"])
	}
	c.text(path+"/placeholder", e["placeholder"], plainOnly, 150, false)
	switch typ {
	case "button":
		c.fields(path, e, "type text action_id url value style confirm accessibility_label")
		c.text(path+"/text", e["text"], plainOnly, 75, true)
		c.str(path+"/value", e["value"], 2000)
		c.str(path+"/url", e["url"], 3000)
		c.str(path+"/accessibility_label", e["accessibility_label"], 75)
		c.oneOf(path+"/style", e["style"], "primary", "danger")
	case "plain_text_input":
		c.fields(path, e, "type action_id initial_value multiline min_length max_length dispatch_action_config focus_on_load placeholder")
		for _, key := range []string{"min_length", "max_length"} {
			if n, ok := e[key].(json.Number); ok {
				if i, err := n.Int64(); err != nil || i < 0 || i > 3000 || i == 0 && key == "max_length" {
					c.bad(path+"/"+key, "must be less than or equal to 3000")
				}
			} else if e[key] != nil {
				c.bad(path+"/"+key, "should be integer")
			}
		}
		c.str(path+"/initial_value", e["initial_value"], number(e["max_length"], 3000))
	case "number_input":
		c.fields(path, e, "type action_id is_decimal_allowed initial_value min_value max_value dispatch_action_config focus_on_load placeholder")
		decimal, ok := e["is_decimal_allowed"].(bool)
		if !ok {
			c.bad(path, "missing required field: is_decimal_allowed")
		}
		for _, key := range []string{"initial_value", "min_value", "max_value"} {
			c.str(path+"/"+key, e[key], 100)
			if text, given := e[key].(string); given && !isNumber(text, decimal) {
				c.bad(path+"/"+key, "must be a number")
			}
		}
	case "static_select", "multi_static_select", "overflow", "checkboxes", "radio_buttons":
		c.choice(path, typ, e)
	}
}

// choiceFields are the fields that each kind of choice may have.
var choiceFields = map[string]string{
	"static_select":       "options option_groups initial_option focus_on_load placeholder confirm",
	"multi_static_select": "options option_groups initial_options max_selected_items focus_on_load placeholder confirm",
	"checkboxes":          "options initial_options focus_on_load confirm",
	"radio_buttons":       "options initial_option focus_on_load confirm",
	"overflow":            "options confirm",
}

// choice checks an element with options.
func (c *checker) choice(path, typ string, e map[string]any) {
	c.fields(path, e, "type action_id "+choiceFields[typ])
	limit := map[string]int{"overflow": 5, "checkboxes": 10, "radio_buttons": 10}[typ]
	if limit == 0 {
		limit = 100
	}
	if e["option_groups"] != nil {
		return
	}
	kind := plainOnly
	if typ == "checkboxes" || typ == "radio_buttons" {
		kind = anyText
	}
	options := map[string]string{} // by value, as posted
	for i, o := range c.list(path+"/options", e["options"], limit, true) {
		at := fmt.Sprintf("%s/options/%d", path, i)
		m, _ := o.(map[string]any)
		value, _ := m["value"].(string)
		if _, twice := options[value]; twice {
			c.bad(at+"/value", "must be unique among the options")
		}
		options[value] = string(mustJSON(o))
		c.option(at, m, kind)
	}
	first, _ := e["initial_options"].([]any)
	if o := e["initial_option"]; o != nil {
		first = append(first, o)
	}
	if e["initial_options"] != nil && len(first) == 0 {
		c.bad(path+"/initial_options", "no fewer than 1 items required")
	}
	for _, o := range first {
		m, _ := o.(map[string]any)
		value, _ := m["value"].(string)
		if options[value] != string(mustJSON(o)) {
			c.bad(path, "initial_option must match one of the options")
			continue
		}
		c.option(path+"/initial_option", m, kind)
	}
}

func (c *checker) option(path string, m map[string]any, kind textKind) {
	c.fields(path, m, "text value description url")
	c.text(path+"/text", m["text"], kind, 75, true)
	c.text(path+"/description", m["description"], kind, 75, false)
	if _, ok := m["value"].(string); !ok {
		c.bad(path, "missing required field: value")
	}
	c.str(path+"/value", m["value"], 150)
}

// isNumber reports whether Slack's number input would take the text.
func isNumber(text string, decimal bool) bool {
	pattern := wholeNumber
	if decimal {
		pattern = decimalNumber
	}
	return pattern.MatchString(text)
}

var (
	wholeNumber   = regexp.MustCompile(`^-?[0-9]+$`)
	decimalNumber = regexp.MustCompile(`^-?[0-9]*\.?[0-9]+$`)
)

func (c *checker) confirm(path string, v any) {
	m, ok := v.(map[string]any)
	if !ok {
		c.bad(path, "should be object")
		return
	}
	c.fields(path, m, "title text confirm deny style")
	c.text(path+"/title", m["title"], plainOnly, 100, true)
	c.text(path+"/text", m["text"], anyText, 300, true)
	c.text(path+"/confirm", m["confirm"], plainOnly, 30, true)
	c.text(path+"/deny", m["deny"], plainOnly, 30, true)
	c.oneOf(path+"/style", m["style"], "primary", "danger")
}

// richHomes says what may stand inside what in a rich_text block.
var richHomes = map[string]string{
	"rich_text_section":      "text link user usergroup channel emoji broadcast color date team",
	"rich_text_quote":        "text link user usergroup channel emoji broadcast color date team",
	"rich_text_preformatted": "text link",
	"rich_text_list":         "rich_text_section",
}

var richFields = map[string]string{
	"rich_text_section": "type elements", "rich_text_quote": "type elements border",
	"rich_text_preformatted": "type elements border language", "rich_text_list": "type elements style indent offset border",
	"text": "type text style", "link": "type url text unsafe style",
}

func (c *checker) rich(path string, v any) {
	e, _ := v.(map[string]any)
	typ, _ := e["type"].(string)
	homes, known := richHomes[typ]
	if !known {
		c.bad(path+"/type", "unsupported type: %s", typ)
		return
	}
	c.fields(path, e, richFields[typ])
	if typ == "rich_text_preformatted" && e["border"] == nil {
		e["border"] = json.Number("0")
	}
	if typ == "rich_text_list" {
		c.oneOf(path+"/style", e["style"], "bullet", "ordered")
		if e["style"] == nil {
			c.bad(path, "missing required field: style")
		}
	}
	for i, inner := range c.list(path+"/elements", e["elements"], 10000, false) {
		at := fmt.Sprintf("%s/elements/%d", path, i)
		m, _ := inner.(map[string]any)
		kind, _ := m["type"].(string)
		if !slices.Contains(strings.Fields(homes), kind) {
			c.bad(at+"/type", "unsupported type: %s", kind)
			continue
		}
		if kind == "rich_text_section" {
			c.rich(at, m)
			continue
		}
		if fields := richFields[kind]; fields != "" {
			c.fields(at, m, fields)
		}
		text, _ := m["text"].(string)
		c.count(text)
		if kind == "text" && text == "" {
			c.bad(at+"/text", "must be more than 0 characters")
		}
		if kind == "link" && m["url"] == nil {
			c.bad(at, "missing required field: url")
		}
	}
}

// checkMetadata wants an event_type and a flat event_payload; {} clears and
// gives nil.
func checkMetadata(raw []byte) (json.RawMessage, reply) {
	var doc map[string]any
	if unmarshal(raw, &doc) != nil {
		return nil, refuse("invalid_metadata_format")
	}
	if len(doc) == 0 {
		return nil, nil
	}
	if len(raw) > 8000 {
		return nil, refuse("metadata_too_large")
	}
	typ, _ := doc["event_type"].(string)
	payload, ok := doc["event_payload"].(map[string]any)
	if typ == "" || !ok || len(doc) != 2 {
		return nil, refuse("invalid_metadata_schema")
	}
	for _, v := range payload {
		switch v.(type) {
		case string, json.Number, bool:
		default:
			return nil, refuse("invalid_metadata_schema")
		}
	}
	return mustJSON(doc), nil
}

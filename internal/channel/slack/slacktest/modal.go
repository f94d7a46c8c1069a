package slacktest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Submit is a person who presses the submit button of an open modal.
type Submit struct {
	ViewID string
	// Values are what was typed or chosen, by action_id or by block_id; of several
	// choices, their values with commas between.
	Values     map[string]string
	User, Team string // by default whose screen the modal is on
	Edit       func(payload map[string]any)
	Conn       int
}

// SubmitResult is what became of a Submit.
type SubmitResult struct {
	Delivery
	// Closed is whether the modal went away. It stays open without an ack, and
	// with errors or an update in it.
	Closed bool
	// Action is the ack's response_action; Errors are its errors by block_id.
	Action string
	Errors map[string]string
}

// Submit presses the submit button. The error is for what Slack's own client
// refuses: a required field left empty, a text too long.
func (s *Server) Submit(ctx context.Context, submit Submit) (SubmitResult, error) {
	s.mu.Lock()
	payload, err := s.submitPayload(submit)
	s.mu.Unlock()
	if err != nil {
		return SubmitResult{}, fmt.Errorf("cannot submit: %w", err)
	}
	if submit.Edit != nil {
		submit.Edit(payload)
	}
	var r SubmitResult
	r.Delivery, err = s.deliver(ctx, envelope("interactive", true, mustJSON(payload)), submit.Conn)
	if err != nil || !r.Acked {
		return r, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return r, s.applyResponse(submit.ViewID, &r)
}

// applyResponse does with the modal what the ack says. Called with mu held.
func (s *Server) applyResponse(viewID string, r *SubmitResult) error {
	var said struct {
		Action string            `json:"response_action"`
		Errors map[string]string `json:"errors"`
		View   json.RawMessage   `json:"view"`
	}
	if len(r.AckPayload) > 0 {
		if err := json.Unmarshal(r.AckPayload, &said); err != nil {
			return fmt.Errorf("cannot use the ack's payload: %w", err)
		}
	}
	r.Action, r.Errors = said.Action, said.Errors
	v := s.openView(viewID)
	if v == nil {
		return nil // it was replaced or closed meanwhile
	}
	switch said.Action {
	case "":
		s.shut(viewID)
		r.Closed = true
	case "clear":
		s.views = nil
		s.bump()
		r.Closed = true
	case "errors":
		blocks, _ := v.doc["blocks"].([]any)
		for id := range said.Errors {
			known := false
			for _, b := range blocks {
				m, _ := b.(map[string]any)
				known = known || m["block_id"] == id && m["type"] == "input"
			}
			if !known {
				return fmt.Errorf("cannot show the ack's error: no input block %q", id)
			}
		}
	case "update", "push":
		doc, refusal := s.checkView(string(said.View))
		if refusal != nil {
			return fmt.Errorf("cannot use the ack's view: %v", refusal["response_metadata"])
		}
		v.Updates++
		s.redraw(v, doc)
	default:
		return fmt.Errorf("cannot use the ack: response_action %q", said.Action)
	}
	return nil
}

func (s *Server) openView(id string) *view {
	for _, v := range s.views {
		if v.ID == id {
			return v
		}
	}
	return nil
}

func (s *Server) shut(id string) {
	var rest []*view
	for _, v := range s.views {
		if v.ID != id {
			rest = append(rest, v)
		}
	}
	s.views = rest
	s.bump()
}

func (s *Server) submitPayload(submit Submit) (map[string]any, error) {
	v := s.openView(submit.ViewID)
	if v == nil {
		return nil, errors.New("no such modal is open")
	}
	if v.doc["submit"] == nil {
		return nil, errors.New("the modal has no submit button")
	}
	user, team := v.User, v.team
	if submit.User != "" {
		user, team = s.person(submit.User, submit.Team)
	}
	values := map[string]any{}
	used := map[string]bool{}
	blocks, _ := v.doc["blocks"].([]any)
	for _, b := range blocks {
		block, _ := b.(map[string]any)
		element, _ := block["element"].(map[string]any)
		if block["type"] != "input" || element == nil {
			continue
		}
		blockID, _ := block["block_id"].(string)
		actionID, _ := element["action_id"].(string)
		text, given := submit.Values[actionID]
		used[actionID] = true
		if !given {
			text, given = submit.Values[blockID]
			used[blockID] = true
		}
		if !given {
			text, given = atFirst(element)
		}
		if s.opt.Harsh {
			text = harshTyped(text)
		}
		state, err := inputState(element, text, given, block["optional"] == true)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", blockID, err)
		}
		values[blockID] = map[string]any{actionID: state}
	}
	for key := range submit.Values {
		if !used[key] {
			return nil, fmt.Errorf("the modal has no input %q", key)
		}
	}
	doc := maps.Clone(v.doc)
	doc["state"] = map[string]any{"values": values}
	payload := s.interaction("view_submission", user, team)
	payload["trigger_id"] = s.newTrigger(user, team)
	payload["view"] = doc
	payload["response_urls"] = []any{}
	return payload, nil
}

// atFirst is what stands in an input that nobody touched.
func atFirst(element map[string]any) (string, bool) {
	if text, ok := element["initial_value"].(string); ok {
		return text, true
	}
	first, _ := element["initial_options"].([]any)
	if o := element["initial_option"]; o != nil {
		first = append(first, o)
	}
	var values []string
	for _, o := range first {
		if m, _ := o.(map[string]any); m != nil {
			values = append(values, fmt.Sprint(m["value"]))
		}
	}
	return strings.Join(values, ","), len(values) > 0
}

// inputState is an input's part of view.state.values, after the checks that
// Slack's clients make themselves.
func inputState(element map[string]any, text string, given, optional bool) (map[string]any, error) {
	state := map[string]any{"type": element["type"]}
	if text == "" {
		given = false
	}
	if !given && !optional {
		return nil, errors.New("please complete this required field")
	}
	key := "value"
	var value any = text
	switch typ, _ := element["type"].(string); typ {
	case "plain_text_input":
		low, high := number(element["min_length"], 0), number(element["max_length"], 3000)
		if n := units(text); given && (n < low || n > high) {
			return nil, fmt.Errorf("%d characters, between %d and %d are allowed", n, low, high)
		}
	case "static_select", "radio_buttons":
		key = "selected_option"
		options, _ := element["options"].([]any)
		for _, o := range options {
			if m, _ := o.(map[string]any); m["value"] == text {
				value = m
			}
		}
		if _, found := value.(map[string]any); given && !found {
			return nil, fmt.Errorf("no option %q", text)
		}
	case "number_input":
		if given && !isNumber(text, element["is_decimal_allowed"] == true) {
			return nil, fmt.Errorf("%q is no number", text)
		}
	case "checkboxes", "multi_static_select":
		key = "selected_options"
		chosen := []any{}
		options, _ := element["options"].([]any)
		for _, one := range strings.FieldsFunc(text, func(r rune) bool { return r == ',' }) {
			i := slices.IndexFunc(options, func(o any) bool { m, _ := o.(map[string]any); return m["value"] == one })
			if i < 0 {
				return nil, fmt.Errorf("no option %q", one)
			}
			chosen = append(chosen, options[i])
		}
		state[key] = chosen
		return state, nil
	}
	if !given {
		value = nil
	}
	state[key] = value
	return state, nil
}

func number(v any, otherwise int) int {
	if n, ok := v.(json.Number); ok {
		if i, err := n.Int64(); err == nil {
			return int(i)
		}
	}
	return otherwise
}

// Press presses a button inside an open modal. The modal stays open, and there
// is no message: the payload's container is the view.
func (s *Server) Press(ctx context.Context, viewID, actionID string, edit func(payload map[string]any)) (Delivery, error) {
	payload, err := s.pressPayload(viewID, actionID)
	if err != nil {
		return Delivery{}, fmt.Errorf("cannot press %s: %w", actionID, err)
	}
	if edit != nil {
		edit(payload)
	}
	return s.deliver(ctx, envelope("interactive", false, mustJSON(payload)), 0)
}

func (s *Server) pressPayload(viewID, actionID string) (map[string]any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := s.openView(viewID)
	if v == nil {
		return nil, errors.New("no such modal is open")
	}
	element, block := findElement(mustJSON(v.doc["blocks"]), "", actionID)
	if element == nil {
		return nil, errors.New("no such button")
	}
	payload := s.interaction("block_actions", v.User, v.team)
	payload["trigger_id"] = s.newTrigger(v.User, v.team)
	payload["container"] = map[string]any{"type": "view", "view_id": v.ID}
	payload["view"] = v.doc
	payload["actions"] = []any{action(element, block, Click{}, s.store.stamp())}
	return payload, nil
}

// CloseView closes a modal without submitting it. The app is only told (and the
// Delivery only filled) if the modal asked for it by notify_on_close.
func (s *Server) CloseView(ctx context.Context, viewID string) (Delivery, error) {
	s.mu.Lock()
	v := s.openView(viewID)
	if v == nil {
		s.mu.Unlock()
		return Delivery{}, errors.New("cannot close: no such modal is open")
	}
	s.shut(viewID)
	payload := s.interaction("view_closed", v.User, v.team)
	payload["view"], payload["is_cleared"] = v.doc, false
	notify := v.doc["notify_on_close"] == true
	s.mu.Unlock()
	if !notify {
		return Delivery{}, nil
	}
	return s.deliver(ctx, envelope("interactive", false, mustJSON(payload)), 0)
}

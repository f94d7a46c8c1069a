package claude

import (
	"encoding/json"
	"slices"
	"strings"

	"claude-permission-daemon/internal/permit"
)

// question is one of AskUserQuestion's.
type question struct {
	Question string
	Many     bool
	Options  []option
}

// option is one of its answers.
type option struct{ Label, Description, Preview string }

// UnmarshalJSON implements json.Unmarshaler.
func (q *question) UnmarshalJSON(raw []byte) error {
	_, err := read(raw, map[string]any{"question": &q.Question, "multiSelect": &q.Many, "options": &q.Options})
	return err
}

// UnmarshalJSON implements json.Unmarshaler.
func (o *option) UnmarshalJSON(raw []byte) error {
	_, err := read(raw, map[string]any{"label": &o.Label, "description": &o.Description, "preview": &o.Preview})
	return err
}

func questionsOf(input json.RawMessage) (questions []question) {
	if _, err := read(input, map[string]any{"questions": &questions}); err != nil {
		return nil
	}
	return questions
}

// questionWays: one question with a choice of one gets a button for each
// choice; the form takes every question.
func questionWays(r permit.Request) []permit.Way {
	questions := questionsOf(r.Input)
	if len(questions) == 0 {
		return nil
	}
	var ways []permit.Way
	if q := questions[0]; len(questions) == 1 && !q.Many && len(q.Options) <= 4 && !slices.ContainsFunc(q.Options, func(o option) bool { return blank(o.Label) }) {
		for i, o := range q.Options {
			ways = append(ways, permit.Way{Name: permit.WayChoose, Pick: i, Verb: permit.Allow, Label: "Choose " + o.Label})
		}
	}
	return append(ways, permit.Way{Name: permit.WayAnswer, Verb: permit.Allow, Label: "Answer…", Form: questionForm(questions)})
}

func questionForm(questions []question) []permit.Field {
	form := make([]permit.Field, len(questions))
	for i, q := range questions {
		f := permit.Field{Name: fieldName(i), Label: q.Question, Kind: permit.One, Other: true, Required: true, Most: maxMessage}
		if q.Many {
			f.Kind = permit.Many
		}
		if len(q.Options) == 0 {
			f.Kind, f.Other = permit.Lines, false
		}
		for _, o := range q.Options {
			f.Options = append(f.Options, permit.Option{Label: o.Label, Help: o.Description, Look: o.Preview})
		}
		form[i] = f
	}
	return form
}

// answerQuestions gives the tool's input with the answers, keyed by the
// questions' own texts, and says what was answered. Where two ask the same, its
// one key has the answers to both.
func answerQuestions(r permit.Request, fields map[string][]string) (input json.RawMessage, says, lacks string) {
	questions := questionsOf(r.Input)
	answers := make(map[string]string, len(questions))
	var told []string
	for i, f := range questionForm(questions) {
		said, lacks := filled(f, fields)
		if lacks != "" {
			return nil, "", lacks
		}
		answer := strings.Join(said.words(f), ", ")
		told = append(told, answer)
		asked := questions[i].Question
		if before, twice := answers[asked]; twice && before != answer {
			answer = before + "; " + answer
		}
		answers[asked] = answer
	}
	raw, err := json.Marshal(answers)
	if err != nil {
		return nil, "", "It does not count: the answers cannot be sent."
	}
	input, err = with(r.Input, "answers", raw)
	if err != nil {
		return nil, "", "It does not count: the question cannot be read again."
	}
	return input, strings.Join(told, "; "), ""
}

// with is an object with one member set.
func with(object json.RawMessage, name string, value json.RawMessage) (json.RawMessage, error) {
	members := make(map[string]json.RawMessage)
	if err := json.Unmarshal(object, &members); err != nil {
		return nil, err
	}
	members[name] = value
	return json.Marshal(members)
}

package web

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"claude-permission-daemon/internal/permit"
)

// The limits of an answer. Claude Code cuts what a hook tells the model at
// 10,000 characters, so a longer message would be cut silently.
const (
	maxMessage = 10_000  // characters
	maxForm    = 8 << 20 // bytes of a form: a changed file of a megabyte fits, escaped
	maxFilled  = 1000    // values that are filled in
)

// fieldPrefix is before the names of what is filled into a way's form.
const fieldPrefix = "f."

// parseAnswer reads the form of an answer: request, generation, digest, and
// either verb ("allow" or "deny") with message (with deny only), or way (its
// name, a colon and its pick) with what was filled in under "f." and the
// field's name. Each but those may come only once; a value that is empty is as
// one that is not there, and what is not known is ignored. An error is a
// sentence for whoever sent it.
func parseAnswer(body string) (permit.Answer, error) {
	sent, err := url.ParseQuery(body)
	if err != nil {
		return permit.Answer{}, fmt.Errorf("cannot read the form: %w", err)
	}
	one := func(name string) string {
		if values := sent[name]; len(values) == 1 {
			return values[0]
		} else if len(values) > 1 && err == nil {
			err = fmt.Errorf("cannot use the form: it has %s more than once", name)
		}
		return ""
	}
	request, digest := one("request"), one("digest")
	generation, notNumber := strconv.Atoi(one("generation"))
	verb, chosen := permit.Verb(one("verb")), one("way")
	message := strings.TrimSpace(strings.ReplaceAll(one("message"), "\r\n", "\n"))
	way, pick, wayOK := wayOf(chosen)
	switch {
	case err != nil:
	case request == "" || digest == "" || notNumber != nil || generation < 1:
		err = fmt.Errorf("cannot use the form: it needs the request, generation and digest of the card that was answered")
	case chosen != "" && (verb != "" || message != ""):
		err = fmt.Errorf("cannot use the form: it has both a way and a verb or a message")
	case chosen != "" && !wayOK:
		err = fmt.Errorf("cannot use the form: %q is no way to answer", chosen)
	case chosen == "" && verb != permit.Allow && verb != permit.Deny:
		err = fmt.Errorf("cannot use the form: verb is allow or deny, not %q", verb)
	case !utf8.ValidString(message):
		err = fmt.Errorf("cannot use the message: it is not UTF-8 text")
	case utf8.RuneCountInString(message) > maxMessage:
		err = fmt.Errorf("cannot send a message of more than %d characters", maxMessage)
	case verb == permit.Allow && message != "":
		err = fmt.Errorf("cannot send a message with an approval: Claude Code takes one with a denial only")
	}
	if err != nil {
		return permit.Answer{}, err
	}
	a := permit.Answer{
		Request:    request,
		Generation: generation,
		Digest:     digest,
		Decision:   permit.Decision{Verb: verb, Message: message},
		Way:        way,
		Pick:       pick,
	}
	if way != "" {
		if a.Fields, err = filledIn(sent); err != nil {
			return permit.Answer{}, err
		}
	}
	return a, nil
}

// wayOf reads "answer:0".
func wayOf(chosen string) (way permit.WayName, pick int, ok bool) {
	name, number, _ := strings.Cut(chosen, ":")
	pick, err := strconv.Atoi(number)
	if err != nil || pick < 0 || name == "" || len(name) > 40 {
		return "", 0, false
	}
	return permit.WayName(name), pick, true
}

// filledIn takes what was filled into a form; nil: nothing was.
func filledIn(sent url.Values) (map[string][]string, error) {
	var fields map[string][]string
	count := 0
	for name, values := range sent {
		name, ok := strings.CutPrefix(name, fieldPrefix)
		if !ok {
			continue
		}
		for _, value := range values {
			if count++; count > maxFilled {
				return nil, fmt.Errorf("cannot use the form: more than %d values are filled in", maxFilled)
			}
			if !utf8.ValidString(value) || !utf8.ValidString(name) {
				return nil, fmt.Errorf("cannot use the form: it is not UTF-8 text")
			}
			if value == "" {
				continue
			}
			if fields == nil {
				fields = make(map[string][]string)
			}
			fields[name] = append(fields[name], value)
		}
	}
	return fields, nil
}

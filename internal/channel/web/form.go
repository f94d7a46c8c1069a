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
	maxForm    = 8 << 20 // bytes of a form: a changed file of a megabyte or two fits
)

// fieldPrefix is before the names of what is filled into a way's form.
const fieldPrefix = "f."

// parseAnswer reads the form of an answer: request, generation, digest, and
// either verb ("allow" or "deny") with message (with deny only), or way (its
// name, a colon and its pick) with what was filled in under "f." and the field's
// name. Each but those may come only once; other fields are ignored. An error is a sentence for whoever sent it.
func parseAnswer(body string) (permit.Answer, error) {
	fields, err := url.ParseQuery(body)
	if err != nil {
		return permit.Answer{}, fmt.Errorf("cannot read the form: %w", err)
	}
	one := func(name string) string {
		if values := fields[name]; len(values) == 1 {
			return values[0]
		} else if len(values) > 1 && err == nil {
			err = fmt.Errorf("cannot use the form: it has %s more than once", name)
		}
		return ""
	}
	request, digest := one("request"), one("digest")
	generation, notNumber := strconv.Atoi(one("generation"))
	verb := permit.Verb(one("verb"))
	message := strings.TrimSpace(strings.ReplaceAll(one("message"), "\r\n", "\n"))
	way, pick, filled := permit.WayName(""), 0, map[string][]string(nil)
	if chosen := one("way"); chosen != "" {
		name, number, _ := strings.Cut(chosen, ":")
		way = permit.WayName(name)
		if pick, err = strconv.Atoi(number); err != nil {
			err = fmt.Errorf("cannot use the form: %q is no way to answer", chosen)
		}
		filled = make(map[string][]string)
		for name, values := range fields {
			if name, ok := strings.CutPrefix(name, fieldPrefix); ok {
				filled[name] = values
			}
			for _, value := range values {
				if !utf8.ValidString(value) {
					err = fmt.Errorf("cannot use the form: it is not UTF-8 text")
				}
			}
		}
	}
	switch {
	case err != nil:
	case way != "" && (verb != "" || message != ""):
		err = fmt.Errorf("cannot use the form: it has both a way and a verb")
	case request == "" || digest == "" || notNumber != nil || generation < 1:
		err = fmt.Errorf("cannot use the form: it needs the request, generation and digest of the card that was answered")
	case way == "" && verb != permit.Allow && verb != permit.Deny:
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
	return permit.Answer{
		Request:    request,
		Generation: generation,
		Digest:     digest,
		Decision:   permit.Decision{Verb: verb, Message: message},
		Way:        way,
		Pick:       pick,
		Fields:     filled,
	}, nil
}

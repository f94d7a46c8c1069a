package web

import (
	"net/url"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"claude-permission-daemon/internal/permit"
)

func TestParseAnswer(t *testing.T) {
	const card = "request=r1&generation=2&digest=d1"
	good := func(verb permit.Verb, message string) permit.Answer {
		return permit.Answer{Request: "r1", Generation: 2, Digest: "d1", Decision: permit.Decision{Verb: verb, Message: message}}
	}
	for _, test := range []struct {
		name, body string
		want       permit.Answer
		err        string // part of it
	}{
		{"approve", card + "&verb=allow", good(permit.Allow, ""), ""},
		{"approve with the empty message of a form", card + "&verb=allow&message=", good(permit.Allow, ""), ""},
		{"deny", card + "&verb=deny", good(permit.Deny, ""), ""},
		{"deny with a message", card + "&verb=deny&message=a%0D%0Ab+%26c%0A", good(permit.Deny, "a\nb &c"), ""},
		{"a field of a later page", card + "&verb=deny&colour=red", good(permit.Deny, ""), ""},
		{"the longest message", card + "&verb=deny&message=" + strings.Repeat("%F0%9F%99%82", 10_000), good(permit.Deny, strings.Repeat("🙂", 10_000)), ""},

		{"a way", card + "&way=choose:2", permit.Answer{Request: "r1", Generation: 2, Digest: "d1", Way: "choose", Pick: 2}, ""},
		{"a form", card + "&way=answer:0&f.q0=1&f.q0=0&f.q0.other=&f.q1=&f.q1.other=a%0D%0Ab&q2=5&message=&verb=", permit.Answer{Request: "r1", Generation: 2, Digest: "d1",
			Way: "answer", Fields: map[string][]string{"q0": {"1", "0"}, "q1.other": {"a\r\nb"}}}, ""},
		{"fields without a way", card + "&verb=deny&f.q0=1", good(permit.Deny, ""), ""},

		{"a way and a verb", card + "&way=answer:0&verb=allow", permit.Answer{}, "both a way and a verb"},
		{"a way and a message", card + "&way=answer:0&message=x", permit.Answer{}, "both a way and a verb"},
		{"a way without a pick", card + "&way=answer", permit.Answer{}, "no way to answer"},
		{"a pick below nought", card + "&way=choose:-1", permit.Answer{}, "no way to answer"},
		{"two ways", card + "&way=choose:0&way=choose:1", permit.Answer{}, "way more than once"},
		{"a field that is not text", card + "&way=answer:0&f.q0=%ff", permit.Answer{}, "UTF-8"},
		{"a field's name that is not text", card + "&way=answer:0&f.%ff=1", permit.Answer{}, "UTF-8"},
		{"too many values", card + "&way=answer:0" + strings.Repeat("&f.q0=1", maxFilled+1), permit.Answer{}, "values are filled in"},

		{"nothing", "", permit.Answer{}, "needs the request"},
		{"no verb", card, permit.Answer{}, "verb is allow or deny"},
		{"another verb", card + "&verb=always", permit.Answer{}, `"always"`},
		{"two verbs", card + "&verb=deny&verb=allow", permit.Answer{}, "verb more than once"},
		{"two requests", card + "&request=r2&verb=deny", permit.Answer{}, "request more than once"},
		{"no generation", "request=r1&digest=d1&verb=allow", permit.Answer{}, "generation"},
		{"generation nought", "request=r1&generation=0&digest=d1&verb=allow", permit.Answer{}, "generation"},
		{"a generation in words", "request=r1&generation=one&digest=d1&verb=allow", permit.Answer{}, "generation"},
		{"no digest", "request=r1&generation=1&verb=allow", permit.Answer{}, "digest"},
		{"an approval with a message", card + "&verb=allow&message=but", permit.Answer{}, "with a denial only"},
		{"not text", card + "&verb=deny&message=%ff%fe", permit.Answer{}, "UTF-8"},
		{"too long", card + "&verb=deny&message=" + strings.Repeat("x", 10_001), permit.Answer{}, "more than 10000 characters"},
		{"broken escapes", card + "&verb=%zz", permit.Answer{}, "cannot read the form"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := parseAnswer(test.body)
			if test.err == "" && err != nil || test.err != "" && (err == nil || !strings.Contains(err.Error(), test.err)) {
				t.Errorf("the error is %v, want %q in it", err, test.err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if len(test.body) > maxForm {
				t.Errorf("a form of %d bytes does not fit into %d", len(test.body), maxForm)
			}
		})
	}
}

// FuzzParseAnswer: whatever comes, an answer that is let through says one thing
// on one card, and says it again when written out.
func FuzzParseAnswer(f *testing.F) {
	f.Add("request=r1&generation=2&digest=d1&verb=deny&message=no%0D%0A%E2%80%AE")
	f.Add("request=r1&generation=1&digest=d1&verb=allow&message=%00")
	f.Add("verb=deny;verb=allow&request=%zz")
	f.Add("request=r1&generation=1&digest=d1&way=answer:0&f.q0=0&f.q0=2&f.q0.other=and+more&f.q1=")
	f.Add("request=r1&generation=1&digest=d1&way=always:3&f.=&f.%F0%9F=1")
	f.Fuzz(func(t *testing.T, body string) {
		a, err := parseAnswer(body)
		if err != nil {
			if diff := cmp.Diff(permit.Answer{}, a); diff != "" {
				t.Errorf("an answer beside an error: %s", diff)
			}
			return
		}
		d := a.Decision
		verb := d.Verb == permit.Allow || d.Verb == permit.Deny
		if a.Request == "" || a.Digest == "" || a.Generation < 1 || verb == (a.Way != "") || !verb && d.Verb != "" || a.Pick < 0 {
			t.Errorf("half an answer, or two: %+v", a)
		}
		if !utf8.ValidString(d.Message) || utf8.RuneCountInString(d.Message) > maxMessage || d.Verb != permit.Deny && d.Message != "" {
			t.Errorf("a message that must not be sent: %q", d.Message)
		}
		if a.Way == "" && a.Fields != nil {
			t.Errorf("a form for no way: %+v", a)
		}
		again := url.Values{"request": {a.Request}, "generation": {strconv.Itoa(a.Generation)}, "digest": {a.Digest}}
		if verb {
			again.Set("verb", string(d.Verb))
			again.Set("message", d.Message)
		} else {
			again.Set("way", wayValue(permit.Way{Name: a.Way, Pick: a.Pick}))
		}
		for name, values := range a.Fields {
			for _, value := range values {
				if value == "" || !utf8.ValidString(value) || !utf8.ValidString(name) {
					t.Errorf("a field that must not be sent: %q %q", name, value)
				}
			}
			again[fieldPrefix+name] = values
		}
		if b, err := parseAnswer(again.Encode()); err != nil || cmp.Diff(a, b) != "" {
			t.Errorf("read again it is %+v (%v), not %+v", b, err, a)
		}
	})
}

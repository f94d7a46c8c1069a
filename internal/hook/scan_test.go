package hook

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"claude-permission-daemon/internal/jsontext"
)

// samples are documents at the edges of the grammar, for tables and fuzzing.
var samples = []string{
	`{}`, ` { } `, "{\n\t\"a\" : 1 ,\r\"b\" : [ ] }", `{"a":{"b":[1,{"c":null}]}}`,
	`{"a":-0.5e+10,"b":0,"c":-0,"d":1E5}`, `{"a":"\"\\\/\b\f\n\r\t\u00e9\uD83D\uDE00"}`, `{"a":"é😀"}`,
	`{"a":true,"b":false,"c":null}`, "{\"a\":\"\x7f\xff\"}",
	// not JSON, or not an object
	``, ` `, `null`, `1`, `"a"`, `[]`, `{`, `}`, `{}}`, `{} {}`, `{"a"}`, `{"a":}`, `{"a":1,}`, `{,}`, `{"a":1 "b":2}`, `{a:1}`, `{'a':1}`,
	`{"a":01}`, `{"a":1.}`, `{"a":.5}`, `{"a":+1}`, `{"a":1e}`, `{"a":1e+}`, `{"a":-}`, `{"a":NaN}`, `{"a":tru}`, `{"a":nulll}`,
	`{"a":"\x"}`, `{"a":"\u12g4"}`, `{"a":"\u12"}`, "{\"a\":\"\n\"}", `{"a":"`, `{"a":"\`, `{"a":[1,]}`, `{"a":[}`, `{"a":[1}`, "{\"a\":1\x00}", "\ufeff{}", `{"a":1}x`,
}

func TestObjectTakesWhatEncodingJSONTakes(t *testing.T) {
	for _, sample := range samples {
		agreeWithEncodingJSON(t, []byte(sample))
	}
}

func FuzzObject(f *testing.F) {
	for _, sample := range samples {
		f.Add([]byte(sample))
	}
	f.Fuzz(agreeWithEncodingJSON)
}

// agreeWithEncodingJSON checks that object takes exactly the objects among the
// valid documents, but for escaped keys, and finds the same members.
func agreeWithEncodingJSON(t *testing.T, data []byte) {
	found := map[string]string{}
	escaped := false
	err := object(data, func(key string, value []byte) error {
		found[key] = string(value)
		return nil
	})
	var want map[string]json.RawMessage
	valid := json.Unmarshal(data, &want) == nil && want != nil
	if err != nil {
		escaped = strings.HasPrefix(err.Error(), "an escaped key")
		if valid && !escaped {
			t.Fatalf("object(%q) = %v, and encoding/json takes it", data, err)
		}
		return
	}
	if !valid {
		t.Fatalf("object takes %q, and encoding/json does not", data)
	}
	for key, value := range found {
		if !json.Valid([]byte(value)) {
			t.Fatalf("object(%q) hands out %s = %q", data, key, value)
		}
		// encoding/json replaces what is not UTF-8 in keys.
		if got, ok := want[strings.ToValidUTF8(key, "\ufffd")]; ok && !strings.Contains(key, "\ufffd") && key == strings.ToValidUTF8(key, "") && !bytes.Equal(got, []byte(value)) {
			t.Fatalf("object(%q): %s = %q, encoding/json finds %q", data, key, value, got)
		}
	}
}

func TestObjectStopsAtDepth(t *testing.T) {
	nested := func(depth int) []byte {
		return []byte(`{"a":` + strings.Repeat("[", depth-1) + strings.Repeat("]", depth-1) + `}`)
	}
	visit := func(string, []byte) error { return nil }
	for _, depth := range []int{jsontext.MaxDepth, jsontext.MaxDepth + 1, 1 << 20} {
		data := nested(depth)
		if got, want := object(data, visit) == nil, json.Valid(data); got != want {
			t.Errorf("nested %d deep: taken = %v, by encoding/json %v", depth, got, want)
		}
	}
}

func TestObjectRefusesEscapedKeys(t *testing.T) {
	for _, data := range []string{`{"hook\u0045ventName":"x"}`, `{"a":1,"\"":2}`} {
		if err := object([]byte(data), func(string, []byte) error { return nil }); err == nil {
			t.Errorf("object takes %s", data)
		}
	}
}

func TestObjectPassesOnWhatVisitSays(t *testing.T) {
	want := errors.New("no")
	if err := object([]byte(`{"a":1,"b":`), func(string, []byte) error { return want }); !errors.Is(err, want) {
		t.Errorf("object = %v", err)
	}
}

func FuzzAppendQuoted(f *testing.F) {
	f.Add("")
	f.Add("a\"b\\c\nd\x00\x1f\x7fé😀")
	f.Fuzz(func(t *testing.T, s string) {
		var got string
		if err := json.Unmarshal(appendQuoted(nil, s), &got); err != nil {
			t.Fatalf("appendQuoted(%q): %v", s, err)
		}
		plain, _ := json.Marshal(s)
		var want string
		_ = json.Unmarshal(plain, &want)
		if got != want {
			t.Fatalf("appendQuoted(%q) reads %q", s, got)
		}
	})
}

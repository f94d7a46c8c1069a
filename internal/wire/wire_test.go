package wire

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

func TestReader(t *testing.T) {
	long := strings.Repeat("x", 10_000)
	tests := []struct {
		name, in string
		limit    int
		want     []string
		err      error
	}{
		{"lines", "a\nbb\n\nc\n", 100, []string{"a", "bb", "", "c"}, io.EOF},
		{"nothing", "", 100, nil, io.EOF},
		{"half a line", "a\nb", 100, []string{"a"}, io.ErrUnexpectedEOF},
		{"longer than the buffer", long + "\nx\n", 20_000, []string{long, "x"}, io.EOF},
		{"just the limit", "12345\n", 6, []string{"12345"}, io.EOF},
		{"over the limit", "123456\n", 6, nil, ErrTooLong},
		{"far over the limit", long, 5000, nil, ErrTooLong},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, in := range []io.Reader{strings.NewReader(tt.in), iotest.OneByteReader(strings.NewReader(tt.in))} {
				r := NewReader(in, tt.limit)
				var got []string
				var err error
				for err == nil {
					var line []byte
					if line, err = r.Line(); err == nil {
						got = append(got, string(line))
					}
				}
				if diff := cmp.Diff(tt.want, got); diff != "" || !errors.Is(err, tt.err) {
					t.Errorf("error %v, want %v; %s", err, tt.err, diff)
				}
			}
		})
	}
}

func TestWriteIsOneLine(t *testing.T) {
	var out bytes.Buffer
	if err := Write(&out, Reply{Action: Deny, Reason: "a\nb", Output: []byte(`{"x":1}`)}); err != nil {
		t.Fatal(err)
	}
	if got, want := out.String(), "{\"action\":\"deny\",\"reason\":\"a\\nb\",\"output\":{\"x\":1}}\n"; got != want {
		t.Errorf("got %q", got)
	}
	if err := Write(&out, make(chan int)); err == nil {
		t.Error("a channel cannot be encoded")
	}
}

func TestParseEnvelope(t *testing.T) {
	tests := []struct{ line, op, err string }{
		{`{"v":1,"op":"status"}`, "status", ""},
		{`{"tool_name":"Bash"}`, "", ""},
		{`{"v":2,"op":"status"}`, "", "version 2"},
		{`{"op":"status"}`, "", "version 0"},
		{`{"v":1}`, "", "op is missing"},
		{`{"v":"1","op":"status"}`, "", "cannot read the line"},
		{`nonsense`, "", "cannot read the line"},
		{`[]`, "", "cannot read the line"},
		{`{"tool_name":"x","id":7,"message":{}}`, "", ""}, // fields of an event that share a name with ours
	}
	for _, tt := range tests {
		e, err := ParseEnvelope([]byte(tt.line))
		if tt.err == "" && (err != nil || e.Op != tt.op) || tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)) {
			t.Errorf("%s: %+v, %v; want %q", tt.line, e, err, tt.err)
		}
	}
}

func FuzzLines(f *testing.F) {
	f.Add([]byte(`{"v":1,"op":"hook","id":"x","event":{}}` + "\n" + `{"delivered":true}` + "\n"))
	f.Add([]byte("\n\n{\"closing\":\"SIGTERM\"}"))
	f.Fuzz(func(t *testing.T, in []byte) {
		r := NewReader(bytes.NewReader(in), 64)
		for {
			line, err := r.Line()
			if err != nil {
				return
			}
			if len(line) >= 64 || bytes.ContainsRune(line, '\n') {
				t.Fatalf("line %q", line)
			}
			_, _ = ParseEnvelope(line)
			_, _ = ParseFromHook(line)
		}
	})
}

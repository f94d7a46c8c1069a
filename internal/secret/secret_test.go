package secret_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"

	"claude-permission-daemon/internal/secret"
)

const token = "xoxb-do-not-print-me"

func TestNothingPrintsIt(t *testing.T) {
	type config struct {
		Token  secret.Text
		hidden secret.Text
		list   []secret.Text
	}
	c := config{secret.Of(token), secret.Of(token), []secret.Text{secret.Of(token)}}
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%T"} {
		fmt.Fprintf(&out, verb+"\n", c)
		fmt.Fprintf(&out, verb+"\n", &c)
		fmt.Fprintf(&out, verb+"\n", c.Token)
	}
	fmt.Fprintln(&out, fmt.Errorf("cannot use %v", c.Token))
	slog.New(slog.NewTextHandler(&out, nil)).Info("x", "config", c, "token", c.Token)
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "config", c, "token", c.Token)
	if err := json.NewEncoder(&out).Encode(c); err != nil {
		t.Fatal(err)
	}
	if err := toml.NewEncoder(&out).Encode(map[string]any{"token": c.Token}); err != nil {
		t.Fatal(err)
	}
	for _, form := range []string{token, fmt.Sprintf("%x", token), "do-not"} {
		if strings.Contains(out.String(), form) {
			t.Errorf("the secret came out:\n%s", out.String())
		}
	}
	if !strings.Contains(out.String(), `token=<secret>`) {
		t.Error("a log line does not say that there is a secret")
	}
}

func TestItComesFromTOML(t *testing.T) {
	var c struct{ Token, None secret.Text }
	if _, err := toml.Decode(`token = "`+token+`"`, &c); err != nil {
		t.Fatal(err)
	}
	if c.Token.Reveal() != token || c.Token.Empty() {
		t.Errorf("read %q", c.Token.Reveal())
	}
	if !c.None.Empty() || c.None.String() != "" || c.None.Reveal() != "" {
		t.Error("an absent secret is not empty")
	}
}

func TestCompare(t *testing.T) {
	a, none := secret.Of(token), secret.Of("")
	for _, test := range []struct {
		what      string
		got, want bool
	}{
		{"the same text", a.Is(token), true},
		{"another text", a.Is(token + "x"), false},
		{"nothing against a secret", a.Is(""), false},
		{"nothing against no secret", none.Is(""), false},
		{"equal", a.Equal(secret.Of(token)), true},
		{"unequal", a.Equal(secret.Of("x")), false},
		{"a secret and none", a.Equal(none), false},
		{"none and a secret", none.Equal(a), false},
		{"none and none", none.Equal(secret.Text{}), true},
	} {
		if test.got != test.want {
			t.Errorf("%s: got %v", test.what, test.got)
		}
	}
}

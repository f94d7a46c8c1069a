// Package secret holds text that must not be printed: tokens and links. It
// imports nothing of ours, so that every room may use it.
package secret

import (
	"crypto/subtle"
	"fmt"
	"io"
	"log/slog"
)

// Mask is what a secret prints as.
const Mask = "<secret>"

// Text is a secret. Whatever prints, logs or encodes it shows Mask, or nothing
// where it is empty; only Reveal gives it away. The zero value is empty.
//
// The text is held by pointer because fmt does not call the methods of a value
// in an unexported field: there it prints an address instead of the secret.
type Text struct {
	text *string
}

// Of makes s a secret.
func Of(s string) Text {
	if s == "" {
		return Text{}
	}
	return Text{&s}
}

// Reveal gives the secret itself, for the one place that sends or stores it.
func (t Text) Reveal() string {
	if t.text == nil {
		return ""
	}
	return *t.text
}

// Empty reports whether there is no secret.
func (t Text) Empty() bool { return t.text == nil }

// Is compares in a time that does not depend on where the two differ. An empty
// secret is nobody's: Is("") is false.
func (t Text) Is(s string) bool {
	return !t.Empty() && subtle.ConstantTimeCompare([]byte(*t.text), []byte(s)) == 1
}

// Equal reports whether both hold the same text; both may be empty.
func (t Text) Equal(other Text) bool {
	return t.Empty() && other.Empty() || t.Is(other.Reveal())
}

// String is Mask, or empty for no secret.
func (t Text) String() string {
	if t.Empty() {
		return ""
	}
	return Mask
}

// Format prints the same for every verb and flag.
func (t Text) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, t.String()) }

// LogValue keeps it out of logs.
func (t Text) LogValue() slog.Value { return slog.StringValue(t.String()) }

// MarshalText keeps it out of JSON and TOML.
func (t Text) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// UnmarshalText reads it from configuration.
func (t *Text) UnmarshalText(text []byte) error {
	*t = Of(string(text))
	return nil
}

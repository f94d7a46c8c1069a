package config

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"
)

// Duration is a length of time: seconds as a number (as the Python program had
// it), or text such as "90s", "5m", "24h".
type Duration time.Duration

// UnmarshalTOML takes a number or a text.
func (d *Duration) UnmarshalTOML(value any) error {
	switch v := value.(type) {
	case int64:
		return d.seconds(float64(v))
	case float64:
		return d.seconds(v)
	case string:
		return d.set(v)
	}
	return errors.New("must be seconds (300) or a duration (\"5m\")")
}

func (d *Duration) set(text string) error {
	if seconds, err := strconv.ParseFloat(text, 64); err == nil {
		return d.seconds(seconds)
	}
	parsed, err := time.ParseDuration(text)
	if err != nil {
		return fmt.Errorf("%q is neither seconds (300) nor a duration (\"5m\")", text)
	}
	*d = Duration(parsed)
	return nil
}

func (d *Duration) seconds(s float64) error {
	if math.IsNaN(s) || math.Abs(s) > math.MaxInt64/float64(time.Second) {
		return fmt.Errorf("%v seconds is out of range", s)
	}
	*d = Duration(s * float64(time.Second))
	return nil
}

// String is the duration as time.Duration has it.
func (d Duration) String() string { return time.Duration(d).String() }

// Package network says when the machine's network may have come back, so that
// whoever waits to reconnect need not wait on.
package network

import "time"

// gather is how long changes are gathered into one: a network that comes up
// says so many times.
const gather = 500 * time.Millisecond
